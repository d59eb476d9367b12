"""Where items come from: folders, tables, standard input; what changed in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.sources.base import Entry, Source
    from aesearch.sources.columns import Columns
    from aesearch.sources.folder import Folder
    from aesearch.sources.open import open_source
    from aesearch.sources.table import Table

__all__ = ["Columns", "Entry", "Folder", "Source", "Table", "open_source"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "Columns": "columns",
            "Entry": "base",
            "Folder": "folder",
            "Source": "base",
            "Table": "table",
            "open_source": "open",
        },
    )
