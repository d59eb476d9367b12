"""What a stranger would hand over: damaged files of vectors, and arrays that are none."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_ import command
from conftest import make_pictures
from vectors_ import make_vectors

import aesearch
from aesearch.duplicates import find
from aesearch.errors import (
    ContentError,
    IndexExistsError,
    ParameterError,
    SourceError,
    StorageError,
)
from aesearch.modalities.vectors.features import VectorFeatures
from aesearch.sources import Columns

CUT = b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4', "
HUGE = b"\x93NUMPY\x01\x00v\x00" + (
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999, 9), }".ljust(117) + b"\n"
)
# More rows than an int64 counts; a shape that is a calculation.
BEYOND = HUGE.replace(b"(99999999999999, 9), }         ", b"(99999999999999999999, 9), }   ")
POWER = HUGE.replace(b"99999999999999, 9", b"10**9, 9".ljust(17))


def made(source: Any, path: Path, **options: Any) -> aesearch.Index:
    return aesearch.build(source, path, {"code_size": 4}, budget=0, **options)


def test_one_bad_file_does_not_end_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    folder.mkdir()
    rows = make_vectors(40)
    for number, row in enumerate(rows):
        np.save(folder / f"{number}.npy", row)
    np.save(folder / "scalar.npy", np.float32(3))
    np.save(folder / "empty.npy", np.empty(0, np.float32))
    (folder / "cut.npy").write_bytes(CUT)
    (folder / "huge.npy").write_bytes(HUGE)
    (folder / "beyond.npy").write_bytes(BEYOND)
    with made(folder, tmp_path / "ix") as index:
        assert len(index) == len(rows)
        skipped = {file.key: file.reason for file in index.skipped()}
        assert set(skipped) == {"scalar.npy", "empty.npy", "cut.npy", "huge.npy", "beyond.npy"}


@pytest.mark.parametrize("content", [CUT, HUGE, BEYOND, POWER, b"", b"no array"])
def test_a_damaged_array_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.npy") as raised:
        made(path, tmp_path / "ix")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [CUT, HUGE, BEYOND, POWER])
def test_a_damaged_query_is_refused_as_damaged(content: bytes) -> None:
    with pytest.raises(ContentError, match=r"damaged: ."):
        VectorFeatures(9).read(content)


def test_keys_and_labels_are_one_for_each_row(tmp_path: Path) -> None:
    rows = make_vectors(40)
    np.savez(tmp_path / "a.npz", vectors=rows, label=3)
    with pytest.raises(ParameterError, match=r"label is of shape \(\); give one for each row"):
        made(tmp_path / "a.npz", tmp_path / "ix")
    with pytest.raises(ParameterError, match="got '5'"):
        made(rows, tmp_path / "ix", keys=5)
    with pytest.raises(ParameterError, match="vectors have 1 to 2 dimensions"):
        made([[1.0, 2.0], [3.0]], tmp_path / "ix")
    names = np.array([f"n{number}".encode() for number in range(40)])
    np.savez(tmp_path / "b.npz", vectors=rows, keys=names)
    with made(tmp_path / "b.npz", tmp_path / "named") as index:
        assert "n7" in index


def test_lines_of_keys_end_at_newlines_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", make_vectors(40))
    keys = [f"a\x0bb\u2028{number}" for number in range(40)]
    (tmp_path / "keys.txt").write_text("\n".join(keys) + "\n", encoding="utf-8")
    columns = Columns(key=str(tmp_path / "keys.txt"))
    with made(tmp_path / "a.npy", tmp_path / "ix", columns=columns) as index:
        assert len(index) == 40


def test_an_index_stays_of_its_kind(tmp_path: Path) -> None:
    made(make_vectors(40), tmp_path / "ix").close()
    with pytest.raises(IndexExistsError, match="is an index of vectors, and the source holds pict"):
        made(make_pictures(40, 16), tmp_path / "ix")


def test_pictures_of_an_array_are_not_kept_and_that_is_said(tmp_path: Path) -> None:
    pictures = make_pictures(40, 16)
    with made(pictures, tmp_path / "ix") as index:
        for asked in (
            lambda: find(index),
            lambda: index.generate.reconstruct(["3"]),
            index.sync,
        ):
            with pytest.raises(SourceError, match="an array in memory, which is gone"):
                asked()
    np.save(tmp_path / "a.npy", pictures)
    with made(tmp_path / "a.npy", tmp_path / "file") as index:
        rebuilt, errors = index.generate.reconstruct(["3"])
        assert rebuilt.shape == (1, 16, 16, 3)
        assert errors[0] < 0.1
        assert all(len(group.members) > 1 for group in find(index))
        out = tmp_path / "sheet.png"
    asked = command("query", "--index", tmp_path / "file", "--key", "3", "-k", "3", "-o", out)
    assert asked.code == 0, asked.err
    assert out.exists()


def test_what_is_added_twice_is_one_item(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("id,text\n" + "".join(f"{n},boat number {n} sails\n" for n in range(40)))
    note = tmp_path / "note.txt"
    note.write_text("harbour " * 2000)
    with made(table, tmp_path / "ix") as index:
        assert index.add([note, note]) == [note.as_posix()]
        hit = next(hit for hit in index.search("harbour", k=3) if hit.key == note.as_posix())
        assert hit.path == note


def test_another_handle_keeps_what_was_chosen_since(tmp_path: Path) -> None:
    rows = make_vectors(40, 16)
    settings = {"code_size": 8}
    with aesearch.build(rows, tmp_path / "ix", settings, budget=0) as early:
        aesearch.build(rows, tmp_path / "ix", {"bits": 8}, budget=0).close()
        early.add({"new": rows[0]})
        assert early.revision.plan["bits"] == 8
        assert early.info()["engine"]["bits"] == 8
        assert "engine" in early.info()
        assert dict(early.info())["kind"] == "vectors"


def test_a_closed_index_is_not_called_damaged(tmp_path: Path) -> None:
    index = made(make_vectors(40), tmp_path / "ix")
    index.close()
    with pytest.raises(StorageError, match="was closed; open it again") as raised:
        len(index)
    assert isinstance(raised.value.__cause__, sqlite3.ProgrammingError)


def test_deep_json_is_no_vector(tmp_path: Path) -> None:
    with (
        made(make_vectors(40), tmp_path / "ix") as index,
        pytest.raises(ContentError, match="it holds no vector"),
    ):
        index.search(b"[" * 100_000)
