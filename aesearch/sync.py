"""Bringing an index up to date: what is new is encoded by the encoder that is there."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from aesearch.engines import Ids
from aesearch.errors import ContentError, SourceError, UnknownKeyError
from aesearch.features.images import Content, Pixels, load_all_formats
from aesearch.ingest import Decoded, Progress, decode, silent
from aesearch.layout import key_for
from aesearch.locking import hold
from aesearch.records import NewItem, Skipped
from aesearch.sources import Changes, Folder, compare, digest_of, read_file
from aesearch.store import Store
from aesearch.writer import NO_IDS, Edit, nothing

if TYPE_CHECKING:
    from aesearch.index import Index

# Each batch is a revision of its own, so that an interrupted run keeps what it has done.
BATCH = 20_000
REMOVED = "removed by hand"


def differences(index: Index) -> Changes:
    """Return what distinguishes the source from the index; nothing is written."""
    folder = Folder(index.source)
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
            f"{folder.root} is empty, {len(items):,} pictures were there; is its disk mounted? "
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


def synchronise(index: Index, progress: Progress = silent) -> Changes:
    """Make the index what its source is: new, changed, renamed and removed files."""
    changes = differences(index)
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
        changes = differences(index)
        entries = changes.new + changes.changed
        decoded: Iterator[Decoded] = iter(())
        if entries:
            load_all_formats()
            decoded = decode(index.source, entries, index.features, progress)
        batch = list(islice(decoded, BATCH))
        _take_up(index, batch, lambda store: _tidy(store, changes, unreadable))
        while batch := list(islice(decoded, BATCH)):
            _take_up(index, batch)
    return changes


def _tidy(store: Store, changes: Changes, unreadable: list[Skipped]) -> tuple[Ids, Ids]:
    """Do what needs no reading: removed, renamed and touched files."""
    taken = [entry.key for _, entry in changes.renamed]
    gone = list(store.ids_of([*changes.removed, *taken]).values())
    store.remove(changes.removed)
    store.forget(changes.forgotten)
    store.rename((old, entry.key, entry.mtime_ns) for old, entry in changes.renamed)
    store.touch((entry.key, entry.mtime_ns) for entry in changes.touched)
    store.forget([entry.key for _, entry in changes.renamed])
    store.skip(unreadable)
    return NO_IDS, np.array(gone, dtype=np.int64)


def _take_up(index: Index, batch: Sequence[Decoded], before: Edit = nothing) -> None:
    """Encode one batch and publish it; a changed file that became unreadable leaves the index."""
    good = [one for one in batch if one.pixels is not None]
    bad = [one for one in batch if one.pixels is None]
    pixels = [one.pixels for one in good if one.pixels is not None]
    codes, errors = (
        index.encoder.errors(np.stack(pixels))
        if pixels
        else (np.empty((0, index.encoder.code_size), np.float32), np.empty(0))
    )
    items = [one.item(error=float(error)) for one, error in zip(good, errors, strict=True)]

    def edit(store: Store) -> tuple[Ids, Ids]:
        _, removed = before(store)
        broken = [one.entry.key for one in bad]
        gone = np.array(list(store.ids_of(broken).values()), dtype=np.int64)
        store.remove(broken)
        store.skip(one.skipped() for one in bad)
        return store.put(items, codes), np.concatenate([removed, gone])

    index.publish(edit)


def add(index: Index, contents: Mapping[str, Content] | Iterable[str | Path]) -> list[str]:
    """Add pictures by hand; see `Index.add`."""
    with hold(index.layout):  # from the start: a training may end, and bring another encoder
        return _add(index, contents)


def _add(index: Index, contents: Mapping[str, Content] | Iterable[str | Path]) -> list[str]:
    load_all_formats()
    rows: list[NewItem] = []
    pixels: list[Pixels] = []
    kept: list[bytes] = []
    for key, content in _named(index, contents):
        mtime = 0
        if isinstance(content, str | Path):
            path = Path(content)
            if not path.exists():
                raise ContentError(f"'{key}' cannot be added: there is no such file")
            mtime = path.stat().st_mtime_ns
        try:
            if isinstance(content, str | Path):
                content = read_file(Path(content))
            picture = index.features.transform(content)
        except ContentError as error:
            raise ContentError(f"'{key}' cannot be added: {error}") from error
        raw = content if isinstance(content, bytes) else picture.tobytes()
        walked = (index.source / key).exists() and not Path(key).is_absolute()
        rows.append(NewItem(key, len(raw), mtime, digest_of(raw), added=not walked))
        pixels.append(picture)
        kept.append(b"" if walked else as_png(picture))
    if not rows:
        return []
    codes, errors = index.encoder.errors(np.stack(pixels))
    rows = [
        NewItem(r.key, r.size, r.mtime_ns, r.digest, r.added, float(error))
        for r, error in zip(rows, errors, strict=True)
    ]

    def edit(store: Store) -> tuple[Ids, Ids]:
        ids = store.put(rows, codes)
        store.keep(ids, kept)
        return ids, NO_IDS

    index.publish(edit)
    return [row.key for row in rows]


def _named(
    index: Index, contents: Mapping[str, Content] | Iterable[str | Path]
) -> Iterator[tuple[str, Content]]:
    if isinstance(contents, Mapping):
        yield from contents.items()
        return
    for path in contents:
        yield key_for(index.source, Path(path)), path


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
        for key in ids:
            path = index.path_of(key)
            if not Path(key).is_absolute() and path.exists():  # it is walked, and must not return
                status = path.stat()
                notes.append(Skipped(key, REMOVED, True, status.st_size, status.st_mtime_ns))

        def edit(store: Store) -> tuple[Ids, Ids]:
            store.remove(ids)
            store.skip(notes)
            return NO_IDS, np.array(list(ids.values()), dtype=np.int64)

        index.publish(edit)
    return len(ids)


__all__ = ["add", "differences", "remove", "synchronise"]
