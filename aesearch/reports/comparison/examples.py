"""Which queries of a comparison tell most: where methods differ, and where all of them fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aesearch.compare.results import Comparison, Row, Verdict
from aesearch.compare.tasks import COPIES

EACH = 4


@dataclass(frozen=True)
class Example:
    """A query, by its number, and how well each method answers it."""

    query: int
    values: list[float]


def examples_of(
    found: Comparison, rows: Sequence[Row], verdict: Verdict
) -> list[tuple[str, list[Example]]]:
    """Return groups of queries, each with a heading; no query is in two of them.

    Parameters
    ----------
    found : Comparison
    rows : sequence of Row
        The methods that are shown.
    verdict : Verdict
        Where it compares two methods, the queries at which they differ most come first.
    """
    name = f"{found.main}/{'reciprocal_rank' if found.main == COPIES else 'average_precision'}"
    values = np.stack([row.arrays[name] for row in rows])
    means = values.mean(axis=0)
    wanted = [("Best answered by all", -means), ("Worst answered by all", means)]
    if verdict.learned is not None and verdict.baseline is not None:
        gains = verdict.learned.arrays[name] - verdict.baseline.arrays[name]
        one, other = found.named(verdict.learned), found.named(verdict.baseline)
        wanted = [
            (f"Where {one} gains most over {other}", np.where(gains > 0, -gains, np.inf)),
            (f"Where {one} loses most against {other}", np.where(gains < 0, gains, np.inf)),
            *wanted[::-1],
        ]
    groups = []
    taken: set[int] = set()
    for title, costs in wanted:
        order = [int(n) for n in np.argsort(costs, kind="stable") if np.isfinite(costs[n])]
        chosen = [n for n in order if n not in taken][:EACH]
        taken.update(chosen)
        if chosen:
            groups.append((title, [Example(n, values[:, n].tolist()) for n in chosen]))
    return groups
