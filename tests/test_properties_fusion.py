"""Fusion of two rankings: its range, its symmetries, and what an order of scores may not change."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from aesearch.search.fusion import (
    LEAST,
    MOST,
    Lexical,
    Mixture,
    Scored,
    fuse,
    lifted,
    weight_of_words,
)

IDS = st.integers(1, 30)
WEIGHTS = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))
COSINES = st.dictionaries(IDS, st.floats(-1, 1, width=32), max_size=12)
# Of BM25: above 0 for every document that is found.
BM25 = st.dictionaries(IDS, st.floats(2**-10, 1000, width=32), max_size=12)
TOLERANCE = 1e-6


def scored(scores: dict[int, float]) -> Scored:
    ids = np.array(list(scores), dtype=np.int64)
    return ids, np.array(list(scores.values()), dtype=np.float32)


def as_dict(found: Scored) -> dict[int, float]:
    return dict(zip(found[0].tolist(), found[1].tolist(), strict=True))


def assert_close(one: Scored, other: Scored) -> None:
    left, right = as_dict(one), as_dict(other)
    assert left.keys() == right.keys()
    for id, score in left.items():
        assert abs(score - right[id]) < TOLERANCE


@given(codes=COSINES, words=BM25, weight=WEIGHTS)
def test_scores_are_in_their_range_and_in_order(
    codes: dict[int, float], words: dict[int, float], weight: float
) -> None:
    ids, scores = fuse(scored(codes), scored(words), weight)
    assert (ids.dtype, scores.dtype) == (np.int64, np.float32)
    assert sorted(ids.tolist()) == sorted(codes.keys() | words.keys())
    assert ((scores >= 0) & (scores <= 1)).all()
    pairs = list(zip((-scores).tolist(), ids.tolist(), strict=True))
    assert pairs == sorted(pairs)  # best first, equal ones by id


@given(codes=COSINES, words=BM25, weight=WEIGHTS, draw=st.randoms(use_true_random=False))
def test_the_order_of_what_comes_in_does_not_matter(
    codes: dict[int, float], words: dict[int, float], weight: float, draw: object
) -> None:
    shuffled = []
    for scores in (codes, words):
        pairs = list(scores.items())
        draw.shuffle(pairs)  # type: ignore[attr-defined]
        shuffled.append(scored(dict(pairs)))
    for one, other in zip(
        fuse(*shuffled, weight), fuse(scored(codes), scored(words), weight), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@given(first=COSINES, second=BM25, weight=WEIGHTS)
def test_the_two_can_change_places_where_both_are_measured_from_zero(
    first: dict[int, float], second: dict[int, float], weight: float
) -> None:
    # A document that scores 0 in both brings the lowest of the codes, and of the words, to 0.
    first = {id: abs(score) for id, score in first.items()} | {99: 0.0}
    second = second | {99: 0.0}
    there = fuse(scored(first), scored(second), weight)
    back = fuse(scored(second), scored(first), 1 - weight)
    assert_close(there, back)


@given(codes=COSINES, words=BM25, weight=WEIGHTS, scale=st.sampled_from([0.25, 2.0, 16.0]))
def test_the_unit_of_a_score_does_not_matter(
    codes: dict[int, float], words: dict[int, float], weight: float, scale: float
) -> None:
    assume(max(codes.values(), default=1) - min(codes.values(), default=0) > 1e-3)
    plain = fuse(scored(codes), scored(words), weight)
    larger = fuse(
        scored({id: scale * score for id, score in codes.items()}),
        scored({id: scale * score for id, score in words.items()}),
        weight,
    )
    assert_close(plain, larger)


@given(scores=BM25, weight=WEIGHTS)
def test_two_rankings_of_one_array_of_ids_are_still_codes_and_words(
    scores: dict[int, float], weight: float
) -> None:
    ids, values = scored(scores)
    one = fuse((ids, values), (ids, values), weight)
    assert_close(one, fuse((ids, values), (ids.copy(), values), weight))


@given(codes=COSINES, words=BM25)
def test_at_the_ends_only_one_of_them_counts(
    codes: dict[int, float], words: dict[int, float]
) -> None:
    for weight, alone in ((0.0, codes), (1.0, words)):
        found = as_dict(fuse(scored(codes), scored(words), weight))
        for id, score in found.items():
            if id not in alone:
                assert score == 0
        for one, other in zip(alone, list(alone)[1:], strict=False):
            if alone[one] > alone[other]:
                assert found[one] >= found[other]


@given(codes=COSINES, words=BM25, weight=st.floats(0.25, 0.75))
def test_a_document_that_is_better_in_both_is_better(
    codes: dict[int, float], words: dict[int, float], weight: float
) -> None:
    found = as_dict(fuse(scored(codes), scored(words), weight))
    by_both = {id: (codes.get(id, -2.0), words.get(id, 0.0)) for id in found}
    for one, (code, word) in by_both.items():
        for other, (code_of_other, word_of_other) in by_both.items():
            if code >= code_of_other and word >= word_of_other:
                assert found[one] >= found[other] - TOLERANCE


@given(codes=COSINES, words=BM25, weight=st.floats(0, 0.99))
def test_feedback_asks_for_a_code_of_unit_length_and_finds_what_fusion_does(
    codes: dict[int, float], words: dict[int, float], weight: float
) -> None:
    asked: list[np.ndarray] = []

    def nearest(query: np.ndarray) -> Scored:
        asked.append(query)
        return scored(codes)

    def codes_of(ids: np.ndarray) -> np.ndarray:
        return np.stack([np.cos(ids), np.sin(ids)], axis=1).astype(np.float32)

    query = np.array([[0.6, 0.8]], dtype=np.float32)
    lexical = Lexical(scored(words))
    found = Mixture(weight).search(query, nearest, lexical, codes_of)
    for one, other in zip(found, fuse(scored(codes), scored(words), weight), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(asked) == (2 if codes or words else 1)
    assert np.linalg.norm(asked[-1]) < 1 + TOLERANCE
    np.testing.assert_array_equal(query, np.array([[0.6, 0.8]], dtype=np.float32))


@given(codes=COSINES, words=BM25)
def test_words_count_less_the_more_the_code_agrees(
    codes: dict[int, float], words: dict[int, float]
) -> None:
    weight = weight_of_words(scored(codes), scored(words))
    assert LEAST <= weight <= MOST
    assume(codes and words)
    # The code that ranks as the words do agrees most; one that puts them all last, least.
    low, high = dict.fromkeys(words, -1.0) | {99: 1.0}, dict.fromkeys(words, 1.0) | {99: -1.0}
    most = weight_of_words(scored(low), scored(words))
    least = weight_of_words(scored(high), scored(words))
    assert least - TOLERANCE <= weight <= most + TOLERANCE


@given(scores=BM25, first=st.sets(IDS, max_size=5))
def test_what_is_lifted_comes_first_and_nothing_else_changes_places(
    scores: dict[int, float], first: set[int]
) -> None:
    ranked = fuse(scored({}), scored(scores), 1.0)
    ids, values = lifted(ranked, np.array(sorted(first), dtype=np.int64))
    own = [id for id in ranked[0].tolist() if id in first]
    assert ids.tolist() == own + [id for id in ranked[0].tolist() if id not in first]
    assert (np.diff(values) <= 0).all()
    assert values.max(initial=0) == ranked[1].max(initial=0)
