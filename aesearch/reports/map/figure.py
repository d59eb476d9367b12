"""The map of a collection, drawn: a figure for print, or a page to look around in."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import ParameterError
from aesearch.modalities import modality
from aesearch.reports.base import EDGE, FAINT, INK, plain
from aesearch.reports.base import replace as replace_file
from aesearch.reports.map.page import page_of
from aesearch.reports.map.styles import GREY, SHAPES, Style, styles_of
from aesearch.reports.training import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from aesearch.maps.layouts import Panel
    from aesearch.maps.map import Map

SUFFIXES = (".html", ".png", ".pdf", ".svg")
NAMED = 24  # groups, the largest, that have their names on the map, as far as there is room
LARGEST_DOT, SMALLEST_DOT = 6.0, 0.6  # in points, across
INCHES, DPI = 5.4, 200
LETTERS, APART, INSET = 8.5, 2.0, 5.0  # of names: size, air around, and to the border, in points
SAMPLED = 300  # items of a group that are looked at for the place of its name
TINT = 0.2  # of the color of a group is in its name, the rest is ink


def write_map(
    found: Map,
    out: Path,
    *,
    words: Sequence[str] = (),
    pictures: Mapping[int, bytes] | None = None,
) -> None:
    """Draw a map.

    Parameters
    ----------
    found : Map
    out : Path
        .html, a page to look around in; .png, .pdf or .svg, a figure. Replaced if it exists.
    words : sequence of str, optional
        What the page says of each item beside its key.
    pictures : mapping of int to bytes, optional
        By row, a small JPEG that the page shows of an item.

    Raises
    ------
    ParameterError
        If the suffix is another one.
    StorageError
        If the file cannot be written.
    """
    suffix = check_suffix(out)
    styles, numbers = styles_of(found.groups)
    if suffix == ".html":
        page = page_of(found, heading(found), styles, numbers, words, pictures or {})
        replace_file(out, page.encode("utf-8", "replace"))
    else:
        replace_file(out, _rendered(_figure(found, styles, numbers), suffix[1:]))


def check_suffix(out: Path) -> str:
    """Return the suffix of a file that a map can be drawn to, or raise ParameterError."""
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise ParameterError(f"a map is written as {', '.join(SUFFIXES)}; got {out.name!r}")
    return suffix


def heading(found: Map) -> str:
    """Return the title of a map."""
    noun = modality(found.kind).noun
    return f"Map of {found.name}: {len(found):,} {noun}s"


def figure_of_merit(panel: Panel) -> str:
    """Return the line below a panel; empty where there are no groups to judge it by."""
    if panel.accuracy is None:
        return ""
    return f"5-NN accuracy {panel.accuracy:.3f}"


def _figure(found: Map, styles: Sequence[Style], numbers: NDArray[np.uint8]) -> Figure:
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.lines import Line2D

    panels = found.panels
    shown = [replace(style, name=_plain(style.name)) for style in styles]
    with rc_context(
        {"font.size": 10, "text.color": INK, "axes.labelcolor": INK, "text.parse_math": False}
    ):
        lines = -(-len(styles) // _columns(styles, len(panels)))
        size = (INCHES * len(panels), INCHES + 0.85 + 0.2 * lines)
        room = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)
        figure = Figure(figsize=size, dpi=DPI, layout=room)
        figure.suptitle(_plain(heading(found)), fontsize=13)
        for axes, panel in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            _draw(axes, panel, styles, numbers)
        if styles:
            handles = [
                Line2D([], [], linestyle="", marker=SHAPES[style.shape], color=style.color,
                       markersize=6, label=f"{style.name} ({style.count:,})")
                for style in shown
            ]  # fmt: skip
            figure.legend(
                handles=handles,
                loc="outside lower center",
                ncols=_columns(styles, len(panels)),
                frameon=False,
                fontsize=9,
                handletextpad=0.2,
                columnspacing=1.2,
            )
            figure.draw_without_rendering()  # only now the panels have their places
            name_groups(figure, figure.axes[0], shown, numbers, panels[0].coordinates)
    return figure


def _columns(styles: Sequence[Style], panels: int) -> int:
    """Return how many entries of the legend stand side by side."""
    longest = max([10, *(min(40, len(style.name)) for style in styles)])
    return int(np.clip(INCHES * panels * 12 // (longest + 12), 1, max(1, len(styles))))


def _plain(text: str) -> str:
    """Return what the font can show, cut in its middle where it is long."""
    shown = plain(text)
    return shown if len(shown) <= 40 else f"{shown[:24]}…{shown[-15:]}"


def _draw(axes: Axes, panel: Panel, styles: Sequence[Style], numbers: NDArray[np.uint8]) -> None:
    visible = np.flatnonzero(np.isfinite(panel.coordinates).all(axis=1))
    # In a random order, so that no group lies on top of all others.
    order = np.random.default_rng(0).permutation(visible)
    dot = float(np.clip(150 / np.sqrt(max(1, len(order))), SMALLEST_DOT, LARGEST_DOT))
    options: dict[str, Any] = {"s": dot**2, "linewidths": 0, "alpha": 0.8, "rasterized": True}
    colors = np.array([style.color for style in styles] or [COLORS[0]])
    shapes = np.array([style.shape for style in styles] or [0])
    for shape in np.unique(shapes):
        rows = order[shapes[numbers[order]] == shape]
        x, y = panel.coordinates[rows].T
        axes.scatter(x, y, c=colors[numbers[rows]].tolist(), marker=SHAPES[shape], **options)
    axes.set_title(plain(panel.title), loc="left", fontsize=11)
    axes.set_xlabel(figure_of_merit(panel), fontsize=11, labelpad=8)
    axes.set(xticks=[], yticks=[], box_aspect=1)
    axes.margins(0.03)
    for spine in axes.spines.values():
        spine.set_color(EDGE)
    axes.xaxis.label.set_color(INK if panel.accuracy is not None else FAINT)


def name_groups(
    figure: Figure,
    axes: Axes,
    styles: Sequence[Style],
    numbers: NDArray[np.uint8],
    places: NDArray[np.float32],
    *,
    letters: float = LETTERS,
    halo: bool = True,
) -> None:
    """Write names of the largest groups where these are, as far as there is room.

    Parameters
    ----------
    figure, axes : Figure, Axes
        Laid out, with its limits.
    styles : sequence of Style
        With names as they are written.
    numbers : ndarray of uint8, shape (n,)
        The style of each item.
    places : ndarray of float32, shape (n, 2)
    letters : float, optional
        Their size, in points.
    halo : bool, optional
        Whether letters are drawn with white around them.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.patheffects import withStroke
    from matplotlib.textpath import TextPath

    font = FontProperties(weight="bold", size=letters)
    around = [withStroke(linewidth=2.5, foreground="white", alpha=0.85)] if halo else []
    panel = axes.get_window_extent()
    point = figure.dpi / 72
    across, down = panel.width / point, panel.height / point  # in points, as all that follows
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    wanted: list[tuple[Style, float, float, float]] = []
    for number, style in enumerate(styles):
        own = places[(numbers == number) & np.isfinite(places).all(axis=1)]
        if style.color == GREY or not len(own):
            continue
        scaled = (own - (left, low)) / (right - left, high - low) * (across, down)
        x, y = middle_of(scaled)
        wide = TextPath((0, 0), style.name, prop=font).get_extents().width
        wanted.append((style, x, y, float(wide)))
    boxes = [(x, y, wide, letters) for _, x, y, wide in wanted]
    places_found = names_placed(boxes, across, down, NAMED)
    for place, (style, _, _, _) in zip(places_found, wanted, strict=True):
        if place is not None:
            axes.annotate(
                style.name,
                place,
                xycoords="axes points",
                ha="center",
                va="center",
                fontproperties=font,
                color=tinted(style.color),
                path_effects=around,
            ).set_in_layout(False)


def tinted(color: str) -> str:
    """Return ink with some of a color in it, dark enough to be read on white."""
    pairs = zip(bytes.fromhex(color[1:]), bytes.fromhex(INK[1:]), strict=True)
    return "#" + "".join(f"{round(TINT * own + (1 - TINT) * ink):02x}" for own, ink in pairs)


def names_placed(
    boxes: Sequence[tuple[float, float, float, float]], across: float, down: float, most: int
) -> list[tuple[float, float] | None]:
    """Find places for names in a panel, so that none meets another or the border.

    Parameters
    ----------
    boxes : sequence of (x, y, width, height)
        Where the middle of each name should be, and its size. The first have the first choice.
    across, down : float
        Size of the panel.
    most : int
        So many names at most.

    Returns
    -------
    list of (x, y) or None
        The middle of each; a little above or below where it should be, if there is only room
        there, and None where there is no room.
    """
    taken: list[tuple[float, float, float, float]] = []
    found: list[tuple[float, float] | None] = []
    for x, y, wide, tall in boxes:
        place = None
        for step in (0.0, 1.0, -1.0):
            u = float(np.clip(x, wide / 2 + INSET, across - wide / 2 - INSET))
            v = float(np.clip(y + step * (tall + APART), tall / 2 + INSET, down - tall / 2 - INSET))
            free = all(
                abs(u - a) >= (wide + w) / 2 + APART or abs(v - b) >= (tall + t) / 2 + APART
                for a, b, w, t in taken
            )
            if free and len(taken) < most and wide + 2 * INSET <= across:
                place = u, v
                taken.append((u, v, wide, tall))
                break
        found.append(place)
    return found


def middle_of(places: NDArray[np.floating]) -> tuple[float, float]:
    """Return the item of a group around which a quarter of it lies closest: its name stands there.

    Medians would lie between the two parts of a group that has two, where others are.
    """
    step = np.linspace(0, len(places) - 1, min(len(places), SAMPLED)).astype(int)
    sample = places[step].astype(np.float64)
    squared = np.square(sample[:, None] - sample).sum(axis=2)
    quarter = min(len(sample) - 1, -(-len(sample) // 4))
    nearest = np.partition(squared, quarter, axis=1)[:, quarter].argmin()
    return float(sample[nearest, 0]), float(sample[nearest, 1])


def _rendered(figure: Figure, format: str) -> bytes:
    from matplotlib import rc_context

    stream = io.BytesIO()
    # Without a date and a random salt, the same map gives the same file.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format, {})
    with rc_context({"svg.hashsalt": "aesearch"}):
        figure.savefig(stream, format=format, metadata=metadata)
    return stream.getvalue()
