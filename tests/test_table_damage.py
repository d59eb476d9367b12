"""Damage in a table: one row is refused, what is behind it is read, or stays as it was."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from texts_ import made

from aesearch.errors import SourceError
from aesearch.search.index import Index
from aesearch.sources import json_rows, lines, separated
from aesearch.sources.form import Form
from aesearch.sources.record import Refused
from aesearch.sources.rows import Row, read_table
from aesearch.sources.separated import separated_records

COUNT = 300


def table(changes: dict[int, str] | None = None) -> str:
    """Rows of ids and texts, some of them in other words."""
    rows = [f"{n},item {n} about {WORDS[n % 2]} topic{n}" for n in range(1, COUNT + 1)]
    for number, row in (changes or {}).items():
        rows[number - 1] = row
    return "id,text\n" + "\n".join(rows) + "\n"


WORDS = ("an engine", "a satellite")


def json_table(count: int = COUNT) -> list[str]:
    draw = random.Random(0)
    rows = []
    for n in range(count):
        noise = " ".join(str(draw.random()) for _ in range(20))
        text = f"document {n} about {WORDS[n % 2]} {noise}"
        rows.append(json.dumps({"id": f"d{n}", "text": text}) + "\n")
    return rows


def read(path: Path, content: str | bytes) -> tuple[list[str], list[Refused]]:
    """The keys of the rows that are read, and the rows that are refused."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    rows = list(read_table(path))
    keys = [row.key for row in rows if isinstance(row, Row)]
    return keys, [row for row in rows if isinstance(row, Refused)]


def synced(path: Path, before: str | bytes, after: str | bytes, place: Path) -> Index:
    """An index of a file, brought up to date after the file became another."""
    path.write_bytes(before.encode() if isinstance(before, str) else before)
    index = made(path, place)
    path.write_bytes(after.encode() if isinstance(after, str) else after)
    index.sync()
    return index


def told(index: Index) -> dict[str, str]:
    return {file.key: file.reason for file in index.folder.skipped()}


# -- quotation marks ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {100: '100,"Best of all: item 100 about a piano'},
        {100: '100,"Best of all', 101: '101,"Second best', 102: '102,"Third'},
        {100: '100,"Best of all', 200: '200,"a quoted, and whole one"'},
        {100: '100,"Best of all', 103: '103,"He said ""no"", twice"'},
        {
            100: '100,"He said "hello", and left',
            250: '250,"in',
        },
        {1: '1,"the first'},
    ],
)
def test_a_stray_quotation_mark_takes_its_row_alone(
    tmp_path: Path, changes: dict[int, str]
) -> None:
    keys, refused = read(tmp_path / "a.csv", table(changes))
    assert {int(row.key) for row in refused} <= changes.keys()
    assert [row.line for row in refused] == [int(row.key) + 1 for row in refused]
    assert len(refused) >= 1
    assert {int(key) for key in keys} == {*range(1, COUNT + 1)} - {int(r.key) for r in refused}
    assert not any(row.hides for row in refused)
    index = synced(tmp_path / "a.csv", table(), table(changes), tmp_path / "index")
    assert len(index) == COUNT
    assert index.text_of("299").text == "item 299 about a satellite topic299"
    assert set(told(index)) == {f"line {row.line}" for row in refused}
    index.close()


def test_quotation_marks_that_are_not_doubled(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,"He said "hello" to me"\n2,"a ""b"" c"\n4,5" pipe\n5,"x, "y", z"\n')
    assert list(read_table(path)) == [
        Row("1", 'He said hello" to me"'),
        Row("2", 'a "b" c'),
        Row("4", '5" pipe'),
        Refused(5, "has a quotation mark out of place"),
    ]


def test_a_quotation_mark_behind_which_nothing_can_be_told(tmp_path: Path) -> None:
    before = "text\n" + "".join(f"a text, number {n}\n" for n in range(1, 51))
    after = before.replace("a text, number 20\n", '"a text, number 20\n')
    keys, refused = read(tmp_path / "a.csv", after)
    assert keys == [str(n) for n in range(1, 20)]
    assert [(row.line, row.reason) for row in refused] == [
        (21, "opens a quotation that never ends, up to line 51")
    ]
    index = synced(tmp_path / "a.csv", before, after, tmp_path / "index")
    assert len(index) == 50
    assert set(told(index)) == {"line 21"}
    index.close()


def test_a_text_of_several_lines_that_breaks_off(tmp_path: Path) -> None:
    letter = '"Dear Sir,\nhere is what you, and we, ask\nfor; it is enough\n'
    keys, refused = read(tmp_path / "a.csv", f'id,text\n1,"one\ntwo"\n2,three\n7,{letter}')
    assert keys == ["1", "2"]
    assert [(row.line, row.hides, row.key) for row in refused] == [(5, True, "7")]


# -- what breaks off ----------------------------------------------------------------------------


def zstd(content: bytes) -> bytes:
    try:
        from compression import zstd as module
    except ImportError:
        module = pytest.importorskip("backports.zstd")
    packed: bytes = module.compress(content)
    return packed


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": lambda content: bz2.compress(content, 1),
    ".xz": lzma.compress,
    ".zst": zstd,
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("kind", ["jsonl", "csv", "json"])
def test_half_a_download_removes_nothing(tmp_path: Path, packing: str, kind: str) -> None:
    rows = json_table(1500)
    if kind == "csv":
        rows = ["id,text\n", *(f"d{n},{json.loads(row)['text']}\n" for n, row in enumerate(rows))]
    content = "[" + ",\n".join(rows) + "]" if kind == "json" else "".join(rows)
    path = tmp_path / f"a.{kind}{packing}"
    whole = PACKINGS[packing](content.encode())
    keys, refused = read(path, whole)
    assert not refused
    for damaged in (whole[: len(whole) // 2], whole[:-30] + bytes(20) + whole[-10:]):
        some, refused = read(path, damaged)
        assert some == keys[: len(some)]
        assert len(refused) == 1
        assert refused[0].hides
        assert "what follows cannot be read" in refused[0].reason
        assert read_table(path).columns


def test_what_follows_the_damage_stays(tmp_path: Path) -> None:
    rows = json_table()
    whole = gzip.compress("".join(rows).encode(), 1)
    half = whole[: len(whole) // 2]
    index = synced(tmp_path / "a.jsonl.gz", whole, half, tmp_path / "index")
    assert len(index) == COUNT
    assert [reason for reason in told(index).values() if "damaged: " in reason]
    rows[0] = rows[0].replace("document", "violin")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress("".join(rows[:-1]).encode()))
    counts = index.sync()
    assert (counts["changed"], counts["removed"]) == (1, 1)  # now it is whole, and one is gone
    assert told(index) == {}
    index.close()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", "".join(json_table(20))[:-100], "is broken JSON: "),
        (
            "a.csv",
            table()[:-60] + "\n298",
            "has 1 fields, and the header 2: the file ends within it",
        ),
        ("a.json", "[" + ",".join(json_table(20))[:-100], "is broken JSON: "),
        ("a.json", "[" + ",".join(json_table(20)), "breaks off: the array is never closed"),
    ],
)
def test_a_last_row_that_is_half_there(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    _, refused = read(tmp_path / name, content)
    assert refused[0].reason.startswith(reason)
    assert refused[0].hides


def test_a_table_that_ends_within_its_last_text(tmp_path: Path) -> None:
    cut = table()[: table().index(" about", 5000)]
    index = synced(tmp_path / "a.csv", table(), cut, tmp_path / "index")
    assert len(index) == COUNT
    reason = "may be cut: the file ends within this line, as it did not before"
    assert list(told(index).values()) == [reason]
    index.close()
    never = synced(tmp_path / "b.csv", table()[:-1], table()[:-1], tmp_path / "never")
    assert told(never) == {}
    never.close()


@pytest.mark.parametrize("begin", [3000, 9000])
def test_a_block_of_zero_bytes(tmp_path: Path, begin: int) -> None:
    content = table().encode()
    zeros = min(512, len(content) - begin)
    damaged = content[:begin] + bytes(zeros) + content[begin + zeros :]
    index = synced(tmp_path / "a.csv", content, damaged, tmp_path / "index")
    assert len(index) == COUNT
    assert "holds a block of zero bytes" in told(index).values()
    assert index.text_of("300").text == "item 300 about an engine topic300"
    index.close()
    rows = "".join(json_table(20)).encode()
    keys, refused = read(tmp_path / "a.jsonl", rows[:900] + bytes(4096) + rows[900:])
    assert len(keys) == 19
    assert [(row.reason, row.hides) for row in refused] == [("holds a block of zero bytes", True)]


def test_a_row_that_cannot_be_read_is_not_gone(tmp_path: Path) -> None:
    rows = json_table(40)
    after = list(rows)
    after[7] = after[7][:-3] + "\n"  # broken
    after[9] = after[9].replace("document", "d\xe9cembre")
    del after[20]
    path = tmp_path / "a.jsonl"
    raw = "".join(after).encode("latin-1")
    index = synced(path, "".join(rows), raw, tmp_path / "index")
    assert set(told(index)) == {"line 8", "line 10"}
    assert told(index)["line 10"] == "is not UTF-8"
    assert "d7" in index.folder.ids_of(["d7", "d9", "d20"])
    assert "d9" in index.folder.ids_of(["d7", "d9", "d20"])
    assert "d20" not in index.folder.ids_of(["d20"])
    index.close()


# -- what is too large --------------------------------------------------------------------------


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (json_rows, lines, separated):
        monkeypatch.setattr(module, "LONGEST_LINE", 2000)


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize(
    "huge",
    [
        '"' + "".join(f"{n},line of the huge field\n" for n in range(400)) + '"',
        '"' + "words, " * 2000 + '"',
        "words " * 2000,
        '"' + "words, " * 2000 + '\nand, more\n"',
        '"' + "a b c,\n".replace('"', '""') * 900 + '"',
    ],
)
def test_a_field_above_the_limit(tmp_path: Path, huge: str) -> None:
    good = "".join(f'{n},"good row {n}, about pianos"\n' for n in range(3, 50))
    keys, refused = read(tmp_path / "a.csv", f'id,text\n1,"first"\n2,{huge}\n{good}')
    assert keys == ["1", *map(str, range(3, 50))]
    assert [(row.line, row.key, row.hides) for row in refused] == [(3, "2", False)]
    assert refused[0].reason.startswith("is too large: ")


@pytest.mark.usefixtures("small_limit")
def test_a_stray_quotation_mark_in_a_large_table(tmp_path: Path) -> None:
    keys, refused = read(tmp_path / "a.csv", table({100: '100,"Best of all'}))
    assert len(keys) == COUNT - 1
    assert [(row.line, row.key) for row in refused] == [(101, "100")]


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_large_row_of_json(tmp_path: Path, name: str) -> None:
    rows = [json.dumps({"id": n, "text": "words " * (2000 if n == 3 else 2)}) for n in range(9)]
    content = "\n".join(rows) if name == "a.jsonl" else f"[{', '.join(rows)}]"
    keys, refused = read(tmp_path / name, content)
    assert keys == ["0", "1", "2", "4", "5", "6", "7", "8"]
    assert [row.line for row in refused] == [4]


def test_zero_bytes_and_binary_files(tmp_path: Path) -> None:
    keys, refused = read(tmp_path / "a.csv", b"id,text\n1,first\0 orbit\n2,second engine\n")
    assert (keys, refused) == (["1", "2"], [])
    for content in (bytes(100), bytes(range(256)) * 20):
        (tmp_path / "b.csv").write_bytes(content)
        with pytest.raises(SourceError, match="is binary"):
            read_table(tmp_path / "b.csv")


# -- parquet ------------------------------------------------------------------------------------


def test_damage_in_a_parquet_file(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [json.loads(row) for row in json_table(400)]
    path = tmp_path / "a.parquet"
    parquet.write_table(
        pyarrow.Table.from_pylist(rows),
        path,
        row_group_size=100,
        compression="gzip",
        use_dictionary=False,
    )
    where = parquet.ParquetFile(path).metadata.row_group(1).column(1)
    begin = where.data_page_offset + where.total_compressed_size // 2
    content = bytearray(path.read_bytes())
    content[begin : begin + 200] = bytes(200)
    keys, refused = read(path, bytes(content))
    assert {f"d{n}" for n in (*range(100), *range(200, 400))} <= set(keys)
    assert [(row.place, row.hides) for row in refused] == [("row 101", True)]


@pytest.mark.parametrize("cell", ['"boat 3,wind 3', 'boat 3,"wind 3'])
def test_two_stray_quotation_marks_that_close_well_take_one_row(tmp_path: Path, cell: str) -> None:
    rows = [f"r{n},boat {n},wind {n}" for n in range(12)]
    rows[3], rows[7] = f"r3,{cell}", 'r7,boat 7,wind 7"'
    path = tmp_path / "t.csv"
    path.write_text("id,object,remark\n" + "\n".join(rows) + "\n")
    header: list[str] = []
    with path.open(newline="") as lines:
        found = list(separated_records(iter(lines), header, Form()))
    assert [one.line for one in found] == list(range(2, 14))
    refused = [one for one in found if isinstance(one, Refused)]
    assert [(one.line, one.reason) for one in refused] == [
        (5, "opens a quotation that does not end in it")
    ]
