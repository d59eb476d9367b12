"""Indexes of documents on the command line: answers, exit codes, tables, standard input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from collections_ import command
from texts_ import (
    NAMES,
    feed,
    made,
    one_line,
    topics_of,
    write_texts,
)

from aesearch.search.index import Index

N = 12 * len(NAMES)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("text_cli").resolve()
    write_texts(root / "docs")
    made(root / "docs", root / "indexes/docs").close()
    return root


@pytest.fixture
def home(base: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `docs` and its index; nothing may change either."""
    monkeypatch.setenv("AESEARCH_HOME", str(base / "indexes"))
    monkeypatch.chdir(base)
    return base


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


# -- queries ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("home")
def test_the_words_are_one_text() -> None:
    one = command("query", "the boat in the harbour", "-k", "3")
    assert (one.code, one.err) == (0, "")
    lines = [line.split("\t") for line in one.out.splitlines()]
    assert len(lines) == 3
    assert all(path.startswith("docs/sailing/") for _, path in lines)
    assert command("query", "the", "boat", "in", "the", "harbour", "-k", "3") == one


@pytest.mark.usefixtures("home")
def test_files_are_read_and_words_are_text() -> None:
    named = command("query", "docs/sailing/03.txt", "-k", "1")
    assert named.out == "1.0000\tdocs/sailing/03.txt\n"
    assert named.err == (
        "aesearch: note: searched with the file docs/sailing/03.txt; for the words themselves put "
        "them into double quotes: '\"docs/sailing/03.txt\"'\n"
    )
    plain = command("query", '"docs/sailing/03.txt"', "-k", "1")
    assert "searched with the file" not in plain.err
    two = command("query", "docs/sailing/03.txt", "docs/music/04.txt", "-k", "1")
    assert [line.split("\t")[1:] for line in two.out.splitlines()] == [
        ["docs/sailing/03.txt"] * 2,
        ["docs/music/04.txt"] * 2,
    ]
    mixed = command("query", "docs/sailing/03.txt", "boat", "-k", "1")
    assert "docs/sailing/" in mixed.out
    assert "docs/sailing/03.txt is a document here, and was taken as a word" in mixed.err
    file = command("query", "--file", "docs/sailing/03.txt", "-k", "2")
    assert file.out.splitlines()[0] == "1.0000\tdocs/sailing/03.txt"
    key = command("query", "--key", "sailing/03.txt", "-k", "2")
    rows = [[line.split("\t") for line in answer.out.splitlines()] for answer in (file, key)]
    assert [path for _, path in rows[0]] == [path for _, path in rows[1]]
    for (one, _), (other, _) in zip(*rows, strict=True):  # encoded anew, and as it is stored
        assert float(one) == pytest.approx(float(other), abs=2e-4)
    hybrid = command("query", "--file", "docs/sailing/03.txt", "-k", "2", "--hybrid")
    assert hybrid.out.splitlines()[0] == "1.0000\tdocs/sailing/03.txt"


def test_standard_input_is_a_text_or_a_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, "violin and orchestra\n")
    assert "docs/music/" in command("query", "-", "-k", "1").out
    feed(monkeypatch, (home / "docs/music/03.txt").read_bytes())
    found = command("query", "--file", "-", "-k", "1")
    assert found.out == "1.0000\tdocs/music/03.txt\n"
    feed(monkeypatch, "")
    nothing = command("query", "-")
    assert (nothing.code, nothing.out) == (1, "")
    assert nothing.err == "aesearch: the text is empty; give it some words\n"


@pytest.mark.usefixtures("home")
def test_unknown_words_and_empty_queries_fail_in_one_line() -> None:
    unknown = command("query", "harbur", "zzzz")
    assert (unknown.code, unknown.out) == (1, "")
    assert unknown.err == (
        "aesearch: no known word in the query: harbur, zzzz; similar words that it knows: harbour\n"
    )
    for words in (("",), ("  ",), ("?!",), ("--no-hybrid", "the", "of")):
        answer = command("query", *words)
        assert (answer.code, answer.out) == (1, "")
        assert one_line(answer.err)
    for words in (("--file", "missing.txt"), ("--key", "missing.txt"), ("boat", "-k", "0")):
        answer = command("query", *words)
        assert answer.code == (2 if "-k" in words else 1)
        assert "Traceback" not in answer.err
        assert answer.out == ""


@pytest.mark.usefixtures("home")
def test_several_queries_and_one_that_fails() -> None:
    files = ("--file", "docs/music/00.txt", "--file", "no.txt", "--key", "sailing/00.txt")
    answer = command("query", *files, "roses", "and", "soil", "-k", "1")
    assert answer.code == 3
    assert answer.err == "aesearch: no.txt: there is no such file\n"
    rows = [line.split("\t") for line in answer.out.splitlines()]
    assert [row[2] for row in rows] == ["sailing/00.txt", "docs/music/00.txt", "roses and soil"]
    assert topics_of([row[1].removeprefix("docs/") for row in rows]) == [
        "sailing", "music", "gardens",
    ]  # fmt: skip


@pytest.mark.usefixtures("home")
def test_filters() -> None:
    among = command("query", "boat", "--among", "music/*", "-k", "50")
    assert among.out.count("\tdocs/music/") == 12 == len(among.out.splitlines())
    none = command("query", "boat", "--among", "nothing/*")
    assert (none.code, none.out) == (0, "")
    assert none.err == "aesearch: nothing found among 'nothing/*'; a folder is 'name/*'\n"
    assert command("query", "boat", "--threshold", "1.5").out == ""
    many = command("query", "boat harbour", "-k", "999")
    assert len(many.out.splitlines()) == N


def test_json_is_valid_and_stable(home: Path) -> None:
    answer = command("query", "boat harbour", "-k", "3", "--json", "--explain")
    rows = [json.loads(line) for line in answer.out.splitlines()]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    for row in rows:
        assert list(row) == [
            "query", "rank", "score", "key", "path", "title", "snippet", "passage", "why",
        ]  # fmt: skip
        assert row["query"] == "boat harbour"
        assert row["path"] == str(home / "docs" / row["key"])
        assert row["passage"] is None
        assert "boat" in row["snippet"].lower()
        assert set(row["why"]) == {"shared", "code"}
    assert command("query", "boat harbour", "-k", "3", "--json", "--explain") == answer
    paths = command("query", "boat harbour", "-k", "3", "-0").out.split("\0")
    assert paths == [*(row["path"] for row in rows), ""]


@pytest.mark.usefixtures("home")
def test_explanations_are_printed_below_each_hit() -> None:
    lines = command("query", "boat harbour", "-k", "2", "--explain").out.splitlines()
    assert len(lines) == 6
    assert [line.strip().partition(":")[0] for line in lines[1:3]] == ["both say", "both are about"]
    assert "boat 0." in lines[1]
    by_key = command("query", "--key", "sailing/00.txt", "-k", "1", "--explain").out
    assert "both say: captain 0." in by_key


def test_pictures_are_refused_in_one_line(home: Path) -> None:
    for words in (("sample",), ("reconstruct", "docs/sailing/00.txt")):
        answer = command(*words)
        assert (answer.code, answer.out) == (1, "")
        assert one_line(answer.err)
        assert "docs is an index of documents" in answer.err
    sheet = command("query", "boat", "--sheet", "out.png")
    assert sheet.code == 2
    assert "-o draws pictures" in sheet.err
    assert not (home / "out.png").exists()


def test_list_info_and_verify(home: Path) -> None:
    (row,) = [json.loads(line) for line in command("list", "--json").out.splitlines()]
    assert (row["name"], row["kind"], row["items"]) == ("docs", "texts", N)
    assert f"{N} documents" in command("list").out
    info = command("info", "docs").out
    assert f"docs: {N} documents of {home / 'docs'}" in info
    assert "terms (" in info
    assert "words (BM25)" in info
    assert json.loads(command("info", "docs", "--json").out)["items"] == N
    verified = command("verify", "docs")
    assert (verified.code, verified.err) == (0, "")
    assert verified.out.startswith(f"docs: {N} documents, revision ")


# -- indexing --------------------------------------------------------------------------------------


def test_a_folder_from_first_index_to_removal(here: Path) -> None:
    write_texts(here / "docs", per_topic=3)
    made_now = command("index", "docs", "--budget", "0")
    assert (made_now.code, made_now.err) == (0, "")
    assert "docs: 12 documents (12 new)" in made_now.out
    again = command("index", "docs")
    assert "docs: 12 documents (no file changed)" in again.out
    (here / "docs/new.txt").write_text("A boat and a captain.")
    (here / "docs/music/00.txt").unlink()
    dry = command("index", "docs", "--dry-run", "--json")
    facts = json.loads(dry.out)
    assert (facts["new"], facts["removed"], facts["unchanged"]) == (1, 1, 11)
    brought = json.loads(command("index", "docs", "--json").out)
    assert (brought["items"], brought["new"], brought["removed"]) == (12, 1, 1)
    removed = command("remove", "new.txt")
    assert removed.out == "removed 1; 11 documents remain\n"
    assert "11 documents (no file changed)" in command("index", "docs").out
    assert command("verify").code == 0
    retrained = command("index", "docs", "--retrain", "--budget", "0", "--code-size", "4")
    assert retrained.code == 0
    with Index(here / "indexes/docs") as index:
        assert index.encoder.code_size == 4
    other = command("index", "docs", "--code-size", "5")
    assert other.code == 2
    assert one_line(other.err)
    assert "add --retrain" in other.err


CHINESE = "人工智能正在改变我们的生活。昨天，北京举行了一场关于机器学习的会议，专家参加了讨论。"
JAPANESE = "人工知能は私たちの生活を変えつつあります。昨日、東京で会議が開かれました。"
GERMAN = "Die Segelboote liegen im Hafen, und große Möwen fliegen über Münchens schöne Gärten."


def test_texts_of_all_encodings_and_what_is_none(here: Path) -> None:
    root = here / "mixed"
    root.mkdir()
    for name, text, encoding in (
        ("zh.txt", CHINESE, "gb18030"),
        ("zh8.txt", CHINESE.replace("北京", "上海"), "utf-8"),
        ("ja.txt", JAPANESE, "shift_jis"),
        ("de.txt", GERMAN, "latin-1"),
        ("utf16.txt", "A boat in the harbour.", "utf-16"),
        ("bom.txt", "A violin in the orchestra.", "utf-8-sig"),
    ):
        (root / name).write_bytes(text.encode(encoding))
    (root / "ends.txt").write_bytes(b"one anchor\r\ntwo masts\rthree rudders\nfour")
    (root / "empty.txt").write_bytes(b"")
    (root / "blank.txt").write_bytes(b" \r\n\t")
    (root / "binary.txt").write_bytes(bytes(range(256)) * 8)
    (root / "nulls.txt").write_bytes(b"a boat\0with a mast" * 20)
    (root / "program.exe").write_bytes(b"MZ\0\0")
    made_now = command("index", "mixed", "--budget", "0")
    assert made_now.code == 3  # some could not be read
    assert "4 files that could not be read, 1 other file" in made_now.out
    with Index(here / "indexes/mixed") as index:
        skipped = {file.key: (file.reason, file.ignored) for file in index.skipped()}
        assert skipped == {
            "empty.txt": ("is empty", False),
            "blank.txt": ("is empty", False),
            "binary.txt": ("is binary, not text", False),
            "nulls.txt": ("is binary, not text", False),
            "program.exe": ("'.exe' is no kind of document", True),
        }
        assert index.text_of("ends.txt").text == "one anchor\ntwo masts\nthree rudders\nfour"
        assert index.text_of("zh.txt").text == CHINESE
        assert index.text_of("ja.txt").text == JAPANESE
        assert index.text_of("de.txt").text == GERMAN
        assert index.text_of("bom.txt").text == "A violin in the orchestra."
    for query, name in (
        ("北京的会议", "zh.txt"), ("上海的会议", "zh8.txt"), ("東京で", "ja.txt"),
        ("MÖWEN", "de.txt"), ("boat", "utf16.txt"), ("rudders", "ends.txt"),
    ):  # fmt: skip
        for extra in ((), ("--hybrid",)):
            row = json.loads(command("query", query, "-k", "1", "--json", *extra).out)
            assert row["key"] == name
    info = command("info").out
    assert "binary.txt: is binary, not text" in info
    assert command("index", "mixed").code == 3  # they are still not there
    for name in ("empty.txt", "blank.txt", "binary.txt", "nulls.txt"):
        (root / name).unlink()
    assert command("index", "mixed").code == 0


def test_folders_without_anything_to_index(here: Path) -> None:
    (here / "empty").mkdir()
    (here / "stop").mkdir()
    (here / "stop/a.txt").write_text("the of and")
    (here / "broken").mkdir()
    (here / "broken/a.txt").write_bytes(b"\0" * 50)
    for name, reason in (
        ("empty", "holds no files"),
        ("stop", "no words to compare by"),
        ("broken", "holds no document that can be read"),
        ("missing", "there is no file or folder"),
    ):
        answer = command("index", name, "--kind", "texts")
        assert (answer.code, answer.out) == (1, "")
        assert one_line(answer.err)
        assert reason in answer.err
        assert not (here / "indexes" / name).exists()


def test_one_document_alone(here: Path) -> None:
    (here / "one").mkdir()
    (here / "one/a.txt").write_text("One boat here.")
    assert command("index", "one").code == 0
    for extra in ((), ("--hybrid",)):
        assert command("query", "boat", *extra).out == "1.0000\tone/a.txt\n"


# -- beside others ---------------------------------------------------------------------------------


def test_indexes_of_different_kind_side_by_side(home: Path, here: Path) -> None:
    from collections_ import write_pictures

    shutil.copytree(home / "docs", here / "docs")
    write_pictures(here / "photos", 12, side=16)
    assert command("index", "docs", "--budget", "0").code == 0
    assert command("index", "photos", "--budget", "0").code == 0
    by_key = command("query", "--key", "sailing/00.txt", "-k", "1")  # that only one of them has
    assert by_key.out == "1.0000\tdocs/sailing/00.txt\n"
    several = command("query", "--key", "sailing/none.txt")
    assert several.code == 1
    assert one_line(several.err)
    assert "docs, photos" in several.err
    asked = command("query", "boat", "-k", "1")  # words do
    assert asked.out == command("query", "boat", "--index", "docs", "-k", "1").out
    assert "docs/sailing/" in asked.out
    assert "photos/disks/000.png" in command("query", "photos/disks/000.png", "-k", "1").out
    for flag in ("--hybrid", "--explain"):
        refused = command("query", "photos/disks/000.png", flag, "--index", "photos")
        assert refused.code == 2
        assert f"{flag} is for documents" in refused.err
    listed = [json.loads(line) for line in command("list", "--json").out.splitlines()]
    assert {row["name"]: row["kind"] for row in listed} == {"docs": "texts", "photos": "images"}
    wrong = command("index", "photos", "--index", "docs")
    assert wrong.code == 1
    assert "is the index of" in wrong.err


@pytest.mark.usefixtures("home")
def test_what_a_query_passes_over_is_said_beside_the_answer() -> None:
    asked = command("query", "boat", "zeppelin", "-k", "1")
    assert asked.code == 0
    assert asked.err == "aesearch: note: not known here: zeppelin\n"
    assert command("query", "--no-hybrid", "the", "and").err.startswith(
        "aesearch: the query holds only stop words"
    )
    assert command("query", "the", "and").code == 0  # words find them


def test_a_question_of_the_other_kind_is_refused_in_words(home: Path, here: Path) -> None:
    from collections_ import write_pictures

    write_pictures(here / "photos", 6, side=16)
    assert command("index", "photos", "--budget", "0").code == 0
    picture = command("query", "photos/disks/000.png", "--index", home / "indexes/docs")
    assert picture.code == 2
    assert "is a picture, and docs is an index of documents" in picture.err
    text = command("query", "boat", "harbour", "--index", "photos")
    assert text.code == 2
    assert "photos is an index of pictures and takes files" in text.err
    assert "there is no file 'boat'" in text.err
    mistyped = command("query", "disks/000.png")
    assert mistyped.code == 2
    assert "there is no file 'disks/000.png'" in mistyped.err
    half = command("query", "photos/disks/000.png", "disks/000.png", "-k", "1")
    assert half.code == 3
    assert "disks/000.png: there is no such file" in half.err
    assert len(half.out.splitlines()) == 1
    keyed = command(
        "query", "--key", "sailing/00.txt", "-k", "1", "--hybrid", "--index", home / "indexes/docs"
    )
    assert keyed.code == 2
    assert "--key" in keyed.err


def test_an_index_with_hybrid_by_default_needs_no_counting_at_the_first_query(here: Path) -> None:
    write_texts(here / "docs")
    with made(Path("docs"), Path("indexes/docs")) as index:
        folder = index.folder.layout.lexical_index(index.revision.number)
        assert index.is_hybrid
        assert folder.is_dir()
    assert command("remove", "sailing/03.txt").code == 0
    with Index(here / "indexes/docs") as index:
        assert index.folder.layout.lexical_index(index.revision.number).is_dir()
    assert "unless with --no-hybrid" in command("info").out
