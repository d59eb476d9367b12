"""One index that cannot be opened does not stand in the way of the others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from collections_ import command, write_pictures

import aesearch
from aesearch.errors import DamagedError, FormatError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    for name, first in (("photos", 0), ("others", 100)):
        write_pictures(root / name, 12, first=first)
        aesearch.build(root / name, root / "home" / name, budget=0).close()
    return root


def newer(place: Path) -> None:
    place.mkdir()
    (place / "index.json").write_text('{"format": 99, "source": "/x", "settings": {}}')


def foreign(place: Path) -> None:
    place.mkdir()
    (place / "index.json").write_text(json.dumps({"name": "a web page", "version": 3}))


def damaged(place: Path) -> None:
    place.mkdir()
    (place / "index.json").write_text('{"format": 2, "sou')


def without_database(place: Path) -> None:
    shutil.copytree(place.with_name("photos"), place)
    (place / "items.db").unlink()


def a_folder(place: Path) -> None:
    (place / "index.json").mkdir(parents=True)
    (place / ".index.json").write_text("{}")


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "newer": (newer, "pip install --upgrade aesearch"),
    "foreign": (foreign, "is of another program"),
    "damaged": (damaged, "cannot be read"),
    "without a database": (without_database, "--repair"),
    "a folder": (a_folder, "--repair"),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_passed_over(
    name: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking, message = BAD[name]
    home = shutil.copytree(made / "home", tmp_path / "home")
    monkeypatch.setenv("AESEARCH_HOME", str(home))
    breaking(home / "broken")
    asked = command("query", made / "photos/disks/000.png", "-k", "1")
    assert asked.code == 0, asked
    assert asked.out == f"1.0000\t{made}/photos/disks/000.png\n"
    assert len(asked.err.splitlines()) == 1
    assert asked.err.startswith("aesearch: note: passed over: ")
    assert message in asked.err
    listed = command("list")
    assert listed.code == 3
    lines = {line.split()[0]: line for line in listed.out.splitlines()}
    assert sorted(lines) == ["broken", "others", "photos"]
    assert message in lines["broken"]
    assert "12 pictures" in lines["photos"]
    named = command("query", made / "photos/disks/000.png", "--index", home / "broken")
    assert named.code == 1
    assert message in named.err
    with pytest.raises(FormatError if name in ("newer", "foreign") else DamagedError):
        aesearch.open(home / "broken")


def test_it_is_named_where_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path))
    newer(tmp_path / "broken")
    newer(tmp_path / "older")
    asked = command("query", "a", "words")
    assert asked.code == 1
    assert "has format 99" in asked.err
    assert len(asked.err.splitlines()) == 1
