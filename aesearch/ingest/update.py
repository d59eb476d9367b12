"""Bringing an index up to date: what is new is encoded by the encoder that is there."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from aesearch.errors import ContentError, SourceError, UnknownKeyError
from aesearch.ingest.decode import Decoded, decode
from aesearch.ingest.passages import PassageCodes, encode_passages
from aesearch.modalities import NOUNS, TEXTS, Read
from aesearch.modalities.images.pixels import load_all_formats
from aesearch.sources.base import Source, digest_of
from aesearch.sources.changes import Changes, compare
from aesearch.sources.open import open_source
from aesearch.sources.table import Columns, document_reader
from aesearch.storage.commit import NO_IDS, Edit, nothing
from aesearch.storage.database import Store
from aesearch.storage.lock import hold
from aesearch.storage.places import key_for
from aesearch.storage.schema import KeptText, NewItem, Skipped
from aesearch.types import Floats, Ids, Pixels, Progress, silent
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.search.index import Index

# Each batch is a revision of its own, so that an interrupted run keeps what it has done.
BATCH = 20_000
REMOVED = "removed by hand"


def source_of(index: Index) -> Source:
    """Return the source of an index, to be walked again."""
    return open_source(index.source, Columns.of(index.card.get("columns")) or None)


def differences(index: Index, folder: Source | None = None) -> Changes:
    """Return what distinguishes the source from the index; nothing is written."""
    folder = folder or source_of(index)
    store = index.store

    def digest(key: str) -> bytes | None:
        try:
            return digest_of(folder.read(key))
        except ContentError:
            return None

    items = store.known()
    entries = folder.walk()
    first = next(entries, None)
    if first is None and items and not folder.unreadable:
        raise SourceError(
            f"{folder.root} is empty, {counted(len(items), NOUNS[index.kind])} "
            f"{'was' if len(items) == 1 else 'were'} there; is its disk mounted? "
            "Nothing was removed"
        )
    entries = entries if first is None else chain([first], entries)
    changes = compare(entries, items, store.known_skipped(), digest)
    unreadable = {key for key, _ in folder.unreadable}
    # Files below a folder that cannot be read just now are not gone.
    changes.removed = [key for key in changes.removed if not _below(key, unreadable)]
    changes.forgotten = [key for key in changes.forgotten if key not in unreadable]
    changes.unreadable = folder.unreadable
    return changes


def _below(key: str, folders: set[str]) -> bool:
    return bool(folders) and any(parent.as_posix() in folders for parent in Path(key).parents)


def synchronise(index: Index, progress: Progress = silent, folder: Source | None = None) -> Changes:
    """Make the index what its source is: new, changed, renamed and removed files."""
    folder = folder or source_of(index)
    changes = differences(index, folder)
    known_problems = {s.key: s.reason for s in index.skipped()}
    unreadable = [
        Skipped(key, reason, ignored=False)
        for key, reason in changes.unreadable
        if known_problems.get(key) != reason
    ]
    if not changes and not unreadable:
        return changes
    with hold(index.layout):
        # Between the look and the lock another writer may have been here.
        changes = differences(index, folder)
        entries = changes.new + changes.changed
        decoded: Iterator[Decoded] = iter(())
        if entries:
            decoded = decode(folder, entries, _reader(index, folder), progress)
        batch = list(islice(decoded, BATCH))
        changes.failed |= _take_up(
            index, folder, batch, lambda store: _tidy(store, folder, changes, unreadable)
        )
        while batch := list(islice(decoded, BATCH)):
            changes.failed |= _take_up(index, folder, batch)
    return changes


def _reader(index: Index, folder: Source) -> Read:
    if index.kind == TEXTS:
        return document_reader(folder)
    load_all_formats()
    read: Read = index.features.read
    return read


def _tidy(
    store: Store, folder: Source, changes: Changes, unreadable: list[Skipped]
) -> tuple[Ids, Ids]:
    """Do what needs no reading: removed, renamed and touched files."""
    taken = [entry.key for _, entry in changes.renamed]
    gone = list(store.ids_of([*changes.removed, *taken]).values())
    store.remove(changes.removed)
    store.forget(changes.forgotten)
    store.rename((old, entry.key, entry.mtime_ns) for old, entry in changes.renamed)
    store.touch((entry.key, entry.mtime_ns) for entry in changes.touched)
    moved = [entry.key for entry in (*changes.touched, *(entry for _, entry in changes.renamed))]
    store.relabel(zip(moved, folder.labels(moved), strict=True))
    store.forget([entry.key for _, entry in changes.renamed])
    store.skip(unreadable)
    return NO_IDS, np.array(gone, dtype=np.int64)


def _take_up(
    index: Index, folder: Source, batch: Sequence[Decoded], before: Edit = nothing
) -> set[str]:
    """Encode one batch and publish it; return the keys that could not be read.

    A changed file that became unreadable leaves the index.
    """
    good = [one for one in batch if one.sample is not None]
    bad = [one for one in batch if one.sample is None]
    fresh = _encoded(index, [one.sample for one in good])
    items = [one.item(error=float(error)) for one, error in zip(good, fresh.errors, strict=True)]
    labels = folder.labels([one.entry.key for one in good])

    def edit(store: Store) -> tuple[Ids, Ids]:
        _, removed = before(store)
        broken = [one.entry.key for one in bad]
        gone = np.array(list(store.ids_of(broken).values()), dtype=np.int64)
        store.remove(broken)
        store.skip(one.skipped() for one in bad)
        ids = store.put(items, fresh.codes)
        fresh.keep(store, ids, labels)
        return ids, np.concatenate([removed, gone])

    index.publish(edit)
    return {one.entry.key for one in bad}


@dataclass
class _Encoded:
    """New items with their codes; of documents, also their passages and their texts."""

    samples: list[Any]
    codes: Floats
    errors: Floats
    passages: PassageCodes | None = None

    def keep(self, store: Store, ids: Ids, labels: Sequence[str]) -> None:
        """Write what documents have beside their codes."""
        if self.passages is not None:
            self.passages.write(store, dict(enumerate(ids.tolist())))
            store.keep_texts(
                KeptText(id, document.title, document.text, label)
                for id, document, label in zip(ids.tolist(), self.samples, labels, strict=True)
            )


def _encoded(index: Index, samples: list[Any]) -> _Encoded:
    encoder, features = index.encoder, index.features
    if not samples:
        return _Encoded([], np.empty((0, encoder.code_size), np.float32), np.empty(0, np.float32))
    codes, errors = encoder.errors(features.stack(samples))
    if index.kind != TEXTS:
        return _Encoded(samples, codes, errors)
    return _Encoded(samples, codes, errors, encode_passages(samples, features, encoder))


def add(index: Index, contents: Mapping[str, Any] | Iterable[str | Path]) -> list[str]:
    """Add pictures or documents by hand; see `Index.add`."""
    with hold(index.layout):  # from the start: a training may end, and bring another encoder
        return _add(index, contents)


def _add(index: Index, contents: Mapping[str, Any] | Iterable[str | Path]) -> list[str]:
    load_all_formats()
    rows: list[NewItem] = []
    samples: list[Any] = []
    kept: list[bytes] = []
    for key, content in _named(index, contents):
        try:
            sample, raw, path = index.taken(content)
        except ContentError as error:
            raise ContentError(f"'{key}' cannot be added: {error}") from error
        mtime = path.stat().st_mtime_ns if path is not None else 0
        walked = (index.source / key).exists() and not Path(key).is_absolute()
        rows.append(NewItem(key, len(raw), mtime, digest_of(raw), added=not walked))
        samples.append(sample)
        kept.append(b"" if walked or index.kind == TEXTS else as_png(sample))
    if not rows:
        return []
    fresh = _encoded(index, samples)
    rows = [
        NewItem(r.key, r.size, r.mtime_ns, r.digest, r.added, float(error))
        for r, error in zip(rows, fresh.errors, strict=True)
    ]

    def edit(store: Store) -> tuple[Ids, Ids]:
        ids = store.put(rows, fresh.codes)
        store.keep(ids, kept)
        fresh.keep(store, ids, [""] * len(ids))
        return ids, NO_IDS

    index.publish(edit)
    return [row.key for row in rows]


def _named(
    index: Index, contents: Mapping[str, Any] | Iterable[str | Path]
) -> Iterator[tuple[str, Any]]:
    if isinstance(contents, Mapping):
        yield from contents.items()
        return
    for path in contents:
        yield key_for(index.source, Path(path)), Path(path)


def as_png(pixels: Pixels) -> bytes:
    """Return a small picture as PNG: what is kept of one that has no file to go back to."""
    stream = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(stream, "PNG")
    return stream.getvalue()


def remove(index: Index, keys: list[str]) -> int:
    """Remove items by hand; see `Index.remove`."""
    with hold(index.layout):
        ids = index.store.ids_of(keys)
        missing = [key for key in keys if key not in ids]
        if missing:
            raise UnknownKeyError(
                f"there is no item '{missing[0]}' in {index.name}; nothing was removed"
            )
        notes = []
        walked = index.store.known() if index.is_tabular else {}
        for key in ids:
            path = index.path_of(key)
            if index.is_tabular:  # a row is still there, and must not return
                if key in walked:
                    item = walked[key]
                    notes.append(Skipped(key, REMOVED, True, item.size, item.mtime_ns))
            elif not Path(key).is_absolute() and path.exists():  # nor must a file
                status = path.stat()
                notes.append(Skipped(key, REMOVED, True, status.st_size, status.st_mtime_ns))

        def edit(store: Store) -> tuple[Ids, Ids]:
            store.remove(ids)
            store.skip(notes)
            return NO_IDS, np.array(list(ids.values()), dtype=np.int64)

        index.publish(edit)
    return len(ids)


__all__ = ["add", "differences", "remove", "synchronise"]
