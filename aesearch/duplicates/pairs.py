"""Candidate pairs of near-duplicates: two items, and a score of how well they agree.

`images.py` and `texts.py` find pairs and score them, and score perturbed copies of the
collection's own items in the same way; `threshold.py` makes a threshold of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.types import Bools, Floats, Ids


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows, each once.

    Attributes
    ----------
    first, second : ndarray of int64, shape (n,)
        Rows of the collection; first < second.
    flipped : ndarray of bool, shape (n,)
        Whether the second is compared mirrored.
    scores : ndarray of float32, shape (n,)
        1 where both are the same.
    """

    first: Ids
    second: Ids
    flipped: Bools
    scores: Floats

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, rows: Any) -> Pairs:
        return Pairs(self.first[rows], self.second[rows], self.flipped[rows], self.scores[rows])


NO_PAIRS = Pairs(
    np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0, np.float32)
)


@dataclass(frozen=True)
class Candidates:
    """The candidate pairs of a collection, and what a threshold is calibrated with.

    Attributes
    ----------
    pairs : Pairs
        All candidate pairs.
    copies : ndarray of float32
        Scores of items with perturbed copies of them; -1 where the copy was no candidate.
    score : callable
        Gives the scores of other pairs: rows, rows, and whether the latter are mirrored.
    unread : dict of key to str
        Items that could not be compared, and why.
    size_of : callable, optional
        Width and height of a file, where items have such.
    twins : Pairs
        Items that are all but equal, each with the one that stands for it in `pairs`.
    """

    pairs: Pairs
    copies: Floats
    score: Callable[[Ids, Ids, Bools], Floats]
    unread: dict[str, str] = field(default_factory=dict)
    size_of: Callable[[Path], tuple[int, int] | None] | None = None
    twins: Pairs = NO_PAIRS


def unique_pairs(first: Ids, second: Ids, flipped: Bools) -> tuple[Ids, Ids, Bools]:
    """Pairs in order, each once, the lower row first, and none of a row with itself."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    apart = low != high
    low, high, flipped = low[apart], high[apart], flipped[apart]
    order = np.lexsort((flipped, high, low))
    low, high, flipped = low[order], high[order], flipped[order]
    new = np.ones(len(low), dtype=bool)
    new[1:] = (np.diff(low) != 0) | (np.diff(high) != 0) | (flipped[1:] != flipped[:-1])
    return low[new], high[new], flipped[new]


def joined(parts: Sequence[Pairs]) -> Pairs:
    """The pairs of several parts, each once, in order."""
    names = ("first", "second", "flipped", "scores")
    first, second, flipped, scores = (
        np.concatenate([getattr(part, name) for part in parts]) for name in names
    )
    order = np.lexsort((scores, flipped, second, first))
    merged = Pairs(first, second, flipped, scores)[order]
    last = np.ones(len(merged), dtype=bool)
    last[:-1] = (
        (np.diff(merged.first) != 0)
        | (np.diff(merged.second) != 0)
        | (merged.flipped[1:] != merged.flipped[:-1])
    )
    return merged[last]


def chains(first: Ids, second: Ids, rows: int) -> Ids:
    """For each of the rows, the lowest one that pairs link it with, itself where there is none."""
    lowest: Ids = np.arange(rows)
    while True:
        low, high = lowest[first], lowest[second]
        if (low == high).all():
            return lowest
        np.minimum.at(lowest, np.maximum(low, high), np.minimum(low, high))
        while (lowest != lowest[lowest]).any():
            lowest = lowest[lowest]
