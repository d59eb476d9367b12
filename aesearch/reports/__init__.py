"""What a search and its codes look like: pictures and pages, for a person to judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.reports.comparison.page import write_comparison
    from aesearch.reports.contact_sheet import write_sheet
    from aesearch.reports.grid import write_tiles
    from aesearch.reports.map.figure import write_map
    from aesearch.reports.training import write_history

__all__ = ["write_comparison", "write_history", "write_map", "write_sheet", "write_tiles"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "write_comparison": "comparison.page",
            "write_history": "training",
            "write_map": "map.figure",
            "write_sheet": "contact_sheet",
            "write_tiles": "grid",
        },
    )
