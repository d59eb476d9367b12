"""The page of a map: nothing is loaded from anywhere, and 100,000 items stay smooth."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aesearch.reports.page import render_page

if TYPE_CHECKING:
    from aesearch.maps.map import Map
    from aesearch.reports.map.styles import Style

SCRIPTS = ("map/items.js", "map/panel.js", "map/page.js")  # in this order, as one
LONGEST = 160  # characters of what is said of an item


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
            {"name": s.name, "color": s.color, "shape": s.shape, "count": s.count} for s in styles
        ],
        "groups": _packed(numbers),
        "panels": [
            {
                "title": p.title,
                "accuracy": p.accuracy,
                "places": _packed(p.coordinates.astype("<f4")),
            }
            for p in found.panels
        ],
        "pictures": {row: base64.b64encode(jpeg).decode() for row, jpeg in pictures.items()},
    }
    return render_page("map/page.html", title, styles=["map/page.css"], scripts=SCRIPTS, data=data)


def _packed(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
