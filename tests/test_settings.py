"""What may be chosen, and where indexes are found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aesearch.errors import IndexNotFoundError, ParameterError
from aesearch.layout import (
    Layout,
    all_places,
    find,
    home,
    key_for,
    place_for,
    sync_to_disk,
    write_atomically,
)
from aesearch.settings import Settings, parse_memory, parse_seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("4G", 4 << 30), ("500M", 500 << 20), ("1.5k", 1536), ("2 GiB", 2 << 30), ("7", 7),
     ("1T", 1 << 40), ("3mb", 3 << 20)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h30m", 5400), ("300", 300), ("0", 0), (" 1.5 H ", 5400),
     ("1m 30s", 90)],
)  # fmt: skip
def test_times(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "5 x", "m5", "1e3"])
def test_what_is_neither(text: str) -> None:
    with pytest.raises(ParameterError, match="is no time"):
        parse_seconds(text)
    with pytest.raises(ParameterError, match="is no size"):
        parse_memory(text)


def test_bits_and_form_go_together() -> None:
    assert Settings(bits=32).form == "bits"
    assert Settings(form="bits").bits == 64
    assert Settings(form="bits", code_size=20).bits == 16
    assert Settings().as_dict()["form"] == "float"
    assert Settings(**Settings(bits=16).as_dict()) == Settings(bits=16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "x"}, "unknown code form 'x'"), ({"kind": "x"}, "unknown index kind 'x'"),
        ({"code_size": 0}, "got 0"), ({"bits": 12}, "got 12"), ({"bits": 128}, "got 128"),
        ({"recall": 0.0}, "recall"), ({"recall": 1.1}, "1.1"), ({"max_memory": 0}, "max_memory"),
    ],
)  # fmt: skip
def test_settings_outside_what_is_allowed(options: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Settings(**options)  # type: ignore[arg-type]


def make(place: Path, source: Path) -> Path:
    place.mkdir(parents=True)
    Layout(place).write_card({"source": str(source), "settings": {}})
    return place


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    assert home() == Path("indexes")
    assert place_for(tmp_path / "photos") == Path("indexes/photos")
    assert place_for(tmp_path, "mine") == Path("indexes/mine")
    assert place_for(tmp_path, "./mine") == Path("./mine")
    assert place_for(tmp_path, tmp_path / "x") == tmp_path / "x"
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path / "home"))
    assert place_for(tmp_path / "photos") == tmp_path / "home" / "photos"
    assert all_places() == []
    with pytest.raises(IndexNotFoundError, match="makes one"):
        find()
    one = make(tmp_path / "home" / "one", tmp_path / "a")
    (tmp_path / "home" / "other").mkdir()
    assert all_places() == [one]
    assert find() == find("one") == find(one) == one
    two = make(tmp_path / "home" / "two", tmp_path / "b")
    with pytest.raises(IndexNotFoundError, match=r"several indexes fit: one, two; .*--index"):
        find()
    with pytest.raises(IndexNotFoundError, match="several"):
        find(near=tmp_path / "c" / "x.png")
    assert find(near=tmp_path / "b" / "deep" / "x.png") == two
    with pytest.raises(IndexNotFoundError, match="there is no index at"):
        find("three")
    (tmp_path / "one").mkdir()  # a folder of the same name here is the source, perhaps
    assert find("one") == one
    assert find("./home/one") == Path("home/one")
    local = make(tmp_path / "local", tmp_path)
    assert find("local") == Path("local")
    assert find(local) == local


def test_keys(tmp_path: Path) -> None:
    source = tmp_path.resolve() / "source"
    assert key_for(source, source / "a" / "b.png") == "a/b.png"
    assert key_for(source, source / ".." / "b.png") == (source.parent / "b.png").as_posix()


def test_files_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    write_atomically(path, b"old")
    sync_to_disk(path)
    sync_to_disk(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_card(tmp_path: Path) -> None:
    make(tmp_path / "ix", tmp_path)
    layout = Layout(tmp_path / "ix")
    assert layout.exists()
    assert layout.read_card() == {"format": 1, "source": str(tmp_path), "settings": {}}
    assert layout.bytes_on_disk() == len(json.dumps(layout.read_card(), indent=1))
