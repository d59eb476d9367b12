"""Pictures of more than 8 bits, and of other numbers than 0 to 255, brought to 8 bits.

The range is found in the picture: a container of 16 bits mostly holds the 10, 12 or 14 of a camera,
and floats have no range of their own. It passes over a thousandth of the pixels at either end: a
single hot one is in every long exposure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aesearch.errors import ContentError
from aesearch.types import Pixels

Values = NDArray[Any]

DEPTHS = (8, 10, 12, 14, 16)  # of cameras, in bits
OUTLIERS = 0.001
SLACK = 0.1  # what enlarging with a sharpening filter adds to floats of 0 to 1
DIM = 1 / 16  # floats that stay below are stretched: nothing of them would be seen
STRIP = 1 << 18  # pixels that are floats at a time: as many as stay in the cache of a core
SAMPLED = 1 << 20  # pixels that a range is found in
BITS, PHOTOMETRIC, PLANAR, SAMPLE_FORMAT = 258, 262, 284, 339  # tags of TIFF
WHITE_IS_ZERO, APART, SIGNED, FLOAT = 0, 2, 2, 3  # values of these
OTHER_BYTE = {
    ";16L": ";16B",
    ";16B": ";16L",
    ";16N": ";16B" if sys.byteorder == "little" else ";16L",
}


def teach_tiff() -> None:
    """Let Pillow read TIFFs of one channel that it could, but does not know by their tags."""
    from PIL.TiffImagePlugin import II, MM, OPEN_INFO

    for prefix, big in ((II, ""), (MM, "B")):
        for photometric in (0, 1):
            for form, bits, mode, raw in (
                (1, 16, f"I;16{big}", f"I;16{big}"),
                (SIGNED, 16, "I", f"I;16{big}S"),
                (1, 32, "F", f"F;32{big}"),
                (SIGNED, 32, "I", f"I;32{big}S"),
                (FLOAT, 32, "F", f"F;32{big}F"),
                (FLOAT, 64, "F", f"F;64{big}F"),
            ):
                OPEN_INFO.setdefault((prefix, photometric, (form,), 1, (bits,), ()), (mode, raw))


def prepare(picture: Image.Image) -> bool:
    """Make ready to load: 16-bit planes that lie one after the other are read as such.

    Returns
    -------
    bool
        Whether it has channels of 16 bits, of which Pillow keeps the upper 8.
    """
    tiles = getattr(picture, "tile", None) or []
    raw = [_raw_mode(tile) for tile in tiles[:1]]
    if not raw or picture.mode not in ("RGB", "RGBA"):
        return False
    tags: Any = getattr(picture, "tag_v2", {})
    if (
        tags.get(PLANAR) == APART
        and max(tags.get(BITS, (8,))) == 16
        and raw[0] in ("R", "G", "B", "A")
    ):
        order = "L" if tags.prefix == b"II" else "B"
        _rename(picture, lambda mode: f"{mode};16{order}")
        return True
    return raw[0][-4:] in OTHER_BYTE


def _raw_mode(tile: Any) -> str:
    args = tile[3]
    return str(args[0] if isinstance(args, tuple) and args else args)


def _rename(picture: Any, renamed: Callable[[str], str]) -> None:
    """Change the raw modes by which a picture will be decoded."""
    picture.tile = [
        type(tile)(*tile[:3], _with_mode(tile[3], renamed(_raw_mode(tile))))
        for tile in picture.tile
    ]


def _with_mode(args: Any, mode: str) -> Any:
    return (mode, *args[1:]) if isinstance(args, tuple) else mode


def brightened(picture: Image.Image, reopened: Callable[[], Image.Image]) -> Image.Image:
    """A picture with channels of 16 bits, of which fewer may be used, by those that are.

    Parameters
    ----------
    picture : Image
        Loaded: the upper 8 bits.
    reopened : callable
        Opens it once more, for the lower 8 bits where the upper ones are empty.
    """
    counts = np.array(picture.histogram()).reshape(-1, 256)[:3].sum(axis=0)
    most = int(np.searchsorted(np.cumsum(counts), counts.sum() * (1 - OUTLIERS)))
    bits = next(bits for bits in DEPTHS if most < 1 << (bits - 8))
    if bits == 16:
        return picture
    lower = _lower_bytes(reopened())
    for box in strips(picture):
        high = np.asarray(picture.crop(box))
        values = high.astype(np.uint16) << 8 | np.asarray(lower.crop(box))
        small = np.minimum(values >> (bits - 8), 255).astype(np.uint8)
        small[..., 3:] = high[..., 3:]  # what is opaque stays so
        picture.paste(Image.fromarray(small), box)
    return picture


def _lower_bytes(picture: Any) -> Image.Image:
    """The lower 8 bits of channels of 16, of a picture that is not loaded yet."""
    prepare(picture)
    if _raw_mode(picture.tile[0]) == "LA;16B":  # there is none for their lower bytes
        _rename(picture, lambda _: "RGBA")  # the four bytes of a pixel as they are
        return Image.merge("RGBA", [picture.getchannel(1)] * 4)
    _rename(picture, lambda mode: mode[:-4] + OTHER_BYTE[mode[-4:]])
    picture.load()
    read: Image.Image = picture
    return read


def is_deep(picture: Image.Image) -> bool:
    """Whether a picture has other values than 0 to 255."""
    if picture.mode.startswith(("I", "F")):
        return True
    return picture.mode == "L" and _tag(picture, SAMPLE_FORMAT) == SIGNED


def eight_bits(picture: Image.Image, least: int) -> Image.Image:
    """A picture of other values than 0 to 255 as one of 8 bits, by the range that it uses.

    A large one is made smaller at once, by whole factors, so that few of its pixels are floats at
    a time; its sides stay at least `least` pixels.

    Raises
    ------
    ContentError
        If there is no number in it.
    """
    low, high = value_range(np.concatenate([*_samples(picture)]))
    factor = max(1, min(picture.size) // least)
    scaled = [
        _scaled(reduced(np.clip(_values(picture, box), low, high), factor), low, high)
        for box in strips(picture, factor)
    ]
    pixels = np.concatenate(scaled)
    if _tag(picture, PHOTOMETRIC, -1) == WHITE_IS_ZERO:
        pixels = 255 - pixels
    return Image.fromarray(pixels)


def value_range(values: Values) -> tuple[float, float]:
    """What is black and what is white, of values of which all are about equally many pixels."""
    whole = values.dtype.kind in "iu"
    values = values if whole else values[np.isfinite(values)]
    if not values.size:
        raise ContentError("it holds no number: every value is NaN or infinite")
    low = float(np.quantile(values, OUTLIERS, method="higher"))
    high = max(low, float(np.quantile(values, 1 - OUTLIERS, method="lower")))
    if not whole and low >= -SLACK and DIM <= high <= 1 + SLACK:
        return 0.0, 1.0
    if not whole and low >= -1 - SLACK and low < -SLACK and high <= 1 + SLACK:
        return -1.0, 1.0
    if values.dtype == np.int8 and low < 0:
        return -128.0, 127.0
    if low >= 0 and (whole or high > 1):
        bits = next((bits for bits in DEPTHS if high < 1 << bits), None)
        return 0.0, float((1 << bits) - 1) if bits else high
    return (min(low, 0.0) if low >= -SLACK and not whole else low), high


def reduced(values: Values, factor: int) -> NDArray[np.float32]:
    """Means of squares of `factor` pixels a side; what is left over at the edges counts too."""
    values = values.astype(np.float32)
    if factor == 1:
        return values
    rows, columns = (-(-side // factor) * factor for side in values.shape)
    padding = ((0, rows - values.shape[0]), (0, columns - values.shape[1]))
    values = np.pad(values, padding, mode="edge")
    squares = values.reshape(rows // factor, factor, columns // factor, factor)
    means: NDArray[np.float32] = squares.mean(axis=(1, 3), dtype=np.float32)
    return means


def _scaled(values: NDArray[np.float32], low: float, high: float) -> Pixels:
    """Values from `low` to `high` as 8 bits, of NaN as `low`; what is given is overwritten."""
    np.copyto(values, low, where=np.isnan(values))
    values -= low
    values *= 255 / max(high - low, 1e-12)
    pixels: Pixels = np.clip(values, 0, 255, out=values).astype(np.uint8)
    return pixels


def strips(picture: Image.Image, factor: int = 1) -> Iterator[tuple[int, int, int, int]]:
    """Boxes of whole rows, some multiple of `factor` of them, that cover a picture."""
    width, height = picture.size
    step = max(1, STRIP // width // factor) * factor
    for top in range(0, height, step):
        yield 0, top, width, min(top + step, height)


def _samples(picture: Image.Image) -> Iterator[Values]:
    """Values spread over a picture, a million of them or fewer."""
    width, height = picture.size
    step = max(1, int((width * height / SAMPLED) ** 0.5))
    for box in strips(picture, step):
        yield _values(picture, box)[::step, ::step].ravel()


def _values(picture: Image.Image, box: tuple[int, int, int, int]) -> Values:
    """Some rows of a picture as the numbers that its file means."""
    values = np.asarray(picture.crop(box))
    form = _tag(picture, SAMPLE_FORMAT, 1)
    if form == SIGNED and values.dtype == np.uint8:
        return values.view(np.int8)
    if form == 1 and values.dtype == np.int32 and _tag(picture, BITS) == 32:
        return values.view(np.uint32)
    return values


def _tag(picture: Image.Image, tag: int, default: int = 0) -> int:
    """A tag of a TIFF, the first value of it; the default of other files."""
    value = getattr(picture, "tag_v2", {}).get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)
