"""Documents as a hybrid search ranks them: by codes and the lexical index (BM25) together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aesearch.evaluation.tasks import Queries
from aesearch.search.bm25 import Words
from aesearch.search.counting import counts_of
from aesearch.search.counts import TermCounts
from aesearch.search.expansion import PLAIN, Expansion, neighbors_of
from aesearch.search.fusion import CANDIDATES, Lexical, Mixture, Scored
from aesearch.types import Floats, Ids

NOT_FOUND = -1.0  # below all scores of a fusion, which are in [0, 1]


@dataclass
class LexicalIndex:
    """BM25 of a collection, made once for all encoders that it is fused with."""

    words: Words

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        language: str,
        codes: Floats | None = None,
        expansion: Expansion = PLAIN,
    ) -> LexicalIndex:
        """Count and weigh the terms of all documents.

        Parameters
        ----------
        texts : sequence of str
        language : str
            '' for one that is to be found out.
        codes : ndarray of float32, shape (n, code_size), optional
            Of the documents, of unit length: what they borrow of their neighbors by these codes
            the expansion says.
        expansion : Expansion, default=PLAIN
        """
        return cls.weigh(counts_of(enumerate(texts), language), codes, expansion)

    @classmethod
    def weigh(
        cls, counts: TermCounts, codes: Floats | None = None, expansion: Expansion = PLAIN
    ) -> LexicalIndex:
        """Weigh terms that are counted already; parameters as of `of`."""
        neighbors = None
        if codes is not None and not expansion.is_plain:
            neighbors = neighbors_of(codes, expansion.neighbors)
        return cls(Words.weigh(counts, neighbors, expansion))

    @property
    def bytes_per_item(self) -> float:
        """Memory that its scores take."""
        taken = self.words.scores.nbytes + self.words.documents.nbytes
        return taken / max(1, len(self.words))

    def scores(self, texts: Sequence[str]) -> Floats:
        """Return the scores of all documents for each query, (m, n)."""
        return np.stack([self.words.scores_of(self.words.terms_of(text)) for text in texts])


class HybridQuery(NamedTuple):
    """A query that is ready: its code, None where no word is known, and what BM25 found."""

    code: Floats | None
    words: Lexical
    among: Ids | None


@dataclass
class Fusion:
    """Codes and words together, as `query --hybrid` ranks by them.

    Attributes
    ----------
    lexical : LexicalIndex
    codes : ndarray of float32, shape (n, code_size)
        Of whole items.
    score : callable
        Gives, for some codes, the scores of all items.
    mixture : Mixture
    """

    lexical: LexicalIndex
    codes: Floats
    score: Callable[[Floats], Floats]
    mixture: Mixture

    def prepare(self, queries: Queries, codes: Floats) -> list[HybridQuery]:
        """Search by words, and put the codes of the queries beside it."""
        known, among = queries.samples.lengths() > 0, queries.among
        return [
            HybridQuery(code[None] if is_known else None, self._words(text, among), among)
            for code, is_known, text in zip(codes, known, queries.texts, strict=True)
        ]

    def ranked(self, queries: Sequence[HybridQuery]) -> Floats:
        """Return the scores of all items, -1 for what is found by neither."""
        found = np.full((len(queries), len(self.codes)), NOT_FOUND, dtype=np.float32)
        for row, query in enumerate(queries):
            ids, scores = self._answer(query)
            found[row, ids] = scores
        return found

    def _answer(self, query: HybridQuery) -> Scored:
        return self.mixture.search(
            query.code,
            lambda code: self._nearest(code, query.among),
            query.words,
            lambda some: self.codes[some],
        )

    def _words(self, text: str, among: Ids | None) -> Lexical:
        words = self.lexical.words
        return Lexical.of(words, words.terms_of(text), CANDIDATES, among)

    def _nearest(self, code: Floats, among: Ids | None) -> Scored:
        scores = self.score(code)[0]
        ids = np.arange(len(scores)) if among is None else among
        if len(ids) > CANDIDATES:
            ids = ids[np.argpartition(-scores[ids], CANDIDATES)[:CANDIDATES]]
        return ids, scores[ids]
