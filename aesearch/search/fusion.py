"""Codes and words together: the fusion of two rankings, and feedback from the best of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aesearch.types import Floats, Ids

Scored = tuple[Ids, Floats]

CANDIDATES = 1000  # of each ranking
FEEDBACK, STRENGTH = 8, 1.0
WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
UNKNOWN = 0.2  # weight of the words where no check has found a better one
LEAST = 0.05  # a name or a number that no code knows should count a little, whatever the check says


def fuse(codes: Scored, words: Scored, weight: float) -> Scored:
    """Return the weighted sum of two rankings, best first, each brought to 0..1 before.

    Parameters
    ----------
    codes, words : (ids, scores)
        Higher is closer. What only one of them has counts as the lowest of the other.
    weight : float
        Of the words, in [0, 1].

    Returns
    -------
    ids, scores : ndarray of int64, ndarray of float32
        Scores in [0, 1]; equal ones by id.

    References
    ----------
    J. H. Lee, Analyses of multiple evidence combination, SIGIR 1997 (CombSUM).
    """
    ids = np.union1d(codes[0], words[0])
    total = np.zeros(len(ids), dtype=np.float32)
    for (found, scores), share in ((codes, 1 - weight), (words, weight)):
        if len(found):
            # A document without any of the words scores 0, below the last that was found.
            low = 0.0 if found is words[0] else float(scores.min())
            width = float(scores.max()) - low
            # What all have in common, a single one say, is the best there is.
            scaled = (scores - low) / width if width > 1e-9 else np.ones_like(scores)
            total[np.searchsorted(ids, found)] += share * scaled
    order = np.lexsort((ids, -total))
    return ids[order], total[order]


def with_feedback(
    query: Floats,
    nearest: Callable[[Floats], Scored],
    words: Scored,
    codes_of: Callable[[Ids], Floats],
    weight: float,
) -> Scored:
    """Search by code and words, move the query towards what was found first, and search again.

    Parameters
    ----------
    query : ndarray of float32, shape (1, code_size)
    nearest : callable
        From such a code to the nearest documents and their scores.
    words : (ids, scores)
        What BM25 found.
    codes_of : callable
        Codes of documents by id.
    weight : float
        Of the words.

    References
    ----------
    J. Rocchio, Relevance feedback in information retrieval, 1971.
    """
    first = fuse(nearest(query), words, weight)[0][:FEEDBACK]
    if not len(first):
        return fuse(nearest(query), words, weight)
    moved = query + STRENGTH * codes_of(first).mean(axis=0, keepdims=True)
    moved /= max(float(np.linalg.norm(moved)), 1e-12)
    return fuse(nearest(moved.astype(np.float32)), words, weight)
