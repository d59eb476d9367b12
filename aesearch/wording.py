"""Numbers of things in prose: 1 picture, 2 pictures."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things: 1 file, 2 files; `plural` where adding an s does not make it."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(things: Sequence[str]) -> str:
    """Return several things as a person says them: a, b and c."""
    return " and ".join(filter(None, [", ".join(things[:-1]), *things[-1:]]))
