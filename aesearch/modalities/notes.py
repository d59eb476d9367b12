"""What is worth saying of what was read right, or perhaps right: collected where it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_collected: ContextVar[Counter[str] | None] = ContextVar("_collected", default=None)


def note(text: str, *, once: bool = False) -> None:
    """Take a note, as often as it is met, or once; where none are collected, it is forgotten."""
    notes = _collected.get()
    if notes is not None and text and not (once and text in notes):
        notes[text] += 1


@contextmanager
def collected_notes() -> Iterator[Counter[str]]:
    """Collect the notes that are taken in this thread meanwhile: each with how often."""
    notes: Counter[str] = Counter()
    token = _collected.set(notes)
    try:
        yield notes
    finally:
        _collected.reset(token)
