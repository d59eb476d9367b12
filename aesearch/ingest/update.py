"""Synchronizing an index with its source: new items are encoded by its present encoder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from aesearch.errors import SourceError
from aesearch.ingest.arrival import Arrival, encode
from aesearch.ingest.decode import Decoded, decode
from aesearch.ingest.differences import SyncOptions, are_many, differences, source_of, tell_missing
from aesearch.modalities import Read
from aesearch.modalities.parts import is_part, may_hold_parts, parts_by_file, split_part
from aesearch.sources.base import Source
from aesearch.sources.changes import Changes
from aesearch.storage.commit import NO_IDS, Edit, nothing
from aesearch.storage.database import Store
from aesearch.storage.folder import IndexFolder
from aesearch.storage.schema import REPLACED, Skipped
from aesearch.types import Ids, Progress, silent

# Each batch is a revision of its own, so that an interrupted run keeps what it has done. On a slow
# drive it is as many as come in a minute.
BATCH, PATIENCE = 20_000, 60.0


def synchronize(
    folder: IndexFolder,
    progress: Progress = silent,
    source: Source | None = None,
    options: SyncOptions | None = None,
) -> Changes:
    """Make the index what its source is: new, changed, renamed and removed files.

    What cannot be read now stays as it was, and is tried again the next time.
    """
    folder.require_same()
    source = source or source_of(folder)
    seen = folder.revision.number
    changes = differences(folder, source, options)
    known = {file.key: file for file in folder.skipped()}
    unreadable = [
        Skipped(key, reason, ignored=False)
        for key, reason in changes.unreadable
        if key not in known or known[key].reason != reason
    ]
    if changes or unreadable:
        with folder.writing():
            if folder.revision.number != seen:  # before the lock another writer was here
                changes = differences(folder, source, options)
            _follow(folder, source, changes, unreadable, progress, options or SyncOptions())
    tell_missing(folder, changes)
    return changes


def _follow(
    folder: IndexFolder,
    source: Source,
    changes: Changes,
    unreadable: list[Skipped],
    progress: Progress,
    options: SyncOptions,
) -> None:
    """Apply changes, in portions. The caller holds the lock."""
    entries = changes.new + changes.changed
    decoded: Iterator[Decoded] = iter(())
    if entries:
        decoded = decode(source, entries, _reader(folder, source), progress, whole=True)
    batch = _portion(decoded)
    _require_readable(folder, source, changes, batch)
    before: Edit = nothing
    if unreadable or changes.needs_no_reading:

        def before(store: Store) -> tuple[Ids, Ids]:
            return _apply_unread(folder, store, source, changes, unreadable)

    while True:
        batch, shorter = _without_shorter(folder, batch, changes, options)
        changes.failed |= _ingest(folder, source, batch, shorter, before)
        changes.removed += shorter
        before = nothing
        if not (batch := _portion(decoded)):
            return


def _portion(decoded: Iterator[Decoded]) -> list[Decoded]:
    """The next files, as many as make a revision."""
    started = time.monotonic()
    batch: list[Decoded] = []
    for file in decoded:
        batch.append(file)
        if len(batch) == BATCH or time.monotonic() - started > PATIENCE:
            break
    return batch


def _require_readable(
    folder: IndexFolder, source: Source, changes: Changes, batch: Sequence[Decoded]
) -> None:
    """Raise SourceError where no row of a table can be read any more: it holds something else."""
    stay = changes.unchanged + len(changes.touched) + len(changes.renamed)
    gone = changes.changed or changes.removed or changes.missing
    if folder.is_tabular and gone and not stay and _is_lost(batch):
        first = batch[0]
        raise SourceError(
            f"no row of {source.root} can be used any more: {first.entry.key}: {first.reason}. "
            "Nothing was changed; for other data name another place with --index"
        )


def _is_lost(batch: Sequence[Decoded]) -> bool:
    return bool(batch) and all(file.sample is None for file in batch)


def _reader(folder: IndexFolder, source: Source) -> Read:
    folder.modality.warm_up()
    features = folder.modality.limited(folder.snapshot().features, folder.settings)
    return folder.modality.reader(features, plain=source.plain, encoding=source.encoding)


def _apply_unread(
    folder: IndexFolder, store: Store, source: Source, changes: Changes, unreadable: list[Skipped]
) -> tuple[Ids, Ids]:
    """Apply changes that need no content: removed, renamed and touched files."""
    new_keys = [entry.key for _, entry in changes.renamed]
    gone = list(store.ids_of([*changes.removed, *new_keys]).values())
    store.remove(changes.removed)
    store.forget(changes.forgotten)
    store.rename((old, entry.key, entry.mtime_ns) for old, entry in changes.renamed)
    store.touch((entry.key, entry.mtime_ns) for entry in changes.touched)
    moved = [entry.key for entry in (*changes.touched, *(entry for _, entry in changes.renamed))]
    arrival: type[Arrival] = folder.modality.part("arrival")
    arrival.renew(store, source, moved)
    store.forget([entry.key for _, entry in changes.renamed])
    store.skip(unreadable)
    _move_removals(store, changes)
    store.skip(Skipped(e.key, REPLACED, True, e.size, e.mtime_ns) for e in changes.replaced)
    return NO_IDS, np.array(gone, dtype=np.int64)


def _move_removals(store: Store, changes: Changes) -> None:
    """Let what was removed by hand stay so under the new names of its files."""
    notes = {note.key: note for note in store.skipped()} if changes.still_removed else {}
    moved = [(old, entry) for old, entry in changes.still_removed if old in notes]
    store.forget([key for old, entry in moved for key in (old, entry.key)])
    store.skip(
        replace(notes[old], key=entry.key, size=entry.size, mtime_ns=entry.mtime_ns)
        for old, entry in moved
    )


def _parts_gone(folder: IndexFolder, keys: Sequence[str]) -> list[str]:
    """Keys of further items of some files, which these hold no longer."""
    files = {key for key in keys if may_hold_parts(key)}
    if not files:
        return []
    known = parts_by_file(folder.store.known())
    return [part for file in files for part in known.get(file, ()) if part not in set(keys)]


def _without_shorter(
    folder: IndexFolder, batch: list[Decoded], changes: Changes, options: SyncOptions
) -> tuple[list[Decoded], list[str]]:
    """The files of a batch to be taken, and the further items that go with them.

    Where so many would go that this is to be confirmed, files that lost some stay as they were.
    """
    keys = [file.entry.key for file in batch if file.sample is not None]
    shorter = _parts_gone(folder, keys)
    gone = len(changes.removed) + len(shorter)
    if not shorter or options.remove or not are_many(gone, folder.count()):
        return batch, shorter
    files = {split_part(part)[0] for part in shorter}
    held = [file for file in batch if split_part(file.entry.key)[0] in files]
    changes.missing += shorter
    changes.changed = [entry for entry in changes.changed if entry.key not in files]
    changes.unchanged += len(held)
    return [file for file in batch if split_part(file.entry.key)[0] not in files], []


def _ingest(
    folder: IndexFolder,
    source: Source,
    batch: Sequence[Decoded],
    shorter: Sequence[str] = (),
    before: Edit = nothing,
) -> set[str]:
    """Encode one batch and publish it, if there is anything to write; the keys not read.

    An item whose file changed, but cannot be read, stays as it was.
    """
    known = {file.key: file for file in folder.skipped()}
    decided = {key for key in folder.store.decided() if is_part(key)}  # its file may not be
    good = [file for file in batch if file.sample is not None and file.entry.key not in decided]
    failed = {file.entry.key for file in batch if file.sample is None}
    notes = [file.skipped() for file in batch if file.sample is None]
    notes = [note for note in notes if known.get(note.key) != note]
    if before is nothing and not good and not notes:
        return failed
    encoded = encode(folder, [file.sample for file in good])
    items = [
        file.item(error=float(error)) for file, error in zip(good, encoded.errors, strict=True)
    ]
    keys = [file.entry.key for file in good]
    labels, fields = source.labels(keys), source.fields(keys)

    def edit(store: Store) -> tuple[Ids, Ids]:
        _, removed = before(store)
        gone = np.array(list(store.ids_of(shorter).values()), dtype=np.int64)
        store.remove(shorter)
        removed = np.concatenate([removed, gone])
        store.skip(notes)
        ids = store.put(items, encoded.codes)
        encoded.write(store, ids, labels, fields)
        return ids, removed

    folder.publish(edit)
    return failed
