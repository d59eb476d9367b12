"""Pictures of every kind become the same small arrays, and broken ones a reason."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image

from aesearch.errors import ContentError, NotAPictureError, ParameterError
from aesearch.modalities.images.pixels import (
    SIDES,
    ImageFeatures,
    looks_like_picture,
    open_picture,
    size_of,
)

SIDE = 16
COLOUR = ImageFeatures(side=SIDE, channels=3)
GREY = ImageFeatures(side=SIDE, channels=1)


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (20, 20)) -> Image.Image:
    return Image.new("RGB", size, colour)


def asymmetric(width: int = 96, height: int = 64) -> Image.Image:
    """No two corners are alike, and no turn or flip gives the same picture."""
    picture = Image.new("RGB", (width, height), (255, 0, 0))
    picture.paste((0, 255, 0), (width // 2, 0, width, height // 2))
    picture.paste((0, 0, 255), (0, height // 2, width // 2, height))
    picture.paste((255, 255, 255), (width // 2, height // 2, width, height))
    return picture


def is_colour(pixels: np.ndarray, colour: tuple[int, ...], within: int = 1) -> None:
    assert pixels.shape == (SIDE, SIDE, len(colour))
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(
        pixels.astype(int), np.broadcast_to(colour, pixels.shape), atol=within
    )


# -- colours -----------------------------------------------------------------------------------


def half_clear(mode: str) -> Image.Image:
    """Left half opaque dark, right half clear over black: white after compositing."""
    picture = Image.new("RGBA", (20, 20), (50, 50, 50, 255))
    picture.paste((0, 0, 0, 0), (10, 0, 20, 20))
    if mode == "P":
        paletted = Image.new("P", (20, 20), 0)
        paletted.putpalette([50, 50, 50, 0, 0, 0] + [0] * 750)
        paletted.paste(1, (10, 0, 20, 20))
        paletted.info["transparency"] = 1
        return paletted
    return picture.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
def test_what_is_clear_is_white(mode: str) -> None:
    picture = half_clear(mode)
    for content in [picture] if mode == "PA" else [picture, encoded(picture)]:
        pixels = COLOUR.transform(content).astype(int)
        np.testing.assert_allclose(pixels[:, :7], 50, atol=2)
        np.testing.assert_allclose(pixels[:, 9:], 255, atol=2)
        grey = GREY.transform(content).astype(int)
        np.testing.assert_allclose(grey[:, :7], 50, atol=2)
        np.testing.assert_allclose(grey[:, 9:], 255, atol=2)


def test_half_transparent_is_mixed_with_white() -> None:
    is_colour(COLOUR.transform(Image.new("RGBA", (9, 9), (0, 0, 0, 128))), (127, 127, 127))


def test_a_single_clear_colour_of_a_png() -> None:
    content = encoded(plain((10, 20, 30)), transparency=(10, 20, 30))
    is_colour(COLOUR.transform(content), (255, 255, 255))


@pytest.mark.parametrize(
    ("picture", "form", "expected"),
    [
        (Image.new("L", (9, 9), 90), "PNG", (90, 90, 90)),
        (plain((200, 100, 50)), "PNG", (200, 100, 50)),
        (plain((200, 100, 50)), "BMP", (200, 100, 50)),
        (plain((200, 100, 50)), "TIFF", (200, 100, 50)),
        (plain((200, 100, 50)).convert("P", palette=Image.Palette.ADAPTIVE), "PNG", (200, 100, 50)),
        (plain((255, 0, 0)).convert("CMYK"), "TIFF", (255, 0, 0)),
        (plain((255, 255, 255)).convert("1"), "PNG", (255, 255, 255)),
        (Image.new("1", (9, 9), 0), "PNG", (0, 0, 0)),
        (Image.fromarray(np.full((9, 9), 0x8000, np.uint16)), "PNG", (127, 127, 127)),
        (Image.fromarray(np.full((9, 9), 200, np.uint16)), "PNG", (200, 200, 200)),
        (Image.fromarray(np.full((9, 9), 200, np.int32)), "TIFF", (200, 200, 200)),
        (Image.fromarray(np.full((9, 9), 77.0, np.float32)), "TIFF", (77, 77, 77)),
        (plain((90, 90, 90)).convert("YCbCr"), "TIFF", (90, 90, 90)),
        (plain((200, 100, 50)).convert("HSV"), None, (200, 100, 50)),
        (plain((90, 90, 90)), "JPEG", (90, 90, 90)),
        (plain((90, 90, 90)), "WEBP", (90, 90, 90)),
        (plain((200, 100, 50)), "GIF", (200, 100, 50)),
        (plain((200, 100, 50)), "PPM", (200, 100, 50)),
        (plain((200, 100, 50)), "TGA", (200, 100, 50)),
        (plain((200, 100, 50)), "ICO", (200, 100, 50)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_every_mode_keeps_its_colour(
    picture: Image.Image, form: str | None, expected: tuple[int, int, int]
) -> None:
    content: Any = picture if form is None else encoded(picture, form)
    is_colour(COLOUR.transform(content), expected, within=2)
    red, green, blue = expected
    is_colour(GREY.transform(content), (round(0.299 * red + 0.587 * green + 0.114 * blue),), 2)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_pictures_use_their_whole_range(dtype: type) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64), (64, 1)).astype(dtype)
    pixels = GREY.transform(Image.fromarray(ramp))[0, :, 0].astype(int)
    expected = ramp[0].reshape(SIDE, 4).mean(axis=1) / 257
    np.testing.assert_allclose(pixels, expected, atol=3)


def test_floats_that_are_no_numbers() -> None:
    values = np.full((16, 16), 0.5, np.float32)
    values[0], values[1], values[2], values[3] = np.nan, np.inf, -np.inf, 0
    values[4] = 1
    pixels = GREY.transform(Image.fromarray(values))[:, :, 0]
    assert pixels[:5, 0].tolist() == [0, 255, 0, 0, 255]
    np.testing.assert_allclose(pixels[5:], 127, atol=1)


def test_an_animation_is_its_first_frame() -> None:
    first, second = plain((250, 10, 10)), plain((10, 10, 250))
    for form in ("GIF", "WEBP", "TIFF"):
        content = encoded(first, form, save_all=True, append_images=[second])
        is_colour(COLOUR.transform(content), (250, 10, 10), within=4)


# -- geometry ----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
def test_a_picture_is_squeezed_to_a_square(side: int) -> None:
    features = ImageFeatures(side=side)
    pixels = features.transform(encoded(asymmetric()))
    assert pixels.shape == features.shape == (side, side, 3)
    quarter, rest = side // 4, 3 * side // 4
    assert pixels[quarter, quarter].tolist() == [255, 0, 0]
    assert pixels[quarter, rest].tolist() == [0, 255, 0]
    assert pixels[rest, quarter].tolist() == [0, 0, 255]
    assert pixels[rest, rest].tolist() == [255, 255, 255]


def test_reducing_averages() -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    np.testing.assert_allclose(GREY.transform(board)[2:-2, 2:-2].astype(int), 127, atol=3)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3, 2), (2000, 3)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    is_colour(COLOUR.transform(encoded(plain((1, 2, 3), size))), (1, 2, 3))


STORED = {  # how a camera stores what is upright, by the orientation it notes
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_orientation_gives_the_same_picture(form: str, orientation: int) -> None:
    upright = asymmetric()
    expected = COLOUR.transform(upright).astype(int)
    turn = STORED[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if form in ("JPEG", "WEBP") else {}
    content = encoded(stored, form, exif=exif, **options)
    gap = np.abs(COLOUR.transform(content).astype(int) - expected)
    assert gap.mean() < 8
    assert np.median(gap) <= 3
    shown = open_picture(content)
    assert shown.size == upright.size
    assert np.abs(np.asarray(shown).astype(int) - np.asarray(upright)).mean() < 8
    with Image.open(io.BytesIO(content)) as picture:  # given opened, it is turned as well
        assert np.abs(COLOUR.transform(picture).astype(int) - expected).mean() < 8


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # as the module itself does
def test_broken_exif_does_not_lose_the_picture() -> None:
    content = encoded(plain((90, 90, 90)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    is_colour(COLOUR.transform(content), (90, 90, 90), within=2)
    odd = Image.Exif()
    odd[0x0112] = 99
    is_colour(COLOUR.transform(encoded(plain((90, 90, 90)), "JPEG", exif=odd)), (90, 90, 90), 2)


# -- what a picture may be given as -----------------------------------------------------------


def test_bytes_paths_pictures_and_arrays_agree(tmp_path: Path) -> None:
    array = make_picture("disks", 1)
    picture = Image.fromarray(array)
    path = tmp_path / "a.png"
    picture.save(path)
    expected = COLOUR.transform(path.read_bytes())
    for content in (path, str(path), picture, array, array.astype(np.float64) / 255):
        np.testing.assert_array_equal(COLOUR.transform(content), expected)
    assert picture.size == (40, 40)  # what was given is not changed
    assert size_of(path) == (40, 40)


def test_arrays() -> None:
    is_colour(COLOUR.transform(np.full((5, 7), 9, np.uint8)), (9, 9, 9))
    is_colour(COLOUR.transform(np.full((5, 7, 1), 9, np.uint8)), (9, 9, 9))
    is_colour(COLOUR.transform(np.zeros((5, 7, 4), np.uint8)), (255, 255, 255))
    is_colour(GREY.transform(np.ones((5, 7), bool)), (255,))
    is_colour(GREY.transform(np.full((5, 7), 1.04)), (255,))  # as sharpening overshoots


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(5, np.uint8), r"an array of shape \(5,\) is no picture"),
        (np.zeros((5, 5, 2), np.uint8), r"shape \(5, 5, 2\)"),
        (np.zeros((2, 5, 5, 3), np.uint8), r"shape \(2, 5, 5, 3\)"),
        (np.zeros((5, 5), np.int64), "an array of int64 is no picture"),
        (np.zeros((0, 5), np.uint8), "no pixels|damaged"),
        (np.full((5, 5), np.nan), "holds NaN"),
        (np.full((5, 5), 7.0), "floats from 7 to 7 is no picture: floats in .0, 1."),
        (np.linspace(-1, 1, 25).reshape(5, 5), "floats from -1 to 1"),
    ],
)
def test_arrays_that_are_no_picture(array: np.ndarray, message: str) -> None:
    with pytest.raises(ContentError, match=message):
        COLOUR.transform(array)


def test_parameters() -> None:
    with pytest.raises(ParameterError, match=r"side must be one of .*; got 20"):
        ImageFeatures(side=20)
    with pytest.raises(ParameterError, match="channels must be 1 or 3; got 4"):
        ImageFeatures(channels=4)
    config = json.loads(json.dumps(ImageFeatures(32, 1).config()))
    assert config == {"kind": "images", "side": 32, "channels": 1}
    assert ImageFeatures.from_config(config) == ImageFeatures(32, 1)


# -- what cannot be read ----------------------------------------------------------------------


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def png_of(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * 99)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def refuse_decoding(_: Image.Image) -> None:
    raise AssertionError("it was decoded")


def test_a_bomb_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("load", "resize", "convert"):
        monkeypatch.setattr(Image.Image, kind, refuse_decoding)
    with pytest.raises(ContentError, match="too large"):
        COLOUR.transform(png_of(50_000, 50_000))
    with pytest.raises(ContentError, match="too large"):
        open_picture(png_of(50_000, 50_000))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_limit_is_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(ContentError, match="too large: 50000 x 50000 pixels, 178,000,000"):
        COLOUR.transform(png_of(50_000, 50_000))


def test_truncated_and_flipped_files() -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for form in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"):
        content = encoded(noise, form)
        for length in (len(content) // 2, 30):
            with pytest.raises(ContentError, match="damaged") as caught:
                COLOUR.transform(content[:length])
            assert not isinstance(caught.value, NotAPictureError)
            assert len(str(caught.value)) < 140


@pytest.mark.filterwarnings("ignore")
def test_random_damage_never_escapes() -> None:
    rng = np.random.default_rng(1)
    for form in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "TGA", "PCX", "ICO"):
        content = np.frombuffer(encoded(Image.fromarray(make_picture("disks", 1)), form), np.uint8)
        for _ in range(20):
            broken = content.copy()
            broken[rng.integers(0, len(broken), 5)] = rng.integers(0, 256, 5)
            with contextlib.suppress(ContentError):
                assert COLOUR.transform(broken.tobytes()).shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize(
    ("name", "content", "picture", "reason"),
    [
        ("empty.png", b"", True, "empty file"),
        ("empty.txt", b"", True, "empty file"),
        ("notes.txt", b"only words\n" * 20, False, "not a picture"),
        ("table.csv", b"1,2,3\n" * 20, False, "not a picture"),
        ("notes.jpg", b"only words\n" * 20, True, "damaged or unknown"),
        ("no-extension", b"\xff\xd8\xff\xe0 but no more than a start", True, "damaged"),
        ("film.mp4", b"\0\0\0\x18ftypmp42" + b"\0" * 99, False, "not a picture"),
        ("film.mpg", b"\0\0\1\xba" + b"\0" * 99, False, "not a picture"),
        ("paper.pdf", b"%PDF-1.4\n" * 9, False, "not a picture"),
        ("figure.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", False, "not a pict"),
        ("phone", b"\0\0\0\x18ftypheic" + b"\0" * 99, True, "HEIC"),
    ],
)
def test_what_is_no_picture(
    tmp_path: Path, name: str, content: bytes, picture: bool, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for read in (COLOUR.transform, open_picture):
        with pytest.raises(ContentError, match=reason) as caught:
            read(path)
        assert isinstance(caught.value, NotAPictureError) != picture
    assert size_of(path) is None


def test_bytes_that_are_no_picture() -> None:
    with pytest.raises(NotAPictureError, match="not a picture"):
        COLOUR.transform(b"only words")
    with pytest.raises(ContentError, match="empty file"):
        COLOUR.transform(b"")
    assert looks_like_picture(b"RIFF\0\0\0\0WEBP")
    assert not looks_like_picture(b"RIFF\0\0\0\0WAVE")


def test_places_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="no such file"):
        COLOUR.transform(tmp_path / "gone.png")
    with pytest.raises(ContentError, match="cannot be read: Is a directory"):
        COLOUR.transform(tmp_path)


READER = """
import json, sys
from pathlib import Path
from aesearch.errors import ContentError
from aesearch.modalities.images.pixels import ImageFeatures
features, outcome = ImageFeatures(16, 3), {}
for path in sorted(Path(sys.argv[1]).rglob("*")):
    if path.is_file():
        print(path, file=sys.stderr, flush=True)
        try:
            outcome[path.name] = features.transform(path).shape == (16, 16, 3)
        except ContentError as error:
            outcome[path.name] = str(error)
print(json.dumps(outcome))
"""


def test_every_odd_picture_is_read_or_explained(data: Path) -> None:
    folder = data / "odd_images"
    if not folder.is_dir():
        pytest.skip("there are no odd_images")
    done = subprocess.run(
        [sys.executable, "-c", READER, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcome = json.loads(done.stdout)
    assert len(outcome) > 100
    assert all(value is True or value for value in outcome.values())
    read = sum(value is True for value in outcome.values())
    assert read > 0.6 * len(outcome), {k: v for k, v in outcome.items() if v is not True}
    assert all(
        outcome[f"{kind}_{n}.jpg"] is True for kind in ("Landscape", "Portrait") for n in range(9)
    )


def test_a_file_named_as_a_picture_is_damaged_and_not_another_file() -> None:
    features = ImageFeatures()
    with pytest.raises(ContentError, match="damaged or unknown") as broken:
        features.read(b"no picture at all", "holiday/bad.png")
    assert not isinstance(broken.value, NotAPictureError)
    for name in ("notes.txt", "film.mpg", ""):
        with pytest.raises(NotAPictureError):
            features.read(b"no picture at all", name)
