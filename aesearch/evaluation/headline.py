"""What two reached, in which measure, and how sure their difference is, in words.

An index says its gain by this, and a comparison its headline.
"""

from __future__ import annotations

from collections.abc import Mapping

from aesearch.evaluation.bootstrap import Estimate
from aesearch.evaluation.check import BY_FOLDER, geometric_mean
from aesearch.types import Doubles

MEASURES = {
    BY_FOLDER: "geometric mean of P@10 and mAP",
    "reciprocal_rank": "MRR of perturbed queries",
    "average_precision": "mAP of judged queries",
}


def values_of(measure: str, metrics: Mapping[str, Doubles]) -> Doubles:
    """Return a measure by query, from what each query reached in each metric."""
    if measure == BY_FOLDER:
        return geometric_mean(metrics["precision_at_10"], metrics["average_precision"])
    return metrics[measure]


def describe_gain(measure: str, one: str, other: str, gap: Estimate | None) -> str:
    """Return the figures of two and their difference, `gap`, with its interval, if it is known."""
    if gap is None:
        return f"{MEASURES[measure]} {one} against {other}"
    size = size_of(gap)
    away = {"better": f"a gain of {size}", "worse": f"{size} less", "even": f"{size} apart"}
    return f"{MEASURES[measure]} {one} against {other}; {away[gap.side]}"


def too_few(queries: int) -> str:
    """Return what is said where few queries were asked, instead of which method is better."""
    return f"too few queries to tell ({queries:,})"


def size_of(gap: Estimate) -> str:
    """Return how large a difference is, with its interval, without its sign where it has one."""
    if gap.side == "even":
        return f"{share(abs(gap.mean), 3)} ({gap.low:+.2f} to {gap.high:+.2f})"
    ends = sorted((abs(gap.low), abs(gap.high)))
    return f"{share(abs(gap.mean), 3)} ({share(ends[0])}–{share(ends[1])})"


def share(value: float, digits: int = 2) -> str:
    """Return a share in so many digits: .63."""
    return f"{value:.{digits}f}".removeprefix("0")


def spelled(found: Estimate | None) -> str:
    """Return a mean with its interval: .633 (.61–.65)."""
    if found is None:
        return "–"
    return f"{share(found.mean, 3)} ({share(found.low)}–{share(found.high)})"
