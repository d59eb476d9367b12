"""BM25 over the documents of an index: the other half of a hybrid search.

To search it, its arrays are mapped from the disk and the columns of the query's terms are added up,
which needs no scipy, whose import would take longer than the search.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import lru_cache, reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import DamagedError
from aesearch.inference.encoder import checksum
from aesearch.modalities.texts.analysis import Analyzer
from aesearch.search.counts import K1, NOT_FITTED, TermCounts, length_norms, lengths_of
from aesearch.search.expansion import PLAIN, Expansion, Neighbors, expand
from aesearch.search.sets import common
from aesearch.sparse import SparseRows
from aesearch.types import Bools, Floats, Ids

RARE = 10  # documents: those that hold such a term are found before those that borrow it,
BELOW = 0.9  # which get at most this share of the least score of those
CHECKED = 16 << 20  # bytes up to which checksums are compared each time: some milliseconds
FOUND = 1 << 14  # terms whose places are remembered
VERSION = 2  # of what is kept: raised where other terms, scores or files are written
ARRAYS = ("scores", "documents", "starts", "own_ends", "ids", "term_ends")
TERMS, CARD = "terms.bin", "words.json"


class Words:
    """Which documents hold a term, or borrow it of a neighbor, and how much it counts there.

    Attributes
    ----------
    ids : ndarray of int64, shape (n,)
        Of the documents, ascending.
    scores : ndarray of float32; documents : ndarray of int32
        Of all occurrences, term after term; a document is its place in `ids`. Of each term first
        the documents that hold it, then those that borrow it, both ascending.
    starts : ndarray of int64, shape (terms + 1,)
        Where the occurrences of each term begin, and
    own_ends : ndarray of int64, shape (terms,)
        where those in the documents themselves end.
    terms : bytes; term_ends : ndarray of int64
        All terms in their order, one after another, and where each ends.
    expansion : Expansion
        How words were borrowed.
    analyzer : Analyzer
        That gave the terms.

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
        own_ends: Ids,
        terms: bytes,
        term_ends: Ids,
        expansion: Expansion = PLAIN,
        analyzer: Analyzer = NOT_FITTED,
    ) -> None:
        self.ids, self.scores, self.documents = ids, scores, documents
        self.starts, self.own_ends = starts, own_ends
        self.terms, self.term_ends = terms, term_ends
        self.expansion, self.analyzer = expansion, analyzer
        self._find = lru_cache(maxsize=FOUND)(self._column_of)  # asked for twice by each query

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def build(
        cls,
        documents: Iterable[tuple[int, Sequence[str]]],
        neighbors: Neighbors | None = None,
        expansion: Expansion = PLAIN,
    ) -> Words:
        """Count and weigh the terms of documents.

        Parameters
        ----------
        documents : iterable of (id, sequence of str)
            Ids ascending; the terms of each, as often as they occur.
        neighbors : Neighbors, optional
            Of the documents, in their order; None to borrow nothing.
        expansion : Expansion, default=PLAIN
        """
        return cls.weigh(TermCounts.of(documents), neighbors, expansion)

    @classmethod
    def weigh(
        cls,
        counts: TermCounts,
        neighbors: Neighbors | None = None,
        expansion: Expansion = PLAIN,
    ) -> Words:
        """Weigh terms that are counted already, as Lucene does; parameters as of `build`.

        Borrowed occurrences count in the lengths of documents and in document frequencies.
        """
        own, borrowed = counts.rows, counts.rows[:0]
        if neighbors is not None and not expansion.is_plain:
            own, borrowed = expand(counts, neighbors, expansion)
        else:
            expansion = PLAIN
        width = own.width
        holding = np.bincount(own.indices, minlength=width)
        often = holding + np.bincount(borrowed.indices, minlength=width)
        # A stable sort leaves own ones before borrowed ones, and documents in their order.
        columns = np.concatenate([own.indices, borrowed.indices])
        order = np.argsort(columns, kind="stable")
        columns = columns[order]
        documents = np.concatenate([own.rows(), borrowed.rows()])[order]
        scores = _scores(own, borrowed, often, counts.special)[order]
        starts = np.concatenate([[0], np.cumsum(often)]).astype(np.int64)
        own_ends = starts[:-1] + holding
        is_rare = (holding <= RARE) & (often > holding)
        places = np.flatnonzero(is_rare[columns])
        if len(places):
            is_own = places < own_ends[columns[places]]
            scores[places] = _own_first(scores[places], columns[places], is_own, width)
        return cls(
            counts.ids,
            scores,
            documents.astype(np.int32),
            starts,
            own_ends,
            counts.terms,
            counts.term_ends,
            expansion,
            counts.analyzer,
        )

    def save(self, folder: Path) -> None:
        """Write it into a folder, which is made."""
        folder.mkdir(parents=True)
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        (folder / TERMS).write_bytes(self.terms)
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
        sums = {name: checksum(folder / name) for name in sizes}
        card = {
            "version": VERSION,
            "expansion": asdict(self.expansion),
            "sizes": sizes,
            "checksums": sums,
        }
        (folder / CARD).write_text(json.dumps(card), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path, *, whole: bool = False) -> Words:
        """Map what `save` wrote; of large ones nothing is read until it is needed.

        Parameters
        ----------
        folder : Path
        whole : bool
            Compare all checksums, those of large ones too.

        Raises
        ------
        DamagedError
            If a file is missing, or not as long as it was, or of another version.
        """
        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            if card["version"] != VERSION:
                raise DamagedError(f"{folder} is of another version of aesearch")
            expansion, sizes = Expansion(**card["expansion"]), card["sizes"]
            wrong = [name for name, size in sizes.items() if (folder / name).stat().st_size != size]
            if wrong:
                raise DamagedError(f"{folder / wrong[0]} is not as long as it was written")
            if whole or sum(sizes.values()) <= CHECKED:
                for name, expected in card.get("checksums", {}).items():  # of newer versions alone
                    if checksum(folder / name) != expected:
                        raise DamagedError(f"{folder / name} is damaged")
            mapped = (
                (name, np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False))
                for name in ARRAYS
                if name != "ids"
            )
            # As plain arrays, of which one element is had in a fifth of the time.
            arrays = {name: array.view(np.ndarray) for name, array in mapped}
            ids = np.load(folder / "ids.npy", allow_pickle=False)
            terms = (folder / TERMS).read_bytes()
            return cls(ids, terms=terms, expansion=expansion, **arrays)
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise DamagedError(f"{folder} cannot be read ({error})") from error

    @staticmethod
    def is_of_another_version(folder: Path) -> bool:
        """Whether it was written by another aesearch: no damage, and of no use."""
        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return not isinstance(card, dict) or card.get("version") != VERSION

    def scores_of(self, terms: Iterable[str]) -> Floats:
        """Return the BM25 score of every document, (n,), 0 where it has none of the terms."""
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
        """Return the documents that hold or borrow any of the terms, best first.

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

    def holding_all(self, terms: Iterable[str], most: int) -> Ids:
        """Return the documents that hold every one of the terms themselves, one of them rare.

        None where each of the terms is held by more than `most` documents: what they have in common
        by chance would come first.
        """
        parts = sorted((self._holding(term) for term in dict.fromkeys(terms)), key=len)
        if not parts or len(parts[0]) > most:
            return self.ids[:0]
        return self.ids[reduce(common, parts)]

    def borrows(self, id: int, term: str) -> bool:
        """Return whether a document is found by a term that stands in similar documents alone."""
        column = self._find(term.encode())
        if column < 0:
            return False
        part = self.documents[int(self.own_ends[column]) : int(self.starts[column + 1])]
        return bool(np.any(self.ids[part] == id))

    def terms_of(self, text: str) -> list[str]:
        """Return the terms that a query asks for."""
        return self.analyzer.query_terms(text, self.holds)

    def documents_with(self, term: str) -> Ids:
        """Return the ids of the documents whose own text holds a term, ascending."""
        return self.ids[self._holding(term)]

    def _holding(self, term: str) -> NDArray[np.int32]:
        """Return the places in `ids` of the documents that hold a term themselves, ascending."""
        column = self._find(term.encode())
        if column < 0:
            return self.documents[:0]
        return self.documents[int(self.starts[column]) : int(self.own_ends[column])]

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

    def _column_of(self, term: bytes) -> int:
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


def _scores(
    own: SparseRows, borrowed: SparseRows, often: NDArray[np.int64], special: int
) -> Floats:
    """Return the score of each occurrence, own ones first.

    `often` are document frequencies; of the first `special` terms none counts in a length.
    """
    lengths = lengths_of(own, special)
    lengths[: len(borrowed)] += lengths_of(borrowed, special)
    norm = K1 * length_norms(lengths)
    idf = np.log1p((len(own) - often + 0.5) / (often + 0.5))
    parts = [
        idf[rows.indices] * rows.values / (rows.values + norm[rows.rows()])
        for rows in (own, borrowed)
    ]
    return np.concatenate(parts).astype(np.float32)


def _own_first(scores: Floats, columns: Ids, is_own: Bools, width: int) -> Floats:
    """Lower what is borrowed so that those who hold a term score more than all who borrow it."""
    least, most = np.full(width, np.inf, dtype=np.float32), np.zeros(width, dtype=np.float32)
    np.minimum.at(least, columns[is_own], scores[is_own])
    np.maximum.at(most, columns[~is_own], scores[~is_own])
    factors = np.minimum(1, BELOW * least / np.maximum(most, 1e-12))
    return np.where(is_own, scores, scores * factors[columns])
