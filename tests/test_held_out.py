"""What would have been chosen without a set."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.held_out import Trial, left_out, main, questions, summary

TRIALS = Path(__file__).parents[1] / "docs/development/trials/choices.csv"
# A finds .8 more than PCA on photos and .1 less elsewhere: without photos, b is the better one.
VALUES = {"a": (0.9, 0.45, 0.18), "b": (0.5, 0.55, 0.22)}
SETS = ("photos", "steel", "coins")
PCA = (0.5, 0.5, 0.2)


def trials(default: str | None = "a") -> list[Trial]:
    made = [
        Trial("which", name, variant, "P@10", value, "c", "default" if variant == default else "")
        for variant, values in VALUES.items()
        for name, value in zip(SETS, values, strict=True)
    ]
    return made + [
        Trial("PCA", name, "best", "P@10", value, "c", "baseline")
        for name, value in zip(SETS, PCA, strict=True)
    ]


def test_values_are_divided_by_the_baseline_of_their_set() -> None:
    (question,) = questions(trials())
    assert question.values["a"] == pytest.approx({"photos": 1.8, "steel": 0.9, "coins": 0.9})
    assert question.default == "a"


def test_a_set_has_no_say_in_what_is_chosen_for_it() -> None:
    photos, steel, coins = left_out(questions(trials())[0])
    assert (photos.chosen, steel.chosen, coins.chosen) == ("b", "a", "a")
    assert photos.own_best == "a"
    assert photos.to_best == photos.to_default == pytest.approx(1 - 0.5 / 0.9)
    assert steel.to_best == pytest.approx(1 - 0.45 / 0.55)
    assert steel.to_default == 0


def test_the_table_names_what_flips_and_the_worst_loss() -> None:
    row = summary(questions(trials())[0])
    assert row["best mean of all"] == "a"
    assert row["flips to"] == "b (without photos)"
    assert row["worst loss to own best"] == row["worst loss to the code"] == "44.4% photos"
    assert row["code under own best"] in ("18.2% steel", "18.2% coins")


def test_without_a_default_nothing_is_said_of_it() -> None:
    row = summary(questions(trials(default=None))[0])
    assert "worst loss to the code" not in row


def test_a_variant_that_was_tried_on_two_sets_leaves_two() -> None:
    made = [trial for trial in trials() if (trial.variant, trial.set) != ("b", "coins")]
    (question,) = questions(made)
    assert question.sets == ["photos", "steel"]
    assert left_out(question) == []


def test_the_recorded_trials_make_a_table() -> None:
    result = CliRunner().invoke(main, [str(TRIALS)])
    assert result.exit_code == 0
    assert "| neighbors | P@10 | 5 mutual |" in result.output
    assert CliRunner().invoke(main, [str(TRIALS), "--each", "--json"]).exit_code == 0
