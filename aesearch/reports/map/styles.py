"""Colors and shapes of the groups on a map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aesearch.reports.training import COLORS

# Up to six groups get Okabe and Ito's colors. Up to twelve get colors that were searched for: the
# two most alike are 26 apart in CIELAB, to normal sight and to each kind of color-blindness (16
# with Okabe and Ito's six). What is left is told apart by its shape.
FEW_COLORS = (*COLORS[:5], "#d55e00")

MANY_COLORS = (
    "#0000ff", "#ff5577", "#00ddbb", "#7700bb", "#ffbb77", "#335500",
    "#990055", "#bbdd00", "#9977bb", "#559900", "#dd55ff", "#770077",
)  # fmt: skip

SHAPES = ("o", "^", "s", "D")  # as matplotlib names them

NO_GROUP, OTHERS = "in no group", "other groups"

GREY = "#9aa3ad"


@dataclass(frozen=True)
class Style:
    """How a group is drawn: `shape` is a place in SHAPES, `count` the number of its items."""

    name: str
    color: str
    shape: int
    count: int


def styles_of(groups: Sequence[str]) -> tuple[list[Style], NDArray[np.uint8]]:
    """Choose color and shape of each group.

    Parameters
    ----------
    groups : sequence of str
        Of each item; "" for none.

    Returns
    -------
    styles : list of Style
        The largest groups first, then by name. Where there are more than colors and shapes tell
        apart, the smallest share one; so do items in no group. Empty where there is but one group.
    numbers : ndarray of uint8, shape (n,)
        The style of each item; 0 where there are none.
    """
    counts = Counter(group for group in groups if group)
    if len(counts) < 2:
        return [], np.zeros(len(groups), dtype=np.uint8)
    names = sorted(counts, key=lambda name: (-counts[name], name))
    colors = FEW_COLORS if len(names) <= len(FEW_COLORS) else MANY_COLORS
    most = len(colors) * len(SHAPES)
    kept = names if len(names) <= most else names[: most - 1]
    styles = [
        Style(name, colors[n % len(colors)], n // len(colors), counts[name])
        for n, name in enumerate(kept)
    ]
    places = {name: n for n, name in enumerate(kept)}
    for title, rest in ((OTHERS, set(names) - set(kept)), (NO_GROUP, {""})):
        if number := sum(group in rest for group in groups):
            places |= dict.fromkeys(rest, len(styles))
            styles.append(Style(title, GREY, 0, number))
    return styles, np.array([places[group] for group in groups], dtype=np.uint8)
