"""What is asked of a method, and what is relevant: known-item search, labels, qrels.

A task judges scores; who gives them, and from what, it does not know. The queries of a collection
and their number are chosen here too, so that all who evaluate on it ask the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import ParameterError
from aesearch.evaluation.metrics import (
    BLOCK,
    graded,
    majority_label,
    precision_curve,
    ranking,
    ranks_of,
)
from aesearch.types import Bools, Doubles, Floats, Ints

MOST_ASKED, FEWEST_ASKED = 1_000, 200  # queries of a task
RANKED = 50_000_000  # scores that a method may give: seconds, not minutes, for 100,000 items
SMALLEST_GROUP = 5  # items that share a label, in two groups at least
CUTOFF = 10
CURVE = 50  # cut-offs of the curve of precision
SHOWN = 10  # nearest items that are kept of each query
NEIGHBORS = 5  # that vote for a label


@dataclass
class Queries:
    """What is asked, in the forms that methods take.

    Attributes
    ----------
    samples : ndarray or SparseRows
        Pixels, or counts of terms.
    names : list of str
        Of each query: the key of an item, or what was asked.
    rows : ndarray of int64, shape (m,)
        Which item of the collection it is, or was made of; -1 for none.
    texts : list of str
        Of documents, for methods that look at words; empty for pictures.
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
class Rankings:
    """What a method reached on one task.

    Attributes
    ----------
    values : dict of str to ndarray of float64, shape (m,)
        Each metric, by query.
    curve : ndarray of float64, shape (m, CURVE)
        Precision at each cut-off; without columns where one item is relevant.
    nearest : ndarray of int64, shape (m, SHOWN)
        Items, nearest first; -1 where there are fewer.
    relevant : ndarray of bool, shape (m, SHOWN)
        Which of these are relevant.
    """

    values: dict[str, Doubles]
    curve: Doubles
    nearest: Ints
    relevant: Bools

    def mean(self, metric: str) -> float:
        """Return the mean of a metric over the queries."""
        return float(self.values[metric].mean())

    @classmethod
    def joined(cls, parts: Sequence[Rankings]) -> Rankings:
        """Return those of consecutive blocks of queries as one."""
        return cls(
            {name: np.concatenate([p.values[name] for p in parts]) for name in parts[0].values},
            np.concatenate([p.curve for p in parts]),
            np.concatenate([p.nearest for p in parts]),
            np.concatenate([p.relevant for p in parts]),
        )


@dataclass
class Task(ABC):
    """Queries, and which items are relevant to each.

    Attributes
    ----------
    queries : Queries
    searched : ndarray of int64, shape (n,)
        Items that are searched, in a random order, by which equal scores are ranked.
    chance : float or None
        Precision at 10 of a random ranking.
    """

    queries: Queries
    searched: Ints
    chance: float | None = None

    @abstractmethod
    def judge(self, scores: Floats, block: slice) -> Rankings:
        """Judge one block of queries by their scores of what is searched, (b, n)."""

    def nearest(self, order: Ints, relevant: NDArray[Any]) -> tuple[Ints, Bools]:
        """Return the first items of rankings, and whether they are relevant, filled up."""
        first = np.full((len(order), SHOWN), -1, dtype=np.int64)
        some = self.searched[order[:, :SHOWN]]
        first[:, : some.shape[1]] = some
        good = np.zeros(first.shape, dtype=bool)
        good[:, : some.shape[1]] = relevant[:, :SHOWN] > 0
        return first, good


@dataclass
class KnownItem(Task):
    """Known-item search: each query was made of an item, which it must find among all.

    Attributes
    ----------
    targets : ndarray of int64, shape (m,)
        These items, as columns of `searched`.
    """

    targets: Ints = field(kw_only=True)

    @classmethod
    def of(cls, queries: Queries, searched: Ints) -> KnownItem:
        """Make the task of queries by their rows; all items are searched, in this order."""
        return cls(queries, searched, targets=np.argsort(searched)[queries.rows])

    def judge(self, scores: Floats, block: slice) -> Rankings:
        """Judge one block."""
        targets = self.targets[block]
        ranks = ranks_of(scores, targets)
        order = ranking(scores, SHOWN)
        values = {
            "recall_at_1": (ranks == 1).astype(np.float64),
            "recall_at_10": (ranks <= 10).astype(np.float64),
            "reciprocal_rank": 1.0 / ranks,
        }
        nearest = self.nearest(order, order == targets[:, None])
        return Rankings(values, np.empty((len(ranks), 0)), *nearest)


@dataclass
class SameLabel(Task):
    """Held-out items must find those of the same folder, or label, in the training set.

    Attributes
    ----------
    own : ndarray of int64, shape (m,)
        Label of each query.
    labels : ndarray of int64, shape (n,)
        Of what is searched; -1 for none.
    """

    own: Ints = field(kw_only=True)
    labels: Ints = field(kw_only=True)

    def judge(self, scores: Floats, block: slice) -> Rankings:
        """Judge one block."""
        order = ranking(scores)
        found, own = self.labels[order], self.own[block]
        relevant = found == own[:, None]
        values = graded(relevant.astype(np.int8))
        values["knn"] = (majority_label(found[:, :NEIGHBORS]) == own).astype(np.float64)
        return Rankings(values, precision_curve(relevant, CURVE), *self.nearest(order, relevant))


@dataclass
class Qrels(Task):
    """Queries must find what somebody judged relevant to them.

    Attributes
    ----------
    columns, grades : list of ndarray of int64
        For each query the judged items, as columns of `searched`, and their grades.
    """

    columns: list[Ints] = field(kw_only=True)
    grades: list[Ints] = field(kw_only=True)

    def judge(self, scores: Floats, block: slice) -> Rankings:
        """Judge one block; a query that is an item does not find itself."""
        gains = np.zeros(scores.shape, dtype=np.int64)
        for row, number in enumerate(range(len(self.queries))[block]):
            gains[row, self.columns[number]] = np.maximum(self.grades[number], 0)
            itself = self.searched == self.queries.rows[number]
            gains[row, itself], scores[row, itself] = 0, -np.inf
        order = ranking(scores)
        ranked = np.take_along_axis(gains, order, axis=1)
        curve = precision_curve(ranked > 0, CURVE)
        return Rankings(graded(ranked), curve, *self.nearest(order, ranked))


def evaluate(task: Task, score: Callable[[slice], Floats]) -> Rankings:
    """Return what a method reaches on a task.

    Parameters
    ----------
    task : Task
    score : callable
        Gives, for a block of the queries, the scores of all items, (b, items).

    Raises
    ------
    ParameterError
        If nothing is asked.
    """
    if not len(task.queries):
        raise ParameterError("there are no held-out items to evaluate on; it takes at least one")
    step = max(1, BLOCK // max(1, len(task.searched)))
    blocks = [slice(start, start + step) for start in range(0, len(task.queries), step)]
    return Rankings.joined([task.judge(score(block)[:, task.searched], block) for block in blocks])


def chosen_queries(held_out: Ints, keys: Sequence[str], seed: int) -> Ints:
    """Return the held-out items that ask, by key: all, or a random part of many.

    The same whatever order the items were read in, and so are perturbations drawn one by one.

    Parameters
    ----------
    held_out : ndarray of int64
        Rows of the items that may ask.
    keys : sequence of str
        Of all items.
    seed : int
    """
    ordered = _by_key(held_out, keys)
    most = min(MOST_ASKED, max(FEWEST_ASKED, RANKED // len(keys)))
    if len(ordered) <= most:
        return ordered
    drawn = np.random.default_rng(seed).permutation(len(ordered))[:most]
    return ordered[np.sort(drawn)]


def shuffled(rows: Ints, keys: Sequence[str], seed: int) -> Ints:
    """Return rows in a random order, the same whatever order the items were read in."""
    return _by_key(rows, keys)[np.random.default_rng(seed).permutation(len(rows))]


def _by_key(rows: Ints, keys: Sequence[str]) -> Ints:
    return rows[np.argsort([keys[row] for row in rows.tolist()], kind="stable")]


def labelled_queries(
    labels: Ints, keys: Sequence[str], training: int, seed: int
) -> tuple[Ints, float] | None:
    """Return the held-out items that ask for their label, and the precision at 10 by chance.

    Those are left out that have no label, and those of a label that no training item has.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        Of all items, -1 for none.
    keys : sequence of str
        Of all items.
    training : int
        The first so many are the training set, the others are held out.
    seed : int

    Returns
    -------
    rows, chance : ndarray of int64, float
        None where nobody is left.
    """
    known = labels[:training]
    sharing = np.bincount(known[known >= 0], minlength=int(labels.max(initial=-1)) + 1)
    held_out = np.arange(training, len(labels))
    own = labels[held_out]
    rows = chosen_queries(held_out[(own >= 0) & (sharing[own] > 0)], keys, seed)
    if not len(rows):
        return None
    share = float(sharing[labels[rows]].mean() / training)
    return rows, share * min(CUTOFF, training) / CUTOFF


def label_numbers(labels: Sequence[str]) -> Ints | None:
    """Return the folder or label of each item as a number; None where there are no groups.

    Parameters
    ----------
    labels : sequence of str
        "" where an item has none.

    Returns
    -------
    ndarray of int64, shape (n,), or None
        They are numbered from 0 by name, folders of one parent apart from each other; -1 marks
        items without one. None with fewer than two groups of at least 5 items.
    """
    counts = Counter(label for label in labels if label)
    if sum(count >= SMALLEST_GROUP for count in counts.values()) < 2:
        return None
    numbers = {label: number for number, label in enumerate(sorted(counts))}
    return np.array([numbers.get(label, -1) for label in labels], dtype=np.int64)
