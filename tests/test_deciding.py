"""Which candidate is published, where the check is sure and where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aesearch.errors import ParameterError
from aesearch.evaluation.check import Check
from aesearch.evaluation.decision import decide, select

N = 60
NOISE = np.random.default_rng(0).normal(0, 0.2, N)
NOISE -= NOISE.mean()


def values(mean: float, noise: float = 0.0) -> NDArray[np.float64]:
    """What each of `N` questions was worth; with noise, another code has it elsewhere."""
    return mean + noise * NOISE


def checked(
    rank: float,
    opening: float | None = None,
    folder: float | None = None,
    *,
    noise: float = 0.0,
    chance: float = 0.1,
) -> Check:
    """The check of a code: means by copies, by openings (of minus logarithms), by folder."""
    found = {"reciprocal_rank": values(rank, noise)}
    if opening is not None:
        found["opening_rank"] = values(opening, noise)
    if folder is not None:
        found["by_folder"] = values(folder, noise)
    own = None if folder is None else chance
    return Check(N, rank, rank, folder, folder, own, values=found)


def winner(*learned: str, **candidates: Check) -> str:
    return select(candidates, learned).winner


def test_labels_decide_where_they_carry_signal() -> None:
    found = select(
        {"pca": checked(0.9, None, 0.3), "agreement": checked(0.5, None, 0.4)}, ("agreement",)
    )
    assert (found.winner, found.measure) == ("agreement", "by_folder")
    dates = {"pca": checked(0.8, None, 0.14), "agreement": checked(0.7, None, 0.149)}
    found = select(dates, ("agreement",))
    assert (found.winner, found.measure) == ("pca", "reciprocal_rank")
    partly = {"pca": checked(0.5, None, 0.4), "agreement": checked(0.6)}
    assert select(partly, ("agreement",)).measure == "reciprocal_rank"


def test_a_few_queries_decide_nothing() -> None:
    few = np.linspace(0.4, 0.6, 7)
    found = decide({"pca": few, "mlp": few + 0.3}, ["mlp"], "reciprocal_rank")
    assert (found.outcome, found.queries) == ("even", 7)
    enough = np.linspace(0.4, 0.6, 10)
    assert decide({"pca": enough, "mlp": enough + 0.3}, ["mlp"], "mrr").outcome == "better"


def test_a_clear_difference_needs_no_second_check() -> None:
    assert winner("text", lsa=checked(0.8, 0.0), text=checked(0.9, -9.0, noise=0.2)) == "text"
    assert winner("text", lsa=checked(0.8, -9.0), text=checked(0.7, 0.0, noise=0.2)) == "lsa"
    sure = select({"lsa": checked(0.8, 0.0), "text": checked(0.9, 0.0)}, ("text",))
    assert sure.gap is not None
    assert sure.second_gap is None


def test_a_tie_does_not_go_to_the_baseline_by_a_hair() -> None:
    found = select({"lsa": checked(0.80, -1.0), "text": checked(0.79, -1.0, noise=1)}, ("text",))
    assert (found.winner, found.baseline) == ("text", "lsa")
    assert found.gap is not None
    assert found.gap.low < 0 < found.gap.high
    assert found.gap.mean == pytest.approx(-0.01)
    assert found.second_gap is not None


def test_what_is_clearly_worse_at_the_second_check_is_not_published() -> None:
    assert winner("text", lsa=checked(0.8, -1.0), text=checked(0.81, -1.2, noise=1)) == "lsa"
    assert winner("text", lsa=checked(0.8, -1.0), text=checked(0.81, -1.01, noise=1)) == "text"


def test_on_a_tie_the_simple_one_is_kept_where_that_is_the_rule() -> None:
    even = {"pca": checked(0.8), "mlp": checked(0.81, noise=1)}
    assert select(even, ("mlp",)).winner == "mlp"
    found = select(even, ("mlp",), simple_on_tie=True)
    assert (found.winner, found.outcome, found.learned) == ("pca", "even", "mlp")
    better = {"pca": checked(0.8), "mlp": checked(0.9, noise=0.2)}
    assert select(better, "mlp", simple_on_tie=True).winner == "mlp"
    assert select({"pca": checked(0.8)}, simple_on_tie=True).winner == "pca"


def test_without_a_second_check_the_learned_must_be_strictly_better() -> None:
    assert winner("agreement", pca=checked(0.8), agreement=checked(0.79, noise=1)) == "pca"
    assert winner("agreement", pca=checked(0.8), agreement=checked(0.8)) == "pca"
    assert winner("agreement", pca=checked(0.8), agreement=checked(0.81, noise=1)) == "agreement"


def test_of_baselines_that_are_tied_the_second_check_chooses() -> None:
    log, tf = checked(0.84, -1.7, noise=1), checked(0.843, -1.8)
    assert winner(log=log, tf=tf) == "log"
    assert winner(log=checked(0.6, -1.7, noise=1), tf=tf) == "tf"  # not tied
    equal = checked(0.8, -1.0)
    assert winner(first=equal, second=equal) == "first"


def test_a_decision_is_json() -> None:
    found = select({"lsa": checked(0.8, -1.0), "text": checked(0.8, -1.0, noise=1)}, ("text",))
    kept = found.as_dict()
    assert kept["winner"] == kept["learned"] == "text"
    assert len(kept["gap"]) == len(kept["second_gap"]) == 3


def test_nothing_to_choose_from_is_refused() -> None:
    with pytest.raises(ParameterError, match="no candidate"):
        select({})
