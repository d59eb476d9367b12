"""The threshold: from how alike unlike items are in this collection, and how alike copies are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]

ALARM = 0.005  # false pairs for each item
LEAST = 40  # scores of unlike pairs that a tail can be fitted to
MOST = 400
TAIL = 0.1  # of them at most are its tail
CEILING = 0.005  # share of the copies that score less than where unlike pairs are looked for
LOST = 0.01  # share of copies given up although fewer false alarms were asked for
HIGHEST = 0.995


@dataclass(frozen=True)
class Calibration:
    """A threshold, and what is to be expected of it.

    Attributes
    ----------
    threshold : float
        Pairs that score at least this are taken for copies.
    found : float
        Share of the distorted copies of the collection's own items that score so.
    false_pairs : float or None
        False pairs to be expected in the whole collection; None where there were too few unlike
        pairs to tell.
    alarm : float or None
        The false pairs for each item that were asked for; None where the threshold was given.
    copies : int
        Distorted copies that it was measured on.
    """

    threshold: float
    found: float
    false_pairs: float | None
    alarm: float | None
    copies: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return asdict(self)


def calibrated(
    pairs: Scores,
    copies: Scores,
    items: int,
    *,
    alarm: float = ALARM,
    threshold: float | None = None,
    lowest: float = 0.0,
) -> Calibration:
    """Choose the threshold.

    Among the pairs are copies that nobody has marked, so the scores in reach of copies are left
    out: an exponential tail, in -log(1 - score), is fitted to the best of the others, and
    continued to where it promises few enough.

    Parameters
    ----------
    pairs : ndarray of shape (n,)
        Scores of the candidate pairs of the whole collection.
    copies : ndarray of shape (m,)
        Scores of items with distorted copies of them; what was never a candidate scores -1.
    items : int
        In the collection.
    alarm : float
        False pairs allowed for each item.
    threshold : float, optional
        Given by hand: then only what to expect of it is measured.
    lowest : float
        Least threshold, whatever is measured.
    """
    reached = copies[copies > -1]
    ceiling = float(np.quantile(reached, CEILING)) if len(reached) else 1.0
    tail = _Tail.fit(pairs[pairs < ceiling], ceiling)
    chosen = threshold
    if chosen is None:
        least = max(lowest, float(np.quantile(reached, LOST)) if len(reached) else lowest)
        # Without a tail the next best: where all but a few of the copies are.
        chosen = max(least, tail.where(alarm * items)) if tail else max(least, ceiling)
        chosen = min(chosen, HIGHEST)
    return Calibration(
        threshold=float(chosen),
        found=float((copies >= chosen).mean()) if len(copies) else 0.0,
        false_pairs=tail.beyond(float(chosen)) if tail else None,
        alarm=None if threshold is not None else alarm,
        copies=len(copies),
    )


@dataclass(frozen=True)
class _Tail:
    """How many unlike pairs score above `start`, and how quickly they become fewer."""

    number: float
    start: float
    rate: float

    @classmethod
    def fit(cls, scores: Scores, ceiling: float) -> _Tail | None:
        count = min(MOST, int(len(scores) * TAIL))
        if len(scores) < LEAST or ceiling <= 0:
            return None
        count = max(count, LEAST // 2)
        best = np.sort(scores)[::-1][: count + 1]
        start = _stretched(max(0.0, float(best[-1])))
        above = np.maximum(0, _stretched(best[:-1]) - start)
        width = max(_stretched(ceiling) - start, 1e-6)
        rate = _truncated_rate(float(above.mean()), width)
        # What lies above the ceiling was left out, and belongs to the tail as well.
        return cls(count / -np.expm1(-rate * width), start, rate)

    def beyond(self, score: float) -> float:
        """Return how many unlike pairs are to be expected above a score."""
        return float(self.number * np.exp(-self.rate * max(0.0, _stretched(score) - self.start)))

    def where(self, number: float) -> float:
        """Return the score above which so many are to be expected."""
        place = self.start + np.log(max(self.number / max(number, 1e-12), 1.0)) / self.rate
        return float(-np.expm1(-place))


def _stretched(scores: Any) -> Any:
    return -np.log1p(-np.minimum(scores, 0.9999))


def _truncated_rate(mean: float, width: float) -> float:
    """Return the rate of an exponential distribution, cut off at `width`, that has this mean."""
    low, high = 0.1 / width, 1e4 / width  # nearly level; and as steep as no tail is
    for _ in range(80):
        rate = np.sqrt(low * high)
        if 1 / rate - width / np.expm1(min(rate * width, 700)) > mean:
            low = rate
        else:
            high = rate
    return float(np.sqrt(low * high))
