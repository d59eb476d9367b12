"""The map in the page of a comparison: the same items by the codes of each of the best methods."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aesearch.modalities import NOUNS
from aesearch.reports.comparison.charts import text_at
from aesearch.reports.comparison.labels import width_of
from aesearch.reports.map.figure import (
    GREY,
    NAMED,
    Style,
    figure_of_merit,
    middle_of,
    names_placed,
    styles_of,
    tinted,
)
from aesearch.reports.training import COLOURS

if TYPE_CHECKING:
    from aesearch.compare.results import Comparison
    from aesearch.maps.layouts import Panel

SIDE, EDGE = 480, 14  # width of a panel, in units of its drawing, and what is left free
LEAST = 0.6  # height, in shares of the width
LARGEST, SMALLEST = 9.0, 4.0  # dots, across
TALL = 12  # the letters of names
LONGEST_NAME = 24
# Round and square dots are ends of lines without a length, which takes fewest bytes.
ROUND, TRIANGLE, SQUARE, DIAMOND = range(4)  # as in maps.SHAPES
LOOK = """
.map { display: grid; gap: 1.5rem 2rem; margin-bottom: .75rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); }
.map figure { max-width: 40rem; display: flex; flex-direction: column; justify-content: end; }
.map svg { background: #fff; border: 1px solid var(--line); border-radius: 6px; cursor: crosshair;
  overflow: hidden; }
.map h3 { margin: 0 0 .4rem; }
.map figcaption { color: var(--faint); }
.plane path { opacity: .8; }
.plane path.dots { fill: none; stroke: currentColor; }
.plane path.round { stroke-linecap: round; }
.plane path.square { stroke-linecap: square; }
.plane path.solid { fill: currentColor; }
.plane path.off { opacity: .07; }
.map text { font-weight: 650; pointer-events: none; }
.map text.halo { stroke: #fff; stroke-opacity: .85; }
.map .here { fill: none; stroke: #1f2328; stroke-width: 2; }
.groups { display: flex; flex-wrap: wrap; gap: .15rem .35rem; }
.groups button { display: flex; align-items: center; gap: .4rem; padding: .15rem .5rem;
  font: inherit; font-size: .85rem; color: var(--ink); background: none; cursor: pointer;
  border: 1px solid transparent; border-radius: 999px; }
.groups button:hover { background: var(--mat); }
.groups button:focus-visible { outline: 2px solid var(--right); }
.groups button[aria-pressed=true] { border-color: var(--faint); }
.groups svg { flex: none; width: 12px; height: 12px; background: none; border: 0; }
.groups small { color: var(--faint); font-variant-numeric: tabular-nums; }
#item { min-height: 1.4em; margin: .3rem 0; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { .map svg { background: #eceef1; border-color: #eceef1; } }
"""
SCRIPT = """
for (const section of document.querySelectorAll("section.plane")) {
  const said = JSON.parse(section.querySelector("script").textContent);
  const line = section.querySelector("#item"), empty = line.textContent;
  const panels = [...section.querySelectorAll(".map svg")].map((svg) => ({
    svg, ring: svg.querySelector(".here"),
    points: [...svg.querySelectorAll("path")].flatMap((path) =>
      [...path.getAttribute("d").matchAll(/M([\\d.]+) ([\\d.]+)/g)].map((m) => [+m[1], +m[2]])),
  }));
  const show = (number) => {
    for (const { ring, points } of panels) {
      ring.setAttribute("visibility", number < 0 ? "hidden" : "visible");
      if (number < 0) continue;
      ring.setAttribute("cx", points[number][0]);
      ring.setAttribute("cy", points[number][1]);
    }
    line.textContent = number < 0 ? empty : said[number];
  };
  for (const { svg, points } of panels) {
    const look = (event) => {
      const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
      let best = -1, least = 400;
      points.forEach(([u, v], number) => {
        const away = (u - x) ** 2 + (v - y) ** 2;
        if (away < least) { least = away; best = number; }
      });
      show(best);
    };
    svg.addEventListener("pointermove", look);
    svg.addEventListener("pointerdown", look);
    svg.addEventListener("pointerleave", () => show(-1));
  }
  const buttons = [...section.querySelectorAll(".groups button")];
  for (const button of buttons) button.addEventListener("click", () => {
    const alone = button.getAttribute("aria-pressed") !== "true";
    for (const one of buttons) one.setAttribute("aria-pressed", alone && one === button);
    for (const path of section.querySelectorAll("[data-g]"))
      path.classList.toggle("off", alone && path.dataset.g !== button.dataset.of);
  });
}
"""


def map_section(found: Comparison) -> str:
    """Return the section with the map; nothing where there is no map."""
    if not found.panels:
        return ""
    groups = [found.labels[item] for item in found.mapped]
    styles, numbers = styles_of(groups)
    styles = styles or [Style("", COLOURS[0], ROUND, len(groups))]
    order = np.argsort(numbers, kind="stable")  # as the points are drawn, group after group
    size = float(np.clip(150 / np.sqrt(len(order)), SMALLEST, LARGEST))
    places, height = _fitted(found.panels)
    figures = "".join(
        f"<figure><h3>{html.escape(panel.title)}</h3>"
        f'<svg viewBox="0 0 {SIDE} {height}" role="img" aria-label="{html.escape(panel.title)}">'
        f"{_drawn(own, styles, numbers, size, height)}</svg>"
        f"<figcaption>{figure_of_merit(panel)}</figcaption></figure>"
        for panel, own in zip(found.panels, places, strict=True)
    )
    noun = NOUNS[found.kind]
    what = f"{len(order):,} {noun}s" if len(order) < len(found.keys) else f"All {noun}s"
    note = (
        f"{what}, each where t-SNE puts the codes of one method: what lies together is similar to "
        "it. Distances between clusters, and directions, mean nothing."
    )
    if found.panels[0].accuracy is not None:
        note += " 5-NN accuracy: how often the five nearest on the map tell the group of an item."
    said = json.dumps([found.said[row] for row in order], ensure_ascii=False).replace(
        "<", "\\u003c"
    )
    return (
        '<section class="plane"><h2>The collection in two dimensions</h2>'
        f'<p class="note">{note}</p><div class="map">{figures}</div>'
        f'<p id="item" class="note" role="status">{_hint(found)}</p>{_legend(styles)}'
        f'<script type="application/json">{said}</script></section>'
    )


def _hint(found: Comparison) -> str:
    beside = ", and where it lies in the other" if len(found.panels) > 1 else ""
    return f"Point at a dot to see what it is{beside}."


def _drawn(
    places: NDArray[np.float64],
    styles: Sequence[Style],
    numbers: NDArray[np.uint8],
    size: float,
    height: int,
) -> str:
    parts = [
        _dots(places[numbers == number], style, size, f' data-g="{number}"')
        for number, style in enumerate(styles)
    ]
    parts.append(f'<circle class="here" r="{size / 2 + 4:.1f}" visibility="hidden"/>')
    return "".join(parts + _names(places, styles, numbers, height))


def _fitted(panels: Sequence[Panel]) -> tuple[list[NDArray[np.float64]], int]:
    """Bring the places of all panels into drawings of one size, both axes by one scale.

    Returns
    -------
    places : list of ndarray of float64, shape (n, 2)
    height : int
        Of the drawings.
    """
    spans = [np.maximum(np.ptp(panel.places, axis=0), 1e-12) for panel in panels]
    free = SIDE - 2 * EDGE
    tall = max(free * min(1.0, float(span[1] / span[0])) for span in spans)
    height = round(max(tall, LEAST * free)) + 2 * EDGE
    found = []
    for panel, span in zip(panels, spans, strict=True):
        scale = min(free / span[0], (height - 2 * EDGE) / span[1])
        middle = (panel.places.min(axis=0) + panel.places.max(axis=0)) / 2
        places = (panel.places - middle) * [scale, -scale] + [SIDE / 2, height / 2]
        found.append(np.asarray(places, dtype=np.float64))
    return found, height


def _dots(points: NDArray[np.float64], style: Style, size: float, more: str) -> str:
    """Return the dots of a group as one path."""
    half = size / 2
    mark, look = {
        ROUND: ("h0", "dots round"),
        SQUARE: ("h0", "dots square"),
        TRIANGLE: (f"m0-{half:.1f}l{half:.1f} {size:.1f}h-{size:.1f}z", "solid"),
        DIAMOND: (f"m0-{half:.1f}" + "l{0} {0}l-{0} {0}l-{0}-{0}z".format(f"{half:.1f}"), "solid"),
    }[style.shape]
    width = size if style.shape == ROUND else 0.85 * size
    line = f' stroke-width="{width:.1f}"' if mark == "h0" else ""
    path = "".join(f"M{x:.1f} {y:.1f}{mark}" for x, y in points)
    return f'<path class="{look}" style="color:{style.colour}"{line}{more} d="{path}"/>'


def _names(
    places: NDArray[np.float64], styles: Sequence[Style], numbers: NDArray[np.uint8], height: int
) -> list[str]:
    """Write names of the largest groups where these are, as far as there is room."""
    if len(styles) < 2:
        return []
    named = [
        (style, places[numbers == number])
        for number, style in enumerate(styles)
        if style.colour != GREY and (numbers == number).any()
    ]
    boxes = [
        (*middle_of(own), width_of(_cut(style.name), strong=True), TALL) for style, own in named
    ]
    return [
        text_at(place[0], place[1] + 4, _cut(style.name), "halo", tinted(style.colour))
        for (style, _), place in zip(named, names_placed(boxes, SIDE, height, NAMED), strict=True)
        if place is not None
    ]


def _legend(styles: Sequence[Style]) -> str:
    if len(styles) < 2:
        return ""
    middle = np.array([[6.0, 6.0]])
    buttons = "".join(
        f'<button aria-pressed="false" data-of="{number}"><svg viewBox="0 0 12 12">'
        f"{_dots(middle, style, 9, '')}</svg>{html.escape(_cut(style.name))}"
        f"<small>{style.count:,}</small></button>"
        for number, style in enumerate(styles)
    )
    return f'<div class="groups" role="group" aria-label="Groups">{buttons}</div>'


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
