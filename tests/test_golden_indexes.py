"""Indexes that earlier versions wrote are opened, searched, verified and brought up to date.

Each folder of tests/data/indexes/ that holds an index is tested; its README.md says how one gets
there.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import aesearch
from aesearch.storage.card import FORMAT

INDEXES = Path(__file__).parent / "data" / "indexes"
NAMES = sorted(path.parent.name for path in INDEXES.glob("*/index.json"))
SAME = 0.99  # cosine of the codes of one content, of which one may be held in 8 bits a number


def card_of(folder: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return card


CARDS = {name: card_of(INDEXES / name) for name in NAMES}
FORMATS = {card["format"] for card in CARDS.values()}
NEWEST = FORMAT


def only(condition: Callable[[dict[str, Any]], bool]) -> pytest.MarkDecorator:
    """Ask a test of the indexes whose card is such a one."""
    names = [name for name in NAMES if condition(CARDS[name])]
    return pytest.mark.parametrize("golden", names, indirect=True)


of_texts = only(lambda card: card.get("kind") == "texts")
of_files = only(lambda card: "columns" not in card)
of_format_1 = only(lambda card: card["format"] == 1)


def class_of(key: str) -> str:
    """Pictures and documents have a folder for each class, keys of rows begin with it."""
    found = re.match(r"[a-z]+", key)
    assert found, key
    return found[0]


def options(index: Any) -> dict[str, Any]:
    """Ask by codes alone, which is what was written; only documents know anything else."""
    return {"hybrid": False} if index.kind == "texts" else {}


def content_of(index: Any, key: str) -> Any:
    """What the code of an item is made from, but no file, which would be found by its bytes."""
    if index.kind == "texts":
        return index.text_of(key).text
    if index.kind == "vectors":  # longer, of the same direction: other bytes
        return 2 * np.array({row["id"]: row["vector"] for row in rows_of(index.source)}[key])
    with Image.open(index.path_of(key)) as picture:
        return picture.copy()


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a .jsonl file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


@dataclass(frozen=True)
class Golden:
    """A copy of one of the indexes, and of its source, at a place of their own."""

    name: str
    folder: Path
    source: Path

    def open(self) -> Any:
        return aesearch.open(self.folder)

    def add_source(self) -> str:
        """Put another item into the source; return its key."""
        if self.source.suffix == ".jsonl":
            first, *rows = rows_of(self.source)
            blend = (np.array(first["vector"]) - np.array(rows[-1]["vector"])).tolist()
            write_rows(self.source, [first, *rows, {"id": "another", "vector": blend}])
            return "another"
        if self.source.is_file():
            with self.source.open(newline="", encoding="utf-8") as stream:
                rows = list(csv.reader(stream))
            text = mixed(rows[1][-1], rows[-1][-1])
            with self.source.open("a", newline="", encoding="utf-8") as stream:
                csv.writer(stream).writerow(["another", "", text])
            return "another"
        first, *_, last = files = sorted(path for path in self.source.rglob("*") if path.is_file())
        path = first.with_stem("another")
        if path.suffix == ".txt":
            texts = (file.read_text(encoding="utf-8") for file in (first, last))
            path.write_text(mixed(*texts), encoding="utf-8")
        else:
            blend_of(first, files[len(files) // 2], last).save(path)
        return path.relative_to(self.source).as_posix()

    def remove_source(self) -> str:
        """Take an item out of the source; return its key."""
        if self.source.suffix == ".jsonl":
            first, *rows = rows_of(self.source)
            write_rows(self.source, rows)
            return str(first["id"])
        if self.source.is_file():
            with self.source.open(newline="", encoding="utf-8") as stream:
                rows = list(csv.reader(stream))
            with self.source.open("w", newline="", encoding="utf-8") as stream:
                csv.writer(stream).writerows(rows[:1] + rows[2:])
            return rows[1][0]
        path = min(path for path in self.source.rglob("*") if path.is_file())
        path.unlink()
        return path.relative_to(self.source).as_posix()


def mixed(*texts: str) -> str:
    """Return a text of other words than each: the end of one, and the beginning of the other."""
    one, other = (text.split() for text in texts)
    return " ".join(one[-20:] + other[:20])


def blend_of(*paths: Path) -> Image.Image:
    """Return a picture unlike each: their mean, upside down."""
    pixels = np.mean([np.asarray(Image.open(path), dtype=np.float64) for path in paths], axis=0)
    return Image.fromarray(pixels[::-1].astype(np.uint8))


@pytest.fixture(params=NAMES)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Golden:
    """Copy it, and say in its card where the source is now, as a user does who has moved."""
    name = request.param
    shutil.copytree(INDEXES / name, tmp_path / name)
    shutil.copytree(INDEXES / f"{name}-source", tmp_path / "source")
    card = dict(CARDS[name])
    table = card["source"].rpartition(f"{name}-source")[2].strip("/")
    source = tmp_path / "source" / table
    card["source"] = str(source)
    (tmp_path / name / "index.json").write_text(json.dumps(card), encoding="utf-8")
    return Golden(name, tmp_path / name, source)


@pytest.fixture
def index(golden: Golden) -> Iterator[Any]:
    with golden.open() as opened:
        yield opened


def assert_found(index: Any, key: str, content: Any) -> None:
    first = index.search(content, k=3, **options(index))[0]
    assert first.key == key
    assert first.score > SAME


def test_every_format_is_here(tmp_path: Path, pictures: Path) -> None:
    aesearch.build(pictures, tmp_path / "index", budget=0).close()
    assert card_of(tmp_path / "index")["format"] in FORMATS
    assert sorted(FORMATS) == list(range(1, NEWEST + 1)), "see tests/data/indexes/README.md"


def test_a_newer_format_is_refused_by_name(golden: Golden) -> None:
    card = {**CARDS[golden.name], "format": NEWEST + 1}
    (golden.folder / "index.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(aesearch.AesearchError, match=f"has format {NEWEST + 1}, .* up to {NEWEST}"):
        golden.open()


def test_it_is_what_was_written(golden: Golden, index: Any) -> None:
    info = index.info()
    assert len(index) == info["items"] == 12
    assert info["source"] == str(golden.source)
    assert info["kind"] == golden.name.partition("-")[0].replace("table", "texts")
    assert info["tabular"] == golden.source.is_file()
    assert not info["skipped"]
    if golden.name.endswith("-learned"):
        assert info["encoder"] == CARDS[golden.name]["settings"]["encoder"]
        assert info["trained"]["items"] > len(index)  # more than a few are learned from
    wanted = dict(CARDS[golden.name]["settings"])
    if CARDS[golden.name]["format"] == 1:
        wanted |= {"engine": wanted["kind"], "kind": "auto"}
    settings = json.loads(json.dumps(info["settings"]))  # tuples are lists there
    assert {name: settings[name] for name in wanted} == wanted


def test_nothing_is_wrong_with_it(index: Any) -> None:
    assert index.verify() == []


def test_the_content_of_an_item_has_its_code(index: Any) -> None:
    for item in index.items():
        assert_found(index, item.key, content_of(index, item.key))


@of_files
def test_a_file_comes_first(golden: Golden, index: Any) -> None:
    for item in index.items():
        first = index.search(golden.source / item.key, k=3)[0]
        assert (first.key, first.score) == (item.key, 1)


def test_it_is_filtered_by_what_every_item_has(golden: Golden, index: Any) -> None:
    """Columns and EXIF come when it is brought up to date."""
    items = list(index.items())
    for item in items:
        wanted = {other.key for other in items if class_of(other.key) == class_of(item.key)}
        hits = index.similar(item.key, k=12, where=f"path like {class_of(item.key)}*")
        assert {hit.key for hit in hits} == wanted
        assert index.count(where=f"size = {item.size}") >= 1
    if not index.is_tabular:
        assert index.count(where=f"label = {class_of(items[0].key)}") == 4
    with pytest.raises(aesearch.AesearchError, match=r"is not known yet|there is no field"):
        index.count(where="exif.date > 1900")
    index.close()
    with aesearch.build(golden.source, golden.folder, budget=0) as newer:
        if newer.kind == "images":
            assert newer.count(where="exif.date > 1900") == 0
        if newer.kind == "vectors":
            assert newer.count(where="number >= 0") == 12
        elif golden.source.is_file():
            assert newer.count(where=f"id = {items[0].key}") == 1


def test_an_item_comes_first_and_its_own_class_next(index: Any) -> None:
    for item in index.items():
        first, second, *_ = index.similar(item.key, k=4)
        assert (first.key, first.score) == (item.key, 1)
        assert class_of(second.key) == class_of(item.key)


@of_texts
@pytest.mark.parametrize("hybrid", [None, False, True])
def test_words_find_their_class(index: Any, hybrid: bool | None) -> None:
    for key in [item.key for item in index.items()]:
        words = " ".join(index.text_of(key).text.split()[:8])
        hits = index.search(words, k=3, hybrid=hybrid)
        assert class_of(hits[0].key) == class_of(key)


@of_texts
def test_the_end_of_a_long_document_is_found_as_a_passage(index: Any) -> None:
    texts = {item.key: index.text_of(item.key).text for item in index.items()}
    long = [key for key, text in texts.items() if len(text) > 2_000]
    assert long
    for key in long:
        (found,) = index.search(texts[key][-300:], among=key, hybrid=False)
        assert found.passage is not None
        assert found.passage.start > len(texts[key]) // 2
        assert found.passage.end <= len(texts[key])


def test_a_source_as_it_was_changes_nothing(index: Any) -> None:
    before = index.info()["fingerprint"]
    counts = index.sync()
    assert counts.pop("unchanged") == 12
    assert not any(counts.values())
    assert index.info()["fingerprint"] == before


def test_it_follows_its_source(golden: Golden, index: Any) -> None:
    gone, new = golden.remove_source(), golden.add_source()
    counts = index.sync()
    assert (counts["new"], counts["removed"], counts["unchanged"]) == (1, 1, 11)
    index.close()
    with golden.open() as again:
        keys = {item.key for item in again.items()}
        assert len(keys) == 12
        assert new in keys
        assert gone not in keys
        assert_found(again, new, content_of(again, new))
        assert again.similar(new, k=2)[0].key == new
        assert again.verify() == []


def test_items_come_and_go_by_hand(golden: Golden, index: Any) -> None:
    key = golden.add_source()
    index.sync()
    content = content_of(index, key)
    assert index.remove([key]) == 1
    assert key not in index
    assert index.add({"by hand": content}) == ["by hand"]
    assert_found(index, "by hand", content)
    index.close()
    with golden.open() as again:
        assert len(again) == 13
        assert_found(again, "by hand", content)
        assert again.verify() == []


def test_index_again_trains_nothing(golden: Golden) -> None:
    with golden.open() as index:
        before = index.info()
    new = golden.add_source()
    with aesearch.build(golden.source, golden.folder) as index:
        after = index.info()
        assert new in index
        assert index.verify() == []
    for name in ("fingerprint", "encoder", "check"):
        assert after[name] == before[name], name
    assert after["settings"] == {**before["settings"], "kind": after["kind"]}
    with golden.open() as index:  # its card was written anew where it was of format 1
        assert index.info()["settings"] == after["settings"]


def test_choices_are_changed_and_kept(golden: Golden) -> None:
    with golden.open() as index:
        before = index.info()["settings"]
    aesearch.build(golden.source, golden.folder, {"max_memory": 1 << 30}).close()
    assert card_of(golden.folder)["format"] == max(2, CARDS[golden.name]["format"])
    with golden.open() as index:
        after = index.info()["settings"]
        assert index.verify() == []
    assert after == {**before, "max_memory": 1 << 30, "kind": index.kind}


@of_format_1
def test_a_card_of_format_1_with_settings_of_format_2_opens(golden: Golden) -> None:
    """Aesearch 0.1.0 left such cards where choices were changed."""
    card = card_of(golden.folder)
    engine = card["settings"].pop("kind")
    card["settings"] |= {"engine": engine, "kind": "images", "vocabulary": 30_000}
    (golden.folder / "index.json").write_text(json.dumps(card), encoding="utf-8")
    with golden.open() as index:
        assert index.info()["settings"]["engine"] == engine
        assert index.verify() == []


@only(lambda card: card.get("kind") == "vectors")
def test_fields_come_with_a_hit(index: Any) -> None:
    for item in index.items():
        assert index.similar(item.key, k=1)[0].fields == {"number": int(item.key[-1])}
