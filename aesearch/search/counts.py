"""How often each document holds each term: what BM25 is made of."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aesearch.modalities.texts.analysis import Analyzer
from aesearch.sparse import SparseRows
from aesearch.types import Doubles, Ids

# Of BM25: how soon more of a word adds little, and how much less words of long documents count.
K1, B = 1.2, 0.75
NOT_FITTED = Analyzer()


@dataclass(frozen=True, eq=False)
class TermCounts:
    """The document-term matrix of a lexical index.

    Attributes
    ----------
    ids : ndarray of int64, shape (n,)
        Of the documents, ascending.
    rows : SparseRows of shape (n, terms)
        How often each document holds each term.
    terms : bytes; term_ends : ndarray of int64, shape (terms,)
        All terms in their order, one after another, and where each ends.
    analyzer : Analyzer
        That gave the terms.
    """

    ids: Ids
    rows: SparseRows
    terms: bytes
    term_ends: Ids
    analyzer: Analyzer = NOT_FITTED

    @classmethod
    def of(
        cls, documents: Iterable[tuple[int, Sequence[str]]], analyzer: Analyzer = NOT_FITTED
    ) -> TermCounts:
        """Count the terms of documents.

        Parameters
        ----------
        documents : iterable of (id, sequence of str)
            Ids ascending; the terms of each, as often as they occur.
        analyzer : Analyzer, optional
            That gave the terms.
        """
        numbers: dict[str, int] = {}
        ids, lengths, tokens = array("q"), array("q"), array("i")
        for id, document in documents:
            ids.append(id)
            lengths.append(len(document))
            tokens.extend(numbers.setdefault(term, len(numbers)) for term in document)
        place, joined, term_ends = encoded_in_order(list(numbers))
        sizes = np.array(lengths, dtype=np.int64)
        keys = np.repeat(np.arange(len(sizes)) * len(numbers), sizes)
        keys += place[np.array(tokens, dtype=np.int64)]
        rows = summed(keys, np.ones(len(keys)), len(sizes), len(numbers))
        return cls(np.array(ids, dtype=np.int64), rows, joined, term_ends, analyzer)

    @property
    def special(self) -> int:
        """How many terms come before all others: stop words, and rare words as they are spelled.

        They count in no length, and no document lends them.
        """
        starts = np.concatenate([[0], self.term_ends[:-1]])[: len(self.term_ends)]
        firsts = np.frombuffer(self.terms, dtype=np.uint8)[starts[self.term_ends > starts]]
        return int(np.count_nonzero(firsts < ord(" ")))


def encoded_in_order(terms: Sequence[str]) -> tuple[Ids, bytes, Ids]:
    """Return the place of each of some terms among all, these one after another, and their ends."""
    order = sorted(range(len(terms)), key=terms.__getitem__)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    encoded = [terms[number].encode() for number in order]
    return place, b"".join(encoded), np.cumsum([len(term) for term in encoded], dtype=np.int64)


def summed(keys: Ids, often: Ids | Doubles, count: int, width: int) -> SparseRows:
    """Add up counts of entries that are numbered row * width + column."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    sums = np.add.reduceat(often[order], first) if len(first) else often
    rows, columns = np.divmod(keys[first], max(1, width))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
    return SparseRows(
        indptr.astype(np.int64), columns.astype(np.int32), sums.astype(np.float32), width
    )


def lengths_of(rows: SparseRows, special: int) -> Doubles:
    """Return how many terms documents hold, the first `special` of all left out."""
    return rows.row_sums(np.where(rows.indices < special, 0, rows.values))


def length_norms(lengths: Doubles) -> Doubles:
    """Return by what BM25 divides the counts of documents of these lengths, 1 for the mean."""
    mean = float(lengths.mean()) if len(lengths) else 0.0
    return 1 - B + B * lengths / max(mean, 1e-9)
