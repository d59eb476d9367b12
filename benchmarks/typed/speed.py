"""How long a typed query takes in 100,000 documents, in process, beside bm25s alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.sources.columns import Columns
from benchmarks.reporting import say
from benchmarks.typed.baselines import Bm25, tokens_of
from benchmarks.typed.indexes import Shelf, checksum
from benchmarks.typed.sets import mails, subjects, write_table
from benchmarks.typed.ways import WORDS, lexical_index, ways_of, without_borrowed, words_alone

QUERIES, HITS = 200, 10
PIECES, LONG = 2, 60  # a document: so many pieces of messages, of so many words each
MILLISECONDS = 1_000
PLAIN = "the same without borrowed words"


def recombined(texts: Sequence[str], count: int, seed: int) -> Iterator[str]:
    """Yield new documents: two pieces of 60 words each, cut from messages drawn at random."""
    rng = np.random.default_rng(seed)
    spoken = [words for text in texts if len(words := text.split()) >= LONG]
    for _ in range(count):
        pieces = []
        for n in rng.integers(len(spoken), size=PIECES):
            start = int(rng.integers(len(spoken[n]) - LONG + 1))
            pieces.append(" ".join(spoken[n][start : start + LONG]))
        yield "\n\n".join(pieces)


def timed(
    data: Path | None, cache: Path, shelf: Shelf, count: int
) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    """Return the times of 200 subjects of 20 Newsgroups as queries, each way in turn."""
    found = mails(data)
    texts = list(recombined([mail.text for mail in found], count, 0))
    queries = subjects(found, QUERIES, 0)
    table = cache / f"recombined-{count}.jsonl"
    keys = [str(n) for n in range(count)]
    write_table(table, keys, texts)
    say(f"bm25s of {count:,} documents")
    other = Bm25(tokens_of(texts, "english"))
    content = checksum(*texts)
    with shelf.index("speed", table, content, Columns(("text",), "id")) as index:
        ways: dict[str, Callable[[str], object]] = dict(ways_of(index, HITS))
        words = lexical_index(index)
        plain = without_borrowed(words)
        if plain:
            ways[PLAIN] = words_alone(index, HITS, plain)
        ways["bm25s (stems)"] = lambda query: other.rankings(tokens_of([query], "english"), HITS)
        rows = [_row(way, times) for way, times in _in_turn(ways, queries).items()]
    notes = {
        "documents": f"{count:,}, each two pieces of {LONG} words of messages of 20 Newsgroups",
        "queries": f"{len(queries)} subjects of 20 Newsgroups, {HITS} hits, in one process; "
        "of words and bm25s no titles and snippets",
        "default / bm25s": rows[0]["median ms"] / rows[-1]["median ms"],
    }
    if plain:
        times = {row["search"]: row["median ms"] for row in rows}
        notes["borrowed words / plain, time"] = times[WORDS] / times[PLAIN]
        notes["borrowed words / plain, postings"] = len(words.scores) / len(plain.scores)
    return f"A typed query in {count:,} documents", rows, notes


def _in_turn(
    ways: dict[str, Callable[[str], object]], queries: Sequence[str]
) -> dict[str, list[float]]:
    """Return the seconds of each query in each way; a first round, of a few, does not count."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    for n, query in enumerate([*queries[:3], *queries]):
        for way, ask in ways.items():
            started = time.perf_counter()
            ask(query)
            if n >= 3:
                times[way].append(time.perf_counter() - started)
    return times


def _row(way: str, seconds: Sequence[float]) -> dict[str, Any]:
    return {
        "search": way,
        "median ms": MILLISECONDS * statistics.median(seconds),
        "95 % within ms": MILLISECONDS * float(np.percentile(seconds, 95)),
    }
