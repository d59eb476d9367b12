"""Documents as a search ranks them: by their best passage, and by codes and words together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from aesearch.compare.baselines import Searcher
from aesearch.compare.plan import HYBRID
from aesearch.compare.tasks import Asked
from aesearch.indexing.datasets.base import Dataset
from aesearch.indexing.datasets.texts import TextDataset
from aesearch.inference.encoder import FrozenEncoder
from aesearch.modalities.texts.passages import passages_of
from aesearch.search.bm25 import Words
from aesearch.search.fusion import CANDIDATES, with_feedback
from aesearch.search.lexical import terms_in
from aesearch.sparse import SparseRows
from aesearch.types import Floats, Ids

NOT_FOUND = -1.0  # below all scores of a fusion, which are in [0, 1]


@dataclass
class Long:
    """The passages of the long items of a collection; there are none where nothing is long.

    Attributes
    ----------
    owners : ndarray of int64, shape (p,)
        The item of each passage, ascending.
    counts : SparseRows or None
        How often each term occurs in each.
    """

    owners: Ids
    counts: SparseRows | None = None

    @classmethod
    def of(cls, corpus: Dataset) -> Long:
        """Cut the documents of a collection as an index does."""
        owners: list[int] = []
        texts: list[str] = []
        if isinstance(corpus, TextDataset):
            for row, document in enumerate(corpus.documents):
                for span in passages_of(document.text):
                    owners.append(row)
                    texts.append(document.text[span.start : span.end])
        counts = corpus.features.count(texts) if texts else None
        return cls(np.array(owners, dtype=np.int64), counts)

    def codes(self, corpus: Dataset, features: Any, frozen: FrozenEncoder) -> Floats:
        """Return the codes of the passages."""
        if self.counts is None:
            return np.empty((0, frozen.code_size), dtype=np.float32)
        return frozen.encode(corpus.seen(self.counts, features))

    def best(self, scores: Floats) -> Floats:
        """Return the score of each item at its best row.

        Parameters
        ----------
        scores : ndarray of float32, shape (m, n + p)
            Of the items, then of the passages.

        Returns
        -------
        ndarray of float32, shape (m, n)
        """
        if self.counts is None:
            return scores
        whole, parts = np.split(scores, [scores.shape[1] - len(self.owners)], axis=1)
        owners, starts = self._stretches
        whole[:, owners] = np.maximum(whole[:, owners], np.maximum.reduceat(parts, starts, axis=1))
        return whole

    @cached_property
    def _stretches(self) -> tuple[Ids, Any]:
        return np.unique(self.owners, return_index=True)


@dataclass
class Spoken:
    """BM25 of a collection, counted once for all encoders that it is fused with."""

    words: Words
    language: str
    seconds: float

    @classmethod
    def of(cls, corpus: TextDataset) -> Spoken:
        """Count the words of all documents."""
        started, language = time.perf_counter(), corpus.features.language
        texts = enumerate(document.text for document in corpus.documents)
        words = Words.build((row, terms_in(text, language)) for row, text in texts)
        return cls(words, language, time.perf_counter() - started)

    @property
    def bytes_per_item(self) -> float:
        """Memory that its scores take."""
        taken = self.words.scores.nbytes + self.words.documents.nbytes
        return taken / max(1, len(self.words))

    def searcher(self) -> Searcher:
        """Return what ranks by BM25 alone."""

        def score(queries: Sequence[str]) -> Floats:
            return np.stack([self.words.scores_of(self.terms(text)) for text in queries])

        return Searcher(
            "BM25",
            lambda asked: asked.texts,
            score,
            self.bytes_per_item,
            "words",
            len(self.words.term_ends),
            fit_s=self.seconds,
        )

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text."""
        return terms_in(text, self.language)


@dataclass
class Fusion:
    """Codes and words together, as `query --hybrid` ranks by them.

    Attributes
    ----------
    spoken : Spoken
    codes : ndarray of float32, shape (n, code_size)
        Of whole items.
    encode : callable
        Gives the codes of questions.
    score : callable
        Gives, for some codes, the scores of all items.
    weight : float
        Of the words, in [0, 1].
    """

    spoken: Spoken
    codes: Floats
    encode: Callable[[Asked], Floats]
    score: Callable[[Floats], Floats]
    weight: float

    def searcher(self, title: str, bytes_per_item: float) -> Searcher:
        """Return it as a row of the table; the codes take so many bytes."""
        taken = bytes_per_item + self.spoken.bytes_per_item
        size = self.codes.shape[1]
        return Searcher(f"{title} + BM25", self.prepare, self.ranked, taken, HYBRID, size)

    def prepare(self, asked: Asked) -> list[tuple[Floats | None, list[str], Ids | None]]:
        """Return code, terms and what is searched of each question; no code of unknown words."""
        known = asked.samples.lengths() > 0
        return [
            (code[None] if is_known else None, self.spoken.terms(text), asked.among)
            for code, is_known, text in zip(self.encode(asked), known, asked.texts, strict=True)
        ]

    def ranked(self, queries: Sequence[tuple[Floats | None, list[str], Ids | None]]) -> Floats:
        """Return the scores of all items, -1 for what is found by neither."""
        found = np.full((len(queries), len(self.codes)), NOT_FOUND, dtype=np.float32)
        for row, (code, terms, among) in enumerate(queries):
            ids, scores = self._answer(code, terms, among)
            found[row, ids] = scores
        return found

    def _answer(
        self, code: Floats | None, terms: list[str], among: Ids | None
    ) -> tuple[Ids, Floats]:
        words = self.spoken.words.search(terms, CANDIDATES, among=among)
        if code is None:
            return words[0], words[1] / max(1e-9, float(words[1].max(initial=0)))
        return with_feedback(
            code, lambda moved: self._nearest(moved, among), words, self._of, self.weight
        )

    def _nearest(self, code: Floats, among: Ids | None) -> tuple[Ids, Floats]:
        scores = self.score(code)[0]
        ids = np.arange(len(scores)) if among is None else among
        if len(ids) > CANDIDATES:
            ids = ids[np.argpartition(-scores[ids], CANDIDATES)[:CANDIDATES]]
        return ids, scores[ids]

    def _of(self, ids: Ids) -> Floats:
        return self.codes[ids]
