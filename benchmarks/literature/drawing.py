"""Figures for print: rows and squares of small pictures, maps, and curves with their names."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from aesearch.reports.base import ACCENT, EDGE, FAINT, INK, replace
from aesearch.reports.training import COLORS
from benchmarks.data_sets import Array
from benchmarks.reporting import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
LARGEST, WIDEST = 150_000, 1_600  # bytes and pixels of a picture
ENLARGED = 6  # times each pixel, before a figure is drawn: so that all come out the same size
FONT: dict[Any, Any] = {
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": EDGE,
}


@dataclass(frozen=True)
class Strip:
    """A row of pictures (n, height, width), uint8, with its name and a figure beside it."""

    name: str
    pictures: Array
    note: str = ""
    wrong: Sequence[bool] = ()  # those that get a frame


@dataclass(frozen=True)
class Square:
    """Pictures (rows, columns, height, width), uint8; `extent` gives the codes they are for."""

    title: str
    pictures: Array
    note: str = ""
    extent: tuple[float, float, float, float] | None = None  # left, right, bottom, top


def save(figure: Figure, out: Path) -> None:
    """Write a PNG of few colours, which keeps it small."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.06)
    small(stream.getvalue(), out)


def small(content: bytes, out: Path) -> None:
    """Write a PNG with as many colours of a palette as keep it small.

    Parameters
    ----------
    content : bytes
        A picture.
    out : Path
    """
    with Image.open(io.BytesIO(content)) as picture:
        whole = picture.convert("RGB")
    if whole.width > WIDEST:
        height = round(whole.height * WIDEST / whole.width)
        whole = whole.resize((WIDEST, height), Image.Resampling.LANCZOS)
    for colours in (256, 128, 64, 32, 16):
        stream = io.BytesIO()
        # Maximum coverage keeps the colours that few points have, and light greys as well as dark
        # ones; without a round of k-means they would pull the ink of what is written to theirs.
        few = whole.quantize(
            colours, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
        )
        few.save(stream, "PNG", optimize=True)
        if stream.tell() <= LARGEST:
            break
    replace(out, stream.getvalue())
    say(f"wrote {out.name}, {stream.tell() / 1000:.0f} kB")


def mosaic(pictures: Array, gap: int = 2, wrong: Array | None = None, dark: bool = False) -> Array:
    """Lay out pictures (rows, columns, height, width) as one of RGB; ink is dark on white.

    Parameters
    ----------
    pictures : ndarray of uint8
    gap : int
        Pixels between two of them.
    wrong : ndarray of bool, shape (rows, columns), optional
        Those that get a frame.
    dark : bool
        Keep black as black, as photos want it.
    """
    rows, columns, height, width = pictures.shape
    ground = np.array(_rgb(EDGE), np.uint8)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    sheet[:] = ground
    for row in range(rows):
        for column in range(columns):
            y, x = gap + row * (height + gap), gap + column * (width + gap)
            if wrong is not None and wrong[row, column]:
                sheet[y - gap : y + height + gap, x - gap : x + width + gap] = _rgb(ACCENT)
            tile = pictures[row, column]
            sheet[y : y + height, x : x + width] = (tile if dark else 255 - tile)[..., None]
    return sheet


def _enlarged(sheet: Array) -> Array:
    return sheet.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def strips(
    out: Path,
    rows: Sequence[Strip],
    *,
    dark: bool = False,
    side: float = 0.62,
    heads: Mapping[int, str] | None = None,
) -> None:
    """Draw rows of pictures of the same columns, each with its name at the left.

    Parameters
    ----------
    out : Path
    rows : sequence of Strip
    dark : bool
        See `mosaic`.
    side : float
        Inches of a picture.
    heads : mapping of int to str, optional
        What is written above columns.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    columns = max(len(row.pictures) for row in rows)
    left, note = 1.75, 0.95 if any(row.note for row in rows) else 0.1
    with rc_context(FONT):
        size = (left + columns * side + note, len(rows) * (side + 0.07) + 0.16)
        figure = Figure(figsize=size, dpi=DPI)
        for number, row in enumerate(rows):
            gap = max(1, round(0.045 * row.pictures.shape[-1]))
            wrong = np.array(row.wrong or [False] * len(row.pictures))
            sheet = mosaic(row.pictures[None], gap, wrong[None], dark)
            above = size[1] - 0.08 - (number + 1) * (side + 0.07) + 0.035
            place = (left / size[0], above / size[1])
            wide = len(row.pictures) * side / size[0]
            axes = figure.add_axes((*place, wide, side / size[1]))
            axes.imshow(_enlarged(sheet), aspect="auto")
            axes.set_axis_off()
            middle = (above + side / 2) / size[1]
            figure.text((left - 0.1) / size[0], middle, row.name, ha="right", va="center")
            at = (left + columns * side + 0.1) / size[0]
            figure.text(at, middle, row.note, va="center", color=FAINT)
        for column, text in (heads or {}).items():
            at = (left + (column + 0.03) * side) / size[0]
            figure.text(at, 1 - 0.08 / size[1], text, va="bottom")
        save(figure, out)


def squares(out: Path, panels: Sequence[Square], *, inches: float = 3.6) -> None:
    """Draw squares of pictures side by side; with `extent`, over axes that show the codes."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(FONT):
        axed = any(panel.extent for panel in panels)
        size = (len(panels) * inches, inches + (0.75 if axed else 0.55))
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        for axes, panel in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            gap = 0 if panel.extent else 2
            sheet = mosaic(panel.pictures, gap)
            axes.imshow(_enlarged(sheet), aspect="auto", extent=panel.extent)
            axes.set_title(panel.title, loc="left", fontsize=11)
            axes.set_box_aspect(1)
            if panel.extent is None:
                axes.set(xticks=[], yticks=[])
                axes.set_xlabel(panel.note, color=FAINT)
                continue
            axes.set_xlabel(f"first number of the code\n{panel.note}")
            axes.set_ylabel("second number")
            axes.tick_params(colors=FAINT)
        save(figure, out)


def curves(
    out: Path,
    lines: Mapping[str, Sequence[float]],
    cuts: Sequence[int],
    styles: Mapping[str, tuple[str, int]],
    chance: float,
) -> None:
    """Draw precision against the number retrieved, each curve with its name at its end.

    Parameters
    ----------
    out : Path
    lines : mapping of str to sequence of float
        Shares, 0..1, for each of `cuts`.
    cuts : sequence of int
    styles : mapping of str to (str, int)
        Line style and number of a colour.
    chance : float
        What a random ranking has.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(FONT):
        figure = Figure(figsize=(7.6, 4.6), dpi=DPI, layout="constrained")
        axes = figure.subplots()
        for name, shares in lines.items():
            line, colour = styles[name]
            axes.plot(
                cuts,
                [100 * share for share in shares],
                line,
                marker="o",
                markersize=3.5,
                linewidth=1.6,
                color=COLORS[colour],
            )
        axes.axhline(100 * chance, color=FAINT, linewidth=0.9)
        axes.text(cuts[-1], 100 * chance, "chance ", color=FAINT, va="top", ha="right")
        over_cuts(axes, cuts)
        _name(axes, lines, cuts[0], styles)
        save(figure, out)


def over_cuts(axes: Axes, cuts: Sequence[int]) -> None:
    """Dress axes on which precision is drawn against the number of documents retrieved."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(cuts, [f"{cut}" for cut in cuts])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("documents retrieved")
    axes.set_ylabel("of them in the query's group, %")
    axes.grid(color=EDGE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=FAINT)


def _name(
    axes: Axes,
    lines: Mapping[str, Sequence[float]],
    first: int,
    styles: Mapping[str, tuple[str, int]],
) -> None:
    """Write each name where its curve begins, at the left, moved apart where they would meet."""
    step = 0.052 * axes.get_ylim()[1]
    below = np.inf
    for name in sorted(lines, key=lambda n: -lines[n][0]):
        at = min(100 * lines[name][0], below - step)
        below = at
        axes.annotate(
            name,
            (first, at),
            xytext=(-8, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=9,
            color=COLORS[styles[name][1]],
            annotation_clip=False,
        )
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.spines["left"].set_visible(False)


def first_of_each(labels: Array, each: int = 1) -> Array:
    """Return the rows of the first pictures of each class, in the order of the classes."""
    return np.concatenate([np.flatnonzero(labels == label)[:each] for label in np.unique(labels)])
