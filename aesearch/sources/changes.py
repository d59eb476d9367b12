"""A source compared with what an index knows: new, changed, touched, renamed, removed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aesearch.sources.base import Entry, Known


@dataclass
class Changes:
    """Differences of a source from an index of it.

    Attributes
    ----------
    new, changed : list of Entry
        To be read: unknown keys, and known keys with other content.
    touched : list of Entry
        Another time stamp, the same content.
    renamed : list of (str, Entry)
        The old key, and the entry under its new one; the code is kept.
    removed : list of str
        Keys whose file is gone.
    missing : list of str
        Keys whose file seems to be gone, of so many that they stay until that is confirmed.
    unseen : list of str
        Keys below folders, or of files, that could not even be listed: they stay.
    unchanged : int
        Items that are as they were.
    forgotten : list of str
        Skipped files that are gone.
    replaced : list of Entry
        Files whose keys what was added by hand has, and that are not noted as such yet.
    still_removed : list of (str, Entry)
        Keys removed by hand, and the new file that has the same content: it stays away.
    unreadable : list of (str, str)
        Folders and files that could not even be listed, each with its reason.
    failed : set of str
        Keys of new and changed files that could not be read; the latter stay as they were.
    """

    new: list[Entry] = field(default_factory=list)
    changed: list[Entry] = field(default_factory=list)
    touched: list[Entry] = field(default_factory=list)
    renamed: list[tuple[str, Entry]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    unchanged: int = 0
    forgotten: list[str] = field(default_factory=list)
    replaced: list[Entry] = field(default_factory=list)
    still_removed: list[tuple[str, Entry]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.needs_no_reading)

    @property
    def needs_no_reading(self) -> bool:
        """Whether anything is to be done besides reading new and changed files."""
        noted = self.forgotten or self.replaced or self.still_removed
        return bool(self.touched or self.renamed or self.removed or noted)

    def counts(self) -> dict[str, int]:
        """Number of files of each kind.

        And, where there are any: missing, items that stay although they seem to be gone; unread,
        items that could not be looked at, and stay as they were.
        """
        new = sum(entry.key not in self.failed for entry in self.new)
        changed = sum(entry.key not in self.failed for entry in self.changed)
        unread = len(self.changed) - changed + len(self.unseen)
        return {
            "new": new,
            "changed": changed,
            "renamed": len(self.renamed),
            "removed": len(self.removed),
            "unchanged": self.unchanged + len(self.touched),
            **({"missing": len(self.missing)} if self.missing else {}),
            **({"unread": unread} if unread else {}),
        }


def compare(
    entries: Iterable[Entry],
    items: Mapping[str, Known],
    skipped: Mapping[str, Known],
    digest: Callable[[str], bytes | None],
    *,
    retried: Collection[str] = (),
    reread: bool = False,
    unseen: Callable[[Sequence[str]], list[str]] | None = None,
) -> Changes:
    """Compare a source with an index of it; only files whose size or time differ are read.

    Parameters
    ----------
    entries : iterable of Entry
        Files of the source.
    items, skipped : mapping of key to Known
        Items of the index, and files it skipped, which are read again only when they change.
    digest : callable
        Reads the file of a key and returns its digest, or None where it cannot be read.
    retried : collection of str
        Skipped files that are read again although they look as they did.
    reread : bool
        Whether items are read although they look as they did.
    unseen : callable, optional
        Tells, after the last entry, which of some keys may be where the source could not look.
    """
    changes = Changes()
    unknown: list[Entry] = []
    gone = dict(items)
    lost = set(skipped)
    for entry in entries:
        known = gone.pop(entry.key, None)
        if known is None:
            lost.discard(entry.key)
            if entry.key in retried or not _looks_like(entry, skipped.get(entry.key)):
                unknown.append(entry)
            continue
        same = _looks_like(entry, known)
        if same and not reread:
            changes.unchanged += 1
        elif known.size != entry.size or digest(entry.key) != known.digest:
            changes.changed.append(entry)
            lost.discard(entry.key)  # it may have been skipped, and its former content stayed
        elif same:
            changes.unchanged += 1
        else:
            changes.touched.append(entry)
    if unseen is not None:  # before renames are looked for: it may be under its old name
        changes.unseen = unseen(list(gone))
        for key in changes.unseen:
            del gone[key]
        lost -= {*unseen([key for key in lost if skipped[key].size or skipped[key].mtime_ns])}
    _find_renames(unknown, gone, digest, changes)
    changes.removed = list(gone)
    changes.forgotten = list(lost)
    return changes


def _looks_like(entry: Entry, known: Known | None) -> bool:
    return known is not None and (known.size, known.mtime_ns) == (entry.size, entry.mtime_ns)


def _find_renames(
    unknown: list[Entry],
    gone: dict[str, Known],
    digest: Callable[[str], bytes | None],
    changes: Changes,
) -> None:
    """Pair new files with vanished items of the same content; pairs leave `gone`."""
    sizes = {known.size for known in gone.values()}
    by_digest: dict[bytes, list[str]] = {}
    for key, known in gone.items():
        by_digest.setdefault(known.digest, []).append(key)
    for entry in unknown:
        content = digest(entry.key) if entry.size in sizes else None
        olds = by_digest.get(content) if content else None
        if olds:
            old = olds.pop()
            del gone[old]
            changes.renamed.append((old, entry))
        else:
            changes.new.append(entry)
