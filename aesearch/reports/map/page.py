"""The page of a map: nothing is loaded from anywhere, and 100,000 items stay smooth."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aesearch.reports.base import html_page

if TYPE_CHECKING:
    from aesearch.maps.map import Map
    from aesearch.reports.map.figure import Style

SCRIPTS = ("items.js", "panel.js", "page.js")  # in this order, as one
LONGEST = 160  # characters of what is said of an item
BODY = """<header><h1>{title}</h1>
<input id="find" type="search" placeholder="Find a key" aria-label="Find a key">
<span id="said" role="status"></span></header>
<main id="panels"></main>
<div id="legend" role="group" aria-label="Groups"></div>
<p id="help">Wheel, or two fingers: zoom. Drag: move. Point at an item, or tap it: what it is.
Double click, or 0: all. A group: only this one; with Ctrl or Shift: add or take away. On the
keyboard: arrows, + and −.</p>
<div id="tip" hidden></div>
<noscript><p>The map is drawn by a script.</p></noscript>
<script type="application/json" id="data">{data}</script>"""


def page_of(
    found: Map,
    title: str,
    styles: Sequence[Style],
    numbers: NDArray[np.uint8],
    words: Sequence[str],
    pictures: Mapping[int, bytes],
) -> str:
    """Return the page of a map; see `figure.write_map`."""
    data = {
        "count": len(found),
        "keys": found.keys,
        "words": [text[:LONGEST] for text in words],
        "styles": [
            {"name": s.name, "colour": s.colour, "shape": s.shape, "count": s.count} for s in styles
        ],
        "groups": _packed(numbers),
        "panels": [
            {"title": p.title, "accuracy": p.accuracy, "places": _packed(p.places.astype("<f4"))}
            for p in found.panels
        ],
        "pictures": {row: base64.b64encode(jpeg).decode() for row, jpeg in pictures.items()},
    }
    script, style = "\n".join(map(_part, SCRIPTS)), _part("page.css")
    # '<' could end the script element; nothing else in JSON can.
    packed = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    body = BODY.format(title=html.escape(title), data=packed)
    return html_page(title, body, style, f'"use strict";\n(() => {{\n{script}}})();\n')


def _packed(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


@cache
def _part(name: str) -> str:
    return (files("aesearch.reports.map") / name).read_text(encoding="utf-8")
