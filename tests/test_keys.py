"""What is given in Python: keys that are numbers, bytes or lines, settings, counts of hits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vectors_ import make_vectors

import aesearch
from aesearch.errors import ParameterError, UnknownKeyError

COUNT = 40


def built(path: Path, **options: Any) -> aesearch.Index:
    return aesearch.build(make_vectors(COUNT), path, {"code_size": 4}, budget=0, **options)


def test_a_number_is_the_key_of_its_row(tmp_path: Path) -> None:
    rows = make_vectors(COUNT + 1)
    with built(tmp_path / "ix", keys=range(COUNT)) as index:
        assert [hit.key for hit in index.similar(7)] == [hit.key for hit in index.similar("7")]
        assert index.similar(np.int64(7), k=1)[0].key == "7"
        assert (7 in index, np.int64(7) in index, COUNT in index, 7.5 in index) == (1, 1, 0, 0)
        assert index.add({COUNT: rows[COUNT]}) == [str(COUNT)]
        assert index.search(rows[COUNT], k=1)[0].key == str(COUNT)
        assert index.remove([7, np.int64(8)]) == 2
        assert (7 in index, "8" in index) == (False, False)
        with pytest.raises(UnknownKeyError, match="there is no item '7' in ix"):
            index.similar(7)
        with pytest.raises(UnknownKeyError, match="there is no item ''"):
            index.remove([None])  # type: ignore[list-item]
        with pytest.raises(ParameterError, match=r"put a single one into a list: \[9\]"):
            index.remove(9)  # type: ignore[arg-type]


def test_documents_too(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("id,text\n" + "".join(f"{n},boat number {n} sails\n" for n in range(COUNT)))
    with aesearch.build(table, tmp_path / "ix", budget=0) as index:
        assert index.text_of(3).text == index.text_of("3").text
        assert index.explain("boat", 3) == index.explain("boat", "3")
        assert index.explain_similar(3, 4) == index.explain_similar("3", "4")


def test_what_is_added_needs_a_key_or_a_path(tmp_path: Path) -> None:
    with built(tmp_path / "ix") as index:
        with pytest.raises(ParameterError, match=r"needs a key: add\(\{key: content\}\); got nda"):
            index.add(make_vectors(2))  # type: ignore[arg-type]
        with pytest.raises(ParameterError, match=r"put one into a list: \['a.npy'\]"):
            index.add("a.npy")
        with pytest.raises(ParameterError, match="of at least one letter"):
            index.add({"": make_vectors(1)[0]})


def test_keys_are_lines_however_they_come(tmp_path: Path) -> None:
    keys = [f"a\nb\t{n}" for n in range(COUNT)]
    with built(tmp_path / "ix", keys=keys) as index:
        assert "a b 3" in index
        assert index.add({"c\nd": make_vectors(1, 50)[0]}) == ["c d"]


def test_bytes_are_text(tmp_path: Path) -> None:
    keys = [f"é{n}".encode() for n in range(COUNT)]
    with built(tmp_path / "ix", keys=keys) as index:
        assert "é7" in index
    np.savez(tmp_path / "a.npz", vectors=make_vectors(COUNT), keys=np.array(keys))
    with aesearch.build(tmp_path / "a.npz", tmp_path / "file", budget=0) as index:
        assert "é7" in index
    with pytest.raises(ParameterError, match=r"b'\\xff0' is no UTF-8"):
        built(tmp_path / "no", keys=[b"\xff%d" % n for n in range(COUNT)])


def test_one_key_for_two_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"'a' is that of the rows 0 and 1$"):
        built(tmp_path / "ix", keys=["a"] * COUNT)
    assert not (tmp_path / "ix").exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"nosuch": 1}, "there is no setting 'nosuch'; choose encoder, code_size, form, bits"),
        ({"code_size": "16"}, "code_size must be a whole number; got '16'"),
        ({"code_size": "16", "form": "bits"}, "code_size must be a whole number; got '16'"),
        ({"recall": "much"}, "recall must be a number; got 'much'"),
        ("raw", "settings are names with values, or Settings; got 'raw'"),
    ],
)
def test_settings_that_are_none(settings: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=told):
        aesearch.build(make_vectors(COUNT), tmp_path / "ix", settings, budget=0)


def test_limits_that_are_none(tmp_path: Path) -> None:
    row = make_vectors(1)[0]
    with built(tmp_path / "ix") as index:
        for ask in (
            lambda **limits: index.search(row, **limits),
            lambda **limits: index.similar(3, **limits),
        ):
            with pytest.raises(ParameterError, match=r"k must be a whole number of at .*; got '3'"):
                ask(k="3")
            with pytest.raises(ParameterError, match="threshold must be a number; got 'high'"):
                ask(threshold="high")
            with pytest.raises(ParameterError, match=r"among is a glob on keys, .*; got 3"):
                ask(among=3)
        assert len(index.search(row, k=np.int64(3))) == 3


@pytest.mark.parametrize("bad", ["\ud800", "a\udcff", "a\0b"])
def test_what_cannot_be_a_key_is_named_and_printable(tmp_path: Path, bad: str) -> None:
    texts, vectors = ["red boat", "blue house"], np.eye(2, 4, dtype=np.float32)
    place = tmp_path / "new"
    with aesearch.build(texts, tmp_path / "i", budget=0) as index:
        for call in (
            lambda: aesearch.build(texts, place, keys=[bad, "b"], budget=0),
            lambda: aesearch.build({bad: texts[0]}, place, budget=0),
            lambda: aesearch.build(vectors, place, keys=["b", bad], budget=0),
            lambda: aesearch.build({bad: vectors[0]}, place, budget=0),
            lambda: index.add({bad: "yellow sun"}),
            lambda: index.remove([bad]),
            lambda: index.remove(bad),
            lambda: index.restore([bad]),
            lambda: index.similar(bad),
            lambda: index.explain("boat", bad),
        ):
            with pytest.raises((ParameterError, UnknownKeyError)) as raised:
                call()
            assert str(raised.value).isprintable()
            assert not place.exists()
        if "\0" not in bad:
            for content in (texts, vectors):
                with pytest.raises(ParameterError, match="keys and labels are text"):
                    aesearch.build(content, place, labels=[bad, "b"], budget=0)
        with pytest.raises(ParameterError, match="keys are several keys of items"):
            index.remove(None)  # type: ignore[arg-type]
