"""The local features of an index: which of its pictures another one was made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aesearch.originals.borders import trimmed
from aesearch.originals.local import ASKED, BYTES, Local
from aesearch.originals.match import FARTHEST, Movement, Overlap, compared, movement, overlap
from aesearch.types import Ids, Pixels

NEAREST = 2  # corners of the index for each that asks
TABLES, KEY = 6, 16  # hash tables of descriptors, and the bits that are looked up in each
SMALL = 200_000  # corners up to which a first search goes through all: tables take a while
VOTED, LAID = 10, 2  # candidates that are moved onto the query, and of these compared
FEW = 24  # corners of the query, up to which pictures are compared as they lie too
CERTAIN = 0.9  # share of a picture: less was cropped away, or more than the picture is shown
LEVEL = 4.0  # degrees that nobody calls turned
FLIP = Image.Transpose.FLIP_LEFT_RIGHT
QUARTERS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


class Candidate(NamedTuple):
    """A picture that the query may have been made from; the best is the greatest."""

    score: float
    id: int
    how: str


class Album:
    """Pictures of an index, as originals.

    Parameters
    ----------
    ids : ndarray of int64
    packed : sequence of bytes
        The `Local` of each.
    """

    def __init__(self, ids: Ids, packed: Sequence[bytes]) -> None:
        self.ids, self._packed = ids, packed
        self._row = {int(id): row for row, id in enumerate(ids)}
        bits = [Local.bits_of(one) for one in packed]
        self._bits = np.concatenate([np.empty((0, BYTES), np.uint8), *bits])
        self._owner = np.repeat(np.arange(len(ids)), [len(own) for own in bits])
        self._engine: faiss.IndexBinary | None = None
        self._asked = False

    def find(
        self, picture: Image.Image, least: float, near: Sequence[int] = (), but: int | None = None
    ) -> list[Candidate]:
        """The pictures that this one was made from, best first.

        Parameters
        ----------
        picture : Image
            RGB.
        least : float
            Agreement from which it is the same picture.
        near : sequence of int
            Ids of the items nearest by codes, where corners find none.
        but : int, optional
            Id of the one that is not looked for.
        """
        inner = trimmed(picture)
        share = inner.width * inner.height / (picture.width * picture.height)
        corners = 0
        for mirrored in (False, True):
            asked = Local.of(inner.transpose(FLIP) if mirrored else inner, ASKED)
            corners = max(corners, len(asked.bits))
            found = self._by_corners(asked, share, least, but, mirrored=mirrored)
            if found:
                return found
        if corners > FEW:
            return []
        return self._by_pixels(inner, share, least, [id for id in near if id != but])

    def _by_corners(
        self, asked: Local, share: float, least: float, but: int | None, *, mirrored: bool
    ) -> list[Candidate]:
        moved: list[tuple[int, int, Local, Movement]] = []
        for row in self._voted(asked, None if but is None else self._row[but]):
            other = Local.unpacked(self._packed[row])
            move = movement(asked, other)
            if move is not None:
                moved.append((move.corners, row, other, move))
        moved.sort(key=lambda one: (-one[0], one[1]))
        found = []
        for _, row, other, move in moved[:LAID]:
            laid = overlap(asked, other, move)
            if laid.score >= least:
                how = in_words(move, laid, share, mirrored=mirrored)
                found.append(Candidate(laid.score, int(self.ids[row]), how))
        return sorted(found, key=lambda one: (-one.score, one.id))

    def _voted(self, asked: Local, but: int | None) -> list[int]:
        """Rows of the pictures that have most corners like those of the query."""
        if not len(asked.bits) or not len(self._bits):
            return []
        distances, corners = self._search(asked.bits)
        votes = np.where(corners >= 0, np.maximum(FARTHEST - distances, 0), 0)
        owners = self._owner[np.maximum(corners, 0)]
        counts = np.bincount(owners.ravel(), votes.ravel(), len(self.ids))
        if but is not None:
            counts[but] = 0
        best = np.argsort(-counts, kind="stable")[:VOTED]
        return [int(row) for row in best if counts[row] > 0]

    def _search(self, bits: Pixels) -> tuple[NDArray[np.int32], Ids]:
        if self._engine is None and (self._asked or len(self._bits) > SMALL):
            self._engine = faiss.IndexBinaryMultiHash(8 * BYTES, TABLES, KEY)
            self._engine.add(self._bits)
        if self._engine is None:  # the only search of a process, perhaps
            self._asked = True
            flat = faiss.IndexBinaryFlat(8 * BYTES)
            flat.add(self._bits)
            return flat.search(bits, NEAREST)
        return self._engine.search(bits, NEAREST)

    def _by_pixels(
        self, inner: Image.Image, share: float, least: float, near: Sequence[int]
    ) -> list[Candidate]:
        """Compared as it lies, mirrored and turned; for pictures without corners."""
        rows = [self._row[id] for id in near if id in self._row]
        found = []
        for row in rows[:LAID]:
            shown = Local.unpacked(self._packed[row]).picture
            score = compared(inner, shown)
            if score >= least:
                how = "with a border" if share < CERTAIN else CHANGED
                found.append(Candidate(score, int(self.ids[row]), how))
        return sorted(found, key=lambda one: (-one.score, one.id))


CHANGED = "changed a little"


def in_words(move: Movement, laid: Overlap, share: float, *, mirrored: bool) -> str:
    """What was done to a picture: 'mirrored, cropped'."""
    angle = round(move.angle)
    words = ["mirrored"] if mirrored else []
    if abs(angle) > LEVEL:
        words.append(f"turned by {abs(angle)} degrees")
    if laid.covered < CERTAIN:
        words.append("cropped")
    if share < CERTAIN or (laid.within < CERTAIN and abs(angle) <= LEVEL):
        words.append("in a larger picture")
    return ", ".join(words) or CHANGED
