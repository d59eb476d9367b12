"""Pictures: pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os.path import splitext
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aesearch.modalities.base import Modality
from aesearch.modalities.parts import suffix_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from aesearch.modalities.images.pixels import Content, ImageFeatures
    from aesearch.settings import Settings
    from aesearch.types import Array, Floats, Pixels

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".avif", ".bmp", ".dib", ".tif"),
    *(".tiff", ".heic", ".heif", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".ico"),
    *(".icns", ".pcx", ".sgi", ".qoi", ".mpo", ".dds", ".apng", ".psd", ".jpx", ".jxl", ".xbm"),
    *(".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"),
)


CHANNELS = (1, 3, 4)


class Images(Modality):
    """Pictures in files, squeezed to a small square."""

    name = "images"
    noun = "picture"
    features = "aesearch.modalities.images.pixels:ImageFeatures"
    default_encoder = "agreement"
    baseline = "pca"
    closed_form = "descriptions"
    fallback = "thumbnail"
    sizeless = ("raw", "phash")
    compared = ("raw", "phash", "thumbnail", "pca", "descriptions", "auto")
    perturbed = "perturbed pictures"
    visual = True
    arrays = "pictures, uint8 of shape (n, height, width, 1, 3 or 4)"
    parts: ClassVar = {
        "ranker": "aesearch.search.pictures:PictureRanker",
        "originals": "aesearch.originals.search:Originals",
        "keep": "aesearch.originals.keep:kept",
        "says": "aesearch.modalities.images.exif:said_by",
        "looks": "aesearch.originals.keep:Looks",
        "arrival": "aesearch.ingest.arrival:Arrival",
        "dataset": "aesearch.indexing.datasets.images:ImageDataset",
        "duplicates": "aesearch.duplicates.images:find_candidates",
        "map": "aesearch.maps.images:ImageMaterial",
        "export": "aesearch.export.encoder:ImageInput",
    }

    def claims(self, name: str) -> bool:
        """Whether a file has the name of a picture, whatever it holds."""
        return splitext(name)[1].lower() in SUFFIXES

    def limited(self, features: ImageFeatures, settings: Settings) -> ImageFeatures:
        """The features, for pictures of so many pixels as the settings allow."""
        return replace(features, max_pixels=settings.max_pixels)

    def path_of(self, content: Content) -> Path | None:
        """The path that a text or a path is; a picture itself has none."""
        return Path(content) if isinstance(content, str | Path) else None

    def sample(
        self, features: ImageFeatures, content: Content, name: str = ""
    ) -> tuple[Pixels, bytes]:
        """The small square of a picture, and its file's bytes or those of the square."""
        pixels = features.transform(channels_last(content), name)
        return pixels, content + suffix_of(name) if isinstance(content, bytes) else pixels.tobytes()

    def cropped(
        self, features: ImageFeatures, content: Content, crop: Sequence[float], name: str = ""
    ) -> Image | None:
        """A part of a picture as it is shown."""
        from aesearch.modalities.images.cropping import cropped

        return cropped(channels_last(content), crop, name, features.max_pixels)

    def looks_like(self, content: bytes, name: str) -> bool:
        """Whether a file begins as one of a picture does."""
        from aesearch.modalities.images.formats import looks_like_picture

        return looks_like_picture(content)

    def takes(self, content: Any) -> bool:
        """Whether it is an opened picture, or an array of one."""
        if hasattr(content, "getexif"):
            return True
        axes: Sequence[int] = getattr(content, "shape", ())
        return len(axes) == 2 or (len(axes) == 3 and (axes[2] in CHANNELS or axes[0] in CHANNELS))

    def as_content(self, content: Any, name: str) -> bytes:
        """The file, or the picture as PNG."""
        if not self.takes(content):
            return super().as_content(content, name)
        import numpy as np

        from aesearch.modalities.images.pixels import as_png, open_picture

        return as_png(np.asarray(open_picture(channels_last(content))))

    def describe_input(self, config: Mapping[str, Any]) -> str:
        """The size in pixels."""
        return f"{config['side']}x{config['side']} pixels"

    def reconstruction_errors(self, decoded: Floats, rows: Array) -> Floats:
        """Mean squared error of the pixels in 0..1, at the resolution of the decoder's output."""
        errors = super().reconstruction_errors(decoded, rows)
        errors /= 255**2
        return errors

    def as_kept(self, sample: Pixels) -> bytes:
        """The small square as PNG: there is no file to go back to."""
        from aesearch.modalities.images.pixels import as_png

        return as_png(sample)

    def packed(self, sample: Pixels) -> bytes:
        """The pixels, a byte each."""
        return sample.tobytes()

    def unpacked(self, features: ImageFeatures, packed: bytes) -> Pixels:
        """The pixels."""
        import numpy as np

        height, width, _ = features.shape  # grey pictures may have one channel less
        return np.frombuffer(packed, dtype=np.uint8).reshape(height, width, -1)

    def holds(self, array: Array) -> bool:
        """Whether it is a stack of pictures."""
        return array.ndim == 4 and array.dtype == "uint8" and array.shape[3] in (1, 3, 4)

    def warm_up(self) -> None:
        """Load all formats of Pillow."""
        from aesearch.modalities.images.pixels import load_all_formats

        load_all_formats()


def channels_last(content: Content) -> Content:
    """An array (channels, height, width), as torch has it, with the channels last."""
    import numpy as np

    if not isinstance(content, np.ndarray) or content.ndim != 3 or content.shape[2] in CHANNELS:
        return content
    return content.transpose(1, 2, 0) if content.shape[0] in CHANNELS else content
