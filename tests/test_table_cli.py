"""Tables and standard input on the command line: made, changed, and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from collections_ import command
from texts_ import NAMES, feed, make_text, one_line, table_rows, write_table

from aesearch.index import open_at


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


CHOSEN = ("--text", "body", "--key", "id", "--label", "topic")


@pytest.mark.parametrize("name", ["data.csv", "data.tsv", "data.jsonl"])
def test_tables_of_each_kind(name: str, here: Path) -> None:
    rows = table_rows()
    if name.endswith("jsonl"):
        (here / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        write_table(here / name, rows, "\t" if name.endswith("tsv") else ",")
    made_now = command("index", name, *CHOSEN, "--budget", "0")
    assert (made_now.code, made_now.err) == (0, "")
    hit = command("query", "the boat in the harbour", "-k", "1")
    _, key = hit.out.rstrip("\n").split("\t")
    assert key.startswith("s")
    row = json.loads(command("query", "--key", key, "-k", "1", "--json").out)
    assert (row["key"], row["score"], row["path"]) == (key, 1, str(here / name))
    assert command("query", "boat harbour", "-k", "1", "-0").out == f"{key}\0"
    with open_at(here / "indexes" / name) as index:
        assert set(index.store.labels().values()) == set(NAMES)
        assert index.text_of("s0").text == make_text("sailing", 0)


def test_columns_that_are_not_there(here: Path) -> None:
    write_table(here / "data.csv", table_rows())
    for words in (("--text", "nope"), ("--key", "nope"), ("--label", "nope")):
        for extra in ((), ("--dry-run",)):
            answer = command("index", "data.csv", *words, *extra)
            assert (answer.code, answer.out) == (2, "")
            assert answer.err.endswith("has no column 'nope'; it has id, topic, body\n")
            assert one_line(answer.err)
    assert not (here / "indexes").exists() or not any((here / "indexes").iterdir())
    (here / "folder").mkdir()
    (here / "folder/a.txt").write_text("A boat.")
    assert "is no table" in command("index", "folder", "--text", "body").err


def test_a_table_that_changes(here: Path) -> None:
    rows = table_rows(4)
    table = write_table(here / "data.csv", rows)
    assert command("index", "data.csv", *CHOSEN, "--budget", "0").code == 0
    changed = [dict(row) for row in rows[1:]]  # c0 is gone
    changed[0]["body"] = "A violin and a flute."  # c1
    changed[1]["topic"] = "other"  # c2
    changed.append({"id": "new", "topic": "sailing", "body": "The boat and its rudder."})
    write_table(table, changed)
    done = json.loads(command("index", "data.csv", "--json").out)
    assert (done["items"], done["new"], done["changed"], done["removed"]) == (16, 1, 1, 1)
    with open_at(here / "indexes/data.csv") as index:
        labels = {item.key: index.store.labels()[item.id] for item in index.items()}
        assert index.text_of("c1").text == "A violin and a flute."
        assert "c0" not in index
        assert (labels["c2"], labels["new"], labels["c3"]) == ("other", "sailing", "cooking")
        assert index.verify() == []
    removed = command("remove", "new", "c3")
    assert removed.out == "removed 2; 14 documents remain\n"
    again = json.loads(command("index", "data.csv", "--json").out)
    assert (again["items"], again["new"]) == (14, 0)  # not taken up again


def test_rows_that_cannot_be_used(here: Path) -> None:
    rows = table_rows(3)
    rows.insert(2, {"id": "c0", "topic": "", "body": "The key of an earlier row."})
    rows.insert(4, {"id": "empty", "topic": "", "body": "  "})
    write_table(here / "data.csv", rows)
    made_now = command("index", "data.csv", *CHOSEN, "--budget", "0")
    assert made_now.code == 3
    assert "left out: 2 rows that could not be read" in made_now.out
    assert "2 rows could not be read" in command("info").out
    with open_at(here / "indexes/data.csv") as index:
        assert len(index) == 12
        assert {file.key: file.reason for file in index.skipped()} == {
            "line 4": "has the key 'c0' of line 2",
            "line 6": "has no text in 'body'",
        }
    assert "(no row changed)" in command("index", "data.csv").out
    write_table(here / "data.csv", [row for row in rows if row["body"].strip()])
    assert command("index", "data.csv").code == 3
    write_table(here / "data.csv", table_rows(3))
    assert command("index", "data.csv").code == 0


def test_other_columns_hold_from_then_on(here: Path) -> None:
    write_table(here / "data.csv", table_rows(3))
    command("index", "data.csv", *CHOSEN, "--budget", "0")
    foretold = json.loads(
        command("index", "data.csv", "--text", "topic", "--dry-run", "--json").out
    )
    done = json.loads(command("index", "data.csv", "--text", "topic", "--json").out)
    assert foretold["changed"] == done["changed"] == 12
    assert (done["new"], done["removed"]) == (0, 0)  # the key stayed what it was
    assert json.loads(command("index", "data.csv", "--json").out)["unchanged"] == 12
    with open_at(here / "indexes/data.csv") as index:
        assert index.text_of("s0").text == "sailing"
        assert set(index.store.labels().values()) == set(NAMES)


def test_rows_added_and_removed_by_hand(here: Path) -> None:
    write_table(here / "data.csv", table_rows(3))
    command("index", "data.csv", *CHOSEN, "--budget", "0")
    with open_at(here / "indexes/data.csv") as index:
        assert index.add({"hand": "A boat, a mast, a rudder."}) == ["hand"]
        assert index.sync()["removed"] == 0
        assert index.search("boat mast rudder", k=1)[0].key == "hand"
        assert index.remove(["hand"]) == 1
        assert len(index) == 12
        assert index.verify() == []


def test_lines_of_standard_input(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [make_text(topic, 0) for topic in NAMES]
    feed(monkeypatch, "\n".join(lines))
    nowhere = command("index", "-")
    assert nowhere.code == 2
    assert one_line(nowhere.err)
    feed(monkeypatch, "\n".join(lines))
    made_now = command("index", "-", "--index", "lines", "--budget", "0")
    assert (made_now.code, made_now.err) == (0, "")
    assert command("query", "boat harbour", "-k", "1").out.endswith("\t2\n")
    feed(monkeypatch, "\n".join([*lines, "A boat and a harbour."]))
    again = json.loads(command("index", "-", "--index", "lines", "--json").out)
    assert (again["new"], again["unchanged"], again["items"]) == (1, 4, 5)
    found = command("query", "boat harbour", "-k", "2").out.splitlines()
    assert {line.split("\t")[1] for line in found} == {"2", "5"}
    feed(monkeypatch, "")
    empty = command("index", "-", "--index", "lines")
    assert empty.code == 1
    assert empty.err == "aesearch: standard input holds no rows\n"
    with open_at(here / "indexes/lines") as index:
        assert len(index) == 5
    assert command("index", "-", "--index", "lines", "--dry-run").code == 2


def test_json_lines_of_standard_input(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, "".join(f"{json.dumps(row)}\n" for row in table_rows(3)))
    made_now = command("index", "-", "--index", "rows", *CHOSEN, "--budget", "0")
    assert (made_now.code, made_now.err) == (0, "")
    assert command("query", "--key", "s0", "-k", "1").out == "1.0000\ts0\n"
