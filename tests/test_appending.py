"""Standard input given a second time, and sources that moved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from collections_ import Answer, command, keys_of
from texts_ import feed, made, make_text, one_line, table_rows, write_table, write_texts
from vectors_ import make_vectors

import aesearch
from aesearch.errors import IndexExistsError, ParameterError, SourceError
from aesearch.search.index import Index


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, and the home of indexes in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path / "indexes"))
    return tmp_path


def lines(*numbers: int) -> str:
    return "".join(make_text("sailing", number) + "\n" for number in numbers)


def text_at(index: Index, key: str) -> str:
    return index.text_of(key).text


def piped(monkeypatch: pytest.MonkeyPatch, content: str, *options: str) -> Answer:
    feed(monkeypatch, content)
    return command("index", "-", "--index", "log", "--budget", "0", *options)


def test_a_second_time_is_refused_with_both_ways(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert piped(monkeypatch, lines(0, 1)).code == 0
    again = piped(monkeypatch, lines(2))
    assert again.code == 1
    assert one_line(again.err)
    assert "--append" in again.err
    assert "--replace" in again.err
    with Index(here / "indexes/log") as index:
        assert keys_of(index) == {"1", "2"}
    feed(monkeypatch, lines(2))
    with pytest.raises(IndexExistsError, match="read from standard input before"):
        aesearch.build("-", "log", budget=0)


def test_numbers_go_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, lines(0, 1))
    added = json.loads(piped(monkeypatch, lines(2, 0, 3), "--append", "--json").out)
    assert [added[name] for name in ("new", "changed", "removed", "items")] == [3, 0, 0, 5]
    place = here / "indexes/log"
    with Index(place) as index:
        assert [text_at(index, str(n)) for n in range(1, 6)] == [
            make_text("sailing", n) for n in (0, 1, 2, 0, 3)
        ]
        index.remove(["5", "2"])
    piped(monkeypatch, "\n" + lines(4, 5), "--append")  # with an empty line, which is refused
    with Index(place) as index:  # the number of what was removed is not given anew
        assert keys_of(index) == {"1", "3", "4", "6", "7"}
        assert text_at(index, "6") == make_text("sailing", 4)
        assert text_at(index, "7") == make_text("sailing", 5)
        assert index.verify() == []
    replaced = json.loads(piped(monkeypatch, lines(9), "--replace", "--json").out)
    assert replaced["items"] == 1


def test_equal_keys_are_replaced(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table_rows(2)
    piped(monkeypatch, "".join(json.dumps(row) + "\n" for row in rows), "--key", "id")
    with Index(here / "indexes/log") as index:
        index.add({"m1": "mine"})
        index.remove(["g1"])
    more = [{**rows[0], "body": make_text("music", 40)}, {**rows[0], "id": "new"}, *rows[-3:]]
    done = json.loads(
        piped(
            monkeypatch, "".join(json.dumps(row) + "\n" for row in more), "--append", "--json"
        ).out
    )
    assert (done["new"], done["changed"], done["items"]) == (1, 1, 8)
    with Index(here / "indexes/log") as index:
        assert text_at(index, rows[0]["id"]) == make_text("music", 40)
        assert text_at(index, "m1") == "mine"
        assert "g1" not in index


def test_vectors_are_appended(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = make_vectors(45)
    jsonl = [
        "".join(json.dumps({"vector": row.tolist()}) + "\n" for row in part)
        for part in (rows[:40], rows[40:])
    ]
    options = ("--kind", "vectors", "--code-size", "4")
    piped(monkeypatch, jsonl[0], *options)
    done = piped(monkeypatch, jsonl[1], "--append")
    assert done.code == 0, done.err
    with Index(here / "indexes/log") as index:
        assert len(index) == 45
        for number in (3, 42):
            assert index.search(rows[number], 1)[0].key == str(number + 1)


def test_ways_are_for_standard_input(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(here / "t.csv", table_rows(2))
    assert command("index", "t.csv", "--budget", "0", "--append").code == 2
    assert piped(monkeypatch, lines(0), "--append").code == 0  # the first time there is nothing
    command("index", "t.csv", "--budget", "0")
    feed(monkeypatch, lines(0))
    other = command("index", "-", "--index", "t.csv", "--append")
    assert other.code == 1
    assert "is the index of" in other.err
    with pytest.raises(ParameterError, match="are for standard input"):
        aesearch.build(make_vectors(4), here / "v", append=True)


# -- sources that moved ---------------------------------------------------------------------------


@pytest.fixture
def moved(here: Path) -> Path:
    """A folder of texts that was moved after it was indexed as 'docs'; its new place."""
    write_texts(here / "docs", 4)
    made(here / "docs", here / "indexes/docs").close()
    (here / "new place").mkdir()
    shutil.move(here / "docs", here / "new place/docs")
    return here / "new place/docs"


def test_another_place_is_offered_where_files_agree(moved: Path, here: Path) -> None:
    refused = command("index", moved)
    assert refused.code == 1
    assert one_line(refused.err)
    words = f"--moved-to '{moved}'"
    assert words in refused.err
    assert command("index", moved, "--retrain").code == 1
    write_texts(here / "others", 5)
    for path in (here / "others").rglob("*.txt"):
        path.write_text("another text " * 7)
    refused = command("index", here / "others", "--index", "docs")
    assert (refused.code, "--moved-to" in refused.err) == (1, False)


def test_the_index_goes_on_at_the_new_place(moved: Path, here: Path) -> None:
    (moved / "music/00.txt").unlink()
    (moved / "more.txt").write_text(make_text("music", 50))
    with Index(here / "indexes/docs") as index:
        index.add({"mine": "a text of my own"})
        index.remove(["sailing/01.txt"])
        fingerprint = index.revision.fingerprint
    tried = command("index", "--index", "docs", "--moved-to", moved, "--dry-run")
    assert tried.code == 0
    assert command("index", moved).code == 1
    done = command("index", "--index", "docs", "--moved-to", "new place/docs")
    assert done.code == 0, done.err
    assert "14 of 15 documents are in new place/docs, which is the source of docs now" in done.err
    assert "15 documents + " not in done.out
    assert "(1 new, 1 removed)" in done.out
    with Index(here / "indexes/docs") as index:
        assert index.revision.fingerprint == fingerprint
        assert index.search("violin", 1)[0].path.is_file()
        assert {"mine", "more.txt"} <= keys_of(index)
        assert "sailing/01.txt" not in index
    assert command("index", moved).code == 0


def test_other_files_are_refused_with_the_numbers(moved: Path, here: Path) -> None:
    write_texts(here / "others", 5)
    for path in (here / "others").rglob("*.txt"):
        path.write_text("another text " * 7)
    told = command("index", "--index", "docs", "--moved-to", here / "others")
    assert told.code == 1
    assert one_line(told.err)
    assert "of 16 documents 0 are there with the same size" in told.err
    assert "name the place that holds them, or make an index of this one: 'aesearch" in told.err
    # The same names and sizes are not enough.
    shutil.copytree(moved, here / "like")
    for path in (here / "like").rglob("*.txt"):
        path.write_text("x" * path.stat().st_size)
    told = command("index", "--index", "docs", "--moved-to", here / "like")
    assert "16 are there with the same size; of 16 of those that were read 0 are" in told.err
    with Index(here / "indexes/docs") as index:
        with pytest.raises(SourceError, match="Nothing was changed"):
            index.moved_to(here / "like")
        with pytest.raises(SourceError, match="would lie inside the source"):
            index.moved_to(here)
        assert index.folder.source == here / "docs"
        index.moved_to(moved)
        assert index.sync()["unchanged"] == 16


def test_a_place_that_holds_a_part_is_refused_with_the_ways_out(moved: Path, here: Path) -> None:
    (here / "part").mkdir()
    shutil.copytree(moved / "sailing", here / "part" / "sailing")
    told = command("index", "--index", "docs", "--moved-to", here / "part")
    assert (told.code, one_line(told.err)) == (1, True)
    assert "of 16 documents 4 are there with the same size" in told.err
    assert "Nothing was changed: bring the others there, or name the place that holds" in told.err
    assert f"make an index of this one: 'aesearch index {here}/part --index NAME'" in told.err


def test_a_table_that_moved(here: Path) -> None:
    write_table(here / "t.csv", table_rows(3))
    command("index", "t.csv", "--key", "id", "--text", "body", "--budget", "0")
    (here / "t.csv").rename(here / "u.csv")
    refused = command("index", "u.csv", "--index", "t.csv")
    assert refused.code == 1
    assert "--moved-to" in refused.err
    assert command("index", "--moved-to", "u.csv").code == 0
    assert (
        json.loads(command("index", "u.csv", "--index", "t.csv", "--json").out)["unchanged"] == 12
    )


def test_a_query_says_once_that_paths_lead_nowhere(moved: Path) -> None:
    told = command("query", "violin", "-k", "3")
    assert told.code == 0
    assert len(told.out.splitlines()) == 3
    assert one_line(told.err)
    assert "is not there any more" in told.err
    command("index", "--moved-to", moved)
    assert command("query", "violin", "-k", "3").err == ""


def test_a_source_or_where_it_is_now(here: Path) -> None:
    assert command("index").code == 2
    assert command("index", here, "--moved-to", here).code == 2


def test_what_was_taken_at_first_holds(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, lines(0, 1))
    for row in ('{"id": "x", "text": "a yellow sun"}', '[{"id": "x", "text": "a yellow sun"}]'):
        refused = piped(monkeypatch, row + "\n", "--append")
        assert refused.code == 1
        assert one_line(refused.err)
        assert "holds JSON" in refused.err
        assert "--replace" in refused.err
    assert piped(monkeypatch, "{draft} buy milk\n", "--append").code == 0  # no JSON: a line
    assert piped(monkeypatch, lines(2), "--append").code == 0
    with Index(here / "indexes/log") as index:
        assert keys_of(index) == {"1", "2", "3", "4"}
        assert text_at(index, "3") == "{draft} buy milk"


def test_what_is_replaced_begins_anew(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, lines(0, 1))
    row = json.dumps({"nr": "x", "body": make_text("sailing", 2)}) + "\n"
    assert piped(monkeypatch, row, "--replace", "--text", "body", "--key", "nr").code == 0
    with Index(here / "indexes/log") as index:
        assert keys_of(index) == {"x"}
    assert piped(monkeypatch, lines(3), "--append").code == 2
    assert piped(monkeypatch, lines(3), "--replace").code == 0  # columns that were named, too
    with Index(here / "indexes/log") as index:
        assert keys_of(index) == {"1"}
    assert piped(monkeypatch, lines(4), "--append").code == 0


def test_append_and_replace_exclude_each_other(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, lines(0, 1))
    for options in (("--append", "--replace"), ("--replace", "--append")):
        both = piped(monkeypatch, lines(2), *options)
        assert both.code == 2
        assert "--append adds" in both.err
        assert "--replace takes its place" in both.err
    with Index(here / "indexes/log") as index:
        assert keys_of(index) == {"1", "2"}
