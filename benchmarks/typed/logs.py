"""Lines of a log, made up: most of what they hold is an id that one or two lines have."""

from __future__ import annotations

import random

SPOKEN = """
connection timeout disk failed user login accepted denied kernel memory restart service request
upstream cache miss hit query slow replica lag packet dropped
"""
GIVEN = "Ada Alan Barbara Carl Dana Edgar Frances Grace Hedy Ivan Jean John Karen Leslie Radia"
BEGINNINGS = "Ber Cor Dal Fen Gar Hol Kir Lam Mor Nor Pem Ros Sel Tor Van Wal"
ENDINGS = "berg bury combe dale field ham ley man ridge son stone ton well wick wood worth"
TOPS = "var srv opt home data mnt"
WORDS, FIRST, MIDDLE, LAST, FOLDERS = map(str.split, (SPOKEN, GIVEN, BEGINNINGS, ENDINGS, TOPS))


def log_lines(count: int, seed: int = 3) -> list[str]:
    """Return `count` lines: host, process and words that many share, and values that few do.

    Each line has a hexadecimal id and an address, and two of: a user, a block, a path, a number, a
    name.
    """
    draw = random.Random(seed)
    return [_line(n, draw) for n in range(count)]


def _line(n: int, draw: random.Random) -> str:
    a, b, c = draw.randrange(256), draw.randrange(256), draw.randrange(1, 255)
    some = (
        f"user-{draw.randrange(20_000)}",
        f"blk_{draw.choice(('', '-'))}{draw.randrange(1_000, 100_000)}",
        f"/{draw.choice(FOLDERS)}/{draw.choice(WORDS)}/{draw.choice(WORDS)}-{draw.randrange(999)}.log",
        f"bytes {draw.randrange(1_000, 10_000_000)}",
        f"by {draw.choice(FIRST)} {draw.choice(MIDDLE)}{draw.choice(LAST)}",
    )
    return (
        f"host{n % 50} app[{1000 + n % 900}]: {' '.join(draw.choices(WORDS, k=9))} "
        f"{' '.join(draw.sample(some, 2))} id={draw.getrandbits(32):08x} ip=10.{a}.{b}.{c}"
    )
