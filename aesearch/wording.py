"""Numbers of things as a person says them: 1 picture, 2 pictures."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number of things: 1 file, 2 files; `plural` is for what takes more than an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
