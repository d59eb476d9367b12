"""Metrics of rankings, by query: arrays in, numbers out.

Definitions are those of trec_eval. Scores are inner products or the like, higher is closer.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import ParameterError
from aesearch.types import Bools, Doubles, Floats, Ints

BLOCK = 2_000_000  # scores held at once; ranking one takes about 40 bytes
# Equal codes may differ in the last bits of their scores: BLAS sums edge rows in another order.
TIE = 1e-6
# Up to this many equal scores are taken for duplicates. More, and the code tells nothing apart: a
# code that has collapsed to one point must not pass for one that finds everything.
MOST_DUPLICATES = 10


def ranking(scores: Floats, first: int | None = None) -> Ints:
    """Return the columns of each row of `scores`, highest score first.

    Parameters
    ----------
    scores : ndarray of float32, shape (m, n)
        Equal ones are ranked by column, those that are not a number last.
    first : int, optional
        Only so many of each row; by default all.

    Returns
    -------
    ndarray of int64, shape (m, n) or (m, min(n, first))
    """
    # One 64-bit number holds score and column: a plain sort of it is stable, and several times
    # quicker than a stable argsort.
    keys = _ascending(np.asarray(scores, dtype=np.float32))
    keys |= np.arange(scores.shape[1], dtype=np.uint64)
    if first is not None and first < keys.shape[1]:
        keys = np.partition(keys, first - 1, axis=1)[:, :first]
    keys.sort(axis=1)
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _ascending(scores: Floats) -> NDArray[np.uint64]:
    """Return numbers that ascend where scores descend, their lower 32 bits free for a payload."""
    falling = np.where(np.isnan(scores), np.float32(np.inf), np.float32(0) - scores)
    bits = falling.view(np.int32)  # 0 - 0 has no negative zero; below zero larger is lower
    bits ^= (bits >> 31) & np.int32(0x7FFFFFFF)
    keys = (bits.view(np.uint32) ^ np.uint32(1 << 31)).astype(np.uint64)
    keys <<= np.uint64(32)
    return keys


def ranked_relevance(
    queries: Floats, codes: Floats, query_labels: Ints, labels: Ints
) -> Iterator[Bools]:
    """Rank all codes for each query and yield, in blocks of queries, which share its label.

    Parameters
    ----------
    queries : ndarray of float32, shape (m, d)
    codes : ndarray of float32, shape (n, d)
    query_labels : ndarray of int64, shape (m,)
    labels : ndarray of int64, shape (n,)

    Yields
    ------
    ndarray of bool, shape (block, n)
        Best first; ranked as `ranking` does.
    """
    step = max(1, BLOCK // max(1, len(codes)))
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        yield labels[ranking(queries[block] @ codes.T)] == query_labels[block, None]


def ranks_of(scores: Floats, targets: Ints) -> Ints:
    """Return the rank, from 1, at which each query finds its one target.

    A few items that score the same as the target are duplicates of it, and any of them will do:
    the best of their ranks counts. Of more than `MOST_DUPLICATES` the worst does.

    Parameters
    ----------
    scores : ndarray of float32, shape (m, n)
    targets : ndarray of int64, shape (m,)
        Column that each query should find.

    Returns
    -------
    ndarray of int64, shape (m,)
    """
    own = np.take_along_axis(scores, targets[:, None], axis=1)
    # Counted from below, so that a score that is not a number makes the rank bad, not good.
    reached = (scores <= own + TIE).sum(axis=1)
    below = (scores < own - TIE).sum(axis=1)
    count = scores.shape[1]
    best = count - reached + 1
    ranks: Ints = np.where(reached - below <= MOST_DUPLICATES, best, count - below)
    return ranks


def precision_at(relevant: Bools, k: int) -> Doubles:
    """Return the share of relevant items among the first `k`, for each query.

    Parameters
    ----------
    relevant : ndarray of bool, shape (queries, ranked items)
        Whether the item at each rank is relevant, best rank first.
    k : int
        Cut-off. A ranking shorter than this is divided by `k` all the same.

    Returns
    -------
    ndarray of float64, shape (queries,)
    """
    if k < 1:
        raise ParameterError(f"k must be at least 1; got {k}")
    return np.asarray(_checked(relevant)[:, :k].sum(axis=1) / k, dtype=np.float64)


def average_precision(relevant: Bools, total: Ints | int | None = None) -> Doubles:
    """Return the mean of the precisions at the rank of each relevant item, for each query.

    Parameters
    ----------
    relevant : ndarray of bool, shape (queries, ranked items)
        Whether the item at each rank is relevant, best rank first.
    total : int or ndarray of int64, shape (queries,), optional
        Relevant items that exist, where the ranking was cut off before all of them; those not
        ranked count as never found. By default all are taken to be in the ranking.

    Returns
    -------
    ndarray of float64, shape (queries,); 0 for a query without relevant items
    """
    relevant = _checked(relevant)
    counts = relevant.sum(axis=1)
    queries, ranks = np.nonzero(relevant)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    precisions = (np.arange(len(queries)) - before + 1) / (ranks + 1)
    sums = np.bincount(queries, weights=precisions, minlength=len(relevant))
    divisor = np.broadcast_to(counts if total is None else np.asarray(total), counts.shape)
    means: Doubles = np.divide(sums, divisor, out=np.zeros(len(relevant)), where=divisor > 0)
    return means


def reciprocal_rank(relevant: Bools) -> Doubles:
    """Return 1 / rank of the first relevant item, for each query; 0 where there is none.

    `relevant` and the result are shaped as in `precision_at`.
    """
    relevant = _checked(relevant)
    first = relevant.argmax(axis=1) + 1 if relevant.shape[1] else np.ones(len(relevant))
    return np.asarray(relevant.any(axis=1) / first, dtype=np.float64)


def _checked(relevant: Bools) -> Bools:
    relevant = np.asarray(relevant, dtype=bool)
    if relevant.ndim != 2:
        raise ParameterError(f"relevant must be (queries, ranked items); got {relevant.shape}")
    return relevant


def precision_curve(relevant: Bools, most: int) -> Doubles:
    """Return the precision at every cut-off from 1 to `most`, for each query.

    Parameters
    ----------
    relevant : ndarray of bool, shape (m, ranked items)
        Best rank first. A shorter ranking is filled up with what is not relevant.
    most : int

    Returns
    -------
    ndarray of float64, shape (m, most)
    """
    found = np.zeros((len(relevant), most))
    part = np.asarray(relevant[:, :most], dtype=np.float64)
    found[:, : part.shape[1]] = part
    return np.asarray(found.cumsum(axis=1) / np.arange(1, most + 1))


def recall_at(relevant: Bools, k: int, total: Ints | None = None) -> Doubles:
    """Return the share of all relevant items that are among the first `k`, for each query.

    Parameters
    ----------
    relevant : ndarray of bool, shape (m, ranked items)
    k : int
    total : ndarray of int64, shape (m,), optional
        Relevant items that exist; by default those in the ranking.

    Returns
    -------
    ndarray of float64, shape (m,); 0 for a query without relevant items
    """
    if k < 1:
        raise ParameterError(f"k must be at least 1; got {k}")
    total = relevant.sum(axis=1) if total is None else total
    return np.asarray(relevant[:, :k].sum(axis=1) / np.maximum(total, 1), dtype=np.float64)


def ndcg_at(
    gains: NDArray[np.integer], k: int, ideal: NDArray[np.integer] | None = None
) -> Doubles:
    """Return the normalised discounted cumulative gain of the first `k`, for each query.

    The gain of an item is its grade, and the discount log2(rank + 1), as in trec_eval's ndcg_cut
    and in scikit-learn.

    Parameters
    ----------
    gains : ndarray of int, shape (m, ranked items)
        Grade of the item at each rank; below 0 counts as 0.
    k : int
    ideal : ndarray of int, shape (m, j), optional
        The highest grades that exist for each query, descending; by default those of `gains`.

    Returns
    -------
    ndarray of float64, shape (m,); 0 for a query without a grade above 0

    References
    ----------
    K. Järvelin and J. Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002.
    """
    if k < 1:
        raise ParameterError(f"k must be at least 1; got {k}")
    if ideal is None:  # negated, so that the highest come first
        most = np.partition(-gains, k - 1, axis=1) if k < gains.shape[1] else -gains
        ideal = -np.sort(most[:, :k], axis=1)
    best = _discounted(ideal[:, :k])
    reached = _discounted(gains[:, :k])
    return np.divide(reached, best, out=np.zeros(len(gains)), where=best > 0)


def _discounted(gains: NDArray[np.integer]) -> Doubles:
    discounts = np.log2(np.arange(2, gains.shape[1] + 2))
    return np.asarray((np.maximum(gains, 0) / discounts).sum(axis=1), dtype=np.float64)


def majority_label(labels: Ints) -> Ints:
    """Return the label that most of the neighbours have; of equals, that of the nearest of them.

    Parameters
    ----------
    labels : ndarray of int64, shape (m, k)
        Of the neighbours, nearest first; those below 0 have no vote.

    Returns
    -------
    ndarray of int64, shape (m,); -1 where no neighbour has a label
    """
    votes = (labels[:, :, None] == labels[:, None, :]).sum(axis=2)
    votes[labels < 0] = 0
    rows = np.arange(len(labels))
    first = votes.argmax(axis=1)  # the first of equals is the nearest
    return np.where(votes[rows, first] > 0, labels[rows, first], -1)


def graded(gains: NDArray[np.integer]) -> dict[str, Doubles]:
    """Return the metrics of whole rankings, by query, from the grade at each rank, (m, n)."""
    relevant = gains > 0
    return {
        "precision_at_1": precision_at(relevant, 1),
        "precision_at_10": precision_at(relevant, 10),
        "recall_at_100": recall_at(relevant, 100),
        "average_precision": average_precision(relevant),
        "ndcg_at_10": ndcg_at(gains, 10),
    }
