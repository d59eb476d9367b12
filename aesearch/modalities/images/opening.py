"""A file, a picture or an array becomes a picture that is ready to be looked at."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from aesearch.engines.turns import OneAtATime
from aesearch.errors import ContentError
from aesearch.modalities.images.depth import SLACK, brightened, prepare
from aesearch.modalities.images.formats import COMMON, RAW, foreign, identified, unidentified
from aesearch.modalities.images.mending import is_cut_off, without_end, without_texts
from aesearch.modalities.parts import split_part
from aesearch.settings import MAX_PIXELS

Content = bytes | str | Path | Image.Image | NDArray[Any]

MOST_PAGES = 1000
SUBFILE, SMALLER, MASK = 254, 1, 4  # a tag of TIFF, and what it may say
COSTLY = {"WEBP": 3}  # so many times the memory of others for each pixel
ALONE = 32_000_000  # pixels above which pictures are decoded one at a time
TRUNCATED = "truncated: taken as far as it goes"
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
RAW_TURNS = {3: 3, 5: 8, 6: 6}  # how LibRaw says it, as orientations
_alone = OneAtATime()


class Opened(NamedTuple):
    """A picture, loaded.

    Attributes
    ----------
    image : Image
    turn : Transpose or None
        What is still to be turned.
    note : str
        What is to be said of the file.
    """

    image: Image.Image
    turn: Image.Transpose | None = None
    note: str = ""


@contextmanager
def opened(
    content: Content, name: str, box: tuple[int, int], max_pixels: int = MAX_PIXELS
) -> Iterator[Opened]:
    """Open and decode, at a fraction of the size where the format can and `box` allows it.

    Raises
    ------
    ContentError
        If it is too large, or of a format that is named then.
    OSError, ValueError, ...
        Whatever a decoder makes of a damaged file.
    """
    if isinstance(content, np.ndarray):
        content = _from_array(content)
    if isinstance(content, Image.Image):
        _require_size(content.size, max_pixels)
        image = content.copy()
        if (tags := getattr(content, "tag_v2", None)) is not None:
            image.tag_v2 = tags  # type: ignore[attr-defined]
        yield Opened(image, _turn(image))
        return
    data, page = read_file_or_page(content, name)
    image = at_page(_identified(data, name), page)
    full = image.size
    _shrink(image, box)
    with _alone if image.size[0] * image.size[1] > ALONE else nullcontext():
        size = full if image.info.get("progressive") else image.size
        _require_size(size, max_pixels // COSTLY.get(image.format or "", 1))
        yield _loaded(image, data, page, box)


def read_file_or_page(content: bytes | str | Path, name: str = "") -> tuple[bytes, int]:
    """The bytes of a file, and which page of it is meant: ``scan.tif#2`` names the second."""
    if isinstance(content, bytes):
        return content, split_part(name)[1] if "#" in name else 1
    # Read whole, so that no file stays open; called a hundred thousand times, so kept short.
    path, (file, page) = Path(content), split_part(str(content))
    return (path.read_bytes(), 1) if page == 1 or path.exists() else (Path(file).read_bytes(), page)


def _identified(data: bytes, name: str) -> Image.Image:
    """Open a file; raises ContentError that names what it is where no decoder takes it."""
    if not data:
        raise ContentError("empty file")
    common = data.startswith(tuple(COMMON))
    if not common and foreign(data[:16], name) is RAW and (preview := _developed(data)) is not None:
        return preview
    try:
        return identified(io.BytesIO(data))
    except UnidentifiedImageError:
        raise unidentified(data, name) from None
    except ValueError as error:  # long texts beside the pixels of a PNG
        if "text" not in str(error).lower() or not data.startswith(b"\x89PNG"):
            raise
        return identified(io.BytesIO(without_texts(data)))


def _developed(data: bytes) -> Image.Image | None:
    """The preview that a camera put into a raw file, else its pixels; None without rawpy."""
    try:
        import rawpy
    except ImportError:
        return None
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            return _preview(raw, rawpy.ThumbFormat.JPEG)
    except rawpy.LibRawError:
        raise ContentError("damaged, or a RAW of a camera that LibRaw does not know") from None


def _preview(raw: Any, encoded: object) -> Image.Image:
    with suppress(Exception):  # there is none, or of an odd kind
        preview = raw.extract_thumb()
        if preview.format is not encoded:
            return Image.fromarray(preview.data)
        image = identified(io.BytesIO(preview.data))
        exif = image.getexif()
        if ORIENTATION not in exif:
            exif[ORIENTATION] = RAW_TURNS.get(raw.sizes.flip, 1)
            image.info["exif"] = exif.tobytes()
        return image
    return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True))


def _shrink(image: Image.Image, box: tuple[int, int]) -> None:
    """Let it be decoded smaller: a JPEG at half, a quarter or an eighth, a large JPEG 2000 too."""
    image.draft(None, box)
    if image.format == "JPEG2000" and image.size[0] * image.size[1] > ALONE:
        image.reduce = 3  # type: ignore[method-assign, assignment]  # levels, each a half


def _loaded(image: Image.Image, data: bytes, page: int, box: tuple[int, int]) -> Opened:
    def again(content: bytes = data) -> Image.Image:
        other = at_page(_identified(content, ""), page)
        _shrink(other, box)
        return other

    note, deep = "", image.format in ("PNG", "TIFF") and prepare(image)
    try:
        image.load()
    except OSError as error:
        if not is_cut_off(image, error):
            raise
        image, note = without_end(data, again), TRUNCATED
    except ValueError:
        if not data.startswith(b"\x89PNG"):
            raise
        image = again(without_texts(data))  # its texts stand behind its pixels
        image.load()
    turn = _turn(image)
    return Opened(brightened(image, again) if deep else image, turn, note)


def at_page(image: Image.Image, page: int) -> Image.Image:
    """A picture at one of its pages, from 1; raises ContentError where it has fewer."""
    if page > 1:
        try:
            image.seek(page - 1)
        except EOFError:
            raise ContentError(f"it has no page {page}") from None
    return image


def later_pages(
    data: bytes, box: tuple[int, int], max_pixels: int
) -> Iterator[tuple[int, Opened | Exception]]:
    """The pages of a TIFF behind the first, each with its number; or why it cannot be read.

    Smaller copies of a page, and masks, are none.
    """
    image = _identified(data, "")
    if image.format != "TIFF":
        return
    for page in range(2, MOST_PAGES + 1):
        try:
            at_page(image, page)
        except Exception:  # there are no more, or what says where they are is damaged
            return
        if image.tag_v2.get(SUBFILE, 0) & (SMALLER | MASK):  # type: ignore[attr-defined]
            continue
        try:
            _require_size(image.size, max_pixels)
            yield page, _loaded(image, data, page, box)
        except Exception as error:  # the next may be whole
            yield page, error


def _require_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if not width * height:
        raise ContentError("it has no pixels")
    if width * height > max_pixels:
        raise ContentError(
            f"too large: {width} x {height} pixels, {max_pixels:,} are allowed; "
            " index --max-pixels N --retry takes it"
        )


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What is still to be turned of a loaded picture: a TIFF is turned by Pillow as it loads."""
    image.load()
    if image.format == "JPEG" and "exif" not in image.info:  # most: nothing to parse
        return None
    try:
        return TURNS.get(int(image.getexif().get(ORIENTATION, 1)))
    except Exception:  # broken metadata must not lose the picture
        return None


def _from_array(array: NDArray[Any]) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ContentError(
            f"an array of shape {array.shape} is no picture: (height, width), or with 3 or 4 "
            "channels last, is"
        )
    if array.dtype == bool:
        array = array * np.uint8(255)
    elif array.dtype.kind == "f":
        array = _from_floats(array)
    elif array.dtype != np.uint8:
        raise ContentError(
            f"an array of {array.dtype} is no picture: uint8 or floats in [0, 1] are"
        )
    return Image.fromarray(np.ascontiguousarray(array, dtype=np.uint8))


def _from_floats(array: NDArray[Any]) -> NDArray[Any]:
    """Floats of 0 to 1 as 0 to 255; any other range is refused, as only who made it knows it."""
    if not np.isfinite(array).all():
        raise ContentError("an array that holds NaN or infinity is no picture")
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if low < -SLACK or high > 1 + SLACK:
        raise ContentError(
            f"an array of floats from {low:.4g} to {high:.4g} is no picture: floats in [0, 1], "
            "or uint8, are; scale it"
        )
    return (np.clip(array.astype(np.float32), 0, 1) * 255).round()
