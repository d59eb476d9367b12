"""The score threshold of duplicates, calibrated to a false-positive rate on the collection itself.

The scores of unlike pairs are taken for an exponential tail in ``x = -log(1 - score)``. Among the
candidate pairs are copies that nobody has marked; perturbed copies of the collection's own items
show how those score. Where enough of the tail lies below all copies, it is fitted there by maximum
likelihood; else tail and copies are fitted as a mixture of two, by expectation maximization (EM).
The threshold is where the tail promises no more false pairs than are allowed: for each item, and
for each pair found, since in a collection with few copies those for each item may be most of them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]

LEAST = 40  # candidate pairs; with fewer no tail is fitted
MOST = 400  # best unlike pairs, which the tail is fitted to
FALSE_SHARE = 0.1  # of the pairs that are found, which may be false at most
LOST = 0.01  # share of the perturbed copies that the threshold misses at least
HIGHEST = 0.995
FARTHEST = 0.9999  # score at which x = -log(1 - score) is cut off
LIKE_COPIES = 0.1  # least share of the pairs above the tail that score above the median copy
HARDER = 0.85  # of x: real copies may be changed more than perturbed ones, and score less
PRIOR = 5.0  # weight of the prior of the rate, in pairs
BETTER = 0.98  # quantile of the copies from which all scores are one bin
BINS, ROUNDS = 80, 300  # of the histograms; of EM and of the bisection
SMOOTH = np.array([0.1, 0.2, 0.4, 0.2, 0.1])  # kernel over bins: the copies are a sample
RATES = (1.0, 3.0, 10.0, 30.0)  # starting points of EM; the likeliest result counts


@dataclass(frozen=True)
class Calibration:
    """A threshold, with its recall of copies and the false pairs that it lets through.

    Attributes
    ----------
    threshold : float
        Pairs that score at least this are taken for copies.
    found : float
        Recall: share of the perturbed copies of the collection's own items that score so.
    false_pairs : float or None
        Expected number of false pairs in the whole collection; None where there were too few
        pairs to estimate it.
    alarm : float or None
        False-positive rate that was asked for, in false pairs for each item; None where the
        threshold was given.
    copies : int
        Number of perturbed copies.
    decided : {'alarm', 'share', 'copies', 'highest', 'given'}
        What set the threshold: the false-positive rate; the share of false pairs among those that
        are found; the copies, where the rate would allow a lower one, which finds hardly any more
        of them; the highest there is, where the rate cannot be kept; or the user.
    """

    threshold: float
    found: float
    false_pairs: float | None
    alarm: float | None
    copies: int
    decided: str = "alarm"

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON."""
        return asdict(self)


def calibrate(
    pairs: Scores,
    copies: Scores,
    items: int,
    *,
    alarm: float,
    threshold: float | None = None,
    share: float = 1.0,
) -> Calibration:
    """Choose the threshold.

    Real near-duplicates that score less than perturbed copies do count as unlike, so there are
    rather fewer false pairs than allowed.

    Parameters
    ----------
    pairs : ndarray of shape (n,)
        Scores of the candidate pairs of the whole collection; -1 where one was rejected early.
    copies : ndarray of shape (m,)
        Scores of items with perturbed copies of them; what was never a candidate scores -1.
    items : int
        In the collection.
    alarm : float
        False-positive rate: false pairs allowed for each item.
    threshold : float, optional
        Given by the user: then only its recall and false pairs are estimated.
    share : float
        False pairs allowed for each pair that is found. It raises the threshold where at a higher
        one no more of the pairs are false; it does not where there is none such.

    References
    ----------
    Y. Benjamini and Y. Hochberg, Controlling the false discovery rate, Journal of the Royal
    Statistical Society B 1995.
    A. Dempster, N. Laird, D. Rubin, Maximum likelihood from incomplete data via the EM algorithm,
    Journal of the Royal Statistical Society B 1977.
    """
    scored = copies[copies > -1]
    tail = _Tail.fit(pairs, scored)
    least = float(np.quantile(scored, LOST)) if len(scored) else HIGHEST
    at_rate = tail.score_at(alarm * items) if tail else 0.0
    chosen, decided = max((at_rate, "alarm"), (least, "copies"))
    if tail and (kept := tail.score_at_share(pairs[pairs >= chosen], share)) > chosen:
        chosen, decided = kept, "share"
    if chosen > HIGHEST:
        chosen, decided = HIGHEST, "highest"
    if threshold is not None:
        chosen, decided = threshold, "given"
    return Calibration(
        threshold=float(chosen),
        found=float((copies >= chosen).mean()) if len(copies) else 0.0,
        false_pairs=tail.count_above(float(chosen)) if tail else None,
        alarm=None if threshold is not None else alarm,
        copies=len(copies),
        decided=decided,
    )


@dataclass(frozen=True)
class _Tail:
    """Exponential tail of the scores of unlike pairs, in ``x = -log(1 - score)``.

    ``number * exp(-rate * (x - start))`` unlike pairs score above x.
    """

    number: float
    start: float
    rate: float

    @classmethod
    def fit(cls, pairs: Scores, copies: Scores) -> _Tail | None:
        """The tail of the candidate pairs; None where there are too few of them."""
        if len(pairs) < LEAST or not len(copies):
            return None
        best = np.sort(_log_scale(pairs[pairs > 0]))[::-1]
        copied = _log_scale(copies)
        ceiling = float(np.quantile(copied, LOST))
        ceiling *= HARDER
        below = best[best < ceiling]
        if len(below) >= 2 * LEAST:  # below all copies: a tail cut off at the ceiling
            count = min(MOST, len(below) // 2)
            start = float(below[count])
            width = max(ceiling - start, 1e-6)
            rate = max(1.0, _truncated_rate(float(below[:count].mean()) - start, width))
            tail = cls(count / -float(np.expm1(-rate * width)), start, rate)
            rest = float((best >= ceiling).sum()) - tail.count_above(-float(np.expm1(-ceiling)))
            # Pairs above the ceiling that are not of the tail must look like copies, half of which
            # score above their median.
            if (best >= np.median(copied)).sum() >= LIKE_COPIES * rest:
                return tail
        # Copies are about twice the pairs that score above the copies' median.
        likely = min(len(best), 2 * int((best >= np.median(copied)).sum()))
        unlike = len(best) - likely
        # The lowest scores are incomplete where pairs were rejected early: the better half counts.
        count = min(len(best), likely + min(MOST, max(unlike // 2, 1)))
        start = float(best[count - 1]) if unlike >= LEAST else min([ceiling, *best[-1:].tolist()])
        # Prior of the rate: a tail that begins at 0 with all candidates.
        prior_rate = max(1.0, float(np.log(len(pairs) / (unlike + 1))) / max(start, 1e-6))
        if len(best) < LEAST:
            return cls(unlike + 1, start, prior_rate)
        # Above nearly all copies, all scores are one bin.
        most = max(float(np.quantile(copied, BETTER)), start + 1e-6)
        edges = np.linspace(start, most + 1e-6, BINS + 1)
        observed = np.histogram(np.minimum(best[:count], most), edges)[0]
        copy_density = np.histogram(np.minimum(copied, most), edges)[0] + 0.5 / BINS
        copy_density[:-1] = np.convolve(copy_density[:-1], SMOOTH, "same")
        copy_density /= copy_density.sum()
        fits = (
            _fit_mixture(observed, copy_density, edges - start, rate, prior_rate) for rate in RATES
        )
        _, number, rate = max(fits)
        return cls(number + 1, start, rate)

    def count_above(self, score: float) -> float:
        """Expected number of unlike pairs above a score."""
        return float(self.number * np.exp(-self.rate * max(0.0, _log_scale(score) - self.start)))

    def score_at(self, number: float) -> float:
        """The score above which so many are expected."""
        x = self.start + np.log(max(self.number / max(number, 1e-12), 1.0)) / self.rate
        return float(-np.expm1(-x))

    def score_at_share(self, found: Scores, share: float) -> float:
        """The lowest score above which at most this share of what is found is unlike; else 0."""
        best = np.sort(found)[::-1]
        counts = np.arange(1, len(best) + 1)
        unlike = self.number * np.exp(-self.rate * np.maximum(0, _log_scale(best) - self.start))
        good = np.flatnonzero(unlike <= share * counts)
        return self.score_at(share * float(counts[good[-1]])) if len(good) else 0.0


def _log_scale(scores: Any) -> Any:
    """``x = -log(1 - score)``, in which the tail of unlike pairs is exponential."""
    return -np.log1p(-np.minimum(scores, FARTHEST))


def _fit_mixture(
    observed: NDArray[np.int64], copies: Scores, edges: Scores, rate: float, prior_rate: float
) -> tuple[float, float, float]:
    """Fit the mixture of an exponential tail and copies to a histogram, by EM.

    Parameters
    ----------
    observed : ndarray of int64, shape (bins,)
        Pairs in each bin.
    copies : ndarray of shape (bins,)
        Share of the copies in each bin.
    edges : ndarray of shape (bins + 1,)
        Of the bins, from the start of the tail.
    rate : float
        Starting point.
    prior_rate : float
        Mode of the gamma prior of the rate, which weighs as much as `PRIOR` pairs.

    Returns
    -------
    likelihood, number, rate : float
        Log-likelihood with the prior, number of unlike pairs, and rate of the tail.
    """
    total = int(observed.sum())
    middles = (edges[:-1] + edges[1:]) / 2
    number = total / 2
    for _ in range(ROUNDS):
        survival = np.exp(-rate * edges)
        survival[-1] = 0  # the last bin has no end
        tail = number * (survival[:-1] - survival[1:])
        mixture = tail + max(total - number, 0.5) * copies + 1e-12
        unlike = observed * tail / mixture  # expectation
        number = float(unlike.sum())  # maximization
        # At a rate of 1 the density in score is level; below 1, higher scores would be commoner.
        rate = max(1.0, (number + PRIOR) / (float((unlike * middles).sum()) + PRIOR / prior_rate))
    prior = PRIOR * (np.log(rate) - rate / prior_rate)
    return float((observed * np.log(mixture)).sum() - mixture.sum() + prior), number, rate


def _truncated_rate(mean: float, width: float) -> float:
    """Rate of an exponential distribution, cut off at `width`, of this mean (by bisection)."""
    low, high = 0.1 / width, 1e4 / width  # from nearly level to steeper than any tail
    for _ in range(ROUNDS):
        rate = float(np.sqrt(low * high))
        if 1 / rate - width / np.expm1(min(rate * width, 700)) > mean:
            low = rate
        else:
            high = rate
    return rate
