"""Synchronizing an index with its source: new items are encoded by its present encoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.errors import ContentError, ParameterError, SourceError, UnknownKeyError
from aesearch.ingest.arrival import Arrival
from aesearch.ingest.decode import Decoded, decode
from aesearch.modalities import Modality, Read
from aesearch.sources.base import Source, as_key, as_line, digest_of
from aesearch.sources.changes import Changes, compare
from aesearch.sources.content import read_content
from aesearch.sources.open import open_source
from aesearch.sources.recalled import recall
from aesearch.storage.commit import NO_IDS, Edit, nothing
from aesearch.storage.database import Store, is_valid_text
from aesearch.storage.folder import IndexFolder
from aesearch.storage.lock import hold
from aesearch.storage.places import key_for
from aesearch.storage.schema import NewItem, Skipped
from aesearch.types import Ids, Progress, silent
from aesearch.wording import counted

# Each batch is a revision of its own, so that an interrupted run keeps what it has done.
BATCH = 20_000
REMOVED = "removed by hand"
Contents = Mapping[str, Any] | Mapping[int, Any] | Iterable[str | Path]


def source_of(folder: IndexFolder) -> Source:
    """The source of an index, to be scanned again.

    Raises
    ------
    SourceError
        If it is gone, as an array in memory is.
    """
    return open_source(folder.source, folder.card.columns or None, kind=folder.card.kind)


def differences(folder: IndexFolder, source: Source | None = None) -> Changes:
    """Differences of the source from the index; nothing is written."""
    source = source or source_of(folder)
    store = folder.store

    def digest(key: str) -> bytes | None:
        try:
            return digest_of(source.read(key))
        except ContentError:
            return None

    items = store.known()
    recall(source, items)
    entries = source.walk()
    first = next(entries, None)
    if first is None and items and not source.unreadable:
        raise SourceError(
            f"{source.root} is empty, {counted(len(items), folder.modality.noun)} "
            f"{'was' if len(items) == 1 else 'were'} there; is its disk mounted? "
            "Nothing was removed"
        )
    entries = entries if first is None else chain([first], entries)
    changes = compare(entries, items, store.known_skipped(), digest, source.unseen)
    if not source.plain:
        _reread_other_formats(changes, folder.modality)
    unreadable = {key for key, _ in source.unreadable}
    changes.forgotten = [key for key in changes.forgotten if key not in unreadable]
    changes.unreadable = source.unreadable
    return changes


def _reread_other_formats(changes: Changes, modality: Modality) -> None:
    """Take an item that was renamed to another file format, a.txt to a.html say, for a new one."""
    renamed, changes.renamed = changes.renamed, []
    for old, entry in renamed:
        if modality.reads_alike(old, entry.key):
            changes.renamed.append((old, entry))
        else:
            changes.removed.append(old)
            changes.new.append(entry)


def synchronize(
    folder: IndexFolder, progress: Progress = silent, source: Source | None = None
) -> Changes:
    """Make the index what its source is: new, changed, renamed and removed files."""
    source = source or source_of(folder)
    changes = differences(folder, source)
    known_problems = {s.key: s.reason for s in folder.skipped()}
    unreadable = [
        Skipped(key, reason, ignored=False)
        for key, reason in changes.unreadable
        if known_problems.get(key) != reason
    ]
    if not changes and not unreadable:
        return changes
    with hold(folder.layout):
        # Between the look and the lock another writer may have been here.
        changes = differences(folder, source)
        entries = changes.new + changes.changed
        decoded: Iterator[Decoded] = iter(())
        if entries:
            decoded = decode(source, entries, _reader(folder, source), progress)
        batch = list(islice(decoded, BATCH))
        _require_readable(folder, source, changes, batch)
        changes.failed |= _ingest(
            folder,
            source,
            batch,
            lambda store: _apply_unread(folder, store, source, changes, unreadable),
        )
        while batch := list(islice(decoded, BATCH)):
            changes.failed |= _ingest(folder, source, batch)
    return changes


def _require_readable(
    folder: IndexFolder, source: Source, changes: Changes, batch: Sequence[Decoded]
) -> None:
    """Raise SourceError where no row of a table can be read any more: it holds something else."""
    stay = changes.unchanged + len(changes.touched) + len(changes.renamed)
    gone = changes.changed or changes.removed
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
    return folder.modality.reader(folder.snapshot().features, plain=source.plain)


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
    return NO_IDS, np.array(gone, dtype=np.int64)


def _ingest(
    folder: IndexFolder, source: Source, batch: Sequence[Decoded], before: Edit = nothing
) -> set[str]:
    """Encode one batch and publish it; the keys that could not be read.

    A changed file that became unreadable leaves the index.
    """
    good = [file for file in batch if file.sample is not None]
    bad = [file for file in batch if file.sample is None]
    encoded = _encoded(folder, [file.sample for file in good])
    items = [
        file.item(error=float(error)) for file, error in zip(good, encoded.errors, strict=True)
    ]
    keys = [file.entry.key for file in good]
    labels, fields = source.labels(keys), source.fields(keys)

    def edit(store: Store) -> tuple[Ids, Ids]:
        _, removed = before(store)
        broken = [file.entry.key for file in bad]
        gone = np.array(list(store.ids_of(broken).values()), dtype=np.int64)
        store.remove(broken)
        store.skip(file.skipped() for file in bad)
        ids = store.put(items, encoded.codes)
        encoded.write(store, ids, labels, fields)
        return ids, np.concatenate([removed, gone])

    folder.publish(edit)
    return {file.entry.key for file in bad}


def _encoded(folder: IndexFolder, samples: Sequence[Any]) -> Arrival:
    """New items, encoded, with what their modality stores beside the codes."""
    arrival: type[Arrival] = folder.modality.part("arrival")
    return arrival.of(folder.snapshot(), samples)


def add(folder: IndexFolder, contents: Contents) -> list[str]:
    """Add pictures or documents manually; see `Index.add`."""
    with hold(folder.layout):  # from the start: a training may end, and bring another encoder
        return _add(folder, contents)


def _add(folder: IndexFolder, contents: Contents) -> list[str]:
    modality, features = folder.modality, folder.snapshot().features
    modality.warm_up()
    rows: list[NewItem] = []
    samples: list[Any] = []
    contents_kept: list[bytes] = []
    for key, content in dict(_named(folder, contents)).items():
        if not key or "\0" in key or not is_valid_text(key):
            raise ContentError(f"{key!r} cannot be added: a key is text of at least one letter")
        try:
            sample, raw, path = read_content(modality, features, content)
        except ContentError as error:
            raise ContentError(f"'{key}' cannot be added: {error}") from error
        mtime = path.stat().st_mtime_ns if path is not None else 0
        scanned = (folder.source / key).exists() and not Path(key).is_absolute()
        rows.append(NewItem(key, len(raw), mtime, digest_of(raw), added=not scanned))
        samples.append(sample)
        contents_kept.append(b"" if scanned else modality.as_kept(sample))
    if not rows:
        return []
    encoded = _encoded(folder, samples)
    rows = [
        NewItem(r.key, r.size, r.mtime_ns, r.digest, r.added, float(error))
        for r, error in zip(rows, encoded.errors, strict=True)
    ]

    def edit(store: Store) -> tuple[Ids, Ids]:
        ids = store.put(rows, encoded.codes)
        store.put_contents(ids, contents_kept)
        none = [""] * len(ids)
        encoded.write(store, ids, none, none)
        return ids, NO_IDS

    folder.publish(edit)
    return [row.key for row in rows]


def _named(folder: IndexFolder, contents: Contents) -> Iterator[tuple[str, Any]]:
    if isinstance(contents, Mapping):
        for key, content in contents.items():  # rows have lines for keys, files their names
            yield (as_line if folder.is_tabular else as_key)(key), content
        return
    if isinstance(contents, str | bytes | Path):
        raise ParameterError(f"what is added are several; put one into a list: ['{contents!s}']")
    for path in contents:
        if not isinstance(path, str | Path):
            raise ParameterError(
                f"what has no path needs a key: add({{key: content}}); got {type(path).__name__}"
            )
        yield key_for(folder.source, Path(path)), Path(path)


def remove(folder: IndexFolder, keys: list[str]) -> int:
    """Remove items manually; see `Index.remove`."""
    with hold(folder.layout):
        ids = folder.store.ids_of(keys)
        missing = [key for key in keys if key not in ids]
        if missing:
            raise UnknownKeyError(
                f"there is no item '{missing[0]}' in {folder.name}; nothing was removed"
            )
        notes = []
        scanned = folder.store.known() if folder.is_tabular else {}
        for key in ids:
            path = folder.path_of(key)
            if folder.is_tabular:  # a row is still there, and must not return
                if key in scanned:
                    item = scanned[key]
                    notes.append(Skipped(key, REMOVED, True, item.size, item.mtime_ns))
            elif not Path(key).is_absolute() and path.exists():  # nor must a file
                status = path.stat()
                notes.append(Skipped(key, REMOVED, True, status.st_size, status.st_mtime_ns))

        def edit(store: Store) -> tuple[Ids, Ids]:
            store.remove(ids)
            store.skip(notes)
            return NO_IDS, np.array(list(ids.values()), dtype=np.int64)

        folder.publish(edit)
    return len(ids)
