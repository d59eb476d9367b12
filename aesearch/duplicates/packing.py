"""Pictures packed into rows of bytes of one size, as duplicates are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from aesearch.types import Floats, Pixels

SIDE = 128
CHROMA_SIDE = 32
ROW = SIDE * SIDE + 2 * CHROMA_SIDE * CHROMA_SIDE  # bytes of a packed picture
PLAIN, BORDER = 12, 26  # gray levels within which a border is plain; its pixels at most
SHARP = 0.3  # share of the row beyond a border that differs from it


def views(picture: Image.Image) -> list[Pixels]:
    """An RGB picture, packed, and what a border around it encloses, where there is one.

    Returns
    -------
    list of one or two ndarrays of uint8, shape (18432,)
        Luma (128 x 128) and chroma (32 x 32).
    """
    whole = pack(picture)
    inner = _inner_box(whole[: SIDE * SIDE].reshape(SIDE, SIDE))
    if inner is None:
        return [whole]
    left, top, right, bottom = inner
    wide, high = picture.width / SIDE, picture.height / SIDE
    return [whole, pack(picture, (left * wide, top * high, right * wide, bottom * high))]


def pack(picture: Image.Image, box: tuple[float, float, float, float] | None = None) -> Pixels:
    """Luma (128 x 128) and chroma (32 x 32) of an RGB picture, in one row of bytes.

    Parameters
    ----------
    picture : Image
    box : (left, top, right, bottom), optional
        The part to pack, in pixels.

    Returns
    -------
    ndarray of uint8, shape (18432,)
    """
    # With Pillow, without aliasing.
    square = picture.resize((SIDE, SIDE), Resampling.BILINEAR, box=box)
    luma, blue, red = square.convert("YCbCr").split()
    factor = SIDE // CHROMA_SIDE
    parts = (luma, blue.reduce(factor), red.reduce(factor))
    return np.concatenate([np.asarray(part).ravel() for part in parts])


def _inner_box(luma: Pixels) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom within a plain border all around, or on two opposite sides.

    None where there is no border.
    """
    top, bottom = _plain_edges(luma)
    left, right = _plain_edges(luma.T)
    return (left, top, SIDE - right, SIDE - bottom) if top + bottom + left + right else None


def _plain_edges(luma: Pixels) -> tuple[int, int]:
    """Number of rows at the top and at the bottom that are a border; both or none.

    A border ends along most of its length in one line; ground around an object does not.
    """
    off = np.abs(luma.astype(np.int16) - luma[0, 0]) > PLAIN
    widths = []
    for rows in (off, off[::-1]):
        width = int(np.argmax(rows.any(axis=1))) + 1  # it may end within a row
        if not 1 < width <= BORDER or rows[width].mean() < SHARP:
            return 0, 0
        widths.append(width)
    return widths[0], widths[1]


def gray_of(rows: Pixels) -> Floats:
    """Luma of packed pictures, of shape (n, 128, 128), from 0 to 255."""
    return rows[:, : SIDE * SIDE].reshape(-1, SIDE, SIDE).astype(np.float32)


def downsampled_gray(rows: Pixels, size: int) -> Floats:
    """Luma of packed pictures, downsampled to shape (n, size, size)."""
    return downsampled(gray_of(rows), SIDE // size)


def chroma_of(rows: Pixels) -> Floats:
    """The two chroma channels of packed pictures, of shape (n, 2, 32, 32)."""
    flat = rows[:, SIDE * SIDE :].reshape(-1, 2, CHROMA_SIDE, CHROMA_SIDE)
    return flat.astype(np.float32) - 128


def mirrored(rows: Pixels) -> Pixels:
    """Packed pictures mirrored, left for right."""
    luma = rows[:, : SIDE * SIDE].reshape(-1, SIDE, SIDE)[:, :, ::-1]
    chroma = rows[:, SIDE * SIDE :].reshape(-1, 2, CHROMA_SIDE, CHROMA_SIDE)[..., ::-1]
    return np.hstack([luma.reshape(len(rows), -1), chroma.reshape(len(rows), -1)])


def downsampled(pictures: Floats, factor: int) -> Floats:
    """Means of squares of pixels of pictures of shape (n, size, size)."""
    if factor == 1:
        return pictures
    return tiles(pictures, factor) / np.float32(factor * factor)


def tiles(values: NDArray[np.floating], tile: int) -> Floats:
    """Sums over square tiles, as two matrix products, which numpy does quickest."""
    side = values.shape[1]
    rows = np.repeat(np.eye(side // tile, dtype=np.float32), tile, axis=1)
    sums: Floats = rows @ values.astype(np.float32, copy=False) @ rows.T
    return sums
