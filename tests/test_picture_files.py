"""What of a file is looked at: ground, frame, pages; files that decoders are strict about."""

from __future__ import annotations

import io
import json
import os
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image, ImageDraw, PngImagePlugin

import aesearch
from aesearch.errors import ContentError, MissingExtraError, NotAPictureError
from aesearch.indexing.build import update as update_index
from aesearch.modalities import Sampled, modality
from aesearch.modalities.images import mending, opening
from aesearch.modalities.images.formats import looks_like_picture
from aesearch.modalities.images.pixels import COLOR, ImageFeatures, open_picture
from aesearch.modalities.notes import collected_notes

SEEN = ImageFeatures(32, 3)


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def photo(seed: int, kind: str = "disks") -> Image.Image:
    return Image.fromarray(make_picture(kind, seed))


# -- the ground that transparent parts are laid on ----------------------------------------------


def drawing(ink: str | tuple[int, ...], mode: str = "RGBA") -> Image.Image:
    picture = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    ImageDraw.Draw(picture).ellipse((8, 16, 40, 60), fill=ink)
    return picture.convert(mode)


def test_white_on_transparent_is_laid_on_black() -> None:
    for picture in (drawing("white"), drawing("white", "LA"), drawing((250, 250, 250, 255))):
        for content in (picture, encoded(picture, "PNG"), encoded(picture, "TIFF")):
            pixels = SEEN.transform(content)
            assert pixels[20, 12].min() >= 250  # the drawing
            assert pixels[0, 0].tolist() == [0, 0, 0]
            assert np.asarray(open_picture(content))[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("ink", ["black", "red", (120, 120, 120, 255), (200, 200, 200, 255)])
def test_what_is_seen_on_white_stays_on_white(ink: str | tuple[int, ...]) -> None:
    assert SEEN.transform(drawing(ink))[0, 0].tolist() == [255, 255, 255]


def test_what_is_clear_or_one_color_stays_so() -> None:
    assert np.all(SEEN.transform(Image.new("RGBA", (9, 9), (255, 255, 255, 0))) == 255)
    assert np.all(SEEN.transform(Image.new("RGBA", (9, 9), "white")) == 255)


def test_a_large_transparent_picture_is_seen_as_a_small_one(monkeypatch: Any) -> None:
    large = drawing("navy").resize((640, 640), Image.Resampling.NEAREST)
    whole = SEEN.transform(large).astype(int)
    monkeypatch.setattr("aesearch.modalities.images.shown.LARGE", 1000)
    monkeypatch.setattr("aesearch.modalities.images.depth.STRIP", 9000)
    reduced = SEEN.transform(large).astype(int)
    assert np.abs(whole - reduced).max() <= 12  # at the edge of the drawing
    assert np.abs(whole - reduced).mean() < 0.3


# -- frames -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
@pytest.mark.parametrize("blank", ["black", "white"])
def test_an_animation_that_begins_blank_is_a_later_frame(form: str, blank: str) -> None:
    first = Image.new("RGB", (40, 40), blank)
    content = encoded(first, form, save_all=True, append_images=[first, photo(1), photo(2)])
    read = SEEN.read(content, f"a.{form.lower()}")
    assert isinstance(read, Sampled)
    assert read.note == "begins blank: a later frame was taken"
    shown = [SEEN.transform(photo(n)).astype(int) for n in (1, 2)]
    assert min(np.abs(read.sample - one).mean() for one in shown) < 8
    np.testing.assert_array_equal(SEEN.transform(content), read.sample)  # as a query, too
    assert np.ptp(np.asarray(open_picture(content))) > 100


def test_an_animation_that_is_damaged_behind_is_its_first_frame() -> None:
    first = Image.new("RGB", (40, 40))
    content = encoded(first, "GIF", save_all=True, append_images=[photo(1), photo(2)])
    assert SEEN.transform(content[: len(content) // 2]).shape == (32, 32, 3)


# -- pages --------------------------------------------------------------------------------------


def scan(path: Path, *pages: Image.Image) -> None:
    pages[0].save(path, save_all=True, append_images=pages[1:])


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    root = tmp_path / "scans"
    root.mkdir()
    for n in range(3):
        blank = Image.new("RGB", (40, 40), "white")
        scan(root / f"{n}.tif", blank, photo(n), photo(n, "stripes"))
    photo(9).save(root / "one.tiff")
    return root


def test_pages_of_a_tiff_are_items(scans: Path, tmp_path: Path) -> None:
    with aesearch.build(scans, tmp_path / "index", budget=0) as index:
        keys = {item.key for item in index.items()}
        assert keys == {f"{n}.tif{page}" for n in range(3) for page in ("", "#2", "#3")} | {
            "one.tiff"
        }
        assert len({item.digest for item in index.items()}) == 10  # no page is taken for another
        for page, kind in (("#2", "disks"), ("#3", "stripes")):
            assert index.search(photo(1, kind), k=1)[0].key == f"1.tif{page}"
        named = index.search(scans / "1.tif#3", k=1)[0]
        assert named.key == "1.tif#3"
        assert named.score == pytest.approx(1)
        assert named.path == scans / "1.tif#3"
        assert index.similar("2.tif#2", k=1)[0].key == "2.tif#2"
        shown = np.asarray(open_picture(scans / "1.tif#3"))
        np.testing.assert_array_equal(shown, np.asarray(photo(1, "stripes")))
        with pytest.raises(ContentError, match="it has no page 7"):
            index.search(scans / "1.tif#7")


def test_pages_share_what_becomes_of_their_file(scans: Path, tmp_path: Path) -> None:
    place = tmp_path / "index"

    def update(**options: Any) -> dict[str, int]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            opened, summary = update_index(scans, place, budget=0, **options)
        opened.close()
        return summary.counts

    def keys() -> set[str]:
        with aesearch.open(place) as index:
            assert index.folder.store.count() == len(index)
            return {item.key for item in index.items()}

    aesearch.build(scans, place, budget=0).close()
    assert update() == {"new": 0, "changed": 0, "renamed": 0, "removed": 0, "unchanged": 10}
    (scans / "0.tif").rename(scans / "zero.tif")
    assert update()["renamed"] == 3
    assert {"zero.tif", "zero.tif#2", "zero.tif#3"} < keys()
    os.utime(scans / "zero.tif", (1, 1))
    assert update()["unchanged"] == 10
    scan(scans / "zero.tif", photo(5), photo(6))
    assert update()["changed"] == 1
    assert "zero.tif#2" in keys()
    assert "zero.tif#3" not in keys()
    with aesearch.open(place) as index:
        assert index.search(photo(6), k=1)[0].key == "zero.tif#2"
        index.remove(["1.tif#2"])
    assert update()["unchanged"] == 8
    scan(scans / "1.tif", photo(7), photo(8), photo(9))
    assert update()["changed"] == 1
    assert "1.tif#2" not in keys()  # it was removed by hand
    assert "1.tif#3" in keys()
    (scans / "1.tif").unlink()
    assert update()["removed"] == 2
    with aesearch.open(place) as index:
        index.remove(["2.tif"])  # with its pages
    assert update()["new"] == 0
    assert keys() == {"zero.tif", "zero.tif#2", "one.tiff"}
    assert update(retrain=True)["unchanged"] == 3
    assert keys() == {"zero.tif", "zero.tif#2", "one.tiff"}


def test_a_page_that_was_removed_stays_so_where_its_file_is_renamed(
    scans: Path, tmp_path: Path
) -> None:
    with aesearch.build(scans, tmp_path / "index", budget=0) as index:
        index.remove(["0.tif#2", "1.tif"])  # a page, and a file with all of its pages
        (scans / "0.tif").rename(scans / "zero.tif")
        (scans / "1.tif").rename(scans / "one.tif")
        assert index.sync()["renamed"] == 2
        assert {file.key for file in index.skipped()} == {
            *("zero.tif#2", "one.tif", "one.tif#2", "one.tif#3")
        }
        scan(scans / "zero.tif", photo(5), photo(6), photo(7))
        index.sync()
        assert "zero.tif#2" not in index
        assert index.restore(["zero.tif#2"]) == 1
        assert index.restore(["one.tif"]) == 3  # with its pages, as it was removed
        assert index.sync()["new"] == 1
        assert {"zero.tif#2", "one.tif", "one.tif#2", "one.tif#3"} < {i.key for i in index.items()}
        assert (index.skipped(), index.verify()) == ([], [])
        assert index.sync()["unchanged"] == 10


def test_smaller_copies_of_a_page_are_none(tmp_path: Path) -> None:
    path = tmp_path / "map.tif"
    smaller = photo(1).resize((20, 20))
    smaller.encoderinfo = {"tiffinfo": {254: 1}}
    photo(1).save(path, save_all=True, append_images=[smaller, photo(2)])
    read = SEEN.read(path.read_bytes(), "map.tif")
    assert isinstance(read, Sampled)
    assert [suffix for suffix, _ in read.more] == ["#3"]


def test_pages_in_a_folder_that_cannot_be_listed_stay(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "all").mkdir()
    scans.rename(tmp_path / "all" / "scans")
    photo(10).save(tmp_path / "all" / "other.png")
    listed = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("scans"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    with aesearch.build(tmp_path / "all", tmp_path / "index", budget=0) as index:
        count = len(index)
        monkeypatch.setattr(os, "scandir", scandir)
        counts = index.sync()
        assert (counts["removed"], counts["unread"], counts["unchanged"]) == (0, count - 1, 1)
        assert len(index) == count == 11


def test_more_pages_than_are_taken_are_said(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(opening, "MOST_PAGES", 4)
    monkeypatch.setattr("aesearch.modalities.images.pixels.MOST_PAGES", 4)
    scan(tmp_path / "a.tif", *[photo(n) for n in range(6)])
    read = SEEN.read((tmp_path / "a.tif").read_bytes(), "a.tif")
    assert isinstance(read, Sampled)
    assert [suffix for suffix, _ in read.more] == ["#2", "#3", "#4"]
    assert "of many pages" in read.note


# -- a grey index, and all alike ----------------------------------------------------------------


def test_a_grey_index_that_meets_color_says_so(tmp_path: Path) -> None:
    root, place = tmp_path / "a", tmp_path / "index"
    root.mkdir()
    for n in range(40):
        photo(n).convert("L").save(root / f"{n}.png")
    with aesearch.build(root, place, budget=0) as index:
        assert index.features.channels == 1  # type: ignore[attr-defined]
    photo(50).save(root / "color.png")
    photo(51).convert("L").convert("RGB").save(root / "grey.png")
    with collected_notes() as notes:
        aesearch.build(root, place, budget=0).close()
    assert notes == {COLOR: 1}
    with aesearch.build(root, place, budget=0, retrain=True) as index:
        assert index.features.channels == 3  # type: ignore[attr-defined]


def test_all_alike_is_said(tmp_path: Path) -> None:
    root = tmp_path / "a"
    root.mkdir()
    for n in range(40):
        Image.new("RGB", (40, 40), "white").save(root / f"{n}.png")
    with pytest.warns(UserWarning, match="all 40 pictures look the same"):
        aesearch.build(root, tmp_path / "index", budget=0).close()
    photo(1).save(root / "1.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aesearch.build(root, tmp_path / "other", budget=0).close()


# -- files that decoders are strict about -------------------------------------------------------


@pytest.mark.parametrize("late", [False, True])
def test_long_texts_beside_the_pixels(late: bool) -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text("workflow", "x" * 3_000_000, zip=True)
    note.add_itxt("other", "y" * 3_000_000, zip=True)
    content = encoded(photo(1), "PNG", pnginfo=note)
    if late:  # the texts stand behind the pixels
        plain = encoded(photo(1), "PNG")
        start = 8 + 25
        texts = content[start : content.index(b"IDAT") - 4]
        content = plain[:-12] + texts + plain[-12:]
    expected = SEEN.transform(photo(1))
    np.testing.assert_array_equal(SEEN.transform(content), expected)
    profile = encoded(photo(1), "PNG", icc_profile=b"\0" * 2_000_000)
    np.testing.assert_array_equal(SEEN.transform(profile), expected)
    assert open_picture(profile).size == (40, 40)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lost", [1, 2, 40])
def test_a_jpeg_without_its_end_is_taken_and_noted(lost: int, progressive: bool) -> None:
    picture = photo(1).resize((320, 320))
    whole = encoded(picture, "JPEG", progressive=progressive, quality=90)
    read = SEEN.read(whole[:-lost], "a.jpg")
    assert isinstance(read, Sampled)
    assert read.note == "truncated: taken as far as it goes"
    assert np.abs(read.sample.astype(int) - SEEN.transform(whole)).mean() < 3
    assert open_picture(whole[:-lost]).size == (320, 320)


def test_a_jpeg_of_which_much_is_missing_is_damaged() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), "JPEG")
    assert isinstance(SEEN.read(whole[: len(whole) * 9 // 10], "a.jpg"), Sampled)
    with pytest.raises(ContentError, match=r"damaged: truncated, the lower 4\d% of it are missing"):
        SEEN.read(whole[: len(whole) * 55 // 100], "a.jpg")


def test_only_what_is_decoded_counts() -> None:
    small = ImageFeatures(16, 3, max_pixels=100 * 100)
    picture = photo(1).resize((400, 400))
    assert small.transform(encoded(picture, "JPEG")).shape == (16, 16, 3)  # an eighth of each side
    with pytest.raises(
        ContentError, match=r"400 x 400 pixels, 10,000 are .*--max-pixels N --retry"
    ):
        small.transform(encoded(picture, "PNG"))
    with pytest.raises(ContentError, match="too large"):  # all of it is held while it is decoded
        small.transform(encoded(picture, "JPEG", progressive=True))
    with pytest.raises(ContentError, match="too large"):
        small.transform(encoded(picture.resize((90, 90)), "WEBP"))  # takes three times the memory
    assert ImageFeatures(16, 3, max_pixels=160_000).transform(encoded(picture, "PNG")).any()


def test_max_pixels_holds_from_then_on(tmp_path: Path) -> None:
    root, place = tmp_path / "a", tmp_path / "index"
    root.mkdir()
    for n in range(4):
        photo(n).save(root / f"{n}.png")
    photo(9).resize((90, 90)).save(root / "large.png")

    def card() -> dict[str, Any]:
        settings: dict[str, Any] = json.loads((place / "index.json").read_text())["settings"]
        return settings

    with aesearch.build(root, place, {"max_pixels": 5000}, budget=0) as index:
        assert [file.key for file in index.skipped()] == ["large.png"]
        assert card()["max_pixels"] == 5000
    aesearch.build(root, place, {"max_pixels": 178_000_000}, budget=0, retry=True).close()
    with aesearch.open(place) as index:
        assert not index.skipped()
        assert "max_pixels" not in card()  # so that older versions read it


# -- formats by name ----------------------------------------------------------------------------

FTYP = b"\0\0\0\x18ftyp"


@pytest.mark.parametrize(
    ("name", "content", "named", "extra"),
    [
        ("a.heic", FTYP + b"heic" + b"\0" * 99, "HEIC", "heic"),
        ("a", FTYP + b"mif1" + b"\0" * 99, "HEIC", "heic"),
        ("a.jxl", b"\xff\x0a" + b"\0" * 99, "JPEG XL", "jxl"),
        ("a.jxl", b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0" * 99, "JPEG XL", "jxl"),
        ("a.cr2", b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 99, "RAW of a camera", "raw"),
        ("a.CR3", FTYP + b"crx " + b"\0" * 99, "RAW of a camera", "raw"),
        ("a.raf", b"FUJIFILMCCD-RAW 0201" + b"\0" * 99, "RAW of a camera", "raw"),
        ("a.NEF", b"MM\0*\0\0\0\x08" + b"\0" * 99, "RAW of a camera", "raw"),
        ("a.rw2", b"IIU\0" + b"\0" * 99, "RAW of a camera", "raw"),
    ],
)
def test_a_missing_extra_is_named(
    name: str, content: bytes, named: str, extra: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr("aesearch.modalities.images.formats.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(MissingExtraError, match=rf"{named}: .*'aesearch\[{extra}\]'") as caught:
        SEEN.read(content, name)
    assert caught.value.extra == extra
    monkeypatch.setattr("aesearch.modalities.images.formats.find_spec", lambda _: object())
    with pytest.raises(ContentError, match="damaged") as caught:  # with the extra it is the file
        SEEN.read(content, name)
    assert not isinstance(caught.value, MissingExtraError | NotAPictureError)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG: a drawing without pixels"),
        ("a", b"<?xml version='1.0'?>\n<!-- by hand -->\n<svg/>", "SVG"),
        ("a.psd", b"8BPS\0\2" + b"\0" * 99, "PSD: .*save it as PNG"),
        ("a.xcf", b"gimp xcf file\0" + b"\0" * 99, "XCF of GIMP: .*convert it"),
        ("a.exr", b"v/1\1" + b"\0" * 99, "OpenEXR"),
        ("a.hdr", b"#?RADIANCE\n", "Radiance HDR"),
        ("a.jxr", b"II\xbc\1" + b"\0" * 99, "JPEG XR"),
        ("a.dcm", b"\0" * 128 + b"DICM" + b"\0" * 99, "DICOM"),
        ("a.djvu", b"AT&TFORM" + b"\0" * 99, "DjVu"),
    ],
)
def test_a_format_without_a_decoder_is_named(name: str, content: bytes, named: str) -> None:
    with pytest.raises(ContentError, match=named) as caught:
        SEEN.read(content, name)
    assert not isinstance(caught.value, MissingExtraError | NotAPictureError)


def test_a_raw_file_is_its_preview(monkeypatch: Any) -> None:
    """rawpy is played by a module of the same shape."""
    raw = types.SimpleNamespace(
        extract_thumb=lambda: types.SimpleNamespace(format="jpeg", data=preview),
        postprocess=lambda **_: np.asarray(photo(2)),
        sizes=types.SimpleNamespace(flip=3),
    )

    class Reader:
        def __enter__(self) -> Any:
            return raw

        def __exit__(self, *_: object) -> None:
            pass

    preview = encoded(photo(1), "JPEG", quality=95)
    module: Any = types.ModuleType("rawpy")
    module.imread, module.LibRawError = lambda _: Reader(), RuntimeError
    module.ThumbFormat = types.SimpleNamespace(JPEG="jpeg")
    monkeypatch.setitem(sys.modules, "rawpy", module)
    content = b"FUJIFILMCCD-RAW" + b"\0" * 99
    turned = photo(1).transpose(Image.Transpose.ROTATE_180)
    assert np.abs(SEEN.transform(content).astype(int) - SEEN.transform(turned)).mean() < 3
    raw.extract_thumb = lambda: 1 / 0
    np.testing.assert_array_equal(SEEN.transform(content), SEEN.transform(photo(2)))


@pytest.mark.parametrize(
    "form", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "ICO", "DDS", "PPM", "SGI", "JPEG2000"]
)
def test_a_picture_is_known_by_its_beginning(form: str) -> None:
    content = encoded(photo(1), form)
    assert looks_like_picture(content[:16])
    assert modality("images").looks_like(content, "no-suffix")


def test_a_byte_or_two_are_unknown_to_every_decoder() -> None:
    for content in (b"x", b"xx", b"x\n", b"\0\1\2"):
        with pytest.raises(ContentError, match=r"^damaged or unknown: no decoder takes it$"):
            SEEN.transform(content, "a.png")


@pytest.mark.parametrize(
    "content", [b"", b"words", b"BMW is a car", b"%PDF-1.4", b"PK\3\4", b"\0" * 200]
)
def test_other_files_are_not(content: bytes) -> None:
    assert not looks_like_picture(content)


def test_what_a_png_without_texts_is() -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text("a", "b" * 2000, zip=True)
    content = encoded(photo(1), "PNG", pnginfo=note)
    assert mending.without_texts(content) == encoded(photo(1), "PNG")
    assert mending.without_texts(content[:50])  # however it breaks off
