"""The contact sheet: what stands where in the picture, and what the HTML holds."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image, ImageColor

from aesearch.errors import ParameterError, StorageError
from aesearch.reports import base, contact_sheet
from aesearch.reports.base import GAP, HEADING, MARGIN, TILE
from aesearch.reports.contact_sheet import CAPTION, Cell, Row, write_sheet

COLOURS = ["red", "lime", "blue", "yellow", "cyan", "magenta", "maroon", "green", "navy", "olive"]
LEFT = MARGIN + TILE + 2 * GAP
TOP = MARGIN + HEADING
STEP = TILE + GAP


def rgb(colour: str) -> tuple[int, ...]:
    return ImageColor.getrgb(colour)


def near(got: tuple[int, ...], wanted: str, tolerance: int = 2) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(got, rgb(wanted), strict=True))


def middle(x: int, y: int) -> tuple[int, int]:
    return x + TILE // 2, y + TILE // 2


@pytest.fixture
def cells(tmp_path: Path) -> list[Cell]:
    found = []
    for number, colour in enumerate(COLOURS):
        path = tmp_path / f"{colour}.png"
        Image.new("RGB", (40, 20), colour).save(path)
        found.append(Cell(1 - number / 100, path.name, path))
    return found


def drawn(rows: list[Row], tmp_path: Path) -> Image.Image:
    out = tmp_path / "sheet.png"
    write_sheet(rows, out)
    with Image.open(out) as picture:
        assert picture.format == "PNG"
        return picture.convert("RGB")


def has_ink(picture: Image.Image, box: tuple[int, int, int, int], colour: str) -> bool:
    return rgb(colour) in {found for _, found in picture.crop(box).getcolors(1 << 20)}


def test_query_left_hits_in_order_and_the_eleventh_on_a_new_line(cells, tmp_path):
    query = Image.new("RGB", (300, 300), "purple")
    picture = drawn([Row("first", query, [*cells, cells[2]])], tmp_path)
    assert picture.size == (
        LEFT + 10 * STEP - GAP + MARGIN,
        2 * MARGIN + HEADING + 2 * (TILE + CAPTION) + GAP,
    )
    assert near(picture.getpixel(middle(MARGIN, TOP)), "purple")
    assert picture.getpixel((MARGIN - 2, TOP + TILE // 2)) == rgb(base.ACCENT)
    for place, colour in enumerate(COLOURS):
        assert picture.getpixel(middle(LEFT + place * STEP, TOP)) == rgb(colour)
    assert picture.getpixel(middle(LEFT, TOP + TILE + CAPTION + GAP)) == rgb("blue")
    assert picture.getpixel(middle(LEFT + STEP, TOP + TILE + CAPTION + GAP)) == rgb("white")
    assert picture.getpixel((0, 0)) == rgb("white")


def test_proportions_are_kept_and_text_stands_below(cells, tmp_path):
    picture = drawn([Row("first", Image.new("L", (9, 9)), cells[:1])], tmp_path)
    # 40 x 20 pixels become 160 x 80: a quarter of the tile stays free above and below.
    x = LEFT + TILE // 2
    assert picture.getpixel((x, TOP + TILE // 4 - 1)) == rgb(base.MAT)
    assert picture.getpixel((x, TOP + TILE // 4)) == rgb("red")
    assert picture.getpixel((x, TOP + 3 * TILE // 4 - 1)) == rgb("red")
    assert picture.getpixel((x, TOP + 3 * TILE // 4)) == rgb(base.MAT)
    below = TOP + TILE
    assert has_ink(picture, (MARGIN, MARGIN, LEFT, MARGIN + 24), base.INK)  # title
    assert has_ink(picture, (LEFT, below + 2, LEFT + TILE, below + 24), base.INK)  # score
    assert has_ink(picture, (LEFT, below + 26, LEFT + TILE, below + CAPTION), base.FAINT)  # key
    assert has_ink(picture, (MARGIN, below + 6, LEFT, below + 26), base.ACCENT)  # "query"


def test_tiny_pictures_keep_sharp_pixels(tmp_path):
    path = tmp_path / "tiny.png"
    tiny = Image.new("RGB", (8, 8), "white")
    tiny.putpixel((3, 5), (10, 20, 30))
    tiny.save(path)
    picture = drawn([Row("", None, [Cell(1, "tiny", path)])], tmp_path)
    dark = [
        (x, y)
        for x in range(TILE)
        for y in range(TILE)
        if picture.getpixel((MARGIN + x, MARGIN + y)) == (10, 20, 30)
    ]
    assert (min(dark), max(dark), len(dark)) == ((60, 100), (79, 119), 400)


def test_rows_without_query_or_hits(cells, tmp_path):
    picture = drawn([Row("", None, cells[:2]), Row("none", None, [])], tmp_path)
    assert picture.width == 2 * MARGIN + 2 * TILE + GAP
    assert picture.getpixel(middle(MARGIN, MARGIN)) == rgb("red")
    assert drawn([], tmp_path).getpixel((5, 5)) == rgb("white")


def test_second_row_starts_below_the_first(cells, tmp_path):
    picture = drawn([Row("a", None, cells[:1]), Row("b", None, cells[1:2])], tmp_path)
    below = MARGIN + HEADING + TILE + CAPTION + contact_sheet.ROW_GAP + HEADING
    assert picture.getpixel(middle(MARGIN, below)) == rgb("lime")


def broken(tmp_path: Path) -> list[Cell]:
    (tmp_path / "text.png").write_text("no picture at all")
    noise = Image.effect_noise((90, 90), 90)
    stream = io.BytesIO()
    noise.save(stream, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(stream.getvalue()[:900])
    (tmp_path / "folder.jpg").mkdir()
    names = ["gone.jpg", "text.png", "cut.jpg", "folder.jpg"]
    return [Cell(0.5, name, tmp_path / name) for name in names]


def test_gone_and_broken_files_get_a_grey_tile(cells, tmp_path):
    picture = drawn([Row("", None, [*broken(tmp_path), cells[0]])], tmp_path)
    for place in range(4):
        x = MARGIN + place * STEP
        assert picture.getpixel((x + 2, MARGIN + 2)) == rgb(base.MISSING)
        assert has_ink(picture, (x, MARGIN, x + TILE, MARGIN + TILE), base.FAINT)
    assert picture.getpixel(middle(MARGIN + 4 * STEP, MARGIN)) == rgb("red")


def test_long_keys_are_shortened_in_the_middle():
    key = "holidays/2019/" + "x" * 80 + "/the end.jpg"
    shown = base.shortened(key, 13, TILE)
    start, end = shown.split("…")
    assert key.startswith(start)
    assert key.endswith(end)
    assert abs(len(start) - len(end)) <= 1
    assert base.font(13).getlength(shown) <= TILE < base.font(13).getlength(key)
    assert base.shortened("short.jpg", 13, TILE) == "short.jpg"


def test_characters_that_the_font_lacks_are_replaced():
    assert base.plain("Ku\u0308che/né 1.jpg") == "Kuche/ne 1.jpg"
    assert base.plain("日\n\udcff.jpg") == "???.jpg"


def test_any_key_can_be_drawn(cells, tmp_path):
    keys = ["", "日本" * 100, "line\nbreak\ttab", "\udcff", "e\u0301" * 90, "\u202eabc"]
    rows = [Row(key, None, [Cell(0.1, key, cells[0].path)]) for key in keys]
    drawn(rows, tmp_path)
    write_sheet(rows, tmp_path / "sheet.html")


@pytest.mark.parametrize(
    ("name", "format"), [("a.JPG", "JPEG"), ("a.jpeg", "JPEG"), ("a.webp", "WEBP")]
)
def test_other_picture_formats(name, format, cells, tmp_path):
    out = tmp_path / name
    write_sheet([Row("", None, cells[:1])], out)
    with Image.open(out) as picture:
        assert picture.format == format
        assert near(picture.convert("RGB").getpixel(middle(MARGIN, MARGIN)), "red", 12)


def test_unknown_suffix_names_the_allowed_ones(cells, tmp_path):
    with pytest.raises(ParameterError, match=r"\.png, \.jpg, \.jpeg, \.webp, \.html; got 'a\.gif'"):
        write_sheet([Row("", None, cells)], tmp_path / "a.gif")


def test_a_sheet_too_tall_for_its_format_is_refused(cells, tmp_path):
    with pytest.raises(ParameterError, match=r"WEBP holds 16383: write \.png"):
        write_sheet([Row("", None, cells[:1])] * 90, tmp_path / "a.webp")


def test_written_whole_or_not_at_all(cells, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    with pytest.raises(StorageError, match="cannot be written: No such file"):
        write_sheet([Row("", None, cells)], folder / "a.png")
    folder.mkdir()
    out = folder / "a.html"
    out.write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(base.os, "replace", full)
        with pytest.raises(StorageError, match="No space left"):
            write_sheet([Row("", None, cells)], out)
    assert [path.name for path in folder.iterdir()] == ["a.html"]
    assert out.read_text() == "before"
    write_sheet([Row("", None, cells)], out)
    assert [path.name for path in folder.iterdir()] == ["a.html"]
    assert out.read_text().startswith("<!DOCTYPE html>")


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_html_is_self_contained_and_escaped(cells, tmp_path):
    evil = "\"><script>alert(1)</script>&amp;'.png"
    path = tmp_path / "a #1 & ä.png"
    Image.new("RGB", (1000, 500), "teal").save(path)
    hits = [*cells[:3], Cell(0.12345, evil, path), *broken(tmp_path)]
    out = tmp_path / "sheet.html"
    write_sheet([Row("<b>title</b>", Image.new("RGBA", (8, 8), "red"), hits)], out)
    raw = out.read_text(encoding="utf-8")
    page = Page(raw)
    pictures = page.all("img")
    assert len(pictures) == 1 + 3 + 1
    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("b")
    assert not re.search(r"https?:", raw)
    assert "<b>title</b>" in page.text
    assert evil in page.text
    assert "0.123" in page.text
    assert "0.1234" not in page.text
    titled = [attributes["title"] for attributes in page.all("figure")[1:]]
    assert titled == [cell.key for cell in hits]
    assert [attributes["href"] for attributes in page.all("a")] == [c.path.as_uri() for c in hits]
    assert page.text.count("file is gone") == 2
    assert page.text.count("damaged: ") == 1
    assert all(picture["src"].startswith("data:image/") for picture in pictures)
    tiny, large = decoded(pictures[0]), decoded(pictures[4])
    assert (tiny.format, tiny.size, tiny.getpixel((4, 4))) == ("PNG", (8, 8), rgb("red"))
    assert pictures[0]["class"] == "tiny"
    assert (large.format, large.size) == ("JPEG", (320, 160))
    assert near(large.getpixel((160, 80)), "teal")


def decoded(attributes: dict[str, str | None]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(str(attributes["src"]).partition(",")[2])))
