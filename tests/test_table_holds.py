"""What was taken of a table at first holds, whatever its later rows are."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from texts_ import made

from aesearch.errors import SourceError
from aesearch.indexing.build import build
from aesearch.modalities.notes import collected_notes
from aesearch.search.index import Index
from aesearch.sources.columns import Columns, Taken

TEXT = "number {} about a satellite in its orbit, and of what is seen of the earth from there"


def write(path: Path, rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", newline="", encoding=encoding) as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return path


def table(count: int = 40) -> list[list[str]]:
    return [["id", "text"], *([f"A-{n:03}", TEXT.format(n)] for n in range(1, count + 1))]


def taken_by(place: Path) -> dict[str, Any]:
    taken: dict[str, Any] = json.loads((place / "index.json").read_text())["taken"]
    return taken


def keys_of(index: Index) -> set[str]:
    return {item.key for item in index.folder.items()}


def refused(index: Index) -> dict[str, str]:
    return {file.key: file.reason for file in index.folder.skipped() if not file.ignored}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["", "a row whose id is not filled in yet"], "has no key in 'id'"),
        (["A-007", "a row with the id of another one"], "has the key 'A-007' of line 8"),
    ],
)
@pytest.mark.parametrize("at", [41, 1])
def test_the_key_holds(tmp_path: Path, row: list[str], reason: str, at: int) -> None:
    rows = table()
    path = write(tmp_path / "a.csv", rows)
    index = made(path, tmp_path / "index")
    index.remove(["A-003"])
    rows.insert(at, row)
    write(path, rows)
    counts = index.sync()
    if row[0] and at == 1:  # the first row of a key is the one that counts
        assert refused(index) == {"line 9": "has the key 'A-007' of line 2"}
        assert counts["changed"] == 1
    else:
        assert refused(index) == {f"line {at + 1}": reason}
        assert {name for name, number in counts.items() if number} == {"unchanged"}
    assert keys_of(index) == {f"A-{n:03}" for n in range(1, 41)} - {"A-003"}
    index.close()
    with made(path, tmp_path / "index") as index:
        assert len(index) == 39


def test_the_text_holds(tmp_path: Path) -> None:
    rows = [["id", "summary", "notes"], *([str(n), TEXT.format(n), ""] for n in range(1, 41))]
    path = write(tmp_path / "b.csv", rows)
    made(path, tmp_path / "index").close()
    rows[1][2] = "phoned the office, no answer. " * 60
    rows[0] += ["body", "label"]  # columns with usual names, which came later
    rows[1:] = [[*row, "other words", "x"] for row in rows[1:]]
    write(path, rows)
    with made(path, tmp_path / "index") as index:
        assert index.text_of("1").text == TEXT.format(1)
        assert set(index.folder.store.labels().values()) == {""}
    assert taken_by(tmp_path / "index") == {
        "text": ["summary"],
        "key": "id",
        "label": None,
        "vector": None,
        "short": False,
        "delimiter": ",",
        "quoted": True,
        "headed": True,
        "encoding": "",
        "ends": True,
    }


def test_the_number_of_the_row_holds(tmp_path: Path) -> None:
    rows = [["id", "text"], *(["1", TEXT.format(n)] for n in range(1, 41))]
    path = write(tmp_path / "a.csv", rows)
    index = made(path, tmp_path / "index")
    assert taken_by(tmp_path / "index")["key"] is None
    write(path, table())  # now ids tell the rows apart
    index.sync()
    assert keys_of(index) == {str(n) for n in range(1, 41)}
    index.close()


def test_delimiter_and_encoding_hold(tmp_path: Path) -> None:
    rows = [["id", "text"], *([f"K{n}", f"Café Österreich, Nummer {n}"] for n in range(1, 41))]
    path = write(tmp_path / "a.csv", rows, ";", "cp1252")
    index = made(path, tmp_path / "index")
    assert taken_by(tmp_path / "index") | {"text": 0} == taken_by(tmp_path / "index") | {
        "text": 0,
        "delimiter": ";",
        "encoding": "cp1252",
    }
    rows[1:] = [[row[0], f"{row[1]}, a, b, c"] for row in rows[1:]]
    write(path, rows, ";", "cp1252")
    index.sync()
    assert index.text_of("K7").text == "Café Österreich, Nummer 7, a, b, c"
    write(path, rows, "\t", "utf-8")  # written anew: the columns are there, and so are the rows
    assert index.sync()["unchanged"] == 40
    index.close()


def test_an_encoding_that_a_user_names_holds(tmp_path: Path) -> None:
    texts = [f"Ключ номер {n} {'лежит' if n % 2 else 'потерян'}" for n in range(12)]
    rows = [["id", "text"], *([f"K{n}", text] for n, text in enumerate(texts))]
    path = write(tmp_path / "a.csv", rows, encoding="cp1251")
    with build(path, tmp_path / "i", {"encoding": "cp866"}, budget=0) as index:
        assert index.text_of("K7").text == texts[7].encode("cp1251").decode("cp866")
    assert taken_by(tmp_path / "i")["encoding"] == ""
    with build(path, tmp_path / "i", budget=0) as index:  # it is kept
        assert index.text_of("K7").text == texts[7].encode("cp1251").decode("cp866")
    with (
        collected_notes() as notes,
        build(path, tmp_path / "i", {"encoding": "cp1251"}, budget=0) as index,
    ):
        assert index.text_of("K7").text == texts[7]
        assert not notes
    with collected_notes() as notes, build(path, tmp_path / "j", budget=0) as index:
        assert index.text_of("K7").text == texts[7]
        assert dict(notes) == {"encoding guessed: cp1251": 1}


@pytest.mark.parametrize("lines", ["{}", '{{"id": "{}", "text": "{}"}}'])
def test_an_encoding_that_is_named_of_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str
) -> None:
    texts = [f"Ключ номер {n} {'лежит' if n % 2 else 'потерян'}" for n in range(12)]
    text = "".join(lines.format(*[one] * lines.count("{}")) + "\n" for one in texts)
    for encoding in ("cp866", "utf-16-be"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode(encoding))))
        place = tmp_path / encoding
        with build("-", place, {"encoding": encoding}, budget=0) as index:
            kept = [text.text for _, text in index.folder.store.documents()]
            assert sorted(kept) == sorted(texts)


def test_a_column_that_vanished_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", table())
    made(path, tmp_path / "index").close()
    rows = table()
    for name, use in (("text", "text"), ("id", "key")):
        rows[0] = [f"new {name}" if cell == name else cell for cell in rows[0]]
        write(path, rows)
        with pytest.raises(SourceError) as caught:
            made(path, tmp_path / "index")
        reason = str(caught.value)
        assert f"has no column '{name}' any more, from which the index takes the {use}" in reason
        assert f"name another with --{use}" in reason
        assert "--index" in reason
        with Index(tmp_path / "index") as index:
            with pytest.raises(SourceError, match="any more"):
                index.sync()
            assert len(index) == 40
        named = Columns(("new text",)) if use == "text" else Columns(key="new id")
        with made(path, tmp_path / "index", columns=named) as index:
            assert len(index) == 40
            assert index.text_of("A-001").text == TEXT.format(1)


def test_a_column_that_vanished_from_json(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"id": n, "text": TEXT.format(n), "label": "x"} for n in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made(path, tmp_path / "index").close()
    few = [{name: row[name] for name in ("id", "text")} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in few))
    with pytest.raises(SourceError, match="has no column 'label' any more"):
        made(path, tmp_path / "index")
    few[-1]["label"] = "y"  # the last row will do
    path.write_text("".join(json.dumps(row) + "\n" for row in few))
    made(path, tmp_path / "index").close()


@pytest.mark.parametrize("key", ["id", "nothing"])
def test_an_index_of_an_earlier_version(tmp_path: Path, key: str) -> None:
    """It took the wordiest column alone, and did not say so."""
    rows = [[key, "object", "remark"], *([f"A-{n}", "jug", f"broken {n}"] for n in range(1, 41))]
    path = write(tmp_path / "a.csv", rows)
    earlier = Columns(taken=Taken(("remark",), "id" if key == "id" else None))
    made(path, tmp_path / "index", columns=earlier).close()
    card = json.loads((tmp_path / "index/index.json").read_text())
    del card["taken"]
    (tmp_path / "index/index.json").write_text(json.dumps(card))
    rows.append(["", "bowl", "a remark that is much longer than all others"])
    write(path, rows)
    with made(path, tmp_path / "index") as index:
        assert index.text_of("A-7" if key == "id" else "7").text == "broken 7"
        assert len(index) == (40 if key == "id" else 41)
    taken = taken_by(tmp_path / "index")
    assert (taken["text"], taken["key"]) == (["remark"], "id" if key == "id" else None)


def test_vectors_hold_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows: list[dict[str, Any]] = [{"id": f"v{n}", "vector": [n, 1.0, 2.0]} for n in range(1, 41)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made(path, tmp_path / "index").close()
    rows.insert(3, {"vector": [0, 0, 0], "embeddings": [1, 2]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows)[:-9])
    with made(path, tmp_path / "index") as index:
        assert keys_of(index) == {f"v{n}" for n in range(1, 41)}
        assert (
            refused(index)["line 4"] == "has no list of numbers in 'vector'"
            or refused(index)["line 4"] == "has no key in 'id'"
        )
        assert refused(index)["line 41"].startswith("is broken JSON")
