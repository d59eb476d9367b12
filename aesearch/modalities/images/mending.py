"""Files that every viewer shows, and decoders are strict about: long texts, a missing end."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

from aesearch.errors import ContentError

END_OF_JPEG = b"\xff\xd9"
FILLED, WITHIN = 128, 2  # what a decoder draws where a JPEG has broken off
MOST_MISSING = 0.25  # of the rows
PNG_START = b"\x89PNG\r\n\x1a\n"
LONG_CHUNKS = {b"zTXt", b"iTXt", b"iCCP"}  # of which a little may become much


def without_texts(png: bytes) -> bytes:
    """A PNG without what may be compressed beside its pixels: texts and color profile."""
    kept, at = [PNG_START], len(PNG_START)
    while at + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        if kind not in LONG_CHUNKS:
            kept.append(png[at : at + length + 12])
        at += length + 12
    return b"".join(kept)


def is_cut_off(image: Image.Image, error: Exception) -> bool:
    """Whether a JPEG could not be decoded because it breaks off."""
    return image.format in ("JPEG", "MPO") and "truncated" in str(error)


def without_end(data: bytes, reopened: Callable[[bytes], Image.Image]) -> Image.Image:
    """What there is of a JPEG that breaks off, decoded.

    Raises
    ------
    ContentError
        If too much of it is missing.
    """
    image = reopened(data + END_OF_JPEG)
    image.load()
    gap = np.abs(np.asarray(image.convert("L")).astype(np.int16) - FILLED).max(axis=1)
    seen = np.flatnonzero(gap > WITHIN)
    missing = 1 - (seen[-1] + 1 if seen.size else 0) / len(gap)
    if missing > MOST_MISSING:
        raise ContentError(f"damaged: truncated, the lower {missing:.0%} of it are missing")
    return image
