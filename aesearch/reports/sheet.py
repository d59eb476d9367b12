"""The contact sheet: queries and their hits as pictures, in one picture or one HTML file."""

from __future__ import annotations

import base64
import html
import io
import os
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from aesearch.errors import ContentError, ParameterError, StorageError
from aesearch.features.images import Content, load_all_formats, open_picture

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
MOST_HEIGHT = {"JPEG": 65_500, "WEBP": 16_383}  # pixels; what the format can hold
GONE = "file is gone"

TILE = 160
PER_LINE = 10
MARGIN = 24
GAP = 16
FRAME = 4
HEADING = 36
CAPTION = 44  # score and key below a tile
ROW_GAP = 20
QUALITY = 88
EMBEDDED = 320  # longest side in an HTML file, twice that of a tile: for dense screens

PAPER = "#ffffff"
INK = "#1f2328"
FAINT = "#6b7280"
MAT = "#f3f4f6"
EDGE = "#e5e7eb"
MISSING = "#d9dce1"
ACCENT = "#d9480f"


@dataclass(frozen=True)
class Cell:
    """One hit: its score (higher is closer), its key, and the file that shows it."""

    score: float
    key: str
    path: Path


@dataclass(frozen=True)
class Row:
    """One query and its hits, best first; `query` is None where it cannot be shown."""

    title: str
    query: Image.Image | None
    hits: list[Cell]


def write_sheet(rows: Sequence[Row], out: Path) -> None:
    """Write queries and hits as one picture or one self-contained HTML file.

    Parameters
    ----------
    rows : sequence of Row
        A hit whose file is gone or broken gets a grey tile that says so.
    out : Path
        Its suffix decides: .png, .jpg, .jpeg, .webp or .html. Replaced if it exists.

    Raises
    ------
    ParameterError
        If the suffix is another one, or the picture would be too tall for its format.
    StorageError
        If the file cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix == ".html":
        _replace(out, _page(rows).encode("utf-8", "replace"))
    elif suffix in FORMATS:
        _replace(out, _encoded(_sheet(rows, FORMATS[suffix], out), FORMATS[suffix]))
    else:
        raise ParameterError(
            f"a sheet is written as {', '.join([*FORMATS, '.html'])}; got {out.name!r}"
        )


def _replace(out: Path, content: bytes) -> None:
    draft = out.with_name(f".aesearch-{secrets.token_hex(6)}.tmp")
    try:
        try:
            draft.write_bytes(content)
            os.replace(draft, out)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}") from error


def _encoded(picture: Image.Image, format: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, quality=QUALITY)
    return stream.getvalue()


def _open(content: Path | Content) -> Image.Image | str:
    """Return the picture, or in a few words why there is none."""
    try:
        if isinstance(content, Path):
            if not content.is_file():
                return GONE
            content = content.read_bytes()
        try:
            return open_picture(content)
        except ContentError:  # it may be of a rare format
            load_all_formats()
            return open_picture(content)
    except ContentError as error:
        unknown = isinstance(error.__cause__, UnidentifiedImageError)
        return "damaged: no decoder takes it" if unknown else str(error)
    except OSError as error:
        return error.strerror or "cannot be read"


def _sheet(rows: Sequence[Row], format: str, out: Path) -> Image.Image:
    columns = max([1, *(min(len(row.hits), PER_LINE) for row in rows)])
    left = MARGIN + (TILE + 2 * GAP if any(row.query is not None for row in rows) else 0)
    width = left + columns * (TILE + GAP) - GAP + MARGIN
    height = 2 * MARGIN + sum(map(_height, rows)) + ROW_GAP * (len(rows) - 1)
    if height > MOST_HEIGHT.get(format, height):
        raise ParameterError(
            f"{out.name!r} would be {height} pixels tall, and {format} holds {MOST_HEIGHT[format]}:"
            " write .png or .html, or fewer rows"
        )
    sheet = Image.new("RGB", (width, max(height, 2 * MARGIN)), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = MARGIN
    for row in rows:
        below = top + (HEADING if row.title else 0)
        if row.title:
            _write(draw, (MARGIN, top), row.title, 20, INK, width - 2 * MARGIN)
        if row.query is not None:
            _place(draw, sheet, MARGIN, below, _open(row.query))
            frame = _box(MARGIN, below, FRAME)
            draw.rounded_rectangle(frame, radius=FRAME, outline=ACCENT, width=FRAME)
            _write(draw, (MARGIN, below + TILE + 6), "query", 16, ACCENT, TILE)
        if not row.hits:
            _write(draw, (left, below), "no hits", 16, FAINT, TILE)
        for place, cell in enumerate(row.hits):
            x = left + place % PER_LINE * (TILE + GAP)
            y = below + place // PER_LINE * (TILE + CAPTION + GAP)
            _place(draw, sheet, x, y, _open(cell.path))
            _write(draw, (x, y + TILE + 6), f"{cell.score:.3f}", 16, INK, TILE)
            _write(draw, (x, y + TILE + 26), cell.key, 13, FAINT, TILE)
        top += _height(row) + ROW_GAP
    return sheet


def _height(row: Row) -> int:
    heading = HEADING if row.title else 0
    if row.query is None and not row.hits:
        return heading + GAP
    lines = max(1, -(-len(row.hits) // PER_LINE))
    return heading + lines * (TILE + CAPTION) + (lines - 1) * GAP


def _box(x: int, y: int, border: int = 0) -> tuple[int, int, int, int]:
    return x - border, y - border, x + TILE - 1 + border, y + TILE - 1 + border


def _place(
    draw: ImageDraw.ImageDraw, sheet: Image.Image, x: int, y: int, picture: Image.Image | str
) -> None:
    if isinstance(picture, str):
        draw.rectangle(_box(x, y), fill=MISSING)
        lines = _wrapped(picture, TILE - 2 * GAP)[:6]
        for number, line in enumerate(lines):
            at = y + TILE // 2 + int((number - len(lines) / 2) * 18)
            _write(draw, (x + TILE // 2, at), line, 14, FAINT, TILE - 2 * GAP, anchor="ma")
        return
    draw.rectangle(_box(x, y, 1), fill=MAT, outline=EDGE)
    small = _fitted(picture, TILE, enlarge=True)
    sheet.paste(small, (x + (TILE - small.width) // 2, y + (TILE - small.height) // 2))


def _fitted(picture: Image.Image, side: int, *, enlarge: bool) -> Image.Image:
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
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


@cache
def _showable(character: str) -> bool:
    """Return whether the built-in font has the character, rather than a box in its place."""
    if not character.isprintable():
        return False
    font = _font(14)
    return character == " " or bytes(font.getmask(character)) != bytes(font.getmask("\uffff"))


def _plain(text: str) -> str:
    """Replace what the font cannot show: a letter by the one without its accent, others by ?."""
    shown = []
    for character in unicodedata.normalize("NFC", text):
        base = unicodedata.normalize("NFKD", character)[0]
        shown.append(next((c for c in (character, base) if _showable(c)), "?"))
    return "".join(shown)


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    colour: str,
    width: int,
    *,
    anchor: str = "la",
) -> None:
    shown = _shortened(_plain(text), size, width)
    draw.text(at, shown, fill=colour, font=_font(size), anchor=anchor)


def _shortened(text: str, size: int, width: int) -> str:
    """Take characters out of the middle until the text fits into `width` pixels."""
    font = _font(size)
    kept, shown = min(len(text), width), text
    while font.getlength(shown) > width and kept > 1:
        kept -= 1
        shown = text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :]
    return shown


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _font(14).getlength(_plain(longer)) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


STYLE = f"""
:root {{ color-scheme: light dark; --paper: #fff; --ink: {INK}; --faint: {FAINT}; --mat: {MAT};
  --edge: {EDGE}; --missing: {MISSING}; --accent: {ACCENT}; }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #15181c; --ink: #e6e8eb; --faint: #9aa3ad;
  --mat: #22262c; --edge: #22262c; --missing: #343a42; --accent: #ff8a4c; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 1.5rem; max-width: 120rem; background: var(--paper);
  color: var(--ink); font: 15px/1.4 system-ui, sans-serif; }}
h1 {{ margin: 0 0 1.25rem; font-size: 1.4rem; }}
h2 {{ margin: 0 0 .75rem; font-size: 1.05rem; overflow-wrap: anywhere; }}
section {{ margin-bottom: 2.25rem; }}
.hits {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 1rem; }}
figure {{ margin: 0; min-width: 0; }}
.tile {{ display: flex; aspect-ratio: 1; background: var(--mat); border-radius: 4px;
  outline: 1px solid var(--edge); overflow: hidden; align-items: center;
  justify-content: center; text-align: center; }}
.tile img {{ width: 100%; height: 100%; object-fit: contain; }}
.tile img.tiny {{ image-rendering: pixelated; }}
.tile.missing {{ background: var(--missing); color: var(--faint); padding: .75rem; }}
.query .tile {{ outline: 4px solid var(--accent); }}
.query figcaption {{ color: var(--accent); font-weight: 600; }}
a.tile {{ text-decoration: none; }}
a.tile:hover, a.tile:focus-visible {{ outline: 2px solid var(--faint); }}
figcaption {{ margin-top: .4rem; font-variant-numeric: tabular-nums; }}
.key {{ display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2;
  overflow: hidden; overflow-wrap: anywhere; color: var(--faint); font-size: .8rem; }}
"""


def _page(rows: Sequence[Row]) -> str:
    sections = "\n".join(_section(row) for row in rows)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="aesearch">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Similar pictures</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Similar pictures</h1>
{sections}
</body>
</html>
"""


def _section(row: Row) -> str:
    figures = []
    if row.query is not None:
        inside, kind = _image(_open(row.query), "query")
        figures.append(
            f'<figure class="query"><span class="{kind}">{inside}</span>'
            "<figcaption>query</figcaption></figure>"
        )
    for cell in row.hits:
        key = html.escape(cell.key)
        inside, kind = _image(_open(cell.path), cell.key)
        link = html.escape(cell.path.absolute().as_uri())
        figures.append(
            f'<figure title="{key}"><a class="{kind}" href="{link}">{inside}</a>'
            f'<figcaption>{cell.score:.3f}<span class="key">{key}</span></figcaption></figure>'
        )
    if not row.hits:
        figures.append("<p>no hits</p>")
    heading = f"<h2>{html.escape(row.title)}</h2>\n" if row.title else ""
    return f'<section>\n{heading}<div class="hits">\n' + "\n".join(figures) + "\n</div>\n</section>"


def _image(picture: Image.Image | str, text: str) -> tuple[str, str]:
    """Return the inside of a tile and its class."""
    if isinstance(picture, str):
        return html.escape(picture), "tile missing"
    tiny = max(picture.size) <= TILE // 2
    small = _fitted(picture, EMBEDDED, enlarge=False)
    format = "PNG" if tiny else "JPEG"
    data = base64.b64encode(_encoded(small, format)).decode("ascii")
    look = ' class="tiny"' if tiny else ""
    source = f"data:image/{format.lower()};base64,{data}"
    return f'<img{look} src="{source}" alt="{html.escape(text)}">', "tile"
