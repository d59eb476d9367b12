"""One row of a table as it stands in the file."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Refused:
    """One row that cannot be used.

    Attributes
    ----------
    line : int
        On which it begins, from 1; of what has no lines, its number.
    reason : str
    hides : bool
        Whether other rows may be lost in it, or behind it: then nobody can say which are gone.
    values : mapping
        By column, what of it can still be read: its key, perhaps.
    unit : str
        What `line` counts.
    unread : bool
        Whether it is there, but could not be read: then its item is not gone.
    key : str
        Of an unread row, if that can be told.
    """

    line: int
    reason: str
    hides: bool = field(default=False, compare=False)
    values: Mapping[str, Any] = field(default_factory=dict, compare=False)
    unit: str = field(default="line", compare=False)
    unread: bool = field(default=False, compare=False)
    key: str = field(default="", compare=False)

    @property
    def place(self) -> str:
        """Where it is: 'line 3'."""
        return f"{self.unit} {self.line}"


class Record(NamedTuple):
    """One row as it stands in the file.

    Attributes
    ----------
    line : int
        On which it begins, from 1; of what has no lines, its number.
    values : dict of str to object
        By column; of plain lines, one without a name.
    surplus : int
        Fields beyond the header's; below 0 where some are missing.
    unit : str
        What `line` counts.
    """

    line: int
    values: dict[str, Any]
    surplus: int = 0
    unit: str = "line"


Records = Generator[Record | Refused, None, None]
