"""What is kept of a picture so that altered copies find it: local features and a thumbnail.

ORB (Rublee and others, ICCV 2011): corners, each with 256 bits that bear a turn. Without OpenCV the
thumbnail alone is kept, and alterations that move nothing by much are found all the same.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from PIL import Image

from aesearch.types import Floats, Pixels

SIDE = 192  # pixels of the longest side, in which corners are found
THUMBNAIL, QUALITY = 128, 80  # pixels of the longest side of what is kept, as JPEG
KEPT, ASKED = 128, 160  # corners of a picture of the index, and of one that asks
BYTES = 32  # of a descriptor
TINY = 64  # pixels of the longest side: smaller ones look like others by chance, as digits do
NARROWEST = 32  # pixels of the shorter side, below which there is no room for a pyramid
STEPS = 64  # to a pixel, in which places are kept
HEAD = struct.Struct("<HHH")  # width and height in which places are, and how many there are


@cache
def opencv() -> Any:
    """The module, or None where it is not installed."""
    try:
        import cv2
    except ImportError:
        return None
    return cv2


@dataclass(frozen=True)
class Local:
    """A picture as originals are looked for.

    Attributes
    ----------
    kept : Image or bytes
        `picture`, or the JPEG of it.
    size : tuple of int
        Width and height in which `points` are.
    points : ndarray of float32, shape (n, 2)
        Right and down of each corner, in pixels.
    bits : ndarray of uint8, shape (n, 32)
        What each corner looks like.
    """

    kept: Image.Image | bytes
    size: tuple[int, int]
    points: Floats
    bits: Pixels

    @cached_property
    def picture(self) -> Image.Image:
        """The picture, small, RGB."""
        if isinstance(self.kept, bytes):
            return Image.open(io.BytesIO(self.kept)).convert("RGB")
        return self.kept

    @classmethod
    def of(cls, picture: Image.Image, corners: int = KEPT) -> Local:
        """Find the corners of an RGB picture.

        Parameters
        ----------
        picture : Image
        corners : int
            At most so many, the clearest.
        """
        factor = SIDE / max(picture.size)
        size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
        small = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        found, bits = [], None
        if min(size) >= NARROWEST and (cv2 := opencv()) is not None:
            finder = cv2.ORB_create(corners, 1.2, 8, edgeThreshold=10, fastThreshold=8)
            found, bits = finder.detectAndCompute(np.asarray(small.convert("L")), None)
        if bits is None or not len(found):
            return cls(small, size, np.empty((0, 2), np.float32), np.empty((0, BYTES), np.uint8))
        points = np.array([corner.pt for corner in found[:corners]], dtype=np.float32)
        return cls(small, size, points, bits[:corners])

    def packed(self) -> bytes:
        """As bytes, to be kept."""
        stream = io.BytesIO()
        thumbnail = self.picture.copy()
        thumbnail.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR)
        thumbnail.save(stream, "JPEG", quality=QUALITY)
        places = np.round(self.points * STEPS).astype("<u2")
        head = HEAD.pack(*self.size, len(self.points))
        return b"".join([head, places.tobytes(), self.bits.tobytes(), stream.getvalue()])

    @staticmethod
    def bits_of(packed: bytes) -> Pixels:
        """The descriptors alone of what `packed` returned."""
        count = HEAD.unpack_from(packed)[2]
        begin = HEAD.size + 4 * count
        return np.frombuffer(packed, np.uint8, BYTES * count, begin).reshape(-1, BYTES)

    @classmethod
    def unpacked(cls, packed: bytes) -> Local:
        """What `packed` returned; the picture is decoded when it is first looked at."""
        width, height, count = HEAD.unpack_from(packed)
        begin = HEAD.size + 4 * count
        end = begin + BYTES * count
        places = np.frombuffer(packed, "<u2", 2 * count, HEAD.size).reshape(-1, 2)
        bits = cls.bits_of(packed)
        points = places.astype(np.float32) / np.float32(STEPS)
        return cls(packed[end:], (width, height), points, bits)
