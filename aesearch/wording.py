"""Numbers of things in prose: 1 picture, 2 pictures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

KINDS = 4  # of files that are named
SUFFIX = re.compile(r"[^./\\](\.[A-Za-z0-9_-]{1,12})(?:#[^/]*)?\Z")  # also of a part of a file


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things: 1 file, 2 files; `plural` where adding an s does not make it."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(things: Sequence[str]) -> str:
    """Return several things as a person says them: a, b and c."""
    return " and ".join(filter(None, [", ".join(things[:-1]), *things[-1:]]))


def by_labels(told_from: str) -> str:
    """What is said where labels told the weights of descriptions; "" where something else did."""
    return "weights by labels" if told_from == "labels" else ""


def by_suffix(names: Iterable[str]) -> str:
    """Names of files by kind, the most frequent first: 2 .mp3, 1 .zip, 1 without a suffix."""
    found = (SUFFIX.search(name) for name in names)
    kinds = Counter(suffix[1].lower() if suffix else "without a suffix" for suffix in found)
    parts = [f"{number:,} {kind}" for kind, number in kinds.most_common(KINDS)]
    rest = kinds.total() - sum(number for _, number in kinds.most_common(KINDS))
    return ", ".join([*parts, f"{rest:,} more"] if rest else parts)


def clipped(word: str, most: int = 60) -> str:
    """A word, of a long one its beginning."""
    return word if len(word) <= most else f"{word[: most - 3]}..."
