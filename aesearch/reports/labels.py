"""Where the labels of points stand, so that they cover neither points nor lines nor each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom

LETTER = 6.9  # mean width of a letter, at 12 units, in a wide font
ABOVE, BELOW = 10, 3  # how far letters reach from their base line
DOT = 6  # half the side of what a point takes
STEP = 4  # between the places of a line that are looked at
FAR = (24, 38, 54, 72)  # distances of a label that is not beside its point
TURNS = 12  # directions in which it may be
PASSES = 4
OF_LABELS, OF_DOTS, OF_LINES, OUTSIDE = 3.0, 1.5, 4.0, 30.0  # what it costs to cover them


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
        wide = LETTER * len(name)
        left = self.x - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[self.align]
        return left, self.base - ABOVE, left + wide, self.base + BELOW


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
    taken = [(x - DOT, y - DOT, x + DOT, y + DOT) for x, y in dots]
    lines = [place for path in paths for place in _along(path)]
    choices = [
        [replace(s, cost=s.cost + _fixed(s.box(name), taken, lines, room)) for s in spots]
        for name, points in zip(names, anchors, strict=True)
        if (spots := list(_spots(points)))
    ]
    found: dict[int, Spot] = {}
    for _ in range(PASSES):
        for number, spots in enumerate(choices):
            others = [spot.box(names[n]) for n, spot in found.items() if n != number]
            costs = [spot.cost + _of_labels(spot.box(names[number]), others) for spot in spots]
            found[number] = spots[costs.index(min(costs))]
    return [found[number] for number in range(len(names))]


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
    outside = sum(max(0.0, room[side] - box[side]) for side in (0, 1))
    outside += sum(max(0.0, box[side] - room[side]) for side in (2, 3))
    cost = OUTSIDE * outside + OF_DOTS * sum(_overlap(box, dot) for dot in dots)
    left, top, right, bottom = box
    return cost + OF_LINES * sum(left < x < right and top < y < bottom for x, y in lines)


def _of_labels(box: Box, others: Sequence[Box]) -> float:
    left, top, right, bottom = box
    wider = (left - 3, top - 1, right + 3, bottom + 1)
    return OF_LABELS * sum(_overlap(wider, other) for other in others)


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
