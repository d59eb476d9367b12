"""What would have been chosen without a set: ``python -m benchmarks.held_out TRIALS.csv``.

A default that was chosen on the sets that it is reported on looks better than it is. So every set
is left out in turn: of the variants of a question, the one with the best mean over the other sets
is what would have been chosen, and the set that was left out tells what that choice is worth there.

The mean is of a measure (precision at 10, mean average precision) divided by what the best PCA
reaches on that set, so that easy sets do not outweigh hard ones; where the trials have no such
baseline, values count as they are. Trials are rows of a CSV file with the columns question, set,
variant, measure, value and condition; role is "default" for the variant that is in the code and
"baseline" for the PCA of the trials of one condition.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import click

from benchmarks.reporting import show

NOTHING = 5e-4  # a share that is written as 0.0 %
# Variant -> set -> value.
Table = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Trial:
    """One figure: what a variant reaches on a set."""

    question: str
    set: str
    variant: str
    measure: str
    value: float
    condition: str = ""
    role: str = ""


@dataclass(frozen=True)
class Question:
    """The variants of one question, in one measure.

    Parameters
    ----------
    name, measure : str
    values : dict
        Of each variant, on each set; divided by the baseline where there is one.
    default : str or None
        The variant that is in the code.
    """

    name: str
    measure: str
    values: Table
    default: str | None

    @property
    def sets(self) -> list[str]:
        """The sets on which every variant was tried."""
        first, *rest = self.values.values()
        return [name for name in first if all(name in row for row in rest)]


@dataclass(frozen=True)
class Choice:
    """What is chosen without a set, and what that set loses by it, in shares of what it has."""

    left_out: str
    chosen: str
    own_best: str
    to_best: float  # under the variant that is best on the set itself
    to_default: float | None  # under the variant in the code; below 0 where it gains


def read(path: Path) -> list[Trial]:
    """Read the trials of a CSV file; rows whose value is no number are left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(_trials(csv.DictReader(file)))


def _trials(rows: Iterable[Mapping[str, str]]) -> Iterator[Trial]:
    for row in rows:
        try:
            value = float(row["value"])
        except ValueError:
            continue
        yield Trial(
            question=row["question"],
            set=row["set"],
            variant=row["variant"],
            measure=row["measure"],
            value=value,
            condition=row["condition"],
            role=row.get("role") or "",
        )


def questions(trials: Iterable[Trial]) -> list[Question]:
    """Gather the trials by question and measure, those that compare two variants at least.

    Parameters
    ----------
    trials : iterable of Trial
        The baselines among them hold for all questions of their condition.
    """
    trials = list(trials)
    baselines = {(t.condition, t.set, t.measure): t.value for t in trials if t.role == "baseline"}
    tables: dict[tuple[str, str], Table] = {}
    defaults: dict[str, str] = {}
    for t in trials:
        if t.role == "baseline":
            continue
        if t.role == "default":
            defaults[t.question] = t.variant
        row = tables.setdefault((t.question, t.measure), {}).setdefault(t.variant, {})
        row[t.set] = t.value / baselines.get((t.condition, t.set, t.measure), 1.0)
    return [
        Question(name, measure, table, defaults.get(name))
        for (name, measure), table in tables.items()
        if len(table) > 1
    ]


def left_out(question: Question) -> list[Choice]:
    """Leave each set out in turn; none where there are fewer than three to choose by.

    Returns
    -------
    list of Choice
        In the order of the sets. Of two variants that are equal, the one in the code is chosen.
    """
    sets = question.sets
    return [_without(question, one, sets) for one in sets] if len(sets) > 2 else []


def _without(question: Question, left: str, sets: list[str]) -> Choice:
    chosen = _best(question, [name for name in sets if name != left])
    own = _best(question, [left])
    reached = {variant: row[left] for variant, row in question.values.items()}
    default = None if question.default is None else 1 - reached[chosen] / reached[question.default]
    return Choice(left, chosen, own, 1 - reached[chosen] / reached[own], default)


def _best(question: Question, sets: list[str]) -> str:
    def worth(variant: str) -> tuple[float, bool]:
        mean = fmean(question.values[variant][name] for name in sets)
        return mean, variant == question.default

    return max(question.values, key=worth)


def summary(question: Question) -> dict[str, str]:
    """Return a question's row of the table: what is chosen, what flips, the worst that is lost."""
    choices = left_out(question)
    everything = _best(question, question.sets)
    flips = [f"{c.chosen} (without {c.left_out})" for c in choices if c.chosen != everything]
    row = {
        "question": question.name,
        "measure": question.measure,
        "in the code": question.default or "",
        "best mean of all": everything,
        "flips to": "; ".join(flips) or "none",
        "worst loss to own best": _worst((c.to_best, c.left_out) for c in choices),
    }
    if question.default is not None:
        row["worst loss to the code"] = _worst((c.to_default or 0.0, c.left_out) for c in choices)
        row["code under own best"] = _worst(_of_default(question))
    return row


def _worst(losses: Iterable[tuple[float, str]]) -> str:
    loss, name = max(losses)
    return f"{loss:.1%} {name}" if loss >= NOTHING else "none"


def _of_default(question: Question) -> Iterator[tuple[float, str]]:
    """Return what the variant in the code loses on each set, under the best on that set."""
    assert question.default is not None
    for name in question.sets:
        reached = {variant: row[name] for variant, row in question.values.items()}
        yield 1 - reached[question.default] / max(reached.values()), name


@click.command(help=__doc__)
@click.argument("trials", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--each", is_flag=True, help="A row for every set that is left out.")
@click.option("--json", "as_json", is_flag=True)
def main(trials: Path, each: bool, as_json: bool) -> None:
    """Print the table."""
    asked = [question for question in questions(read(trials)) if left_out(question)]
    rows = [row for question in asked for row in (_each(question) if each else [summary(question)])]
    few = sorted({q.name for q in questions(read(trials))} - {q.name for q in asked})
    notes = {"too few sets to leave one out": ", ".join(few)} if few else {}
    show("Each set left out in turn", rows, notes, as_json=as_json)


def _each(question: Question) -> list[dict[str, str]]:
    return [
        {
            "question": question.name,
            "measure": question.measure,
            "left out": choice.left_out,
            "chosen": choice.chosen,
            "own best": choice.own_best,
            "loss to own best": f"{choice.to_best:.1%}",
            "loss to the code": "" if choice.to_default is None else f"{choice.to_default:.1%}",
        }
        for choice in left_out(question)
    ]


if __name__ == "__main__":
    main()
