"""How well, and how fast, what is typed is found: the search that users get, beside others.

    python -m benchmarks.typed [med cran cacm questions_en questions_de questions_zh r8 newsgroups]
    python -m benchmarks.typed rare
    python -m benchmarks.typed speed

AESEARCH_DATA names the data folder; sets.py and text_sets.py say what is read from it. Indexes are
made with the defaults, as `aesearch index` makes them, and kept in the cache folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.folders import cache_folder
from benchmarks.reporting import say, show
from benchmarks.typed.indexes import Shelf
from benchmarks.typed.quality import mean_ratio, measured
from benchmarks.typed.rare import rare
from benchmarks.typed.sets import SETS
from benchmarks.typed.speed import timed

RARE, SPEED = "rare", "speed"
Table = tuple[str, list[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Bench:
    """What the steps share."""

    data: Path | None
    cache: Path
    shelf: Shelf
    count: int

    def quality(self, names: Sequence[str]) -> Iterator[Table]:
        """Collections: each way to search, then the default beside the better baseline."""
        rows, compared = [], []
        for name in names:
            found = SETS[name].read(self.data, self.cache)
            say(f"{name}: {len(found.documents):,} documents, {len(found.queries):,} queries")
            of_set, line = measured(SETS[name], found, self.shelf)
            rows += of_set
            compared.append(line)
        notes = {
            "training": f"{self.shelf.budget:g} s for each index, seed {self.shelf.seed}",
            "intervals": "bootstrap over queries",
            "LSA": "weighting and size (50, 100, 200) chosen by the judgements themselves",
        }
        yield "What is typed: each way to search", rows, notes
        checks = {f"{line['set']}, the check": line.pop("the check") for line in compared}
        ratio = {"mean ratio": mean_ratio(compared)}
        yield (
            "The default typed search beside the better of bm25s and LSA",
            compared,
            ratio | checks,
        )

    def rare(self) -> Iterator[Table]:
        """What stands in one or two documents."""
        yield from rare(self.data, self.cache, self.shelf)

    def speed(self) -> Iterator[Table]:
        """Seconds of a typed query."""
        yield timed(self.data, self.cache, self.shelf, self.count)


@click.command()
@click.argument("sets", nargs=-1, type=click.Choice([*SETS, RARE, SPEED]))
@click.option("--budget", default=60.0, show_default=True, help="Seconds of training of an index.")
@click.option("--seed", default=0, show_default=True, help="Of the indexes.")
@click.option(
    "--count", default=100_000, show_default=True, help="Documents that `speed` searches."
)
@click.option("--reuse", is_flag=True, help="Indexes of an earlier state of the code will do.")
@click.option("--data", type=click.Path(path_type=Path), help="Instead of AESEARCH_DATA.")
@click.option("--cache", type=click.Path(path_type=Path), help="For what is made on the way.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    sets: tuple[str, ...],
    budget: float,
    seed: int,
    count: int,
    data: Path | None,
    cache: Path | None,
    *,
    reuse: bool,
    as_json: bool,
) -> None:
    """Measure typed search on SETS, all collections by default, what is `rare`, or the `speed`."""
    folder = cache_folder(cache) / "typed"
    folder.mkdir(exist_ok=True)
    bench = Bench(data, folder, Shelf(folder, budget, seed, reuse), count)
    names = [name for name in SETS if name in sets or not sets]
    tables = [bench.quality(names)] if names else []
    tables += [bench.rare()] if RARE in sets else []
    tables += [bench.speed()] if SPEED in sets else []
    for of_step in tables:
        for title, rows, notes in of_step:
            show(title, rows, notes, as_json=as_json)


if __name__ == "__main__":
    main()
