"""Lines for a terminal, broken between words; what is piped stays one record a line."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from typing import IO, Any
from unicodedata import combining, east_asian_width

import click

LEAST = 20  # columns for the words; below that, hanging lines are not indented
COMPLAINT = "aesearch: "


def say(text: str, lead: str = "", *, err: bool = False, **style: Any) -> None:
    """Print a line of words behind its lead; on a terminal what is too long goes on below it.

    Parameters
    ----------
    text : str
        May hold escape sequences of `click.style`; a word that is longer than the line stays whole
        if it is a name or an address, which can then be copied.
    lead : str
        Stands before the words of the first line, as blanks before the others.
    err : bool
        Whether this is for standard error.
    style : dict
        Of `click.style`, for all of the words.
    """
    stream = sys.stderr if err else sys.stdout
    if stream.isatty():
        text = wrapped(text, width_of(lead), _columns(stream))
    click.echo(lead + (click.style(text, **style) if style else text), err=err)


def fits(width: int) -> bool:
    """Whether a line of so many columns fits on standard output; all do off a terminal."""
    return not sys.stdout.isatty() or width <= _columns(sys.stdout)


def complain(text: str) -> None:
    """Print a note or an error on standard error, with the name of the program before it."""
    say(text, COMPLAINT, err=True)


def wrapped(text: str, indent: int, columns: int) -> str:
    """A text in lines of at most so many columns, of which all but the first are indented."""
    indent = indent if columns - indent >= LEAST else 0
    room = columns - indent
    lines, line, used = [], "", 0
    for word in _words(text, room):
        width = width_of(word)
        if line and used + 1 + width > room:
            lines.append(line)
            line, used = word, width
        else:
            line, used = (f"{line} {word}", used + 1 + width) if line else (word, width)
    return f"\n{' ' * indent}".join([*lines, line])


def _words(text: str, room: int) -> list[str]:
    """The words of a text; those of wide letters, which have no blanks, in parts that fit."""
    words = []
    for word in text.split(" "):
        if width_of(word) <= room or not any(map(_is_wide, word)) or "\x1b" in word:
            words.append(word)
            continue
        part = ""
        for letter in word:
            if width_of(part + letter) > room:
                words.append(part)
                part = ""
            part += letter
        words.append(part)
    return words


def width_of(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(0 if combining(c) else 1 + _is_wide(c) for c in click.unstyle(text))


def _is_wide(letter: str) -> bool:
    return east_asian_width(letter) in "WF"


def _columns(stream: IO[str]) -> int:
    """Columns of the terminal that a stream writes to."""
    with suppress(OSError, ValueError, AttributeError):
        if columns := os.get_terminal_size(stream.fileno()).columns:
            return columns
    return shutil.get_terminal_size().columns
