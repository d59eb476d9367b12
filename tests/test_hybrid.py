"""Codes and words together: rankings made by hand, and the weight that documents ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from collections_ import assert_same_hits
from numpy.typing import NDArray
from texts_ import NAMES, RARE, TOPICS, made, make_text, write_texts

from aesearch.indexing import words_check
from aesearch.indexing.words_check import check_words
from aesearch.modalities.texts.extract import Document
from aesearch.search.expansion import PLAIN, USUAL
from aesearch.search.fusion import (
    FEEDBACK,
    MIDDLE,
    OVERWHELMING,
    STEEPNESS,
    Lexical,
    Mixture,
    Scored,
    WordsCheck,
    fuse,
    lifted,
    weight_of_words,
)
from aesearch.search.index import Index


def ranking(**scores: float) -> Scored:
    """A ranking of ids that are written as letters."""
    ids = np.array([ord(letter) for letter in scores], dtype=np.int64)
    return ids, np.array(list(scores.values()), dtype=np.float32)


NOTHING = ranking()


def named(scored: Scored) -> dict[str, float]:
    return {
        chr(id): round(score, 4) for id, score in zip(*map(np.ndarray.tolist, scored), strict=True)
    }


# -- fusion ----------------------------------------------------------------------------------------


def test_fusion_worked_out_by_hand() -> None:
    codes = ranking(a=0.75, b=0.5, c=0.25)  # scaled, without rounding: 1, 0.5, 0
    words = ranking(c=8.0, b=4.0, d=2.0)  # scaled, from 0: 1, 0.5, 0.25
    half = fuse(codes, words, 0.5)
    assert named(half) == {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.125}
    assert [chr(id) for id in half[0]] == ["a", "b", "c", "d"]  # equal ones by id
    assert named(fuse(codes, words, 0.2)) == {"a": 0.8, "b": 0.5, "c": 0.2, "d": 0.05}
    assert list(named(fuse(codes, words, 1.0))) == ["c", "b", "d", "a"]
    assert list(named(fuse(codes, words, 0.0))) == ["a", "b", "c", "d"]
    assert (half[0].dtype, half[1].dtype) == (np.int64, np.float32)


def test_what_is_best_in_both_has_the_score_one() -> None:
    codes, words = ranking(z=0.2, a=-0.7, m=0.1), ranking(z=3.0, m=1.0)
    for weight in (0.1, 0.5, 0.9):
        found = named(fuse(codes, words, weight))
        assert next(iter(found.items())) == ("z", 1)
        assert all(0 <= score <= 1 for score in found.values())


def test_fusion_with_only_one_ranking() -> None:
    assert named(fuse(ranking(a=0.9, b=0.1), NOTHING, 0.25)) == {"a": 0.75, "b": 0}
    assert named(fuse(NOTHING, ranking(a=4.0, b=1.0), 0.25)) == {"a": 0.25, "b": 0.0625}
    assert named(fuse(NOTHING, NOTHING, 0.25)) == {}


def test_a_single_candidate_and_equal_ones_are_the_best() -> None:
    assert named(fuse(ranking(a=0.3), ranking(a=2.0), 0.2)) == {"a": 1}
    assert named(fuse(ranking(a=0.3, b=0.3), ranking(b=2.0), 0.2)) == {"b": 1, "a": 0.8}


def test_fusion_does_not_depend_on_the_order_of_what_comes_in() -> None:
    codes, words = ranking(c=0.1, a=0.9, b=0.5), ranking(b=4.0, d=2.0, c=8.0)
    expected = fuse(ranking(a=0.9, b=0.5, c=0.1), ranking(c=8.0, b=4.0, d=2.0), 0.3)
    for one, other in zip(fuse(codes, words, 0.3), expected, strict=True):
        np.testing.assert_array_equal(one, other)


# -- feedback --------------------------------------------------------------------------------------

CODES = {"a": (1.0, 0.0), "b": (0.0, 1.0), "c": (0.8, 0.6), "d": (-1.0, 0.0)}


class Searcher:
    """All documents of `CODES`, by cosine; notes the queries that it got."""

    def __init__(self) -> None:
        self.queries: list[NDArray[np.float32]] = []

    def nearest(self, query: NDArray[np.float32]) -> Scored:
        self.queries.append(query.copy())
        scores = {letter: float(np.dot(query[0], code)) for letter, code in CODES.items()}
        return ranking(**dict(sorted(scores.items(), key=lambda pair: -pair[1])))

    def codes_of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.array([CODES[chr(id)] for id in ids], dtype=np.float32)


def test_feedback_moves_the_query_to_the_mean_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aesearch.search.fusion.FEEDBACK", 2)
    searcher, query = Searcher(), np.array([[1.0, 0.0]], dtype=np.float32)
    # First by both: codes a=1, c=0.9, b=0.5, d=0, of which words (b) change nothing at the top.
    words = Lexical(ranking(b=1.0))
    found = Mixture(0.1).search(query, searcher.nearest, words, searcher.codes_of)
    moved = np.array([1.0, 0.0]) + (np.array([1.0, 0.0]) + np.array([0.8, 0.6])) / 2
    np.testing.assert_allclose(searcher.queries[0], query)
    np.testing.assert_allclose(searcher.queries[1], [moved / np.linalg.norm(moved)], rtol=1e-6)
    assert len(searcher.queries) == 2
    expected = fuse(searcher.nearest(searcher.queries[1]), ranking(b=1.0), 0.1)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1])


def test_words_steer_the_feedback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aesearch.search.fusion.FEEDBACK", 1)
    query = np.array([[1.0, 0.0]], dtype=np.float32)
    for words, first in ((NOTHING, "a"), (ranking(b=1.0), "b")):
        searcher = Searcher()
        Mixture(0.9).search(query, searcher.nearest, Lexical(words), searcher.codes_of)
        moved = query + np.array([CODES[first]])
        np.testing.assert_allclose(
            searcher.queries[1], moved / np.linalg.norm(moved), rtol=1e-6, atol=1e-7
        )


def test_feedback_with_nothing_found() -> None:
    query = np.array([[1.0, 0.0]], dtype=np.float32)
    found = Mixture(0.5).search(
        query, lambda _: NOTHING, Lexical(NOTHING), lambda _: pytest.fail("no codes are wanted")
    )
    assert named(found) == {}


def test_a_query_that_feedback_cancels_out_stays_finite() -> None:
    searcher = Searcher()
    query = np.array([[1.0, 0.0]], dtype=np.float32)
    only_d = ranking(d=1.0)
    ids, scores = Mixture(0.5).search(query, lambda _: only_d, Lexical(NOTHING), searcher.codes_of)
    assert named((ids, scores)) == {"d": 0.5}
    assert np.isfinite(scores).all()


def test_without_feedback_the_query_is_asked_once() -> None:
    searcher, query = Searcher(), np.array([[1.0, 0.0]], dtype=np.float32)
    words = ranking(b=1.0)
    found = Mixture(0.3, feedback=False).search(
        query, searcher.nearest, Lexical(words), lambda _: pytest.fail("no codes are wanted")
    )
    assert len(searcher.queries) == 1
    assert named(found) == named(fuse(searcher.nearest(query), words, 0.3))


def test_words_alone_ask_no_code_unless_they_find_nothing() -> None:
    searcher, query = Searcher(), np.array([[1.0, 0.0]], dtype=np.float32)
    mixture = Mixture(1.0)
    words = Lexical(ranking(b=4.0, d=1.0))
    found = mixture.search(query, searcher.nearest, words, searcher.codes_of)
    assert named(found) == {"b": 1, "d": 0.25}
    assert not searcher.queries
    found = mixture.search(query, searcher.nearest, Lexical(NOTHING), searcher.codes_of)
    assert set(named(found)) == set(CODES)


# -- the weight of words ---------------------------------------------------------------------------


def test_the_weight_worked_out_by_hand() -> None:
    codes = ranking(a=0.9, b=0.5, c=0.4, z=0.1)  # scaled: 1, 0.5, 0.375, 0
    assert weight_of_words(codes, ranking(a=7.0)) == pytest.approx(
        0.2 + 0.7 / (1 + np.exp(STEEPNESS * (1 - MIDDLE)))
    )
    # What the code was worth in the check moves it.
    assert weight_of_words(codes, ranking(a=7.0), 0.8) == pytest.approx(
        0.2 + 0.7 / (1 + np.exp(STEEPNESS * (1 - MIDDLE) + 8 * 0.25))
    )
    both = weight_of_words(codes, ranking(b=2.0, y=3.0))  # y is not near: (0.5 + 0) / 2
    assert both == pytest.approx(0.2 + 0.7 / (1 + np.exp(STEEPNESS * (0.25 - MIDDLE))))
    # Only the five best count.
    found = ranking(z=1.0, **dict.fromkeys("defgh", 9.0))
    assert weight_of_words(codes, found) == weight_of_words(codes, ranking(d=1.0))
    assert weight_of_words(NOTHING, found) == weight_of_words(codes, NOTHING) == 0.9


def test_each_query_has_its_own_weight_by_default() -> None:
    searcher, query = Searcher(), np.array([[1.0, 0.0]], dtype=np.float32)
    for words in (ranking(a=1.0), ranking(d=1.0)):
        weight = weight_of_words(searcher.nearest(query), words)
        one, other = (
            mixture.search(query, searcher.nearest, Lexical(words), searcher.codes_of)
            for mixture in (Mixture(), Mixture(weight))
        )
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_the_few_that_hold_every_word_come_first() -> None:
    found = ranking(a=0.9, b=0.6, c=0.5, d=0.1)
    first = np.array([ord("c"), ord("d"), ord("x")])
    ids, scores = lifted(found, first)
    assert [chr(id) for id in ids] == ["c", "d", "a", "b"]
    np.testing.assert_allclose(scores, [0.9, 0.9, 0.9, 0.6])
    assert lifted(found, first[2:]) is found


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    root = tmp_path_factory.mktemp("hybrid").resolve()
    write_texts(root / "docs", per_topic=10)
    return made(root / "docs", root / "index", settings={"encoder": "lsa"})


def documents(count: int, title: str = "") -> list[Document]:
    """Texts of all topics; those of a title begin with it, and mention it again in the end."""
    texts = []
    for number in range(count):
        name = title.format(number)
        texts.append(Document(f"{name} {make_text(NAMES[number % 4], number, 40)} {name}", ""))
    return texts


def checked(index: Index, documents: Sequence[Document], held_out: int | None = None) -> Any:
    """Check words beside the codes of an index; the last so many documents ask, or all."""
    rows = np.arange(len(documents))[-held_out if held_out else 0 :]
    codes = index.encoder.encode(index.features.transform(one.text for one in documents))
    return check_words(documents, rows, codes, index.features, index.encoder)


def test_names_that_only_words_tell_apart_ask_for_words(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words_check, "ROUNDS", 1)  # other words in a row hold no name
    check = checked(index, documents(60, "name{0} called{0} after{0}"))
    assert check.questions == 60
    assert check.by_words > 0.95
    assert check.by_code < 0.5
    assert check.by_code < check.by_both <= 1
    assert check.weight in (None, 1.0)
    assert check.prefers_both
    assert 0 < check.gain[1] <= check.gain[0] <= check.gain[2]
    assert "MRR of 60 questions made of documents: " in str(check)
    assert WordsCheck.of({"typed_search": asdict(check)}) == check


def test_what_mails_quote_is_searched_by_words_as_in_a_search(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words_check, "ROUNDS", 1)
    mails = []
    for number, one in enumerate(documents(60)):
        name = f"name{number} called{number} after{number}"
        mails.append(Document(f"{name} {one.text}", quoted=name))
    assert checked(index, mails).by_words > 0.95
    assert checked(index, [Document(mail.text) for mail in mails]).by_words < 0.5


def test_too_few_long_documents_ask_nothing(index: Index) -> None:
    short = [Document("A boat in the harbour.", "")] * 200
    for few in (short, documents(words_check.FEWEST - 1)):
        check = checked(index, few)
        assert check == WordsCheck()
        assert check.prefers_both
        assert str(check) == "codes and words (BM25) are searched together"


def test_only_what_was_held_out_asks_and_all_is_searched(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checked(index, documents(60), words_check.FEWEST - 1) == WordsCheck()
    # Where few were held out they ask again, by other words of theirs.
    assert checked(index, documents(60), 30).questions == 30 * words_check.ROUNDS
    monkeypatch.setattr(words_check, "ROUNDS", 1)
    assert checked(index, documents(60), 30).questions == 30
    # What is said again, whole, in a document that does not ask is found before the rest of it.
    twice = documents(30, "name{0} called{0} after{0}") * 2
    assert checked(index, twice[30:]).by_words > 0.95
    assert checked(index, twice, 30).by_words < 0.55
    monkeypatch.setattr(words_check, "QUESTIONS", 25)
    assert checked(index, documents(60), 30).questions == 25


def test_the_check_changes_no_code_and_comes_out_the_same_again(index: Index) -> None:
    texts = documents(60)
    codes = index.encoder.encode(index.features.transform(one.text for one in texts))
    before = codes.copy()
    found = [
        check_words(texts, np.arange(60), codes, index.features, index.encoder, seed=3)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(codes, before)
    assert found[0] == found[1]
    assert found[0].questions == 60 * 5


def ranks(mean: float, noise: float = 0.0) -> NDArray[np.float64]:
    """Reciprocal ranks of 100 questions, of this mean."""
    drawn = np.random.default_rng(0).normal(0, noise, 100)
    return mean + drawn - drawn.mean()


def test_what_is_usual_is_left_only_for_what_is_clearly_better() -> None:
    def decided(**others: float) -> WordsCheck:
        names = {"code": 0.4, "words": 0.6, "both": 0.7, "plain": 0.7, "unmoved": 0.7} | others
        noise = dict.fromkeys(names, 0.0) | {"both": 0.1}
        keys = {"plain": words_check.PLAIN_BOTH, "unmoved": words_check.UNMOVED}
        return words_check._decided(
            {keys.get(name, name): ranks(mean, noise[name]) for name, mean in names.items()},
            WordsCheck(by_code=0.4, by_words=0.5),
            0,
        )

    usual = decided()
    assert (usual.weight, usual.expansion, usual.feedback) == (None, USUAL, True)
    assert (usual.by_code, usual.by_words, usual.by_both) == pytest.approx((0.4, 0.5, 0.7))
    assert usual.worth == pytest.approx(0.8)
    assert usual.mixture == Mixture(None, True, usual.worth)
    assert usual.prefers_both
    for little in (0.705, 0.6):
        assert decided(words=little, plain=little, unmoved=little).expansion == USUAL
        assert decided(plain=little).feedback
    assert decided(plain=0.75).expansion == PLAIN
    assert not decided(unmoved=0.75).feedback
    assert decided(words=0.74).weight is None  # clearly better, but not by much
    assert decided(words=0.85).weight == 1
    assert decided(code=0.72).prefers_both
    assert not decided(code=0.85).prefers_both


def test_what_the_check_found_is_used(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[Mixture] = []
    search = Mixture.search

    def noted(self: Mixture, *args: Any) -> Scored:
        used.append(self)
        return search(self, *args)

    monkeypatch.setattr(Mixture, "search", noted)
    own = {"weight": 0.3, "feedback": False, "by_code": 0.2, "by_words": 0.5}
    for check in ({"typed_search": own}, OF_EARLIER_VERSIONS, {}, None):
        monkeypatch.setitem(vars(index.encoder.manifest), "check", check)
        index.search("boat harbour", hybrid=True)
    assert used == [Mixture(0.3, False, 0.2 / 0.5), *[Mixture()] * 3]


# -- in an index -----------------------------------------------------------------------------------


def test_hybrid_scores_are_shares_and_the_best_of_both_is_first(index: Index) -> None:
    for topic in NAMES:
        hits = index.search(make_text(topic, 700), k=100, hybrid=True)
        scores = [hit.score for hit in hits]
        assert len({hit.key for hit in hits}) == len(hits) == 40
        assert scores == sorted(scores, reverse=True)
        assert min(scores) >= 0
        assert max(scores) <= 1
        assert {hit.key.partition("/")[0] for hit in hits[:8]} == {topic}


def test_a_word_that_no_code_knows_is_found_by_words_alone(index: Index) -> None:
    index.add({"note": f"Quagga. {make_text('music', 60)}"})
    try:
        (hit,) = index.search("quaggas", hybrid=True)
        assert (hit.key, hit.score) == ("note", 1)
        assert index.search("quagga", hybrid=True, among="music/*") == []
        assert index.search("quagga", hybrid=True, threshold=1.01) == []
    finally:
        index.remove(["note"])


def test_filters_hold_for_both_halves(index: Index) -> None:
    query = f"{RARE['music']} {' '.join(TOPICS['music'].split())}"
    for k in (1, 5, 99):
        hits = index.search(query, k=k, hybrid=True, among="gardens/*")
        assert len(hits) == min(k, 10)
        assert {hit.key.partition("/")[0] for hit in hits} == {"gardens"}


def test_more_candidates_than_feedback_takes(index: Index) -> None:
    assert len(index) > FEEDBACK
    one = index.search("boat harbour", k=1, hybrid=True)
    many = index.search("boat harbour", k=40, hybrid=True)
    assert_same_hits(one, many[:1])


# What the check of an earlier version found, in mean ranks: codes alone, and words at a fifth.
OF_EARLIER_VERSIONS = {
    "words": {
        "weight": 0.2,
        "by_code": 1.5,
        "by_words": 3.6,
        "by_both": 1.4,
        "gain": [0.05, -0.01, 0.11],
    },
    "hybrid": False,
}


def test_words_are_left_out_only_where_they_clearly_cost_much() -> None:
    def preferred(low: float, high: float) -> bool:
        gain = ((low + high) / 2, low, high)
        return WordsCheck(0.1, 100, 0.8, 0.2, 0.7, gain).prefers_both

    assert preferred(0.1, 0.2)
    assert preferred(-0.1, 0.1)
    assert preferred(-0.04, -0.01)  # clearly worse, by little
    assert preferred(-0.3, OVERWHELMING / 2 - OVERWHELMING)
    assert not preferred(-0.3, -2 * OVERWHELMING)
    assert WordsCheck.of(OF_EARLIER_VERSIONS) == WordsCheck.of(None) == WordsCheck()
    assert WordsCheck().prefers_both
    before = {"weight": 0.7, "questions": 49, "by_code": 0.3, "by_words": 0.6, "by_both": 0.62}
    assert WordsCheck.of({"fusion": before}) == WordsCheck(None, 49, 0.3, 0.6, 0.62)


@pytest.mark.parametrize("preferred", [True, False])
def test_a_text_is_searched_as_the_check_found_better(
    index: Index, monkeypatch: pytest.MonkeyPatch, preferred: bool
) -> None:
    low, high = (0.1, 0.3) if preferred else (-0.3, -0.1)
    found = asdict(WordsCheck(0.1, 100, 0.8, 0.2, 0.7, (0.2, low, high)))
    monkeypatch.setitem(vars(index.encoder.manifest), "check", {"typed_search": found})
    assert index.is_hybrid is preferred
    text = "boat harbour"
    by_code, by_both = (index.search(text, hybrid=chosen) for chosen in (False, True))
    assert [hit.score for hit in by_code] != [hit.score for hit in by_both]
    assert index.search(text) == (by_both if preferred else by_code)
    rare = "boat harbour spinnaker"  # which no code has learned, and a document holds
    assert index.search(rare) == index.search(rare, hybrid=True)
    assert index.unknown_words(rare) == []
    # A threshold is a cosine; and the check has asked short texts, not whole documents.
    assert index.search(text, threshold=-1) == by_code
    raw = text.encode()
    assert index.search(raw) == index.search(raw, hybrid=False)


def test_where_words_find_what_codes_do_not_the_default_uses_them(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Each text tells of a person of its own, in the words of its topic: only the name finds it."""
    root = tmp_path_factory.mktemp("names").resolve()
    (root / "docs").mkdir()
    names = [f"person{number:03}" for number in range(160)]
    for number, name in enumerate(names):
        topic = NAMES[number % 4]
        text = f"{name} {make_text(topic, number, 32)} {name} {make_text(topic, 900 + number, 16)}"
        (root / "docs" / f"{name}.txt").write_text(text)
    with made(root / "docs", root / "index", settings={"encoder": "lsa", "code_size": 8}) as own:
        check = WordsCheck.of(own.encoder.manifest.check)
        assert check.questions >= words_check.FEWEST
        assert check.by_words is not None
        assert check.by_code is not None
        assert check.by_words > 2 * check.by_code
        assert own.is_hybrid
        for number in range(0, len(names), 7):
            query = f"the {TOPICS[NAMES[number % 4]].split()[0]} of {names[number]}"
            assert own.search(query, k=1)[0].key == f"{names[number]}.txt"
            assert own.search(query, k=1) == own.search(query, k=1, hybrid=True)
