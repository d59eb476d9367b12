"""Content given by hand, under a key or by its path: added to an index, and taken out of it.

What a person decided is theirs: a source that is synchronized neither replaces nor removes what was
added under a key, nor brings back what was removed, until that is restored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.engines.watched import within_limit
from aesearch.errors import ContentError, ParameterError, UnknownKeyError
from aesearch.ingest.arrival import encode
from aesearch.ingest.removals import cause_of_removal
from aesearch.modalities.given import as_given
from aesearch.modalities.parts import may_hold_parts, parts_by_file
from aesearch.sources.base import Known, as_key, as_line, digest_of, require_key, stamp_of
from aesearch.sources.content import read_content
from aesearch.sources.folder import is_walked
from aesearch.sources.names import canonical
from aesearch.storage.commit import NO_IDS
from aesearch.storage.database import Store
from aesearch.storage.folder import IndexFolder
from aesearch.storage.keys import readings
from aesearch.storage.places import key_for
from aesearch.storage.schema import REMOVED, REPLACED, NewItem, Skipped
from aesearch.types import Ids

Contents = Mapping[str, Any] | Mapping[int, Any] | Iterable[str | Path]


def add(folder: IndexFolder, contents: Contents) -> list[str]:
    """Add pictures or documents manually; see `Index.add`."""
    with folder.writing():  # from the start: a training may end, and bring another encoder
        return _add(folder, contents)


def _add(folder: IndexFolder, contents: Contents) -> list[str]:
    modality, features = folder.modality, folder.snapshot().features
    modality.warm_up()
    by_path = not isinstance(contents, Mapping) and not folder.is_tabular
    rows: list[NewItem] = []
    samples: list[Any] = []
    contents_kept: list[bytes] = []
    looks = modality.part("looks")() if "looks" in modality.parts else None
    for key, content in dict(_named(folder, contents)).items():
        require_key(key, "contents")
        try:
            content = as_given(content)  # an open file is read once
            sample, raw, path = within_limit(partial(read_content, modality, features, content))
            if looks is not None:
                looks.take(*((content, "") if path is None else (raw, path.name)))
        except ContentError as error:
            raise error.told(f"'{key}' cannot be added: {error}") from error
        mtime = stamp_of(path.stat()) if path is not None else 0
        added = not (by_path and is_walked(folder.source, key))
        rows.append(NewItem(key, len(raw), mtime, digest_of(raw), added))
        samples.append(sample)
        contents_kept.append(modality.as_kept(sample) if added else b"")
    if not rows:
        return []
    encoded = encode(folder, samples)
    rows = [
        NewItem(r.key, r.size, r.mtime_ns, r.digest, r.added, float(error))
        for r, error in zip(rows, encoded.errors, strict=True)
    ]
    theirs = [row.key for row in rows if row.added]

    def edit(store: Store) -> tuple[Ids, Ids]:
        notes = _notes(folder, theirs, REPLACED)
        ids = store.put(rows, encoded.codes)
        store.skip(notes)
        store.put_contents(ids, contents_kept)
        none = [""] * len(ids)
        encoded.write(store, ids, none, none)
        if folder.fields.are_kept:  # what the source says of another content
            folder.fields.put_columns(dict.fromkeys(ids.tolist(), ""))
        if looks is not None:
            looks.write(store, ids, [row.digest for row in rows])
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
    if not isinstance(contents, Iterable):
        raise ParameterError(f"contents are paths, or contents by key; got {contents!r}")
    for path in contents:
        if not isinstance(path, str | Path):
            raise ParameterError(
                f"what has no path needs a key: add({{key: content}}); got {type(path).__name__}"
            )
        yield key_for(folder.source, Path(path)), Path(path)


def _notes(folder: IndexFolder, keys: Sequence[str], reason: str) -> list[Skipped]:
    """Lines for those of some keys under which the source has something, or had."""
    there = folder.store.of_source(keys)
    if not folder.is_tabular:
        walked = [key for key in keys if key not in there and is_walked(folder.source, key)]
        there |= dict.fromkeys(walked, Known(0, 0))
    return [Skipped(key, reason, True, size, mtime) for key, (size, mtime, _) in there.items()]


def _parts_of(folder: IndexFolder, keys: Sequence[str]) -> list[str]:
    """Keys of the further items of files: the pages of a TIFF go with it."""
    files = [key for key in keys if may_hold_parts(key)]
    known = parts_by_file(folder.store.known()) if files else {}
    return [part for file in files for part in known.get(file, ()) if part not in keys]


def remove(folder: IndexFolder, keys: list[str]) -> int:
    """Remove items manually; see `Index.remove`."""
    with folder.writing():
        keys = [*keys, *_parts_of(folder, keys)]
        ids = folder.store.ids_of(keys)
        missing = [key for key in keys if key not in ids]
        if missing:
            raise UnknownKeyError(
                f"there is no item '{missing[0]}' in {folder.name}; nothing was removed"
            )
        notes = _notes(folder, list(ids), REMOVED)
        digests = {item.key: item.digest for item in folder.store.items() if item.key in ids}
        notes = [replace(note, cause=cause_of_removal(digests[note.key])) for note in notes]

        def edit(store: Store) -> tuple[Ids, Ids]:
            store.remove(ids)
            store.forget(ids)
            store.skip(notes)
            return NO_IDS, np.array(list(ids.values()), dtype=np.int64)

        folder.publish(edit)
    return len(ids)


def restore(folder: IndexFolder, keys: list[str]) -> int:
    """Let what was removed manually come back; see `Index.restore`."""
    with folder.writing():
        removed = set(folder.store.removed_manually())
        missing = [key for key in keys if key not in removed]
        if missing:
            raise UnknownKeyError(
                f"'{missing[0]}' was not removed from {folder.name} by hand; nothing was restored"
            )
        parts = parts_by_file(removed)
        whole = {*keys, *(part for key in keys for part in parts.get(key, ()))}
        with folder.store.transaction():
            folder.store.forget(whole)
            folder.store.doubt(parts_by_file(whole))  # a page is read with its file
    return len(whole)


def items_meant(folder: IndexFolder, words: Iterable[str]) -> list[str]:
    """Keys of the items that words mean: each a key, the path of a file, or a glob of keys.

    Raises
    ------
    UnknownKeyError
        If one of them means none.
    """
    found: dict[str, None] = {}
    for word in words:
        key = folder.keys.meant(word)
        meant = [key] if key else list(folder.keys_of(folder.matching(word).tolist()).values())
        if not meant:
            raise UnknownKeyError(
                f"there is no item '{word}' in {folder.name}; nothing was removed"
            )
        found.update(dict.fromkeys(meant))
    return list(found)


def removed_meant(folder: IndexFolder, words: Iterable[str]) -> list[str]:
    """Keys removed by hand that words mean, as `items_meant` reads them.

    Raises
    ------
    UnknownKeyError
        If one of them means none.
    """
    removed = folder.store.removed_manually()
    found: dict[str, None] = {}
    for word in words:
        candidates = folder.keys.candidates(word)
        written = set(map(canonical, candidates))
        globs = {canonical(glob) for one in written for glob in readings(one)}
        meant = (
            [key for key in candidates if key in removed][:1]
            or [key for key in removed if canonical(key) in written]
            or [key for key in removed if any(fnmatchcase(canonical(key), g) for g in globs)]
        )
        if not meant:
            raise UnknownKeyError(
                f"nothing like '{word}' was removed from {folder.name} by hand; nothing was "
                "restored"
            )
        found.update(dict.fromkeys(meant))
    return list(found)
