"""One row of a table as it stands in the file."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple


class Refused(NamedTuple):
    """One row that cannot be used: the line on which it begins, from 1, and why."""

    line: int
    reason: str


class Record(NamedTuple):
    """One row as it stands in the file.

    Attributes
    ----------
    line : int
        On which it begins, from 1.
    values : dict of str to object
        By column; of plain lines, one without a name.
    surplus : int
        Fields beyond the header's; below 0 where some are missing.
    """

    line: int
    values: dict[str, Any]
    surplus: int = 0


Records = Generator[Record | Refused, None, None]
