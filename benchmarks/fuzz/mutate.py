"""What a mutation does to bytes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

INTERESTING = (
    *(b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\n", b"\r\n", b'"'),
    *(b",", b"\t", b"\\", b"{", b"[", b"<", b"&", b"--", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"%00"),
    *("😀".encode(), "\u202e".encode(), "\u0301".encode(), b"NaN", b"1e999", b"-1", b"'" * 50),
)
Mutation = Callable[[np.random.Generator, bytearray], None]


def flip(rng: np.random.Generator, data: bytearray) -> None:
    """Change a few bits."""
    for place in rng.integers(0, len(data), rng.integers(1, 9)):
        data[place] ^= 1 << int(rng.integers(8))


def overwrite(rng: np.random.Generator, data: bytearray) -> None:
    """Write random bytes over some."""
    start = int(rng.integers(len(data)))
    width = int(rng.integers(1, 17))
    data[start : start + width] = rng.bytes(width)


def truncate(rng: np.random.Generator, data: bytearray) -> None:
    """Cut off the end."""
    del data[int(rng.integers(len(data))) :]


def cut(rng: np.random.Generator, data: bytearray) -> None:
    """Take a part out."""
    start = int(rng.integers(len(data)))
    del data[start : start + int(rng.integers(1, 65))]


def repeat(rng: np.random.Generator, data: bytearray) -> None:
    """Repeat a part, many times at most."""
    start = int(rng.integers(len(data)))
    part = bytes(data[start : start + int(rng.integers(1, 65))])
    data[start:start] = part * int(rng.integers(1, 200))


def insert(rng: np.random.Generator, data: bytearray) -> None:
    """Put in what programs stumble over."""
    for _ in range(int(rng.integers(1, 4))):
        start = int(rng.integers(len(data) + 1))
        data[start:start] = INTERESTING[int(rng.integers(len(INTERESTING)))]


def move(rng: np.random.Generator, data: bytearray) -> None:
    """Put a part elsewhere."""
    start, width = int(rng.integers(len(data))), int(rng.integers(1, 65))
    part = bytes(data[start : start + width])
    del data[start : start + width]
    to = int(rng.integers(len(data) + 1))
    data[to:to] = part


MUTATIONS: tuple[Mutation, ...] = (flip, overwrite, truncate, cut, repeat, insert, move)


def mutated(rng: np.random.Generator, content: bytes) -> bytes:
    """Return content with one to three mutations."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        if data:
            MUTATIONS[int(rng.integers(len(MUTATIONS)))](rng, data)
    return bytes(data)
