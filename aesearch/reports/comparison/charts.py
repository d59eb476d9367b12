"""Charts as inline SVG: their colours follow the page, light or dark, and labels stand at the data.

All texts are escaped here. A chart is 480 units wide, so that on a telephone it can still be read.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from aesearch.reports.comparison.labels import arranged, can_be_read, width_of

WIDTH, HEIGHT = 480, 320
LEFT, RIGHT, TOP, BOTTOM = 42, 190, 16, 40  # what lies around the data; right, at most

BESIDE = 15  # between the data and a label at its right
LINE = 15  # between two labels
LONGEST = 170  # of a label at a point
COLOURS = 7  # --c0 to --c6 of the page's style
DASHES = ("", "", "7 3", "2 3", "9 3 2 3", "4 2", "1 2")

Point = tuple[float, float]
Band = tuple[float, float, float]  # mean, low, high


@dataclass(frozen=True)
class Line:
    """A curve: y at x = 1, 2, 3..., each with its interval; `strong` ones show it."""

    name: str
    points: Sequence[Band]
    colour: int
    strong: bool = False


@dataclass(frozen=True)
class Bar:
    """A mean with its interval."""

    name: str
    value: Band
    colour: int
    strong: bool = False


@dataclass(frozen=True)
class Dot:
    """A point of a cloud; those of one `group` and `line` are joined."""

    group: str
    x: float
    y: float
    colour: int
    shape: str = "float"
    line: str = ""
    title: str = ""


def intervals(bars: Sequence[Bar], label: str, chance: float | None = None) -> str:
    """Return means with their intervals, one below the other."""
    room = min(220.0, 12 + max(width_of(bar.name, strong=bar.strong) for bar in bars))
    right, row = 52, 25
    height = TOP + row * len(bars) + BOTTOM
    low = min([0.0, *(bar.value[1] for bar in bars)])
    high = max(bar.value[2] for bar in bars) or 1.0
    ticks = _ticks(low, high)
    x = _scale(ticks[0], max(ticks[-1], high), room, WIDTH - right)
    bottom = TOP + row * len(bars)
    parts = [
        _grid_x(ticks, x, TOP, bottom),
        text_at((room + WIDTH - right) / 2, bottom + 34, label),
    ]
    if chance is not None and chance > ticks[0]:
        at = x(chance)
        parts.append(f'<path class="chance" d="M{at:.1f} {TOP}V{bottom}"/>')
        parts.append(text_at(at, TOP - 3, "chance", "small"))
    for number, bar in enumerate(bars):
        y = TOP + row * (number + 0.5)
        mean, start, end = bar.value
        weight = " strong" if bar.strong else ""
        parts.append(
            f'<g class="c{bar.colour}{weight}"><title>{_said(bar.name, bar.value)}</title>'
            f'<path class="bar" d="M{x(start):.1f} {y}H{x(end):.1f}"/>'
            f'<circle cx="{x(mean):.1f}" cy="{y}" r="4.5"/></g>'
        )
        parts.append(
            text_at(room - 8, y + 4, _cut(bar.name, room - 8, strong=bar.strong), "end" + weight)
        )
        parts.append(text_at(WIDTH, y + 4, short(mean), "end figure" + weight))
    return _svg(parts, height, f"{label}, with 95 % intervals")


def curves(lines: Sequence[Line], x_label: str, y_label: str) -> str:
    """Return curves against 1, 2, 3..., labelled at their ends; higher where there are many."""
    height = _height(len(lines))
    last = max(len(line.points) for line in lines)
    high = max(band[2 if line.strong else 0] for line in lines for band in line.points)
    low = min(band[1 if line.strong else 0] for line in lines for band in line.points)
    ticks = _ticks(0.0 if low < 0.5 * high else low, high)
    bottom = height - BOTTOM
    edge = _edge([(line.name, line.strong) for line in lines])
    x = _scale(1, last, LEFT, edge)
    y = _scale(ticks[0], max(high, ticks[-1]), bottom, TOP)
    cuts = [1, *range(10, last + 1, 10)]
    parts = [_grid_y(ticks, y, LEFT, edge), _axis_x(cuts, [str(c) for c in cuts], x, bottom)]
    parts.append(text_at((LEFT + edge) / 2, height - 6, x_label))
    parts.append(text_at(LEFT, TOP - 3, y_label, "start small"))
    ends = [y(line.points[-1][0]) for line in lines]
    for number, (line, at, place) in enumerate(
        zip(lines, ends, _apart(ends, TOP, bottom), strict=True)
    ):
        upper = [(x(k), y(band[2])) for k, band in enumerate(line.points, 1)]
        lower = [(x(k), y(band[1])) for k, band in enumerate(line.points, 1)]
        middle = [(x(k), y(band[0])) for k, band in enumerate(line.points, 1)]
        weight = " strong" if line.strong else ""
        parts.append(f'<g class="c{line.colour}{weight}"><title>{html.escape(line.name)}</title>')
        if line.strong:
            parts.append(f'<path class="band" d="{_path([*upper, *lower[::-1]])}Z"/>')
        dash = DASHES[number % len(DASHES)]  # several may share a colour
        dashed = f' stroke-dasharray="{dash}"' if dash and not line.strong else ""
        parts.append(f'<path class="line" d="{_path(middle)}"{dashed}/>')
        parts.append(f'<path class="leader" d="M{edge + 2} {at:.1f}L{edge + 12} {place:.1f}"/></g>')
        name = _cut(line.name, WIDTH - edge - BESIDE, strong=line.strong)
        parts.append(text_at(edge + BESIDE, place + 4, name, "start" + weight))
    return _svg(parts, height, f"{y_label} against {x_label}")


def cloud(dots: Sequence[Dot], x_label: str, y_label: str) -> str:
    """Return points, x on a logarithmic scale to the base of two, each group labelled once.

    Labels stand at the points; where they would cover each other, beside the chart.
    """
    return _cloud(dots, x_label, y_label) or _cloud(dots, x_label, y_label, beside=True)


def _cloud(dots: Sequence[Dot], x_label: str, y_label: str, *, beside: bool = False) -> str:
    """Draw `cloud`; nothing where labels at the points cover each other."""
    groups: dict[str, list[int]] = {}
    for number, dot in enumerate(dots):
        groups.setdefault(dot.group, []).append(number)
    height = _height(len(groups)) if beside else HEIGHT
    edge = _edge([(name, True) for name in groups]) if beside else WIDTH - 6
    bottom = height - BOTTOM
    first = math.floor(math.log2(max(1e-9, min(dot.x for dot in dots))))
    last = math.ceil(math.log2(max(dot.x for dot in dots)))
    last += last == first
    along = _scale(first, last, LEFT + 12, edge - 12)
    high, low = max(dot.y for dot in dots), min(dot.y for dot in dots)
    ticks = _ticks(0.0 if low < 0.5 * high else low, high)
    y = _scale(ticks[0], max(high, ticks[-1]), bottom, TOP)
    powers = list(range(first, last + 1, max(1, -(-(last - first) // 7))))
    parts = [_grid_y(ticks, y, LEFT, edge)]
    parts.append(_axis_x(powers, [_bytes(2.0**power) for power in powers], along, bottom))
    parts.append(text_at((LEFT + edge) / 2, height - 6, x_label))
    parts.append(text_at(LEFT, TOP - 3, y_label, "start small"))
    places = [(along(math.log2(max(1e-9, dot.x))), y(dot.y)) for dot in dots]
    joined: dict[tuple[str, str], list[int]] = {}
    paths: list[list[Point]] = []
    for number, dot in enumerate(dots):
        joined.setdefault((dot.group, dot.line), []).append(number)
    for numbers in joined.values():
        numbers.sort(key=lambda n: dots[n].x)
        paths.append([places[n] for n in numbers])
        path = _path(paths[-1])
        parts.append(f'<path class="c{dots[numbers[0]].colour} join" d="{path}"/>')
    for dot, place in zip(dots, places, strict=True):
        parts.append(
            f'<g class="c{dot.colour}"><title>{html.escape(dot.title or dot.group)}</title>'
            f"{_mark(dot.shape, *place)}</g>"
        )
    if beside:
        parts += _labels_beside(dots, groups, places, edge, bottom)
    elif labels := _labels(dots, groups, places, paths):
        parts += labels
    else:
        return ""
    return _svg(parts, height, f"{y_label} against {x_label}")


def _labels_beside(
    dots: Sequence[Dot],
    groups: dict[str, list[int]],
    places: Sequence[Point],
    edge: float,
    bottom: float,
) -> list[str]:
    """Name each group in a column at the right, where a line leads from its last point."""
    ends = [max(places[n] for n in numbers) for numbers in groups.values()]
    rows = _apart([y for _, y in ends], TOP, bottom)
    parts = []
    for (group, numbers), (x, y), row in zip(groups.items(), ends, rows, strict=True):
        colour = dots[numbers[0]].colour
        name = _cut(group, WIDTH - edge - BESIDE, strong=True)
        parts.append(
            f'<g class="c{colour}"><title>{html.escape(group)}</title>'
            f'<path class="leader" stroke-dasharray="1 3" d="M{x + 6:.1f} {y:.1f}H{edge + 2:.1f}"/>'
            f'<path class="leader" d="M{edge + 2:.1f} {y:.1f}L{edge + 12:.1f} {row:.1f}"/>'
            f"{text_at(edge + BESIDE, row + 4, name, f'start named c{colour}')}</g>"
        )
    return parts


def _labels(
    dots: Sequence[Dot],
    groups: dict[str, list[int]],
    places: Sequence[Point],
    paths: Sequence[Sequence[Point]],
) -> list[str]:
    """Name each group at one of its points, where there is most room; none if there is too little.

    Returns
    -------
    list of str
        Empty where labels would cover each other.
    """
    names = [_cut(name, LONGEST, strong=True) for name in groups]
    anchors = [
        [places[n] for n in sorted(numbers, key=lambda n: -dots[n].y)]
        for numbers in groups.values()
    ]
    room = (LEFT + 2, TOP - 8, WIDTH, HEIGHT - BOTTOM)
    spots = arranged(names, anchors, places, paths, room)
    if not can_be_read(names, spots, places, room):
        return []
    parts = []
    for (group, numbers), name, spot in zip(groups.items(), names, spots, strict=True):
        colour = dots[numbers[0]].colour
        if spot.far:
            (x, y), (u, v) = spot.leader(name)
            parts.append(f'<path class="c{colour} leader" d="M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}"/>')
        look = f"{spot.align} halo named c{colour}"
        said = text_at(spot.x, spot.base, name, look)
        parts.append(f"<g><title>{html.escape(group)}</title>{said}</g>")
    return parts


def short(value: float) -> str:
    """Return a number of 0 to 1 in three digits, without the naught."""
    return f"{value:.3f}".replace("0.", ".", 1)


def _bytes(value: float) -> str:
    return f"{value / 1024:g}k" if value >= 1024 else f"{value:g}"


def _said(name: str, value: Band) -> str:
    mean, low, high = map(short, value)
    return html.escape(f"{name}: {mean} ({low}–{high})")


def _cut(text: str, room: float, *, strong: bool = False) -> str:
    kept = text
    while width_of(kept, strong=strong) > room and len(kept) > 4:
        kept = kept.removesuffix("…")[:-1].rstrip() + "…"
    return kept


def _height(labels: int) -> float:
    """Return how high a chart is whose labels stand below each other."""
    return max(HEIGHT, TOP + LINE * (labels - 1) + BOTTOM)


def _edge(names: Sequence[tuple[str, bool]]) -> float:
    """Return where the data ends beside which these labels stand, each bold or not."""
    beyond = BESIDE + max(width_of(name, strong=strong) for name, strong in names)
    return WIDTH - min(max(beyond, 100), RIGHT)


def _scale(low: float, high: float, start: float, end: float) -> _Scale:
    return _Scale(low, high if high > low else low + 1, start, end)


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers from below `low` to at least nearly `high`."""
    span = max(high - low, 1e-3)
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next((s * power for s in (1, 2, 5, 10) if span / (s * power) <= 6), 10 * power)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 6) for n in range(first, last + 1)]


def _apart(wanted: Sequence[float], top: float, bottom: float) -> list[float]:
    """Return places near those wanted, a line apart from each other."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    places = [0.0] * len(wanted)
    last = top - LINE
    for number in order:
        last = places[number] = max(wanted[number], last + LINE)
    last = bottom + LINE
    for number in reversed(order):
        last = places[number] = min(places[number], last - LINE)
    return places


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _mark(shape: str, x: float, y: float) -> str:
    if shape == "int8":
        return f'<path class="dot" d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6Z"/>'
    if shape == "bits":
        return f'<rect class="dot" x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"/>'
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'


def _grid_y(ticks: Sequence[float], y: _Scale, left: float, right: float) -> str:
    parts = []
    for tick in ticks:
        at = y(tick)
        parts.append(f'<path class="grid" d="M{left} {at:.1f}H{right}"/>')
        parts.append(text_at(left - 6, at + 4, _tick(tick), "end small"))
    return "".join(parts)


def _grid_x(ticks: Sequence[float], x: _Scale, top: float, bottom: float) -> str:
    parts = []
    for tick in ticks:
        at = x(tick)
        parts.append(f'<path class="grid" d="M{at:.1f} {top}V{bottom}"/>')
        parts.append(text_at(at, bottom + 16, _tick(tick), "small"))
    return "".join(parts)


def _axis_x(values: Sequence[float], names: Sequence[str], x: _Scale, base: float) -> str:
    parts = []
    for value, name in zip(values, names, strict=True):
        parts.append(f'<path class="tick" d="M{x(value):.1f} {base}v4"/>')
        parts.append(text_at(x(value), base + 17, name, "small"))
    return "".join(parts)


def _tick(value: float) -> str:
    return f"{value:g}".replace("0.", ".", 1) if 0 < value < 1 else f"{value:g}"


def text_at(x: float, y: float, text: str, kind: str = "", colour: str = "") -> str:
    """Return a line of text; `kind` is its class."""
    look = f' class="{kind}"' if kind else ""
    style = f' style="fill:{colour}"' if colour else ""
    return f'<text{look}{style} x="{x:.1f}" y="{y:.1f}">{html.escape(text)}</text>'


def _svg(parts: Sequence[str], height: float, said: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{html.escape(said)}">'
        f"{''.join(parts)}</svg>"
    )
