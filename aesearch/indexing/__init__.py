"""A source becomes an index: preflight, datasets, baselines, training, selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.indexing.build import build, update
    from aesearch.indexing.preflight import foretell

__all__ = ["build", "foretell", "update"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "build": "build",
            "foretell": "preflight",
            "update": "build",
        },
    )
