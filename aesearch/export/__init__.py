"""Codes, encoder and FAISS file for use without aesearch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.export.index import export

__all__ = ["export"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "export": "index",
        },
    )
