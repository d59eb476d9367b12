"""BM25 over the documents of an index: the other half of a hybrid search.

bm25s makes the matrix of scores. To search it, its arrays are mapped from the disk and the columns
of the query's terms are added up, which needs neither bm25s nor scipy, whose imports would take
longer than the search.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import DamagedError
from aesearch.types import Floats, Ids

K1, B = 1.2, 0.75
ARRAYS = ("scores", "documents", "starts", "ids", "term_ends")
TERMS, CARD = "terms.bin", "words.json"


class Words:
    """Which documents hold a term, and how much each occurrence counts.

    Attributes
    ----------
    ids : ndarray of int64, shape (n,)
        Of the documents, ascending.
    scores : ndarray of float32; documents : ndarray of int32
        Of all occurrences, term after term; a document is its place in `ids`.
    starts : ndarray of int64, shape (terms + 1,)
        Where the occurrences of each term begin.
    terms : bytes; term_ends : ndarray of int64
        All terms in their order, one after another, and where each ends.

    References
    ----------
    S. Robertson and H. Zaragoza, The probabilistic relevance framework: BM25 and beyond, 2009.
    X. H. Lù, BM25S: orders of magnitude faster lexical search via eager sparse scoring, 2024.
    """

    def __init__(
        self,
        ids: Ids,
        scores: Floats,
        documents: NDArray[np.int32],
        starts: Ids,
        terms: bytes,
        term_ends: Ids,
    ) -> None:
        self.ids, self.scores, self.documents, self.starts = ids, scores, documents, starts
        self.terms, self.term_ends = terms, term_ends

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def build(cls, documents: Iterable[tuple[int, Sequence[str]]]) -> Words:
        """Count and weigh the terms of documents.

        Parameters
        ----------
        documents : iterable of (id, sequence of str)
            Ids ascending; the terms of each, as often as they occur.
        """
        import bm25s

        numbers: dict[bytes, int] = {}
        known, tokens = [], []
        for id, document in documents:
            known.append(id)
            tokens.append([numbers.setdefault(term.encode(), len(numbers)) for term in document])
        ids = np.array(known, dtype=np.int64)
        order = sorted(numbers)
        ends = np.cumsum([len(term) for term in order], dtype=np.int64)
        if not order:
            nothing = np.zeros(0, dtype=np.int32)
            return cls(ids, nothing.astype(np.float32), nothing, np.zeros(1, np.int64), b"", ends)
        place = np.empty(len(order), dtype=np.int64)
        place[[numbers[term] for term in order]] = np.arange(len(order))
        sorted_tokens = [place[row].tolist() if row else [] for row in tokens]
        model = bm25s.BM25(k1=K1, b=B, method="lucene")
        model.index(
            (sorted_tokens, {number: number for number in range(len(order))}),
            create_empty_token=False,
            show_progress=False,
        )
        found = model.scores
        return cls(
            ids,
            np.asarray(found["data"], dtype=np.float32),
            np.asarray(found["indices"], dtype=np.int32),
            np.asarray(found["indptr"], dtype=np.int64),
            b"".join(order),
            ends,
        )

    def save(self, folder: Path) -> None:
        """Write it into a folder, which is made."""
        folder.mkdir(parents=True)
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        (folder / TERMS).write_bytes(self.terms)
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
        (folder / CARD).write_text(json.dumps(sizes), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> Words:
        """Map what `save` wrote; nothing is read until it is needed.

        Raises
        ------
        DamagedError
            If a file is missing, or not as long as it was.
        """
        try:
            sizes = json.loads((folder / CARD).read_text(encoding="utf-8"))
            wrong = [name for name, size in sizes.items() if (folder / name).stat().st_size != size]
            if wrong:
                raise DamagedError(f"{folder / wrong[0]} is not as long as it was written")
            arrays = {
                name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in ARRAYS
                if name != "ids"
            }
            ids = np.load(folder / "ids.npy", allow_pickle=False)
            return cls(ids, terms=(folder / TERMS).read_bytes(), **arrays)
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise DamagedError(f"{folder} cannot be read ({error})") from error

    def scores_of(self, terms: Iterable[str]) -> Floats:
        """Return the BM25 score of every document, (n,), 0 where it holds none of the terms."""
        total = np.zeros(len(self.ids), dtype=np.float32)
        for term in terms:
            column = self._find(term.encode())
            if column >= 0:
                part = slice(int(self.starts[column]), int(self.starts[column + 1]))
                total[self.documents[part]] += self.scores[part]
        return total

    def search(
        self, terms: Iterable[str], k: int, *, among: Ids | None = None
    ) -> tuple[Ids, Floats]:
        """Return the documents that hold any of the terms, best first.

        Parameters
        ----------
        terms : iterable of str
            One that is named twice counts twice.
        k : int
        among : ndarray of int64, optional
            Only these documents.

        Returns
        -------
        ids, scores : ndarray of int64, ndarray of float32
            At most `k`; equal scores by id.
        """
        scores = self.scores_of(terms)
        if among is not None:
            scores[~np.isin(self.ids, among)] = 0
        found = np.flatnonzero(scores)
        if len(found) > k:  # the k best, with all that are equal to the last of them
            least = np.partition(scores[found], len(found) - k)[len(found) - k]
            found = found[scores[found] >= least]
        best = found[np.argsort(-scores[found], kind="stable")][:k]
        return self.ids[best], scores[best]

    def holds(self, term: str) -> bool:
        """Return whether any document holds a term."""
        return self._find(term.encode()) >= 0

    def documents_with(self, term: str) -> Ids:
        """Return the ids of the documents whose own text holds a term, ascending."""
        column = self._find(term.encode())
        if column < 0:
            return self.ids[:0]
        part = slice(int(self.starts[column]), int(self.starts[column + 1]))
        return np.sort(self.ids[self.documents[part]])

    def terms_from(self, beginning: str) -> list[str]:
        """Return the terms that begin so, in their order."""
        first, last = (self._place(beginning.encode() + more) for more in (b"", b"\xff"))
        return [self._term(column).decode() for column in range(first, last)]

    def terms_with(self, letter: str) -> list[str]:
        """Return the terms that hold a letter, in their order."""
        wanted, columns, at = letter.encode(), [], self.terms.find(letter.encode())
        while at >= 0:
            columns.append(int(np.searchsorted(self.term_ends, at, side="right")))
            at = self.terms.find(wanted, int(self.term_ends[columns[-1]]))
        return [self._term(column).decode() for column in columns]

    def _find(self, term: bytes) -> int:
        """Return the column of a term, or -1."""
        place = self._place(term)
        return place if place < len(self.term_ends) and self._term(place) == term else -1

    def _place(self, term: bytes) -> int:
        """Return how many terms come before one, by bisection."""
        low, high = 0, len(self.term_ends)
        while low < high:
            middle = (low + high) // 2
            if self._term(middle) < term:
                low = middle + 1
            else:
                high = middle
        return low

    def _term(self, column: int) -> bytes:
        start = int(self.term_ends[column - 1]) if column else 0
        return self.terms[start : int(self.term_ends[column])]
