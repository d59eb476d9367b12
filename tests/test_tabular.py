"""Tables and standard input as sources: entries, columns, and what is kept of them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from texts_ import made, make_text, table_rows, write_table

from aesearch.errors import ContentError, IndexExistsError, ParameterError, SourceError
from aesearch.indexing.build import build
from aesearch.modalities.texts import Texts
from aesearch.modalities.texts.extract import Document
from aesearch.sources.base import STANDARD_INPUT
from aesearch.sources.columns import Columns, UsedColumns
from aesearch.sources.folder import Folder
from aesearch.sources.open import open_source
from aesearch.sources.table import Table, used_columns

COLUMNS = Columns(("body",), "id", "topic")


def test_columns() -> None:
    assert not Columns()
    assert all([Columns(("a",)), Columns(key="a"), Columns(label="a")])
    assert Columns.of(None) == Columns.of({}) == Columns()
    kept = {"text": ["a", "b"], "key": "k", "label": None}
    assert Columns.of(kept) == Columns(("a", "b"), "k", None)
    assert Columns(key="other").over(Columns.of(kept)) == Columns(("a", "b"), "other", None)
    assert Columns(("c",), None, "l").over(Columns.of(kept)) == Columns(("c",), "k", "l")
    assert Columns().over(None) == Columns()


def test_rows_are_entries(tmp_path: Path) -> None:
    table = Table(write_table(tmp_path / "a.csv", table_rows(2)), COLUMNS)
    entries = {entry.key: entry for entry in table.walk()}
    assert list(entries) == ["c0", "c1", "s0", "s1", "m0", "m1", "g0", "g1"]
    assert table.read("s1") == make_text("sailing", 1).encode()
    assert entries["s1"].size == len(table.read("s1"))
    assert table.labels(["s1", "nothing", "c0"]) == ["sailing", "", "cooking"]
    assert table.unreadable == []
    assert {entry.key: entry for entry in table.walk()} == entries  # it can be walked again
    assert table.plain
    assert table.root == (tmp_path / "a.csv").resolve()


def test_a_stamp_changes_with_text_and_label_alone(tmp_path: Path) -> None:
    def stamps(**changes: str) -> dict[str, int]:
        rows = [{**row, "date": "1"} for row in table_rows(1)]
        rows[0].update(changes)
        table = Table(write_table(tmp_path / "a.csv", rows), COLUMNS)
        return {entry.key: entry.mtime_ns for entry in table.walk()}

    before = stamps()
    assert stamps() == before == stamps(date="2")
    for changes in ({"body": "Another text."}, {"topic": "other"}):
        after = stamps(**changes)
        assert after["c0"] != before["c0"]
        assert {**after, "c0": 0} == {**before, "c0": 0}
    assert all(0 <= stamp < 1 << 63 for stamp in before.values())  # SQLite's integers


def test_rows_that_are_refused_are_kept_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "id,body\na,one\nb,\na,again\n,nameless\nc,three,more\nd,four\n"
    )
    table = Table(tmp_path / "a.csv", Columns(("body",), "id"))
    for _ in range(2):
        assert [entry.key for entry in table.walk()] == ["a", "d"]
        assert [place for place, _ in table.unreadable] == ["line 3", "line 4", "line 5", "line 6"]


def test_what_columns_were_taken(tmp_path: Path) -> None:
    table = Table(write_table(tmp_path / "a.csv", table_rows(1)))
    assert used_columns(table) is None  # nothing was read yet
    list(table.walk())
    assert used_columns(table) == UsedColumns(("body",), "id", "topic")
    table = Table(tmp_path / "a.csv", Columns(("topic",), "body"))
    list(table.walk())
    assert used_columns(table) == UsedColumns(("topic",), "body", None, ("id",))
    lines = Table(None, None, io.StringIO("one\ntwo\n"))
    list(lines.walk())
    assert used_columns(lines) is used_columns(Folder(tmp_path)) is None


def test_standard_input_is_read_once() -> None:
    table = Table(None, None, io.StringIO("one boat\n\ntwo oars\n"))
    assert [entry.key for entry in table.walk()] == ["1", "3"]
    assert table.unreadable == [("line 2", "is empty")]
    assert [entry.key for entry in table.walk()] == ["1", "3"]  # what was read is still there
    assert table.read("3") == b"two oars"
    assert str(table.root) == STANDARD_INPUT
    with pytest.raises(SourceError, match="standard input is read once"):
        next(Table(None).walk())


def test_which_source_a_place_is(tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", table_rows(1))
    (tmp_path / "b.txt").write_text("A boat.")
    assert isinstance(open_source(tmp_path / "a.csv"), Table)
    assert isinstance(open_source(tmp_path), Folder)
    assert isinstance(open_source("-", None, io.StringIO("one")), Table)
    for place, reason in (
        ("b.txt", "is neither a folder nor a table"),
        ("missing", "there is no file or folder"),
        ("missing.csv", "there is no"),
    ):
        with pytest.raises(SourceError, match=reason):
            open_source(tmp_path / place)
    with pytest.raises(SourceError, match=r"is no table .* so it has no"):
        open_source(tmp_path, COLUMNS)
    with pytest.raises(SourceError, match=r"there is no file .*gone\.csv"):
        Table(tmp_path / "gone.csv")


def test_a_row_is_text_whatever_it_looks_like(tmp_path: Path) -> None:
    page = "<p>Not a page.</p> From: nobody"
    table = Table(write_table(tmp_path / "a.csv", [{"id": "a.html", "body": page}]))
    list(table.walk())
    assert Texts().reader(None, plain=table.plain)(table.read("a.html"), "a.html") == Document(
        page, ""
    )
    folder_reader = Texts().reader(None, plain=Folder(tmp_path).plain)
    assert folder_reader(page.encode(), "a.html").sample.text != page
    with pytest.raises(ContentError):
        folder_reader(b"", "a.txt")


def test_letters_that_utf_8_cannot_hold(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "a", "text": "a boat \\ud800 here"}\n')
    table = Table(tmp_path / "a.jsonl")
    (entry,) = table.walk()
    assert len(table.read("a")) == entry.size
    index = made(tmp_path / "a.jsonl", tmp_path / "index")
    assert index.search("boat", k=1)[0].key == "a"


def test_an_index_remembers_its_columns(tmp_path: Path) -> None:
    rows = [{**row, "text": "always the same words"} for row in table_rows(2)]
    path = write_table(tmp_path / "a.csv", rows)
    index = made(path, tmp_path / "index", columns=COLUMNS)
    assert index.folder.card.columns == COLUMNS
    assert index.is_tabular
    assert index.sync() == {"new": 0, "changed": 0, "renamed": 0, "removed": 0, "unchanged": 8}
    rows[0]["body"] = "A violin."
    write_table(path, rows)
    assert index.sync()["changed"] == 1
    assert index.text_of("c0").text == "A violin."
    index.close()
    again = made(path, tmp_path / "index", columns=Columns(("text",)))
    kept = json.loads((tmp_path / "index/index.json").read_text())["columns"]
    assert kept == {"text": ["text"], "key": "id", "label": "topic"}
    assert again.text_of("c0").text == "always the same words"
    again.close()


def test_rows_that_are_called_as_pages_are(tmp_path: Path) -> None:
    rows = [{**row, "id": f"scan.tif#{number}"} for number, row in enumerate(table_rows(2), 1)]
    path = write_table(tmp_path / "a.csv", rows)
    index = made(path, tmp_path / "index", columns=COLUMNS)
    assert index.sync()["unchanged"] == 8
    write_table(path, rows[:-1])
    counts = index.sync()
    assert (counts["removed"], counts["unchanged"]) == (1, 7)
    index.close()


def test_wrong_columns_change_nothing(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.csv", table_rows(2))
    made(path, tmp_path / "index", columns=COLUMNS).close()
    before = (tmp_path / "index/index.json").read_bytes()
    with pytest.raises(ParameterError, match="has no column 'nope'; it has id, topic, body"):
        build(path, tmp_path / "index", columns=Columns(("nope",)))
    assert (tmp_path / "index/index.json").read_bytes() == before
    with made(path, tmp_path / "index") as index:
        assert index.text_of("c0").text == make_text("cooking", 0)


def test_a_table_that_lost_all_its_rows_removes_nothing(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.csv", table_rows(2))
    index = made(path, tmp_path / "index", columns=COLUMNS)
    path.write_text("id,topic,body\n")
    with pytest.raises(SourceError, match="holds no rows"):
        index.sync()
    path.unlink()
    with pytest.raises(SourceError):
        index.sync()
    assert len(index) == 8
    assert index.search("boat", k=1)[0].key.startswith("s")


def test_renamed_keys_keep_their_codes(tmp_path: Path) -> None:
    rows = table_rows(2)
    path = write_table(tmp_path / "a.csv", rows)
    index = made(path, tmp_path / "index", columns=COLUMNS)
    rows[2]["id"], rows[2]["topic"] = "renamed", "boats"
    write_table(path, rows)
    assert index.sync()["renamed"] == 1
    assert index.similar("renamed", k=1)[0].score == 1
    assert index.folder.store.labels()[index.folder.store.ids_of(["renamed"])["renamed"]] == "boats"
    other = write_table(tmp_path / "b.csv", rows)
    with pytest.raises(IndexExistsError, match="is the index of"):
        build(other, tmp_path / "index")
