"""The pictures of an index as duplicates are compared: packed, with perturbed copies of some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xxhash
from PIL import Image

from aesearch.duplicates.packing import ROW, views
from aesearch.duplicates.perturb import perturbed_copy
from aesearch.ingest.decode import decode
from aesearch.ingest.differences import source_of
from aesearch.modalities.images.pixels import open_picture
from aesearch.search.index import Index
from aesearch.sources.base import Entry, Source
from aesearch.sources.folder import Folder
from aesearch.storage.schema import Item
from aesearch.storage.scratch import scratch_array
from aesearch.types import Ids, Pixels, Progress

IN_MEMORY = 2 << 30
SHRUNK = 192  # pixels of the longest side from which copies are made


class _Files(Folder):
    """The files of an index; of one added manually, its contents in the database."""

    def __init__(self, root: Path, added: Mapping[str, bytes]) -> None:
        super().__init__(root)
        self.added = added

    def read(self, key: str) -> bytes:
        return self.added[key] if key in self.added else super().read(key)


class Views:
    """Packed pictures: of n items, of perturbed copies of some, and what their borders enclose.

    Parameters
    ----------
    index : Index
    items : sequence of Item
    copies : sequence of int
        How many perturbed copies to make of each item.
    progress : callable

    Attributes
    ----------
    squares : ndarray of uint8, shape (rows, 18432)
        First the items, in their order, then the copies, then second views of both.
    second : ndarray of int64, shape (n + copies,)
        The row of the second view of each; -1 where there is none.
    original : ndarray of int64, shape (copies,)
        The item of each copy.
    good : ndarray of int64
        The items that could be read.
    unread : dict of key to str
        The others, and why.
    """

    def __init__(
        self, index: Index, items: Sequence[Item], copies: Sequence[int], progress: Progress
    ) -> None:
        self.original = np.repeat(np.arange(len(items)), copies)
        pictures = len(items) + len(self.original)
        self.second = np.full(pictures, -1)
        self.unread: dict[str, str] = {}
        shape = (2 * pictures, ROW)
        in_memory = shape[0] * ROW <= IN_MEMORY
        self.squares: Pixels = (np.zeros if in_memory else scratch_array)(shape, np.uint8)
        self._rows = pictures
        self._read(index, items, dict(zip((i.key for i in items), copies, strict=True)), progress)
        self.squares = self.squares[: self._rows]
        read = np.array([item.key not in self.unread for item in items], dtype=bool)
        self.good = np.flatnonzero(read)

    def _read(
        self, index: Index, items: Sequence[Item], copies: Mapping[str, int], progress: Progress
    ) -> None:
        added = {} if index.is_tabular else index.folder.added_contents()
        files: Source = source_of(index.folder) if index.is_tabular else _Files(index.source, added)

        def read(content: bytes, name: str) -> list[list[Pixels]]:
            picture = open_picture(content, name)
            return [views(picture), *map(views, _copies_of(picture, name, copies[name]))]

        entries = [Entry(i.key, i.size, i.mtime_ns) for i in items]
        copy = len(items)
        for row, one in enumerate(decode(files, entries, read, progress)):
            if one.sample is None:
                self.unread[items[row].key] = one.reason
            elif one.digest != items[row].digest and items[row].key not in added:
                reason = "changed since it was indexed: run 'aesearch index' again"
                self.unread[items[row].key] = reason
            else:
                for number, own in enumerate(one.sample):
                    self._put(copy + number - 1 if number else row, own)
            copy += copies[items[row].key]

    def _put(self, picture: int, own: Sequence[Pixels]) -> None:
        self.squares[picture] = own[0]
        if len(own) > 1:
            self.squares[self._rows] = own[1]
            self.second[picture] = self._rows
            self._rows += 1

    def rows_of(self, pictures: Ids) -> tuple[Ids, Ids]:
        """All views of pictures: their rows, and for each the position of its picture."""
        second = self.second[pictures]
        bordered = np.flatnonzero(second >= 0)
        return (
            np.concatenate([pictures, second[bordered]]),
            np.concatenate([np.arange(len(pictures)), bordered]),
        )


def _copies_of(picture: Image.Image, name: str, count: int) -> list[Image.Image]:
    if not count:
        return []
    small = picture.copy()
    small.thumbnail((SHRUNK, SHRUNK))
    seed = xxhash.xxh3_64_intdigest(name.encode(errors="surrogateescape"))
    return [perturbed_copy(small, [seed, number]) for number in range(count)]
