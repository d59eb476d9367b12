"""Near-duplicates: candidate pairs, a threshold, groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.duplicates.groups import find, survey

__all__ = ["find", "survey"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "find": "groups",
            "survey": "groups",
        },
    )
