"""An index of documents through Python: what is found, in which order, and what is refused."""

from __future__ import annotations

import csv
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from collections_ import keys_of
from texts_ import (
    NAMES,
    RARE,
    long_text,
    made,
    make_text,
    topics_of,
    write_table,
    write_texts,
)

import aesearch
from aesearch.errors import (
    ContentError,
    DamagedError,
    LockedError,
    ParameterError,
    UnknownKeyError,
    UnsupportedError,
)
from aesearch.ingest.passages import DOCUMENT
from aesearch.search.hits import Hit
from aesearch.search.index import Index

N = 12 * len(NAMES) + 2
LONG = "long/mixed.txt"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("texts").resolve() / "docs"
    write_texts(root)
    (root / "long").mkdir()
    (root / LONG).write_text(long_text(3))
    (root / "long/again.txt").write_text(long_text(3) + " " + make_text("gardens", 98, 200))
    return root


@pytest.fixture(scope="module")
def index(source: Path) -> Index:
    """Nothing may change it."""
    return made(source, source.parent / "shared")


@pytest.fixture
def own(source: Path, index: Index, tmp_path: Path) -> Index:  # noqa: ARG001 - makes it
    """The same index of the same documents, to be changed."""
    shutil.copytree(source, tmp_path / "docs")
    return made(tmp_path / "docs", tmp_path / "own")


# -- searching -------------------------------------------------------------------------------------


def test_a_snippet_shows_a_rare_word_wherever_it_stands(tmp_path: Path) -> None:
    root = tmp_path / "docs"
    root.mkdir()
    for n in range(12):
        text = f"The planet Saturn is there. {make_text('music', n)}"
        (root / f"saturn{n}.txt").write_text(text)
    before, behind = "filler words here. " * 300, "more filler text. " * 300
    long = f"{before}the hidden treasures of Saturns lie {behind}Saturn"
    (root / "long.txt").write_text(long)
    index = made(root, tmp_path / "own")
    for query, mark in (
        ("treasures", "treasures"),
        ("violin treasures", "treasures"),
        ("Saturns", "Saturns"),
        ("the saturns", "Saturns"),
    ):
        [shown] = [hit.snippet for hit in index.search(query, k=40) if hit.key == "long.txt"]
        marked = {shown.text[start:end] for start, end in shown.marks}
        assert mark in marked, query
        assert "Saturn" not in marked, query


def test_it_is_an_index_of_documents(index: Index) -> None:
    assert isinstance(index, Index)
    assert (index.kind, len(index), index.is_tabular) == ("texts", N, False)
    assert "sailing/03.txt" in index
    assert index.verify() == []


@pytest.mark.parametrize("topic", NAMES)
def test_a_sentence_finds_its_topic(topic: str, index: Index) -> None:
    hits = index.search(f"{make_text(topic, 500)} and words that nobody knows", k=10, among="*/*")
    found = [key for key in (hit.key for hit in hits) if not key.startswith("long/")]
    assert set(topics_of(found)) == {topic}
    assert len(found) >= 8
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= score <= 1 for score in scores)


def test_a_file_is_the_first_hit_for_itself(source: Path, index: Index) -> None:
    for key in ("sailing/03.txt", "music/00.txt", LONG):
        path = source / key
        for content in (path, path.read_bytes()):
            hits = index.search(content, k=3)
            assert (hits[0].key, hits[0].score) == (key, 1.0)
            assert hits[0].path == path
            assert len({hit.key for hit in hits}) == 3
        similar = index.similar(key, k=3)
        assert (similar[0].key, similar[0].score) == (key, 1.0)


def test_of_two_equal_files_the_one_that_was_named_is_first(own: Index) -> None:
    first, second = own.source / "copies/a.txt", own.source / "copies/b.txt"
    first.parent.mkdir()
    for path in (first, second):
        path.write_text(make_text("music", 77))
    assert own.sync()["new"] == 2
    for path in (first, second):
        hits = own.search(path, k=3)
        assert hits[0].path == path
        assert [hit.score for hit in hits[:2]] == [1, 1]
        assert {hit.path for hit in hits[:2]} == {first, second}


def test_a_file_without_any_known_word_is_found_if_it_is_there(own: Index) -> None:
    path = own.source / "odd.txt"
    path.write_text("qwertz uiopue")
    with pytest.raises(ContentError, match="no known word"):
        own.search(path, k=3)
    assert own.sync()["new"] == 1
    for content in (path, path.read_bytes()):
        for hybrid in (None, False, True):
            hits = own.search(content, k=3, hybrid=hybrid)
            assert [(hit.key, hit.score) for hit in hits] == [("odd.txt", 1)]
        assert own.search(content, k=3, among="sailing/*") == []


def test_a_file_renamed_to_another_kind_is_read_anew(own: Index) -> None:
    for old, new in (("music/01.txt", "music/01.exe"), ("music/02.txt", "music/02.md")):
        (own.source / old).rename(own.source / new)
    (own.source / "music/03.txt").rename(own.source / "music/33.txt")
    counts = own.sync()
    assert (counts["new"], counts["renamed"], counts["removed"]) == (1, 1, 2)
    assert keys_of(own) & {"music/01.exe", "music/02.md", "music/33.txt"} == {
        *("music/02.md", "music/33.txt")
    }
    assert "music/01.exe" in {skipped.key for skipped in own.skipped()}


def test_names_that_are_no_text_are_not_there_and_are_not_added(own: Index) -> None:
    before = keys_of(own)
    name = "bad\udcff.txt"  # as Python reads a file name that is not UTF-8
    assert name not in own
    assert own.search("boat", among=f"*{name}") == []
    for change in (own.similar, lambda key: own.remove([key])):
        with pytest.raises(UnknownKeyError, match="there is no item"):
            change(name)
    for key in (name, "", "a\0b"):
        with pytest.raises(ParameterError, match="is no key: a key is text"):
            own.add({"new": "boat", key: "boat"})
    assert keys_of(own) == before


def test_a_file_from_elsewhere_is_searched_by_its_content(index: Index, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<title>Trip</title><p>Captain, anchor and mast: the boat has a rudder.</p>")
    assert index.search(page, k=1)[0].key.startswith("sailing/")
    assert index.search(page.read_bytes(), k=1)[0].key.startswith("sailing/")


def test_a_str_is_text_even_where_a_file_has_this_name(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "violin").write_text("boat anchor mast rudder captain harbour")
    monkeypatch.chdir(tmp_path)
    assert index.search("violin", k=1)[0].key.startswith("music/")
    assert index.search(Path("violin"), k=1)[0].key.startswith("sailing/")


@pytest.mark.parametrize("query", ["", "   ", "\n\t\u3000"])
def test_an_empty_query_is_refused(query: str, index: Index) -> None:
    for hybrid in (False, True):
        with pytest.raises(ContentError, match=r"^the text is empty; give it some words$"):
            index.search(query, hybrid=hybrid)


def test_of_several_queries_the_one_without_a_known_word_is_named(index: Index) -> None:
    with pytest.raises(ContentError, match=r"^query 1, counted from 0: no known word .*: qqqq$"):
        index.search_many(["boat", "qqqq"])
    with pytest.raises(ContentError, match=r"^query 2, counted from 0: the query only says"):
        index.search_many(["boat", "mast", "-boat"])


def test_the_words_of_a_prefix_are_explained(index: Index) -> None:
    query = index.prepare("spinna*")
    (hit,) = index.search(query, k=1)
    assert [term.word for term in index.explain(query, hit.key).shared] == ["spinnaker"]


def test_words_of_what_was_removed_are_named(own: Index) -> None:
    assert own.unknown_words(RARE["sailing"]) == []
    own.remove(["sailing/00.txt"])
    assert own.unknown_words(RARE["sailing"]) == [RARE["sailing"]]


def test_a_word_of_all_documents_is_said_to_be_one(tmp_path: Path) -> None:
    write_table(
        tmp_path / "t.csv", [{"text": f"satellite {make_text('music', n)}"} for n in range(9)]
    )
    index = made(tmp_path / "t.csv", tmp_path / "own")
    with pytest.raises(ContentError, match=r"so many documents hold \(satellite\)"):
        index.search("satellite", threshold=0.1)


def test_words_that_are_passed_over_are_named(index: Index) -> None:
    text = f"the boat zeppelin {RARE['sailing']}"
    assert index.unknown_words("the boat in the harbour", hybrid=False) == []
    assert index.unknown_words(text, hybrid=True) == ["zeppelin"]
    assert "zeppelin" in index.unknown_words(text, hybrid=False)


def test_words_that_no_code_knows_are_found_all_the_same(tmp_path: Path) -> None:
    source = tmp_path / "notes"
    source.mkdir()
    for number in range(12):
        (source / f"{number:02}.txt").write_text(f"The gull swims, like number{number % 4}.")
    with aesearch.build(source, tmp_path / "ix", budget="0") as index:
        index.add({"later": b"The penguin swims."})  # after the vocabulary was learned
        for word in ("penguin", "swims"):  # a word of all documents weighs nothing
            assert not index.features.transform([word]).values.any()
        assert [hit.key for hit in index.search("penguin")] == ["later"]
        assert index.unknown_words("penguin puffin") == ["puffin"]
        assert len(index.search("swims", 20)) == 13
        for refused in ({"hybrid": False}, {"threshold": 0.1}):
            with pytest.raises(ContentError, match=r"so many documents hold \(swims\)"):
                index.search("swims", **refused)


def test_what_is_typed_is_found_in_an_index(tmp_path: Path) -> None:
    rows = {
        "soft": "The sat\xadellite was built near the river",
        "ends": "The rocket carried a tele-\nscope to the sta-\ntion",
        "café": "The café sells crème brûlée and a fresh baguette",
        "isbn": "The book with ISBN 9783161484100 and order 4500012345 was shipped",
        "code": "The C++ compiler and the C# runtime at 10.0.0.17",
        "price": "A 🍕 at www.example.co.uk for 2,500,000",
        "han": "隣の家の黒猫が庭で鳴いている",
        "engine": "The engine burned for the whole night",
        "who": "to be or not to be",
    }
    source = tmp_path / "t.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *rows.items()])
    with made(source, tmp_path / "index") as index:
        for query, key in {
            "satellite": "soft",
            "telescope": "ends",
            "creme brulee": "café",
            "order 4500012345": "isbn",
            "C++": "code",
            "10.0.0.17": "code",
            "猫": "han",
            "2.500.000": "price",
            "2500000": "price",
            "example.co.uk": "price",
            "🍕": "price",
            "not to be": "who",
        }.items():
            (hit,) = index.search(query, k=1)
            assert hit.key == key
            assert hit.snippet is not None
            assert hit.snippet.marks
            assert index.unknown_words(query) == []
        assert index.unknown_words("order 4500099999 at 10.0.0.18 of C##, 犬") == [
            "4500099999",
            "10.0.0.18",
            "犬",
        ]


def test_texts_that_share_no_word_are_found_by_words(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    names = ["".join(draw.choice(list("abcdefgh"), 9)) for _ in range(120)]
    rows = (f"{one} {two}\n" for one, two in zip(names[::2], names[1::2], strict=True))
    (tmp_path / "t.csv").write_text("text\n" + "".join(rows))
    with made(tmp_path / "t.csv", tmp_path / "index") as index:
        assert len(index) == 60
        for place in (0, 7, 119):
            (hit,) = index.search(names[place], k=1)
            assert hit.key == str(place // 2 + 1)


def test_unknown_words_are_named_with_those_spelled_like_them(index: Index) -> None:
    with pytest.raises(ContentError) as caught:
        index.search("harbur orchestr qqqq")
    assert str(caught.value) == (
        "no known word in the query: harbur, orchestr, qqqq; similar words that it knows: "
        "harbour, orchestra"
    )
    with pytest.raises(ContentError, match=r"^no known word in the query: it holds no words$"):
        index.search("?! -- ...")
    for query in ("1234567890", "C++", "🍕"):
        with pytest.raises(ContentError, match=f"^no document holds {re.escape(query.lower())}$"):
            index.search(query)
        with pytest.raises(ContentError, match=f"^no code knows {re.escape(query.lower())}$"):
            index.search(query, threshold=0.1)
    with pytest.raises(ContentError, match=r"^no document holds nasa$"):
        index.search("N.A.S.A.")
    with pytest.raises(ContentError, match=r"^the query holds only stop words \(I'm\), which"):
        index.search("I'm")
    with pytest.raises(ContentError, match=r"^the query holds only stop words \(the\), which"):
        index.search("the", hybrid=False)


@pytest.mark.parametrize("content", [b"\0\1\2" * 30, b"", Path("no/such/file.txt")])
def test_what_is_no_document_cannot_be_searched_with(content: bytes | Path, index: Index) -> None:
    with pytest.raises(ContentError):
        index.search(content)


@pytest.mark.parametrize("content", [None, 3, ["boat"], np.zeros(3)])
def test_what_is_neither_text_nor_file_is_refused(content: object, index: Index) -> None:
    with pytest.raises(ParameterError, match=r"a document is text, bytes or a Path; got \w+"):
        index.search(content)


@pytest.mark.parametrize("hybrid", [False, True])
def test_more_hits_wanted_than_there_are(hybrid: bool, index: Index) -> None:
    hits = index.search("boat harbour", k=10_000, hybrid=hybrid)
    assert {hit.key for hit in hits} == keys_of(index)
    assert len(hits) == N
    for k in (0, -3):
        with pytest.raises(ParameterError, match=f"k must be at least 1; got {k}"):
            index.search("boat harbour", k=k, hybrid=hybrid)
    assert len(index.search("boat harbour", k=1, hybrid=hybrid)) == 1


@pytest.mark.parametrize("hybrid", [False, True])
def test_among_and_threshold(hybrid: bool, index: Index) -> None:
    inside = index.search("boat harbour", k=50, among="music/*", hybrid=hybrid)
    assert [set(topics_of([hit.key])) for hit in inside] == [{"music"}] * 12
    assert index.search("boat", k=5, among="nothing/*", hybrid=hybrid) == []
    everything = index.search("boat harbour", k=20, hybrid=hybrid)
    bound = (everything[5].score + everything[6].score) / 2
    kept = index.search("boat harbour", k=20, threshold=bound, hybrid=hybrid)
    assert kept == [hit for hit in everything if hit.score >= bound]
    assert index.search("boat harbour", threshold=2.0, hybrid=hybrid) == []


def test_a_filter_that_leaves_the_file_itself_out(source: Path, index: Index) -> None:
    hits = index.search(source / "sailing/03.txt", k=3, among="music/*")
    assert topics_of([hit.key for hit in hits]) == ["music"] * 3
    assert all(hit.score < 1 for hit in hits)
    assert topics_of([h.key for h in index.similar("sailing/03.txt", 2, among="music/*")]) == [
        "music",
        "music",
    ]


def test_a_filter_that_leaves_one_document(index: Index) -> None:
    for hybrid in (False, True):
        (hit,) = index.search("boat", among="sailing/03.txt", hybrid=hybrid)
        assert hit.key == "sailing/03.txt"
    assert hit.score == 1  # it is the best in both rankings


def test_snippets_hold_the_words_and_mark_them(index: Index) -> None:
    for hit in index.search("boats, harbour", k=8, among="sailing/*"):
        assert isinstance(hit, Hit)
        marked = {hit.snippet.text[start:end].lower() for start, end in hit.snippet.marks}
        assert marked
        assert marked <= {"boat", "harbour"}
        assert "\n" not in hit.snippet.text
    for hit in index.search("boat", k=5, among="music/*"):
        assert hit.snippet.marks == ()
        assert index.text_of(hit.key).text.startswith(hit.snippet.text.rstrip("…"))


# -- long documents --------------------------------------------------------------------------------


def test_a_long_document_is_one_hit_and_shows_the_passage_that_matches(index: Index) -> None:
    text = index.text_of(LONG).text
    seen = set()
    for topic in NAMES[:3]:
        hits = index.search(make_text(topic, 700), k=N, among="long/*")
        assert sorted(hit.key for hit in hits) == ["long/again.txt", LONG]
        hit = next(hit for hit in hits if hit.key == LONG)
        assert hit.passage is not None
        part = text[hit.passage.start : hit.passage.end]
        own = sum(part.lower().count(word) for word in make_text(topic, 700).lower().split()[:8])
        others = [
            make_text(other, 700).lower().split()[:8] for other in NAMES[:3] if other != topic
        ]
        assert own > max(sum(part.lower().count(word) for word in words) for words in others)
        assert hit.snippet.text.strip("…") in " ".join(part.split())
        seen.add(hit.passage)
    assert len(seen) == 3


def test_a_passage_makes_a_long_document_a_better_hit(index: Index) -> None:
    hit = index.search(make_text("music", 700), k=1, among=LONG)[0]
    whole = index.folder.store.codes(index.folder.store.ids_of([LONG]).values())[1]
    query = index.encoder.encode(index.features.transform([make_text("music", 700)]))
    assert hit.score > float(query[0] @ whole[0]) + 0.1


def test_passages_follow_their_document(own: Index) -> None:
    def rows() -> set[str]:
        with own.folder.store.reading():
            ids = own.folder.store.passages_in([id for id, _ in _numbered(own)])
        names = dict(_numbered(own))
        return {names[id & DOCUMENT] for id in ids.tolist()}

    assert rows() == {LONG, "long/again.txt"}
    (own.source / "long/again.txt").write_text("A short text about a boat in the harbour.")
    (own.source / LONG).rename(own.source / "long/moved.txt")
    counts = own.sync()
    assert (counts["changed"], counts["renamed"]) == (1, 1)
    assert rows() == {"long/moved.txt"}
    assert own.search("violin concert", k=1, among="long/*")[0].key == "long/moved.txt"
    own.remove(["long/moved.txt"])
    assert rows() == set()
    assert own.verify() == []
    assert len(own.search("violin concert", k=N)) == N - 1


def _numbered(index: Index) -> list[tuple[int, str]]:
    return [(item.id, item.key) for item in index.items()]


# -- changing --------------------------------------------------------------------------------------


def test_added_texts_are_found_and_kept(own: Index, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("# Choir\n\nThe choir and the tenor sing with the orchestra.")
    keys = own.add({"note": "A spinnaker, a mast and a rudder."})
    keys += own.add([outside])
    assert keys == ["note", outside.as_posix()]
    assert own.search("spinnaker rudder mast", k=1)[0].key == "note"
    assert own.text_of("note").text == "A spinnaker, a mast and a rudder."
    hit = own.search(outside, k=1)[0]
    assert (hit.key, hit.score, hit.title) == (outside.as_posix(), 1, "Choir")
    assert own.sync()["removed"] == 0  # what came by hand stays
    assert len(own) == N + 2
    own.add({"note": "Soup and garlic."})
    assert own.text_of("note").text == "Soup and garlic."
    assert len(own) == N + 2
    assert own.remove(keys) == 2
    assert own.verify() == []


def test_one_bad_text_and_nothing_is_added(own: Index) -> None:
    for bad in ("", b"\0\0\0", b""):
        with pytest.raises(ContentError, match=r"^'bad' cannot be added: "):
            own.add({"good": "a boat", "bad": bad})
    assert len(own) == N


def test_removed_changed_and_renamed_files(own: Index) -> None:
    root = own.source
    own.remove(["sailing/01.txt"])
    assert own.sync()["new"] == 0  # not taken up again
    with pytest.raises(UnknownKeyError, match=r"no item 'sailing/01\.txt'"):
        own.text_of("sailing/01.txt")
    with pytest.raises(UnknownKeyError, match="nothing was removed"):
        own.remove(["sailing/02.txt", "sailing/01.txt"])
    (root / "sailing/02.txt").write_text("A violin and an orchestra.")
    (root / "sailing/03.txt").unlink()
    os.rename(root / "music/05.txt", root / "gardens/moved.txt")
    (root / "new.txt").write_text("The oven, the soup and the flour.")
    counts = own.sync()
    assert counts == {"new": 1, "changed": 1, "renamed": 1, "removed": 1, "unchanged": N - 4}
    assert own.text_of("sailing/02.txt").text == "A violin and an orchestra."
    assert own.search("soup oven flour", k=1, among="*.txt")
    labels = own.folder.store.labels()
    assert labels[own.folder.store.ids_of(["gardens/moved.txt"])["gardens/moved.txt"]] == "gardens"
    assert own.verify() == []


def test_another_writer_is_noticed(own: Index) -> None:
    other = aesearch.open(own.folder.layout.root)
    before = len(other.search("boat", k=N + 5))
    own.add({"note": "one more boat"})
    assert len(other.search("boat", k=N + 5)) == before + 1
    other.close()


def test_a_locked_index_is_not_changed(own: Index) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom aesearch.storage.layout import Layout\n"
        "from aesearch.storage.lock import hold\n"
        "with hold(Layout(Path(sys.argv[1]))):\n    print('held', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(own.folder.layout.root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError):
            own.add({"note": "one more boat"})
        assert len(own.search("boat", k=3)) == 3
    finally:
        holder.communicate(timeout=20)


# -- what it says ----------------------------------------------------------------------------------


def test_pictures_are_not_made_of_documents(index: Index) -> None:
    with pytest.raises(UnsupportedError, match="shared is an index of documents") as caught:
        _ = index.generate
    assert "\n" not in str(caught.value)


def test_info_says_what_there_is(index: Index) -> None:
    facts = index.info()
    assert facts["items"] == N
    assert facts["encoder"] == "lsa"
    assert facts["features"]["kind"] == "texts"
    assert facts["check"]["typed_search"]["weight"] is None  # each query has its own


@pytest.mark.parametrize("topic", NAMES)
def test_a_word_of_one_document_is_found_by_hybrid_search(topic: str, index: Index) -> None:
    word = RARE[topic]
    found = index.search(word, k=1, hybrid=True)[0]
    assert found.key == f"{topic}/00.txt"
    assert [found.snippet.text[a:b] for a, b in found.snippet.marks] == [word]


def test_several_threads_search_at_once(index: Index) -> None:
    queries = [(topic, hybrid) for topic in NAMES for hybrid in (False, True)] * 3
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(lambda q: index.search(make_text(q[0], 500), k=5, hybrid=q[1]), queries)
        )
    alone = {q: index.search(make_text(q[0], 500), k=5, hybrid=q[1]) for q in set(queries)}
    for query, hits in zip(queries, found, strict=True):
        assert hits == alone[query]


def test_a_file_is_the_first_hit_of_a_hybrid_search_too(own: Index) -> None:
    for number, text in enumerate(["boat", "boat boat boat boat mast", "boat boat"]):
        (own.source / f"{number}.txt").write_text(text)
    own.sync()
    for number in range(3):
        hits = own.search(own.source / f"{number}.txt", k=5, hybrid=True)
        assert (hits[0].key, hits[0].score) == (f"{number}.txt", 1)
        assert len({hit.key for hit in hits}) == 5
    elsewhere = own.search(own.source / "0.txt", k=5, hybrid=True, among="music/*")
    assert topics_of([hit.key for hit in elsewhere]) == ["music"] * 5


def test_a_text_that_was_lost_is_said_in_one_line(own: Index) -> None:
    number = own.folder.store.ids_of(["sailing/02.txt"])["sailing/02.txt"]
    own.close()
    with closing(sqlite3.connect(own.folder.layout.database)) as database, database:
        database.execute("DELETE FROM texts WHERE id = ?", (number,))
    with aesearch.open(own.folder.layout.root) as index:
        assert index.verify() == [f"1 of {N} documents have no text"]
        for ask in (lambda: index.search("boat", k=N), lambda: index.text_of("sailing/02.txt")):
            with pytest.raises(DamagedError, match=r"^the text of 'sailing/02\.txt' is missing"):
                ask()
