"""The collection in two dimensions by the codes of the best methods, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from aesearch.compare.cache import StepResult, Work
from aesearch.evaluation.tasks import label_numbers
from aesearch.maps.layouts import Panel, layout_of, neighbor_accuracy
from aesearch.types import Ids, Progress, silent

if TYPE_CHECKING:
    from aesearch.compare.results import Comparison, Row

MOST_MAPPED = 1_500  # items: t-SNE of so many takes six seconds
FEWEST_MAPPED = 4
LEARNED_PANELS, BASE_PANELS = 2, 1
STEP = "map"  # the name of its files


def choose_mapped(count: int, seed: int) -> Ids:
    """Return the items that a map shows: all, or a random part of many."""
    drawn = np.random.default_rng(seed).permutation(count)[:MOST_MAPPED]
    return np.asarray(np.sort(drawn), dtype=np.int64)


def panels_of(found: Comparison, work: Work, progress: Progress = silent) -> list[Panel]:
    """Lay out the codes of the best methods by t-SNE, each by itself, in one and the same way.

    What was laid out before is not done again.

    Parameters
    ----------
    found : Comparison
    work : Work
        Where layouts are kept.
    progress : callable

    Returns
    -------
    list of Panel
        Learned codes first; empty where there are too few items, or no codes.
    """
    rows = mapped_rows(found)
    key = {"codes": [xxhash.xxh3_64_hexdigest(row.arrays["mapped"].tobytes()) for row in rows]}
    kept = work.read(STEP, key)
    if kept is None and rows:
        kept = StepResult()
        numbers = label_numbers([found.labels[item] for item in found.mapped])
        for number, row in enumerate(rows):
            progress("drawing the map", number, len(rows))
            panel = layout_of(row.arrays["mapped"].astype(np.float32), "tsne", found.seed, silent)
            accuracy = None if numbers is None else neighbor_accuracy(panel.coordinates, numbers)
            kept.rows.append({"method": panel.method, "title": panel.title, "accuracy": accuracy})
            kept.arrays[str(number)] = panel.coordinates
        progress("drawing the map", len(rows), len(rows))
        work.write(STEP, key, kept)
    panels = [] if kept is None else _panels(kept)
    # How a method is called depends on what else is in the table.
    return [replace(panel, title=found.named(row)) for panel, row in zip(panels, rows, strict=True)]


def _panels(kept: StepResult) -> list[Panel]:
    return [
        Panel(**facts, coordinates=kept.arrays[str(number)])
        for number, facts in enumerate(kept.rows)
    ]


def mapped_rows(found: Comparison) -> list[Row]:
    """Return the rows that are mapped: the best of two learned methods, and of one other."""
    able = [row for row in found.rows if len(row.arrays.get("mapped", ())) >= FEWEST_MAPPED]
    learned = _best([row for row in able if row.learned], found)
    others = _best([row for row in able if not row.learned], found)
    wanted = LEARNED_PANELS + BASE_PANELS
    if not learned:
        return others[: wanted - 1]
    return learned[:LEARNED_PANELS] + others[:BASE_PANELS]


def _best(rows: Sequence[Row], found: Comparison) -> list[Row]:
    """Return the best row of each method, the best method first."""
    first: dict[str, Row] = {}
    for row in sorted(rows, key=found.value, reverse=True):
        first.setdefault(row.method, row)
    return list(first.values())
