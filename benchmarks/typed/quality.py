"""How well what is typed is found: each way to search an index, and the baselines beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import aesearch
from aesearch.evaluation.bootstrap import bootstrap, paired_difference
from aesearch.sources.columns import Columns
from aesearch.types import Doubles, Ids
from benchmarks.reporting import say
from benchmarks.text_sets import Judged
from benchmarks.typed.baselines import Bm25, gensim_lsi, lsa, tokens_of
from benchmarks.typed.indexes import Shelf, checksum
from benchmarks.typed.sets import Source
from benchmarks.typed.ways import DEFAULT, check_of, ways_of

Values = dict[str, Doubles]
Row = dict[str, Any]


def measured(source: Source, found: Judged, shelf: Shelf) -> tuple[list[Row], Row]:
    """Return a row for each way to search a collection, and one that compares the default."""
    content = checksum(*found.keys, *found.documents)
    columns = Columns(("text",), source.key)
    values: dict[str, Values] = {}
    with shelf.index(source.name, found.table, content, columns) as index:
        for way, ranked in _ours(source, found, index):
            values[way] = found.values(ranked)
            say(f"{source.name}, {way}: {values[way][source.metrics[0]].mean():.3f}")
        told = check_of(index)
    others = dict(_baselines(source, found))
    values |= others
    rows = [_row(source, way, of_way) for way, of_way in values.items()]
    return rows, _compared(source, values[DEFAULT], others) | {"the check": told}


def _ours(source: Source, found: Judged, index: aesearch.Index) -> Iterator[tuple[str, list[Ids]]]:
    """Yield the rankings of each way to search an index."""
    rows = {key: row for row, key in enumerate(found.keys)}
    for way, search in ways_of(index, source.depth).items():
        yield way, [np.array([rows[key] for key in search(query)], int) for query in found.queries]


def _baselines(source: Source, found: Judged) -> Iterator[tuple[str, Values]]:
    """Yield what each baseline reaches, at its best where it has choices."""
    documents, queries = (
        tokens_of(texts, source.language) for texts in (found.documents, found.queries)
    )
    stems = "characters and pairs" if source.language == "chinese" else "stems"
    yield f"bm25s ({stems})", found.values(Bm25(documents).rankings(queries, source.depth))
    for name, of_all in (("LSA", lsa), ("gensim LSI", gensim_lsi)):
        values = {
            choice: found.values(ranked)
            for choice, ranked in of_all(documents, queries, source.depth)
        }
        if values:
            best = max(values, key=lambda one: float(values[one][source.metrics[0]].mean()))
            say(f"{source.name}, {name}: {values[best][source.metrics[0]].mean():.3f} ({best})")
            yield f"best {name} ({best})", values[best]


def _row(source: Source, way: str, values: Values) -> Row:
    row: Row = {"set": source.name, "search": way}
    for metric in source.metrics:
        estimate = bootstrap(values[metric][:, None])[0]
        row[metric] = estimate.mean
        row[f"{metric}, 95 %"] = f"{estimate.low:.3f} to {estimate.high:.3f}"
    return row


def _compared(source: Source, ours: Values, others: dict[str, Values]) -> Row:
    """Return the default beside the better of the baselines, by the metric that decides."""
    metric = source.metrics[0]
    best = max(others, key=lambda way: float(others[way][metric].mean()))
    mean, least = float(ours[metric].mean()), float(others[best][metric].mean())
    difference = paired_difference(ours[metric], others[best][metric])
    return {
        "set": source.name,
        "queries": len(ours[metric]),
        "metric": metric,
        DEFAULT: mean,
        "better baseline": best,
        "it reaches": least,
        "ratio": mean / max(least, 1e-9),
        "difference, 95 %": f"{difference.low:+.3f} to {difference.high:+.3f}",
    }


def mean_ratio(compared: Sequence[Row]) -> float:
    """Return the mean of the ratios."""
    return float(np.mean([row["ratio"] for row in compared]))
