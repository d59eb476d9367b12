"""Vectors that are copies of one another: nearest codes, and how near noisy copies are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aesearch.duplicates.pairs import NO_PAIRS, Candidates, Pairs, unique_pairs
from aesearch.engines.faiss import exact_neighbors
from aesearch.indexing.datasets.vectors import noisy
from aesearch.search.index import Index
from aesearch.storage.schema import Item
from aesearch.types import Bools, Floats, Ids, Progress, silent

NEAREST = 8
COPIES = 1000
NOISE = 0.3  # length of the noise of a copy, in median distances of nearest neighbors


def find_candidates(index: Index, items: Sequence[Item], progress: Progress = silent) -> Candidates:
    """Compare the vectors of an index, by the cosine of their codes; no file is read.

    Parameters
    ----------
    index : Index
    items : sequence of Item
        To compare, no two of the same content. Rows of the result are places in it.
    progress : callable
    """
    progress("comparing", 0, len(items))
    codes = _codes(index, items)

    def score(first: Ids, second: Ids, flipped: Bools) -> Floats:
        found = np.einsum("ij,ij->i", codes[first], codes[second])
        scores: Floats = np.where(flipped, -1, found).astype(np.float32)  # they have no mirror
        return scores

    if len(items) < 2:
        return Candidates(NO_PAIRS, np.empty(0, np.float32), score)
    k = min(NEAREST + 1, len(items))
    nearest = exact_neighbors(codes, codes, k)
    first = np.repeat(np.arange(len(items)), k)
    pairs = unique_pairs(first, nearest.ravel(), np.zeros(nearest.size, dtype=bool))
    copies = _copies(codes, k)
    progress("comparing", len(items), len(items))
    return Candidates(Pairs(*pairs, score(*pairs)), copies, score)


def _codes(index: Index, items: Sequence[Item]) -> Floats:
    """The codes of items, in their order."""
    ids, codes = index.folder.store.codes([item.id for item in items])
    places = {id: place for place, id in enumerate(ids.tolist())}
    found: Floats = codes[[places[item.id] for item in items]]
    return found


def _copies(codes: Floats, k: int) -> Floats:
    """Scores of noisy copies with their original; -1 where it is none of their nearest."""
    chosen = np.sort(np.random.default_rng(0).permutation(len(codes))[:COPIES])
    copies = noisy(codes, chosen, 0, NOISE)
    met = (exact_neighbors(copies, codes, k) == chosen[:, None]).any(axis=1)
    scores = np.einsum("ij,ij->i", copies, codes[chosen])
    return np.where(met, scores, -1).astype(np.float32)
