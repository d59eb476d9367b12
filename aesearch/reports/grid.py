"""Small pictures side by side: what an encoder generates, and what it makes of given pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image, ImageDraw

from aesearch.reports.base import (
    FAINT,
    GAP,
    INK,
    MARGIN,
    blank,
    place,
    write,
    write_report,
)
from aesearch.reports.page import embed, render_page

SIDE = 128  # pixels of a tile, where there are few
SMALLEST = 32
WIDTH = 1_600  # groups stand side by side up to this width; grids of many columns shrink to it
BETWEEN = 6  # pixels from tile to tile
CAPTION = 24
TITLE = 24
NOTE = 22
HEADING = 34
GROUP_GAP = 2 * GAP


@dataclass(frozen=True)
class Tile:
    """One picture, or the words that say why there is none.

    Attributes
    ----------
    picture : PIL image or str
    alt : str
        What it shows, for those who do not see it.
    caption : str
        One line below it.
    """

    picture: Image.Image | str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Group:
    """Tiles that belong together, in lines of `columns`, below a title and a note."""

    tiles: Sequence[Tile]
    columns: int
    title: str = ""
    note: str = ""

    @property
    def lines(self) -> int:
        """How many lines the tiles take."""
        return -(-len(self.tiles) // self.columns)

    @property
    def caption(self) -> int:
        """Pixels below each tile."""
        return CAPTION if any(tile.caption for tile in self.tiles) else 0


def picture_of(pixels: NDArray[Any]) -> Image.Image:
    """Return a uint8 array (height, width, 1 or 3) as a picture."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def write_tiles(heading: str, groups: Sequence[Group], out: Path, *, note: str = "") -> None:
    """Write groups of small pictures as one picture or one self-contained HTML file.

    Small pictures are enlarged by a whole factor, so that every pixel stays a sharp square.

    Parameters
    ----------
    heading, note : str
        What it is, and a line about it.
    groups : sequence of Group
        They stand side by side as far as there is room.
    out : Path
        Its suffix decides: .png, .jpg, .jpeg, .webp or .html. Replaced if it exists.

    Raises
    ------
    ParameterError
        If the suffix is another one, or the picture would be too large for its format.
    StorageError
        If the file cannot be written.
    """
    write_report(
        out,
        lambda: _page(heading, groups, note),
        lambda kind: _picture(heading, groups, note, kind, out),
        name="a picture of tiles",
    )


def _side(groups: Sequence[Group]) -> int:
    """Return the side of all tiles: what leaves the small pictures no border, nor a wide sheet."""
    columns = max([1, *(group.columns for group in groups)])
    most = min(SIDE, max(SMALLEST, WIDTH // columns - BETWEEN))
    pictures = [t.picture for g in groups for t in g.tiles if isinstance(t.picture, Image.Image)]
    smallest = min((max(picture.size) for picture in pictures), default=SIDE)
    return smallest * (most // smallest) if smallest <= most else most


def _picture(heading: str, groups: Sequence[Group], note: str, kind: str, out: Path) -> Image.Image:
    side = _side(groups)
    places, width, height = _laid_out(groups, side)
    top = MARGIN + HEADING + (NOTE if note else 0) + BETWEEN
    sheet = blank(max(width, 360) + 2 * MARGIN, top + height + MARGIN, kind, out)
    draw = ImageDraw.Draw(sheet)
    room = sheet.width - 2 * MARGIN
    write(draw, (MARGIN, MARGIN), heading, 20, INK, room)
    write(draw, (MARGIN, MARGIN + HEADING - 4), note, 14, FAINT, room)
    for group, (left, above) in zip(groups, places, strict=True):
        x, y = MARGIN + left, top + above
        wide = _size(group, side)[0]
        if group.title:
            write(draw, (x, y), group.title, 16, INK, wide)
            y += TITLE
        if group.note:
            write(draw, (x, y), group.note, 14, FAINT, wide)
            y += NOTE
        for number, tile in enumerate(group.tiles):
            line, column = divmod(number, group.columns)
            at = x + column * (side + BETWEEN), y + line * (side + BETWEEN + group.caption)
            place(draw, sheet, *at, tile.picture, side)
            write(draw, (at[0], at[1] + side + 5), tile.caption, 13, FAINT, side)
    return sheet


def _size(group: Group, side: int) -> tuple[int, int]:
    columns = min(group.columns, len(group.tiles))
    above = (TITLE if group.title else 0) + (NOTE if group.note else 0)
    line = side + BETWEEN + group.caption
    return columns * (side + BETWEEN) - BETWEEN, above + group.lines * line - BETWEEN


def _laid_out(groups: Sequence[Group], side: int) -> tuple[list[tuple[int, int]], int, int]:
    """Return where each group stands, and the width and height of all."""
    places: list[tuple[int, int]] = []
    x = y = widest = lowest = 0
    for group in groups:
        width, height = _size(group, side)
        if x and x + width > WIDTH:
            x, y = 0, lowest + GROUP_GAP
        places.append((x, y))
        widest, lowest = max(widest, x + width), max(lowest, y + height)
        x += width + GROUP_GAP
    return places, widest, lowest


def _page(heading: str, groups: Sequence[Group], note: str) -> str:
    return render_page(
        "grid.html",
        heading,
        styles=["grid.css"],
        note=note,
        side=_side(groups),
        groups=[
            {
                "title": group.title,
                "note": group.note,
                "columns": min(group.columns, len(group.tiles)),
                "tiles": [(embed(tile.picture, tile.alt), tile.caption) for tile in group.tiles],
            }
            for group in groups
        ],
    )
