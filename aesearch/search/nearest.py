"""The nearest documents of codes, where a document has rows of its own for its passages."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aesearch.engines import Engine
from aesearch.ingest.passages import DOCUMENT
from aesearch.types import Floats, Ids

DEEPER = 4  # times as many rows are looked for, where passages crowd documents out


class Nearest(NamedTuple):
    """Documents, best first, each at its nearest row.

    Attributes
    ----------
    ids : ndarray of int64
    scores : ndarray of float32
        Cosines.
    rows : ndarray of int64
        The row that was nearest: of the document itself, or of a passage of it.
    """

    ids: Ids
    scores: Floats
    rows: Ids

    @classmethod
    def of(cls, rows: Ids, scores: Floats, k: int) -> Nearest:
        """Return the `k` best documents of some rows, which are best first; row -1 is none."""
        scores, rows = scores[rows >= 0], rows[rows >= 0]
        ids = rows & DOCUMENT
        first = np.sort(np.unique(ids, return_index=True)[1])[:k]
        return cls(ids[first], scores[first], rows[first])


def nearest_documents(
    engine: Engine, codes: Floats, k: int, among: Ids | None, count: int
) -> list[Nearest]:
    """Search the `k` nearest documents of each code.

    Parameters
    ----------
    engine : Engine
    codes : ndarray of float32, shape (n, code_size)
    k : int
    among : ndarray of int64 or None
        Only these rows.
    count : int
        How many rows there are to be found.
    """
    nothing = np.empty(0, dtype=np.int64)
    found = [Nearest(nothing, np.empty(0, dtype=np.float32), nothing)] * len(codes)
    left, wanted = list(range(len(codes))), min(k, count)
    while left and wanted:
        rows, scores = engine.search(codes[left], wanted, among=among)
        cosines = np.clip(scores, -1, 1)
        for place, own, own_scores in zip(left, rows, cosines, strict=True):
            found[place] = Nearest.of(own, own_scores, k)
        if wanted == count:
            break
        left = [place for place in left if len(found[place].ids) < k]
        wanted = min(count, DEEPER * wanted)
    return found
