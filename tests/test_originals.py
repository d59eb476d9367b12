"""A picture finds the one that it was made from, and nothing that is only alike is called so."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw, ImageEnhance

import aesearch
from aesearch.cli import cli
from aesearch.errors import UnsupportedError
from aesearch.modalities.images import pixels
from aesearch.originals import album, keep, local
from aesearch.originals.borders import trimmed
from aesearch.originals.votes import lists_of, voted
from aesearch.storage.database import Store

SIZE = (240, 180)
FLIP = Image.Transpose.FLIP_LEFT_RIGHT


def drawn(seed: int) -> Image.Image:
    """A scene of shapes, which has corners."""
    rng = np.random.default_rng(seed)
    ground = Image.fromarray(rng.integers(40, 215, (5, 6, 3), dtype=np.uint8))
    picture = ground.resize(SIZE, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(40):
        x, y = int(rng.integers(SIZE[0])), int(rng.integers(SIZE[1]))
        wide, high = (int(side) for side in rng.integers(6, 40, 2))
        color = tuple(int(c) for c in rng.integers(0, 256, 3))
        shape = draw.rectangle if rng.random() < 0.6 else draw.ellipse
        shape((x, y, x + wide, y + high), fill=color)
    return picture


def in_page(picture: Image.Image) -> Image.Image:
    page = Image.new("RGB", (600, 800), "white")
    page.paste(picture, (180, 90))
    return page


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aesearch.Index]:
    folder = tmp_path_factory.mktemp("originals")
    (folder / "drawn").mkdir()
    for seed in range(40):
        drawn(seed).save(folder / "drawn" / f"{seed:02d}.png")
    with aesearch.build(folder / "drawn", folder / "index", budget=0) as built:
        yield built


ALTERED: dict[str, tuple[Callable[[Image.Image], Image.Image], str]] = {
    "half": (lambda picture: picture.crop((0, 0, 170, 127)), "cropped"),
    "page": (in_page, "in a larger picture"),
    "mirrored": (lambda picture: picture.transpose(FLIP), "mirrored"),
    "askew": (lambda picture: picture.rotate(15, expand=True), "turned by 1[456] degrees"),
    "quarter": (lambda picture: picture.rotate(90, expand=True), "turned by (89|90|91) degrees"),
    "head": (lambda picture: picture.rotate(180), "turned by (179|180) degrees"),
    "dark": (lambda picture: ImageEnhance.Brightness(picture).enhance(0.45), album.CHANGED),
    "both": (lambda picture: picture.transpose(FLIP).crop((0, 0, 170, 127)), "mirrored, cropped"),
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_copy_finds_its_original_first(index: aesearch.Index, name: str) -> None:
    alter, words = ALTERED[name]
    for seed in (3, 17, 29):
        hits = index.search(alter(drawn(seed)), 5)
        assert hits[0].key == f"{seed:02d}.png"
        assert re.fullmatch(words, hits[0].same or "")
        assert hits[0].score == 1
        assert [hit.same for hit in hits[1:]] == [None] * 4
        assert len({hit.key for hit in hits}) == 5


def test_each_of_many_copies_is_the_original(tmp_path: Path) -> None:
    """More of them than pictures are compared: files that are equal are looked at as one."""
    (tmp_path / "drawn").mkdir()
    for seed in range(12):
        drawn(seed).save(tmp_path / "drawn" / f"{seed:02d}.png")
    for copy in "abcde":
        drawn(3).save(tmp_path / "drawn" / f"copy-{copy}.png")
    with aesearch.build(tmp_path / "drawn", tmp_path / "index", budget=0) as built:
        hits = built.search(drawn(3).transpose(FLIP).crop((0, 0, 170, 127)), 8)
        assert {hit.key for hit in hits[:6]} == {
            "03.png",
            *(f"copy-{copy}.png" for copy in "abcde"),
        }
        assert [hit.same for hit in hits] == ["mirrored, cropped"] * 6 + [None] * 2
        assert [hit.score for hit in hits[:6]] == [1] * 6


def test_what_is_only_alike_is_not_called_the_same(index: aesearch.Index) -> None:
    for seed in range(100, 130):
        assert [hit.same for hit in index.search(drawn(seed), 3)] == [None] * 3


def test_the_picture_itself_is_unchanged(index: aesearch.Index) -> None:
    hits = index.search(index.path_of("05.png"), 2)
    assert (hits[0].key, hits[0].same, hits[1].same) == ("05.png", "unchanged", None)


def test_copies_are_not_looked_for_where_nobody_wants_them(index: aesearch.Index) -> None:
    page = in_page(drawn(3))
    assert all(hit.same is None for hit in index.search(page, 40, copies=False))
    assert all(hit.same is None for hit in index.similar("03.png", 5))


def test_an_original_is_found_among_what_is_asked_for_alone(index: aesearch.Index) -> None:
    hits = index.search(in_page(drawn(3)), 3, among="1*")
    assert all(hit.same is None and hit.key.startswith("1") for hit in hits)
    assert index.search(in_page(drawn(13)), 3, among="1*")[0].key == "13.png"


def test_one_is_wanted_and_one_comes(index: aesearch.Index) -> None:
    assert [hit.key for hit in index.search(in_page(drawn(3)), 1)] == ["03.png"]


def test_several_are_asked_at_once(index: aesearch.Index) -> None:
    found = index.search_many([in_page(drawn(seed)) for seed in (1, 2)], 2)
    assert [hits[0].key for hits in found] == ["01.png", "02.png"]


def test_the_command_line_says_so(index: aesearch.Index, tmp_path: Path) -> None:
    query = tmp_path / "query.png"
    drawn(3).transpose(FLIP).save(query)
    arguments = ["query", str(query), "--index", str(index.folder.layout.root), "--json", "-k2"]
    lines = CliRunner().invoke(cli, arguments).stdout
    first, second = map(json.loads, lines.splitlines())
    assert (first["key"], first["same"], second.get("same")) == ("03.png", "mirrored", None)


def test_documents_have_no_copies_to_look_for(tmp_path: Path) -> None:
    texts = {str(n): f"words about the number {n} and its neighbours" for n in range(4)}
    with (
        aesearch.build(texts, tmp_path / "index", budget=0) as built,
        pytest.raises(UnsupportedError, match="of pictures only"),
    ):
        built.search("words", copies=True)


def test_an_index_without_local_features_opens_and_gets_them(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for seed in range(6):
        drawn(seed).save(source / f"{seed}.png")
    aesearch.build(source, tmp_path / "index", budget=0).close()
    with aesearch.open(tmp_path / "index") as built:
        with built.folder.store.transaction():
            built.folder.store._db.execute("DROP TABLE features")
            built.folder.store._db.execute("DROP TABLE same_from")
        assert built.search(in_page(drawn(3)), 1)[0].same is None
    with aesearch.build(source, tmp_path / "index", budget=0) as built:
        assert built.search(in_page(drawn(3)), 1)[0].same == "in a larger picture"


def test_a_changed_file_is_looked_at_anew(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for seed in range(6):
        drawn(seed).save(source / f"{seed}.png")
    aesearch.build(source, tmp_path / "index", budget=0).close()
    drawn(50).save(source / "3.png")
    with aesearch.build(source, tmp_path / "index", budget=0) as built:
        assert built.search(in_page(drawn(3)), 1)[0].same is None
        assert built.search(in_page(drawn(50)), 1)[0].key == "3.png"


def test_without_opencv_a_picture_with_a_border_is_found(
    index: aesearch.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "opencv", lambda: None)
    dark = ImageEnhance.Brightness(drawn(3)).enhance(0.8)
    hits = index.search(dark, 3)
    assert (hits[0].key, hits[0].same) == ("03.png", album.CHANGED)


def test_what_is_kept_is_read_as_it_was_written() -> None:
    one = local.Local.of(drawn(1))
    again = local.Local.unpacked(one.packed())
    assert again.size == one.size == (192, 144)
    assert np.abs(again.points - one.points).max() <= 1 / local.STEPS
    assert np.array_equal(again.bits, one.bits)
    assert max(again.picture.size) == local.THUMBNAIL


def test_a_border_is_trimmed_and_a_blank_page_stays() -> None:
    inner = trimmed(in_page(drawn(2)))
    assert all(abs(a - b) <= 5 for a, b in zip(inner.size, SIZE, strict=True))
    blank = Image.new("RGB", (100, 100), "white")
    assert trimmed(blank).size == (100, 100)


def test_a_query_from_bytes_is_as_one_from_a_picture(index: aesearch.Index) -> None:
    stream = io.BytesIO()
    in_page(drawn(8)).save(stream, "JPEG", quality=70)
    assert index.search(stream.getvalue(), 1)[0].key == "08.png"


@pytest.mark.parametrize("size", [(1, 1), (900, 3), (3, 900), (30, 30)])
def test_odd_sizes_and_blank_pictures_are_no_copies(
    index: aesearch.Index, size: tuple[int, int]
) -> None:
    for color in ("white", "black"):
        assert index.search(Image.new("RGB", size, color), 1)[0].same is None


def test_pictures_in_memory_are_found_too(tmp_path: Path) -> None:
    pictures = np.stack([np.asarray(drawn(seed)) for seed in range(5)])
    with aesearch.build(pictures, tmp_path / "index", budget=0) as built:
        hit = built.search(in_page(drawn(3)), 1)[0]
    assert (hit.key, hit.same) == ("3", "in a larger picture")


def test_what_is_added_by_hand_is_found_at_once(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for seed in range(6):
        drawn(seed).save(source / f"{seed}.png")
    drawn(61).save(tmp_path / "61.png")
    with aesearch.build(source, tmp_path / "index", budget=0) as built:
        built.add({"by content": drawn(60), "by path": tmp_path / "61.png"})
        assert built.search(in_page(drawn(60)), 1)[0].key == "by content"
        assert built.search(in_page(drawn(61)), 1)[0].same == "in a larger picture"
        drawn(62).save(source / "62.png")
        built.sync()
        assert built.search(in_page(drawn(62)), 1)[0].key == "62.png"
        built.remove(["by path"])
        assert built.search(in_page(drawn(61)), 1)[0].same is None


def test_parts_of_a_third_picture_are_not_the_same(tmp_path: Path) -> None:
    whole = drawn(7).resize((480, 360))
    pictures = {str(seed): drawn(seed) for seed in range(20, 26)}
    pictures["left"] = whole.crop((0, 0, 300, 360))
    with aesearch.build(pictures, tmp_path / "index", budget=0) as built:
        assert built.search(whole.crop((120, 0, 420, 360)), 1)[0].same is None
        assert built.search(whole, 1)[0].same == "in a larger picture"


def test_of_small_pictures_nothing_is_called_the_same(tmp_path: Path) -> None:
    pictures = {str(seed): drawn(seed).resize((40, 30)) for seed in range(6)}
    with aesearch.build(pictures, tmp_path / "index", budget=0) as built:
        assert built.folder.store.with_features() == []
        assert built.search(in_page(drawn(3)), 1)[0].same is None


def test_an_array_is_asked_with_whatever_its_order(index: aesearch.Index) -> None:
    pixels = np.asarray(in_page(drawn(4)))
    for content in (pixels, pixels.transpose(2, 0, 1)):
        assert index.search(content, 1)[0].key == "04.png"


def test_lists_hold_ids_beyond_their_bits(tmp_path: Path) -> None:
    far = [3, 70_000, 200_000]  # more than two bytes hold
    packed = {id: local.Local.of(drawn(n)).packed() for n, id in enumerate(far)}
    with closing(Store(tmp_path / "items.db", create=True)) as store:
        with store.transaction():
            for id in far:
                store._db.execute("INSERT INTO items VALUES (?, ?, 1, 1, x'00', 0, NULL)", (id, id))
            for id in far:  # one after the other, so that lists are lengthened
                own = {id: packed[id]}
                store.put_features([(id, b"\0", packed[id])], lists_of(own))
        for id in far:
            bits = local.Local.bits_of(packed[id])
            assert voted(store, bits, 2)[0] == id
            assert id not in voted(store, bits, 2, but=id)
        assert set(store.features(far)) == set(far)


def test_a_large_file_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for seed in range(4):
        drawn(seed).resize((1920, 1440)).save(source / f"{seed}.jpg")
    monkeypatch.setattr(pixels, "DEAR", 1000)
    monkeypatch.setattr(keep, "_read", lambda *_: pytest.fail("read again"))
    with aesearch.build(source, tmp_path / "index", budget=0) as built:
        hit = built.search(in_page(drawn(3)), 1)[0]
    assert (hit.key, hit.same) == ("3.jpg", "in a larger picture")
