"""Pictures of more than 8 bits, of floats, or of another order: right, or refused by name."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aesearch.errors import ContentError
from aesearch.modalities.images import depth
from aesearch.modalities.images.pixels import ImageFeatures, open_picture

GREY, COLOR = ImageFeatures(32, 1), ImageFeatures(32, 3)
SIZE = 64
# A ramp to the right, and a darker half below: no value is alone, and black and white are there.
RAMP = np.tile(np.linspace(0, 255, SIZE), (SIZE, 1))
RAMP[SIZE // 2 :] *= 0.5
RAMP = RAMP.round().astype(np.uint8)
TRUTH = GREY.transform(RAMP).astype(int)


def is_right(content: Any, within: int = 2) -> None:
    seen = GREY.transform(content).astype(int)
    assert np.abs(seen - TRUTH).max() <= within
    shown = np.asarray(open_picture(content)).astype(int)
    assert np.abs(shown[:, :, 0] - RAMP).max() <= within


def tiff(
    values: np.ndarray,
    photometric: int = 1,
    *,
    planar: int = 1,
    form: int = 1,
    order: str = "<",
) -> bytes:
    """A TIFF, one strip, or one for each plane of (height, width, planes)."""
    height, width = values.shape[:2]
    samples = values.shape[2] if values.ndim == 3 else 1
    planes = [values[..., n] for n in range(samples)] if planar == 2 else [values]
    bits = values.dtype.itemsize * 8
    data = [np.ascontiguousarray(p, p.dtype.newbyteorder(order)).tobytes() for p in planes]
    count = len(planes)
    at = 8 + 2 + 11 * 12 + 4
    lists = {
        258: [bits] * samples,
        339: [form] * samples,
        273: [0] * count,
        279: [len(data[0])] * count,
    }
    places, end = {}, at
    for tag, numbers in lists.items():
        size = (2 if tag in (258, 339) else 4) * len(numbers)
        places[tag] = end if size > 4 else None
        end += size if size > 4 else 0
    lists[273] = [end + sum(map(len, data[:n])) for n in range(count)]
    rows = {
        256: width,
        257: height,
        259: 1,
        262: photometric,
        277: samples,
        278: height,
        284: planar,
    }
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 11)
    extra = b""
    for tag in sorted([*rows, *lists]):
        if tag in rows:
            out += struct.pack(order + "HHII", tag, 4, 1, rows[tag])
            continue
        short = tag in (258, 339)
        packed = struct.pack(order + f"{len(lists[tag])}{'H' if short else 'I'}", *lists[tag])
        out += struct.pack(order + "HHI", tag, 3 if short else 4, len(lists[tag]))
        if places[tag] is None:
            out += packed.ljust(4, b"\0")
        else:
            out += struct.pack(order + "I", places[tag])
    for tag in lists:
        if places[tag] is not None:
            extra += struct.pack(
                order + f"{len(lists[tag])}{'H' if tag in (258, 339) else 'I'}", *lists[tag]
            )
    return out + b"\0" * 4 + extra + b"".join(data)


def with_a_hot_pixel(values: np.ndarray, hot: float) -> np.ndarray:
    values = values.copy()
    values[3, 3] = hot
    return values


def as_16(bits: int) -> np.ndarray:
    """The ramp, as a camera of so many bits gives it."""
    return (RAMP.astype(np.uint32) * ((1 << bits) - 1) // 255).astype(np.uint16)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("order", "<>")
def test_the_bits_that_are_used_are_found(bits: int, order: str) -> None:
    is_right(tiff(as_16(bits), order=order))
    stream = io.BytesIO()
    Image.fromarray(as_16(bits)).save(stream, "PNG")
    is_right(stream.getvalue())
    is_right(Image.fromarray(as_16(bits)))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_a_hot_pixel_does_not_make_the_rest_dark(bits: int) -> None:
    seen = GREY.transform(tiff(with_a_hot_pixel(as_16(bits), 65535))).astype(int)
    away = np.ones(TRUTH.shape, bool)
    away[:4, :4] = False  # around it
    assert np.abs(seen - TRUTH)[away].max() <= 2


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64])
def test_white_is_zero(kind: type, order: str) -> None:
    form = {"u": 1, "i": 2, "f": 3}[np.dtype(kind).kind]
    top = 1.0 if form == 3 else 32767 if kind is np.int16 else 65535
    values = (RAMP / 255 * top).astype(kind)
    right = tiff(values, form=form, order=order)
    inverted = tiff((top - values).astype(kind), 0, form=form, order=order)
    if kind is np.int16:  # 15 bits are taken for 16
        assert np.corrcoef(GREY.transform(right).ravel(), TRUTH.ravel())[0, 1] > 0.999
        assert np.corrcoef(GREY.transform(inverted).ravel(), TRUTH.ravel())[0, 1] > 0.999
    else:
        is_right(right)
        is_right(inverted)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 255), (-1, 1), (0, 4095), (0, 65535)])
def test_floats_have_the_range_that_is_in_them(kind: type, low: float, high: float) -> None:
    values = (low + RAMP / 255 * (high - low)).astype(kind)
    is_right(tiff(values, form=3))
    hot = GREY.transform(tiff(with_a_hot_pixel(values, 1e6), form=3)).astype(int)
    assert np.median(np.abs(hot - TRUTH)) <= 1


def test_floats_that_are_partly_no_numbers() -> None:
    values = (RAMP / 255).astype(np.float32)
    values[:8] = np.nan
    seen = GREY.transform(tiff(values, form=3)).astype(int)
    assert seen[:3].max() == 0
    assert np.abs(seen - TRUTH)[5:].max() <= 2
    with pytest.raises(ContentError, match="no number: every value is NaN"):
        GREY.transform(tiff(np.full((9, 9), np.nan, np.float32), form=3))


def test_signed_values() -> None:
    is_right(tiff((RAMP.astype(int) - 128).astype(np.int8), form=2))
    tomogram = (RAMP.astype(int) * 16 - 1024).astype(np.int16)  # from air to bone
    is_right(tiff(tomogram, form=2))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("samples", [3, 4])
def test_channels_of_16_bits(samples: int, bits: int, planar: int, order: str) -> None:
    grey = as_16(bits)
    values = np.stack([grey, grey // 2, np.zeros_like(grey)], axis=2)
    if samples == 4:
        values = np.dstack([values, np.full(grey.shape, 65535, np.uint16)])
    seen = COLOR.transform(tiff(values, 2, planar=planar, order=order)).astype(int)
    for channel, right in enumerate((TRUTH[..., 0], TRUTH[..., 0] // 2, 0 * TRUTH[..., 0])):
        assert np.abs(seen[..., channel] - right).max() <= 2


def png16(values: np.ndarray) -> bytes:
    """A PNG of 16 bits: grey, grey and alpha, RGB, RGBA by its channels."""
    height, width, samples = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[samples]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    out = b"\x89PNG\r\n\x1a\n"
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    for name, data in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        checksum = struct.pack(">I", zlib.crc32(name + data))
        out += struct.pack(">I", len(data)) + name + data + checksum
    return out


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_png_of_16_bits(samples: int, bits: int) -> None:
    values = np.repeat(as_16(bits)[:, :, None], samples, axis=2)
    if samples in (2, 4):
        values[..., -1] = 65535
    is_right(png16(values))


@pytest.mark.parametrize(
    ("values", "photometric", "form", "named"),
    [
        (np.zeros((9, 9), np.float16), 1, 3, "16-bit floats, 1 a pixel"),
        (np.zeros((9, 9, 3), np.float32), 2, 3, "32-bit floats, 3 a pixel"),
        (np.zeros((9, 9, 3), np.uint32), 2, 1, "32-bit whole numbers, 3 a pixel"),
        (np.zeros((9, 9), np.uint64), 1, 1, "64-bit whole numbers, 1 a pixel"),
        (np.zeros((9, 9, 2), np.uint16), 1, 1, "16-bit whole numbers, 2 a pixel"),
        (np.zeros((9, 9, 5), np.uint16), 2, 1, "16-bit whole numbers, 5 a pixel"),
    ],
)
def test_what_is_not_read_is_named(
    values: np.ndarray, photometric: int, form: int, named: str
) -> None:
    with pytest.raises(ContentError, match=f"TIFF of {named}.*save it with 8 or 16 bits"):
        GREY.transform(tiff(values, photometric, form=form))


def test_a_large_picture_is_reduced_before_it_is_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its values are floats a strip at a time, and the squares are what the whole gives."""
    large = np.kron(as_16(12), np.ones((40, 40), np.uint16))
    seen: list[int] = []
    reduced = depth.reduced

    def watched(values: np.ndarray, factor: int) -> np.ndarray:
        seen.append(values.size)
        return reduced(values, factor)

    monkeypatch.setattr(depth, "STRIP", 1 << 18)
    monkeypatch.setattr(depth, "reduced", watched)
    small = GREY.transform(Image.fromarray(large)).astype(int)
    assert np.abs(small - TRUTH).max() <= 3
    assert len(seen) > 20
    assert max(seen) <= 1 << 18
