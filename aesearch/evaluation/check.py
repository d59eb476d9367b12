"""What a candidate reached on held-out items: the record that a decision is made from."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from aesearch.evaluation.tasks import Rankings
from aesearch.types import Doubles

# The measure of items that find those of the same label.
BY_FOLDER = "by_folder"


@dataclass(frozen=True)
class Check:
    """What codes reached on held-out items; the shares are means over queries.

    Parameters
    ----------
    items : int
        Held-out items that asked.
    recall_at_1 : float
        Share of perturbed queries whose nearest neighbor is their original.
    reciprocal_rank : float
        Of the original, searched with the perturbed query.
    precision_at_10, mean_average_precision : float or None
        Of items with the same label; None without labels.
    chance : float or None
        The precision at 10 to be expected of a random ranking.
    opening_rank : float or None
        Geometric mean of the ranks of the inverse cloze task, where openings of documents search
        the rest of them; None without documents long enough for both.
    values : dict of str to ndarray of float64
        By query, and higher is better: "reciprocal_rank", "by_folder" and "opening_rank", as far
        as they were measured. Not kept on disk.
    """

    items: int
    recall_at_1: float
    reciprocal_rank: float
    precision_at_10: float | None = None
    mean_average_precision: float | None = None
    chance: float | None = None
    opening_rank: float | None = None
    values: dict[str, Doubles] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(
        cls,
        known_item: Rankings,
        same_label: Rankings | None = None,
        chance: float | None = None,
        openings: Rankings | None = None,
    ) -> Check:
        """Make a check of what was reached on each task that was set."""
        ranks = known_item.values["reciprocal_rank"]
        values = {"reciprocal_rank": ranks}
        more: dict[str, float | None] = {}
        if same_label is not None:
            values[BY_FOLDER] = geometric_mean(
                same_label.values["precision_at_10"], same_label.values["average_precision"]
            )
            more["precision_at_10"] = same_label.mean("precision_at_10")
            more["mean_average_precision"] = same_label.mean("average_precision")
            more["chance"] = chance
        if openings is not None:
            values["opening_rank"] = np.log(openings.values["reciprocal_rank"])
            more["opening_rank"] = float(np.exp(-values["opening_rank"].mean()))
        recall = known_item.mean("recall_at_1")
        return cls(len(ranks), recall, float(ranks.mean()), **more, values=values)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON, without the values of each query."""
        return {own.name: getattr(self, own.name) for own in fields(self) if own.name != "values"}


def geometric_mean(one: Doubles, other: Doubles) -> Doubles:
    """Return to first order what each query adds to the geometric mean of the means of both.

    The mean of what is returned is just that geometric mean.
    """
    both = np.array([one, other])
    means = both.mean(axis=1, keepdims=True)
    shares: Doubles = (both / np.maximum(means, 1e-12)).mean(axis=0)
    return float(np.sqrt(means.prod())) * shares
