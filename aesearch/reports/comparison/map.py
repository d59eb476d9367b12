"""The map in the page of a comparison: the same items by the codes of each of the best methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aesearch.modalities import modality
from aesearch.reports import svg
from aesearch.reports.map.figure import TINT, figure_of_merit, name_groups, tinted
from aesearch.reports.map.styles import SHAPES, Style, styles_of
from aesearch.reports.training import COLORS

if TYPE_CHECKING:
    from markupsafe import Markup

    from aesearch.compare.results import Comparison
    from aesearch.maps.layouts import Panel

SIDE, EDGE, UNITS = 480, 14, 72  # width of a panel and what is left free; units to the inch
LEAST = 0.6  # height, in shares of the width
LARGEST, SMALLEST = 9.0, 4.0  # dots, across
LONGEST_NAME, LETTERS = 24, 11


@dataclass(frozen=True)
class Drawn:
    """A panel, and how well it tells groups apart."""

    title: str
    drawn: Markup
    merit: str


@dataclass(frozen=True)
class Section:
    """The map; `groups` is its legend, and `said` what each dot is, in the order of the dots."""

    note: str
    hint: str
    panels: list[Drawn]
    groups: list[Style]
    said: list[str]


def map_of(found: Comparison) -> Section | None:
    """Return the map; nothing where there is none."""
    if not found.panels:
        return None
    styles, numbers = styles_of([found.labels[item] for item in found.mapped])
    shown = [
        Style(_cut(style.name), style.color, style.shape, style.count) for style in styles
    ] or [Style("", COLORS[0], 0, len(numbers))]
    order = np.argsort(numbers, kind="stable")  # as the dots are drawn, group after group
    height = _height(found.panels)
    beside = ", and where it lies in the other" if len(found.panels) > 1 else ""
    return Section(
        _note(found, len(order)),
        f"Point at a dot to see what it is{beside}.",
        [
            Drawn(panel.title, _drawn(panel, shown, numbers, height), figure_of_merit(panel))
            for panel in found.panels
        ],
        shown if styles else [],
        [found.said[row] for row in order],
    )


def _note(found: Comparison, count: int) -> str:
    noun = modality(found.kind).noun
    what = f"{count:,} {noun}s" if count < len(found.keys) else f"All {noun}s"
    note = (
        f"{what}, each where t-SNE puts the codes of one method: what lies together is similar to "
        "it. Distances between clusters, and directions, mean nothing."
    )
    if found.panels[0].accuracy is not None:
        note += " 5-NN accuracy: how often the five nearest on the map tell the group of an item."
    return note


def _height(panels: Sequence[Panel]) -> float:
    """Return how high all panels are, so that each shows its items by one scale."""
    spans = [np.maximum(np.ptp(panel.coordinates, axis=0), 1e-12) for panel in panels]
    free = SIDE - 2 * EDGE
    tall = max(free * min(1.0, float(span[1] / span[0])) for span in spans)
    return round(max(tall, LEAST * free)) + 2 * EDGE


def _drawn(
    panel: Panel, styles: Sequence[Style], numbers: NDArray[np.uint8], height: float
) -> Markup:
    from matplotlib.figure import Figure

    size = float(np.clip(150 / np.sqrt(len(numbers)), SMALLEST, LARGEST))
    inks = {
        tinted(style.color): f"color-mix(in srgb, {style.color} {TINT:.0%}, var(--ink))"
        for style in styles
    }
    with svg.drawing():
        figure = Figure(figsize=(SIDE / UNITS, height / UNITS), dpi=UNITS)
        axes = figure.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[])
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(EDGE / SIDE, EDGE / height)
        for number, style in enumerate(styles):
            x, y = panel.coordinates[numbers == number].T
            axes.scatter(
                x, y, s=size**2, marker=SHAPES[style.shape], color=style.color, linewidths=0,
                alpha=0.8, clip_on=False, gid=f"group{number}",
            )  # fmt: skip
        figure.draw_without_rendering()  # only now the axes have their limits
        if len(styles) > 1:
            name_groups(
                figure, axes, styles, numbers, panel.coordinates, letters=LETTERS, halo=False
            )
        for text in axes.texts:
            text.set_gid("name")
        marks = {f"group{number}": {"data-g": str(number)} for number in range(len(styles))}
        marks["name"] = {"class": "halo"}
        colors = {style.color: svg.vivid(style.color) for style in styles} | inks
        return svg.inline(figure, panel.title, colors=colors, marks=marks)


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
