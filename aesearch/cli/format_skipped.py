"""What was taken of a source, and what was left out: told by ``index`` and by ``info``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aesearch.cli.console import legible
from aesearch.sources.rows import KEYS, REPEATED
from aesearch.storage.info import IndexInfo, SkippedFile
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.sources.columns import Taken

MOST_NAMED = 6  # columns that are not used


@dataclass
class LeftOut:
    """Files or rows that are not in an index, by the reason: as `Index.info` has them.

    Attributes
    ----------
    repeated : list of SkippedFile
        Rows that have the key of an earlier row.
    unreadable : list of SkippedFile
        Others that should have been items.
    ignored : list of SkippedFile
        What is no picture or document, or was removed by hand.
    """

    repeated: list[SkippedFile] = field(default_factory=list)
    unreadable: list[SkippedFile] = field(default_factory=list)
    ignored: list[SkippedFile] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.repeated or self.unreadable or self.ignored)


def left_out_of(facts: IndexInfo) -> LeftOut:
    """Return what an index left out, from what `Index.info` returns."""
    found = LeftOut()
    # Of a table 'line 3' comes before 'line 10'.
    by_line = sorted(facts.skipped, key=lambda file: (len(file.key), file.key))
    for file in by_line if facts.tabular else facts.skipped:
        if file.ignored:
            found.ignored.append(file)
        elif facts.tabular and file.reason.startswith(REPEATED):
            found.repeated.append(file)
        else:
            found.unreadable.append(file)
    return found


def told_left_out(found: LeftOut, facts: IndexInfo) -> str:
    """Return a line on what was left out; of rows that repeat a key, also an example."""
    thing, noun = facts.thing, facts.modality.noun
    parts = []
    if found.repeated:
        first = found.repeated[0]
        parts.append(f"{repeats(found)} ({first.key} {legible(first.reason)})")
    if found.unreadable:
        parts.append(f"{counted(len(found.unreadable), thing)} that could not be read")
    if found.ignored:
        what = counted(len(found.ignored), f"other {thing}")
        parts.append(f"{what} (no {noun}{'s' * (len(found.ignored) != 1)}, or removed)")
    return f"left out: {', '.join(parts)}; 'aesearch info {facts.path}' lists them"


def repeats(found: LeftOut) -> str:
    """Say how many rows repeat a key, and which row was kept."""
    return f"{counted(len(found.repeated), 'row')} with the key of an earlier row, which was kept"


def listed(found: LeftOut, facts: IndexInfo) -> Iterator[tuple[str, list[SkippedFile]]]:
    """Yield what was left out under its headings."""
    thing = facts.thing
    if found.repeated:
        yield repeats(found), found.repeated
    if found.unreadable:
        yield f"{counted(len(found.unreadable), thing)} could not be read", found.unreadable
    if found.ignored:
        yield f"{counted(len(found.ignored), thing)} passed over", found.ignored


def told_columns(columns: Taken) -> str:
    """Return a line on which columns of a table were taken for what."""
    usual = [name for name in columns.unused if name.strip().lower() in KEYS]
    why = f" ({_named(usual[0])} repeats itself, or has gaps)" if usual else ""
    content = "vectors" if columns.vector else "text"
    from_ = (columns.vector,) if columns.vector else columns.text
    parts = [
        f"{content} from {' and '.join(map(_named, from_))}",
        f"key from {_named(columns.key)}" if columns.key else f"key the number of the row{why}",
        f"label from {_named(columns.label)}" if columns.label else "no label",
    ]
    line = f"columns: {', '.join(parts)}"
    if columns.fields:
        line += f"; kept beside: {_listed(columns.fields)}"
    if columns.unused:
        line += f"; not used: {_listed(columns.unused)}"
    return line


def _listed(columns: Sequence[str]) -> str:
    more = len(columns) - MOST_NAMED
    return ", ".join(map(_named, columns[:MOST_NAMED])) + (
        f" and {more:,} more" if more > 0 else ""
    )


def _named(column: str) -> str:
    return legible(column) or "''"
