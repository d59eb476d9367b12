"""Which of two is better, as far as their queries tell; and which candidate is published."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aesearch.errors import ParameterError
from aesearch.evaluation.bootstrap import Estimate, paired_difference
from aesearch.evaluation.check import BY_FOLDER, Check
from aesearch.types import Doubles

SIGNAL = 1.5
SECOND = "opening_rank"
# Names in the records of indexes, where they are others than the attributes.
ON_DISK = {"baseline": "rival", "second_baseline": "second_rival"}


@dataclass(frozen=True)
class Decision:
    """Which candidate is better, and how sure that is.

    Attributes
    ----------
    winner : str
    measure : str
        What decided, or could not.
    queries : int
        How many were asked for it.
    learned, baseline : str or None
        The best candidate that was trained, and the best baseline; None where there are not both.
    gap : Estimate or None
        How much better `learned` is than `baseline`, with the interval of the paired bootstrap.
    second_baseline, second_gap : str or None, Estimate or None
        Likewise for the inverse cloze task, in logarithms of ranks, where that was asked.
    """

    winner: str
    measure: str
    learned: str | None = None
    baseline: str | None = None
    gap: Estimate | None = None
    second_baseline: str | None = None
    second_gap: Estimate | None = None
    queries: int = 0

    @property
    def outcome(self) -> str:
        """'better', 'worse' or 'even', of what was learned; 'none' where there are not both."""
        return "none" if self.gap is None else self.gap.side

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            ON_DISK.get(name, name): value.as_list() if isinstance(value, Estimate) else value
            for name, value in vars(self).items()
        }


def decide(
    values: Mapping[str, Doubles], learned: Iterable[str], measure: str, seed: int = 0
) -> Decision:
    """Compare the best learned candidate with the best baseline, query by query.

    A difference decides where the interval of the paired bootstrap is on one side of zero; where
    it is not, the higher mean does, and of equals the baseline.

    Parameters
    ----------
    values : mapping of str to ndarray of float64, shape (queries,)
        By candidate, simple ones first: of equals the earlier is better.
    learned : iterable of str
        Those that were trained; the others are baselines.
    measure : str
        What the values are.
    seed : int
        Of the resamples.
    """
    if not values:
        raise ParameterError("there is no candidate to choose from")
    queries = len(next(iter(values.values())))
    trained = set(learned) & set(values)
    one = _best(values, [name for name in values if name in trained])
    other = _best(values, [name for name in values if name not in trained])
    if one is None or other is None:
        return Decision(one or other or "", measure, queries=queries)
    gap = paired_difference(values[one], values[other], seed)
    return Decision(one if gap.mean > 0 else other, measure, one, other, gap, queries=queries)


def select(
    candidates: Mapping[str, Check],
    learned: Collection[str] = (),
    seed: int = 0,
    *,
    simple_on_tie: bool = False,
) -> Decision:
    """Select the candidate that is published.

    The measure is ``by_folder`` where the labels mean something to the codes: every candidate
    has it, and `have_signal`. Otherwise labels say nothing about looks (dates, cameras), and it is
    ``reciprocal_rank``.

    A clear difference decides. Where there is none, documents have a second task: their openings
    must find the rest of them. Of baselines the one that does this best is chosen; the learned
    encoder, where neither task finds it clearly worse. With qrels it was the better one where the
    first task alone had decided against it by a hair (Cranfield, 20 Newsgroups). Without a second
    task the learned encoder must have the higher mean; with `simple_on_tie`, be clearly better.

    Parameters
    ----------
    candidates : mapping of str to Check
        The simplest first: of equals the earlier wins.
    learned : collection of str
        Those that are no baselines; of several the best stands against the best baseline.
    seed : int
        Of the resamples.
    simple_on_tie : bool
        Whether the baseline is chosen where there is no clear difference, and no second task.
    """
    measure = _measure(candidates)
    values = {name: found.values[measure] for name, found in candidates.items()}
    trained = [name for name in candidates if name in learned]
    first = decide(values, trained, measure, seed)
    if not all(SECOND in found.values for found in candidates.values()):
        kept = simple_on_tie and first.outcome == "even"
        return replace(first, winner=str(first.baseline)) if kept else first
    again = {name: found.values[SECOND] for name, found in candidates.items()}
    best = values[first.baseline or first.winner]
    tied = [n for n in values if paired_difference(best, values[n], seed).low <= 0]
    simple = _best(again, [name for name in tied if name not in trained]) or first.winner
    if first.outcome == "none":
        return replace(first, winner=simple)
    if first.outcome != "even":
        return first if first.outcome == "better" else replace(first, winner=simple)
    second = decide(again, trained, SECOND, seed)
    return replace(
        first,
        winner=simple if second.outcome == "worse" else str(first.learned),
        second_baseline=second.baseline,
        second_gap=second.gap,
    )


def have_signal(precisions: Iterable[float], chance: float | None) -> bool:
    """Return whether labels mean something: the best precision at 10 is 1.5 times chance."""
    return chance is not None and any(p >= SIGNAL * chance for p in precisions)


def _measure(candidates: Mapping[str, Check]) -> str:
    checks = candidates.values()
    precisions = [c.precision_at_10 for c in checks if c.precision_at_10 is not None]
    chance = next((found.chance for found in checks), None)
    signal = len(precisions) == len(candidates) and have_signal(precisions, chance)
    return BY_FOLDER if signal else "reciprocal_rank"


def _best(values: Mapping[str, Doubles], names: Iterable[str]) -> str | None:
    return max(names, key=lambda name: float(values[name].mean()), default=None)
