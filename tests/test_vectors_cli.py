"""Vectors on the command line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from collections_ import command
from vectors_ import SIZE, groups_of, make_rows, make_vectors, write_lines

COUNT = 40


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with an array of vectors."""
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    np.save("v.npy", make_vectors(COUNT))
    return tmp_path.resolve()


def test_an_array_its_keys_and_labels(here: Path) -> None:
    (here / "keys").write_text("".join(f"k{n}\n" for n in range(COUNT)))
    (here / "labels").write_text("\n".join(groups_of(COUNT)))
    done = command("index", "v.npy", "--key", "keys", "--label", "labels", "--budget", "0")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("v.npy: 40 vectors (40 new)")
    assert "without an encoder (raw): geometric mean of P@10 and mAP" in done.out
    np.save("one.npy", make_vectors(1, first=7)[0])
    assert command("query", "one.npy", "-k", "1").out == "1.0000\tk7\n"
    np.save("some.npy", make_vectors(2, first=7))
    some = command("query", "some.npy", "-k", "1").out.splitlines()
    assert some == ["1.0000\tk7\tsome.npy[0]", "1.0000\tk8\tsome.npy[1]"]
    assert command("query", "--key", "k9", "-k", "1", "-0").out == "k9\0"
    info = command("info").out
    assert f"from {SIZE} dimensions" in info
    assert "noisy copies find their original" in info
    assert "\n  raw " in info
    (here / "elsewhere").mkdir()
    assert "no row changed" in command("index", "v.npy").out  # its keys are known
    assert command("verify").out.startswith("v.npy: 40 vectors")
    assert command("remove", "k3").code == 0
    np.save("v.npy", make_vectors(COUNT + 1))
    wrong = command("index", "v.npy")
    assert wrong.code == 1
    assert "keys has 40 lines, and v.npy 41 rows; give one for each" in wrong.err


def test_what_cannot_be_asked(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command("index", "v.npy", "--budget", "0")
    np.save("short.npy", make_vectors(1)[0, :3])
    (here / "text.npy").write_text("words")
    for name, reason in (
        ("short.npy", f"short.npy: it has 3 numbers; the vectors here have {SIZE}"),
        ("text.npy", "text.npy: it holds no vector"),
        ("gone.npy", "is an index of vectors and takes files, but there is no file 'gone.npy'"),
        ("two words", "takes files, but there is no file 'two words'"),
    ):
        wrong = command("query", name, "--index", "v.npy")
        assert wrong.code in (1, 2)
        assert reason in wrong.err
        assert "Traceback" not in wrong.err
    wrong = command("query", "v.npy", "--hybrid", "--index", "v.npy")
    assert "--hybrid is for documents" in wrong.err
    row = make_vectors(1, first=5)[0].tolist()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(row).encode())))
    assert command("query", "-", "-k", "1").out == "1.0000\t5\n"


def test_a_table_with_fields(here: Path) -> None:
    rows = make_rows(COUNT)
    rows[3]["vector"] = [1]
    write_lines(here / "v.jsonl", rows)
    done = command("index", "v.jsonl", "--budget", "0")
    assert done.code == 3  # one row was left out
    assert "vectors from vector, key from id, label from label; kept beside: page" in done.out
    assert "1 row that could not be read" in done.out
    assert f"line 4: has 1 numbers in 'vector', and most rows {SIZE}" in command("info").out
    hit = json.loads(command("query", "--key", "r5", "-k", "1", "--json").out)
    assert hit == {
        "query": "r5",
        "rank": 1,
        "score": 1.0,
        "key": "r5",
        "path": str(here / "v.jsonl"),
        "fields": {"page": 5},
    }
    taken = json.loads(command("index", "v.jsonl", "--dry-run", "--json").out)["columns"]
    assert (taken["vector"], taken["fields"]) == ("vector", ["page"])


def test_which_column(here: Path) -> None:
    write_lines(here / "v.jsonl", [{"a": r["vector"], "b": r["vector"]} for r in make_rows(COUNT)])
    wrong = command("index", "v.jsonl")
    assert (wrong.code, wrong.out) == (2, "")
    assert "name one with --vector, such as --vector a" in wrong.err
    assert command("index", "v.jsonl", "--vector", "b", "--budget", "0").code == 0
    wrong = command("index", "v.npy", "--kind", "texts")
    assert wrong.code == 2
    assert wrong.err.endswith("v.npy holds vectors; leave out --kind texts\n")


def test_duplicates_a_map_and_an_export(here: Path) -> None:
    rows = make_vectors(COUNT)
    rows[21] = rows[20]
    np.save("v.npy", rows)
    command("index", "v.npy", "--budget", "0")
    found = command("duplicates")
    assert (found.code, "Traceback" in found.err) == (0, False)
    assert {"20", "21"} <= {line.split("\t")[-1] for line in found.out.splitlines()}
    assert command("map", "--by", "pca").code == 0
    assert "vectors" in (here / "map.html").read_text(encoding="utf-8")
    assert command("export", "-o", "out").code == 0
    assert json.loads((here / "out/export.json").read_text())["kind"] == "vectors"
    wrong = command("query", "v.npy", "--sheet", "a.png")
    assert "this is an index of vectors" in wrong.err


def test_a_comparison(here: Path) -> None:
    write_lines(here / "v.jsonl", make_rows(80))
    options = ("--encoders", "raw,pca", "--code-sizes", "4", "--report", "a.html")
    done = command("compare", "v.jsonl", "--vector", "vector", *options)
    assert done.code == 0, done.err
    assert done.out.startswith("v.jsonl: 80 vectors")
    assert "PCA half-whitened" in done.out
    assert "page" in (here / "a.html").read_text(encoding="utf-8")  # the fields, as a text


def test_standard_input(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (write_lines(here / "v.jsonl", make_rows(COUNT))).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    done = command("index", "-", "--kind", "vectors", "--index", "mine", "--budget", "0")
    assert (done.code, done.out.splitlines()[0][:29]) == (0, "mine: 40 vectors (40 new) in ")
    assert command("query", "--key", "r3", "-k", "1").out == "1.0000\tr3\n"


@pytest.mark.usefixtures("here")
def test_rows_of_the_wrong_width_are_one_line() -> None:
    assert command("index", "v.npy", "--budget", "0").code == 0
    np.save("q.npy", make_vectors(50, size=SIZE - 1))
    asked = command("query", "q.npy")
    assert asked.code == 1
    told = f"it has {SIZE - 1} numbers; the vectors here have {SIZE} (and 49 other rows)"
    assert asked.err == f"aesearch: q.npy[0]: {told}\n"


@pytest.mark.usefixtures("here")
def test_what_is_wrong_is_one_line_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def piped(*words: str, lines: str) -> str:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
        asked = command("index", "-", "--index", "piped", "--budget", "0", *words)
        return asked.err or asked.out

    told = "aesearch: standard input holds no rows of JSON: line 1 is no JSON object\n"
    assert piped("--kind", "vectors", lines="hello\n") == told
    lines = "".join(f"{json.dumps({'color': 'red', **row})}\n" for row in make_rows(COUNT))
    assert "piped: 40 vectors (40 new)" in piped(lines=lines)
    missing = command("index", "nosuch.npy")
    assert missing.err == (
        "aesearch: there is no file or folder nosuch.npy; name the one that holds the pictures, "
        "documents or vectors\n"
    )


def test_paths_are_exact_for_programs_and_one_line_for_people(here: Path) -> None:
    folder = here / "odd"
    folder.mkdir()
    rows = make_vectors(COUNT)
    names = {0: "red\x1b[31m.npy", 1: "two\nlines.npy", 2: "a\ttab.npy", 3: "wide\u3000space.npy"}
    for number, row in enumerate(rows):
        np.save(folder / names.get(number, f"{number}.npy"), row)
    (folder / "bad\x1b[31m.npy").write_bytes(b"\x93NUMPY")
    assert command("index", "odd", "--budget", "0").code == 3
    shown = (r"red\x1b[31m.npy", r"two\nlines.npy", r"a\ttab.npy", "wide\u3000space.npy")
    for number, line in enumerate(shown):
        np.save("one.npy", rows[number])
        exact = command("query", "one.npy", "-k", "1", "-0").out
        assert exact == f"{folder / names[number]}\0"
        assert command("query", "one.npy", "-k", "1").out == f"1.0000\todd/{line}\n"
        again = command("query", "--key", f"odd/{line}", "-k", "1")
        assert again.out == f"1.0000\todd/{line}\n"
        among = command("query", "one.npy", "--among", f"odd/{line}", "-k", "9")
        assert among.out == f"1.0000\todd/{line}\n"
    assert "\x1b" not in command("info", "odd").out
