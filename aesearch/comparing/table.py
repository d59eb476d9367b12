"""What a comparison found: rows, and the sentence that says whether learning paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aesearch.comparing.collection import Collection
from aesearch.comparing.metrics import Estimate, bootstrap
from aesearch.comparing.tasks import COPIES, JUDGEMENTS, LABELS, main_metric
from aesearch.evaluation import SIGNAL

METRICS = {
    "precision_at_1": "P@1",
    "precision_at_10": "P@10",
    "recall_at_100": "R@100",
    "average_precision": "MAP",
    "ndcg_at_10": "nDCG@10",
    "knn": "5-NN",
    "recall_at_1": "R@1",
    "recall_at_10": "R@10",
    "reciprocal_rank": "MRR",
}


@dataclass(frozen=True)
class TaskFacts:
    """What was asked: see `tasks.Task` and `tasks.Asked`."""

    title: str
    names: list[str]
    rows: list[int]
    chance: float | None


@dataclass
class Row:
    """One method in one form: see `baselines.Searcher`.

    Attributes
    ----------
    step, method : str
        What fitted it: 'pca-64', 'pca'.
    measures : dict
        By task and metric: mean, and both ends of its interval.
    arrays : dict of str to ndarray
        What it says by query: ``labels/average_precision``, ``labels/nearest``.
    """

    step: str
    method: str
    title: str
    form: str
    size: int
    learned: bool
    bytes_per_item: float
    fit_s: float
    query_ms: float
    error: float | None
    ann_recall: float | None
    measures: dict[str, dict[str, list[float]]]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)

    def estimate(self, task: str, metric: str) -> Estimate | None:
        """Return one of the measures, or None where there is no such."""
        found = self.measures.get(task, {}).get(metric)
        return None if found is None else Estimate(*found)

    @property
    def code(self) -> str:
        """What is kept of an item, in a word or two."""
        if self.form == "words":
            return "words"
        if self.form == "bytes":
            return f"{self.size:,} bytes"
        return f"{self.size} bits" if self.form == "bits" else f"{self.size} {self.form}"

    @property
    def is_plain(self) -> bool:
        """Whether it is in the most exact form: no 8-bit or binary form of a code."""
        return self.form not in ("int8", "bits") or self.method == "phash"

    def as_dict(self) -> dict[str, Any]:
        """Return the row as JSON, without what it says by query."""
        return {name: value for name, value in vars(self).items() if name != "arrays"}


@dataclass(frozen=True)
class Verdict:
    """Whether the best learned code beats the best baseline.

    Attributes
    ----------
    text : str
        It, in a sentence.
    outcome : {'better', 'worse', 'even', 'none'}
        'none' where there are not both to compare.
    learned, baseline : Row or None
    difference : Estimate or None
        Mean difference by query, with the interval of the paired bootstrap.
    """

    text: str
    outcome: str
    learned: Row | None = None
    baseline: Row | None = None
    difference: Estimate | None = None


@dataclass
class Comparison:
    """Everything that was found out.

    Attributes
    ----------
    collection : Collection
    rows : list of Row
    tasks : dict of str to TaskFacts
    keys : list of str
        Of all items, those learned from first.
    training : int
        How many were learned from.
    skipped, unknown : int
        Files that could not be read; judged items that are not in the collection.
    shown : list of int
        Items whose reconstructions were kept.
    seed : int
    budget : float or None
        Seconds of each training, if there was one.
    work : Path
    """

    collection: Collection
    rows: list[Row]
    tasks: dict[str, TaskFacts]
    keys: list[str]
    training: int
    skipped: int
    unknown: int
    shown: list[int]
    seed: int
    budget: float | None
    work: Path

    @property
    def name(self) -> str:
        """Name of the collection."""
        return self.collection.name

    @property
    def kind(self) -> str:
        """'images' or 'texts'."""
        return self.collection.kind

    @property
    def main(self) -> str:
        """The task that decides: judgements; labels, where they mean something; else copies."""
        if JUDGEMENTS in self.tasks:
            return JUDGEMENTS
        chance = self.tasks[LABELS].chance if LABELS in self.tasks else None
        reached = [row.estimate(LABELS, "precision_at_10") for row in self.rows]
        signal = chance is not None and any(e and e.mean >= SIGNAL * chance for e in reached)
        return LABELS if signal else COPIES

    @property
    def metric(self) -> str:
        """The metric that decides."""
        return main_metric(self.main)

    @property
    def ordered(self) -> list[Row]:
        """Rows, the best first; the forms of a code stay behind it."""
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            groups.setdefault((row.step, row.title), []).append(row)
        return [
            row
            for group in sorted(groups.values(), key=lambda g: -self.value(g[0]))
            for row in group
        ]

    def estimate(self, row: Row) -> Estimate:
        """Return what decides, of one row."""
        return Estimate(*row.measures[self.main][self.metric])

    def value(self, row: Row) -> float:
        """Return the mean of what decides, of one row."""
        return self.estimate(row).mean

    def named(self, row: Row) -> str:
        """Return the title of a row, with its size where there are several of it."""
        sizes = {r.size for r in self.rows if r.title == row.title and r.form == row.form}
        return f"{row.title} {row.size}" if len(sizes) > 1 else row.title

    def best(self, rows: Sequence[Row]) -> Row | None:
        """Return the best of some rows in their most exact form, or in any if there is none."""
        exact = [row for row in rows if row.is_plain] or rows
        return max(exact, key=self.value, default=None)

    def verdict(self) -> Verdict:
        """Say whether learning paid."""
        learned = self.best([row for row in self.rows if row.learned])
        baseline = self.best([row for row in self.rows if not row.learned])
        metric, count = METRICS[self.metric], len(self.tasks[self.main].names)
        if learned is None or baseline is None:
            only = learned or baseline
            assert only is not None
            told = f"{metric} {spelled(only.estimate(self.main, self.metric))}"
            return Verdict(f"{self.named(only)} is best here: {told}, {count:,} queries.", "none")
        name = f"{self.main}/{self.metric}"
        gaps = learned.arrays[name] - baseline.arrays[name]
        (gap,) = bootstrap(gaps[:, None], self.seed)
        figures = (
            f"{metric} {spelled(learned.estimate(self.main, self.metric))} against "
            f"{spelled(baseline.estimate(self.main, self.metric))}"
        )
        away = f"{abs(gap.mean):.3f}".removeprefix("0")
        ends = sorted((abs(gap.low), abs(gap.high)))
        between = f"{share(ends[0])}–{share(ends[1])}"
        who, other = f"The learned codes ({self.named(learned)})", self.named(baseline)
        if gap.low > 0:
            text = f"{who} beat {other} here: {figures}; a gain of {away} ({between})"
            outcome = "better"
        elif gap.high < 0:
            text = f"{who} do not beat {other} here: {figures}; {away} less ({between})"
            outcome = "worse"
        else:
            text = (
                f"{who} are neither better nor worse than {other} here, as far as these "
                f"queries tell: {figures}"
            )
            outcome = "even"
        return Verdict(f"{text}, {count:,} queries.", outcome, learned, baseline, gap)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON, without what was found by query."""
        verdict = self.verdict()
        return {
            "collection": self.name,
            "kind": self.kind,
            "items": len(self.keys),
            "learned_from": self.training,
            "skipped": self.skipped,
            "unknown_judged_items": self.unknown,
            "seed": self.seed,
            "budget_s": self.budget,
            "tasks": {
                name: {"title": task.title, "queries": len(task.names), "chance": task.chance}
                for name, task in self.tasks.items()
            },
            "decided_by": {"task": self.main, "metric": self.metric},
            "verdict": {
                "text": verdict.text,
                "outcome": verdict.outcome,
                "learned": verdict.learned and verdict.learned.title,
                "baseline": verdict.baseline and verdict.baseline.title,
                "difference": verdict.difference and verdict.difference.as_list(),
            },
            "rows": [row.as_dict() for row in self.ordered],
            "work": str(self.work),
        }

    def close(self) -> None:
        """Close the collection."""
        self.collection.close()


def columns_of(found: Comparison) -> list[tuple[str, str]]:
    """Return the measures that a table shows: task and metric, what decides first."""
    wanted = {
        LABELS: ["precision_at_10", "average_precision", "ndcg_at_10", "knn"],
        JUDGEMENTS: ["average_precision", "precision_at_10", "recall_at_100", "ndcg_at_10"],
        COPIES: ["reciprocal_rank", "recall_at_1"],
    }
    order = [found.main, *(name for name in found.tasks if name != found.main)]
    return [(task, metric) for task in order for metric in wanted[task]]


def share(value: float) -> str:
    """Return a share in two digits: .63."""
    return f"{value:.2f}".removeprefix("0")


def spelled(found: Estimate | None) -> str:
    """Return a mean with its interval: .633 (.61–.65)."""
    if found is None:
        return "–"
    mean = f"{found.mean:.3f}".removeprefix("0")
    return f"{mean} ({share(found.low)}–{share(found.high)})"


def points_of(row: Row) -> NDArray[np.float64]:
    """Return the points of a row's curve, (cut-offs, 3); empty where it has none."""
    for task in (JUDGEMENTS, LABELS):
        if f"{task}/curve" in row.arrays:
            return np.asarray(row.arrays[f"{task}/curve"], dtype=np.float64)
    return np.empty((0, 3))


def written(found: Comparison) -> str:
    """Return the table as lines of text."""
    columns = columns_of(found)
    heads = ["method", "code", "bytes"]
    for task, metric in columns:
        heads.append(METRICS[metric] + (" copies" if task == COPIES != found.main else ""))
    heads += ["error", "ANN", "fit s", "ms/query"]
    lines = [heads]
    for row in found.ordered:
        cells = [row.title, row.code, f"{row.bytes_per_item:,.0f}"]
        for number, (task, metric) in enumerate(columns):
            estimate = row.estimate(task, metric)
            mean = f"{estimate.mean:.3f}".removeprefix("0") if estimate else "–"
            cells.append(mean if number else spelled(estimate))
        cells += [
            "–" if row.error is None else f"{row.error:.4f}".removeprefix("0"),
            "–" if row.ann_recall is None else f"{row.ann_recall:.3f}".removeprefix("0"),
            f"{row.fit_s:.1f}",
            f"{row.query_ms:.2f}",
        ]
        lines.append(cells)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
