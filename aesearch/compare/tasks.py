"""The tasks of a comparison by name, and how they are called."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aesearch.compare.qrels import Grades
from aesearch.errors import ParameterError
from aesearch.evaluation.check import BY_FOLDER
from aesearch.evaluation.tasks import Qrels, Queries, shuffled
from aesearch.indexing.datasets.base import Dataset
from aesearch.indexing.tasks import item_queries, keys_of
from aesearch.modalities import modality

# Known-item search, same folder or label, qrels: their names in results and on pages.
COPIES, LABELS, JUDGEMENTS = "copies", "labels", "judgements"


def qrels_task(
    dataset: Dataset, qrels: Mapping[str, Grades], queries: Mapping[str, str], seed: int
) -> Qrels:
    """Return the queries of a file of qrels.

    Parameters
    ----------
    dataset : Dataset
    qrels : mapping of str to Grades
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
    keys = keys_of(dataset)
    places = {key: row for row, key in enumerate(keys)}
    names = list(qrels)
    rows = np.array(
        [-1 if name in queries else places.get(name, -1) for name in names], dtype=np.int64
    )
    if dataset.modality.has_words:
        texts = [
            queries.get(name, name) if row < 0 else dataset.texts(rows[place : place + 1])[0]
            for place, (name, row) in enumerate(zip(names, rows.tolist(), strict=True))
        ]
        shown = [queries.get(name, name) for name in names]
        asked = Queries(dataset.features.count(texts), shown, rows, texts)
    elif (rows < 0).any():
        unknown = names[int(np.argmax(rows < 0))]
        raise ParameterError(
            f"query '{unknown}' is no {dataset.modality.noun} of this collection; judge by the "
            "keys of its items"
        )
    else:
        asked = item_queries(dataset, rows)
    searched = shuffled(np.arange(len(dataset)), keys, seed)
    column = np.argsort(searched)
    return Qrels(
        asked,
        searched,
        columns=[column[[places[item] for item in qrels[name]]] for name in names],
        grades=[np.array(list(qrels[name].values()), dtype=np.int64) for name in names],
    )


def main_metric(task: str) -> str:
    """Return the metric by which a task decides."""
    return {COPIES: "reciprocal_rank", LABELS: BY_FOLDER}.get(task, "average_precision")


def named(task: str, kind: str, *, folders: bool = True) -> str:
    """Say in a few words what a task asks."""
    if task == COPIES:
        return f"{modality(kind).perturbed} find their original"
    if task == LABELS:
        return f"items of the same {'folder' if folders else 'label'}"
    return "what was judged relevant"
