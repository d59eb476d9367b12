"""Texts to counts of terms: each spelling is analyzed once, and all else is done by arrays."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aesearch.modalities.texts.analysis import Analyzer, chunks_of, word_in
from aesearch.search.counts import TermCounts, encoded_in_order, summed
from aesearch.types import Ids


def counts_of(texts: Iterable[tuple[int, str]], language: str = "") -> TermCounts:
    """Count the terms of texts, by an analyzer that is made for them.

    Parameters
    ----------
    texts : iterable of (id, text)
        Ids ascending.
    language : str
        '' to find it out.
    """
    read = _Chunks.of(texts)
    analyzer = Analyzer.fit_words(read.document_frequencies(), len(read.ids), language)
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    flat, lengths = array("q"), array("q")
    for chunk in read.chunks:
        terms = analyzer.terms_of_chunk(chunk)
        lengths.append(len(terms))
        flat.extend(map(numbers.__getitem__, terms))
    return read.counted(list(numbers), np.array(flat, np.int64), np.array(lengths), analyzer)


@dataclass(frozen=True, eq=False)
class _Chunks:
    """What stands between two spaces, in all documents.

    Attributes
    ----------
    ids : ndarray of int64, shape (n,)
    chunks : sequence of str
        Each once.
    documents, numbers, often : ndarray of int64
        A document, by its place in `ids`; a chunk of it; and how often it is there.
    """

    ids: Ids
    chunks: Sequence[str]
    documents: Ids
    numbers: Ids
    often: Ids

    @classmethod
    def of(cls, texts: Iterable[tuple[int, str]]) -> _Chunks:
        places: defaultdict[str, int] = defaultdict()
        places.default_factory = places.__len__
        ids, ends, found = array("q"), array("q"), array("i")
        for id, text in texts:
            ids.append(id)
            found.extend(map(places.__getitem__, chunks_of(text)))
            ends.append(len(found))
        width = max(1, len(places))
        documents = np.searchsorted(np.array(ends, np.int64), np.arange(len(found)), side="right")
        keys, often = np.unique(documents * width + np.array(found, np.int64), return_counts=True)
        return cls(np.array(ids, np.int64), list(places), *np.divmod(keys, width), often)

    def document_frequencies(self) -> dict[str, int]:
        """Return in how many documents each word is, in small letters."""
        words: defaultdict[str, int] = defaultdict()
        words.default_factory = words.__len__
        of_chunk = np.array([words[word_in(chunk)] for chunk in self.chunks], dtype=np.int64)
        width = max(1, len(words))
        keys = np.unique(self.documents * width + of_chunk[self.numbers])
        held = np.bincount(keys % width, minlength=len(words))
        return dict(zip(words, held.tolist(), strict=True))

    def counted(
        self, terms: Sequence[str], flat: Ids, lengths: Ids, analyzer: Analyzer
    ) -> TermCounts:
        """Count terms, where those of each chunk are known, one after another."""
        place, joined, term_ends = encoded_in_order(terms)
        taken = lengths[self.numbers]
        first = (np.cumsum(lengths) - lengths)[self.numbers]
        inside = np.arange(taken.sum()) - np.repeat(np.cumsum(taken) - taken, taken)
        columns = place[flat[np.repeat(first, taken) + inside]]
        keys = np.repeat(self.documents, taken) * len(terms) + columns
        rows = summed(keys, np.repeat(self.often, taken), len(self.ids), len(terms))
        return TermCounts(self.ids, rows, joined, term_ends, analyzer)
