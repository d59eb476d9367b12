"""One mutation each: read as a file, indexed among others, or asked as a query."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from aesearch.errors import AesearchError, ContentError, SourceError
from aesearch.indexing.build import build
from aesearch.modalities import Features, modality
from aesearch.search.index import Index
from benchmarks.fuzz.mutate import mutated
from benchmarks.fuzz.seeds import Seed, documents, pictures, tables, text

TOGETHER = 100  # files that are indexed at once
ROUTES = ("read", "query", "index", "table")
SHARES = (0.82, 0.14, 0.02, 0.02)


class SilentLossError(Exception):
    """What was handed over is neither in the index nor said to be left out."""


@dataclass
class Cases:
    """Everything that mutations are tried on.

    Parameters
    ----------
    seed : int
        With the number of a case, it says all that is random.

    Attributes
    ----------
    mutations : int
        Tried so far; a case that indexes a folder has many.
    place : Path
        Where files and indexes are made.
    """

    seed: int
    mutations: int = 0
    place: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="fuzz-")))

    @cached_property
    def seeds(self) -> dict[str, list[Seed]]:
        """Valid inputs by the modality that reads them."""
        rng = np.random.default_rng(self.seed)
        return {"images": list(pictures(rng)), "texts": list(documents(rng))}

    @cached_property
    def tables(self) -> list[Seed]:
        """Valid tables and arrays."""
        return list(tables(np.random.default_rng(self.seed)))

    @cached_property
    def indexes(self) -> dict[str, Index]:
        """An index of each kind, which is asked."""
        rng = np.random.default_rng(self.seed)
        texts = {str(n): text(rng, 30) for n in range(60)}
        pixels = rng.integers(0, 255, (40, 24, 32, 3), dtype=np.uint8)
        return {
            "texts": build(texts, self.place / "texts", budget=0),
            "images": build(pixels, self.place / "images", budget=0),
        }

    def route(self, number: int) -> str:
        """Say what is tried in one case."""
        rng = np.random.default_rng([self.seed, number, 0])
        return str(rng.choice(ROUTES, p=SHARES))

    def run(self, number: int) -> None:
        """Try one case; raises whatever is wrong."""
        rng = np.random.default_rng([self.seed, number, 1])
        tried: dict[str, Callable[[np.random.Generator], None]] = {
            "read": self._read,
            "query": self._ask,
            "index": self._index,
            "table": self._table,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tried[self.route(number)](rng)

    def _mutated(self, rng: np.random.Generator, content: bytes) -> bytes:
        self.mutations += 1
        return mutated(rng, content)

    def _drawn(self, rng: np.random.Generator) -> tuple[str, Seed]:
        kind = ("images", "texts")[int(rng.integers(2))]
        seeds = self.seeds[kind]
        name, content = seeds[int(rng.integers(len(seeds)))]
        return kind, Seed(name, self._mutated(rng, content))

    def _read(self, rng: np.random.Generator) -> None:
        kind, (name, content) = self._drawn(rng)
        features: Features = self.indexes[kind].features
        try:
            modality(kind).reader(features, plain=False)(content, name)
        except ContentError as error:
            _require_one_line(error)

    def _ask(self, rng: np.random.Generator) -> None:
        if rng.random() < 0.5:
            words = self._mutated(rng, text(rng, int(rng.integers(1, 12))).encode())
            self._search("texts", words.decode(errors="ignore"))
        else:
            kind, (_, content) = self._drawn(rng)
            self._search(kind, content)

    def _search(self, kind: str, asked: str | bytes) -> None:
        index = self.indexes[kind]
        try:
            hits = index.search(asked, k=5)
            if isinstance(asked, str):
                index.notes(asked), index.unknown_words(asked)
        except ContentError as error:
            _require_one_line(error)
            return
        scores = [hit.score for hit in hits]
        if len(hits) > 5 or scores != sorted(scores, reverse=True) or not np.isfinite(scores).all():
            raise AssertionError(f"hits are not in order: {scores}")

    def _index(self, rng: np.random.Generator) -> None:
        """Index a folder of mutated files: each is an item, or said to be left out."""
        source, place = self.place / "source", self.place / "made"
        for folder in (source, place):
            shutil.rmtree(folder, ignore_errors=True)
        source.mkdir()
        kind = ("images", "texts")[int(rng.integers(2))]
        seeds = self.seeds[kind]
        for number in range(int(rng.integers(1, TOGETHER))):
            name, content = seeds[int(rng.integers(len(seeds)))]
            (source / f"{number}-{name}").write_bytes(self._mutated(rng, content))
        try:
            with build(source, place, {"kind": kind}, budget=0) as index:
                known = {item.key.partition("#")[0] for item in index.items()}
                known |= {file.key.partition("#")[0] for file in index.skipped()}
                wrong = index.verify()
        except SourceError as error:  # none of the files can be used
            _require_one_line(error)
            return
        lost = {path.name for path in source.iterdir()} - known
        if lost or wrong:
            raise SilentLossError(f"{sorted(lost)[:3]} {wrong[:1]}")

    def _table(self, rng: np.random.Generator) -> None:
        """Index a mutated table; of JSON lines each must be an item, or said to be left out."""
        name, content = self.tables[int(rng.integers(len(self.tables)))]
        source, place = self.place / f"t-{name}", self.place / "made-of-table"
        shutil.rmtree(place, ignore_errors=True)
        source.write_bytes(self._mutated(rng, content))
        try:
            with build(source, place, budget=0) as index:
                told = len(index) + len(index.skipped())
                wrong = index.verify()
        except AesearchError as error:
            _require_one_line(error)
            return
        finally:
            held = source.read_bytes()
            source.unlink()
        lines = sum(bool(line.strip()) for line in held.split(b"\n"))
        if wrong or (name == "a.jsonl" and told < lines):
            raise SilentLossError(f"{lines} lines, {told} told of; {wrong[:1]}")


def _require_one_line(error: AesearchError) -> None:
    said = str(error)
    if not said or "\n" in said or len(said) > 2000:
        raise AssertionError(f"not one clear line: {said[:200]!r}")
