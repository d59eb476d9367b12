"""A part of a picture, as a person sees it."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from numbers import Real

import numpy as np
from PIL import Image

from aesearch.errors import ParameterError
from aesearch.modalities.images.opening import Content
from aesearch.modalities.images.pixels import open_picture, size_of
from aesearch.modalities.images.shown import LARGE
from aesearch.settings import MAX_PIXELS

WHOLE = (1 << 20, 1 << 20)  # pixels: nothing is decoded smaller for that
SLACK = 1e-6  # of shares that were computed


def cropped(
    content: Content, crop: Sequence[float], name: str = "", max_pixels: int = MAX_PIXELS
) -> Image.Image | None:
    """Return a part of a picture, RGB; None where that is all of it.

    Parameters
    ----------
    content : bytes, PIL image or ndarray
    crop : sequence of four numbers
        x, y, width and height, in pixels of the picture as it is shown, after its orientation;
        where none is above 1, in shares of its width and height.
    name : str
    max_pixels : int

    Raises
    ------
    ParameterError
        If it is no such part.
    ContentError
        If the picture cannot be read.
    """
    wanted = _checked(crop)
    picture = open_picture(content, name, WHOLE, max_pixels)
    full = _full_size(content, picture.size)
    left, top, right, bottom = _corners(wanted, full)
    if (left, top, right, bottom) == (0, 0, *full):
        return None
    across, down = picture.width / full[0], picture.height / full[1]
    box = _apart(left * across, right * across), _apart(top * down, bottom * down)
    part = picture.crop((box[0][0], box[1][0], box[0][1], box[1][1]))
    part.info = {}  # it is turned already
    return part


def _checked(crop: Sequence[float]) -> tuple[float, float, float, float]:
    numbers = list(crop) if isinstance(crop, Iterable) and not isinstance(crop, str) else []
    if len(numbers) != 4 or not all(isinstance(one, Real) for one in numbers):
        raise ParameterError(f"crop is four numbers: x, y, width, height; got {crop!r}")
    x, y, width, height = map(float, numbers)
    if not all(map(math.isfinite, (x, y, width, height))) or min(x, y) < 0:
        raise ParameterError(f"crop begins at 0, 0 or behind, in finite numbers; got {crop!r}")
    if min(width, height) <= 0:
        raise ParameterError(f"crop is empty: width and height must be above 0; got {crop!r}")
    return x, y, width, height


def _corners(crop: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[int, ...]:
    """Left, top, right and bottom in pixels."""
    x, y, width, height = crop
    if max(crop) <= 1:
        beyond = max(x + width, y + height) > 1 + SLACK
        across = _apart(x * size[0], min(1.0, x + width) * size[0])
        down = _apart(y * size[1], min(1.0, y + height) * size[1])
    else:
        if not all(map(float.is_integer, crop)):
            raise ParameterError(
                "crop in pixels is whole numbers, and in shares of the picture none is above 1; "
                f"got {_written(crop)}"
            )
        beyond = x + width > size[0] or y + height > size[1]
        across, down = (int(x), int(x + width)), (int(y), int(y + height))
    if beyond:
        raise ParameterError(
            f"crop {_written(crop)} reaches beyond the picture, of {size[0]} x {size[1]} pixels"
        )
    return across[0], down[0], across[1], down[1]


def _written(crop: Iterable[float]) -> str:
    return ",".join(f"{one:g}" for one in crop)


def _apart(begin: float, end: float) -> tuple[int, int]:
    """Both as whole numbers, of which the second is the higher."""
    last = max(1, round(end))
    return min(round(begin), last - 1), last


def _full_size(content: Content, shown: tuple[int, int]) -> tuple[int, int]:
    """The size of a picture before it was made smaller, as the largest are."""
    if isinstance(content, np.ndarray):
        size = content.shape[1], content.shape[0]
    elif isinstance(content, bytes):
        size = size_of(io.BytesIO(content)) or shown
    else:
        size = getattr(content, "size", shown)
    if size[0] * size[1] <= LARGE:
        return shown
    turned = size[::-1]
    lies = abs(size[0] / size[1] - shown[0] / shown[1])
    return size if lies <= abs(turned[0] / turned[1] - shown[0] / shown[1]) else turned
