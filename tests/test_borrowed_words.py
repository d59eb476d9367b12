"""An index whose documents borrow words of each other: kept, changed, shown, and explained."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from texts_ import NAMES, RARE, made, make_text, write_texts

from aesearch.errors import DamagedError
from aesearch.indexing.hybrid import LexicalIndex
from aesearch.search import bm25, documents
from aesearch.search.bm25 import CARD, Words
from aesearch.search.documents import DocumentRanker
from aesearch.search.expansion import PLAIN, USUAL, Expansion
from aesearch.search.fusion import WordsCheck
from aesearch.search.index import Index
from aesearch.search.lexical import terms_in, words_of

TWICE = "quagga"  # in two documents on music alone


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Index:
    root = tmp_path_factory.mktemp("borrowed").resolve()
    write_texts(root / "docs", per_topic=6)
    for number in (1, 2):
        path = root / f"docs/music/{number:02}.txt"
        path.write_text(f"{path.read_text()} A {TWICE} listened.")
    return made(root / "docs", root / "index", settings={"encoder": "lsa", "code_size": 8})


@pytest.fixture
def index(shared: Index, monkeypatch: pytest.MonkeyPatch) -> Index:
    """The index as if its check had found that borrowing helps."""
    monkeypatch.setattr(documents, "_words_check", lambda _: WordsCheck(expansion=USUAL))
    shared.folder.forget()
    forget(shared)
    return shared


def ranker(index: Index) -> DocumentRanker:
    assert isinstance(index.ranker, DocumentRanker)
    return index.ranker


def forget(index: Index) -> None:
    ranker(index)._lexical = None


def words_in(index: Index) -> Words:
    return ranker(index).words(index.folder.snapshot())


def card_of(index: Index) -> Path:
    return index.folder.layout.lexical_index(index.revision.number) / CARD


def ids_by_topic(index: Index, topic: str) -> set[int]:
    return {item.id for item in index.folder.items() if item.key.startswith(topic)}


# -- searching -------------------------------------------------------------------------------------


def test_documents_are_found_by_words_of_their_neighbors(index: Index) -> None:
    words, plain = words_in(index), Words.build([])
    assert words.expansion == USUAL
    assert plain.expansion == PLAIN
    holding, music = words.search([TWICE], 2)[0].tolist(), ids_by_topic(index, "music")
    found = words.search([TWICE], 100)[0].tolist()
    assert found[:2] == holding  # who holds it comes first
    assert set(holding) < set(found) <= music
    assert [words.borrows(id, TWICE) for id in found] == [False, False, *[True] * len(found[2:])]
    assert not words.borrows(found[-1], "nothing")


def test_what_stands_in_one_document_is_not_lent(index: Index) -> None:
    for topic in NAMES:
        assert len(words_in(index).search(terms_in(RARE[topic], "english"), 100)[0]) == 1


def test_borrowed_words_are_never_marked_in_a_snippet(index: Index) -> None:
    hits = index.search(TWICE, k=6, hybrid=True)
    assert len(hits) > 2
    for hit in hits:
        marked = {hit.snippet.text[a:b].lower() for a, b in hit.snippet.marks}
        assert marked == ({TWICE} if TWICE in index.text_of(hit.key).text else set())
    assert [bool(hit.snippet.marks) for hit in hits] == [True, True, *[False] * len(hits[2:])]


def test_an_explanation_names_what_is_borrowed(index: Index) -> None:
    for hit in index.search(TWICE, k=6, hybrid=True):
        why = index.explain(TWICE, hit.key)
        holds = TWICE in index.text_of(hit.key).text
        assert why.borrowed == (() if holds else (TWICE,))
        assert (TWICE in [term.word for term in why.shared]) is holds
        assert why.as_dict().get("borrowed", []) == list(why.borrowed)
    other = index.search(TWICE, k=6, hybrid=True)[-1].key
    assert index.explain(TWICE, other, top=0).borrowed == ()
    assert index.explain_similar("music/01.txt", other).borrowed == ()
    assert index.explain(TWICE, "sailing/01.txt").borrowed == ()


def test_without_an_expansion_nothing_is_said_of_it(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    borrowing = index.search(TWICE, k=6, hybrid=True)[-1].key
    monkeypatch.setattr(documents, "_words_check", lambda _: WordsCheck())
    forget(index)
    assert words_in(index).expansion == PLAIN
    assert index.explain(TWICE, borrowing).borrowed == ()


# -- keeping ---------------------------------------------------------------------------------------


def test_words_are_kept_as_they_were_borrowed(index: Index) -> None:
    first = words_in(index)
    card = json.loads(card_of(index).read_text())
    assert (card["version"], card["expansion"]) == (bm25.VERSION, asdict(USUAL))
    before = card_of(index).stat().st_mtime_ns
    forget(index)
    again = words_in(index)
    assert card_of(index).stat().st_mtime_ns == before
    np.testing.assert_array_equal(again.scores, first.scores)


@pytest.mark.parametrize(
    "wanted", [Expansion(), Expansion(1, 1.0), Expansion(5, 0.5), Expansion(5, 1.0, 3)]
)
def test_another_expansion_makes_the_words_anew(
    index: Index, monkeypatch: pytest.MonkeyPatch, wanted: Expansion
) -> None:
    words_in(index)
    monkeypatch.setattr(documents, "_words_check", lambda _: WordsCheck(expansion=wanted))
    forget(index)
    assert words_in(index).expansion == wanted
    assert json.loads(card_of(index).read_text())["expansion"] == asdict(wanted)


@pytest.mark.parametrize("change", [{"version": 1}, {"expansion": {"neighbours": 5}}, None])
def test_what_another_version_kept_is_made_anew(
    index: Index, change: dict[str, object] | None
) -> None:
    expected = words_in(index).scores.copy()
    card = json.loads(card_of(index).read_text())
    # Before version 2 the card was the sizes of the files alone.
    card_of(index).write_text(json.dumps(card["sizes"] if change is None else {**card, **change}))
    with pytest.raises(DamagedError):
        Words.open(card_of(index).parent)
    forget(index)
    np.testing.assert_array_equal(words_in(index).scores, expected)
    assert json.loads(card_of(index).read_text()) == card


def test_codes_are_asked_for_only_where_words_are_borrowed(tmp_path: Path) -> None:
    def codes_of(_: object) -> np.ndarray:
        raise AssertionError("nobody needs them")

    assert len(words_of(tmp_path / "words-1", [], "english", Expansion(), codes_of)) == 0
    too_few = np.ones((3, 2), dtype=np.float32)
    with pytest.raises(DamagedError, match="documents without a code"):
        words_of(tmp_path / "words-2", [], "english", USUAL, lambda _: too_few)


def test_what_is_added_borrows_and_lends_and_what_is_removed_does_not(index: Index) -> None:
    text = f"A {TWICE} and an okapi. {make_text('music', 80)}"
    try:
        index.add({"one": text, "two": text.replace(TWICE, "zebra")})
        words = words_in(index)
        ids = {item.key: item.id for item in index.folder.items()}
        assert words.borrows(ids["two"], TWICE)
        assert not words.borrows(ids["one"], TWICE)
        assert words.search(["okapi"], 9)[0].tolist()[:2] == [ids["one"], ids["two"]]
        assert len(words.search(["okapi"], 9)[0]) > 2
    finally:
        index.remove(["one", "two"])
    assert not words_in(index).holds("okapi")
    assert card_of(index).exists()


# -- the check, and a comparison -------------------------------------------------------------------


def test_a_check_says_what_is_borrowed_also_as_json() -> None:
    check = WordsCheck(0.7, 100, 0.5, 0.6, 0.7, expansion=Expansion(5, 0.5, 40))
    kept = json.loads(json.dumps({"typed_search": asdict(check)}))
    assert WordsCheck.of(kept) == check
    before = {name: value for name, value in kept["typed_search"].items() if name != "expansion"}
    assert WordsCheck.of({"typed_search": before}).expansion == PLAIN  # as of earlier versions
    assert WordsCheck.of(None).expansion == PLAIN


def test_the_lexical_index_of_a_check_borrows_as_that_of_an_index(index: Index) -> None:
    snapshot, words = index.folder.snapshot(), words_in(index)
    texts = [text.text for text in index.folder.texts()]
    codes = index.folder.codes_of(words.ids.tolist())
    language = snapshot.features.language  # type: ignore[attr-defined]
    found = LexicalIndex.of(texts, language, codes, USUAL)
    np.testing.assert_array_equal(found.words.scores, words.scores)
    np.testing.assert_array_equal(found.words.documents, words.documents)
    plain = LexicalIndex.of(texts, language)
    assert LexicalIndex.of(texts, language, codes).words.expansion == PLAIN
    assert len(plain.words.scores) < len(found.words.scores)
    assert plain.bytes_per_item < found.bytes_per_item <= 3 * plain.bytes_per_item
