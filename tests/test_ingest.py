"""Reading on all cores, and what a look at a few files decides."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aesearch.indexing.datasets import probe as probing
from aesearch.indexing.datasets.base import read_dataset
from aesearch.indexing.datasets.probe import probe
from aesearch.ingest import decode as ingest
from aesearch.ingest.decode import decode
from aesearch.modalities.images.pixels import ImageFeatures
from aesearch.settings import Settings
from aesearch.sources.folder import Folder


def entries_of(folder: Path):
    return sorted(Folder(folder).walk())


@pytest.mark.parametrize(("edge", "side"), [(8, 16), (28, 32), (40, 48), (60, 64), (500, 64)])
def test_side_follows_from_the_pictures(edge, side, make_folder):
    folder = make_folder(per_class=2, side=edge)
    assert probe(Folder(folder), entries_of(folder)) == side


def test_many_pictures_are_kept_smaller(make_folder, monkeypatch):
    folder = make_folder(per_class=2, side=100)
    monkeypatch.setattr(probing, "MANY", 6)
    assert probe(Folder(folder), entries_of(folder)) == 48


def test_grey_pictures_have_one_channel(tmp_path):
    for n in range(5):
        Image.fromarray(np.full((30, 30), 40 * n, np.uint8)).convert("RGB").save(
            tmp_path / f"{n}.png"
        )
    grey = read_dataset(Folder(tmp_path), entries_of(tmp_path), "images", Settings())
    assert grey.features == ImageFeatures(32, channels=1)
    assert sorted(grey.pixels[:, 0, 0, 0].tolist()) == [0, 40, 80, 120, 160]
    Image.new("RGB", (30, 30), (200, 10, 10)).save(tmp_path / "zz.png")  # the last that is read
    colored = read_dataset(Folder(tmp_path), entries_of(tmp_path), "images", Settings())
    assert colored.features == ImageFeatures(32, channels=3)
    found = {i.key: p[0, 0].tolist() for i, p in zip(colored.items, colored.pixels, strict=True)}
    assert found["3.png"] == [120, 120, 120]
    assert found["zz.png"] == [200, 10, 10]


def test_the_side_does_not_depend_on_the_order(tmp_path):
    for n in range(150):  # more than are looked at: the first half would say 16
        side = 16 if n < 70 else 64
        Image.new("L", (side, side)).save(tmp_path / f"{n:03}.png")
    entries = entries_of(tmp_path)
    assert probe(Folder(tmp_path), entries) == 64
    assert probe(Folder(tmp_path), entries[::-1]) == 64


def test_order_is_kept_and_reasons_are_told(make_folder, monkeypatch):
    folder = make_folder(per_class=9)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    (folder / "notes.txt").write_text("words")
    monkeypatch.setattr(ingest, "CHUNK", 2)
    entries, told = entries_of(folder), []
    found = list(
        decode(Folder(folder), entries, ImageFeatures(16).read, lambda *now: told.append(now))
    )
    assert [one.entry for one in found] == entries
    without = {one.entry.key: one.ignored for one in found if one.sample is None}
    assert without == {"broken.png": False, "notes.txt": True}
    assert told[0] == ("reading", 0, 29)
    assert told[-1] == ("reading", 29, 29)


def test_a_reader_that_stops_early_leaves_no_threads(make_folder):
    import threading

    folder = make_folder(per_class=20)
    reading = decode(Folder(folder), entries_of(folder), ImageFeatures(16).read)
    next(reading)
    reading.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]
