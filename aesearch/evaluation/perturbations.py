"""Perturbed images: each loses a border, light and sharpness, and must still find its original."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from aesearch.errors import ParameterError
from aesearch.types import Doubles, Pixels

CROP = (0.65, 0.85)
BRIGHTNESS = (0.70, 1.35)
BLUR = (0.6, 1.2)
QUALITY = (30, 50)


def perturbed(images: Pixels, seed: int = 0) -> Pixels:
    """Return a perturbed copy of each image, uint8 of the same shape; equal for equal seeds.

    Each loses a border (65 to 85 % of the side stays, and is enlarged again), becomes darker or
    brighter (x 0.7 to 1.35), and is then blurred or recompressed as a poor JPEG.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, side, side, channels)
        With 1 or 3 channels.
    seed : int, default=0
    """
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.uint8:
        raise ParameterError(
            "images must be uint8 of shape (n, side, side, 1 or 3); "
            f"got {images.dtype} of {images.shape}"
        )
    rng = np.random.default_rng(seed)
    copies = np.empty_like(images)
    for copy, image in zip(copies, images, strict=True):
        copy[...] = _perturbed(image, rng.random(6)).reshape(image.shape)
    return copies


def _perturbed(pixels: Pixels, chances: Doubles) -> Pixels:
    crop, left, upper, light, strength, which = chances.tolist()
    height, width, channels = pixels.shape
    kept = _between(CROP, crop)
    x, y = left * (1 - kept) * width, upper * (1 - kept) * height
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).resize(
        (width, height),
        Image.Resampling.BICUBIC,
        box=(x, y, x + kept * width, y + kept * height),
    )
    lit = np.rint(np.asarray(image, dtype=np.float32) * _between(BRIGHTNESS, light))
    image = Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
    if which < 0.5:
        return np.asarray(image.filter(ImageFilter.GaussianBlur(_between(BLUR, strength))))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=round(_between(QUALITY, strength)))
    with Image.open(stream) as recompressed:
        return np.asarray(recompressed)


def _between(limits: tuple[float, float], chance: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * chance
