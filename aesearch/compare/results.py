"""What a comparison found: rows, and the sentence that says whether learning paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aesearch.compare.collection import Collection
from aesearch.compare.plan import BORROWED, HYBRID
from aesearch.compare.tasks import COPIES, JUDGEMENTS, LABELS, main_metric
from aesearch.evaluation.bootstrap import Estimate, bootstrap, paired_difference
from aesearch.evaluation.decision import Decision, decide, have_signal
from aesearch.evaluation.headline import (
    MEASURES,
    describe_gain,
    size_of,
    spelled,
    too_few,
    values_of,
)
from aesearch.types import Doubles
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.maps.layouts import Panel

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
    parameters : dict
        Of the encoder, where they differ from its defaults; the title says them too.
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
    parameters: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)

    def estimate(self, task: str, metric: str) -> Estimate | None:
        """Return one of the measures, or None where there is no such."""
        found = self.measures.get(task, {}).get(metric)
        return None if found is None else Estimate.of(found)

    @property
    def code(self) -> str:
        """What is kept of an item, in a word or two."""
        if self.form in ("words", BORROWED):
            return "words"
        if self.form == "bytes":
            return f"{self.size:,} bytes"
        if self.form == HYBRID:
            return f"{self.size} + words"
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
    learned, baseline : Row or None
        None where there are not both to compare.
    decision : Decision or None
        Between them, by the measure that decides.
    """

    text: str
    learned: Row | None = None
    baseline: Row | None = None
    decision: Decision | None = None

    @property
    def outcome(self) -> str:
        """'better', 'worse' or 'even'; 'none' where there are not both to compare."""
        return "none" if self.decision is None else self.decision.outcome

    @property
    def difference(self) -> Estimate | None:
        """Mean difference by query, with the interval of the paired bootstrap."""
        return None if self.decision is None else self.decision.gap


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
    shown, mapped : list of int
        Items whose reconstructions were kept, and those on the map.
    labels : list of str
        Folder or label of each item, "" where it has none.
    said : list of str
        What the map says of each item on it.
    panels : list of Panel
        The map by each of the best methods, where it was asked for.
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
    labels: list[str] = field(default_factory=list)
    mapped: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)

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
        found = [row.estimate(LABELS, "precision_at_10") for row in self.rows]
        reached = [estimate.mean for estimate in found if estimate is not None]
        return LABELS if have_signal(reached, chance) else COPIES

    @property
    def metric(self) -> str:
        """The measure that decides: that of model selection in an index."""
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
        found = row.estimate(self.main, self.metric)
        return found or bootstrap(self._by_query(row)[:, None], self.seed)[0]

    def value(self, row: Row) -> float:
        """Return the mean of what decides, of one row."""
        return float(self._by_query(row).mean())

    def named(self, row: Row) -> str:
        """Return the title of a row, with its size where there are several of it."""
        sizes = {r.size for r in self.rows if r.title == row.title and r.form == row.form}
        if len(sizes) < 2:
            return row.title
        end = min((at for mark in (" (", " + ") if (at := row.title.find(mark)) > 0), default=None)
        return f"{row.title[:end]} {row.size}{row.title[end:] if end else ''}"

    def best(self, rows: Sequence[Row]) -> Row | None:
        """Return the best of some rows in their most exact form, or in any if there is none."""
        exact = [row for row in rows if row.is_plain] or rows
        return max(exact, key=self.value, default=None)

    def verdict(self) -> Verdict:
        """Say whether learning paid, and whether words beside the codes did."""
        codes = [row for row in self.rows if row.form not in (HYBRID, BORROWED)]
        learned = self.best([row for row in codes if row.learned])
        baseline = self.best([row for row in codes if not row.learned])
        if learned is None or baseline is None:
            return Verdict(self._alone(learned or baseline))
        decision = self._decide(learned, baseline)
        assert decision.gap is not None
        both = spelled(self.estimate(learned)), spelled(self.estimate(baseline))
        figures = describe_gain(self.metric, *both, decision.gap)
        who, other = f"The learned codes ({self.named(learned)})", self.named(baseline)
        claim = {
            "better": f"{who} beat {other} here",
            "worse": f"{who} do not beat {other} here",
            "even": f"{who} are neither better nor worse than {other} here, as far as these "
            "queries tell",
        }[decision.outcome]
        if decision.gap.is_of_few:
            claim = f"{who} and {other} here, {too_few(self._queries)}"
        text = f"{claim}: {figures}, {self._asked}.{self._beside(learned)}"
        return Verdict(text, learned, baseline, decision)

    @property
    def _queries(self) -> int:
        return len(self.tasks[self.main].names)

    @property
    def _asked(self) -> str:
        return counted(self._queries, "query", "queries")

    def _alone(self, found: Row | None) -> str:
        """Say which method is best, if that is sure: there is no learned one beside baselines."""
        first = found or self.best(self.rows)
        assert first is not None
        own = (first.step, first.title)
        others = [row for row in self.rows if (row.step, row.title) != own]
        values, name = self._by_query(first), self.named(first)
        gaps = [paired_difference(values, self._by_query(row), self.seed) for row in others]
        near = [row for row, gap in zip(others, gaps, strict=True) if gap.side != "better"]
        rival = self.best(near)
        if not others:
            claim = f"{name} is the only method here"
        elif gaps[0].is_of_few:
            claim = f"{name} has the highest figure here, {too_few(self._queries)}"
        elif rival is None:
            claim = f"{name} is best here"
        else:
            claim = f"{name} is not clearly better than {self.named(rival)} here"
        told = f"{MEASURES[self.metric]} {spelled(self.estimate(first))}, {self._asked}."
        return f"{claim}: {told}{self._beside(first)}"

    def _decide(self, learned: Row, baseline: Row) -> Decision:
        names = {self.named(baseline): baseline, self.named(learned): learned}
        values = {name: self._by_query(row) for name, row in names.items()}
        return decide(values, [self.named(learned)], self.metric, self.seed)

    def _by_query(self, row: Row) -> Doubles:
        task = f"{self.main}/"
        metrics = {name.removeprefix(task): own for name, own in row.arrays.items()}
        return values_of(self.metric, metrics)

    def _beside(self, row: Row) -> str:
        """Say what words beside codes add to a row, where that was asked."""
        hybrid = self.best([one for one in self.rows if one.form == HYBRID])
        if hybrid is None or hybrid is row:
            return ""
        gap = paired_difference(self._by_query(hybrid), self._by_query(row), self.seed)
        told = f"{spelled(self.estimate(hybrid))}, "
        if gap.side == "even":
            told += "which these queries cannot tell from it"
        else:
            told += f"{size_of(gap)} {'more' if gap.side == 'better' else 'less'}"
        return f" Codes and words together ({self.named(hybrid)}) reach {told}."

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
            "map": [
                {
                    "method": panel.method,
                    "title": panel.title,
                    "items": len(panel.coordinates),
                    "accuracy": panel.accuracy,
                }
                for panel in self.panels
            ],
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
