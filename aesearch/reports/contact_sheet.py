"""The contact sheet: queries and their hits as pictures, in one picture or one HTML file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from aesearch.reports.base import (
    ACCENT,
    FAINT,
    GAP,
    HEADING,
    INK,
    MARGIN,
    MAT,
    TILE,
    blank,
    box,
    opened,
    place,
    write,
    write_report,
)
from aesearch.reports.page import embed, render_page

PER_LINE = 10
FRAME = 4
CAPTION = 44  # score and key below a tile
ROW_GAP = 20


@dataclass(frozen=True)
class Cell:
    """One hit: its score (higher is closer), its key, and the file that shows it, or its bytes."""

    score: float
    key: str
    path: Path | bytes


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
    write_report(out, lambda: _page(rows), lambda kind: _sheet(rows, kind, out), name="a sheet")


def joined(likes: Sequence[Image.Image], unlikes: Sequence[Image.Image] = ()) -> Image.Image | None:
    """Return several queries as one picture, what is not meant struck out; one alone as it is."""
    if len(likes) + len(unlikes) < 2:
        return likes[0] if likes else None
    columns = math.ceil(math.sqrt(len(likes) + len(unlikes)))
    side = 2 * TILE // columns
    whole = Image.new(
        "RGB", (columns * side, -(-(len(likes) + len(unlikes)) // columns) * side), MAT
    )
    draw = ImageDraw.Draw(whole)
    for number, picture in enumerate([*likes, *unlikes]):
        x, y = number % columns * side, number // columns * side
        place(draw, whole, x, y, picture, side)
        if number >= len(likes):
            for ends in ((x, y, x + side, y + side), (x, y + side, x + side, y)):
                draw.line(ends, fill=ACCENT, width=FRAME)
    return whole


def _sheet(rows: Sequence[Row], format: str, out: Path) -> Image.Image:
    columns = max([1, *(min(len(row.hits), PER_LINE) for row in rows)])
    left = MARGIN + (TILE + 2 * GAP if any(row.query is not None for row in rows) else 0)
    width = left + columns * (TILE + GAP) - GAP + MARGIN
    height = 2 * MARGIN + sum(map(_height, rows)) + ROW_GAP * (len(rows) - 1)
    sheet = blank(width, max(height, 2 * MARGIN), format, out)
    draw = ImageDraw.Draw(sheet)
    top = MARGIN
    for row in rows:
        below = top + (HEADING if row.title else 0)
        if row.title:
            write(draw, (MARGIN, top), row.title, 20, INK, width - 2 * MARGIN)
        if row.query is not None:
            place(draw, sheet, MARGIN, below, opened(row.query))
            frame = box(MARGIN, below, TILE, FRAME)
            draw.rounded_rectangle(frame, radius=FRAME, outline=ACCENT, width=FRAME)
            write(draw, (MARGIN, below + TILE + 6), "query", 16, ACCENT, TILE)
        if not row.hits:
            write(draw, (left, below), "no hits", 16, FAINT, TILE)
        for number, cell in enumerate(row.hits):
            x = left + number % PER_LINE * (TILE + GAP)
            y = below + number // PER_LINE * (TILE + CAPTION + GAP)
            place(draw, sheet, x, y, opened(cell.path))
            write(draw, (x, y + TILE + 6), f"{cell.score:.3f}", 16, INK, TILE)
            write(draw, (x, y + TILE + 26), cell.key, 13, FAINT, TILE)
        top += _height(row) + ROW_GAP
    return sheet


def _height(row: Row) -> int:
    heading = HEADING if row.title else 0
    if row.query is None and not row.hits:
        return heading + GAP
    lines = max(1, -(-len(row.hits) // PER_LINE))
    return heading + lines * (TILE + CAPTION) + (lines - 1) * GAP


def _page(rows: Sequence[Row]) -> str:
    return render_page(
        "contact_sheet.html",
        "Similar pictures",
        styles=["contact_sheet.css"],
        rows=[
            {
                "title": row.title,
                "query": row.query and embed(opened(row.query), "query"),
                "hits": list(map(_hit, row.hits)),
            }
            for row in rows
        ],
    )


def _hit(cell: Cell) -> dict[str, object]:
    return {
        "key": cell.key,
        "score": cell.score,
        "picture": embed(opened(cell.path), cell.key),
        "link": cell.path.absolute().as_uri() if isinstance(cell.path, Path) else "",
    }
