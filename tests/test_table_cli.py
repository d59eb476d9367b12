"""Tables and standard input on the command line: made, changed, and refused."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
from collections_ import command
from texts_ import NAMES, feed, make_text, one_line, table_rows, write_table

from aesearch.cli.format_hits import Answer, print_answer
from aesearch.search.index import Index


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
    with Index(here / "indexes" / name) as index:
        assert set(index.folder.store.labels().values()) == set(NAMES)
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
    with Index(here / "indexes/data.csv") as index:
        labels = {item.key: index.folder.store.labels()[item.id] for item in index.items()}
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
    assert (
        "left out: 1 row with the key of an earlier row, which was kept (line 4 has the key 'c0' "
        "of line 2), 1 row that could not be read (line 6 has no text in 'body'); 'aesearch info "
    ) in made_now.out
    told = command("info").out
    assert "\n1 row with the key of an earlier row, which was kept\n  line 4: " in told
    assert "\n1 row could not be read\n  line 6: has no text" in told
    summary = json.loads(command("index", "data.csv", "--json").out)
    assert (summary["skipped"], summary["repeated_keys"], summary["ignored"]) == (2, 1, 0)
    with Index(here / "indexes/data.csv") as index:
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


def test_the_columns_that_were_taken_are_told(here: Path) -> None:
    rows = [
        {"id": r["id"], "subject": "no", "story": r["body"], "topic": r["topic"]}
        for r in table_rows(3)
    ]
    write_table(here / "data.csv", rows)
    line = "  columns: text from story, key from id, label from topic; kept beside: subject"
    assert line in command("index", "data.csv", "--dry-run").out.splitlines()
    write_table(here / "twice.csv", [*rows, rows[-1]])
    told = "key the number of the row (id is 'g2' in line 13 and in line 14), label from topic"
    assert told in command("index", "twice.csv", "--dry-run").out
    guessed = {"text": ["story"], "key": "id", "label": "topic", "unused": ["subject"]}
    assert json.loads(command("index", "data.csv", "--dry-run", "--json").out)["columns"] == guessed
    assert line in command("index", "data.csv", "--budget", "0").out.splitlines()
    assert json.loads(command("index", "data.csv", "--json").out)["columns"] == guessed
    other = command("index", "data.csv", "--text", "subject", "--text", "story").out
    assert "  columns: text from subject and story, key from id, label from topic\n" in other


def test_rows_without_key_label_or_columns(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"n": "same", **{f"c{n}": "" for n in range(9)}, "": "", "body": "a boat"}] * 3
    write_table(here / "data.csv", rows)
    told = command("index", "data.csv", "--budget", "0").out
    assert (
        "  columns: text from body, key the number of the row, no label; kept beside: n, c0, c1, "
        "c2, c3, c4 and 5 more\n"
    ) in told
    feed(monkeypatch, "a boat\na harbour\n")
    lines = command("index", "-", "--index", "lines", "--budget", "0", "--json")
    assert json.loads(lines.out)["columns"] is None
    feed(monkeypatch, "a boat\na harbour\n")
    assert "columns:" not in command("index", "-", "--index", "lines", "--replace").out


def test_rows_that_repeat_a_key_are_counted_in_the_order_of_their_lines(here: Path) -> None:
    rows = table_rows(3)
    write_table(here / "data.csv", [*rows, *rows])
    told = command("index", "data.csv", *CHOSEN, "--budget", "0")
    assert told.code == 3
    assert (
        "  left out: 12 rows with the key of an earlier row, which was kept (line 14 has the key "
        "'c0' of line 2); 'aesearch info "
    ) in told.out
    assert "could not be read" not in told.out + command("info").out
    lines = [line for line in command("info").out.splitlines() if line.startswith("  line ")]
    assert [line.split()[1] for line in lines] == [f"{n}:" for n in range(14, 26)]


def test_hits_without_a_title_carry_the_first_words(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = make_text("sailing", 0, 60)
    write_table(
        here / "one.csv", [{"title": words}, {"title": "roses"}, {"title": "a pepper oven"}]
    )
    write_table(
        here / "two.csv", [{"title": "My boat", "text": words}, {"title": "b", "text": "c"}]
    )
    for name in ("one", "two"):
        assert command("index", f"{name}.csv", "--index", name, "--budget", "0").code == 0
    hits = {}
    for name in ("one", "two"):
        answer = command("query", "boat harbour", "-k", "1", "--json", "--index", name)
        hits[name] = json.loads(answer.out)
    title = hits["one"]["title"]
    assert title.endswith("…")
    assert len(title) <= 80
    assert words.startswith(title.removesuffix("…"))
    assert hits["two"]["title"] == "My boat"
    with Index(here / "indexes/one") as index:
        found = index.search("roses", k=1) + index.search("pepper", k=1)
        assert [hit.title for hit in found] == ["roses", "a pepper oven"]
        screen = io.StringIO()
        monkeypatch.setattr(screen, "isatty", lambda: True)
        with contextlib.redirect_stdout(screen):
            print_answer(Answer("roses", "roses", found), None, several=False, tabular=True)
    assert screen.getvalue().count("roses") == 1  # not once as a title and once as what was found


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
    with Index(here / "indexes/data.csv") as index:
        assert index.text_of("s0").text == "sailing"
        assert set(index.folder.store.labels().values()) == set(NAMES)


def test_rows_added_and_removed_by_hand(here: Path) -> None:
    write_table(here / "data.csv", table_rows(3))
    command("index", "data.csv", *CHOSEN, "--budget", "0")
    with Index(here / "indexes/data.csv") as index:
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
    again = json.loads(command("index", "-", "--index", "lines", "--replace", "--json").out)
    assert (again["new"], again["unchanged"], again["items"]) == (1, 4, 5)
    found = command("query", "boat harbour", "-k", "2").out.splitlines()
    assert {line.split("\t")[1] for line in found} == {"2", "5"}
    feed(monkeypatch, "")
    empty = command("index", "-", "--index", "lines", "--replace")
    assert empty.code == 1
    assert empty.err == "aesearch: standard input holds no rows\n"
    with Index(here / "indexes/lines") as index:
        assert len(index) == 5
    assert command("index", "-", "--index", "lines", "--dry-run").code == 2


@pytest.mark.usefixtures("here")
def test_json_lines_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, "".join(f"{json.dumps(row)}\n" for row in table_rows(3)))
    made_now = command("index", "-", "--index", "rows", *CHOSEN, "--budget", "0")
    assert (made_now.code, made_now.err) == (0, "")
    assert command("query", "--key", "s0", "-k", "1").out == "1.0000\ts0\n"
