"""Rows of tables become documents, and rows that cannot be used become reasons."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aesearch.errors import ParameterError, SourceError
from aesearch.modalities.notes import collected_notes
from aesearch.sources import json_rows, lines, separated
from aesearch.sources.open import open_source
from aesearch.sources.record import Refused
from aesearch.sources.records import is_table
from aesearch.sources.rows import Row, columns_of, read_table


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def json_lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def rows_of(path: Path, **columns: Any) -> list[Row]:
    rows = list(read_table(path, **columns))
    assert all(isinstance(row, Row) for row in rows), rows
    return rows  # type: ignore[return-value]


def refused(rows: Iterator[Row | Refused]) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in rows if isinstance(row, Refused)]


# -- names and forms ----------------------------------------------------------------------------


def test_tables_by_their_suffix() -> None:
    for name in (
        "a.csv",
        "B.TSV",
        "c.jsonl",
        "d.ndjson",
        "x/e.jsonl.gz",
        "f.ndjson.gz",
        "g.csv.gz",
        "h.json",
        "i.csv.bz2",
        "j.jsonl.xz",
        "k.tsv.zst",
    ):
        assert is_table(name)
    for name in ("a.txt", "b.json.zip", "c.gz", "csv", "d.csv.zip"):
        assert not is_table(name)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv", "a.tsv.gz"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(tmp_path: Path, name: str, delimiter: str, end: str) -> None:
    lines = (
        ["id", "label", "text"],
        ["7", "a", "Of whales; of birds, or the like"],
        ["8", "b", "x|y"],
    )
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator=end).writerows(lines)
    path = write(tmp_path, name, stream.getvalue())
    assert columns_of(path) == ("id", "label", "text")
    assert rows_of(path) == [
        Row("7", "Of whales; of birds, or the like", "a"),
        Row("8", "x|y", "b"),
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz", "a.NDJSON.gz"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, "\n" + json_lines({"id": 7, "text": "Of whales\r\n or 鯨"}) + "\n")
    assert rows_of(path) == [Row("7", "Of whales\n or 鯨", "")]
    assert columns_of(path) == ("id", "text")


def test_quotes_delimiters_and_line_ends_within_fields(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'id,text\r\n1,"a ""b"", c\r\n\r\nd"\r\n2,5" pipe\r\n')
    assert rows_of(path) == [Row("1", 'a "b", c\n\nd'), Row("2", '5" pipe')]


def test_one_column_with_commas(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "review\nGood, really; good\n\nBad\t| bad\n")
    assert rows_of(path) == [Row("1", "Good, really; good"), Row("2", "Bad\t| bad")]


def test_tabs_with_quotation_marks_that_are_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", 'id\ttext\n1\t"Never\n2\tmind\n3\t"he said\n4\t"x" y\n')
    assert [row.text for row in rows_of(path)] == ['"Never', "mind", '"he said', '"x" y']
    path = write(tmp_path, "b.tsv", 'id\ttext\n1\t"a\nb"\n2\t"c\td"\n')
    assert [row.text for row in rows_of(path)] == ["a\nb", "c\td"]


def test_a_very_long_field(tmp_path: Path) -> None:
    long = "words, " * 100_000
    path = write(tmp_path, "a.csv", f'id,text\n1,"{long}"\n2,b\n')
    assert [len(row.text) for row in rows_of(path)] == [len(long) - 1, 1]


# -- encodings ----------------------------------------------------------------------------------

CHINESE = "人工智能正在改变我们的生活。昨天，北京举行了一场会议。"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"])
@pytest.mark.parametrize("count", [3, 20_000])
def test_encodings(tmp_path: Path, encoding: str, count: int) -> None:
    lines = "".join(f"{number},{CHINESE}\r\n" for number in range(count))
    path = write(tmp_path, "a.csv", ("id,text\r\n" + lines).encode(encoding))
    assert columns_of(path) == ("id", "text")
    assert rows_of(path) == [Row(str(number), CHINESE) for number in range(count)]


def test_an_odd_letter_far_behind(tmp_path: Path) -> None:
    lines = "".join(f"{number},plain words\n" for number in range(100_000))
    content = ("id,text\n" + lines + "x,Das Café schließt für heute\n").encode("latin-1")
    assert rows_of(write(tmp_path, "a.csv", content))[-1].text == "Das Café schließt für heute"


# -- columns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "text", "key", "label"),
    [
        ({"id": 1, "body": "b", "text": "t", "title": "T"}, ("title", "text"), "id", ""),
        ({"Title": "T", "Abstract": "a", "URL": "u"}, ("Title", "Abstract"), "URL", ""),
        ({"_id": 1, "content": "c", "description": "d"}, ("content",), "_id", ""),
        ({"n": 3, "note": "words"}, ("note",), "", ""),
        ({"label": "x", "review": "some words", "who": "me"}, ("review", "who"), "", "label"),
        ({"title": "the longest of all", "year": "1999"}, ("title", "year"), "", ""),
        ({"path": "p", "text": "t", "topic": "a", "target": 1}, ("text",), "path", "target"),
        ({"id": "only words"}, ("id",), "id", ""),
    ],
)
def test_columns_nobody_named(
    tmp_path: Path, row: dict[str, Any], text: tuple[str, ...], key: str, label: str
) -> None:
    rows = read_table(write(tmp_path, "a.jsonl", json_lines(row)))
    assert (rows.text, rows.key, rows.label) == (text, key, label)
    assert rows.columns == tuple(row)
    assert isinstance(next(rows), Row)
    as_csv = ",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n"
    rows = read_table(write(tmp_path, "a.csv", as_csv))
    assert (rows.text, rows.key, rows.label) == (text, key, label)


def test_columns_that_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "id,a,b,text\n1,x,y,z\n2,,v,w\n3,  ,,\n")
    rows = list(read_table(path, text=("b", "a"), key="text", label="id"))
    assert rows == [
        Row("z", "y\n\nx", "1"),
        Row("w", "v", "2"),
        Refused(4, "has no text in 'b' or 'a'"),
    ]


@pytest.mark.parametrize("named", [{"text": ("text", "nix")}, {"key": "nix"}, {"label": "nix"}])
def test_columns_that_are_not_there(tmp_path: Path, named: dict[str, Any]) -> None:
    path = write(tmp_path, "a.csv", "id,text\n1,x\n")
    with pytest.raises(ParameterError) as caught:
        read_table(path, **named)
    assert str(caught.value) == f"{path} has no column 'nix'; it has id, text"


def test_a_key_column_that_repeats_is_passed_over_unless_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "id,url,text\n1,u,a\n1,v,b\n")
    assert [row.key for row in rows_of(path)] == ["u", "v"]
    path = write(tmp_path, "b.csv", "id,text\n1,a\n1,b\n")
    assert [row.key for row in rows_of(path)] == ["1", "2"]
    rows = read_table(path, key="id")
    assert list(rows) == [Row("1", "a"), Refused(3, "has the key '1' of line 2")]


def test_keys_that_repeat_far_behind(tmp_path: Path) -> None:
    lines = json_lines(*({"id": number % 150, "text": "x"} for number in range(152)))
    rows = list(read_table(write(tmp_path, "a.jsonl", lines)))
    assert len({row.key for row in rows if isinstance(row, Row)}) == 150
    assert refused(iter(rows)) == [
        (151, "has the key '0' of line 1"),
        (152, "has the key '1' of line 2"),
    ]


def test_values_that_are_no_strings(tmp_path: Path) -> None:
    lines = json_lines(
        {"id": 1.5, "text": ["one", "two", None], "label": 3},
        {"id": "a\nb", "text": 17, "label": True},
        {"id": None, "text": "x"},
        {"id": {"deep": 1}, "text": "x"},
        {"id": "c", "text": {"deep": 1}},
        {"id": "d", "text": "half \ud800, bell \u0007, zero \u0000."},
    )
    rows = list(read_table(write(tmp_path, "a.jsonl", lines), key="id"))
    assert rows[:2] == [Row("1.5", "one\ntwo", "3"), Row("a b", "17", "true")]
    assert refused(iter(rows)) == [
        (3, "has no key in 'id'"),
        (4, "has no key in 'id'"),
        (5, "has no text in 'text'"),
    ]
    assert rows[5] == Row("d", "half ?, bell  , zero  .", "")


# -- rows that cannot be used -------------------------------------------------------------------


def test_broken_json_never_stops_the_reading(tmp_path: Path) -> None:
    lines = ['{"text": "a"}', '{"text": "b"', "", "[1]", '"x"', "1" * 5000, "[" * 100_000, "{}"]
    path = write(tmp_path, "a.jsonl", "\n".join([*lines, '{"text": "z"}']))
    rows = list(read_table(path))
    assert [row for row in rows if isinstance(row, Row)] == [Row("1", "a"), Row("8", "z")]
    found = dict(refused(iter(rows)))
    assert found[2].startswith("is broken JSON: Expecting ',' delimiter, at column")
    assert found[4] == found[5] == "is no JSON object"
    assert found[6].startswith("is broken JSON: ")
    assert found[7].startswith("is broken JSON: ")
    assert found[8] == "has no text in 'text'"
    assert len(found) == 6


def test_ragged_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a.csv",
        'id,text,label,note\n1,a,x,y\n2,Hello, world,x,y\n3,b\n4,c,x\n5,d,x,y,,\n6,"e\nf",x,y\n7\n',
    )
    assert list(read_table(path)) == [
        Row("1", "a", "x"),
        Refused(3, "has 5 fields, and the header 4"),
        Refused(4, "has 2 fields, and the header 4"),
        Row("4", "c", "x"),  # all that is used is there
        Row("5", "d", "x"),  # as spreadsheets write them
        Row("6", "e\nf", "x"),
        Refused(9, "has 1 fields, and the header 4"),
    ]


def test_a_quotation_that_never_ends(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'id,text\n1,a\n2,"b\n3,c\n4,d\n')
    assert list(read_table(path)) == [
        Row("1", "a"),
        Refused(3, "opens a quotation that never ends"),
        Row("3", "c"),
        Row("4", "d"),
    ]
    path = write(tmp_path, "b.csv", 'id,text\n1,a\n2,"b\n"\n')
    assert rows_of(path)[1] == Row("2", "b")


def test_fields_and_lines_that_are_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (json_rows, lines, separated):
        monkeypatch.setattr(module, "LONGEST_LINE", 1000)
    before = csv.field_size_limit()
    try:
        path = write(tmp_path, "a.csv", f"id,text\n1,a\n2,{'b' * 2000}\n3,c\n")
        rows = list(read_table(path))
    finally:
        csv.field_size_limit(before)
    assert [row for row in rows if isinstance(row, Row)] == [Row("1", "a"), Row("3", "c")]
    assert refused(iter(rows)) == [(3, "is too large: 0 MiB are allowed")]
    content = json_lines({"text": "a"}, {"text": "b" * 2000}, {"text": "c"})
    rows = list(read_table(write(tmp_path, "a.jsonl", content)))
    assert refused(iter(rows)) == [(2, "is too large: 32 MiB are allowed")]


def test_equal_names_in_a_header(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", " id ,text,text\n1,a,b\n")
    assert rows_of(path) == [Row("1", "a\n\nb")]
    rows = read_table(path)
    assert rows.columns == ("id", "text", "text (2)")
    assert rows_of(path, text=("text (2)",)) == [Row("1", "b")]


# -- files that cannot be used ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", "", "holds no rows"),
        ("a.csv", "id,text\n", "holds no rows"),
        ("a.jsonl", "\n\n", "holds no rows"),
        ("a.jsonl", "[1,\n2]\n", "holds no rows: line 1 is broken JSON: "),
        ("a.csv", "id,n\n1,2\n", "no column holds text; it has id, n"),
        ("a.csv", b"id,text\n1,\0\0\n2,\0\0\n3,\0", "is binary, not text"),
        ("a.jsonl", b"PK\x03\x04 and so on", "is binary, not text"),
        ("a.txt", "words", "is no table"),
    ],
)
def test_files_without_a_single_row(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(SourceError) as caught:
        read_table(path)
    assert str(caught.value).startswith(str(path))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SourceError, match="there is no file"):
        columns_of(tmp_path / "folder.csv")


def test_archives_that_are_none_or_end_early(tmp_path: Path) -> None:
    none = tmp_path / "a.jsonl.gz"
    none.write_bytes(b"\0\1" + gzip.compress(b'{"text": "a"}\n')[2:])
    with pytest.raises(SourceError, match="damaged: Not a gzipped file"):
        read_table(none)
    for name, content in (
        ("b.jsonl.gz", json_lines(*({"id": n, "text": f"{n * 7919}"} for n in range(90_000)))),
        ("b.csv.gz", "id,text\n" + "".join(f"{n},a{n * 7919}\n" for n in range(90_000))),
    ):
        path = write(tmp_path, name, content)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * 2 // 3])
        rows = list(read_table(path, text=("text",)))
        assert 10_000 < len(rows) < 90_000
        assert isinstance(rows[-1], Refused)
        assert "what follows cannot be read" in rows[-1].reason
        assert sum(isinstance(row, Refused) for row in rows) <= 2


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_what_is_compressed_is_seen_in_the_file(tmp_path: Path, name: str, suffix: str) -> None:
    """And not in its name: servers and browsers unpack, and leave the name."""
    content = b'{"text": "red apple"}\n' if name == "a.jsonl" else b"text\nred apple\n"
    (tmp_path / (name + suffix)).write_bytes(content)
    with collected_notes() as notes:
        (row,) = read_table(tmp_path / (name + suffix))
    assert row.text == "red apple"  # type: ignore[union-attr]
    said = f"{name}{suffix} is not compressed, as {suffix} says, and read as that"
    assert dict(notes) == {said: 1}


@pytest.mark.parametrize("name", ["a.csv", "a.csv.xz", "a.csv.zst", "A.CSV"])
@pytest.mark.parametrize(("packed", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_what_its_name_does_not_say_is_unpacked(
    tmp_path: Path, name: str, packed: str, pack: Callable[[bytes], bytes]
) -> None:
    (tmp_path / name).write_bytes(pack(b"text\nred apple\n"))
    with collected_notes() as notes:
        (row,) = read_table(tmp_path / name)
    assert row.text == "red apple"  # type: ignore[union-attr]
    assert dict(notes) == {f"{name} is compressed as {packed} and read as that": 1}


# -- standard input -----------------------------------------------------------------------------


def streams(content: str) -> list[Any]:
    raw = content.encode()
    return [io.BytesIO(raw), io.TextIOWrapper(io.BytesIO(raw)), io.StringIO(content, newline="")]


def test_lines_of_standard_input() -> None:
    for stream in streams("One document\r\n\n{two}, a\u2028document\nthree"):
        rows = read_table(None, stream)
        assert (rows.columns, rows.text, rows.key, rows.label) == ((), (), "", "")
        assert list(rows) == [
            Row("1", "One document"),
            Refused(2, "is empty"),
            Row("3", "{two}, a\u2028document"),
            Row("4", "three"),
        ]


def test_json_lines_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "\n " + json_lines(*({"id": n, "text": f"words {n}"} for n in range(1000)))
    for stream in streams(content):
        assert list(read_table(None, stream)) == [Row(str(n), f"words {n}") for n in range(1000)]
    monkeypatch.setattr("sys.stdin", streams(content)[1])
    assert len(list(read_table(None))) == 1000


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize("kind", ["auto", "texts"])
def test_standard_input_is_unpacked(
    pack: Callable[[bytes], bytes], buffered: bool, kind: str
) -> None:
    for content in ("one\ntwo\n", json_lines({"text": "one"}, {"text": "two"})):
        raw = io.BytesIO(pack(content.encode()))
        stream = io.TextIOWrapper(io.BufferedReader(raw)) if buffered else raw  # type: ignore[arg-type]
        source = open_source("-", stream=stream, kind=kind)
        assert [source.read(entry.key) for entry in source.walk()] == [b"one", b"two"]


def test_packed_vectors_on_standard_input() -> None:
    content = json_lines(*({"id": f"n{n}", "vector": [n, n * 7 % 11, 2]} for n in range(3000)))
    source = open_source("-", stream=io.BytesIO(gzip.compress(content.encode())))
    assert source.kind == "vectors"
    assert [entry.key for entry in source.walk()] == [f"n{n}" for n in range(3000)]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_what_was_packed_on_standard_input_breaks_off(pack: Callable[[bytes], bytes]) -> None:
    content = pack(json_lines(*({"text": f"{n * 7919}"} for n in range(90_000))).encode())
    source = open_source("-", stream=io.BytesIO(content[: len(content) * 2 // 3]))
    assert 10_000 < len(list(source.walk())) < 90_000
    assert "what follows cannot be read" in source.unreadable[-1][1]
    assert source.unseen(["90000"]) == ["90000"]  # it may be there
    source = open_source("-", stream=io.BytesIO(content[:20]))
    with pytest.raises(SourceError, match="damaged"):
        list(source.walk())


def test_lines_have_no_columns() -> None:
    with pytest.raises(ParameterError, match=r"standard input has no column 'text'; it has none"):
        read_table(None, io.BytesIO(b"words\n"), text=["text"])
    with pytest.raises(SourceError, match="standard input holds no rows"):
        read_table(None, io.BytesIO(b""))
    with pytest.raises(SourceError, match="standard input: is binary"):
        read_table(None, io.BytesIO(b"\0\0\0\n"))


# -- large ones ---------------------------------------------------------------------------------


def test_large_tables_are_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8") as stream:
        stream.write("title,text\n")
        stream.writelines(f'{number},"{"words, " * 2000}"\n' for number in range(3000))  # 40 MB
    tracemalloc.start()
    try:
        assert sum(len(row.text) > 13_000 for row in rows_of_once(path)) == 3000
        assert tracemalloc.get_traced_memory()[1] < 15 << 20
    finally:
        tracemalloc.stop()


def rows_of_once(path: Path) -> Iterator[Row]:
    for row in read_table(path):
        assert isinstance(row, Row)
        yield row
