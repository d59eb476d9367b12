"""Fields of items: columns of tables, a table beside files, EXIF; and searches narrowed by them."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_ import command
from conftest import make_picture
from PIL import Image

import aesearch
from aesearch.errors import ParameterError, SourceError
from aesearch.search.index import Index

NAMES = ("disks", "stripes", "squares")
AUGSBURG = {1: "N", 2: (48.0, 21.0, 59.4), 3: "E", 4: (10.0, 53.0, 40.6)}
SANTIAGO = {1: "S", 2: (33.0, 30.0, 0.0), 3: b"W", 4: (70.0, 30.0, 0.0)}


def save(path: Path, seed: int, taken: str = "", place: Mapping[int, Any] | None = None) -> None:
    """Write a picture that says when and where it was taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = Image.Exif()
    if taken:
        tags[0x8769] = {0x9003: taken}
    if place:
        tags[0x8825] = dict(place)
    Image.fromarray(make_picture(NAMES[seed % 3], seed)).save(path, exif=tags)


def write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six pictures in two folders."""
    root = tmp_path / "photos"
    save(root / "a/One.jpg", 1, "2012:05:03 10:11:12", AUGSBURG)
    save(root / "a/two.jpg", 2, "2020:01:01 00:00:00", SANTIAGO)
    save(root / "b/Gr\u00f6\u00dfe.jpg", 3, "0000:00:00 00:00:00")
    save(root / "b/four.png", 4)
    save(root / "b/five.jpg", 5)
    save(root / "six.jpg", 6)
    return root


INVENTORY = [
    {"inv": "1", "file": "ONE.JPG", "year": "1650", "place": "Augsburg", "Date of gift": ""},
    {"inv": "2", "file": "a\\two.jpg", "year": "1700", "place": "New York", "Date of gift": "1901"},
    {"inv": "3", "file": unicodedata.normalize("NFD", "gr\u00f6\u00dfe.jpg"), "year": "1750"},
    {"inv": "4", "file": "four", "year": "about 1800", "place": "ulm"},
    {"inv": "5", "file": "gone.jpg", "year": "1900", "place": "Ulm"},
    {"inv": "6", "file": "one.jpg", "year": "1999", "place": "twice"},
]


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    return write_table(tmp_path / "inventory.csv", INVENTORY)


def met(index: Index, where: str) -> list[str]:
    return sorted(item.key for item in index.items(where=where))


# -- a table beside files --------------------------------------------------------------------------


def test_a_table_says_something_of_pictures(photos: Path, inventory: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "index")
    words = ("index", str(photos), "--index", place, "--budget", "0")
    made = command(*words, "--metadata", str(inventory), "--key", "file", "--json")
    assert (made.code, made.err) == (0, "")
    told = json.loads(made.out)["metadata"]
    assert told == {
        "key": "file",
        "files": 6,
        "with_a_row": 4,
        "alone": 1,
        "repeated": 1,
        "unread": 0,
    }
    with aesearch.open(place) as index:
        assert met(index, "year < 1700 and place = augsburg") == ["a/One.jpg"]
        assert met(index, "inv = 3") == ["b/Gr\u00f6\u00dfe.jpg"]
        assert met(index, "place in (ulm, 'new york')") == ["a/two.jpg", "b/four.png"]
        assert met(index, '"Date of gift" = 1901') == ["a/two.jpg"]
        assert index.fields_of(["a/One.jpg"])["a/One.jpg"]["year"] == "1650"
        hits = index.search(photos / "six.jpg", k=3, where="year >= 1650")
        assert {hit.key for hit in hits} == {"a/One.jpg", "a/two.jpg", "b/Gr\u00f6\u00dfe.jpg"}
        assert index.info().fields["place"] == ["Augsburg", "New York", "ulm"]
    again = command(*words)
    assert again.code == 0
    assert "4 of 6 pictures have a row (by 'file'); 1 row has no picture" in again.out


def test_what_changes_in_the_table_is_followed(
    photos: Path, inventory: Path, tmp_path: Path
) -> None:
    place = tmp_path / "index"
    with aesearch.build(photos, place, budget=0, metadata=inventory, metadata_key="file") as index:
        assert met(index, "year = 1650") == ["a/One.jpg"]
        write_table(inventory, [{**INVENTORY[0], "year": "1651"}, *INVENTORY[2:5]])
        save(photos / "gone.jpg", 7)
        index.sync()
        assert met(index, "year = 1651") == ["a/One.jpg"]
        assert met(index, "year in (1650, 1700)") == []
        assert met(index, "year = 1900") == ["gone.jpg"]
    (photos / "six.jpg").unlink()
    with aesearch.build(photos, place) as index:  # the table is in the card
        assert met(index, "year = 1651") == ["a/One.jpg"]


@pytest.mark.parametrize("damage", ["away", "cut off", "no rows", "another", "no such column"])
def test_a_table_that_is_of_no_use_changes_nothing(
    damage: str, photos: Path, inventory: Path, tmp_path: Path
) -> None:
    words = ("index", str(photos), "--index", str(tmp_path / "index"), "--budget", "0")
    assert command(*words, "--metadata", str(inventory), "--key", "file").code == 0
    content = inventory.read_text(encoding="utf-8")
    if damage == "away":
        inventory.unlink()
    elif damage == "cut off":
        inventory.write_text(f'{content}7,"a/two.jp', encoding="utf-8")
    elif damage == "no rows":
        inventory.write_text("", encoding="utf-8")
    elif damage == "another":
        write_table(inventory, [{**row, "file": f"x{n}"} for n, row in enumerate(INVENTORY)])
    else:
        write_table(inventory, [{"picture": "a/two.jpg", "year": "1"}])
    save(photos / "seven.jpg", 7)
    again = command(*words)
    assert again.code == 3
    assert "the fields stay as they were" in again.err
    assert str(inventory) in " ".join(again.err.split())
    with aesearch.open(tmp_path / "index") as index:
        assert met(index, "year = 1650") == ["a/One.jpg"]
        assert len(index) == 7


def test_a_table_is_let_go_of(photos: Path, inventory: Path, tmp_path: Path) -> None:
    words = ("index", str(photos), "--index", str(tmp_path / "index"), "--budget", "0")
    assert command(*words, "--metadata", str(inventory)).code == 0
    assert command(*words, "--metadata", str(inventory), "--no-metadata").code == 2
    inventory.unlink()
    again = command(*words, "--no-metadata")
    assert (again.code, again.err) == (0, "")
    assert "have a row" not in again.out
    with aesearch.open(tmp_path / "index") as index:
        assert met(index, "exif.date > 1900") == ["a/One.jpg", "a/two.jpg"]
        with pytest.raises(ParameterError, match="no field 'year'"):
            index.count(where="year > 0")
    assert command(*words).code == 0


def test_the_column_that_fits_is_found(photos: Path, inventory: Path, tmp_path: Path) -> None:
    with aesearch.build(photos, tmp_path / "index", budget=0, metadata=inventory) as index:
        assert index.folder.card.metadata is not None
        assert met(index, "inv = 1") == ["a/One.jpg"]


def test_names_that_two_files_have_are_no_names(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for n, key in enumerate(("a/x.jpg", "b/x.jpg", "c/y.jpg", "c/y.png")):
        save(root / key, n)
    table = write_table(
        tmp_path / "t.csv",
        [{"file": name, "no": str(n)} for n, name in enumerate(("x.jpg", "B/X.jpg", "y", "y.png"))],
    )
    with aesearch.build(root, tmp_path / "index", budget=0, metadata=table) as index:
        assert met(index, "no >= 0") == ["b/x.jpg", "c/y.png"]


def test_pages_have_the_row_of_their_file(tmp_path: Path) -> None:
    root = tmp_path / "scans"
    root.mkdir()
    pages = [Image.fromarray(make_picture("disks", seed)) for seed in range(3)]
    pages[0].save(root / "scan.tif", save_all=True, append_images=pages[1:])
    save(root / "other.jpg", 5)
    table = write_table(tmp_path / "t.csv", [{"file": "scan.tif", "year": "1650"}])
    with aesearch.build(root, tmp_path / "index", budget=0, metadata=table) as index:
        assert met(index, "year = 1650") == ["scan.tif", "scan.tif#2", "scan.tif#3"]


def test_a_table_says_something_of_documents(tmp_path: Path) -> None:
    root = tmp_path / "papers"
    root.mkdir()
    for n in range(4):
        (root / f"{n}.txt").write_text(f"the boat number {n} lies in the harbour", encoding="utf-8")
    table = tmp_path / "t.jsonl"
    table.write_text("".join(f'{{"name": "{n}.txt", "no": {n}}}\n' for n in range(3)))
    with aesearch.build(root, tmp_path / "index", budget=0, metadata=table) as index:
        assert sorted(hit.key for hit in index.search("boat harbour", where="no > 0")) == [
            "1.txt",
            "2.txt",
        ]
        assert index.similar("3.txt", k=1, where="no = 2")[0].fields == {"name": "2.txt", "no": 2}


def test_what_is_refused_at_once(photos: Path, inventory: Path, tmp_path: Path) -> None:
    place = tmp_path / "index"
    with pytest.raises(ParameterError, match="has no column 'nope'; it has inv, file"):
        aesearch.build(photos, place, budget=0, metadata=inventory, metadata_key="nope")
    with pytest.raises(SourceError, match="there is no file"):
        aesearch.build(photos, place, budget=0, metadata=tmp_path / "none.csv")
    with pytest.raises(ParameterError, match="name that table, too"):
        aesearch.build(photos, place, budget=0, metadata_key="file")
    with pytest.raises(ParameterError, match="has columns of its own"):
        aesearch.build(inventory, place, budget=0, metadata=inventory)
    assert not place.exists()


# -- EXIF ------------------------------------------------------------------------------------------


def test_when_and_where_pictures_were_taken(photos: Path, tmp_path: Path) -> None:
    with aesearch.build(photos, tmp_path / "index", budget=0) as index:
        assert met(index, "exif.date < 2015") == ["a/One.jpg"]
        assert met(index, "exif.date = 2012-05-03T10") == ["a/One.jpg"]
        assert met(index, "exif.date > 1900 and exif.latitude < 0") == ["a/two.jpg"]
        assert met(index, "exif.place = '48.36650,10.89461'") == ["a/One.jpg"]
        assert index.fields_of(["a/two.jpg"]) == {
            "a/two.jpg": {
                "exif.date": "2020-01-01T00:00:00",
                "exif.place": "-33.50000,-70.50000",
                "exif.latitude": -33.5,
                "exif.longitude": -70.5,
            }
        }
        assert index.search(photos / "six.jpg", k=1)[0].fields is None
        save(photos / "six.jpg", 8, "1999:12:31 23:59:59")
        index.sync()
        assert met(index, "exif.date = 1999-12-31") == ["six.jpg"]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # as they are where nothing is tested
@pytest.mark.parametrize("tags", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"\xff" * 99])
def test_damaged_tags_say_nothing(tags: bytes, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for n in range(3):
        Image.fromarray(make_picture("disks", n)).save(root / f"{n}.jpg", exif=tags)
    with aesearch.build(root, tmp_path / "index", budget=0) as index:
        assert len(index) == 3
        assert met(index, "exif.date > 0001") == []


# -- columns of tables -----------------------------------------------------------------------------


def test_columns_of_documents(tmp_path: Path) -> None:
    rows = [
        {"id": f"d{n}", "title": f"Title {n}", "text": f"the boat {n} lies in the harbour " * 9}
        | {"year": str(1600 + n), "lang": "de" if n % 2 else "en"}
        for n in range(6)
    ]
    table = write_table(tmp_path / "t.csv", rows)
    with aesearch.build(table, tmp_path / "index", budget=0) as index:
        hits = index.search("boat harbour", where="year > 1602 and lang = de")
        assert sorted(hit.key for hit in hits) == ["d3", "d5"]
        assert hits[0].fields is not None
        assert set(hits[0].fields) == {"id", "title", "year", "lang"}
        assert met(index, "title = 'title 4'") == ["d4"]
        assert met(index, "label = x or path = d2") == ["d2"]
        write_table(table, [{**row, "year": "1"} for row in rows])
        index.sync()
        assert index.count(where="year = 1") == 6
        with pytest.raises(ParameterError, match="no field 'date'"):
            index.count(where="date = 2020")


def test_columns_of_vectors(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(30, 8))
    lines = [
        json.dumps({"id": f"v{n}", "vector": vector.tolist(), "page": n, "in": {"shelf": n % 3}})
        for n, vector in enumerate(vectors)
    ]
    (tmp_path / "v.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with aesearch.build(tmp_path / "v.jsonl", tmp_path / "index", budget=0) as index:
        hits = index.search(vectors[7], k=5, where="page >= 10 and in.shelf = 1")
        codes = index.encode(vectors)
        wanted = [n for n in np.argsort(-codes @ codes[7]) if n >= 10 and n % 3 == 1][:5]
        assert [hit.key for hit in hits] == [f"v{n}" for n in wanted]


def test_columns_of_odd_names_and_values(tmp_path: Path) -> None:
    odd = {
        "in": {"a": [1, {"b": 2}], "c": {}},
        "list": [1, None, "x"],
        "": "unnamed",
        "big": 10**40,
    }
    odd |= {
        "bad\ud800": "a\ud800b\0c",
        "none": float("nan"),
        "long": "x" * 5000,
        "exif.date": "1999",
    }
    rows = [{"id": f"d{n}", "text": f"the boat {n} lies in the harbour", **odd} for n in range(3)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with aesearch.build(tmp_path / "t.jsonl", tmp_path / "index", budget=0) as index:
        for where in ("in.a = 1", "list = x and list = 1", "exif.date < 2000", '"bad?" like a*'):
            assert index.count(where=where) == 3, where
        with pytest.raises(ParameterError, match="no field 'long'"):
            index.count(where="long = x")


def test_what_is_put_in_place_of_a_row_has_no_columns(tmp_path: Path) -> None:
    rows = [
        {"id": f"d{n}", "text": f"the boat {n} lies in the harbour", "year": f"{n}"}
        for n in range(4)
    ]
    table = write_table(tmp_path / "t.csv", rows)
    with aesearch.build(table, tmp_path / "index", budget=0) as index:
        index.add({"d1": "a violin"})
        assert met(index, "year >= 0") == ["d0", "d2", "d3"]
        index.sync()
        assert met(index, "year >= 0") == ["d0", "d2", "d3"]


def test_threads_ask_while_others_write(tmp_path: Path) -> None:
    rows = [
        {"id": f"d{n}", "text": f"the boat {n} lies in the harbour", "year": f"{n}"}
        for n in range(40)
    ]
    table = write_table(tmp_path / "t.csv", rows)
    with aesearch.build(table, tmp_path / "index", budget=0) as index:

        def asked(first: int) -> bool:
            hits = index.search(
                "boat harbour", k=5, where=f"year >= {first} and year < {first + 5}"
            )
            return {hit.key for hit in hits} == {f"d{n}" for n in range(first, first + 5)}

        def settled(first: int) -> bool:
            with index.folder.settled():
                return asked(first)

        with ThreadPoolExecutor(4) as threads:
            found = [threads.submit(ask, n) for n in range(30) for ask in (asked, settled)]
            for n in range(5):
                index.add({f"x{n}": "boat harbour"})
            assert all(one.result(timeout=60) for one in found)


# -- globs -----------------------------------------------------------------------------------------


@pytest.fixture
def ask(photos: Path, tmp_path: Path) -> Callable[..., set[str]]:
    place = str(tmp_path / "index")
    assert command("index", str(photos), "--index", place, "--budget", "0").code == 0

    def asked(*words: str) -> set[str]:
        found = command("query", str(photos / "six.jpg"), "--index", place, "--json", *words)
        assert (found.code, found.err) == (0, "")
        return {json.loads(line)["key"] for line in found.out.splitlines()}

    return asked


def test_several_globs(ask: Callable[..., set[str]]) -> None:
    every = {
        "a/One.jpg",
        "a/two.jpg",
        "b/Gr\u00f6\u00dfe.jpg",
        "b/four.png",
        "b/five.jpg",
        "six.jpg",
    }
    in_b = {key for key in every if key.startswith("b/")}
    assert ask("--among", "a/*", "--among", "six.jpg") == every - in_b
    assert ask("--not-among", "b/*") == every - in_b
    assert ask("--not-among", "b/*", "--not-among", "six.jpg") == {"a/One.jpg", "a/two.jpg"}
    assert ask("--among", "b/*", "--not-among", "*.png") == in_b - {"b/four.png"}
    assert ask("--among", "b/*", "--where", "path like *.jpg") == in_b - {"b/four.png"}


def test_pages_of_items(photos: Path, tmp_path: Path) -> None:
    with aesearch.build(photos, tmp_path / "index", budget=0) as index:
        keys = [item.key for item in index.items()]
        paged = [item.key for at in range(0, 8, 2) for item in index.items(offset=at, limit=2)]
        assert paged == keys
        assert [item.key for item in index.items(not_among="b/*", offset=1, limit=1)] == [
            "a/two.jpg"
        ]
        assert index.count() == 6
        assert index.count(among=["a/*", "six*"], where="size > 0") == 3
        with pytest.raises(ParameterError, match="offset must be a whole number"):
            index.items(offset=-1)


def test_an_unknown_field_and_a_fault_on_the_command_line(photos: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "index")
    command("index", str(photos), "--index", place, "--budget", "0")
    words = ("query", str(photos / "six.jpg"), "--index", place, "--where")
    unknown = command(*words, "lable = a")
    assert unknown.code == 2
    assert "there is no field 'lable'; there are label, " in " ".join(unknown.err.split())
    fault = command(*words, "label = a or")
    assert fault.code == 2
    assert "label = a or[here]; the name of a field" in " ".join(fault.err.split())
    none = command(*words, "label = x")
    assert none.code == 0
    assert "nothing found where label = x" in none.err


def test_half_a_letter_in_a_column_is_a_question_mark(tmp_path: Path) -> None:
    rows = [
        f'{{"text": "okapi number {number}", "place": "half \\ud800"}}\n' for number in range(6)
    ]
    (tmp_path / "t.jsonl").write_text("".join(rows), encoding="ascii")
    with aesearch.build(tmp_path / "t.jsonl", tmp_path / "index", budget=0) as index:
        assert index.count(where='place = "half ?"') == 6
        assert index.search("okapi", 1)[0].fields == {"place": "half ?"}
