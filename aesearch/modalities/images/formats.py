"""What a file is by its first bytes: the decoder that reads it, or what would be needed for one."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NamedTuple

from PIL import Image, UnidentifiedImageError, features

from aesearch.errors import ContentError, MissingExtraError, NotAPictureError
from aesearch.modalities.images.depth import teach_tiff

HEAD = 16  # bytes by which Pillow's decoders know their files
DAMAGED = "damaged or unknown: no decoder takes it"
# First bytes of what nearly every picture is, the format's name, and where Pillow has it.
COMMON = {
    b"\xff\xd8\xff": ("JPEG", "PIL.JpegImagePlugin"),
    b"\x89PNG": ("PNG", "PIL.PngImagePlugin"),
}
# Formats that run another program, or that Pillow can only name.
REFUSED_FORMATS = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"}
# Beginnings that are unlikely in a file of another kind.
PLAIN_STARTS = (
    *(b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    *(b"\0\0\1\0", b"8BPS", b"DDS ", b"qoif", b"icns", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    *(b"P1\n", b"P2\n", b"P3\n", b"P4\n", b"P5\n", b"P6\n", b"SIMPLE  =", b"\x01\xda\0\1"),
)
RAW_SUFFIXES = (
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2"),
    *(".raf", ".pef", ".srw", ".x3f", ".mrw", ".dcr", ".kdc", ".erf", ".mef", ".mos", ".3fr"),
    *(".iiq", ".rwl"),
)


DECODERS = {"heic": "pillow_heif", "jxl": "pillow_jxl", "raw": "rawpy"}  # modules of the extras


class Foreign(NamedTuple):
    """A format that Pillow does not read by itself: its name, and what helps.

    Attributes
    ----------
    name : str
    extra : str
        Of aesearch, which brings a decoder.
    advice : str
        What else to do.
    """

    name: str
    extra: str = ""
    advice: str = ""

    def error(self) -> ContentError:
        """The message, which names the format and the extra, or what else to do."""
        if self.extra in DECODERS and find_spec(DECODERS[self.extra]):
            return ContentError(f"damaged: no picture of {self.name}")
        if self is AVIF and features.check("avif"):
            return ContentError(DAMAGED)
        if self.extra:
            return MissingExtraError(
                f"{self.name}: reading it takes an extra, pip install 'aesearch[{self.extra}]'",
                self.extra,
            )
        return ContentError(f"{self.name}: {self.advice}")


HEIC = Foreign("HEIC", "heic")
RAW = Foreign("RAW of a camera", "raw")
JXL = Foreign("JPEG XL", "jxl")
AVIF = Foreign("AVIF", advice="this Pillow does not read it; pip install --upgrade pillow")
NO_DECODER = "no decoder here takes it; convert it to PNG or JPEG"
BRANDS = {  # of ISO media files, which all begin alike; those of videos are not here
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif"), HEIC),
    **dict.fromkeys((b"mif1", b"msf1"), HEIC),
    **dict.fromkeys((b"avif", b"avis"), AVIF),
    b"crx ": RAW,
}
STARTS = {
    b"\xff\x0a": JXL,
    b"\0\0\0\x0cJXL ": JXL,
    **dict.fromkeys((b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM", b"IIRO", b"IIRS", b"MMOR"), RAW),
    **dict.fromkeys((b"IIU\0", b"II\x1a\0\0\0HEAPCCDR"), RAW),
    b"8BPS": Foreign("PSD", advice="this kind of Photoshop file is not read; save it as PNG"),
    b"gimp xcf": Foreign("XCF of GIMP", advice=NO_DECODER),
    b"II\xbc": Foreign("JPEG XR", advice=NO_DECODER),
    b"v/1\x01": Foreign("OpenEXR", advice=NO_DECODER),
    **dict.fromkeys((b"#?RADIANCE", b"#?RGBE"), Foreign("Radiance HDR", advice=NO_DECODER)),
    b"AT&TFORM": Foreign("DjVu", advice=NO_DECODER),
    b"\xabKTX": Foreign("KTX texture", advice=NO_DECODER),
}
SVG = Foreign("SVG", advice="a drawing without pixels; draw it as PNG")
DICOM = Foreign("DICOM", advice=NO_DECODER)

_FORMATS: list[str] = []


def looks_like_picture(head: bytes) -> bool:
    """Whether a file is a picture, by its first bytes (`HEAD` or more), whatever its name says."""
    return (
        head.startswith(PLAIN_STARTS)
        or (head[:2] == b"BM" and head[6:10] == b"\0\0\0\0")
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or foreign(head) not in (None, SVG)
    )


def foreign(head: bytes, name: str = "") -> Foreign | None:
    """The format of a file that needs more than Pillow, by its first bytes, or those of a name."""
    if head[:4] == b"II*\0" and head[8:10] == b"CR":
        return RAW
    if head[4:8] == b"ftyp":
        return BRANDS.get(head[8:12])
    for start, known in STARTS.items():
        if head.startswith(start):
            return known
    if head[128:132] == b"DICM":
        return DICOM
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!--")) and b"<svg" in head):
        return SVG
    if name.lower().endswith(RAW_SUFFIXES) and head[:2] in (b"II", b"MM"):
        return RAW
    return None


def is_named_as_picture(name: str) -> bool:
    """Whether a name ends as that of a picture does that could be read."""
    # Extensions of videos and PDF are registered too: those Pillow only names, or only writes.
    suffix = Path(name).suffix.lower()
    return suffix in RAW_SUFFIXES or Image.registered_extensions().get(suffix) in _FORMATS


def identified(stream: IO[bytes]) -> Image.Image:
    """Open with the common formats; the rest of Pillow is loaded only when none of them fits.

    `Image.open` would refuse large pictures, of which some are drawn smaller while they are
    decoded: how large they may be is looked at later.
    """
    head = stream.read(HEAD)
    for start, (name, module) in COMMON.items():
        if head.startswith(start):
            # Loading one decoder instead of all takes a twentieth of a cold query.
            import_module(module)
            with suppress(UnidentifiedImageError):
                return _opened_as(stream, head, [name])
    if not _FORMATS:
        Image.preinit()
        _allow_formats()
    try:
        return _opened_as(stream, head, _FORMATS)
    except UnidentifiedImageError:
        before = len(_FORMATS)
        load_all_formats()
        if len(_FORMATS) == before:
            raise
        return _opened_as(stream, head, _FORMATS)


def _opened_as(stream: IO[bytes], head: bytes, names: Iterable[str]) -> Image.Image:
    for name in names:
        factory, accepts = Image.OPEN[name]
        with suppress(SyntaxError, IndexError, TypeError, struct.error):  # another may take it
            verdict = accepts is None or accepts(head)
            if verdict and not isinstance(verdict, str):  # text says what this Pillow lacks
                stream.seek(0)
                return factory(stream, "")
    raise UnidentifiedImageError


def unidentified(content: bytes, name: str) -> ContentError:
    """Say what a file is that no decoder takes."""
    head = content[:1024]
    if (known := foreign(head, name)) is not None:
        return known.error()
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") and (kind := _tiff_kind(content)):
        return ContentError(f"{kind} are not read here; save it with 8 or 16 bits a channel")
    if is_named_as_picture(name) or looks_like_picture(head):
        return ContentError(DAMAGED)
    return NotAPictureError("not a picture")


def _tiff_kind(content: bytes) -> str | None:
    """What the pixels of a TIFF are, in words, or None where its header is damaged."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    with suppress(Exception):
        directory = ImageFileDirectory_v2(content[: 16 if content[2:4] in (b"+\0", b"\0+") else 8])
        stream = io.BytesIO(content)
        stream.seek(directory.next)
        directory.load(stream)
        bits, form = directory[258], directory.get(339, (1,))
        count = max(len(bits), int(directory.get(277, 1)))
        samples = {1: "whole numbers", 2: "signed numbers", 3: "floats"}.get(form[0], "numbers")
        what = f"{bits[0]}-bit {samples}, {count} a pixel"
        return f"TIFF of {what}, photometric {directory.get(262, 0)}: such pixels"
    return None


def _allow_formats() -> None:
    _FORMATS[:] = [name for name in Image.ID if name not in REFUSED_FORMATS]


def load_all_formats() -> None:
    """Let Pillow know all of its formats, and those of the extras that are installed."""
    Image.init()
    teach_tiff()
    with suppress(ImportError):
        import pillow_heif

        register: Callable[[], None] = pillow_heif.register_heif_opener
        register()
    with suppress(ImportError):
        import pillow_jxl  # noqa: F401 - registers itself
    _allow_formats()
