"""Pictures to small arrays of fixed size."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from aesearch.errors import ContentError, ParameterError, UnreachableError
from aesearch.modalities.base import Sampled
from aesearch.modalities.images.depth import eight_bits, is_deep
from aesearch.modalities.images.formats import (
    identified,
    load_all_formats,
    looks_like_picture,
)
from aesearch.modalities.images.opening import (
    MOST_PAGES,
    Content,
    Opened,
    at_page,
    later_pages,
    opened,
)
from aesearch.modalities.images.shown import converted, has_alpha, on_ground, telling_frame
from aesearch.modalities.parts import may_hold_parts, split_part
from aesearch.settings import MAX_PIXELS
from aesearch.types import Pixels

__all__ = [
    "SIDES",
    "Content",
    "ImageFeatures",
    "as_png",
    "is_grey",
    "load_all_formats",
    "looks_like_picture",
    "open_picture",
    "size_of",
]

SIDES = (16, 32, 48, 64)
GAP = 4  # large pictures are first reduced to so many times the side
SHOWN = (512, 512)
DEAR = 500_000  # bytes of a JPEG, from which decoding takes longer than all else
LOOKED_AT = 192  # pixels of the longest side, from which it can be looked at as it is decoded
COLOR = "in color, of which this index of grey pictures sees nothing; --retrain looks anew"
MANY_PAGES = f"of many pages, of which the first {MOST_PAGES:,} are taken"
LATER_FRAME = "begins blank: a later frame was taken"

# Pillow warns about damaged metadata and large pictures; both end in the ledger or are harmless.
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class ImageFeatures:
    """How a picture becomes numbers: squeezed to a square of `side` pixels, uint8.

    Parameters
    ----------
    side : int, default=64
        Height and width in pixels; one of 16, 32, 48, 64.
    channels : {1, 3}, default=3
        Grey or red, green, blue.
    max_pixels : int, default=178,000,000
        Most pixels that are decoded of one picture.
    narrow : bool, default=False
        Whether pictures that can have no color keep one channel all the same.
    look : callable, optional
        Makes what altered copies are found by of an RGB picture; called for those that take long
        to decode, so that this is done once.
    """

    side: int = 64
    channels: int = 3
    max_pixels: int = field(default=MAX_PIXELS, compare=False)
    narrow: bool = field(default=False, compare=False)
    look: Callable[[Image.Image], bytes] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise ParameterError(f"side must be one of {SIDES}; got {self.side}")
        if self.channels not in (1, 3):
            raise ParameterError(f"channels must be 1 or 3; got {self.channels}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.side, self.side, self.channels

    def config(self) -> dict[str, Any]:
        """Return the parameters as JSON."""
        return {"kind": "images", "side": self.side, "channels": self.channels}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ImageFeatures:
        """Make features from what `config` returned."""
        return cls(side=config["side"], channels=config["channels"])

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> ImageFeatures:  # noqa: ARG003 - Features's
        """Make features from what `config` returned; they have no files."""
        return cls.from_config(config)

    def save(self, folder: Path) -> list[str]:
        """Write nothing: all is in `config`."""
        return []

    @property
    def kind(self) -> str:
        """'images'."""
        return "images"

    def read(self, content: bytes, name: str = "") -> Pixels | Sampled:
        """The pixels of a file; its name says which page is meant, and what it should be.

        Returns
        -------
        ndarray or Sampled
            The latter where there is more to say: a note, or pages behind the first.
        """
        try:
            return self._read(content, name)
        except Exception as error:  # decoders raise whatever a broken file leads them to
            raise _explained(error) from error

    def stack(self, samples: Sequence[Pixels]) -> Pixels:
        """Return pictures as one array, (n, side, side, channels)."""
        return np.stack(samples) if samples else np.empty((0, *self.shape), dtype=np.uint8)

    def transform(self, content: Content, name: str = "") -> Pixels:
        """Return one picture as uint8 of shape (side, side, channels).

        Parameters
        ----------
        content : bytes, path, PIL image or ndarray
            An encoded picture, the path of one (``scan.tif#2``: its second page), a decoded one,
            or an array of shape (height, width), (height, width, 3) or (height, width, 4), uint8
            or floats in [0, 1].
        name : str, optional
            Of the file that bytes come from.

        Raises
        ------
        ContentError
            If it cannot be read; the message is the reason, in a few words.
        """
        try:
            read = self._read(content, str(content) if isinstance(content, str | Path) else name)
        except Exception as error:  # decoders raise whatever a broken file leads them to
            raise _explained(error) from error
        return read.sample if isinstance(read, Sampled) else read

    def _read(self, content: Content, name: str) -> Pixels | Sampled:
        box = (self.side, self.side)
        with opened(content, name, box, self.max_pixels) as found:
            pixels, note = self._square(found)
            look = self._look(found) if isinstance(content, bytes) and len(content) > DEAR else b""
        more: tuple[tuple[str, Any], ...] = ()
        if isinstance(content, bytes) and may_hold_parts(name):
            pages = later_pages(content, box, self.max_pixels)
            more = tuple((f"#{number}", self._page(page)) for number, page in pages)
        if len(more) == MOST_PAGES - 1:
            note = "; ".join(filter(None, [note, MANY_PAGES]))
        return Sampled(pixels, note, more, look) if note or more or look else pixels

    def _look(self, found: Opened) -> bytes:
        if self.look is None or found.image.format != "JPEG" or max(found.image.size) < LOOKED_AT:
            return b""
        shown = _shown(found.image)
        return self.look(shown if found.turn is None else shown.transpose(found.turn))

    def _page(self, page: Opened | Exception) -> Pixels | ContentError:
        return _explained(page) if isinstance(page, Exception) else self._square(page)[0]

    def _square(self, found: Opened) -> tuple[Pixels, str]:
        """The small square of a picture, and what is to be said of it."""
        first = self._small(found.image)
        unseen = self.channels == 1 and self._has_color(found.image)
        small = telling_frame(found.image, first, self._small)
        notes = [found.note, COLOR if unseen else "", LATER_FRAME if small is not first else ""]
        if found.turn is not None:  # turning the small square is the same and costs nothing
            small = small.transpose(found.turn)
        pixels = np.frombuffer(small.tobytes(), dtype=np.uint8).reshape(self.side, self.side, -1)
        return pixels, "; ".join(filter(None, notes))

    def _small(self, image: Image.Image) -> Image.Image:
        box, mode = (self.side, self.side), "L" if self.channels == 1 else "RGB"

        def squeezed(whole: Image.Image) -> Image.Image:
            small = whole.resize(box, Image.Resampling.BILINEAR, reducing_gap=None)
            return small if small.mode == mode or self.narrow else small.convert(mode)

        return _plain(image, mode, GAP * max(SIDES), squeezed)

    def _has_color(self, image: Image.Image) -> bool:
        if image.mode in ("1", "L", "LA", "La") or is_deep(image):
            return False
        return not is_grey(np.asarray(replace(self, channels=3)._small(image)))


def is_grey(pixels: Pixels) -> bool:
    """Whether red, green and blue are the same in every pixel."""
    first, *others = np.moveaxis(pixels, 2, 0)
    return all(np.array_equal(first, other) for other in others)


def open_picture(
    content: Content,
    name: str = "",
    box: tuple[int, int] = SHOWN,
    max_pixels: int = MAX_PIXELS,
) -> Image.Image:
    """Return a picture in RGB as a person would see it, for showing; raises as `transform` does.

    A format that can is decoded at a fraction of the size, which still fills the box.
    """
    try:
        name = str(content) if isinstance(content, str | Path) else name
        with opened(content, name, box, max_pixels) as found:
            first = _shown(found.image)
            shown = telling_frame(found.image, first, _shown)
            return shown if found.turn is None else shown.transpose(found.turn)
    except Exception as error:
        raise _explained(error) from error


def _shown(image: Image.Image) -> Image.Image:
    return _plain(image, "RGB", SHOWN[0], lambda whole: whole.convert("RGB"))


def as_png(pixels: Pixels) -> bytes:
    """Return a small picture as PNG, from uint8 of shape (height, width, channels)."""
    stream = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(stream, "PNG")
    return stream.getvalue()


def size_of(file: Path | IO[bytes]) -> tuple[int, int] | None:
    """Return (width, height) from the header, or None where it cannot be read."""
    try:
        path, page = split_part(str(file)) if isinstance(file, Path) else ("", 1)
        with Path(path).open("rb") if isinstance(file, Path) else file as stream:
            return at_page(identified(stream), page).size
    except Exception:  # a broken header is reported when the file is decoded
        return None


def _explained(error: Exception) -> ContentError:
    """Say in a few words why a picture could not be read."""
    if isinstance(error, ContentError):
        return error
    if isinstance(error, Image.DecompressionBombError):
        return ContentError("too large: Pillow takes it for a decompression bomb")
    if isinstance(error, MemoryError):
        return UnreachableError("too large for the memory that is free")
    if isinstance(error, FileNotFoundError):
        return UnreachableError("there is no such file")
    if isinstance(error, OSError) and error.errno and error.strerror:
        return UnreachableError(f"cannot be read: {error.strerror}")
    return ContentError(f"damaged: {_reason(error)}")


def _plain(
    image: Image.Image, mode: str, least: int, finish: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """What `finish` makes of a picture in `mode`, from palette, alpha, CMYK, LAB, deep values.

    It is given a picture in "L" where that is the same in every channel, as less is to be done.
    """
    if is_deep(image):
        image = eight_bits(image, least)
    if has_alpha(image):
        clear = converted(image, "RGBA", least)
        return on_ground(clear, lambda flat: finish(flat.convert(mode)))
    if image.mode == "LAB":
        from PIL import ImageCms

        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB") or image
    if image.mode in ("1", "L"):
        return finish(converted(image, "L", least))
    return finish(converted(image, mode, least))


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
