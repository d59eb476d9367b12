"""How well, and how fast, documents are found: codes against latent semantic analysis and BM25.

    python -m benchmarks.text adhoc | topics | bits | chinese | indexing | query | all  ...

AESEARCH_DATA names the data folder; text_sets.py says what is read from it. Queries and judgements
are never learned from. Codes are those that an index keeps: frozen, run by onnxruntime. Where LSA
is at its best, its weighting, size and cap were chosen with the judgements; the other codes have
their defaults. Figures of speed are of whole processes, as a user starts them, page cache warm.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import numpy as np

from aesearch.modalities.texts.tokenizer import language_of
from aesearch.search.bm25 import Words
from aesearch.search.lexical import terms_in
from benchmarks.baselines import Array
from benchmarks.folders import cache_folder
from benchmarks.reporting import say, show
from benchmarks.speed import workplace
from benchmarks.text_sets import (
    CODE,
    Classed,
    Codes,
    Judged,
    Terms,
    coded,
    headlines,
    in_bits,
    judged,
    lsa_of_all_sizes,
    newsgroup_files,
    newsgroups,
    precisions,
    reuters,
    sampled_texts,
    with_words,
)
from benchmarks.timing import aesearch_command, alternating, row, seconds_of, until_searchable

SIZES = {"med": (50, 64), "cran": (64, 100, 200)}
DEEP = 1_000  # hits that count
WEIGHTINGS = ("log-entropy", "tf-idf")
CAPS = (1.0, 0.1, 0.05)  # share of the documents, above which a term is left out
VOCABULARY = 20_000
DOCUMENTS, WORDS = 100_000, 40  # of the index that is asked
QUICK = 3_000  # documents
BARE = "import numpy, faiss, onnxruntime, sqlite3, click"
# The usual way: all files read, weighted and decomposed.
SKLEARN = """
import sys
from sklearn.datasets import load_files
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

texts = load_files(sys.argv[1], encoding="latin-1").data
rows = TfidfVectorizer(max_features=30_000, min_df=2, stop_words="english").fit_transform(texts)
TruncatedSVD(int(sys.argv[2]), random_state=0).fit_transform(rows)
"""

Table = tuple[str, list[dict[str, Any]], dict[str, Any]]


@dataclass
class Bench:
    """What the steps share: the choices of a run, and what several of them need."""

    data: Path | None
    place: Path
    seed: int
    seeds: int
    runs: int
    quick: bool
    _made: dict[tuple[str, int], Codes] = field(default_factory=dict)

    @cached_property
    def newsgroups(self) -> Classed:
        """20 Newsgroups, without what holds no word."""
        return self._of(newsgroups(self.data))

    @cached_property
    def news_terms(self) -> Terms:
        """Their terms."""
        return self.terms(self.newsgroups)

    def terms(self, found: Classed) -> Terms:
        """Return documents and queries as terms."""
        return Terms(found.documents, found.queries, self.place, vocabulary=VOCABULARY)

    def news_codes(self, kind: str, size: int) -> Codes:
        """Return their codes, made once for all steps."""
        if (kind, size) not in self._made:
            self._made[kind, size] = coded(self.news_terms, kind, size, self.seed)
        return self._made[kind, size]

    def _of(self, found: Classed) -> Classed:
        found = found.limited(QUICK if self.quick else None, self.seed)
        return with_words(found, VOCABULARY)

    def adhoc(self) -> Iterator[Table]:
        """Judged queries: MAP of words, codes, and both."""
        rows: list[dict[str, Any]] = []
        for name, sizes in list(SIZES.items())[: 1 if self.quick else None]:
            rows += self._judged(name, sizes[:1] if self.quick else sizes)
        seeds = f"mean of {self.seeds} seeds" if self.seeds > 1 else f"seed {self.seed}"
        yield "MED and Cranfield: words and codes", rows, {"measure": f"MAP; codes {seeds}"}

    def _judged(self, name: str, sizes: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows of one set."""
        found = judged(self.data, name)
        say(f"{name}: {len(found.documents):,} documents, {len(found.queries)} queries")
        terms = Terms(found.documents, found.queries, self.place)
        maps = {"BM25": found.mean_of_rankings(by_words(found))}
        grid = {
            f"LSA-{size}, {weighting}": found.mean_average_precision(asked @ codes.T)
            for weighting in WEIGHTINGS
            for size, codes, asked in lsa_of_all_sizes(terms, weighting, 1.0, self.seed)
        }
        for size in sizes:
            maps[f"LSA-{size}"] = grid[f"LSA-{size}, {WEIGHTINGS[0]}"]
        best = max(grid, key=grid.__getitem__)
        maps[f"best LSA ({best.removeprefix('LSA-')})"] = grid[best]
        for size in sizes:
            alone = []
            for seed in range(self.seed, self.seed + self.seeds):
                codes = coded(terms, "text", size, seed)
                alone.append(found.mean_average_precision(codes.queries @ codes.documents.T))
                say(f"{name}: text-{size}, seed {seed}: {alone[-1]:.4f}")
            maps[f"text-{size}"] = _mean(alone)
        return [{"set": name, "ranking": n, "MAP": value} for n, value in maps.items()]

    def topics(self) -> Iterator[Table]:
        """20 Newsgroups: precision of real codes of 64, 10 and 2 numbers."""
        found, terms = self.newsgroups, self.news_terms
        rows, best = [], ("", 0.0)
        notes: dict[str, Any] = {}
        for size in (CODE, 10, 2):
            scores = {}
            for kind in ("lsa", "text"):
                codes = self.news_codes(kind, size)
                near, far = precisions(found, codes.queries, codes.documents, (10, 100))
                scores[kind] = far
                rows.append({"code": f"{kind}-{size}", "P@10": near, "P@100": far})
                say(str(rows[-1]))
            notes[f"text-{size} / lsa-{size}, P@100"] = scores["text"] / scores["lsa"]
            if size == CODE:
                best = self._best_lsa(
                    lambda asked, codes: precisions(found, asked, codes, (100,))[0], terms
                )
                rows.append({"code": f"best LSA ({best[0]})", "P@10": "", "P@100": best[1]})
                notes[f"text-{size} / best LSA, P@100"] = scores["text"] / best[1]
        yield self._title("20 Newsgroups by date", found, terms), rows, notes

    def bits(self) -> Iterator[Table]:
        """20 Newsgroups as 64 bits, searched by Hamming distance."""
        found, terms = self.newsgroups, self.news_terms
        rows: list[dict[str, Any]] = []
        for kind in ("lsa", "text"):
            codes = self.news_codes(kind, CODE)
            near, far = in_bits(found, codes.queries, codes.documents, (10, 100))
            rows.append({"code": f"{kind}-{CODE} in {CODE} bits", "P@10": near, "P@100": far})
        ratio = rows[1]["P@100"] / rows[0]["P@100"]
        best = self._best_lsa(
            lambda asked, codes: in_bits(found, asked, codes, (100,))[0], terms, CODE
        )
        rows.append({"code": f"best LSA in {CODE} bits ({best[0]})", "P@100": best[1]})
        notes = {
            "text / lsa, P@100": ratio,
            "text / best LSA, P@100": rows[1]["P@100"] / best[1],
            "bits": "turned by ITQ, learned from the documents' codes",
        }
        yield self._title("20 Newsgroups by date, bits", found, terms), rows, notes

    def _best_lsa(
        self, measure: Callable[[Array, Array], float], terms: Terms, fewest: int = 1
    ) -> tuple[str, float]:
        """Return the best LSA over weightings, caps and sizes, by its name, and its figure."""
        figures = {}
        for weighting in WEIGHTINGS:
            for cap in CAPS[: 1 if self.quick else None]:
                under = "" if cap == 1 else f", terms of at most {cap:.0%} of documents"
                for size, codes, asked in lsa_of_all_sizes(terms, weighting, cap, self.seed):
                    if size >= fewest:
                        figures[f"{size}, {weighting}{under}"] = measure(asked, codes)
                say(f"LSA, {weighting}{under}: {max(figures.values()):.4f} is the best so far")
        name = max(figures, key=figures.__getitem__)
        return name, figures[name]

    def chinese(self) -> Iterator[Table]:
        """Chinese headlines and Reuters R8: precision of the ten nearest."""
        for title, found in (("Chinese headlines", headlines), ("Reuters R8", reuters)):
            texts = self._of(found(self.data))
            terms = self.terms(texts)
            rows: list[dict[str, Any]] = []
            for kind in ("lsa", "text"):
                codes = coded(terms, kind, CODE, self.seed)
                near, far = precisions(texts, codes.queries, codes.documents, (10, 100))
                rows.append({"code": f"{kind}-{CODE}", "P@10": near, "P@100": far})
            notes = {"text / lsa, P@10": rows[1]["P@10"] / rows[0]["P@10"]}
            yield self._title(title, texts, terms), rows, notes

    def _title(self, name: str, found: Classed, terms: Terms) -> str:
        return (
            f"{name}: {len(found.documents):,} documents, {len(found.queries):,} queries, "
            f"{len(terms.features.terms):,} terms, seed {self.seed}"
        )

    def indexing(self) -> Iterator[Table]:
        """Files of 20 Newsgroups until they can be searched, against scikit-learn's LSA."""
        source = self.place / "news"
        count = 0
        for split, group, number, content in newsgroup_files(self.data):
            if self.quick and count == QUICK:
                break
            path = source / group / f"{split}-{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            count += 1
        whole: list[float] = []

        def index() -> float:
            shutil.rmtree(self.place / "index", ignore_errors=True)
            place = self.place / "index"
            command = aesearch_command(
                "index", source, "--kind", "texts", "--encoder", "lsa", "--budget", "0",
                "--index", place,
            )  # fmt: skip
            first, total = until_searchable(command, self.place, place)
            whole.append(total)
            return first

        other = [sys.executable, "-c", SKLEARN, str(source), str(CODE)]
        ours, others, ratio = alternating(
            index, lambda: seconds_of(other, self.place), 1 if self.quick else min(self.runs, 3)
        )
        rows = [
            row("aesearch index, until it can be searched", ours),
            row("aesearch index --encoder lsa --budget 0, to its end", whole[1:]),
            row("scikit-learn: load_files, TfidfVectorizer, TruncatedSVD", others),
        ]
        notes = {
            "documents per second, aesearch": count / statistics.median(ours),
            "documents per second, scikit-learn": count / statistics.median(others),
            "speed of aesearch / scikit-learn, median of pairs": 1 / ratio,
        }
        yield f"indexing: {count:,} messages, LSA-{CODE}", rows, notes

    def query(self) -> Iterator[Table]:
        """Time a cold `aesearch query` against bare Python with the imports it needs."""
        count = QUICK if self.quick else DOCUMENTS
        texts = [content.decode("latin-1") for *_, content in newsgroup_files(self.data)]
        table = self.place / "documents.jsonl"
        with table.open("w", encoding="utf-8") as stream:
            for n, text in enumerate(sampled_texts(texts, count, WORDS, self.seed)):
                stream.write(json.dumps({"id": f"{n:06d}", "text": text}) + "\n")
        say(f"indexing {count:,} documents")
        place = self.place / "asked"
        seconds_of(
            aesearch_command("index", table, "--encoder", "lsa", "--budget", "0", "--index", place),
            self.place,
        )
        question = "how far is the moon from the earth, and how fast does it go round"
        ask = aesearch_command("query", question, "--index", place)
        bare = [sys.executable, "-c", BARE]
        ours, others, ratio = alternating(
            lambda: seconds_of(ask, self.place),
            lambda: seconds_of(bare, self.place),
            3 if self.quick else max(self.runs, 15),
        )
        rows = [row("aesearch query TEXT", ours), row(f"python -c '{BARE}'", others)]
        notes = {
            "ratio, median of pairs": ratio,
            "ratio of medians": statistics.median(ours) / statistics.median(others),
        }
        yield f"cold query: {count:,} documents", rows, notes


STEPS: dict[str, Callable[[Bench], Iterator[Table]]] = {
    "adhoc": Bench.adhoc,
    "topics": Bench.topics,
    "bits": Bench.bits,
    "chinese": Bench.chinese,
    "indexing": Bench.indexing,
    "query": Bench.query,
}


def by_words(found: Judged) -> list[Array]:
    """Return the documents for each query as BM25 ranks them, terms being those of an index."""
    language = language_of(found.documents)
    words = Words.build((n, terms_in(text, language)) for n, text in enumerate(found.documents))
    return [words.search(terms_in(query, language), DEEP)[0] for query in found.queries]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


@click.command()
@click.argument("steps", nargs=-1, required=True, type=click.Choice([*STEPS, "all"]))
@click.option("--seed", default=0, show_default=True, help="The first, or only, seed.")
@click.option("--seeds", default=3, show_default=True, help="Of codes for judged queries.")
@click.option("--runs", default=15, show_default=True, help="Timed runs; indexing has at most 3.")
@click.option("--quick", is_flag=True, help="Few documents, seeds and runs: to try the program.")
@click.option("--data", type=click.Path(path_type=Path), help="Instead of AESEARCH_DATA.")
@click.option("--cache", type=click.Path(path_type=Path), help="For what is made on the way.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    steps: tuple[str, ...],
    seed: int,
    seeds: int,
    runs: int,
    data: Path | None,
    cache: Path | None,
    *,
    quick: bool,
    as_json: bool,
) -> None:
    """Measure the search for documents."""
    with workplace(cache_folder(cache)) as place:
        bench = Bench(data, place, seed, 1 if quick else seeds, runs, quick)
        for name in STEPS if "all" in steps else steps:
            for title, rows, notes in STEPS[name](bench):
                show(title, rows, notes, as_json=as_json)


if __name__ == "__main__":
    main()
