"""The charts of a comparison: labels stand at the data, colors follow the page.

A chart is 480 units wide, so that on a telephone it can still be read. Each function draws one and
returns it as an SVG element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aesearch.reports import svg
from aesearch.reports.base import EDGE, FAINT, INK, PAPER

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, UNITS = 480, 320, 72  # units to the inch: as matplotlib counts in SVG
ROW, AROUND = 25, 62  # a line of `intervals`, and what is above and below the lines
LINE = 15  # between two labels
BESIDE = 15  # between the data and a label at its right
LONGEST = 30  # characters of a label
SMALL = 11  # letters
# By number, as they are drawn; the style of the page says what they are, light and dark. The last
# is for all that have no other.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#b0568a", "#b07d00", "#3b9bd6", FAINT)
PAINTED = {color: f"var(--c{number})" for number, color in enumerate(COLORS[:-1])}
DASHES = ("-", "-", (0, (4, 2)), (0, (1.3, 1.6)), (0, (5, 2, 1.3, 2)), (0, (2.5, 1.3)), (0, (1, 1)))
SHAPES = {"int8": "D", "bits": "s"}

Band = tuple[float, float, float]  # mean, low, high


@dataclass(frozen=True)
class Line:
    """A curve: y at x = 1, 2, 3..., each with its interval; `strong` ones show it."""

    name: str
    points: Sequence[Band]
    color: int
    strong: bool = False


@dataclass(frozen=True)
class Bar:
    """A mean with its interval."""

    name: str
    value: Band
    color: int
    strong: bool = False


@dataclass(frozen=True)
class Dot:
    """A point of a cloud; those of one `group` and `line` are joined."""

    group: str
    x: float
    y: float
    color: int
    shape: str = "float"
    line: str = ""
    title: str = ""


@dataclass(frozen=True)
class Label:
    """The name of something that ends at (x, y), to stand at the right of a chart."""

    name: str
    x: float
    y: float
    color: int
    strong: bool = False


def intervals(bars: Sequence[Bar], label: str, chance: float | None = None) -> Markup:
    """Return means with their intervals, one below the other."""
    with svg.drawing():
        figure, axes = _blank(AROUND + ROW * len(bars))
        marks = {}
        for number, bar in enumerate(bars):
            mean, low, high = bar.value
            color, gid = COLORS[bar.color], f"bar{number}"
            (line,) = axes.plot([low, high], [number] * 2, lw=3, alpha=0.55, color=color, gid=gid)
            line.set_solid_capstyle("round")
            axes.plot(mean, number, "o", ms=9, mew=0, color=color, gid=gid, clip_on=False)
            axes.annotate(
                short(mean), (1, number), (46, 0), ("axes fraction", "data"), "offset points",
                ha="right", va="center_baseline", weight=_weight(bar.strong),
            )  # fmt: skip
            marks[gid] = {"title": _said(bar.name, bar.value)}
        axes.set_yticks(range(len(bars)), [_cut(bar.name) for bar in bars])
        for tick, bar in zip(axes.get_yticklabels(), bars, strict=True):
            tick.set(color=INK, size=12, weight=_weight(bar.strong))
        axes.set_ylim(len(bars) - 0.5, -0.5)
        low = min([0.0, *(bar.value[1] for bar in bars)])
        high = max(bar.value[2] for bar in bars) or 1.0
        axes.set_xlim(low, high + 0.03 * (high - low))  # room for half a dot
        if chance is not None and chance > 0:
            axes.axvline(chance, color=FAINT, lw=1, ls=(0, (3, 3)), zorder=0)
            axes.annotate(
                "chance", (chance, 1), (0, 3), ("data", "axes fraction"), "offset points",
                ha="center", color=FAINT, size=SMALL,
            )  # fmt: skip
        _finish(axes, "x", label)
        return svg.inline(figure, f"{label}, with 95 % intervals", colors=PAINTED, marks=marks)


def curves(lines: Sequence[Line], x_label: str, y_label: str) -> Markup:
    """Return curves against 1, 2, 3..., labelled at their ends; higher where there are many."""
    with svg.drawing():
        figure, axes = _blank(_height(len(lines)))
        marks, labels = {}, []
        for number, line in enumerate(lines):
            means, lows, highs = zip(*line.points, strict=True)
            places = range(1, len(means) + 1)
            color, gid = COLORS[line.color], f"line{number}"
            if line.strong:
                axes.fill_between(places, lows, highs, color=color, alpha=0.16, lw=0)
            # Several may share a color, but not the dashes too.
            dash = "-" if line.strong else DASHES[number % len(DASHES)]
            axes.plot(places, means, ls=dash, lw=2.6 if line.strong else 1.6, color=color, gid=gid)
            marks[gid] = {"title": line.name}
            labels.append(Label(line.name, places[-1], means[-1], line.color, line.strong))
        last = max(len(line.points) for line in lines)
        axes.set_xlim(1, max(2, last))
        axes.set_xticks([1, *range(10, last + 1, 10)])
        _finish(axes, "y", x_label, y_label)
        _name(figure, axes, labels)
        return svg.inline(figure, f"{y_label} against {x_label}", colors=PAINTED, marks=marks)


def cloud(dots: Sequence[Dot], x_label: str, y_label: str) -> Markup:
    """Return points, x on a logarithmic scale to the base of two, each group named once."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    groups: dict[str, list[Dot]] = {}
    for dot in dots:
        groups.setdefault(dot.group, []).append(dot)
    with svg.drawing():
        figure, axes = _blank(_height(len(groups)))
        axes.set_xscale("log", base=2)
        marks, labels = {}, []
        for name, own in groups.items():
            for line in dict.fromkeys(dot.line for dot in own):
                joined = sorted((dot.x, dot.y) for dot in own if dot.line == line)
                axes.plot(
                    *zip(*joined, strict=True), lw=1.2, alpha=0.55, color=COLORS[own[0].color]
                )
            last = max(own, key=lambda dot: (dot.x, dot.y))
            labels.append(Label(name, last.x, last.y, last.color))
        for number, dot in enumerate(dots):
            shape, gid = SHAPES.get(dot.shape, "o"), f"dot{number}"
            axes.plot(
                dot.x, dot.y, shape, ms=10 if shape == "o" else 8.5, mew=1.2, mec=PAPER,
                color=COLORS[dot.color], gid=gid, clip_on=False, zorder=3,
            )  # fmt: skip
            marks[gid] = {"title": dot.title or dot.group}
        low, high = min(dot.x for dot in dots), max(dot.x for dot in dots)
        axes.set_xlim(low / 1.4, high * 1.4)
        axes.xaxis.set_major_locator(LogLocator(base=2, numticks=7))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _bytes(value)))
        axes.xaxis.set_minor_locator(NullLocator())
        _finish(axes, "y", x_label, y_label)
        _name(figure, axes, labels)
        return svg.inline(figure, f"{y_label} against {x_label}", colors=PAINTED, marks=marks)


def _blank(height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    room = ConstrainedLayoutEngine(w_pad=2 / UNITS, h_pad=2 / UNITS)
    figure = Figure(figsize=(WIDTH / UNITS, height / UNITS), dpi=UNITS, layout=room)
    return figure, figure.subplots()


def _finish(axes: Axes, grid: Literal["x", "y"], x_label: str, y_label: str = "") -> None:
    """Draw what lies around the data: a grid for one of the axes, and what they mean."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    scale = axes.xaxis if grid == "x" else axes.yaxis
    if grid == "y":
        low, high = axes.get_ylim()
        axes.set_ylim(0 if 0 < low < 0.5 * high else low, high)
    scale.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], min_n_ticks=2))
    scale.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axes.grid(axis=grid, color=EDGE, lw=1)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=SMALL, labelcolor=FAINT)
    if grid == "x":
        axes.tick_params("y", labelsize=12, labelcolor=INK)
    else:
        axes.tick_params("x", length=4, color=FAINT, width=0.8)
    axes.set_xlabel(x_label, labelpad=5)
    if y_label:
        axes.set_title(y_label, loc="left", size=SMALL, color=FAINT, pad=5)


def _name(figure: Figure, axes: Axes, labels: Sequence[Label]) -> None:
    """Write names below each other at the right, where lines lead from what they name."""
    right = axes.get_xlim()[1]
    figure.draw_without_rendering()  # only now the axes have their height
    ends = [float(axes.transData.transform((label.x, label.y))[1]) for label in labels]
    box = axes.get_window_extent()
    for label, end, place in zip(labels, ends, _apart(ends, box.y0, box.y1), strict=True):
        color = COLORS[label.color]
        if label.x < right:
            axes.plot([label.x, right], [label.y] * 2, ls=(0, (1, 3)), lw=1, color=color, zorder=1)
        axes.annotate(
            _cut(label.name), (1, label.y), (BESIDE, place - end), ("axes fraction", "data"),
            "offset points", va="center_baseline", weight=_weight(label.strong),
            arrowprops={"arrowstyle": "-", "color": color, "lw": 1.2, "relpos": (0, 0.5),
                        "shrinkA": 2, "shrinkB": 2},
        )  # fmt: skip


def _apart(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Return places near those wanted, a line apart from each other."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    places = [0.0] * len(wanted)
    last = low - LINE
    for number in order:
        last = places[number] = max(wanted[number], last + LINE)
    last = high + LINE
    for number in reversed(order):
        last = places[number] = min(places[number], last - LINE)
    return places


def _height(labels: int) -> float:
    """Return how high a chart is whose labels stand below each other."""
    return max(HEIGHT, AROUND + LINE * labels)


def _weight(strong: bool) -> str:
    return "bold" if strong else "normal"


def short(value: float) -> str:
    """Return a number of 0 to 1 in three digits, without the naught."""
    return f"{value:.3f}".replace("0.", ".", 1)


def _bytes(value: float) -> str:
    return f"{value / 1024:g}k" if value >= 1024 else f"{value:g}"


def _tick(value: float) -> str:
    return f"{value:.6g}".replace("0.", ".", 1) if 0 < value < 1 else f"{value:g}"


def _said(name: str, value: Band) -> str:
    mean, low, high = map(short, value)
    return f"{name}: {mean} ({low}–{high})"


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip()}…"
