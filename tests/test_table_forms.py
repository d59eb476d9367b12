"""Small tables as spreadsheets and programs write them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from texts_ import made

from aesearch.errors import ParameterError, SourceError
from aesearch.modalities.notes import collected_notes
from aesearch.sources.columns import Columns
from aesearch.sources.record import Refused
from aesearch.sources.rows import Row, read_table


def rows_of(path: Path, content: str | bytes, **columns: Any) -> list[Row | Refused]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_table(path, **columns))


def json_rows(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_that_names_the_delimiter(tmp_path: Path, first: str, end: str) -> None:
    lines = [first, "id;text", "1;first, satellite", "2", "3;a;b"]
    rows = rows_of(tmp_path / "a.csv", end.join(lines) + end)
    assert rows == [
        Row("1", "first, satellite"),
        Refused(4, "has 1 fields, and the header 2"),
        Refused(5, "has 3 fields, and the header 2"),
    ]


def test_no_heading(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    content = "1,first satellite orbit\n2,second engine wing\n3,third layer\n"
    texts = ["first satellite orbit", "second engine wing", "third layer"]
    assert [row.text for row in rows_of(path, content)] == texts  # type: ignore[union-attr]
    named = Columns(("2",), "1", header=False)
    assert [row.key for row in read_table(path, columns=named)] == ["1", "2", "3"]
    words = "one,first satellite\ntwo,second engine\n"
    assert len(rows_of(path, words)) == 1  # that this is no heading nobody can know
    assert rows_of(path, words, columns=Columns(("2",), "1", header=False)) == [
        Row("one", "first satellite"),
        Row("two", "second engine"),
    ]
    assert len(rows_of(path, content, columns=Columns(header=True))) == 2
    with pytest.raises(ParameterError, match="has no column 'text'; it has 1, 2"):
        read_table(path, columns=Columns(("text",), header=False))


def test_a_heading_with_years_is_one(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "a.csv", "country,2019,2020\nFrance,1,2\nSpain,3,4\n")
    assert [row.text for row in rows] == ["France", "Spain"]  # type: ignore[union-attr]


def test_a_heading_that_repeats(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "a.csv", "id,text\n1,one\nid,text\n2,two\n")
    assert rows == [Row("1", "one"), Refused(3, "repeats the heading"), Row("2", "two")]


# -- JSON ---------------------------------------------------------------------------------------

ITEMS = [{"id": 1, "text": "first ],{ satellite"}, {"id": 2, "text": 'a "second" engine'}]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson", "-"])
@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_arrays(tmp_path: Path, name: str, indent: int | None, mark: str) -> None:
    content = (mark + json.dumps(ITEMS, indent=indent)).encode()
    if name == "-":
        rows = list(read_table(None, io.BytesIO(content)))
    else:
        rows = rows_of(tmp_path / name, content)
    assert rows == [Row("1", "first ],{ satellite"), Row("2", 'a "second" engine')]


def test_objects_over_several_lines(tmp_path: Path) -> None:
    content = "\n".join(json.dumps(item, indent=2) for item in ITEMS)
    assert len(rows_of(tmp_path / "a.jsonl", content)) == 2
    assert [row.key for row in rows_of(tmp_path / "a.json", json_rows(*ITEMS))] == ["1", "2"]  # type: ignore[union-attr]


def test_a_broken_item_of_an_array(tmp_path: Path) -> None:
    items = [
        {"id": n, "tags": [{"text": "no"}, {"text": "row"}], "text": f"t{n}"} for n in range(9)
    ]
    for indent in (None, 2):
        content = json.dumps(items, indent=indent).replace('"t4"', '"t4')
        rows = rows_of(tmp_path / "a.json", content)
        assert [row.key for row in rows if isinstance(row, Row)] == [*"0123", *"5678"]
        refused = [row for row in rows if isinstance(row, Refused)]
        assert [(row.place, row.hides) for row in refused] == [("item 5", True)]


@pytest.mark.parametrize(
    "content",
    ['{"status": "ok", "items": [{"text": "a"}, {"text": "b"}]}', '{"type": "x", "f": [{}, {}]}'],
)
def test_an_object_around_a_list(tmp_path: Path, content: str) -> None:
    for text in (content, json.dumps(json.loads(content), indent=2)):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(SourceError, match=r"is one JSON object with 2 others in '\w+'.*jq"):
            read_table(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("content", "others"),
    [
        ({str(n): {"text": "a", "n": n} for n in range(3)}, "3 others"),  # by their keys
        ({"id": {"0": 1, "1": 2, "2": 3}, "text": {"0": "a", "1": "b", "2": "c"}}, "2 others"),
    ],
)
def test_an_object_of_objects(tmp_path: Path, content: object, others: str) -> None:
    for indent in (None, 2):
        (tmp_path / "a.json").write_text(json.dumps(content, indent=indent))
        with pytest.raises(SourceError, match=f"is one JSON object of {others}.*jq.*records"):
            read_table(tmp_path / "a.json")


@pytest.mark.parametrize(
    "row",
    [
        {"data": {"text": "a", "title": "b", "more": "c"}},
        {"text": {"en": "a", "de": "b"}, "title": {"en": "c", "de": "d"}},
        {"id": 1, "data": {"text": "a"}, "more": {"text": "b"}},
        {"a": {}, "text": {}, "c": {}, "data": {"text": "x"}},
    ],
)
def test_a_single_row_with_objects_in_it(tmp_path: Path, row: object) -> None:
    (tmp_path / "a.json").write_text(json.dumps(row))
    assert len([*read_table(tmp_path / "a.json")]) == 1


def test_what_is_no_number_is_missing(tmp_path: Path) -> None:
    content = (
        '{"id":1,"text":"satellite","label":NaN}\n{"id":2,"text":NaN}\n{"id":Infinity,"text":"x"}\n'
    )
    assert rows_of(tmp_path / "a.jsonl", content, key="id") == [
        Row("1", "satellite", ""),
        Refused(2, "has no text in 'text'"),
        Refused(3, "has no key in 'id'"),
    ]


def test_nested_fields(tmp_path: Path) -> None:
    rows = [
        {"meta": {"id": n, "kind": "x"}, "data": {"title": f"T{n}", "text": f"first {n}"}}
        for n in range(3)
    ]
    path = tmp_path / "a.jsonl"
    found = rows_of(path, json_rows(*rows))
    assert found[1] == Row("1", "T1\n\nfirst 1")
    assert read_table(path).columns == ("meta.id", "meta.kind", "data.title", "data.text")
    named = rows_of(path, json_rows(*rows), text=("data.title",), key="meta.id", label="meta.kind")
    assert named[2] == Row("2", "T2", "x")
    chats = [{"id": 1, "turns": [{"say": "one boat"}, {"say": "two oars"}]}]
    assert rows_of(path, json_rows(*chats)) == [Row("1", "one boat\ntwo oars")]
    flat = [{"data.title": "flat", "data": {"title": "deep"}}]
    assert rows_of(path, json_rows(*flat), text=("data.title",)) == [Row("1", "flat")]


@pytest.mark.parametrize("late", [150, 1500])
def test_a_column_that_comes_late(tmp_path: Path, late: int) -> None:
    path = tmp_path / "t.jsonl"
    rows = [
        {"id": n, "text": f"t{n}", **({"label": "x"} if n >= late else {})} for n in range(1600)
    ]
    found = rows_of(path, json_rows(*rows), label="label")
    assert [row.label for row in found] == [""] * late + ["x"] * (1600 - late)  # type: ignore[union-attr]
    table = read_table(path)
    assert list(table)
    assert table.columns == ("id", "text", "label")
    with pytest.raises(ParameterError, match="has no column 'nix'; it has id, text, label"):
        list(read_table(path, label="nix"))


def test_a_line_that_is_not_utf_8(tmp_path: Path) -> None:
    for other in ("Café", "plain"):
        lines = [
            json.dumps({"id": n, "text": f"{other} {n}"}, ensure_ascii=False) for n in range(9)
        ]
        raw = "\n".join(lines).encode().replace(b" 4", b" \xff\xe9")
        rows = rows_of(tmp_path / "a.jsonl", raw)
        assert rows.pop(4) == Refused(5, "is not UTF-8")
        assert [row.text for row in rows] == [f"{other} {n}" for n in (*range(4), *range(5, 9))]  # type: ignore[union-attr]
    raw = "\n".join(lines).replace("plain", "Café").encode("latin-1")
    assert rows_of(tmp_path / "a.jsonl", raw)[3] == Row("3", "Café 3")  # all of it is in Latin-1


@pytest.mark.parametrize("indent", [None, 1])
def test_a_json_array_in_another_encoding(tmp_path: Path, indent: int | None) -> None:
    texts = [f"Das Café schließt um {n}, Vögel, Öl" if n % 2 else f"words {n}" for n in range(20)]
    items = [{"id": n, "text": text} for n, text in enumerate(texts)]
    raw = json.dumps(items, ensure_ascii=False, indent=indent).encode("latin-1")
    assert [row.text for row in rows_of(tmp_path / "a.json", raw)] == texts  # type: ignore[union-attr]
    # One in UTF-8 with a damaged item is not in Latin-1.
    raw = json.dumps(items, ensure_ascii=False, indent=indent).encode()
    rows = rows_of(tmp_path / "a.json", raw.replace(b"um 7, V\xc3", b"um 7, V\xff"))
    assert [row.reason for row in rows if isinstance(row, Refused)] == ["is not UTF-8"]
    assert len(rows) == 20


def test_lines_in_two_encodings(tmp_path: Path) -> None:
    lines = [f"{n},Das Café schließt um {n}\n" for n in range(40)]
    raw = b"id,text\n" + b"".join(
        line.encode("cp1252" if number % 10 == 0 else "utf-8") for number, line in enumerate(lines)
    )
    found = rows_of(tmp_path / "a.csv", raw)
    assert [row.text for row in found] == [f"Das Café schließt um {n}" for n in range(40)]  # type: ignore[union-attr]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8-sig", "utf-16"])
def test_wide_letters_and_marks(tmp_path: Path, encoding: str) -> None:
    content = 'id\ttext\r\n1\t"a, ""b""\r\nand ü"\r\n2\tc\r\n'.encode(encoding)
    assert rows_of(tmp_path / "a.tsv", content) == [Row("1", 'a, "b"\nand ü'), Row("2", "c")]


# -- short columns ------------------------------------------------------------------------------

INVENTORY = """inv_no,object,material,place,year,remark
1932.1,jug,silver,Delft,1650,handle broken
1932.2,bowl,porcelain,Jingdezhen,1720,
1932.3,clock,brass,London,1801,does not run
"""


def test_an_inventory_is_searched_by_all_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert rows_of(path, INVENTORY) == [
        Row("1932.1", "jug; silver; Delft; 1650; handle broken"),
        Row("1932.2", "bowl; porcelain; Jingdezhen; 1720"),
        Row("1932.3", "clock; brass; London; 1801; does not run"),
    ]
    assert rows_of(path, INVENTORY, text=("object", "place"))[0] == Row("1932.1", "jug\n\nDelft")
    with made(path, tmp_path / "index") as index:
        for words in ("silver", "Delft", "1650", "jug", "broken"):
            assert index.search(words, k=1)[0].key == "1932.1"
        assert index.search("1720", k=1)[0].key == "1932.2"


@pytest.mark.parametrize("name", ["inv_no", "Inv.-Nr.", "articleNumber", "Inventarnummer", "ISBN"])
def test_a_number_that_tells_all_rows_apart_is_the_key(tmp_path: Path, name: str) -> None:
    content = f"object,{name}\n" + "".join(f"jug,K{n}\n" for n in range(300))
    assert rows_of(tmp_path / "a.csv", content)[7] == Row("K7", "jug")
    rows = rows_of(tmp_path / "a.csv", content + "bowl,K7\n")  # it does not tell the last
    assert rows[7] == Row("8", "jug; K7")
    assert len([row for row in rows if isinstance(row, Row)]) == 301


def test_a_wordy_column_is_the_text_alone(tmp_path: Path) -> None:
    words = "a silver jug whose handle was broken, and mended by a smith of this town"
    content = "object,place,remark\n" + "".join(f"jug,Delft,{words} {n}\n" for n in range(9))
    content = content.replace(f"{words} 0", f'"{words} 0"').replace(", and", " and")
    rows = rows_of(tmp_path / "a.csv", content)
    assert rows[3].text == words.replace(", and", " and") + " 3"  # type: ignore[union-attr]


def test_years_before_1000_are_text_where_the_column_says_so(tmp_path: Path) -> None:
    path = tmp_path / "museum.csv"
    path.write_text("no,object,place,year\nB-1,dagger,Crete,-1500\nB-2,oil lamp,Rome,80\n")
    with made(path, tmp_path / "index") as index:
        assert index.text_of("B-1").text == "dagger; Crete; -1500"


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_name_that_stands_twice_in_an_object_is_two_columns(tmp_path: Path, name: str) -> None:
    objects = [
        '{"id": "a", "text": "red apple", "text": "green pear", "id": "x"}',
        '{"id": "b", "text": "blue plum"}',
        '{"id": "c", "text": "white nut", "in": {"n": 1, "n": 2}}',
    ]
    is_lines = name.endswith("l")
    content = "\n".join(objects) if is_lines else f"[{', '.join(objects)}]"
    with collected_notes() as notes:
        rows = rows_of(tmp_path / name, content)
    assert rows == [
        Row("a", "red apple\n\ngreen pear"),
        Row("b", "blue plum"),
        Row("c", "white nut"),
    ]
    assert dict(notes) == {
        f"'{twice}' stands twice in an object of JSON: the second is taken as '{twice} (2)'": 1
        for twice in ("text", "n")
    }
    (tmp_path / "a.csv").write_text("id,text,text,id\na,red apple,green pear,x\n")
    assert list(read_table(tmp_path / "a.csv")) == rows[:1]  # likewise
