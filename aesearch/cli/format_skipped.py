"""Skipped files and used columns in lines of text, for ``index`` and ``info``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aesearch.sources.choosing import KEYS
from aesearch.sources.folder import READ_ALREADY
from aesearch.sources.names import escaped
from aesearch.sources.rows import REPEATED
from aesearch.storage.info import IndexInfo, SkippedFile
from aesearch.wording import by_suffix, counted

if TYPE_CHECKING:
    from aesearch.sources.columns import UsedColumns

EXTRA = re.compile(r"pip install '?aesearch\[\w+\]'?")
MOST_NAMED = 6  # unused columns


@dataclass
class SkippedFiles:
    """Files or rows that are not in an index, by reason.

    Attributes
    ----------
    repeated : list of SkippedFile
        Rows that have the key of an earlier row.
    unreadable : list of SkippedFile
        Others that should have been items.
    kept : list of SkippedFile
        Items whose file changed, or is hidden, and cannot be read: they stay as they were.
    ignored : list of SkippedFile
        Those that are no picture or document, or were removed by the user.
    """

    repeated: list[SkippedFile] = field(default_factory=list)
    unreadable: list[SkippedFile] = field(default_factory=list)
    kept: list[SkippedFile] = field(default_factory=list)
    ignored: list[SkippedFile] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.repeated or self.unreadable or self.kept or self.ignored)


def skipped_files_of(facts: IndexInfo) -> SkippedFiles:
    """The skipped files of an index, by reason."""
    skipped = SkippedFiles()
    # Of a table 'line 3' comes before 'line 10'.
    by_line = sorted(facts.skipped, key=lambda file: (len(file.key), file.key))
    for file in by_line if facts.tabular else facts.skipped:
        if file.kept:
            skipped.kept.append(file)
        elif file.ignored:
            skipped.ignored.append(file)
        elif facts.tabular and file.reason.startswith(REPEATED):
            skipped.repeated.append(file)
        else:
            skipped.unreadable.append(file)
    return skipped


def describe_skipped(skipped: SkippedFiles, facts: IndexInfo) -> str:
    """A line on the skipped files; of rows that repeat a key, with an example."""
    thing, noun = facts.thing, facts.modality.noun
    parts = []
    if skipped.repeated:
        first = skipped.repeated[0]
        parts.append(f"{describe_repeated(skipped)} ({first.key} {escaped(first.reason)})")
    if skipped.unreadable:
        unread = f"{counted(len(skipped.unreadable), thing)} that could not be read"
        if facts.tabular:  # the last is where a table breaks off
            last = skipped.unreadable[-1]
            unread += f" ({last.key} {escaped(last.reason)})"
        parts.append(unread + _extras(skipped.unreadable))
    if skipped.kept:
        parts.append(describe_kept(skipped, thing))
    again = [file for file in skipped.ignored if file.reason.startswith(READ_ALREADY)]
    if again:
        parts.append(f"{counted(len(again), 'folder')} read already under another name")
    ignored = [file for file in skipped.ignored if not file.reason.startswith(READ_ALREADY)]
    if ignored:
        what = counted(len(ignored), f"other {thing}")
        kinds = "" if facts.tabular else f"{by_suffix(file.key for file in ignored)}: "
        none = f"no {noun}{'s' * (len(ignored) != 1)}, or left out by hand"
        parts.append(f"{what} ({kinds}{none})")
    return f"left out: {', '.join(parts)}; 'aesearch info {facts.path}' lists them"


def _extras(files: Sequence[SkippedFile]) -> str:
    """How many of some files an optional package would read, and how to have it."""
    found = Counter(match[0] for file in files if (match := EXTRA.search(file.reason)))
    parts = [f"{number:,} would with {install}" for install, number in found.most_common()]
    return f" ({', '.join(parts)})" if parts else ""


def describe_repeated(skipped: SkippedFiles) -> str:
    """A line on the rows that repeat a key."""
    return f"{counted(len(skipped.repeated), 'row')} with the key of an earlier row, which was kept"


def describe_kept(skipped: SkippedFiles, thing: str) -> str:
    """A line on the items that are as they were before."""
    stay = "stays as it was" if len(skipped.kept) == 1 else "stay as they were"
    files = counted(len(skipped.kept), f"changed {thing}")
    return f"{files} that cannot be read now: what was indexed {stay}"


def sections(skipped: SkippedFiles, facts: IndexInfo) -> Iterator[tuple[str, list[SkippedFile]]]:
    """The skipped files under headings."""
    thing = facts.thing
    if skipped.repeated:
        yield describe_repeated(skipped), skipped.repeated
    if skipped.unreadable:
        yield f"{counted(len(skipped.unreadable), thing)} could not be read", skipped.unreadable
    if skipped.kept:
        yield describe_kept(skipped, thing), skipped.kept
    if skipped.ignored:
        yield f"{counted(len(skipped.ignored), thing)} passed over", skipped.ignored


def describe_columns(columns: UsedColumns) -> str:
    """A line on the columns of a table: those of text, key and label, and unused ones."""
    others = (*columns.unused, *columns.fields)
    usual = [name for name in others if name.strip().lower() in KEYS]
    why = f" ({_named(usual[0])} repeats itself, or has gaps)" if usual else ""
    if columns.why_no_key:
        why = f" ({escaped(columns.why_no_key)})"
    content = "vectors" if columns.vector else "text"
    from_ = (columns.vector,) if columns.vector else columns.text
    parts = [
        f"{content} from {_all_of(from_)}",
        f"key from {_named(columns.key)}" if columns.key else f"key the number of the row{why}",
        f"label from {_named(columns.label)}" if columns.label else "no label",
    ]
    line = f"columns: {', '.join(parts)}"
    # Of a table of documents every other column is a field.
    fields, unused = columns.fields, columns.unused
    if not columns.vector:
        fields, unused = unused, ()
    if fields:
        line += f"; kept beside: {_listed(fields)}"
    if unused:
        line += f"; not used: {_listed(unused)}"
    return line


def _all_of(columns: Sequence[str]) -> str:
    *others, last = map(_named, columns)
    return f"{', '.join(others)} and {last}" if others else last


def _listed(columns: Sequence[str]) -> str:
    more = len(columns) - MOST_NAMED
    return ", ".join(map(_named, columns[:MOST_NAMED])) + (
        f" and {more:,} more" if more > 0 else ""
    )


def _named(column: str) -> str:
    return escaped(column) or "''"
