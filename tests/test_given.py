"""What is named on the command line is looked at, and not guessed from its name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from collections_ import command, write_pictures
from texts_ import feed, make_text

from aesearch.cli.given import look_at
from aesearch.modalities import modality


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


@pytest.fixture
def both(here: Path) -> Path:
    """An index of pictures and one of documents, side by side."""
    write_pictures(here / "photos", 12, side=16)
    (here / "notes").mkdir()
    for number in range(12):
        (here / "notes" / f"{number}.md").write_text(make_text("sailing", number))
    for name in ("photos", "notes"):
        assert command("index", name, "--budget", "0").code == 0
    return here


def test_a_picture_is_one_whatever_its_name(both: Path) -> None:
    picture = both / "photos" / "disks" / "000.png"
    for name in ("download", "camera.mpo", "mail.txt", "a b.dds"):
        shutil.copy(picture, both / name)
        answer = command("query", name, "-k", "1")
        assert (answer.code, answer.out) == (0, "1.0000\tphotos/disks/000.png\n")
        assert answer.err == ""


def test_a_document_is_one_whatever_its_name(both: Path) -> None:
    for name in ("download", "photo.jpg", "x.y.z"):
        shutil.copy(both / "notes" / "3.md", both / name)
        answer = command("query", name, "-k", "1")
        assert (answer.code, answer.out) == (0, "1.0000\tnotes/3.md\n")
        told = f"searched with the file {name}; for the words themselves"
        assert (told in answer.err) == (name != "photo.jpg")  # which nobody types as words


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no process substitution here")
@pytest.mark.parametrize("name", ["photos/disks/000.png", "notes/3.md"])
def test_a_pipe_is_read_once(name: str, both: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, (both / name).read_bytes())
    os.close(writing)
    answer = command("query", f"/dev/fd/{reading}", "-k", "1")
    os.close(reading)
    assert (answer.code, answer.out, answer.err) == (0, f"1.0000\t{name}\n", "")


def test_standard_input_tells_its_kind(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, (both / "photos" / "disks" / "000.png").read_bytes())
    assert command("query", "-", "-k", "1").out == "1.0000\tphotos/disks/000.png\n"
    feed(monkeypatch, "sail")
    assert "\tnotes/" in command("query", "-", "-k", "1").out


def test_words_beside_a_file(both: Path) -> None:
    shutil.copy(both / "photos" / "disks" / "000.png", both / "ewer-1.jpg")
    answer = command("query", "ewer-1.jpg", "boat", "-k", "1")
    assert "\tnotes/" in answer.out
    assert "ewer-1.jpg is a picture here, and was taken as a word beside the others" in answer.err
    refused = command("query", "ewer-1.jpg", "--index", "notes")
    assert refused.code == 2
    assert "ewer-1.jpg is a picture, and notes is an index of documents" in refused.err
    mistyped = command("query", "missing.jpg")
    assert mistyped.code == 2
    assert "photos is an index of pictures and takes files" in mistyped.err


def test_kinds(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "a.npy").rename(tmp_path / "a")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 cut off")
    (tmp_path / "empty.png").touch()
    (tmp_path / "nothing").write_bytes(b"\0\1\2")
    found = {name: look_at(str(tmp_path / name)).kind for name in os.listdir(tmp_path)}
    assert found == {
        "a": modality("vectors"),
        "broken.pdf": modality("texts"),
        "empty.png": modality("images"),
        "nothing": None,
    }
    for name in (str(tmp_path), "no\0name", "x" * 5000, ""):
        assert not look_at(name).is_file
