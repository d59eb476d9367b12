"""Mutate inputs of all kinds at random, and see whether anything crashes, hangs or is lost.

python -m benchmarks.fuzz [--count 100000] [--seed 0] [--first 0] [--json]

Case n is made from the seed and n alone: ``--first n --count 1`` runs it again, and shows where it
fails. Cases run in processes of their own: one that dies, or takes more than two seconds of
processor time, is named, and the others go on.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

import click

from benchmarks.fuzz.run import run
from benchmarks.reporting import show

SHOWN = 20  # failures


@click.command(help=__doc__)
@click.option("--count", default=100_000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--first", default=0, show_default=True, help="Number of the first case.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(count: int, seed: int, first: int, as_json: bool) -> None:
    """Run the cases, and print what failed."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    started = time.monotonic()
    mutations, failures = run(seed, first, count)
    for number, route, told in failures[:SHOWN]:
        print(f"--- case {number} ({route})\n{told}", file=sys.stderr)
    tally = Counter(failure.route for failure in failures)
    rows = [{"cases": count, "mutations": mutations, "failures": len(failures), **tally}]
    notes = {"first": first, "seed": seed, "minutes": (time.monotonic() - started) / 60}
    show("Mutations of pictures, documents, tables and queries", rows, notes, as_json=as_json)
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
