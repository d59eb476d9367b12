"""Means over queries and their intervals, by the bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aesearch.errors import ParameterError
from aesearch.types import Doubles

RESAMPLES = 1_000
LEVEL = 0.95
AT_ONCE = 4_000_000  # drawn numbers held at once


@dataclass(frozen=True)
class Estimate:
    """A mean over queries, and the interval that it lies in with 95 % confidence."""

    mean: float
    low: float
    high: float

    @property
    def side(self) -> str:
        """Of a difference: 'better' or 'worse' where zero is outside the interval, else 'even'."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "even"

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


def paired_difference(one: Doubles, other: Doubles, seed: int = 0) -> Estimate:
    """Return by how much `one` is better than `other`, query by query: the paired bootstrap."""
    return bootstrap((one - other)[:, None], seed)[0]
