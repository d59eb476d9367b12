"""Numbers of things in prose: 1 picture, 2 pictures."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things: 1 file, 2 files; `plural` where adding an s does not make it."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
