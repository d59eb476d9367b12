"""Which picture of an index another one was made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import faiss
import numpy as np
from PIL import Image

from aesearch.originals.borders import trimmed
from aesearch.originals.local import ASKED, BYTES, TINY, Local
from aesearch.originals.match import FARTHEST, Movement, Overlap, compared, movement, overlap
from aesearch.originals.votes import voted
from aesearch.storage.database import Store

LISTED = 40  # candidates of which the corners are looked at
NEAREST = 2  # corners of these for each that asks
VOTED, LAID = 3, 2  # candidates that are moved onto the query, and of these compared
CLOSE = 2.5  # bits by which a corner of the query must be nearer to a candidate than FARTHEST
FEW = 24  # corners of the query, up to which pictures are compared as they lie too
CERTAIN = 0.9  # share of a picture: less was cropped away, or more than the picture is shown
LEVEL = 4.0  # degrees that nobody calls turned
FLIP = Image.Transpose.FLIP_LEFT_RIGHT


class Candidate(NamedTuple):
    """A picture that the query may have been made from; the best is the greatest."""

    score: float
    id: int
    how: str


class Album:
    """Pictures of an index, as originals.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, picture: Image.Image, least: float, near: Sequence[int] = ()) -> list[Candidate]:
        """The pictures that this one was made from, best first.

        Parameters
        ----------
        picture : Image
            RGB.
        least : float
            Agreement from which it is the same picture.
        near : sequence of int
            Ids of the items nearest by codes, where corners find none.
        """
        inner = trimmed(picture)
        if max(inner.size) < TINY:
            return []
        share = inner.width * inner.height / (picture.width * picture.height)
        corners = 0
        for mirrored in (False, True):
            asked = Local.of(inner.transpose(FLIP) if mirrored else inner, ASKED)
            corners = max(corners, len(asked.bits))
            found = [
                Candidate(laid.score, id, in_words(move, laid, share, mirrored=mirrored))
                for ids, move, laid in self.laid(asked)
                if laid.score >= least and laid.whole
                for id in ids
            ]
            if found:
                return sorted(found, key=lambda one: (-one.score, one.id))
        if corners > FEW:
            return []
        return self._by_pixels(inner, share, least, near)

    def laid(
        self, asked: Local, but: int | None = None
    ) -> list[tuple[list[int], Movement, Overlap]]:
        """The pictures that have most in common with one, as they lie on it, by all their ids."""
        moved: list[tuple[list[int], Local, Movement]] = []
        for ids, other in self._voted(asked, but):
            move = movement(asked, other)
            if move is not None:
                moved.append((ids, other, move))
        moved.sort(key=lambda one: (-one[2].corners, one[0]))
        return [(ids, move, overlap(asked, other, move)) for ids, other, move in moved[:LAID]]

    def _voted(self, asked: Local, but: int | None) -> list[tuple[list[int], Local]]:
        """Pictures that have most corners like those of the query, as told by all bits of these.

        One that is in the index several times is one picture of several ids.
        """
        if not len(asked.bits):
            return []
        packed = self._store.features(voted(self._store, asked.bits, LISTED, but))
        same: dict[bytes, list[int]] = {}
        for id, one in packed.items():
            same.setdefault(one, []).append(id)
        locals_ = [(ids, Local.unpacked(one)) for one, ids in same.items()]
        if not locals_:
            return []
        owner = np.repeat(np.arange(len(locals_)), [len(one.bits) for _, one in locals_])
        flat = faiss.IndexBinaryFlat(8 * BYTES)
        flat.add(np.concatenate([one.bits for _, one in locals_]))
        distances, corners = flat.search(asked.bits, NEAREST)
        close = np.where(corners >= 0, np.maximum(FARTHEST - distances, 0), 0)
        votes = np.bincount(owner[np.maximum(corners, 0)].ravel(), close.ravel(), len(locals_))
        best = np.argsort(-votes, kind="stable")[:VOTED]
        return [locals_[row] for row in best if votes[row] > CLOSE * len(asked.bits)]

    def _by_pixels(
        self, inner: Image.Image, share: float, least: float, near: Sequence[int]
    ) -> list[Candidate]:
        """Compared as it lies with the nearest by codes; for pictures without corners."""
        packed = self._store.features(near[:LAID])
        found = []
        for id, one in packed.items():
            score = compared(inner, Local.unpacked(one).picture)
            if score >= least:
                how = "with a border" if share < CERTAIN else CHANGED
                found.append(Candidate(score, id, how))
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
