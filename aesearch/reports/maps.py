"""The map of a collection, drawn: a figure for print, or a page to look around in."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import ParameterError
from aesearch.reports.drawing import EDGE, FAINT, INK, plain, replace
from aesearch.reports.map_page import page_of
from aesearch.reports.plots import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from aesearch.mapping import Map
    from aesearch.planes import Panel

SUFFIXES = (".html", ".png", ".pdf", ".svg")
# Up to six groups get Okabe and Ito's colours. Up to twelve get colours that were searched for: the
# two most alike are 26 apart in CIELAB, to normal sight and to each kind of colour-blindness (16
# with Okabe and Ito's six). What is left is told apart by its shape.
FEW_COLOURS = (*COLOURS[:5], "#d55e00")
MANY_COLOURS = (
    "#0000ff", "#ff5577", "#00ddbb", "#7700bb", "#ffbb77", "#335500",
    "#990055", "#bbdd00", "#9977bb", "#559900", "#dd55ff", "#770077",
)  # fmt: skip
SHAPES = ("o", "^", "s", "D")  # as matplotlib names them
NO_GROUP, OTHERS = "in no group", "other groups"
GREY = "#9aa3ad"
NAMED = 16  # groups, up to which each has its name on the map
LARGEST_DOT, SMALLEST_DOT = 6.0, 0.6  # in points, across
INCHES, DPI = 5.4, 200
LETTER, LINE = 0.016, 0.032  # size of the names on the map, in shares of a panel


@dataclass(frozen=True)
class Style:
    """How a group is drawn: `shape` is a place in SHAPES, `count` the number of its items."""

    name: str
    colour: str
    shape: int
    count: int


def styles_of(groups: Sequence[str]) -> tuple[list[Style], NDArray[np.uint8]]:
    """Choose colour and shape of each group.

    Parameters
    ----------
    groups : sequence of str
        Of each item; "" for none.

    Returns
    -------
    styles : list of Style
        The largest groups first, then by name. Where there are more than colours and shapes tell
        apart, the smallest share one; so do items in no group. Empty where there is but one group.
    numbers : ndarray of uint8, shape (n,)
        The style of each item; 0 where there are none.
    """
    counts = Counter(group for group in groups if group)
    if len(counts) < 2:
        return [], np.zeros(len(groups), dtype=np.uint8)
    names = sorted(counts, key=lambda name: (-counts[name], name))
    colours = FEW_COLOURS if len(names) <= len(FEW_COLOURS) else MANY_COLOURS
    most = len(colours) * len(SHAPES)
    kept = names if len(names) <= most else names[: most - 1]
    styles = [
        Style(name, colours[n % len(colours)], n // len(colours), counts[name])
        for n, name in enumerate(kept)
    ]
    places = {name: n for n, name in enumerate(kept)}
    for title, rest in ((OTHERS, set(names) - set(kept)), (NO_GROUP, {""})):
        if number := sum(group in rest for group in groups):
            places |= dict.fromkeys(rest, len(styles))
            styles.append(Style(title, GREY, 0, number))
    return styles, np.array([places[group] for group in groups], dtype=np.uint8)


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
        replace(out, page.encode("utf-8", "replace"))
    else:
        replace(out, _rendered(_figure(found, styles, numbers), suffix[1:]))


def check_suffix(out: Path) -> str:
    """Return the suffix of a file that a map can be drawn to, or raise ParameterError."""
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise ParameterError(f"a map is written as {', '.join(SUFFIXES)}; got {out.name!r}")
    return suffix


def heading(found: Map) -> str:
    """Return the title of a map."""
    noun = "picture" if found.kind == "images" else "document"
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
    with rc_context({"font.size": 10, "text.color": INK, "axes.labelcolor": INK}):
        lines = -(-len(styles) // _columns(styles, len(panels)))
        size = (INCHES * len(panels), INCHES + 0.85 + 0.2 * lines)
        room = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)
        figure = Figure(figsize=size, dpi=DPI, layout=room)
        figure.suptitle(_plain(heading(found)), fontsize=13)
        for axes, panel in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            _draw(axes, panel, styles, numbers)
        if len(styles) <= NAMED:
            _name(figure.axes[0], styles, numbers, panels[0].places)
        if styles:
            handles = [
                Line2D([], [], linestyle="", marker=SHAPES[style.shape], color=style.colour,
                       markersize=6, label=f"{_plain(style.name)} ({style.count:,})")
                for style in styles
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
    return figure


def _columns(styles: Sequence[Style], panels: int) -> int:
    """Return how many entries of the legend stand side by side."""
    longest = max([10, *(min(40, len(style.name)) for style in styles)])
    return int(np.clip(INCHES * panels * 12 // (longest + 12), 1, max(1, len(styles))))


def _plain(text: str) -> str:
    """Return what the font can show, and no mathematics."""
    shown = plain(text).replace("$", r"\$")
    return shown if len(shown) <= 40 else f"{shown[:24]}…{shown[-15:]}"


def _draw(axes: Axes, panel: Panel, styles: Sequence[Style], numbers: NDArray[np.uint8]) -> None:
    visible = np.flatnonzero(np.isfinite(panel.places).all(axis=1))
    # In a random order, so that no group lies on top of all others.
    order = np.random.default_rng(0).permutation(visible)
    dot = float(np.clip(150 / np.sqrt(max(1, len(order))), SMALLEST_DOT, LARGEST_DOT))
    options: dict[str, Any] = {"s": dot**2, "linewidths": 0, "alpha": 0.8, "rasterized": True}
    colours = np.array([style.colour for style in styles] or [COLOURS[0]])
    shapes = np.array([style.shape for style in styles] or [0])
    for shape in np.unique(shapes):
        rows = order[shapes[numbers[order]] == shape]
        x, y = panel.places[rows].T
        axes.scatter(x, y, c=colours[numbers[rows]].tolist(), marker=SHAPES[shape], **options)
    axes.set_title(panel.title, loc="left", fontsize=11)
    axes.set_xlabel(figure_of_merit(panel), fontsize=11, labelpad=8)
    axes.set(xticks=[], yticks=[], box_aspect=1)
    axes.margins(0.03)
    for spine in axes.spines.values():
        spine.set_color(EDGE)
    axes.xaxis.label.set_color(INK if panel.accuracy is not None else FAINT)


def _name(
    axes: Axes,
    styles: Sequence[Style],
    numbers: NDArray[np.uint8],
    places: NDArray[np.float32],
) -> None:
    """Write the names of the groups where they are, the largest first, as far as there is room."""
    from matplotlib.patheffects import withStroke

    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    taken: list[tuple[float, float, float]] = []
    for number, style in enumerate(styles):
        own = places[(numbers == number) & np.isfinite(places).all(axis=1)]
        if style.colour == GREY or not len(own):
            continue
        name, (x, y) = _plain(style.name), middle_of(own)
        x, y = (x - left) / (right - left), (y - low) / (high - low)
        half = 0.5 * LETTER * len(name)
        if any(abs(x - u) < half + width and abs(y - v) < LINE for u, v, width in taken):
            continue
        taken.append((x, y, half))
        axes.annotate(
            name,
            (min(max(x, half), 1 - half), y),
            xycoords="axes fraction",
            ha="center",
            va="center",
            fontsize=8.5,
            fontweight="bold",
            path_effects=[withStroke(linewidth=2.5, foreground="white", alpha=0.85)],
        ).set_in_layout(False)


def middle_of(places: NDArray[np.float32]) -> tuple[float, float]:
    """Return the item of a group that is nearest to the medians: where its name stands."""
    median = np.median(places, axis=0)
    spread = np.maximum(places.std(axis=0), 1e-12)
    nearest = np.square((places - median) / spread).sum(axis=1).argmin()
    return float(places[nearest, 0]), float(places[nearest, 1])


def _rendered(figure: Figure, format: str) -> bytes:
    from matplotlib import rc_context

    stream = io.BytesIO()
    # Without a date and a random salt, the same map gives the same file.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format, {})
    with rc_context({"svg.hashsalt": "aesearch"}):
        figure.savefig(stream, format=format, metadata=metadata)
    return stream.getvalue()
