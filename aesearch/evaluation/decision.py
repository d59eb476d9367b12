"""Which candidate is published: by the check, and by a second one where the first cannot tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aesearch.errors import ParameterError
from aesearch.evaluation.check import SIGNAL, Check
from aesearch.evaluation.metrics import Estimate, bootstrap

SECOND = "opening_rank"


@dataclass(frozen=True)
class Verdict:
    """Which candidate is published, and how sure the check is of it.

    Attributes
    ----------
    winner : str
    measure : str
        What decided, or could not: "by_folder" or "reciprocal_rank".
    learned, rival : str or None
        What was trained, and the baseline that is best at it; None where nothing was learned.
    gap : Estimate or None
        How much better the learned encoder is than `rival`, with the interval of the paired
        bootstrap.
    second_rival, second_gap : str or None, Estimate or None
        Likewise for how the openings of documents find the rest of them, in logarithms of ranks,
        where that was asked.
    """

    winner: str
    measure: str
    learned: str | None = None
    rival: str | None = None
    gap: Estimate | None = None
    second_rival: str | None = None
    second_gap: Estimate | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            name: value.as_list() if isinstance(value, Estimate) else value
            for name, value in vars(self).items()
        }


def choose(candidates: Mapping[str, Check], learned: str | None = None) -> Verdict:
    """Choose what is published.

    The measure is ``by_folder`` where the folders mean something to the codes: every candidate
    has it, and the best reaches a precision of 1.5 times chance. Otherwise folders say nothing
    about looks (dates, cameras), and it is ``reciprocal_rank``.

    A difference decides where the interval of the paired bootstrap is on one side of zero. Where
    it is not, documents have a second check: their openings must find the rest of them. Of
    baselines the one that does this best is chosen; the learned encoder, where neither check finds
    it clearly worse. With judgements it was the better one where the first check alone had decided
    against it by a hair (Cranfield, 20 Newsgroups). Without a second check the learned encoder
    must be strictly better.

    Parameters
    ----------
    candidates : mapping of str to Check
        The simplest first: of equals the earlier wins.
    learned : str, optional
        The one that was trained; the others are baselines.
    """
    if not candidates:
        raise ParameterError("there is no candidate to choose from")
    measure = _measure(candidates)
    baselines = [name for name in candidates if name != learned]
    rival = _best(candidates, baselines, measure)
    asked_again = all(SECOND in found.values for found in candidates.values())
    simple = rival
    if asked_again:
        tied = [n for n in baselines if _gap(candidates, rival, n, measure).low <= 0]
        simple = _best(candidates, tied, SECOND)
    if learned not in candidates or learned is None:
        return Verdict(simple, measure)
    gap = _gap(candidates, learned, rival, measure)
    if gap.low > 0 or gap.high < 0:
        return Verdict(learned if gap.low > 0 else simple, measure, learned, rival, gap)
    if not asked_again:
        return Verdict(learned if gap.mean > 0 else rival, measure, learned, rival, gap)
    other = _best(candidates, baselines, SECOND)
    second = _gap(candidates, learned, other, SECOND)
    winner = simple if second.high < 0 else learned
    return Verdict(winner, measure, learned, rival, gap, other, second)


def _measure(candidates: Mapping[str, Check]) -> str:
    checks = candidates.values()
    labelled = [
        (found.precision_at_10, found.chance)
        for found in checks
        if found.precision_at_10 is not None and found.chance is not None
    ]
    signal = len(labelled) == len(candidates) and any(p >= SIGNAL * c for p, c in labelled)
    return "by_folder" if signal else "reciprocal_rank"


def _best(candidates: Mapping[str, Check], names: Iterable[str], measure: str) -> str:
    return max(names, key=lambda name: candidates[name].values[measure].mean())


def _gap(candidates: Mapping[str, Check], one: str, other: str, measure: str) -> Estimate:
    """Return how much better `one` is, with its interval."""
    difference = candidates[one].values[measure] - candidates[other].values[measure]
    return bootstrap(difference[:, None])[0]
