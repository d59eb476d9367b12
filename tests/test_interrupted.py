"""A first index whose reading was stopped goes on from what was read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from collections_ import command, keys_of, write_pictures
from faults_ import counted_reads, unreadable
from texts_ import write_texts

import aesearch
from aesearch.ingest import spool as spooling
from aesearch.ingest import update
from aesearch.ingest.decode import decode_one
from aesearch.ingest.spool import Spool
from aesearch.modalities import modality
from aesearch.modalities.images.pixels import ImageFeatures
from aesearch.modalities.texts.extract import Document
from aesearch.modalities.vectors.features import VectorFeatures
from aesearch.sources import folder as sources
from aesearch.sources.folder import Folder
from aesearch.storage.layout import Layout

COUNT = 36


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write each file as it is read: what is read within seconds is not written otherwise."""
    monkeypatch.setattr(spooling, "PORTION", -1.0)


@contextmanager
def stopped_after(reads: int, how: type[BaseException] = KeyboardInterrupt) -> Iterator[None]:
    """Stop the run when so many files were read."""
    read, seen = sources.Folder.read, []

    def stopping(folder: Folder, key: str) -> bytes:
        seen.append(key)
        if len(seen) > reads:
            raise how
        return read(folder, key)

    with mock.patch.object(sources.Folder, "read", stopping):
        yield


def write_vectors(root: Path, count: int) -> None:
    root.mkdir()
    for number, row in enumerate(np.random.default_rng(0).normal(size=(count, 8))):
        np.save(root / f"{number}.npy", row.astype(np.float32))


WRITERS: dict[str, Any] = {
    "images": write_pictures,
    "texts": lambda root, count: write_texts(root, count // 4),
    "vectors": write_vectors,
}


@pytest.fixture(params=WRITERS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """36 items of a kind, one that is none and one that is damaged."""
    root = tmp_path / "source"
    WRITERS[request.param](root, COUNT)
    (root / "empty.txt").write_bytes(b"")
    (root / "noise.bin").write_bytes(bytes(range(256)))
    return root


def codes_of(place: Path) -> dict[str, Any]:
    with aesearch.open(place) as index:
        ids, codes = index.folder.store.codes()
        names = index.folder.store.keys_of(ids.tolist())
        found = {names[int(i)]: code for i, code in zip(ids, codes, strict=True) if int(i) in names}
        return {**found, "skipped": sorted(map(str, index.skipped()))}


@pytest.mark.parametrize("how", [KeyboardInterrupt, MemoryError])
def test_what_was_read_is_not_read_again(
    source: Path, tmp_path: Path, how: type[BaseException]
) -> None:
    place = tmp_path / "ix"
    looked_at = COUNT + 2 if next(source.glob("*.npy"), None) else 0  # for their width
    with pytest.raises(how), stopped_after(looked_at + 20, how):
        aesearch.build(source, place, budget=0)
    layout = Layout(place)
    assert not layout.exists()
    assert [path.name for path in place.iterdir()] == ["reading.db"]
    with counted_reads() as read:
        aesearch.build(source, place, budget=0).close()
    # Workers were at a file, and lost it; pictures are looked at once more, for originals.
    looked_at += len(list(source.rglob("*.png")))
    assert len(read) - looked_at <= COUNT + 2 - 20 + (os.cpu_count() or 1)
    assert not layout.reading.exists()
    with mock.patch.object(spooling, "PORTION", 60.0):
        aesearch.build(source, tmp_path / "other", budget=0).close()
    found, expected = codes_of(place), codes_of(tmp_path / "other")
    assert found.keys() == expected.keys()
    assert found.pop("skipped") == expected.pop("skipped")
    for key, code in expected.items():
        np.testing.assert_allclose(found[key], code, atol=1e-4)


def test_a_quick_reading_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "PORTION", 60.0)
    write_pictures(tmp_path / "source", 6)
    with mock.patch.object(Spool, "_write", side_effect=AssertionError):
        aesearch.build(tmp_path / "source", tmp_path / "ix", budget=0).close()


def test_ctrl_c_keeps_the_last_portion_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooling, "PORTION", 60.0)
    source, place = tmp_path / "source", tmp_path / "ix"
    write_pictures(source, 30)
    with stopped_after(20):
        stopped = command("index", source, "--index", place, "--budget", "0")
    assert stopped.code == 130
    assert "nothing is lost, the same command goes on from here" in stopped.err
    with counted_reads() as read:
        assert command("index", source, "--index", place, "--budget", "0").code == 0
    for_originals = 30
    assert len(read) - for_originals <= 30 - 20 + (os.cpu_count() or 1)


def test_ctrl_c_before_anything_was_read_promises_nothing(tmp_path: Path) -> None:
    write_pictures(tmp_path / "source", 6)
    with mock.patch.object(sources.Folder, "walk", side_effect=KeyboardInterrupt):
        stopped = command("index", tmp_path / "source", "--index", tmp_path / "ix")
    assert (stopped.code, "nothing is lost" in stopped.err) == (130, False)
    assert not (tmp_path / "ix").exists()


def test_files_that_changed_meanwhile_are_read_again(tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "ix"
    keys = sorted(write_pictures(source, 12))
    with pytest.raises(KeyboardInterrupt), stopped_after(10):
        aesearch.build(source, place, budget=0)
    (source / keys[0]).write_bytes((source / keys[3]).read_bytes())
    (source / keys[1]).unlink()
    with aesearch.build(source, place, budget=0) as index:
        assert keys_of(index) == set(keys) - {keys[1]}
        hits = index.search(source / keys[3], 2)
        assert {hit.key for hit in hits} == {keys[0], keys[3]}


def test_what_was_read_with_other_settings_is_not_taken(tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "ix"
    write_pictures(source, 12)
    with pytest.raises(KeyboardInterrupt), stopped_after(10):
        aesearch.build(source, place, budget=0)
    with counted_reads() as read:
        aesearch.build(source, place, {"seed": 7}, budget=0).close()
    assert len(set(read)) == 12


def test_a_refusal_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a.png").write_bytes(b"\x89PNG and no more")
    with pytest.raises(aesearch.AesearchError):
        aesearch.build(tmp_path / "source", tmp_path / "ix")
    assert not (tmp_path / "ix").exists()


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(4096)])
def test_a_damaged_spool_is_as_none(tmp_path: Path, content: bytes) -> None:
    source, place = tmp_path / "source", tmp_path / "ix"
    write_pictures(source, 6)
    place.mkdir()
    (place / "reading.db").write_bytes(content)
    with aesearch.build(source, place, budget=0) as index:
        assert len(index) == 6
    assert not (place / "reading.db").exists()


def test_a_disk_that_is_full_stops_no_reading(tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "ix"
    write_pictures(source, 6)
    full = mock.patch.object(Spool, "_rows", side_effect=OSError(28, "No space left on device"))
    with full, aesearch.build(source, place, budget=0) as index:
        assert len(index) == 6
    assert not (place / "reading.db").exists()


# -- the spool itself ------------------------------------------------------------------------------


def test_samples_are_what_they_were() -> None:
    features = ImageFeatures(16)
    pixels = np.random.default_rng(0).integers(0, 256, features.shape, dtype=np.uint8)
    images, texts, vectors = (modality(name) for name in ("images", "texts", "vectors"))
    np.testing.assert_array_equal(images.unpacked(features, images.packed(pixels)), pixels)
    document = Document("Ein Zebra \U0001f993 in the garden\n\ud800", "Zebra")
    assert texts.unpacked(None, texts.packed(document)) == document
    row = np.array([1.5, -2, 3e-8, 4], dtype=np.float32)
    np.testing.assert_array_equal(vectors.unpacked(VectorFeatures(4), vectors.packed(row)), row)


def test_a_process_that_was_killed_leaves_its_portions(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3)
    entries = sorted(Folder(tmp_path).walk())
    features, path = ImageFeatures(16), tmp_path / "reading.db"
    killed = Spool(path, {}, modality("images")).begin(features)
    files = [decode_one(Folder(tmp_path), entry, features.read) for entry in entries]
    for file in files:
        killed.put(file.entry, [file, replace(file, note="a page more")])
    again = Spool(path, {}, modality("images")).begin(features)
    for file in files:
        found, page = again.get(file.entry) or []
        assert (found.entry, found.digest, page.note) == (file.entry, file.digest, "a page more")
        np.testing.assert_array_equal(found.sample, file.sample)
    other = entries[0]._replace(mtime_ns=1)
    assert again.get(other) is None
    assert again.begin(ImageFeatures(32)).get(entries[0]) is None
    assert again.begin(features).get(entries[0]) is not None  # both are there
    assert Spool(path, {"seed": 1}, modality("images")).begin(features).get(entries[0]) is None


def test_what_surroundings_refused_is_not_kept(tmp_path: Path) -> None:
    features = ImageFeatures(16)
    spool = Spool(tmp_path / "reading.db", {}, modality("images")).begin(features)
    (tmp_path / "a.png").write_bytes(b"\x89PNG and no more")
    (entry,) = (e for e in Folder(tmp_path).walk() if e.key == "a.png")
    with unreadable("a.png"):
        spool.put(entry, [decode_one(Folder(tmp_path), entry, features.read)])
    assert spool.begin(features).get(entry) is None
    spool.put(entry, [decode_one(Folder(tmp_path), entry, features.read)])
    (found,) = spool.begin(features).get(entry) or []
    assert found.reason.startswith("damaged")


# -- an update -------------------------------------------------------------------------------------


def test_an_update_that_was_stopped_keeps_what_came_in_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, place = tmp_path / "source", tmp_path / "ix"
    write_pictures(source, 6)
    aesearch.build(source, place, budget=0).close()
    write_pictures(source, 40, first=6)
    monkeypatch.setattr(update, "PATIENCE", -1.0)  # each file takes longer
    monkeypatch.setattr("aesearch.ingest.decode.CHUNK", 1)
    monkeypatch.setattr("aesearch.ingest.decode.WINDOW", 1)
    with pytest.raises(KeyboardInterrupt), stopped_after(30):
        aesearch.build(source, place, budget=0)
    with aesearch.open(place) as index:
        assert len(index) >= 6 + 30 - 2 * (os.cpu_count() or 1)
        assert index.verify() == []
    with aesearch.build(source, place, budget=0) as index:
        assert len(index) == 46
