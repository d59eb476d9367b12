"""What a filter costs: searches that look at 1 % of 100,000 items, against those that look at all.

    python -m benchmarks.filters [--items 100000] [--kind vectors] [--json]

A table of vectors, or of documents, with a year and a place in each row. Each question is asked
without a filter and with one, in turns, so that whatever slows the machine slows both. Filters
differ from one question to the next ("new"), as nothing of an earlier answer is then of use, or
are one and the same ("same"). The hits of each are compared with those of all codes that meet the
filter, one by one.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from aesearch.indexing.build import build
from aesearch.search.hits import Hit
from aesearch.search.index import Index
from benchmarks.reporting import say, show

YEARS = 1_000  # each has a thousandth of the items
PLACES = ("Augsburg", "Ulm", "New York", "Wien", "Basel", "Paris", "Prag", "Rom", "Graz", "Linz")
SIZE, K = 64, 10
WORDS = 20_000
EXACT = "the exact ones"


def rows(kind: str, items: int) -> list[dict[str, Any]]:
    """Return the rows of a table, the same in every run."""
    rng = np.random.default_rng(0)
    years, places = rng.integers(0, YEARS, items) + 1000, rng.integers(0, len(PLACES), items)
    made: list[dict[str, Any]] = [
        {"id": f"n{row}", "year": int(year), "place": PLACES[place]}
        for row, (year, place) in enumerate(zip(years, places, strict=True))
    ]
    if kind == "vectors":
        centers = rng.normal(size=(100, SIZE))
        vectors = centers[rng.integers(0, 100, items)] + rng.normal(size=(items, SIZE))
        for one, vector in zip(made, np.round(vectors, 3).tolist(), strict=True):
            one["vector"] = vector
        return made
    for one in made:
        topic = rng.integers(0, 100)
        words = np.concatenate([rng.integers(0, 60, 20) + 60 * topic, rng.zipf(1.3, 20) % WORDS])
        one["text"] = " ".join(f"w{word:05}" for word in words)
    return made


def condition(number: int) -> str:
    """Return a filter that about one item of a hundred meets; another one for each number."""
    first = 1000 + (number * 37) % (YEARS - 100)
    return f"year >= {first} and year < {first + 100} and place = '{PLACES[number % len(PLACES)]}'"


def best(index: Index, code: np.ndarray[Any, Any], where: str) -> list[str]:
    """Return the keys that are nearest among all that meet a filter, found one by one."""
    items = list(index.items(where=where))
    codes = index.folder.codes_of([item.id for item in items])
    order = np.argsort(-(codes @ code), kind="stable")[:K]
    return [items[row].key for row in order]


def measure(
    index: Index, ask: Callable[[str, str | None], list[Hit]], keys: list[str], *, same: bool
) -> dict[str, float]:
    """Time questions with and without a filter, in turns, and compare the hits."""
    times: dict[bool, list[float]] = {True: [], False: []}
    right = full = 0
    ask(keys[0], None)
    ask(keys[0], condition(0))
    for number, key in enumerate(keys, 1):
        where = condition(0 if same else number)
        for filtered in (True, False) if number % 2 else (False, True):
            started = time.perf_counter()
            hits = ask(key, where if filtered else None)
            times[filtered].append(time.perf_counter() - started)
            if filtered:
                found = [hit.key for hit in hits]
        code = index.folder.codes_of([index.folder.id_of(key)])[0]
        wanted = best(index, code, where)
        allowed = {item.key for item in index.items(where=where)}
        right += set(found) == set(wanted)
        full += len(found) == min(K, len(allowed)) and set(found) <= allowed
    return {
        "filtered ms": 1000 * median(times[True]),
        "unfiltered ms": 1000 * median(times[False]),
        "ratio": median(times[True]) / median(times[False]),
        "k hits, all allowed": full / len(keys),
        EXACT: right / len(keys),
    }


def run(kind: str, items: int, questions: int, root: Path) -> list[dict[str, Any]]:
    """Measure an index of one kind."""
    table = root / "items.jsonl"
    table.write_text("\n".join(map(json.dumps, rows(kind, items))), encoding="utf-8")
    index = build(table, root / "index", budget=0)
    rng = np.random.default_rng(1)
    keys = [f"n{row}" for row in rng.integers(0, items, questions)]
    found: list[dict[str, Any]] = []
    with index:
        met = index.count(where=condition(1))
        say(f"{kind}: {items:,} items, of which {met:,} meet '{condition(1)}'")

        def by_code(key: str, where: str | None) -> list[Hit]:
            return index.similar(key, K, where=where)

        for same in (False, True):
            row = {"search": f"{kind} by code", "filters": "same" if same else "new"}
            found.append(row | measure(index, by_code, keys, same=same))
        if kind == "documents":

            def by_words(key: str, where: str | None) -> list[Hit]:
                words = index.text_of(key).text.split()[:3]
                return index.search(" ".join(words), K, where=where)

            row = {"search": "documents by code and words", "filters": "new"}
            found.append(row | measure(index, by_words, keys, same=False))
            del found[-1][EXACT]  # what words add is no matter of codes
    return found


@click.command()
@click.option("--items", default=100_000)
@click.option("--questions", default=60)
@click.option("--kind", type=click.Choice(["vectors", "documents", "both"]), default="both")
@click.option("--json", "as_json", is_flag=True)
def main(items: int, questions: int, kind: str, *, as_json: bool) -> None:
    """Measure what filters cost."""
    found: list[dict[str, Any]] = []
    for one in ("vectors", "documents"):
        if kind in (one, "both"):
            with tempfile.TemporaryDirectory() as folder:
                found += run(one, items, questions, Path(folder))
    notes = {"items": items, "questions": questions, "k": K}
    show("Filters that keep 1 %", found, notes, as_json=as_json)


if __name__ == "__main__":
    main()
