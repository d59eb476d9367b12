"""The threshold: from how alike unlike items are in this collection, and how alike copies are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]

# False pairs for each item. Where messages quote one another there is every degree of copying:
# fewer would cost most of the copies.
LEAST = 40  # candidate pairs, below which nothing is said of unlike ones
MOST = 400  # of the best unlike pairs make the tail
LOST = 0.01  # share of the copies that a threshold may lose where nothing else asks for one
HIGHEST = 0.995
FARTHEST = 0.9999  # score from which all are as good as the same
LIKE_COPIES = 0.1  # least share of the pairs taken for copies that score as the better half does
HARDER = 0.85  # real copies may be changed more than those made here, and score less
PRIOR = 5.0  # pairs, that what is believed of the tail beforehand weighs as much as
BETTER = 0.98  # share of the copies
BINS, ROUNDS = 80, 300
SMOOTH = np.array([0.1, 0.2, 0.4, 0.2, 0.1])  # over bins: the copies are a sample
RATES = (1.0, 3.0, 10.0, 30.0)  # to begin with; the likeliest end counts


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
        False pairs to be expected in the whole collection, estimated; None where there were too
        few pairs to tell.
    alarm : float or None
        The false pairs for each item that were asked for; None where the threshold was given.
    copies : int
        Distorted copies that it was measured on.
    decided : {'alarm', 'copies', 'highest', 'given'}
        What set the threshold: the alarm rate; the copies, where that rate would have allowed a
        lower one, which finds hardly any more of them; the highest there is, where the rate
        cannot be kept; or the user.
    """

    threshold: float
    found: float
    false_pairs: float | None
    alarm: float | None
    copies: int
    decided: str = "alarm"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return asdict(self)


def calibrated(
    pairs: Scores,
    copies: Scores,
    items: int,
    *,
    alarm: float,
    threshold: float | None = None,
) -> Calibration:
    """Choose the threshold.

    Among the pairs are copies that nobody has marked. How those score is known from the distorted
    copies; how unlike pairs score is taken for an exponential tail in -log(1 - score). How many
    there are of either, and how steep the tail is, follows from the pairs (by expectation and
    maximisation; Dempster, Laird and Rubin 1977); the threshold is where the tail promises few
    enough. Real near-duplicates that score less than distorted copies do count as unlike, so the
    promise is rather kept too well.

    Parameters
    ----------
    pairs : ndarray of shape (n,)
        Scores of the candidate pairs of the whole collection; -1 where one was given up.
    copies : ndarray of shape (m,)
        Scores of items with distorted copies of them; what was never a candidate scores -1.
    items : int
        In the collection.
    alarm : float
        False pairs allowed for each item.
    threshold : float, optional
        Given by hand: then only what to expect of it is measured.
    """
    reached = copies[copies > -1]
    tail = _Tail.fit(pairs, reached)
    least = float(np.quantile(reached, LOST)) if len(reached) else HIGHEST
    wanted = tail.where(alarm * items) if tail else 0.0
    chosen, decided = max((wanted, "alarm"), (least, "copies"))
    if chosen > HIGHEST:
        chosen, decided = HIGHEST, "highest"
    if threshold is not None:
        chosen, decided = threshold, "given"
    return Calibration(
        threshold=float(chosen),
        found=float((copies >= chosen).mean()) if len(copies) else 0.0,
        false_pairs=tail.beyond(float(chosen)) if tail else None,
        alarm=None if threshold is not None else alarm,
        copies=len(copies),
        decided=decided,
    )


@dataclass(frozen=True)
class _Tail:
    """How many unlike pairs score above `start`, stretched, and how quickly they become fewer."""

    number: float
    start: float
    rate: float

    @classmethod
    def fit(cls, pairs: Scores, copies: Scores) -> _Tail | None:
        if len(pairs) < LEAST or not len(copies):
            return None
        best = np.sort(_stretched(pairs[pairs > 0]))[::-1]
        told = _stretched(copies)
        ceiling = float(np.quantile(told, LOST))
        ceiling *= HARDER
        below = best[best < ceiling]
        if len(below) >= 2 * LEAST:  # out of reach of copies: none is among them
            count = min(MOST, len(below) // 2)
            start = float(below[count])
            width = max(ceiling - start, 1e-6)
            rate = max(1.0, _truncated_rate(float(below[:count].mean()) - start, width))
            tail = cls(count / -float(np.expm1(-rate * width)), start, rate)
            rest = float((best >= ceiling).sum()) - tail.beyond(-float(np.expm1(-ceiling)))
            # What this does not explain must look like copies: half score above their median.
            if (best >= np.median(told)).sum() >= LIKE_COPIES * rest:
                return tail
        # Half of the copies score above their median: about so many of the best are copies.
        marked = min(len(best), 2 * int((best >= np.median(told)).sum()))
        unlike = len(best) - marked
        # Where pairs were given up early the lowest are not all there: the better half counts.
        count = min(len(best), marked + min(MOST, max(unlike // 2, 1)))
        start = float(best[count - 1]) if unlike >= LEAST else min([ceiling, *best[-1:].tolist()])
        # Before any pair is looked at: a tail that begins at 0 with all candidates.
        steep = max(1.0, float(np.log(len(pairs) / (unlike + 1))) / max(start, 1e-6))
        if len(best) < LEAST:
            return cls(unlike + 1, start, steep)
        # What scores better than nearly all copies is one, however much better it is.
        most = max(float(np.quantile(told, BETTER)), start + 1e-6)
        edges = np.linspace(start, most + 1e-6, BINS + 1)
        seen = np.histogram(np.minimum(best[:count], most), edges)[0]
        known = np.histogram(np.minimum(told, most), edges)[0] + 0.5 / BINS
        known[:-1] = np.convolve(known[:-1], SMOOTH, "same")
        fits = (_fitted(seen, known / known.sum(), edges - start, rate, steep) for rate in RATES)
        _, number, rate = max(fits)
        return cls(number + 1, start, rate)

    def beyond(self, score: float) -> float:
        """Return how many unlike pairs are to be expected above a score."""
        return float(self.number * np.exp(-self.rate * max(0.0, _stretched(score) - self.start)))

    def where(self, number: float) -> float:
        """Return the score above which so many are to be expected."""
        place = self.start + np.log(max(self.number / max(number, 1e-12), 1.0)) / self.rate
        return float(-np.expm1(-place))


def _stretched(scores: Any) -> Any:
    return -np.log1p(-np.minimum(scores, FARTHEST))


def _fitted(
    seen: NDArray[np.int64], known: Scores, edges: Scores, rate: float, steep: float
) -> tuple[float, float, float]:
    """Return likelihood, number of unlike pairs and rate, from a first guess of the rate.

    `steep` is what the rate is taken for without any pair (the mode of a gamma distribution).
    """
    total = int(seen.sum())
    above = (edges[:-1] + edges[1:]) / 2
    number = total / 2
    for _ in range(ROUNDS):
        falls = np.exp(-rate * edges)
        falls[-1] = 0  # the last bin has no end
        tail = number * (falls[:-1] - falls[1:])
        whole = tail + max(total - number, 0.5) * known + 1e-12
        part = seen * tail / whole
        number = float(part.sum())
        # At 1 it falls as 1 - score does; below, unlike pairs would be the more, the more alike.
        rate = max(1.0, (number + PRIOR) / (float((part * above).sum()) + PRIOR / steep))
    prior = PRIOR * (np.log(rate) - rate / steep)
    return float((seen * np.log(whole)).sum() - whole.sum() + prior), number, rate


def _truncated_rate(mean: float, width: float) -> float:
    """Return the rate of an exponential distribution, cut off at `width`, that has this mean."""
    low, high = 0.1 / width, 1e4 / width  # nearly level; and as steep as no tail is
    for _ in range(ROUNDS):
        rate = float(np.sqrt(low * high))
        if 1 / rate - width / np.expm1(min(rate * width, 700)) > mean:
            low = rate
        else:
            high = rate
    return rate
