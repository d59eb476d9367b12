"""Pictures to small arrays of fixed size: decoding, orientation, color, and refusing bombs."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from aesearch.errors import ContentError, NotAPictureError, ParameterError, UnreachableError
from aesearch.types import Pixels

Content = bytes | str | Path | Image.Image | NDArray[Any]

SIDES = (16, 32, 48, 64)
MAX_PIXELS = 178_000_000  # Pillow's own limit for "could be a decompression bomb"
ORIENTATION = 0x0112
DAMAGED = "damaged or unknown: no decoder takes it"
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"}
# First bytes of what nearly every picture is, the format's name, and where Pillow has it.
COMMON = {
    b"\xff\xd8\xff": ("JPEG", "PIL.JpegImagePlugin"),
    b"\x89PNG": ("PNG", "PIL.PngImagePlugin"),
}
# Formats that run another program, or that Pillow can only name.
REFUSED_FORMATS = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"}

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
    """

    side: int = 64
    channels: int = 3

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
        return {"kind": "images", **asdict(self)}

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

    def read(self, content: bytes, name: str = "") -> Pixels:
        """Return the pixels of a file; its name only tells whether it was meant to be a picture."""
        try:
            return self.transform(content)
        except NotAPictureError:
            if _is_named_as_picture(name):
                raise ContentError(DAMAGED) from None
            raise

    def stack(self, samples: Sequence[Pixels]) -> Pixels:
        """Return pictures as one array, (n, side, side, channels)."""
        return np.stack(samples) if samples else np.empty((0, *self.shape), dtype=np.uint8)

    def transform(self, content: Content) -> Pixels:
        """Return one picture as uint8 of shape (side, side, channels).

        Parameters
        ----------
        content : bytes, path, PIL image or ndarray
            An encoded picture, the path of one, a decoded one, or an array of shape (height,
            width), (height, width, 3) or (height, width, 4), uint8 or floats in [0, 1].

        Raises
        ------
        ContentError
            If it cannot be read; the message is the reason, in a few words.
        """
        try:
            return self._squeezed(_opened(content))
        except Exception as error:  # decoders raise whatever a broken file leads them to
            raise _explained(error, content) from error

    def _squeezed(self, picture: Image.Image) -> Pixels:
        box = (self.side, self.side)
        picture.draft(None, box)  # JPEG: decode at an eighth, a quarter or half of the size
        turn = _turn_after_loading(picture)
        plain = _plain(picture, "L" if self.channels == 1 else "RGB")
        small = plain.resize(box, Image.Resampling.BILINEAR, reducing_gap=None)
        if turn is not None:  # turning the small square is the same and costs nothing
            small = small.transpose(turn)
        return np.frombuffer(small.tobytes(), dtype=np.uint8).reshape(self.shape)


def open_picture(content: Content) -> Image.Image:
    """Return a picture in RGB as a person would see it, for showing; raises as `transform` does."""
    try:
        picture = _opened(content)
        picture.draft(None, (512, 512))
        turn = _turn_after_loading(picture)
        shown = _plain(picture, "RGB")
        return shown if turn is None else shown.transpose(turn)
    except Exception as error:
        raise _explained(error, content) from error


def as_png(pixels: Pixels) -> bytes:
    """Return a small picture as PNG, from uint8 of shape (height, width, channels)."""
    stream = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(stream, "PNG")
    return stream.getvalue()


def size_of(file: Path | IO[bytes]) -> tuple[int, int] | None:
    """Return (width, height) from the header, or None where it cannot be read."""
    try:
        with file.open("rb") if isinstance(file, Path) else file as stream:
            return _identified(stream).size
    except Exception:  # a broken header is reported when the file is decoded
        return None


def _explained(error: Exception, content: Content) -> ContentError:
    """Say in a few words why a picture could not be read."""
    if isinstance(error, ContentError):
        return error
    if isinstance(error, Image.DecompressionBombError):
        return ContentError("too large: Pillow takes it for a decompression bomb")
    if isinstance(error, UnidentifiedImageError):
        return _unidentified(content)
    if isinstance(error, MemoryError):
        return UnreachableError("too large for the memory that is free")
    if isinstance(error, FileNotFoundError):
        return UnreachableError("there is no such file")
    if isinstance(error, OSError) and error.errno and error.strerror:
        return UnreachableError(f"cannot be read: {error.strerror}")
    return ContentError(f"damaged: {_reason(error)}")


def _opened(content: Content) -> Image.Image:
    """Return a picture of a bearable size, not decoded yet where it comes from a file."""
    if isinstance(content, np.ndarray):
        picture = _from_array(content)
    elif isinstance(content, Image.Image):
        picture = content.copy()
    else:
        # Read whole, so that no file stays open; called a hundred thousand times, so kept short.
        data = content if isinstance(content, bytes) else Path(content).read_bytes()
        picture = _identified(io.BytesIO(data))
    width, height = picture.size
    if not 0 < width * height <= MAX_PIXELS:
        raise ContentError(
            f"too large: {width} x {height} pixels, {MAX_PIXELS // 1_000_000} million are allowed"
            if width * height
            else "it has no pixels"
        )
    return picture


def _identified(stream: IO[bytes]) -> Image.Image:
    """Open with the common formats; the rest of Pillow is loaded only when none of them fits."""
    head = stream.read(4)
    stream.seek(0)
    for start, (name, module) in COMMON.items():
        if head.startswith(start):
            # Loading one decoder instead of all takes a twentieth of a cold query.
            import_module(module)
            with suppress(UnidentifiedImageError):
                return Image.open(stream, formats=[name])
            stream.seek(0)
    if not _FORMATS:
        Image.preinit()
        _allow_formats()
    try:
        return Image.open(stream, formats=_FORMATS)
    except UnidentifiedImageError:
        before = len(_FORMATS)
        load_all_formats()
        if len(_FORMATS) == before:
            raise
        stream.seek(0)
        return Image.open(stream, formats=_FORMATS)


def _from_array(array: NDArray[Any]) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ContentError(
            f"an array of shape {array.shape} is no picture: (height, width), or with 3 or 4 "
            "channels last, is"
        )
    if array.dtype == bool or array.dtype.kind == "f":
        array = (np.clip(np.nan_to_num(array.astype(np.float32)), 0, 1) * 255).round()
    elif array.dtype != np.uint8:
        raise ContentError(
            f"an array of {array.dtype} is no picture: uint8 or floats in [0, 1] are"
        )
    return Image.fromarray(np.ascontiguousarray(array, dtype=np.uint8))


_FORMATS: list[str] = []


def _allow_formats() -> None:
    _FORMATS[:] = [name for name in Image.ID if name not in REFUSED_FORMATS]


def load_all_formats() -> None:
    """Let Pillow know all of its formats, and HEIC where pillow-heif is installed."""
    Image.init()
    try:
        import pillow_heif
    except ImportError:
        pass
    else:
        pillow_heif.register_heif_opener()
    _allow_formats()


def _unidentified(content: Content) -> ContentError:
    if isinstance(content, bytes):
        name, head = "", content[:16]
    elif isinstance(content, str | Path):
        name = str(content)
        with Path(content).open("rb") as stream:
            head = stream.read(16)
    else:
        return ContentError("not a picture")
    if not head:
        return ContentError("empty file")
    if _is_named_as_picture(name) or looks_like_picture(head):
        return ContentError(DAMAGED)
    return NotAPictureError("not a picture")


def _is_named_as_picture(name: str) -> bool:
    # Extensions of videos and PDF are registered too: those Pillow only names, or only writes.
    return Image.registered_extensions().get(Path(name).suffix.lower()) in _FORMATS


def looks_like_picture(head: bytes) -> bool:
    """Return whether the first bytes are those of a common picture format."""
    return (
        head.startswith(
            (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0")
        )
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS)  # other brands are videos
    )


def _turn_after_loading(picture: Image.Image) -> Image.Transpose | None:
    """Decode, and return what is still to be turned: a TIFF is turned by Pillow as it loads."""
    picture.load()
    if picture.format == "JPEG" and "exif" not in picture.info:  # most: nothing to parse
        return None
    try:
        return TURNS.get(int(picture.getexif().get(ORIENTATION, 1)))
    except Exception:  # broken metadata must not lose the picture
        return None


def _plain(picture: Image.Image, mode: str) -> Image.Image:
    """Convert to `mode` from palette, alpha (over white), CMYK, 16 or 32 bits and floats."""
    if picture.mode.startswith(("I", "F")):
        picture = _eight_bits(picture)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture)
    if picture.mode == "LAB":
        from PIL import ImageCms

        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, lab, rgb, outputMode="RGB")
        if converted is not None:
            picture = converted
    return picture if picture.mode == mode else picture.convert(mode)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and float grey to 8 bits by the range that the picture uses."""
    values = np.asarray(picture).astype(np.float32)
    if picture.mode.startswith("I;16"):
        low, high = 0.0, 65535.0 if values.max(initial=0) > 255 else 255.0
    else:
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        low, high = (0.0, 255.0) if low >= 0 and 1 < high <= 255 else (low, high)
    values = np.clip(np.nan_to_num(values), low, high)
    scaled = (values - low) * (255 / max(high - low, 1e-12))
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
