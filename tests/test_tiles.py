"""Small pictures side by side: which pixels stand where, and what the HTML holds."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from test_sheet import Page, has_ink

from aesearch.errors import ParameterError, StorageError
from aesearch.reports import base, grid
from aesearch.reports.base import MARGIN
from aesearch.reports.grid import (
    BETWEEN,
    CAPTION,
    NOTE,
    TITLE,
    Group,
    Tile,
    picture_of,
    write_tiles,
)

TOP = MARGIN + grid.HEADING + BETWEEN


def noise(side: int, seed: int = 0, channels: int = 3):
    return np.random.default_rng(seed).integers(0, 256, (side, side, channels), dtype=np.uint8)


def group_of(count: int, side: int, columns: int, **rest: str) -> Group:
    shown = [Tile(picture_of(noise(side, n)), f"sample {n}") for n in range(count)]
    return Group(shown, columns, **rest)


def drawn(groups, tmp_path, **rest: str):
    out = tmp_path / "grid.png"
    write_tiles("the heading", groups, out, **rest)
    with Image.open(out) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize(("side", "factor"), [(16, 8), (32, 4), (48, 2), (64, 2)])
def test_every_pixel_becomes_a_square_of_whole_size(side, factor, tmp_path):
    found = drawn([group_of(6, side, 3)], tmp_path)
    tile = side * factor
    assert found.shape[0] == TOP + 2 * (tile + BETWEEN) - BETWEEN + MARGIN
    for number in range(6):
        line, column = divmod(number, 3)
        y, x = TOP + line * (tile + BETWEEN), MARGIN + column * (tile + BETWEEN)
        enlarged = noise(side, number).repeat(factor, axis=0).repeat(factor, axis=1)
        np.testing.assert_array_equal(found[y : y + tile, x : x + tile], enlarged)
    assert (found[: MARGIN - 2] == 255).all()


def test_grey_pictures(tmp_path):
    found = drawn([Group([Tile(picture_of(noise(64, 5, 1)), "one")], 1)], tmp_path)
    np.testing.assert_array_equal(found[TOP : TOP + 128 : 2, MARGIN : MARGIN + 128 : 2, :1],
                                  noise(64, 5, 1))  # fmt: skip


def test_wide_grids_shrink(tmp_path):
    found = drawn([group_of(400, 16, 20)], tmp_path)
    tile = 64  # 1,600 pixels leave 74 for each of 20 columns: four times 16 fit
    assert found.shape[1] == 2 * MARGIN + 20 * (tile + BETWEEN) - BETWEEN
    y, x = TOP + 19 * (tile + BETWEEN), MARGIN + 19 * (tile + BETWEEN)
    np.testing.assert_array_equal(found[y : y + tile : 4, x : x + tile : 4], noise(16, 399))


def test_titles_notes_captions_and_groups_side_by_side(tmp_path):
    group = Group([Tile(Image.new("RGB", (32, 32), "red"), "red", "below")], 1, "title", "a note")
    found = drawn([group] * 13, tmp_path, note="about all")
    tile, top = 128, TOP + NOTE
    step = tile + grid.GROUP_GAP
    below = TITLE + NOTE
    picture = Image.fromarray(found)
    assert has_ink(picture, (MARGIN, MARGIN, 300, MARGIN + 26), base.INK)
    assert has_ink(picture, (MARGIN, MARGIN + 28, 300, top), base.FAINT)
    for number in range(13):
        line, column = divmod(number, 10)
        x, y = MARGIN + column * step, top + line * (below + tile + CAPTION + grid.GROUP_GAP)
        assert has_ink(picture, (x, y, x + tile, y + TITLE), base.INK)
        assert has_ink(picture, (x, y + TITLE, x + tile, y + below - 1), base.FAINT)
        assert (found[y + below : y + below + tile, x : x + tile] == (255, 0, 0)).all()
        under = (x, y + below + tile + 2, x + tile, y + below + tile + CAPTION)
        assert has_ink(picture, under, base.FAINT)


def test_words_in_place_of_a_picture_and_a_large_one(tmp_path):
    large = Image.new("RGB", (900, 600), "teal")
    found = drawn([Group([Tile("no picture here", "none"), Tile(large, "large")], 2)], tmp_path)
    assert tuple(found[TOP + 2, MARGIN + 2]) == (0xD9, 0xDC, 0xE1)
    x = MARGIN + 128 + BETWEEN
    assert tuple(found[TOP + 64, x + 64]) == (0, 128, 128)
    assert tuple(found[TOP + 2, x + 64]) == (0xF3, 0xF4, 0xF6)  # it is wider than high


def test_html_is_self_contained_with_alt_texts(tmp_path):
    out = tmp_path / "grid.html"
    one = group_of(5, 32, 3, title="<i>'a' & b", note="error 0.1")
    two = Group([Tile("cannot <b>", "none"), Tile(Image.new("RGB", (900, 600)), 'a "b"')], 2)
    write_tiles("5 < 6", [one, two], out, note="about all")
    page = Page(out.read_text(encoding="utf-8"))
    pictures = page.all("img")
    assert [picture["alt"] for picture in pictures] == [*(f"sample {n}" for n in range(5)), 'a "b"']
    for number, picture in enumerate(pictures[:5]):
        assert picture["class"] == "tiny"
        content = base64.b64decode(picture["src"].removeprefix("data:image/png;base64,"))
        with Image.open(io.BytesIO(content)) as shown:
            np.testing.assert_array_equal(np.asarray(shown), noise(32, number))
    assert pictures[5]["src"].startswith("data:image/jpeg;base64,")
    for text in ("5 < 6", "<i>'a' & b", "error 0.1", "cannot <b>", "about all"):
        assert text in page.text
    grids = [attributes["style"] for attributes in page.all("div")]
    assert grids[0] == "grid-template-columns: repeat(3, minmax(0, 128px))"
    assert not page.all("script")
    assert not page.all("i")


def test_where_it_cannot_be_written(tmp_path):
    with pytest.raises(ParameterError, match=r"\.png, \.jpg, .*; got 'a\.gif'"):
        write_tiles("", [group_of(1, 16, 1)], tmp_path / "a.gif")
    with pytest.raises(StorageError, match="cannot be written"):
        write_tiles("", [group_of(1, 16, 1)], tmp_path / "no" / "a.png")
    with pytest.raises(ParameterError, match="WEBP holds 16383"):
        write_tiles("", [group_of(130, 16, 1)], tmp_path / "a.webp")
