"""Content given by hand, under a key or by its path: added to an index, and taken out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.errors import ContentError, ParameterError, UnknownKeyError
from aesearch.ingest.arrival import encode
from aesearch.modalities.parts import may_hold_parts, parts_by_file, split_part
from aesearch.sources.base import as_key, as_line, digest_of, stamp_of
from aesearch.sources.content import read_content
from aesearch.storage.commit import NO_IDS
from aesearch.storage.database import Store, is_valid_text
from aesearch.storage.folder import IndexFolder
from aesearch.storage.lock import hold
from aesearch.storage.places import key_for
from aesearch.storage.schema import REMOVED, NewItem, Skipped
from aesearch.types import Ids

Contents = Mapping[str, Any] | Mapping[int, Any] | Iterable[str | Path]


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
        mtime = stamp_of(path.stat()) if path is not None else 0
        scanned = (folder.source / key).exists() and not Path(key).is_absolute()
        rows.append(NewItem(key, len(raw), mtime, digest_of(raw), added=not scanned))
        samples.append(sample)
        contents_kept.append(b"" if scanned else modality.as_kept(sample))
    if not rows:
        return []
    encoded = encode(folder, samples)
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


def _parts_of(folder: IndexFolder, keys: Sequence[str]) -> list[str]:
    """Keys of the further items of files: the pages of a TIFF go with it."""
    files = [key for key in keys if may_hold_parts(key)]
    known = parts_by_file(folder.store.known()) if files else {}
    return [part for file in files for part in known.get(file, ()) if part not in keys]


def remove(folder: IndexFolder, keys: list[str]) -> int:
    """Remove items manually; see `Index.remove`."""
    with hold(folder.layout):
        keys = [*keys, *_parts_of(folder, keys)]
        ids = folder.store.ids_of(keys)
        missing = [key for key in keys if key not in ids]
        if missing:
            raise UnknownKeyError(
                f"there is no item '{missing[0]}' in {folder.name}; nothing was removed"
            )
        notes = []
        scanned = folder.store.known() if folder.is_tabular else {}
        for key in ids:
            path = Path(split_part(str(folder.path_of(key)))[0])
            if folder.is_tabular:  # a row is still there, and must not return
                if key in scanned:
                    item = scanned[key]
                    notes.append(Skipped(key, REMOVED, True, item.size, item.mtime_ns))
            elif not Path(key).is_absolute() and path.exists():  # nor must a file
                status = path.stat()
                notes.append(Skipped(key, REMOVED, True, status.st_size, stamp_of(status)))

        def edit(store: Store) -> tuple[Ids, Ids]:
            store.remove(ids)
            store.skip(notes)
            return NO_IDS, np.array(list(ids.values()), dtype=np.int64)

        folder.publish(edit)
    return len(ids)
