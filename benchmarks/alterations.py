"""Pictures altered as people have them: cropped, in a page, turned, photographed from a screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

BICUBIC = Image.Resampling.BICUBIC
HALF, FIFTH = 0.5, 0.8  # share of the area that a crop leaves
PAGE = (850, 1100)
Doubles = NDArray[np.float64]
Rng = np.random.Generator
Alteration = Callable[[Image.Image, Rng], Image.Image]


def _cropped(picture: Image.Image, rng: Rng, share: float) -> Image.Image:
    """A part of so much of the area, of the shape of the whole, at any place."""
    width, height = (round(side * share**0.5) for side in picture.size)
    left = int(rng.integers(picture.width - width + 1))
    top = int(rng.integers(picture.height - height + 1))
    return picture.crop((left, top, left + width, top + height))


def in_page(picture: Image.Image, rng: Rng) -> Image.Image:
    """A white page that holds it at 35 to 60 % of its width, at any place."""
    page = Image.new("RGB", PAGE, "white")
    wide = int(PAGE[0] * rng.uniform(0.35, 0.6))
    high = max(1, min(PAGE[1] - 100, wide * picture.height // picture.width))
    small = picture.resize((wide, high), BICUBIC)
    left = int(rng.integers(20, PAGE[0] - small.width - 20))
    page.paste(small, (left, int(rng.integers(20, PAGE[1] - small.height - 20))))
    return page


def turned(picture: Image.Image, degrees: float) -> Image.Image:
    """Turned about its middle; black corners come with it."""
    return picture.rotate(degrees, BICUBIC, expand=True)


def from_screen(picture: Image.Image, rng: Rng) -> Image.Image:
    """Photographed from a screen: perspective, moire, noise, another light, recompressed."""
    width, height = picture.size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    seen = corners + rng.uniform(-0.06, 0.06, (4, 2)) * [width, height]
    shown = picture.transform(
        picture.size, Image.Transform.PERSPECTIVE, _perspective(corners, seen), BICUBIC
    ).filter(ImageFilter.GaussianBlur(0.6))
    pixels = np.asarray(shown, np.float64)
    down, right = np.mgrid[:height, :width]
    period, angle = rng.uniform(3, 7), rng.uniform(0, np.pi)
    waves = np.sin(2 * np.pi * (right * np.cos(angle) + down * np.sin(angle)) / period)
    pixels += 8 * waves[..., None] + rng.normal(0, 5, pixels.shape)
    pixels = pixels * rng.uniform(0.8, 1.15) * rng.uniform(0.95, 1.05, 3)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _perspective(to: Doubles, of: Doubles) -> list[float]:
    """The eight numbers by which Pillow finds points `of` a picture for those of another."""
    rows, values = [], []
    for (x, y), (u, v) in zip(to, of, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return list(np.linalg.solve(np.array(rows), np.array(values)))


ALTERATIONS: Mapping[str, Alteration] = {
    "half cropped away": lambda picture, rng: _cropped(picture, rng, HALF),
    "pasted into a white page": in_page,
    "mirrored": lambda picture, _: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned by 15 degrees": lambda picture, rng: turned(picture, 15 * rng.choice([-1, 1])),
    "turned by 90 degrees": lambda picture, rng: turned(picture, 90 * int(rng.integers(1, 4))),
    "20 % cropped": lambda picture, rng: _cropped(picture, rng, FIFTH),
    "photographed from a screen": from_screen,
    "dark": lambda picture, _: ImageEnhance.Brightness(picture).enhance(0.45),
}
