"""A disk that is full: one line, of `StorageError`, and what was there stays as it was."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from collections_ import command, write_pictures
from safetensors import SafetensorError

import aesearch
from aesearch.engines.faiss import FaissEngine
from aesearch.engines.plan import choose
from aesearch.errors import StorageError
from aesearch.search.index import Index
from aesearch.storage.scratch import scratch_array

FULL = Path("/dev/full")
has_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


def refuse(*_: object, **__: object) -> None:
    raise SafetensorError("Error while serializing: I/O error: No space left on device")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "source", 36)
    aesearch.build(tmp_path / "source", tmp_path / "ix", budget=0).close()
    return tmp_path / "ix"


def test_the_weights_of_an_encoder(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aesearch.indexing.selection.save_file", refuse)
    new = command("index", tmp_path / "source", "--index", tmp_path / "new", "--budget", "0")
    assert new.code == 1
    assert len(new.err.splitlines()) == 1
    assert "weights.safetensors cannot be written: " in new.err
    assert not (tmp_path / "new").exists()
    with pytest.raises(StorageError, match="No space left"):
        aesearch.build(tmp_path / "source", place, budget=0, retrain=True)
    with Index(place) as index:
        assert index.verify() == []
        assert index.search(tmp_path / "source/disks/000.png", 1)[0].score == 1


def test_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aesearch.encoders.training import checkpoints

    monkeypatch.setattr(checkpoints, "save_file", refuse)
    with pytest.raises(StorageError, match=r"last\.safetensors cannot be written"):
        checkpoints.write(tmp_path / "last.safetensors", {}, {})
    assert list(tmp_path.iterdir()) == []


@has_full
@pytest.mark.parametrize("bits", [0, 8])
@pytest.mark.parametrize("count", [1, 5_000])
def test_the_faiss_file(count: int, bits: int) -> None:
    """A small one too, of which FAISS notices nothing before its file is closed."""
    codes = np.random.default_rng(0).standard_normal((count, 8)).astype(np.float32)
    form = "bits" if bits else "float"
    plan = choose(count, 8, dtype=form, bits=bits, kind="auto", max_memory=1 << 30)
    rotation = np.eye(9, 8, dtype=np.float32) if bits else None  # and no offsets
    engine = FaissEngine.build(plan, np.arange(count), codes, rotation)
    with pytest.raises(StorageError, match="/dev/full cannot be written: No space left on device"):
        engine.save(FULL)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room cannot be taken beforehand")
def test_samples_in_a_file_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing into a mapped page that finds no room would end the process."""
    rows = scratch_array((3, 4), np.uint8)
    rows[:] = 7
    assert rows.sum() == 84
    assert scratch_array((0, 4), np.uint8).shape == (0, 4)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StorageError, match=r"cannot hold 1,200 bytes: No space .* TMPDIR"):
        scratch_array((30, 10), np.float32)


@has_full
def test_a_report(place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import builtins
    import io

    real = io.open

    def opened(file: object, mode: str = "r", *rest: object, **more: object) -> object:
        inside = str(file).startswith(f"{tmp_path}/.aesearch-") and "w" in mode
        return real(FULL if inside else file, mode, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr(io, "open", opened)
    out = tmp_path / "sheet.png"
    drawn = command("query", "--key", "disks/000.png", "--index", place, "--sheet", out)
    assert drawn.code == 1
    assert drawn.err == f"aesearch: {out} cannot be written: No space left on device\n"
    assert not out.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_FSIZE")
def test_the_database(place: Path) -> None:
    import resource
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, limits[1]))
    try:
        with Index(place) as index:
            with pytest.raises(StorageError, match="cannot be written") as caught:
                index.remove(["disks/000.png"])
            assert "\n" not in str(caught.value)
            assert len(index) == 36
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    with Index(place) as index:
        assert index.verify() == []
        assert index.similar("disks/000.png", 1)[0].key == "disks/000.png"
