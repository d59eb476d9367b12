"""Local features of the pictures of an index: made once for each, and the threshold they need."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aesearch.engines.threads import pool
from aesearch.errors import AesearchError, ContentError
from aesearch.ingest.decode import decode
from aesearch.ingest.differences import source_of
from aesearch.modalities.images import channels_last
from aesearch.modalities.images.pixels import Content, open_picture
from aesearch.originals.local import SIDE, TINY, Local
from aesearch.originals.match import EQUAL
from aesearch.originals.votes import lists_of
from aesearch.sources.base import Entry, Source
from aesearch.sources.folder import Folder
from aesearch.storage.database import Store
from aesearch.storage.folder import IndexFolder
from aesearch.storage.lock import hold
from aesearch.storage.schema import Item
from aesearch.types import Ids, Progress, silent

PORTION = 5_000
IN_MEMORY = 1 << 28  # bytes of what is made while a first index is read
ASKING = 100  # pictures of the collection that ask for another than themselves
FALSE = 0.002  # of them, that may be told another is the same
START = 0.6  # agreement from which the scores of what is only alike are taken for a tail
PRIOR, EXCESS = 5, 0.25  # of its mean, on the scale of its logarithm, and how many it weighs
LEAST, MOST = 0.75, 0.9  # of the threshold
# Where more pictures than so many find others that score as altered copies do, these are a series
# of one motif: only what is all but equal is the same then.
RARE = 0.03
OUTGROWN = 1.25


def keep(folder: IndexFolder, progress: Progress = silent, source: Source | None = None) -> None:
    """Make the local features of the items that have none yet, and choose the threshold.

    Parameters
    ----------
    folder : IndexFolder
    progress : callable
    source : Source, optional
        Of the rows of a table; what is in memory cannot be found without it.
    """
    _make(folder, folder.store.without_features(), progress, source)
    _choose(folder)


def _make(
    folder: IndexFolder, missing: Sequence[Item], progress: Progress, source: Source | None
) -> None:
    """Make the local features of some items, a portion after the other."""
    if not missing:
        return
    added = {} if folder.is_tabular else folder.added_contents()
    if not folder.is_tabular:
        source = _Files(folder.source, added)
    elif source is None:
        source = source_of(folder)
    for at in range(0, len(missing), PORTION):
        part = missing[at : at + PORTION]
        entries = [Entry(item.key, item.size, item.mtime_ns) for item in part]
        rows = []
        for item, one in zip(part, decode(source, entries, _read, progress), strict=True):
            known = one.sample is not None and (one.digest == item.digest or item.key in added)
            rows.append((item.id, item.digest, one.sample if known else b""))
        with hold(folder.layout), folder.store.transaction():
            Looks.put(folder.store, rows)


def _choose(folder: IndexFolder) -> None:
    """Choose the threshold, where there is none, or the collection has outgrown it."""
    store = folder.store
    threshold, count = store.same_from()
    ids = store.with_features()
    if ids and (threshold is None or len(ids) > OUTGROWN * count):
        chosen = _threshold(store, ids)
        with hold(folder.layout), store.transaction():
            store.put_same_from(chosen, len(ids))


class Looks:
    """Local features made of pictures while these are read: added by hand, or dear to decode."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._size = 0

    def made(self, picture: Image.Image) -> bytes:
        """What is kept of one that is read for a first index; of very many, of the first."""
        packed = look(picture) if self._size < IN_MEMORY else b""
        self._size += len(packed)
        return packed

    def take(self, content: Any, name: str) -> None:
        """Look at one picture; what cannot be looked at as a whole has none."""
        try:
            self._packed.append(_read(channels_last(content), name))
        except ContentError:
            self._packed.append(b"")

    def write(self, store: Store, ids: Ids, digests: Sequence[bytes]) -> None:
        """Write them, in a transaction."""
        self.put(store, list(zip(ids.tolist(), digests, self._packed, strict=True)))

    @staticmethod
    def put(store: Store, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Write ids, digests of contents and what was made of them, in a transaction."""
        if rows:
            store.put_features(rows, lists_of({id: packed for id, _, packed in rows if packed}))


def _read(content: Content, name: str = "") -> bytes:
    return look(open_picture(content, name, (SIDE, SIDE)))


def look(picture: Image.Image) -> bytes:
    """What is kept of an RGB picture: nothing of a small one."""
    return Local.of(picture).packed() if max(picture.size) >= TINY else b""


class _Files(Folder):
    """The files of an index; of one added manually, its contents in the database."""

    def __init__(self, root: Path, added: Mapping[str, bytes]) -> None:
        super().__init__(root)
        self.added = added

    def read(self, key: str) -> bytes:
        return self.added[key] if key in self.added else super().read(key)


def _threshold(store: Store, ids: Sequence[int]) -> float:
    """The agreement from which pictures are the same, told by those that are not.

    Pictures of the collection ask for another than themselves: what is found is alike, and not the
    same, unless it scores as copies do. The scores are taken for an exponential tail in
    ``-log(1 - score)``, as of duplicates; the threshold is where it promises no more false ones.
    """
    from aesearch.originals.album import Album  # and with it faiss

    album = Album(store)
    asking = [ids[row] for row in np.random.default_rng(0).permutation(len(ids))[:ASKING]]
    locals_ = {id: Local.unpacked(one) for id, one in store.features(asking).items()}

    def others(id: int) -> list[float]:
        return [laid.score for *_, laid in album.laid(locals_[id], but=id) if laid.whole]

    with pool("originals") as threads:
        scores = np.array([score for own in threads.map(others, locals_) for score in own])
    series = ((scores >= MOST) & (scores < EQUAL)).sum() > RARE * len(asking)
    most = EQUAL if series else MOST
    alike = scores[(scores >= START) & (scores < most)]
    beyond = float((np.log1p(-START) - np.log1p(-alike)).sum()) + PRIOR * EXCESS
    mean = beyond / (len(alike) + PRIOR)
    above = mean * np.log(max(1, len(alike)) / (FALSE * max(1, len(asking))))
    return float(np.clip(1 - (1 - START) * np.exp(-above), LEAST, most))


def kept(folder: IndexFolder, progress: Progress = silent, source: Source | None = None) -> None:
    """Do as `keep` does, but let no failure of it fail what went before: it is only warned of."""
    try:
        keep(folder, progress, source)
    except AesearchError as error:
        warnings.warn(f"altered copies are not looked for yet: {error}", stacklevel=2)
