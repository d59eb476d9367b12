"""Distorted copies of pictures and texts, as people make them, to calibrate the threshold with."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageOps

CROP = (0.80, 0.95)  # of each side stays
QUALITY = (30, 60)  # of JPEG
SMALLER = (0.25, 0.7)
LIGHT = (0.6, 1.5)
BAR = (0.08, 0.15)  # of the height
DROPPED, REPLACED = (0.02, 0.15), (0.0, 0.04)  # of the words
STAYS = (0.75, 0.95)  # of the words, where the beginning or the end is cut off
ADDED = (0.05, 0.30)  # of the words, as a signature or a quoting line adds some
EDITS = ("words", "cut", "added")
TURN = 4.0  # degrees at most
BORDER = (0.03, 0.1)  # of the longer side
LETTERS = (0.06, 0.14)  # of the height, of words over the picture
KINDS = (
    "crop",
    "recompressed",
    "resized",
    "brightness",
    "caption",
    "text",
    "turned",
    "border",
    "several",
)


def perturbed_copy(picture: Image.Image, seed: Sequence[int]) -> Image.Image:
    """A copy of an RGB picture, changed in one way of `KINDS`; equal for equal seeds."""
    rng = np.random.default_rng(seed)
    kind = KINDS[rng.integers(len(KINDS))]
    if kind in ("crop", "several"):
        picture = _cropped(picture, rng)
    if kind in CHANGES:
        picture = CHANGES[kind](picture, rng)
    if kind == "resized":
        factor = rng.uniform(*SMALLER)
        size = [max(8, round(side * factor)) for side in picture.size]
        picture = picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    if kind in ("brightness", "several"):
        light = rng.uniform(*LIGHT)
        picture = picture.point([min(255, round(level * light)) for level in range(256)] * 3)
    stream = io.BytesIO()
    quality = round(rng.uniform(*QUALITY)) if kind in ("recompressed", "several") else 85
    picture.save(stream, "JPEG", quality=quality)
    with Image.open(stream) as saved:
        return saved.convert("RGB")


def _cropped(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    width, height = picture.size
    wide, high = width * rng.uniform(*CROP), height * rng.uniform(*CROP)
    x, y = rng.uniform(0, width - wide), rng.uniform(0, height - high)
    return picture.crop((round(x), round(y), round(x + wide), round(y + high)))


def _captioned(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Put a bar with words over the top or the bottom, or beside it."""
    width, height = picture.size
    bar = max(1, round(height * rng.uniform(*BAR)))
    on_top, beside, dark = rng.random(3) < (0.3, 0.5, 0.5)
    ground, ink = ((0,) * 3, (255,) * 3) if dark else ((255,) * 3, (0,) * 3)
    sheet = Image.new("RGB", (width, height + bar if beside else height), ground)
    sheet.paste(picture, (0, bar if beside and on_top else 0))
    draw = ImageDraw.Draw(sheet)
    top = 0 if on_top else sheet.height - bar
    draw.rectangle((0, top, width, top + bar), fill=ground)
    draw.text((width // 20, top + bar // 4), _letters(rng), fill=ink)
    return sheet


def _letters(rng: np.random.Generator) -> str:
    return "".join(rng.choice(list("aeinorst ")) for _ in range(24))


def _written_over(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    sheet = picture.copy()
    place = rng.uniform(0, 0.2) * sheet.width, rng.uniform(0, 0.85) * sheet.height
    size = max(6.0, rng.uniform(*LETTERS) * sheet.height)
    ImageDraw.Draw(sheet).text(place, _letters(rng), fill=_ground(rng), font_size=size)
    return sheet


def _turned(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    return picture.rotate(
        rng.uniform(-TURN, TURN),
        Image.Resampling.BILINEAR,
        expand=bool(rng.random() < 0.5),
        fillcolor=_ground(rng),
    )


def _bordered(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    border = max(1, round(max(picture.size) * rng.uniform(*BORDER)))
    return ImageOps.expand(picture, border, _ground(rng))


def _ground(rng: np.random.Generator) -> tuple[int, int, int]:
    return (0, 0, 0) if rng.random() < 0.5 else (255, 255, 255)


CHANGES: dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "caption": _captioned,
    "text": _written_over,
    "turned": _turned,
    "border": _bordered,
}


def edited_copy(words: Sequence[str], others: Sequence[str], seed: Sequence[int]) -> list[str]:
    """A copy of a text, word by word, edited in one way of `EDITS`; equal for equal seeds.

    Words dropped and replaced, an end cut off, or words added at an end.

    Parameters
    ----------
    words : sequence of str
    others : sequence of str
        Words of the collection, which stand in for those replaced, and are added.
    seed : sequence of int
    """
    rng = np.random.default_rng(seed)
    kind = EDITS[rng.integers(len(EDITS))]
    at_front = rng.random() < 0.5
    if kind == "words" or len(words) < 2:
        return _reworded(words, others, rng)
    if kind == "cut":
        stays = min(len(words) - 1, round(len(words) * rng.uniform(*STAYS)))
        return list(words[len(words) - stays :] if at_front else words[:stays])
    more = max(1, round(len(words) * rng.uniform(*ADDED)))
    added = [others[n] for n in rng.integers(len(others), size=more).tolist()]
    return [*added, *words] if at_front else [*words, *added]


def _reworded(words: Sequence[str], others: Sequence[str], rng: np.random.Generator) -> list[str]:
    dropped, replaced = rng.uniform(*DROPPED), rng.uniform(*REPLACED)
    chances = rng.random(len(words))
    # Of a short text one word at least: it must not be the same.
    if len(words) > 1 and not (chances < dropped + replaced).any():
        chances[rng.integers(len(words))] = rng.choice((0.0, dropped))
    copy = []
    for word, chance in zip(words, chances.tolist(), strict=True):
        if chance >= dropped + replaced:
            copy.append(word)
        elif chance >= dropped:
            copy.append(others[int(rng.integers(len(others)))])
    return copy
