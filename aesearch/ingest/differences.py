"""A source compared with its index, with care: what could not be looked at is not gone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from aesearch.errors import ContentError, SourceError, UnreachableError
from aesearch.ingest.causes import UNREACHABLE, may_be_gone
from aesearch.ingest.removals import moved_rows, removed_parts, renamed_removals
from aesearch.modalities import Modality
from aesearch.sources.arrays import ArraySource
from aesearch.sources.base import Entry, Known, Source, digest_of
from aesearch.sources.changes import Changes, compare
from aesearch.sources.open import open_source
from aesearch.sources.parts import Parts
from aesearch.sources.recalled import recall
from aesearch.storage.folder import IndexFolder
from aesearch.storage.schema import Skipped
from aesearch.wording import counted

# More than so many, and than such a share of all, are removed only if that is confirmed.
MANY, SHARE = 20, 0.1
NAMED = 3


@dataclass(frozen=True)
class SyncOptions:
    """How thoroughly an index is compared with its source.

    Attributes
    ----------
    retry : bool
        Whether all skipped files are read again; otherwise those that may be readable now.
    reread : bool
        Whether every file is read, and not only those whose size or time stamp differ.
    remove : bool
        Whether items go however many seem to be gone.
    append : bool or None
        Whether the source holds only what is new, so that nothing else is gone. None where it was
        not said: then standard input is not read into an index that exists.
    """

    retry: bool = False
    reread: bool = False
    remove: bool = False
    append: bool | None = None


def source_of(folder: IndexFolder) -> Source:
    """The source of an index, to be scanned again.

    Raises
    ------
    SourceError
        If it is gone, as an array in memory is.
    """
    card, encoding = folder.card, folder.settings.encoding
    return open_source(folder.source, card.columns or None, kind=card.kind, encoding=encoding)


def differences(
    folder: IndexFolder, source: Source | None = None, options: SyncOptions | None = None
) -> Changes:
    """Differences of the source from the index; nothing is written."""
    source, options = source or source_of(folder), options or SyncOptions()
    store = folder.store

    def digest(key: str) -> bytes | None:
        try:
            return digest_of(source.read(key))
        except ContentError:
            return None

    items, skipped = store.known(), store.skipped()
    recall(source, items)
    parts, entries = Parts.taken_from(items, source.walk())
    first = next(entries, None)
    if first is None and items and not source.unreadable and not options.remove:
        raise SourceError(
            f"{source.root} is empty, {counted(len(items), folder.modality.noun)} "
            f"{'was' if len(items) == 1 else 'were'} there; is its disk mounted? "
            "Nothing was removed"
        )
    entries = entries if first is None else chain([first], entries)
    decided = store.decided()
    replaced: list[Entry] = []
    listed: set[str] = set()
    notes = [file for file in skipped if file.key in decided]
    skipped = [file for file in skipped if file.key not in decided]
    followed: list[tuple[Skipped, Entry]] = []
    if notes and _is_numbered(source) and not options.append:
        rows = list(entries)
        followed = moved_rows(notes, rows, items)
        gone = {note.key for note, _ in followed}
        decided = {key: noted for key, noted in decided.items() if key not in gone}
        decided |= {entry.key: True for _, entry in followed}
        notes = [note for note in notes if note.key not in gone]
        entries = iter(rows)
    entries = _undecided(entries, decided, replaced, listed)
    if options.append:
        added = {entry.key: entry for entry in entries}
        entries = iter(added.values())
        items = {key: item for key, item in items.items() if key in added}
        skipped = [file for file in skipped if file.key in added]
    changes = compare(
        entries,
        items,
        {file.key: Known(file.size, file.mtime_ns) for file in skipped},
        digest,
        retried={file.key for file in skipped if _is_retried(file, source, options)},
        reread=options.reread,
        unseen=source.unseen,
    )
    changes.replaced = replaced
    if not options.append:
        listed.update(source.unseen([note.key for note in notes if note.key not in listed]))
        _keep_removed(changes, renamed_removals(notes, changes.new, listed, digest) + followed)
        moved = dict([*changes.renamed, *changes.still_removed])
        changes.still_removed += removed_parts(notes, moved)
    parts.follow(changes, source.unseen)
    if not source.plain:
        _reread_other_formats(changes, folder.modality)
    still = {key for key, _ in source.unreadable}
    changes.forgotten = [key for key in changes.forgotten if key not in still]
    changes.unreadable = [each for each in source.unreadable if not decided.get(each[0])]
    if not options.remove:
        _keep_many(changes, len(items))
    return changes


def _is_numbered(source: Source) -> bool:
    """Whether the keys of its rows are their numbers."""
    if isinstance(source, ArraySource):
        return source.rows.keys is None
    return source.used_columns is not None and source.used_columns.key is None


def _undecided(
    entries: Iterator[Entry],
    decided: Mapping[str, bool],
    replaced: list[Entry],
    listed: set[str],
) -> Iterator[Entry]:
    """Pass on the files of which no person decided.

    `replaced` takes those of the others that are not noted as such, `listed` the keys of the rest.
    """
    for entry in entries:
        if entry.key not in decided:
            yield entry
        elif not decided[entry.key]:
            replaced.append(entry)
        else:
            listed.add(entry.key)


def _keep_removed(changes: Changes, found: list[tuple[Skipped, Entry]]) -> None:
    """Take files out of the new ones that have the content of what was removed by hand."""
    changes.still_removed = [(note.key, entry) for note, entry in found]
    away = {entry.key for _, entry in found}
    changes.new = [entry for entry in changes.new if entry.key not in away]


def _is_retried(file: Skipped, source: Source, options: SyncOptions) -> bool:
    """Whether a skipped file that looks as it did is read again."""
    if options.retry or options.reread:
        return True
    if file.cause != UNREACHABLE:
        return may_be_gone(file)
    try:  # as every run asks, a look decides before anything is loaded
        source.read(file.key)
    except UnreachableError as error:
        return str(error) != file.reason
    except (ContentError, LookupError):  # of another kind, or no row of this key
        return True
    return True


def are_many(gone: int, count: int) -> bool:
    """Whether so many go of all items that this is to be confirmed."""
    return gone > max(MANY, SHARE * count)


def _keep_many(changes: Changes, count: int) -> None:
    """Where nearly everything seems to be gone, or all of it, nothing goes: a drive may be."""
    gone = len(changes.removed)
    if gone and (are_many(gone, count) or gone == count):
        changes.missing, changes.removed = changes.removed, []


def tell_missing(folder: IndexFolder, changes: Changes) -> None:
    """Warn of items that stay although their files seem to be gone."""
    if not changes.missing:
        return
    gone = sorted(changes.missing)
    first = ", ".join(gone[:NAMED]) + (", ..." if len(gone) > NAMED else "")
    stay = "they stay" if len(gone) > 1 else "it stays"
    warnings.warn(
        f"{len(gone):,} of {counted(folder.count(), folder.modality.noun)} "
        f"{'are' if len(gone) > 1 else 'is'} not in {folder.source} any more ({first}); is a disk "
        f"not mounted? Until you say that this is right, {stay}: 'aesearch index SOURCE --yes' "
        "removes, or in Python remove=True",
        stacklevel=3,
    )


def _reread_other_formats(changes: Changes, modality: Modality) -> None:
    """Take an item that was renamed to another file format, a.txt to a.html say, for a new one."""
    renamed, changes.renamed = changes.renamed, []
    for old, entry in renamed:
        if modality.reads_alike(old, entry.key):
            changes.renamed.append((old, entry))
        else:
            changes.removed.append(old)
            changes.new.append(entry)
