"""Words that documents borrow of their neighbors: against plain sums, and what always holds."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aesearch.search import expansion as expansions
from aesearch.search.bm25 import RARE, Words
from aesearch.search.counts import K1, B, TermCounts, length_norms
from aesearch.search.expansion import (
    LENT_FROM,
    MOST_BORROWED,
    PLAIN,
    Expansion,
    Neighbors,
    expand,
    neighbors_of,
)

TERMS = [*"abcdefgh", "機", "é"]
TOKENS = st.lists(st.sampled_from(TERMS), max_size=12)
EVERYTHING = 1000  # more than any of these documents borrows


class Collection(NamedTuple):
    """Tokens of documents, their codes, and what they borrow by them."""

    documents: list[list[str]]
    codes: NDArray[np.float32]
    expansion: Expansion

    def words(self) -> Words:
        neighbors = neighbors_of(self.codes, self.expansion.neighbors)
        return Words.build(enumerate(self.documents), neighbors, self.expansion)

    def plain(self) -> Words:
        return Words.build(enumerate(self.documents))


@st.composite
def collections(draw: st.DrawFn) -> Collection:
    documents = draw(st.lists(TOKENS, max_size=12))
    seed, size = draw(st.integers(0, 99)), draw(st.integers(1, 4))
    codes = np.random.default_rng(seed).normal(size=(len(documents), size))
    codes /= np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-9)
    weight = draw(st.sampled_from([0.3, 1.0, 2.0]))
    expansion = Expansion(draw(st.integers(1, 4)), weight, draw(st.integers(1, 9)))
    return Collection(documents, codes.astype(np.float32), expansion)


def brute_force(one: Collection) -> dict[str, NDArray[np.float64]]:
    """The score of every document by each term, document by document, with nothing left out."""
    counts = [Counter(tokens) for tokens in one.documents]
    lengths = np.array([sum(count.values()) for count in counts], dtype=np.float64)
    norms = 1 - B + B * lengths / max(lengths.sum() / max(1, len(lengths)), 1e-9)
    often = Counter(term for count in counts for term in count)
    # Which of equally near ones are neighbors is left to it.
    places, _ = neighbors_of(one.codes, one.expansion.neighbors)
    cosines = one.codes.astype(np.float64) @ one.codes.T
    found: list[Counter[str]] = []
    for row, count in enumerate(counts):
        lent: Counter[str] = Counter()
        for other in places[row].tolist():
            share = one.expansion.weight / one.expansion.neighbors * max(0, cosines[row, other])
            lent.update({term: share * n / norms[other] for term, n in counts[other].items()})
        kept = {
            term: n
            for term, n in lent.items()
            if n > 0 and count and (term in count or often[term] >= LENT_FROM)
        }
        found.append(count + Counter(kept))
    return lucene(found, counts)


def lucene(found: list[Counter[str]], own: list[Counter[str]]) -> dict[str, NDArray[np.float64]]:
    """BM25 of counts; the borrowed ones of a rare term below the own ones."""
    lengths = np.array([sum(count.values()) for count in found], dtype=np.float64)
    norms = K1 * (1 - B + B * lengths / max(lengths.sum() / max(1, len(lengths)), 1e-9))
    scores = {}
    for term in sorted({term for count in own for term in count}):
        often = sum(term in count for count in found)
        idf = math.log(1 + (len(found) - often + 0.5) / (often + 0.5))
        each = np.array([count[term] for count in found], dtype=np.float64)
        each = idf * each / (each + norms)
        holds = np.array([term in count for count in own])
        if 0 < holds.sum() <= RARE and each[~holds].any():
            each[~holds] *= min(1, 0.9 * each[holds].min() / each[~holds].max())
        scores[term] = each
    return scores


@given(one=collections())
def test_scores_are_those_of_a_brute_force(one: Collection) -> None:
    one = one._replace(expansion=replace(one.expansion, kept=EVERYTHING))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expansions, "MOST_BORROWED", float(EVERYTHING))
        words = one.words()
    for term, expected in brute_force(one).items():
        np.testing.assert_allclose(words.scores_of([term]), expected, rtol=1e-4, atol=1e-6)
    assert not words.scores_of(["nothing"]).any()


@given(one=collections())
def test_own_words_stand_before_borrowed_ones_and_are_those_of_the_texts(one: Collection) -> None:
    words, plain = one.words(), one.plain()
    assert (words.terms, len(words)) == (plain.terms, len(plain))
    for column, end in enumerate(words.own_ends.tolist()):
        first, last = words.starts[column : column + 2].tolist()
        own, borrowed = words.documents[first:end].tolist(), words.documents[end:last].tolist()
        theirs = slice(*plain.starts[column : column + 2].tolist())
        assert own == sorted(own) == plain.documents[theirs].tolist()
        assert borrowed == sorted(set(borrowed) - set(own))
        term = words.terms.decode()[column]  # each of one letter
        assert words.holds(term)
        borrowing = [id for id in range(len(words)) if words.borrows(id, term)]
        assert borrowing == borrowed
        if borrowed and len(own) <= RARE:
            assert words.scores[first:end].min() > words.scores[end:last].max()
            assert len(own) >= LENT_FROM
    assert (words.scores > 0).all()
    assert words.starts[-1] == len(words.scores) == len(words.documents)


@given(one=collections())
def test_no_more_is_borrowed_than_is_allowed(one: Collection) -> None:
    words, plain = one.words(), one.plain()
    assert len(words.scores) <= (1 + MOST_BORROWED) * len(plain.scores)
    counts = TermCounts.of(enumerate(one.documents))
    neighbors = neighbors_of(one.codes, one.expansion.neighbors)
    borrowed = expand(counts, neighbors, one.expansion).borrowed
    borrowing = np.diff(borrowed.indptr)
    assert (borrowing <= one.expansion.kept).all()
    assert not borrowing[[not tokens for tokens in one.documents]].any()
    # What was left out is no stronger than what was kept.
    everything = expand(counts, neighbors, replace(one.expansion, kept=EVERYTHING)).borrowed
    often = np.bincount(counts.rows.indices, minlength=counts.rows.width)
    idf = np.log1p((len(counts.ids) - often + 0.5) / (often + 0.5))
    norms = length_norms(counts.rows.row_sums(counts.rows.values))
    for row in np.flatnonzero(borrowing):
        lent = (rows.toarray()[row] for rows in (borrowed, everything))
        kept, all_of_it = (idf * each / (each + K1 * norms[row]) for each in lent)
        left = all_of_it[kept == 0]
        assert left.max(initial=0) <= kept[kept > 0].min() * (1 + 1e-5)


@given(one=collections(), dull=st.sampled_from([PLAIN, Expansion(3, 0.0), Expansion(0, 1.0)]))
def test_where_nothing_is_borrowed_words_are_as_ever(one: Collection, dull: Expansion) -> None:
    plain = one.plain()
    assert plain.expansion == PLAIN
    np.testing.assert_array_equal(plain.own_ends, plain.starts[1:])
    for words in (
        one._replace(expansion=dull).words(),
        one._replace(codes=np.zeros_like(one.codes)).words(),  # near to none
    ):
        for name in ("scores", "documents", "starts", "own_ends"):
            np.testing.assert_array_equal(getattr(words, name), getattr(plain, name))


@given(one=collections())
def test_kept_and_opened(one: Collection, tmp_path_factory: pytest.TempPathFactory) -> None:
    words, folder = one.words(), tmp_path_factory.mktemp("words") / "w"
    words.save(folder)
    again = Words.open(folder)
    assert again.expansion == words.expansion
    np.testing.assert_array_equal(again.own_ends, words.own_ends)
    np.testing.assert_array_equal(again.scores_of(TERMS), words.scores_of(TERMS))


# -- neighbors -------------------------------------------------------------------------------------


def unit(count: int, size: int = 8) -> NDArray[np.float32]:
    """Codes of unit length at random."""
    drawn = np.random.default_rng(0).normal(size=(count, size))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("k", [1, 3, 7])
def test_the_nearest_are_found(exact: bool, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansions, "BLOCK", 700)
    count = 3000  # enough for inverted lists
    if not exact:
        monkeypatch.setattr(expansions, "EXACT_UP_TO", 10)
    codes = unit(count)
    found = neighbors_of(codes, k)
    assert found.places.shape == found.similarities.shape == (count, k)
    assert (found.places != np.arange(count)[:, None]).all()
    cosines = codes.astype(np.float64) @ codes.T
    own = np.take_along_axis(cosines, found.places, axis=1)
    np.testing.assert_allclose(found.similarities, np.maximum(own, 0), atol=1e-5)
    np.fill_diagonal(cosines, -2)
    expected = -np.sort(-cosines, axis=1)[:, :k]
    right = np.isclose(found.similarities, expected, atol=1e-5).mean()
    assert right == 1 if exact else 0.7 < right < 1
    assert (np.diff(found.similarities, axis=1) <= 0).all()
    np.testing.assert_array_equal(found.nearest(1).places, found.places[:, :1])


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_fewer_documents_than_neighbors(count: int) -> None:
    found = neighbors_of(unit(count), 9)
    assert found.places.shape == (count, max(0, min(9, count - 1)))
    for row, places in enumerate(found.places.tolist()):
        assert sorted([row, *places]) == list(range(count))


def test_equal_documents_are_neighbors_of_each_other_and_not_of_themselves() -> None:
    codes = np.tile(unit(1), (20, 1))
    found = neighbors_of(codes, 3)
    assert found.places.shape == (20, 3)
    for row, places in enumerate(found.places.tolist()):
        assert row not in places
        assert len(set(places)) == 3
    words = Words.build(((n, ["boat", "mast"]) for n in range(20)), found, Expansion(3, 1.0))
    scores = words.scores_of(["boat"])
    np.testing.assert_allclose(scores, scores[0])
    assert words.search(["boat"], 5)[0].tolist() == list(range(5))


def test_what_points_away_lends_nothing() -> None:
    codes = np.array([[1, 0], [-1, 0], [-1, 0]], dtype=np.float32)
    found = neighbors_of(codes, 2)
    np.testing.assert_array_equal(found.similarities, [[0, 0], [1, 0], [1, 0]])
    documents = [(0, ["a", "b"]), (1, ["b", "c"]), (2, ["c", "b", "a"])]
    words = Words.build(documents, found, Expansion(2, 1.0))
    assert [words.borrows(id, term) for id, term in ((0, "c"), (1, "a"), (2, "c"))] == [
        False,
        True,
        False,
    ]


def test_empty_collections_and_single_documents(tmp_path: Path) -> None:
    for number, documents in enumerate(([], [(7, [])], [(7, ["boat"])], [(7, []), (9, ["boat"])])):
        neighbors = neighbors_of(unit(len(documents)), 5)
        words = Words.build(documents, neighbors, Expansion(5, 1.0))
        assert len(words) == len(documents)
        expected = [id for id, tokens in documents if tokens]
        assert words.search(["boat"], 5)[0].tolist() == expected
        words.save(tmp_path / str(number))
        assert Words.open(tmp_path / str(number)).search(["boat"], 5)[0].tolist() == expected


def test_neighbors_of_a_larger_number_serve_a_smaller_one() -> None:
    draw = np.random.default_rng(0)
    documents = [(n, draw.choice(TERMS, 4).tolist()) for n in range(30)]
    codes, some = unit(30), Expansion(2, 1.0)
    many: Neighbors = neighbors_of(codes, 9)
    one, other = (Words.build(documents, found, some) for found in (many, neighbors_of(codes, 2)))
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-5)
