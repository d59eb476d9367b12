"""BM25: the scores are those of the formula and of bm25s, and the cache is only a cache."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import bm25s
import numpy as np
import pytest
from texts_ import made, make_text, write_texts

from aesearch.errors import DamagedError
from aesearch.modalities.texts.analysis import UNCOUNTED
from aesearch.search.bm25 import ARRAYS, CARD, TERMS, Words
from aesearch.search.counts import K1, B
from aesearch.search.documents import DocumentRanker
from aesearch.search.index import Index
from aesearch.search.lexical import terms_in

DOCUMENTS = {
    3: ["boat", "mast", "boat", "sail"],
    5: ["soup", "onion"],
    8: [],
    9: ["mast", "onion", "机器", "café", "boat", "boat", "boat"],
    40: ["sail"],
}


def reference(documents: dict[int, list[str]], query: Sequence[str]) -> dict[int, float]:
    """BM25 as Lucene has it, term by term."""
    mean = sum(map(len, documents.values())) / len(documents)
    scores = dict.fromkeys(documents, 0.0)
    for term in query:
        holding = sum(term in tokens for tokens in documents.values())
        idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        for id, tokens in documents.items():
            often = Counter(tokens)[term]
            scores[id] += idf * often / (often + K1 * (1 - B + B * len(tokens) / mean))
    return scores


@pytest.fixture(scope="module")
def words() -> Words:
    return Words.build(DOCUMENTS.items())


QUERIES = [["boat"], ["mast", "onion"], ["机器", "sail"], ["boat", "boat"], ["café", "nothing"]]


@pytest.mark.parametrize("query", QUERIES)
def test_scores_are_those_of_the_formula(query: list[str], words: Words) -> None:
    expected = reference(DOCUMENTS, query)
    np.testing.assert_allclose(words.scores_of(query), list(expected.values()), rtol=1e-5)
    ids, scores = words.search(query, 10)
    order = sorted((id for id in expected if expected[id] > 0), key=expected.__getitem__)[::-1]
    assert ids.tolist() == order
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, [expected[id] for id in order], rtol=1e-5)


def test_scores_are_those_of_bm25s() -> None:
    draw = np.random.default_rng(0)
    vocabulary = [f"w{number}" for number in range(50)]
    corpus = [draw.choice(vocabulary, draw.integers(1, 30)).tolist() for _ in range(80)]
    ours = Words.build((10 * row, tokens) for row, tokens in enumerate(corpus))
    theirs = bm25s.BM25(k1=K1, b=B, method="lucene")
    theirs.index(corpus, show_progress=False)
    for _ in range(20):
        query = draw.choice(vocabulary, 4, replace=False).tolist()
        np.testing.assert_allclose(ours.scores_of(query), theirs.get_scores(query), rtol=1e-5)


def test_the_best_only_and_ties_by_id() -> None:
    words = Words.build((id, ["boat"]) for id in range(5, 50, 5))
    for k in (1, 3, 9, 100):
        ids, scores = words.search(["boat"], k)
        assert ids.tolist() == list(range(5, 50, 5))[:k]
        assert len(set(scores.tolist())) == 1


def test_a_filter_and_terms_that_nobody_wrote(words: Words) -> None:
    ids, _ = words.search(["boat", "mast"], 10, among=np.array([3, 5, 77]))
    assert ids.tolist() == [3]
    for query in ([], ["zzz"], [""], ["boa"], ["boatx"], ["\0"]):
        ids, scores = words.search(query, 10)
        assert (len(ids), len(scores)) == (0, 0)
    assert len(words.search(["boat"], 10, among=np.empty(0, dtype=np.int64))[0]) == 0
    assert len(words) == len(DOCUMENTS)


@pytest.mark.parametrize("documents", [{}, {1: []}, {1: [], 2: []}])
def test_nothing_to_count(documents: dict[int, list[str]], tmp_path: Path) -> None:
    words = Words.build(documents.items())
    assert len(words) == len(documents)
    assert len(words.search(["boat"], 5)[0]) == 0
    words.save(tmp_path / "w")
    again = Words.open(tmp_path / "w")
    assert len(again) == len(documents)
    assert len(again.search(["boat"], 5)[0]) == 0


def test_saved_and_opened(words: Words, tmp_path: Path) -> None:
    folder = tmp_path / "deep/words"
    words.save(folder)
    again = Words.open(folder)
    for query in QUERIES:
        np.testing.assert_array_equal(again.scores_of(query), words.scores_of(query))
    assert not any(path.suffix == ".pkl" for path in folder.iterdir())
    with pytest.raises(FileExistsError):
        words.save(folder)


@pytest.mark.parametrize("name", [*(f"{name}.npy" for name in ARRAYS), TERMS, CARD])
@pytest.mark.parametrize("harm", ["gone", "short", "empty"])
def test_damage_is_noticed(name: str, harm: str, words: Words, tmp_path: Path) -> None:
    folder = tmp_path / "words"
    words.save(folder)
    path = folder / name
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] if harm == "short" else b"")
    with pytest.raises(DamagedError) as caught:
        Words.open(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("card", ["[]", "3", "null", '{"nothing.npy": 3}', "\xff"])
def test_a_broken_card_is_refused(card: str, words: Words, tmp_path: Path) -> None:
    words.save(tmp_path / "words")
    (tmp_path / "words" / CARD).write_bytes(card.encode("latin-1"))
    with pytest.raises(DamagedError):
        Words.open(tmp_path / "words")


def test_terms_of_a_text() -> None:
    found = terms_in("The boats, and the sailing of BOATS!", "english")
    assert [term for term in found if term[0] != UNCOUNTED] == ["boat", "sail", "boat"]
    assert terms_in("boats 机器学", "") == ["boats", "机器", "器学", "机", "器", "学"]
    assert terms_in("?!", "english") == []


# -- the cache of an index -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Index:
    root = tmp_path_factory.mktemp("words").resolve()
    write_texts(root / "docs", per_topic=4)
    return made(root / "docs", root / "index", settings={"encoder": "lsa"})


@pytest.fixture
def index(shared: Index) -> Index:
    """The index as if nobody had searched it yet."""
    shared.folder.forget()
    _forget(shared)
    return shared


def _ranker(index: Index) -> DocumentRanker:
    assert isinstance(index.ranker, DocumentRanker)
    return index.ranker


def _forget(index: Index) -> None:
    """Let it look for its lexical index on the disk again."""
    _ranker(index)._lexical = None


def _words(index: Index) -> Words:
    return _ranker(index).words(index.folder.snapshot())


def caches(index: Index) -> list[str]:
    return sorted(path.name for path in index.folder.layout.root.glob("words-*"))


def test_words_are_counted_when_they_are_first_needed(index: Index) -> None:
    assert caches(index) == [f"words-{index.revision.number}"]  # texts are searched by them
    shutil.rmtree(index.folder.layout.lexical_index(index.revision.number))
    index.search("boat", hybrid=False)
    assert caches(index) == []
    _forget(index)
    first = index.search("boat harbour", hybrid=True)
    assert caches(index) == [f"words-{index.revision.number}"]
    card = index.folder.layout.lexical_index(index.revision.number) / CARD
    before = card.stat().st_mtime_ns
    _forget(index)
    assert index.search("boat harbour", hybrid=True) == first  # from the disk
    assert card.stat().st_mtime_ns == before


def _shorter(folder: Path) -> None:
    path = folder / "scores.npy"
    path.write_bytes(path.read_bytes()[:-4])


def _no_json(folder: Path) -> None:
    (folder / CARD).write_text("{")


def _gone(folder: Path) -> None:
    (folder / TERMS).unlink()


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize("harm", [_shorter, _no_json, _gone, _empty])
def test_a_damaged_cache_costs_only_time(harm: Callable[[Path], None], index: Index) -> None:
    expected = index.search("boat harbour", hybrid=True)
    folder = index.folder.layout.lexical_index(index.revision.number)
    harm(folder)
    _forget(index)
    assert index.search("boat harbour", hybrid=True) == expected
    assert json.loads((folder / CARD).read_text())  # made anew
    assert index.verify() == []


def test_a_cache_that_cannot_be_written_costs_only_time(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = index.search("boat harbour", hybrid=True)
    _empty(index.folder.layout.lexical_index(index.revision.number))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Words, "save", full)
    _forget(index)
    assert index.search("boat harbour", hybrid=True) == expected
    assert caches(index) == []
    _forget(index)
    monkeypatch.undo()
    assert index.search("boat harbour", hybrid=True) == expected
    assert len(caches(index)) == 1


def test_a_change_of_the_index_is_a_change_of_the_words(index: Index) -> None:
    index.search("boat", hybrid=True)
    before = index.revision.number
    index.add({"note": f"Zeppelins. {make_text('sailing', 50)}"})
    (hit,) = index.search("zeppelin", k=1, hybrid=True)
    assert hit.key == "note"
    assert [hit.snippet.text[a:b] for a, b in hit.snippet.marks] == ["Zeppelins"]
    assert caches(index) == [f"words-{index.revision.number}"]
    assert index.revision.number > before
    index.add({"note": "A boat."})
    assert index.search("boat", k=1, hybrid=True)
    assert "zeppelin" not in _words(index).terms.decode()
    index.remove(["note"])
    assert all(hit.key != "note" for hit in index.search("boat", k=50, hybrid=True))
    assert caches(index) == [f"words-{index.revision.number}"]


def test_what_holds_every_term_is_told_where_one_of_them_is_rare() -> None:
    draw = np.random.default_rng(5)
    corpus = [draw.choice(list("abcdefgh"), draw.integers(1, 6)).tolist() for _ in range(60)]
    words = Words.build((10 * row, [*tokens, f"own{row}"]) for row, tokens in enumerate(corpus))
    rare = {letter for letter in "abcdefgh" if sum(letter in tokens for tokens in corpus) <= 15}
    assert 0 < len(rare) < 8
    for asked in (["a"], ["a", "b"], ["c", "d", "c"], ["e", "f", "g"], ["h", "a"]):
        expected = [10 * row for row, tokens in enumerate(corpus) if {*asked} <= {*tokens}]
        found = words.holding_all(asked, 15).tolist()
        assert found == (expected if rare & {*asked} else [])
    first = corpus[3][0]
    assert words.holding_all(["own3", first], 1).tolist() == [30]
    assert words.holding_all(["own3", "own4"], 10).tolist() == []
    assert words.holding_all(["own3", "unknown"], 10).tolist() == []
    assert words.holding_all([], 10).tolist() == []
