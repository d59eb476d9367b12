"""Originals of a query, as searching asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np

from aesearch.modalities.images.pixels import open_picture
from aesearch.originals.album import Album, Candidate
from aesearch.search.query import Query
from aesearch.storage.folder import IndexFolder

SHOWN = 256  # pixels of a side to which a large query is decoded


class Originals:
    """What a query was made from, of the pictures of an index.

    Parameters
    ----------
    folder : IndexFolder
    """

    def __init__(self, folder: IndexFolder) -> None:
        self._folder = folder
        self._lock = Lock()
        self._album: tuple[tuple[int, int], Album, float] | None = None

    def find(self, query: Query, near: Sequence[int]) -> list[Candidate]:
        """The originals of a query, best first.

        Parameters
        ----------
        query : Query
        near : sequence of int
            Ids of the items nearest by codes.
        """
        album, least = self._opened()
        if not len(album.ids):
            return []
        content = query.raw if query.content is None else query.content
        name = str(query.path or "")
        return album.find(open_picture(content, name, (SHOWN, SHOWN)), least, near)

    def _opened(self) -> tuple[Album, float]:
        with self._lock:
            seen = self._folder.store.data_version(), self._folder.revision.number
            if self._album is None or self._album[0] != seen:
                packed = self._folder.store.features()
                least, _ = self._folder.store.same_from()
                album = Album(np.array(list(packed), dtype=np.int64), list(packed.values()))
                self._album = seen, album, 2.0 if least is None else least
            return self._album[1:]
