"""Document expansion: BM25 finds a document also by words of its nearest documents by code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aesearch.engines import engine_class
from aesearch.engines.plan import choose
from aesearch.search.counts import K1, TermCounts, length_norms, lengths_of
from aesearch.sparse import SparseRows
from aesearch.types import Bools, Doubles, Floats, Ids, Ints

LENT_FROM = 2  # documents: what stands in a single one says nothing of its neighbors
MOST_BORROWED = 2.0  # times as many postings as documents have themselves
BLOCK = 4096  # documents that are expanded at once
EXACT_UP_TO = 20_000  # codes; beyond, inverted lists find nearly the same neighbors much faster


@dataclass(frozen=True)
class Expansion:
    """What documents borrow of each other; nothing by default.

    Attributes
    ----------
    neighbors : int
        Nearest documents that lend their words.
    weight : float
        Of a word that all of them hold once, at a cosine of 1, if they are of the mean length:
        it then counts as if the document held it so many times.
    kept : int
        Most borrowed words of a document, the strongest.
    """

    neighbors: int = 0
    weight: float = 0.0
    kept: int = 150

    @property
    def is_plain(self) -> bool:
        """Whether nothing is borrowed."""
        return not (self.neighbors > 0 and self.weight > 0 and self.kept > 0)


PLAIN = Expansion()
USUAL = Expansion(neighbors=5, weight=1.0)  # where something is to be borrowed, and no check asked


class Neighbors(NamedTuple):
    """The nearest documents of each document, itself excluded, nearest first.

    Attributes
    ----------
    places : ndarray of int64, shape (n, k)
        Among the documents; -1 where there are fewer.
    similarities : ndarray of float32, shape (n, k)
        Cosines, those below 0 as 0.
    """

    places: Ids
    similarities: Floats

    def nearest(self, k: int) -> Neighbors:
        """Return the `k` nearest of these."""
        return Neighbors(self.places[:, :k], self.similarities[:, :k])


def neighbors_of(codes: Floats, k: int) -> Neighbors:
    """Find the nearest documents of each document.

    Parameters
    ----------
    codes : ndarray of float32, shape (n, code_size)
        Of unit length.
    k : int
        Of many codes, some of the neighbors may be missed for ones a little further off.
    """
    count = len(codes)
    k = min(k, count - 1)
    if k <= 0:
        nothing = np.empty((count, 0))
        return Neighbors(nothing.astype(np.int64), nothing.astype(np.float32))
    plan = choose(count, codes.shape[1], kind="flat" if count <= EXACT_UP_TO else "ivf")
    engine = engine_class().build(plan, np.arange(count), codes, None)
    places, similarities = [], []
    for start in range(0, count, BLOCK):
        found, scores = engine.search(codes[start : start + BLOCK], k + 1)
        # A document is left out of its own row; where equal ones hid it, the last is.
        other = found != np.arange(start, start + len(found))[:, None]
        other[other.all(axis=1), -1] = False
        places.append(found[other].reshape(-1, k))
        similarities.append(np.maximum(scores[other].reshape(-1, k), 0))
    return Neighbors(np.concatenate(places), np.concatenate(similarities))


class Expanded(NamedTuple):
    """Counts of what documents hold, added to by neighbors, and of what they only borrow."""

    own: SparseRows
    borrowed: SparseRows


def expand(counts: TermCounts, neighbors: Neighbors, expansion: Expansion) -> Expanded:
    """Add to the counts of each document the mean counts of its neighbors.

    A word counts `expansion.weight` times the mean, over the neighbors, of cosine times count, the
    count divided by what BM25 divides those of long documents by.
    Of the words that a document does not hold itself, the `expansion.kept` strongest are kept,
    by the score that they would have there, and over all documents the strongest `MOST_BORROWED`
    times as many as they hold themselves.

    Parameters
    ----------
    counts : TermCounts
    neighbors : Neighbors
        At least as many as the expansion asks for, where there are so many documents.
    expansion : Expansion

    References
    ----------
    T. Tao, X. Wang, Q. Mei and C. Zhai, Language model information retrieval with document
    expansion, NAACL 2006.
    """
    rows, width = counts.rows, counts.rows.width
    norms = length_norms(lengths_of(rows, counts.special))
    lending = rows.with_values((rows.values / norms[rows.rows()]).astype(np.float32))
    often = np.bincount(rows.indices, minlength=width)
    idf = np.log1p((len(rows) - often + 0.5) / (often + 0.5))
    idf[often < LENT_FROM] = 0  # of no strength: not kept
    idf[: counts.special] = 0
    values = rows.values.astype(np.float64)
    kept = [_Borrowed.nothing()]
    for start in range(0, len(rows), BLOCK):
        stop = min(start + BLOCK, len(rows))
        keys, lent = _lent(lending, neighbors.nearest(expansion.neighbors), slice(start, stop))
        lent *= expansion.weight / expansion.neighbors
        first, last = rows.indptr[[start, stop]]
        own, places = _found(_keys(rows, start, stop), keys)
        values[first:last][places] += lent[own]
        local, columns = np.divmod(keys[~own], max(1, width))
        taken = _Borrowed(start + local, columns, lent[~own])
        kept.append(taken.strongest(taken.scores(idf, norms), expansion.kept))
    borrowed = _Borrowed(*map(np.concatenate, zip(*kept, strict=True)))
    most = int(MOST_BORROWED * len(rows.values))
    own_rows = rows.with_values(values.astype(np.float32))
    chosen = borrowed.within(borrowed.scores(idf, norms), most)
    return Expanded(own_rows, chosen.as_rows(len(rows), width))


class _Borrowed(NamedTuple):
    """Words that documents borrow, in the order of documents, then of terms."""

    rows: Ints
    columns: Ints
    counts: Doubles

    @classmethod
    def nothing(cls) -> _Borrowed:
        none = np.empty(0, dtype=np.int64)
        return cls(none, none, none.astype(np.float64))

    def scores(self, idf: Doubles, norms: Doubles) -> Doubles:
        """Return what each would score, by these norms of documents and weights of terms."""
        return self.counts / (self.counts + K1 * norms[self.rows]) * idf[self.columns]

    def strongest(self, scores: Doubles, kept: int) -> _Borrowed:
        """Return those of each document that score most, and more than 0."""
        ends = np.flatnonzero(np.diff(self.rows, append=-1)) + 1
        taken = [_strongest(part, kept) for part in np.split(scores, ends)]
        return self._chosen(np.concatenate(taken) & (scores > 0))

    def within(self, scores: Doubles, most: int) -> _Borrowed:
        """Return those of all documents that score most."""
        return self._chosen(_strongest(scores, most))

    def _chosen(self, which: Bools) -> _Borrowed:
        return _Borrowed(self.rows[which], self.columns[which], self.counts[which])

    def as_rows(self, count: int, width: int) -> SparseRows:
        ends = np.cumsum(np.bincount(self.rows, minlength=count))
        return SparseRows(
            np.concatenate([[0], ends]).astype(np.int64),
            self.columns.astype(np.int32),
            self.counts.astype(np.float32),
            width,
        )


def _strongest(scores: Doubles, most: int) -> Bools:
    """Which are the highest; of equal ones the first."""
    if len(scores) <= most:
        return np.ones(len(scores), dtype=bool)
    least = np.partition(scores, -most)[-most]
    chosen: Bools = scores > least
    chosen[np.flatnonzero(scores == least)[: most - np.count_nonzero(chosen)]] = True
    return chosen


def _lent(rows: SparseRows, neighbors: Neighbors, block: slice) -> tuple[Ints, Doubles]:
    """Sum what neighbors lend to some documents, by row in the block * terms + term."""
    shares = neighbors.similarities[block].astype(np.float64)
    # Of a document without words nothing is known, its code neither.
    lends = (shares > 0) & (np.diff(rows.indptr)[block] > 0)[:, None]
    lends &= neighbors.places[block] >= 0
    lenders = rows[neighbors.places[block][lends]]
    sizes = np.diff(lenders.indptr)
    keys = np.repeat(np.nonzero(lends)[0], sizes) * rows.width + lenders.indices
    counts = lenders.values.astype(np.float64) * np.repeat(shares[lends], sizes)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.concatenate([keys[:1] == keys[:1], keys[1:] != keys[:-1]]))
    sums = np.add.reduceat(counts[order], first) if len(first) else counts
    return keys[first], sums


def _keys(rows: SparseRows, start: int, stop: int) -> Ints:
    """Row in the block * terms + term of what some documents hold, ascending."""
    block = rows[start:stop]
    return block.rows() * rows.width + block.indices


def _found(keys: Ints, wanted: Ints) -> tuple[Bools, Ints]:
    """Which of some keys are among others, both ascending, and the places of these there."""
    places = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
    found = keys[places] == wanted if len(keys) else np.zeros(len(wanted), dtype=bool)
    return found, places[found]
