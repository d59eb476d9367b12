"""What of a file is looked at: the frame that shows something, on a ground that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from PIL import Image

from aesearch.modalities.images.depth import strips

FLAT = 12  # of 255 between the darkest and the brightest: nothing is to be seen
GROUNDS = ("white", "black", "gray")
ANIMATED = {"GIF", "WEBP", "PNG", "AVIF", "FLI", "JXL"}  # frames of others are pages, or layers
FRAMES = 64  # looked at, of an animation that begins blank
SEEN = 200_000_000  # pixels, of all frames that are decoded meanwhile
LARGE = 16_000_000  # pixels of which no whole copy is made


def contrast(small: Image.Image) -> int:
    """The gap between the darkest and the brightest value of a picture."""
    extrema: Any = small.getextrema()
    pairs = [extrema] if len(small.getbands()) == 1 else extrema
    return max(int(high - low) for low, high in pairs)


def has_alpha(picture: Image.Image) -> bool:
    """Whether parts of a picture may be transparent."""
    return picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info


def converted(picture: Image.Image, mode: str, least: int) -> Image.Image:
    """A picture in another mode; a large one smaller at once, its sides at least `least` pixels."""
    width, height = picture.size
    same = picture.mode == mode and "transparency" not in picture.info
    if width * height <= LARGE or (same and mode != "RGBA"):
        return picture if same else picture.convert(mode)
    factor = max(1, min(width, height) // least)
    small = Image.new(mode, (-(-width // factor), -(-height // factor)))
    for box in strips(picture, factor):
        small.paste(picture.crop(box).convert(mode).reduce(factor), (0, box[1] // factor))
    return small


def on_ground(clear: Image.Image, finish: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """What `finish` makes of a picture on white, or on another ground where that shows nothing.

    Parameters
    ----------
    clear : Image
        RGBA.
    finish : callable
        Makes the small picture.
    """
    best = finish(_laid_on(clear, GROUNDS[0]))
    if contrast(best) > FLAT or clear.getchannel("A").getextrema()[0] == 255:
        return best
    others = [finish(_laid_on(clear, ground)) for ground in GROUNDS[1:]]
    return max([best, *others], key=contrast)


def _laid_on(clear: Image.Image, ground: str) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", clear.size, ground), clear)


def telling_frame(
    picture: Image.Image, first: Image.Image, look: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """The small picture of an animation's first frame, or of a later one where that is blank.

    Parameters
    ----------
    picture : Image
        Opened, at its first frame.
    first : Image
        What `look` made of that.
    look : callable
        Makes a small picture of the present frame.
    """
    if picture.format not in ANIMATED or contrast(first) > FLAT:
        return first
    if getattr(picture, "n_frames", 1) < 2:
        return first
    with suppress(Exception):  # what is damaged later on does not lose the first frame
        return max([first, *islice(_later(picture, look), FRAMES)], key=contrast)
    return first


def _later(
    picture: Image.Image, look: Callable[[Image.Image], Image.Image]
) -> Iterator[Image.Image]:
    count: int = picture.n_frames  # type: ignore[attr-defined]
    step = max(1, count // FRAMES)  # to get at one, all before it are decoded
    for frame in range(step, min(count, SEEN // (picture.size[0] * picture.size[1])), step):
        picture.seek(frame)
        yield look(picture)
