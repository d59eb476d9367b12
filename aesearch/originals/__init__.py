"""A picture finds the one that it was made from: cropped, framed, mirrored or turned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.originals.keep import Looks, kept
    from aesearch.originals.search import Originals

__all__ = ["Looks", "Originals", "kept"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "Looks": "keep",
            "Originals": "search",
            "kept": "keep",
        },
    )
