"""What all reports share: colors, text and tiles in a picture, and how they are written."""

from __future__ import annotations

import io
import os
import secrets
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from aesearch.errors import ContentError, ParameterError, StorageError
from aesearch.modalities.images.pixels import Content, open_picture
from aesearch.modalities.parts import split_part

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
MOST_PIXELS = {"JPEG": 65_500, "WEBP": 16_383}  # along a side; what the format can hold
GONE = "file is gone"

TILE = 160
MARGIN = 24
GAP = 16
HEADING = 36
QUALITY = 88

PAPER = "#ffffff"
INK = "#1f2328"
FAINT = "#6b7280"
MAT = "#f3f4f6"
EDGE = "#e5e7eb"
MISSING = "#d9dce1"
ACCENT = "#d9480f"


def write_report(
    out: Path, page: Callable[[], str], picture: Callable[[str], Image.Image], *, name: str
) -> None:
    """Write a report as one picture or one self-contained HTML file, as its suffix says.

    Parameters
    ----------
    out : Path
        .png, .jpg, .jpeg, .webp or .html. Replaced if it exists, whole or not at all.
    page : callable
        Gives the HTML.
    picture : callable
        Gives the picture, for the format that it is told: see `blank`.
    name : str
        What it is called where something is wrong with `out`.

    Raises
    ------
    ParameterError
        If the suffix is another one.
    StorageError
        If the file cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix == ".html":
        replace(out, page().encode("utf-8", "replace"))
    elif suffix in FORMATS:
        replace(out, encoded(picture(FORMATS[suffix]), FORMATS[suffix]))
    else:
        raise ParameterError(
            f"{name} is written as {', '.join([*FORMATS, '.html'])}; got {out.name!r}"
        )


def blank(width: int, height: int, format: str, out: Path) -> Image.Image:
    """Return an empty sheet, or raise ParameterError where the format cannot hold it."""
    most = MOST_PIXELS.get(format)
    for pixels, way in ((height, "tall"), (width, "wide")):
        if most is not None and pixels > most:
            raise ParameterError(
                f"{out.name!r} would be {pixels} pixels {way}, and {format} holds {most}:"
                " write .png or .html, or fewer rows"
            )
    return Image.new("RGB", (width, height), PAPER)


def replace(out: Path, content: bytes) -> None:
    """Write a file whole or not at all; what stood there before is replaced."""
    draft = out.with_name(f".aesearch-{secrets.token_hex(6)}.tmp")
    try:
        try:
            draft.write_bytes(content)
            os.replace(draft, out)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}") from error


def encoded(picture: Image.Image, format: str) -> bytes:
    """Return the picture in a format of Pillow's."""
    stream = io.BytesIO()
    picture.save(stream, format, quality=QUALITY)
    return stream.getvalue()


def opened(content: Path | Content) -> Image.Image | str:
    """Return the picture, or in a few words why there is none."""
    name = ""
    try:
        if isinstance(content, Path):
            name = content.name
            file = Path(split_part(str(content))[0])
            if not file.is_file():
                return GONE
            content = file.read_bytes()
        return open_picture(content, name)
    except ContentError as error:
        return str(error)
    except OSError as error:
        return error.strerror or "cannot be read"


def box(x: int, y: int, side: int, border: int = 0) -> tuple[int, int, int, int]:
    """Return the corners of a tile whose upper left one is (x, y), with a border around it."""
    return x - border, y - border, x + side - 1 + border, y + side - 1 + border


def place(
    draw: ImageDraw.ImageDraw,
    sheet: Image.Image,
    x: int,
    y: int,
    picture: Image.Image | str,
    side: int = TILE,
) -> None:
    """Draw a picture into the tile at (x, y), or the words that say why there is none."""
    if isinstance(picture, str):
        draw.rectangle(box(x, y, side), fill=MISSING)
        lines = _wrapped(picture, side - 2 * GAP)[:6]
        for number, line in enumerate(lines):
            at = y + side // 2 + int((number - len(lines) / 2) * 18)
            write(draw, (x + side // 2, at), line, 14, FAINT, side - 2 * GAP, anchor="ma")
        return
    draw.rectangle(box(x, y, side, 1), fill=MAT, outline=EDGE)
    small = fitted(picture, side, enlarge=True)
    sheet.paste(small, (x + (side - small.width) // 2, y + (side - small.height) // 2))


def fitted(picture: Image.Image, side: int, *, enlarge: bool) -> Image.Image:
    """Fit into a square, keeping the proportions; tiny pictures keep their pixels sharp."""
    scale = side / max(picture.size)
    if scale >= 1 and not enlarge:
        return picture
    sharp = scale >= 2
    scale = int(scale) if sharp else scale  # whole steps: every pixel is enlarged alike
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    method = Image.Resampling.NEAREST if sharp else Image.Resampling.LANCZOS
    return picture.resize(size, method, reducing_gap=3.0)


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the built-in font, in pixels."""
    return ImageFont.load_default(size=size)


@cache
def _showable(character: str) -> bool:
    """Return whether the built-in font has the character, rather than a box in its place."""
    if not character.isprintable():
        return False
    mask = font(14).getmask
    return character == " " or bytes(mask(character)) != bytes(mask("\uffff"))


def plain(text: str) -> str:
    """Replace what the font cannot show: a letter by the one without its accent, others by ?."""
    shown = []
    for character in unicodedata.normalize("NFC", text):
        base = unicodedata.normalize("NFKD", character)[0]
        shown.append(next((c for c in (character, base) if _showable(c)), "?"))
    return "".join(shown)


def write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    color: str,
    width: int,
    *,
    anchor: str = "la",
) -> None:
    """Write one line of text, shortened to `width` pixels."""
    shown = shortened(plain(text), size, width)
    draw.text(at, shown, fill=color, font=font(size), anchor=anchor)


def shortened(text: str, size: int, width: int) -> str:
    """Take characters out of the middle until the text fits into `width` pixels."""
    length = font(size).getlength
    kept, shown = min(len(text), width), text
    while length(shown) > width and kept > 1:
        kept -= 1
        shown = text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :]
    return shown


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font(14).getlength(plain(longer)) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
