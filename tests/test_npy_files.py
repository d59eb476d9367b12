"""Arrays in .npy files: read without a map, in either order, and what changes meanwhile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vectors_ import make_vectors

import aesearch
from aesearch.errors import SourceError
from aesearch.sources import open_source
from aesearch.sources.npy import ArrayFile

# Shortened after its header was read: of a map, that kills the process.
SHORTENED = """
import os, sys
from aesearch.errors import SourceError
from aesearch.sources import open_source
source = open_source(sys.argv[1])
entries = source.walk()
next(entries)
os.truncate(sys.argv[1], 4096)
try:
    source.read("40000")
except SourceError as error:
    print(error)
"""


def saved(path: Path, array: Any, version: Any = None) -> Path:
    with path.open("wb") as stream:
        np.lib.format.write_array(stream, array, version)
    return path


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "u1", "<i8", "<f2"])
def test_rows_are_those_of_the_array(dtype: str, order: Any, version: Any, tmp_path: Path) -> None:
    for shape in ((7, 5), (6, 3, 2, 4), (5, 1), (1, 5)):
        array = np.asarray(np.arange(np.prod(shape)).reshape(shape), dtype=dtype, order=order)
        file = ArrayFile(saved(tmp_path / "a.npy", array, version))
        assert (file.shape, file.dtype, file.nbytes) == (shape, array.dtype, array.nbytes)
        assert file.form.shape == shape
        np.testing.assert_array_equal(file[1:4], array[1:4])
        np.testing.assert_array_equal(file[:], array)
        for row, values in enumerate(array):
            np.testing.assert_array_equal(file[row], values)


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_of_several_blocks(
    order: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aesearch.sources.npy.BLOCK", 100)  # two rows
    rows = np.asarray(make_vectors(31), order=order)
    file = ArrayFile(saved(tmp_path / "a.npy", rows))
    for row in (*range(31), 3, 30, 0):
        np.testing.assert_array_equal(file[row], rows[row])


def test_a_file_that_is_shortened_does_not_kill(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", np.ones((50_000, 64), np.float32))
    done = subprocess.run(
        [sys.executable, "-c", SHORTENED, path], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{path} changed while it was read; run again\n"


@pytest.mark.parametrize("replaced", [True, False])
def test_a_file_saved_again_is_said_and_the_index_stays(
    replaced: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, place = saved(tmp_path / "a.npy", make_vectors(40)), tmp_path / "ix"
    aesearch.build(path, place, budget=0).close()
    before = sorted(file.name for file in place.iterdir())
    saved(path, make_vectors(40, 100))
    read = ArrayFile._read

    def meanwhile(self: ArrayFile, start: int, stop: int) -> Any:
        if replaced:
            saved(tmp_path / "b.npy", make_vectors(40, 200)).replace(path)
        else:
            saved(path, make_vectors(39, 200))
        return read(self, start, stop)

    monkeypatch.setattr(ArrayFile, "_read", meanwhile)
    with pytest.raises(SourceError, match=r"a\.npy changed while it was read; run again$"):
        aesearch.build(path, place, budget=0)
    with pytest.raises(SourceError, match="changed while it was read"):
        aesearch.build(path, tmp_path / "new", budget=0)
    assert not (tmp_path / "new").exists()
    monkeypatch.undo()
    assert sorted(file.name for file in place.iterdir()) == before
    with aesearch.open(place) as index:
        assert index.search(make_vectors(1)[0])[0].key == "0"
        assert index.search(make_vectors(1)[0])[0].score > 0.999
    with aesearch.build(path, place, budget=0) as index:
        assert len(index) == (40 if replaced else 39)


def test_a_file_that_is_half_written_is_said(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", make_vectors(40))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(SourceError, match="its header tells of 2,048 bytes, and it has 500"):
        open_source(path)
