"""What retrieval is measured by, and PCA in all its forms to measure it against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from aesearch.evaluation.metrics import average_precision, precision_at, ranked_relevance
from aesearch.indexing.selection import unit
from benchmarks.reporting import say

Array = NDArray[Any]

FORMS = {"raw": 0.0, "half-whitened": 0.5, "whitened": 1.0}


@dataclass
class Question:
    """What is asked: labels of queries and of the database."""

    queries: Array
    database: Array

    def measure(self, asked: Array, codes: Array) -> dict[str, float]:
        """Return P@10 and mAP over the whole ranking by inner product."""
        precise, average = [], []
        for relevant in ranked_relevance(asked, codes, self.queries, self.database):
            precise.append(precision_at(relevant, 10))
            average.append(average_precision(relevant))
        return {
            "P@10": float(np.concatenate(precise).mean()),
            "mAP": float(np.concatenate(average).mean()),
        }

    def chance(self) -> float:
        """Return the precision of a random ranking."""
        return float((self.queries[:, None] == self.database).mean())


def for_distance(asked: Array, codes: Array) -> tuple[Array, Array]:
    """Return vectors whose inner product ranks as the Euclidean distance does."""
    squares = -0.5 * np.square(codes).sum(axis=1, keepdims=True)
    ones = np.ones((len(asked), 1))
    return (
        np.hstack([asked, ones]).astype(np.float32),
        np.hstack([codes, squares]).astype(np.float32),
    )


def baselines(
    question: Question, inputs: Mapping[str, tuple[Array, Array]], size: int, seed: int
) -> dict[str, dict[str, float]]:
    """Measure PCA in its three forms, by cosine and by distance, on each size of input."""
    found = {}
    for name, (database, queries) in inputs.items():
        say(f"PCA of {name} input")
        rows, asked = (np.float32(a).reshape(len(a), -1) / 255 for a in (database, queries))
        pca = PCA(size, random_state=seed).fit(rows)
        codes, answers = (pca.transform(a).astype(np.float64) for a in (rows, asked))
        for form, whiten in FORMS.items():
            scale = pca.explained_variance_ ** (whiten / 2)
            c, a = codes / scale, answers / scale
            title = f"PCA-{size} {form}, {name}"
            found[f"{title}, cosine"] = question.measure(unit(a), unit(c))
            found[f"{title}, L2"] = question.measure(*for_distance(a, c))
    return found
