"""What is asked of every method, and what is right: copies, labels, judgements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aesearch.compare.qrels import Grades
from aesearch.errors import ParameterError
from aesearch.evaluation import check as evaluation
from aesearch.evaluation.metrics import ndcg_at, nearest_label, precision_curve, ranking, recall_at
from aesearch.indexing.datasets.base import Dataset
from aesearch.indexing.datasets.texts import TextDataset
from aesearch.modalities import IMAGES
from aesearch.modalities.texts.passages import half_of
from aesearch.types import Doubles, Floats, Ints

COPIES, LABELS, JUDGEMENTS = "copies", "labels", "judgements"
MOST_ASKED, FEWEST_ASKED = 1_000, 200
RANKED = 50_000_000  # scores that a method may give: seconds, not minutes, for 100,000 items
CURVE = 50  # cut-offs of the curve of precision
SHOWN = 10  # nearest items that are kept of each query
NEIGHBOURS = 5  # that vote for a label

Values = dict[str, Doubles]


@dataclass
class Asked:
    """Questions, in the forms that methods take.

    Attributes
    ----------
    samples : ndarray or SparseRows
        Pixels, or counts of terms.
    texts : list of str
        Of documents, for methods that look at words; empty for pictures.
    names : list of str
        Of each question: the key of an item, or what was asked.
    rows : ndarray of int64, shape (m,)
        Which item of the collection it is, or was made of; -1 for none.
    among : ndarray of int64 or None
        Items that are searched; None for all.
    """

    samples: Any
    names: list[str]
    rows: Ints
    texts: list[str] = field(default_factory=list)
    among: Ints | None = None

    def __len__(self) -> int:
        return len(self.names)


@dataclass
class Answers:
    """What a method reached on one task.

    Attributes
    ----------
    values : dict of str to ndarray of float64, shape (m,)
        Each metric, by query.
    curve : ndarray of float64, shape (m, CURVE)
        Precision at each cut-off; without columns where there is one right answer.
    nearest : ndarray of int64, shape (m, SHOWN)
        Items, nearest first; -1 where there are fewer.
    right : ndarray of bool, shape (m, SHOWN)
        Which of these are relevant.
    """

    values: Values
    curve: Doubles
    nearest: Ints
    right: NDArray[np.bool_]


@dataclass
class Task(ABC):
    """Questions with right answers.

    Attributes
    ----------
    asked : Asked
    searched : ndarray of int64, shape (n,)
        Items that are searched, in a random order, by which equal scores are ranked.
    chance : float or None
        Precision at 10 of a random ranking.
    """

    name = ""
    asked: Asked
    searched: Ints
    chance: float | None = None

    @abstractmethod
    def judge(self, scores: Floats, block: slice) -> Answers:
        """Judge one block of queries by their scores of what is searched, (b, n)."""

    def nearest(self, order: Ints, right: NDArray[Any]) -> tuple[Ints, NDArray[np.bool_]]:
        """Return the first items of rankings, and whether they are right, filled up."""
        first = np.full((len(order), SHOWN), -1, dtype=np.int64)
        some = self.searched[order[:, :SHOWN]]
        first[:, : some.shape[1]] = some
        good = np.zeros(first.shape, dtype=bool)
        good[:, : some.shape[1]] = right[:, :SHOWN] > 0
        return first, good


@dataclass
class Copies(Task):
    """Distorted copies of what was kept out must find their originals among all items."""

    name = COPIES
    targets: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def judge(self, scores: Floats, block: slice) -> Answers:
        """Judge one block."""
        ranks = evaluation.ranks_among(scores, self.targets[block])
        order = ranking(scores)[:, :SHOWN]
        nearest, right = self.nearest(order, order == self.targets[block, None])
        values = {
            "recall_at_1": (ranks == 1).astype(np.float64),
            "recall_at_10": (ranks <= 10).astype(np.float64),
            "reciprocal_rank": 1.0 / ranks,
        }
        return Answers(values, np.empty((len(ranks), 0)), nearest, right)


@dataclass
class Labelled(Task):
    """What was kept out must find items of the same folder, or label, among the others."""

    name = LABELS
    own: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    labels: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def judge(self, scores: Floats, block: slice) -> Answers:
        """Judge one block."""
        order = ranking(scores)
        found = self.labels[order]
        own = self.own[block]
        relevant = found == own[:, None]
        values = graded(relevant.astype(np.int64))
        values["knn"] = (nearest_label(found[:, :NEIGHBOURS]) == own).astype(np.float64)
        return Answers(values, precision_curve(relevant, CURVE), *self.nearest(order, relevant))


@dataclass
class Judged(Task):
    """Queries must find what somebody judged relevant for them.

    Attributes
    ----------
    columns, grades : list of ndarray of int64
        For each query the judged items, as columns of `searched`, and their grades.
    """

    name = JUDGEMENTS
    columns: list[Ints] = field(default_factory=list)
    grades: list[Ints] = field(default_factory=list)

    def judge(self, scores: Floats, block: slice) -> Answers:
        """Judge one block; a query that is an item does not find itself."""
        gains = np.zeros(scores.shape, dtype=np.int64)
        for row, number in enumerate(range(len(self.asked))[block]):
            gains[row, self.columns[number]] = np.maximum(self.grades[number], 0)
            itself = self.searched == self.asked.rows[number]
            gains[row, itself], scores[row, itself] = 0, -np.inf
        order = ranking(scores)
        ranked = np.take_along_axis(gains, order, axis=1)
        curve = precision_curve(ranked > 0, CURVE)
        return Answers(graded(ranked), curve, *self.nearest(order, ranked))


def graded(gains: Ints) -> Values:
    """Return the metrics of whole rankings, by query, from the grade at each rank, (m, n)."""
    relevant = gains > 0
    return {
        "precision_at_1": evaluation.precision_at(relevant, 1),
        "precision_at_10": evaluation.precision_at(relevant, 10),
        "recall_at_100": recall_at(relevant, 100),
        "average_precision": evaluation.average_precision(relevant),
        "ndcg_at_10": ndcg_at(gains, 10),
    }


def copies_task(corpus: Dataset, seed: int) -> Copies:
    """Return the check that needs no labels: distorted pictures, halves of documents."""
    rng = np.random.default_rng(seed)
    rows = _some(corpus.kept_out, len(corpus), rng)
    names = [corpus.items[row].key for row in rows]
    if isinstance(corpus, TextDataset):
        texts = [half_of(corpus.documents[row].text, seed) for row in rows]
        asked = Asked(corpus.features.count(texts), names, rows, texts)
    else:
        asked = Asked(corpus.distorted(rows, seed), names, rows)
    searched = rng.permutation(len(corpus))
    return Copies(asked, searched, targets=np.argsort(searched)[rows])


def labels_task(corpus: Dataset, seed: int) -> Labelled | None:
    """Return the questions by folder or label, or None where there are none to be asked."""
    numbers = evaluation.label_numbers(corpus.labels)
    if numbers is None:
        return None
    rng = np.random.default_rng(seed)
    searched = rng.permutation(corpus.training)
    labels = numbers[searched]
    sharing = np.bincount(labels[labels >= 0], minlength=numbers.max() + 1)
    kept = corpus.kept_out
    kept = kept[(numbers[kept] >= 0) & (sharing[numbers[kept]] > 0)]
    if not len(kept):
        return None
    rows = np.sort(_some(kept, len(corpus), rng))
    share = float(sharing[numbers[rows]].mean() / len(searched))
    chance = share * min(10, len(searched)) / 10
    asked = items_asked(corpus, rows)
    asked.among = np.arange(corpus.training)
    return Labelled(asked, searched, chance, numbers[rows], labels)


def judged_task(
    corpus: Dataset, judged: Mapping[str, Grades], queries: Mapping[str, str], seed: int
) -> Judged:
    """Return the questions of a file of judgements.

    Parameters
    ----------
    corpus : Dataset
    judged : mapping of str to Grades
        Of items that are in the collection.
    queries : mapping of str to str
        The texts of queries by their names; of one that is not there, the name is the key of an
        item, or, of documents, what is asked.
    seed : int
        Of the order of equal scores.

    Raises
    ------
    ParameterError
        If pictures are to be found for what is no item.
    """
    places = {item.key: row for row, item in enumerate(corpus.items)}
    names = list(judged)
    rows = np.array(
        [-1 if name in queries else places.get(name, -1) for name in names], dtype=np.int64
    )
    if isinstance(corpus, TextDataset):
        texts = [
            queries.get(name, name) if row < 0 else corpus.documents[row].text
            for name, row in zip(names, rows.tolist(), strict=True)
        ]
        shown = [queries.get(name, name) for name in names]
        asked = Asked(corpus.features.count(texts), shown, rows, texts)
    elif (rows < 0).any():
        unknown = names[int(np.argmax(rows < 0))]
        raise ParameterError(
            f"query '{unknown}' is no picture of this collection; judge by the keys of its items"
        )
    else:
        asked = items_asked(corpus, rows)
    searched = np.random.default_rng(seed).permutation(len(corpus))
    column = np.argsort(searched)
    return Judged(
        asked,
        searched,
        columns=[column[[places[item] for item in judged[name]]] for name in names],
        grades=[np.array(list(judged[name].values()), dtype=np.int64) for name in names],
    )


def items_asked(corpus: Dataset, rows: Ints) -> Asked:
    """Return items as questions."""
    names = [corpus.items[row].key for row in rows]
    texts = [corpus.documents[row].text for row in rows] if isinstance(corpus, TextDataset) else []
    return Asked(corpus.samples[rows], names, rows, texts)


def _some(rows: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Return the rows that ask: all, or a random part of many."""
    most = min(MOST_ASKED, max(FEWEST_ASKED, RANKED // count))
    return rows if len(rows) <= most else np.sort(rng.permutation(rows)[:most])


def main_metric(task: str) -> str:
    """Return the metric by which a task decides."""
    return {COPIES: "reciprocal_rank", LABELS: "precision_at_10"}.get(task, "average_precision")


def named(task: str, kind: str, *, folders: bool = True) -> str:
    """Say in a few words what a task asks."""
    if task == COPIES:
        made = "distorted copies" if kind == IMAGES else "halves of documents"
        return f"{made} find their original"
    if task == LABELS:
        return f"items of the same {'folder' if folders else 'label'}"
    return "what was judged relevant"


def joined(parts: Sequence[Answers]) -> Answers:
    """Return the answers of consecutive blocks as one."""
    return Answers(
        {name: np.concatenate([p.values[name] for p in parts]) for name in parts[0].values},
        np.concatenate([p.curve for p in parts]),
        np.concatenate([p.nearest for p in parts]),
        np.concatenate([p.right for p in parts]),
    )
