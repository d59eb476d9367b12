"""Further items of files, pages of a TIFF, which share what becomes of their file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from aesearch.modalities.parts import is_part, parts_by_file, split_part
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
    def taken_from(
        cls, items: dict[str, Known], entries: Iterator[Entry]
    ) -> tuple[Self, Iterator[Entry]]:
        """Take them out of what an index knows: of a file with pages a source lists the file alone.

        Returns
        -------
        parts : Parts
        entries : iterator of Entry
            All of the source.
        """
        parts = cls(parts_by_file(items))
        if not parts.keys:
            return parts, entries
        listed = list(entries)
        own = {entry.key for entry in listed if is_part(entry.key)}  # rows may be called so
        for file, keys in list(parts.keys.items()):
            parts.keys[file] = [key for key in keys if key not in own]
            for part in parts.keys[file]:
                del items[part]
        parts.seen = {entry.key for entry in listed if entry.key in parts.keys}
        return parts, iter(listed)

    def follow(self, changes: Changes, unseen: Callable[[Sequence[str]], list[str]]) -> None:
        """Let each become what its file became; those of changed files are read again with it.

        `unseen` tells which may be where the source could not look.
        """
        if not self.keys:
            return
        renamed = dict(changes.renamed)
        touched = {entry.key: entry for entry in changes.touched}
        changed = {entry.key for entry in changes.changed}
        for file, parts in self.keys.items():
            if file in renamed:
                changes.renamed += [(part, moved_part(part, renamed[file])) for part in parts]
            elif file in touched:
                changes.touched += [moved_part(part, touched[file]) for part in parts]
            elif file not in self.seen:
                hidden = unseen(parts)
                changes.unseen += hidden
                changes.removed += [part for part in parts if part not in hidden]
            elif file not in changed:
                changes.unchanged += len(parts)
        stay = self.seen | {entry.key for entry in renamed.values()}
        changes.forgotten = [key for key in changes.forgotten if split_part(key)[0] not in stay]


def moved_part(part: str, file: Entry) -> Entry:
    """The entry of a further item whose file has another name now."""
    return file._replace(key=f"{file.key}#{split_part(part)[1]}")
