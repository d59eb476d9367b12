"""Where the labels of points stand, so that they cover neither points nor lines nor each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom

SIZE = 12  # of the letters
# Widths of letters, of their size, in a wide font: DejaVu Sans. Pages use what the system has.
WIDTHS = dict.fromkeys(" .,:;'|!()[]ijl", 0.36) | dict.fromkeys('frt-/"', 0.45)
WIDTHS |= dict.fromkeys("mwMW%@…", 0.98) | dict.fromkeys("=+<>~", 0.84)
CAPITAL, OTHER, STRONG = 0.73, 0.64, 1.12
ABOVE, BELOW = 10, 3  # how far letters reach from their base line
DOT, CORE = 6, 3  # half the side of what a point takes, and of what must be seen of it
STEP = 4  # between the places of a line that are looked at
FAR = (24, 38, 54, 72)  # distances of a label that is not beside its point
TURNS = 12  # directions in which it may be
PASSES = 4
# What it costs to cover them; of leaders, that one runs through a label.
OF_LABELS, OF_DOTS, OF_LINES, OF_LEADERS, OUTSIDE = 30.0, 1.5, 4.0, 300.0, 30.0


@cache
def width_of(text: str, *, strong: bool = False) -> float:
    """Return how wide a text is at most, in units of a chart; `strong` letters are bold."""
    wide = sum(WIDTHS.get(c, CAPITAL if c.isupper() else OTHER) for c in text)
    return SIZE * wide * (STRONG if strong else 1.0)


@dataclass(frozen=True)
class Spot:
    """Where a label stands.

    Attributes
    ----------
    x, base : float
        Of its start, middle or end, as `align` says, and its base line.
    align : {'start', 'middle', 'end'}
    anchor : (x, y)
        The point that it belongs to.
    far : bool
        Whether it is so far away from it that a line should lead there.
    cost : float
    """

    x: float
    base: float
    align: str
    anchor: Point
    far: bool = False
    cost: float = 0.0

    def box(self, name: str) -> Box:
        """Return what it takes of the chart."""
        wide = width_of(name, strong=True)
        left = self.x - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[self.align]
        return left, self.base - ABOVE, left + wide, self.base + BELOW

    def leader(self, name: str) -> tuple[Point, Point]:
        """Return where the line to its point begins and ends, at the nearest side of the label."""
        left, top, right, bottom = self.box(name)
        x, y = self.anchor
        return self.anchor, (min(max(x, left), right), min(max(y, top), bottom))


def arranged(
    names: Sequence[str],
    anchors: Sequence[Sequence[Point]],
    dots: Sequence[Point],
    paths: Sequence[Sequence[Point]],
    room: Box,
) -> list[Spot]:
    """Choose a place for each label, then again for each in the light of all others.

    Parameters
    ----------
    names : sequence of str
    anchors : sequence of sequence of (x, y)
        The points that each label may stand at, the best first.
    dots : sequence of (x, y)
        All points.
    paths : sequence of sequence of (x, y)
        Lines between them.
    room : (left, top, right, bottom)

    Returns
    -------
    list of Spot
    """
    taken = [_around(point, DOT) for point in dots]
    lines = [place for path in paths for place in _along(path)]
    choices = [
        [replace(s, cost=s.cost + _fixed(s.box(name), taken, lines, room)) for s in spots]
        for name, points in zip(names, anchors, strict=True)
        if (spots := list(_spots(points)))
    ]
    found: dict[int, Spot] = {}
    for _ in range(PASSES):
        for number, spots in enumerate(choices):
            others = [(spot, names[n]) for n, spot in found.items() if n != number]
            costs = [spot.cost + _of_others(spot, names[number], others) for spot in spots]
            found[number] = spots[costs.index(min(costs))]
    return [found[number] for number in range(len(names))]


def can_be_read(
    names: Sequence[str], spots: Sequence[Spot], dots: Sequence[Point], room: Box
) -> bool:
    """Return whether labels cover neither each other nor points, nor do their leaders."""
    cores = [(point, _around(point, CORE)) for point in dots]
    for number, (name, spot) in enumerate(zip(names, spots, strict=True)):
        box, others = spot.box(name), [(spots[n], names[n]) for n in range(number)]
        if _of_others(spot, name, others) or _outside(box, room) > 1:
            return False
        for point, core in cores:
            led = spot.far and math.dist(point, spot.anchor) > 2 * CORE
            if _overlap(box, core) or (led and _crosses(*spot.leader(name), core)):
                return False
    return True


def _spots(anchors: Sequence[Point]) -> Iterator[Spot]:
    """Yield places around each point: right beside it, then further away, where a line leads."""
    for rank, (x, y) in enumerate(anchors):
        beside = (
            (x, y - 9, "middle"),
            (x + 9, y + 4, "start"),
            (x - 9, y + 4, "end"),
            (x, y + 19, "middle"),
            (x + 7, y - 8, "start"),
            (x - 7, y - 8, "end"),
            (x + 7, y + 17, "start"),
            (x - 7, y + 17, "end"),
        )
        for way, (left, base, align) in enumerate(beside):
            yield Spot(left, base, align, (x, y), cost=2 * rank + 0.2 * way)
        for away in FAR:
            for turn in range(TURNS):
                right, down = math.cos(math.tau * turn / TURNS), math.sin(math.tau * turn / TURNS)
                align = "start" if right > 0.3 else "end" if right < -0.3 else "middle"
                place = x + away * right, y + away * down + 4
                yield Spot(*place, align, (x, y), far=True, cost=6 + 2 * rank + 0.35 * away)


def _fixed(box: Box, dots: Sequence[Box], lines: Sequence[Point], room: Box) -> float:
    """Return what it costs to cover points and lines, or to reach beyond the chart."""
    cost = OUTSIDE * _outside(box, room) + OF_DOTS * sum(_overlap(box, dot) for dot in dots)
    left, top, right, bottom = box
    return cost + OF_LINES * sum(left < x < right and top < y < bottom for x, y in lines)


def _around(point: Point, half: float) -> Box:
    x, y = point
    return x - half, y - half, x + half, y + half


def _outside(box: Box, room: Box) -> float:
    """Return by how much a box reaches beyond the room."""
    outside = sum(max(0.0, room[side] - box[side]) for side in (0, 1))
    return outside + sum(max(0.0, box[side] - room[side]) for side in (2, 3))


def _of_others(spot: Spot, name: str, others: Sequence[tuple[Spot, str]]) -> float:
    """Return what it costs to cover other labels, or that a leader runs through one."""
    box, cost = spot.box(name), 0.0
    left, top, right, bottom = box
    wider = (left - 3, top - 1, right + 3, bottom + 1)
    for other, called in others:
        taken = other.box(called)
        cost += OF_LABELS * _overlap(wider, taken)
        if other.far and _crosses(*other.leader(called), box):
            cost += OF_LEADERS
        if spot.far and _crosses(*spot.leader(name), taken):
            cost += OF_LEADERS
    return cost


def _crosses(start: Point, end: Point, box: Box) -> bool:
    """Return whether a straight line has a part within a box (Liang and Barsky's clipping)."""
    first, last = 0.0, 1.0
    for axis in (0, 1):
        way = end[axis] - start[axis]
        low, high = box[axis] - start[axis], box[axis + 2] - start[axis]
        if way == 0:
            if low > 0 or high < 0:
                return False
            continue
        near, far = sorted((low / way, high / way))
        first, last = max(first, near), min(last, far)
    return first < last


def _overlap(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, tall)


def _along(path: Sequence[Point]) -> Iterator[Point]:
    """Yield places along a line, a few units apart."""
    for (x, y), (u, v) in pairwise(path):
        count = max(1, int(math.hypot(u - x, v - y) / STEP))
        for n in range(count):
            yield x + (u - x) * n / count, y + (v - y) * n / count
