"""How often each document holds each term: what BM25 is made of."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aesearch.modalities.texts.analysis import UNCOUNTED
from aesearch.sparse import SparseRows
from aesearch.types import Bools, Doubles, Ids

# Of BM25: how soon more of a word adds little, and how much less words of long documents count.
K1, B = 1.2, 0.75


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
    counted : ndarray of bool, shape (terms,)
        Which make a document longer: all but stop words.
    """

    ids: Ids
    rows: SparseRows
    terms: bytes
    term_ends: Ids
    counted: Bools

    @classmethod
    def of(cls, documents: Iterable[tuple[int, Sequence[str]]]) -> TermCounts:
        """Count the terms of documents.

        Parameters
        ----------
        documents : iterable of (id, sequence of str)
            Ids ascending; the terms of each, as often as they occur.
        """
        numbers: dict[str, int] = {}
        ids, lengths, tokens = array("q"), array("q"), array("i")
        for id, document in documents:
            ids.append(id)
            lengths.append(len(document))
            tokens.extend(numbers.setdefault(term, len(numbers)) for term in document)
        order = sorted(numbers)
        encoded = [term.encode() for term in order]
        place = np.empty(len(order), dtype=np.int64)
        place[[numbers[term] for term in order]] = np.arange(len(order))
        sizes = np.array(lengths, dtype=np.int64)
        keys = np.repeat(np.arange(len(sizes)) * len(order), sizes)
        keys += place[np.array(tokens, dtype=np.int64)]
        return cls(
            np.array(ids, dtype=np.int64),
            _counted(keys, len(sizes), len(order)),
            b"".join(encoded),
            np.cumsum([len(term) for term in encoded], dtype=np.int64),
            np.array([not term.startswith(UNCOUNTED) for term in order], dtype=bool),
        )

    def lengths(self, rows: SparseRows) -> Doubles:
        """Return the lengths of documents with these rows, (n,)."""
        return rows.row_sums(rows.values * self.counted[rows.indices])


def _counted(keys: Ids, count: int, width: int) -> SparseRows:
    """Count entries that are numbered row * width + column."""
    entries, often = np.unique(keys, return_counts=True)
    rows, columns = np.divmod(entries, max(1, width))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
    return SparseRows(
        indptr.astype(np.int64),
        columns.astype(np.int32),
        often.astype(np.float32),
        width,
    )


def length_norms(lengths: Doubles) -> Doubles:
    """Return by what BM25 divides the counts of documents of these lengths, 1 for the mean."""
    mean = float(lengths.mean()) if len(lengths) else 0.0
    return 1 - B + B * lengths / max(mean, 1e-9)
