"""How a separated table is written: its delimiter, quotation marks and heading."""

from __future__ import annotations

import csv
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

DELIMITERS = (",", ";", "\t", "|")
NO_DELIMITER = "\x1f"  # of a table of one column, whose texts may hold all of the others
NAMED_DELIMITER = re.compile(r"\"?sep=(.)\"?\s*", re.IGNORECASE)
NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")
WORDS_OF_TEXT = 3


@dataclass
class Form:
    """How a separated table is written; what is not known is found out.

    Attributes
    ----------
    delimiter : str
        "" finds it out.
    quoted : bool
    headed : bool or None
        Whether the first line names the columns.
    wanted : tuple of str
        Columns that must be there: where they are not, the delimiter is found out anew.
    tabs : bool
        Whether the file's name promises them.
    ends : bool
        Whether its last line had an end before: where it has none, the file breaks off.
    ended : bool
        Takes whether the last line that was read has one.
    """

    delimiter: str = ""
    quoted: bool = True
    headed: bool | None = None
    wanted: tuple[str, ...] = ()
    tabs: bool = False
    ends: bool = False
    ended: bool = False

    @property
    def quoting(self) -> Literal[0, 3]:
        """The same for the csv module."""
        return csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE

    def find_out(self, head: list[str]) -> int:
        """Find out what is not known from the first lines; how many of them are no rows."""
        named = NAMED_DELIMITER.fullmatch(head[0]) if head else None
        skipped = 1 if named else 0
        if named:
            self.delimiter, self.quoted = named[1], True
        elif not self.delimiter or not _has(head, self):
            self.delimiter, self.quoted = _sniffed(head, self.tabs)
        if self.headed is None:
            self.headed = not _begins_with_data(head[skipped:], self)
        return skipped


def distinct(names: list[str]) -> list[str]:
    """Names of columns, of which the second 'text' is 'text (2)'."""
    found: dict[str, None] = {}
    for name in names:
        number, own = 2, name
        while own in found:
            own, number = f"{name} ({number})", number + 1
        found[own] = None
    return list(found)


def is_repeated(name: str, of: str) -> bool:
    """Whether a column has the name of another one in the file."""
    return name.startswith(f"{of} (") and name.removeprefix(f"{of} (").removesuffix(")").isdecimal()


def _has(head: list[str], form: Form) -> bool:
    """Whether the wanted columns are there, where the lines are read in this form."""
    if form.headed is False or not form.wanted:
        return True
    first = next((line for line in head if line.strip()), "")
    row = next(csv.reader([first], delimiter=form.delimiter, quoting=form.quoting), [])
    return {*form.wanted} <= {*distinct([name.strip() for name in row])}


def _begins_with_data(head: list[str], form: Form) -> bool:
    """Whether the first line is clearly a row: a number among numbers, beside a text."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        for row in csv.reader(head, delimiter=form.delimiter, quoting=form.quoting):
            rows += [row] if row else []
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    width = len(rows[0])
    full = [row for row in rows if len(row) == width]
    numbers = (all(NUMBER.fullmatch(row[at].strip()) for row in full) for at in range(width))
    return any(numbers) and any(len(cell.split()) >= WORDS_OF_TEXT for cell in rows[0])


def _sniffed(head: list[str], tabs: bool) -> tuple[str, bool]:
    """The delimiter, and whether quotation marks mean anything, from the first lines."""
    best = (0.0, 0, 0)
    found = NO_DELIMITER, True
    ways = [(one, True) for one in DELIMITERS]
    ways.insert(3, ("\t", False))  # tabs need no quotation marks, which then are text
    if tabs and any("\t" in line for line in head[:1]):
        ways = ways[2:4]
    for delimiter, quoted in ways:
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        rows: list[list[str]] = []
        with suppress(csv.Error):  # a field that is too large: what came before will do
            for row in csv.reader(head, delimiter=delimiter, quoting=quoting):
                rows += [row] if row else []
        width = len(rows[0]) if rows else 0
        if width > 1:
            fitting = sum(len(row) == width for row in rows) / len(rows)
            score = (round(fitting, 2), width, len(rows) if delimiter == "\t" else 0)
            if score > best:
                best, found = score, (delimiter, quoted)
    return found
