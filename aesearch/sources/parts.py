"""Further items of files, pages of a TIFF, which share what becomes of their file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from aesearch.modalities.parts import parts_by_file, split_part
from aesearch.sources.base import Entry, Known
from aesearch.sources.changes import Changes


@dataclass
class Parts:
    """The further items of an index, by the key of their file.

    Attributes
    ----------
    keys : dict of str to list of str
    seen : set of str
        Files among these that the source holds.
    """

    keys: dict[str, list[str]]
    seen: set[str] = field(default_factory=set)

    @classmethod
    def taken_from(cls, items: dict[str, Known]) -> Self:
        """Take them out of what an index knows: a source lists files alone."""
        keys = parts_by_file(items)
        for part in (part for parts in keys.values() for part in parts):
            del items[part]
        return cls(keys)

    def noted(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Entries as they come; those that have further items are kept in mind."""
        for entry in entries:
            if entry.key in self.keys:
                self.seen.add(entry.key)
            yield entry

    def follow(self, changes: Changes) -> None:
        """Let each become what its file became; those of changed files are read again with it."""
        if not self.keys:
            return
        renamed = dict(changes.renamed)
        touched = {entry.key: entry for entry in changes.touched}
        changed = {entry.key for entry in changes.changed}
        for file, parts in self.keys.items():
            if file in renamed:
                changes.renamed += [(part, _moved(part, renamed[file])) for part in parts]
            elif file in touched:
                changes.touched += [_moved(part, touched[file]) for part in parts]
            elif file not in self.seen:
                changes.removed += parts
            elif file not in changed:
                changes.unchanged += len(parts)
        stay = self.seen | {entry.key for entry in renamed.values()}
        changes.forgotten = [key for key in changes.forgotten if split_part(key)[0] not in stay]


def _moved(part: str, file: Entry) -> Entry:
    return file._replace(key=f"{file.key}#{split_part(part)[1]}")
