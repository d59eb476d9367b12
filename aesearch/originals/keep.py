"""Local features of the pictures of an index: made once for each, and the threshold they need."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aesearch.duplicates.perturb import perturbed_copy
from aesearch.duplicates.threshold import calibrate
from aesearch.engines.threads import pool
from aesearch.errors import AesearchError
from aesearch.ingest.decode import decode
from aesearch.ingest.differences import source_of
from aesearch.modalities.images.pixels import open_picture
from aesearch.originals.album import Album
from aesearch.originals.local import SIDE, Local
from aesearch.originals.match import compared
from aesearch.sources.base import Entry, Source
from aesearch.sources.folder import Folder
from aesearch.storage.folder import IndexFolder
from aesearch.storage.lock import hold
from aesearch.types import Floats, Progress, silent

PORTION = 5_000
ASKING = 150  # pictures of the collection that ask for another which is none
FALSE = 0.002  # of them, that may be told another is the same
LEAST, MOST = 0.8, 0.95  # of the threshold: below, no two are the same; what scores more is
OUTGROWN = 1.25


def keep(folder: IndexFolder, progress: Progress = silent) -> None:
    """Make the local features of the items that have none yet, and choose the threshold."""
    store = folder.store
    missing = store.without_features()
    if not missing:
        return
    added = {} if folder.is_tabular else folder.added_contents()
    source: Source = source_of(folder) if folder.is_tabular else _Files(folder.source, added)
    for at in range(0, len(missing), PORTION):
        part = missing[at : at + PORTION]
        entries = [Entry(item.key, item.size, item.mtime_ns) for item in part]
        rows = []
        for item, one in zip(part, decode(source, entries, _read, progress), strict=True):
            known = one.sample is not None and (one.digest == item.digest or item.key in added)
            rows.append((item.id, item.digest, one.sample if known else b""))
        with hold(folder.layout), store.transaction():
            store.put_features(rows)
    threshold, count = store.same_from()
    packed = store.features()
    if threshold is None or len(packed) > OUTGROWN * count:
        chosen = _threshold(packed)
        with hold(folder.layout), store.transaction():
            store.put_same_from(chosen, len(packed))


def _read(content: bytes, name: str) -> bytes:
    return Local.of(open_picture(content, name, (SIDE, SIDE))).packed()


class _Files(Folder):
    """The files of an index; of one added manually, its contents in the database."""

    def __init__(self, root: Path, added: Mapping[str, bytes]) -> None:
        super().__init__(root)
        self.added = added

    def read(self, key: str) -> bytes:
        return self.added[key] if key in self.added else super().read(key)


def _threshold(packed: Mapping[int, bytes]) -> float:
    """The agreement from which pictures are the same, told by those that are not.

    Pictures of the collection ask for another than themselves: what is found is alike, and not the
    same. The collection may hold copies; how these score is told by perturbed ones.
    """
    album = Album(np.array(list(packed), dtype=np.int64), list(packed.values()))
    asking = np.random.default_rng(0).permutation(album.ids)[:ASKING].tolist()

    def others(id: int) -> list[float]:
        picture = Local.unpacked(packed[id]).picture.convert("RGB")
        return [one.score for one in album.find(picture, 0, but=id)]

    def copied(id: int) -> float:
        picture = Local.unpacked(packed[id]).picture.convert("RGB")
        return compared(perturbed_copy(picture, [0, id]), picture)

    with pool("originals") as threads:
        alike = [score for scores in threads.map(others, asking) for score in scores]
        copies = list(threads.map(copied, asking))
    found = calibrate(_array(alike), _array(copies), len(asking), alarm=FALSE)
    return float(np.clip(found.threshold, LEAST, MOST))


def _array(scores: list[float]) -> Floats:
    return np.array(scores, dtype=np.float32)


def kept(folder: IndexFolder, progress: Progress = silent) -> None:
    """Do as `keep` does, but let no failure of it fail what went before: it is only warned of."""
    try:
        keep(folder, progress)
    except AesearchError as error:
        warnings.warn(f"altered copies are not looked for yet: {error}", stacklevel=2)
