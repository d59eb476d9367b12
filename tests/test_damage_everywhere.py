"""Each file of an index, damaged in each way: every command answers, and the index can be mended.

A part of the cases is run each time; AESEARCH_DAMAGE=all runs every file, way and kind.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from collections_ import command, write_pictures
from texts_ import write_texts
from vectors_ import make_rows, write_lines

import aesearch
from aesearch.search.index import Index

KINDS = ("pictures", "documents", "vectors")
ASKED = {"pictures": "disks/000.png", "documents": "music/00.txt", "vectors": "r0"}
ALL = os.environ.get("AESEARCH_DAMAGE") == "all"


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    if content:
        content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


WAYS: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "truncated": truncated,
    "emptied": lambda path: path.write_bytes(b""),
    "flipped": flipped,
    "a folder": a_folder,
}


class Made(NamedTuple):
    """An index of one kind, with its source, and the files that it consists of."""

    kind: str
    root: Path
    source: Path
    files: list[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    found = {}
    for kind in KINDS:
        root = tmp_path_factory.mktemp(kind)
        source = root / "source"
        if kind == "pictures":
            write_pictures(source, 36)
        elif kind == "documents":
            write_texts(source, per_topic=9)
        else:
            source = write_lines(root / "source.jsonl", make_rows(36))
        aesearch.build(source, root / "ix", budget=0).close()
        paths = sorted((root / "ix").rglob("*"))
        files = [str(p.relative_to(root / "ix")) for p in paths if p.is_file()]
        found[kind] = Made(kind, root, source, [f for f in files if not f.startswith("write.")])
    return found


def answers(words: tuple[object, ...], place: Path) -> None:
    """A command did what was asked, or said in one line what mends it."""
    answer = command(*words)
    assert answer.code in (0, 1, 3), answer
    assert "Traceback" not in answer.err
    if answer.code == 1:
        *faults, last = answer.err.splitlines()
        assert f"verify {place} --repair" in last or "aesearch index" in last, answer.err
        assert "remove" not in answer.err
        assert not faults or words[0] == "verify", answer.err


def wholly_good(place: Path, made: Made) -> None:
    verified = command("verify", place)
    assert verified.code == 0, verified
    assert verified.err == ""
    with Index(place) as index:
        key = ASKED[made.kind]
        assert index.similar(key, 1)[0].key == key
        assert len(index) == 36
        assert {hit.key for hit in index.similar(key, 36)} == {item.key for item in index.items()}


def words_for(made: Made, place: Path) -> list[tuple[object, ...]]:
    query = {
        "pictures": (made.source / ASKED["pictures"],),
        "documents": ("violin orchestra",),
        "vectors": ("--key", ASKED["vectors"]),
    }[made.kind]
    return [
        ("query", *query, "--index", place), ("info", place), ("verify", place),
        ("index", made.source, "--index", place, "--budget", "0"),
    ]  # fmt: skip


def damaged_and_mended(made: Made, name: str, way: str, home: Path) -> None:
    place = home / "ix"
    shutil.copytree(made.root / "ix", place)
    WAYS[way](place / name)
    for words in words_for(made, place):
        answers(words, place)
    listed = command("list")
    assert listed.code in (0, 3)
    assert "ix" in listed.out
    mended = command("verify", place, "--repair")
    assert mended.code == 0, mended
    wholly_good(place, made)


def cases() -> list[tuple[str, str, str]]:
    """Kind, file (its ending) and way; without AESEARCH_DAMAGE=all a part, spread over all."""
    of_all = ("index.json", "items.db", "encoder.onnx", "encoder.json", ".faiss")
    own = ("terms.txt", "term-weights.f32", "scores.npy", "analyzer.json")
    chosen = [("pictures", file, way) for file in of_all for way in WAYS]
    chosen += [("pictures", "decoder.onnx", "flipped"), ("pictures", "safetensors", "truncated")]
    chosen += [("documents", file, way) for file in own for way in ("deleted", "flipped")]
    chosen += [("documents", "items.db", "truncated"), ("documents", "items.db", "a folder")]
    chosen += [("vectors", file, "flipped") for file in of_all]
    return chosen


@pytest.mark.skipif(ALL, reason="all of them are run")
@pytest.mark.parametrize(("kind", "ending", "way"), cases())
def test_a_damaged_file(
    kind: str, ending: str, way: str, made: dict[str, Made], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path))
    name = next(file for file in made[kind].files if file.endswith(ending))
    damaged_and_mended(made[kind], name, way, tmp_path)


@pytest.mark.skipif(not ALL, reason="a part of them is run")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", range(24))
@pytest.mark.parametrize("kind", KINDS)
def test_every_damaged_file(
    kind: str, number: int, way: str, made: dict[str, Made], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path))
    if number < len(made[kind].files):
        damaged_and_mended(made[kind], made[kind].files[number], way, tmp_path)


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="chmod does not bind here")
def test_without_rights(
    made: dict[str, Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be looked at is no damage: nothing is made anew, and nothing changes."""
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path))
    for kind in KINDS:
        one = made[kind]
        for name in one.files:
            place = tmp_path / "ix"
            shutil.copytree(one.root / "ix", place)
            before = {p: p.stat().st_mtime_ns for p in place.rglob("encoder*")}
            (place / name).chmod(0)
            for words in (*words_for(one, place), ("verify", place, "--repair")):
                answer = command(*words)
                assert answer.code in (0, 1, 3), answer
                assert "Traceback" not in answer.err
                assert answer.code != 1 or len(answer.err.splitlines()) == 1, answer
            for path in place.rglob("*"):
                path.chmod(0o700)
            assert {p: p.stat().st_mtime_ns for p in place.rglob("encoder*")} == before
            wholly_good(place, one)
            shutil.rmtree(place)


def test_any_byte_of_the_database(made: dict[str, Made], tmp_path: Path) -> None:
    """A flipped byte anywhere: no traceback, and what is mended is whole."""
    draw = np.random.default_rng(0)
    for turn in range(200 if ALL else 12):
        one = made[KINDS[turn % len(KINDS)]]
        place = tmp_path / "ix"
        shutil.copytree(one.root / "ix", place)
        content = bytearray((place / "items.db").read_bytes())
        content[int(draw.integers(len(content)))] ^= 1 << int(draw.integers(8))
        (place / "items.db").write_bytes(content)
        for words in words_for(one, place)[:3]:
            answers(words, place)
        mended = command("verify", place, "--repair")
        assert mended.code == 0, mended
        again = command("index", one.source, "--index", place, "--budget", "0")
        assert again.code == 0, again
        wholly_good(place, one)
        shutil.rmtree(place)
