"""A collection in two dimensions, learned or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.maps.map import map_of

__all__ = ["map_of"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "map_of": "map",
        },
    )
