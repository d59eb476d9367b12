"""A query to hits: dense, hybrid, BM25, fusion, explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.search.hits import Hit
    from aesearch.search.index import Index, open_index
    from aesearch.search.together import Example

__all__ = ["Example", "Hit", "Index", "open_index"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "Example": "together",
            "Hit": "hits",
            "Index": "index",
            "open_index": "index",
        },
    )
