"""Metrics of rankings and their intervals: arrays in, numbers out.

Definitions are those of trec_eval. What `evaluation` has is not repeated here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import ParameterError
from aesearch.evaluation.check import sortable
from aesearch.types import Bools, Doubles, Floats, Ints

RESAMPLES = 1_000
LEVEL = 0.95
AT_ONCE = 4_000_000  # drawn numbers held at once


def ranking(scores: Floats) -> Ints:
    """Return the columns of each row of `scores`, highest score first.

    Parameters
    ----------
    scores : ndarray of float32, shape (m, n)
        Equal ones are ranked by column, those that are not a number last.

    Returns
    -------
    ndarray of int64, shape (m, n)
    """
    keys = sortable(np.ascontiguousarray(scores, dtype=np.float32))
    keys |= np.arange(scores.shape[1], dtype=np.uint64)
    keys.sort(axis=1)
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


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
    if ideal is None:
        ideal = -np.sort(-gains, axis=1)
    best = _discounted(ideal[:, :k])
    reached = _discounted(gains[:, :k])
    return np.divide(reached, best, out=np.zeros(len(gains)), where=best > 0)


def _discounted(gains: NDArray[np.integer]) -> Doubles:
    discounts = np.log2(np.arange(2, gains.shape[1] + 2))
    return np.asarray((np.maximum(gains, 0) / discounts).sum(axis=1), dtype=np.float64)


def nearest_label(labels: Ints) -> Ints:
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


@dataclass(frozen=True)
class Estimate:
    """A mean over queries, and the interval that it lies in with 95 % confidence."""

    mean: float
    low: float
    high: float

    def as_list(self) -> list[float]:
        """Return the three as JSON."""
        return [self.mean, self.low, self.high]


def bootstrap(values: Doubles, seed: int = 0, resamples: int = RESAMPLES) -> list[Estimate]:
    """Return the mean of each column, with the interval of the percentile bootstrap over rows.

    Equal seeds draw equal resamples of equally many rows, so that two methods are compared on the
    same ones.

    Parameters
    ----------
    values : ndarray of float64, shape (queries, columns)
    seed : int
    resamples : int

    References
    ----------
    B. Efron and R. Tibshirani, An introduction to the bootstrap, 1993.
    T. Sakai, Evaluating evaluation metrics based on the bootstrap, SIGIR 2006.
    """
    if values.ndim != 2 or not len(values):
        raise ParameterError(f"values must be (queries, columns), not none; got {values.shape}")
    queries = len(values)
    rng = np.random.default_rng([seed, queries])
    step = max(1, AT_ONCE // queries)
    means = []
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        drawn = rng.integers(0, queries, (count, queries)) + queries * np.arange(count)[:, None]
        often = np.bincount(drawn.ravel(), minlength=count * queries).reshape(count, queries)
        means.append(often @ values / queries)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(np.concatenate(means), [tail, 100 - tail], axis=0)
    return [
        Estimate(float(m), float(a), float(b))
        for m, a, b in zip(values.mean(axis=0), low, high, strict=True)
    ]
