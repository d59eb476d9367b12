"""Uniform borders of a picture, such as a white page around it."""

from __future__ import annotations

import numpy as np
from PIL import Image

SMALL = 256  # pixels of the longest side, in which borders are looked for
PLAIN = 12  # gray levels within which a border is uniform
DIRT = 0.01  # share of a line that may be otherwise
LEAST = 16  # pixels that must be left


def trimmed(picture: Image.Image) -> Image.Image:
    """The picture without uniform borders; the whole where hardly anything would be left."""
    small = picture.copy()
    small.thumbnail((SMALL, SMALL), Image.Resampling.BILINEAR)
    gray = np.asarray(small.convert("L")).astype(np.int16)
    edge = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    off = np.abs(gray - np.median(edge)) > PLAIN
    rows = np.flatnonzero(off.mean(axis=1) > DIRT)
    columns = np.flatnonzero(off.mean(axis=0) > DIRT)
    if len(rows) < LEAST or len(columns) < LEAST:
        return picture
    right, down = picture.width / small.width, picture.height / small.height
    box = columns[0] * right, rows[0] * down, (columns[-1] + 1) * right, (rows[-1] + 1) * down
    left, top, end, bottom = (round(float(side)) for side in box)
    return picture.crop((left, top, end, bottom))
