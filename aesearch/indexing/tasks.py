"""What a collection is asked to evaluate codes on it: the queries of tasks, and who searches."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from aesearch.evaluation.tasks import (
    KnownItem,
    Queries,
    SameLabel,
    chosen_queries,
    label_numbers,
    labelled_queries,
    shuffled,
)
from aesearch.indexing.datasets.base import Dataset
from aesearch.ingest.passages import BATCH, PassageCodes
from aesearch.modalities.texts.passages import Passage
from aesearch.sparse import SparseRows
from aesearch.types import Floats, Ids, Ints


def keys_of(dataset: Dataset) -> list[str]:
    """Return the keys of all items."""
    return [item.key for item in dataset.items]


def known_item_task(dataset: Dataset, seed: int) -> KnownItem:
    """Return the search that needs no labels: perturbed pictures, halves of documents."""
    keys = keys_of(dataset)
    rows = chosen_queries(dataset.held_out, keys, seed)
    samples, texts = dataset.perturbed(rows, seed), dataset.perturbed_texts(rows, seed)
    queries = Queries(samples, [keys[row] for row in rows], rows, texts)
    return KnownItem.of(queries, shuffled(np.arange(len(dataset)), keys, seed))


def same_label_task(dataset: Dataset, seed: int) -> SameLabel | None:
    """Return the queries by folder or label, or None where there are none to be asked."""
    numbers = label_numbers(dataset.labels)
    if numbers is None:
        return None
    keys = keys_of(dataset)
    found = labelled_queries(numbers, keys, dataset.training, seed)
    if found is None:
        return None
    rows, chance = found
    queries = item_queries(dataset, rows)
    queries.among = np.arange(dataset.training)
    searched = shuffled(queries.among, keys, seed)
    return SameLabel(queries, searched, chance, own=numbers[rows], labels=numbers[searched])


def item_queries(dataset: Dataset, rows: Ints) -> Queries:
    """Return items as queries."""
    names = [dataset.items[row].key for row in rows]
    return Queries(dataset.samples[rows], names, rows, dataset.texts(rows))


@dataclass
class InverseCloze:
    """The inverse cloze task: the openings of documents must find the rests of them.

    Attributes
    ----------
    task : KnownItem
        Its queries are the openings.
    rests : SparseRows
        What takes the place of these documents among all.
    """

    task: KnownItem
    rests: Any

    @classmethod
    def of(cls, dataset: Dataset, rows: Ints) -> InverseCloze | None:
        """Cut some documents in two; None where they are not long enough for it."""
        cut = dataset.openings(rows)
        if cut is None:
            return None
        asking, openings, rests = cut
        queries = Queries(openings, [dataset.items[row].key for row in asking], asking)
        return cls(KnownItem.of(queries, np.arange(len(dataset))), rests)


@dataclass
class Passages:
    """The passages of the long items of a collection; there are none where nothing is long.

    Attributes
    ----------
    owners : ndarray of int64, shape (p,)
        The item of each passage, ascending.
    counts : SparseRows or None
        How often each term occurs in each.
    spans : list of Passage
    """

    owners: Ids
    counts: SparseRows | None = None
    spans: list[Passage] = field(default_factory=list)

    @classmethod
    def of(cls, dataset: Dataset) -> Passages:
        """Cut the documents of a collection as an index does."""
        texts, found = dataset.texts(), dataset.spans()
        parts = (texts[row][span.start : span.end] for row, span in found)
        counts = [dataset.features.count(islice(parts, BATCH)) for _ in range(0, len(found), BATCH)]
        owners = np.array([row for row, _ in found], dtype=np.int64)
        return cls(
            owners, SparseRows.stack(counts) if counts else None, [span for _, span in found]
        )

    def coded(self, codes: Floats) -> PassageCodes:
        """Return them with their codes, to be written into an index."""
        return PassageCodes(self.owners.tolist(), self.spans, codes)

    def scores(self, queries: Floats, codes: Floats) -> Floats:
        """Return the scores of all items, each at its best row, as a search ranks them.

        Parameters
        ----------
        queries : ndarray of float32, shape (m, code_size)
        codes : ndarray of float32, shape (n + p, code_size)
            Of the items, then of the passages.

        Returns
        -------
        ndarray of float32, shape (m, n)
        """
        return self.best(queries @ codes.T)

    def best(self, scores: Floats) -> Floats:
        """Return the score of each item at its best row, from those of items and passages."""
        if self.counts is None:
            return scores
        whole, parts = np.split(scores, [scores.shape[1] - len(self.owners)], axis=1)
        owners, starts = self._stretches
        whole[:, owners] = np.maximum(whole[:, owners], np.maximum.reduceat(parts, starts, axis=1))
        return whole

    @cached_property
    def _stretches(self) -> tuple[Ids, Any]:
        return np.unique(self.owners, return_index=True)
