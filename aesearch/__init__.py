"""aesearch: similarity search that learns from your own pictures or documents.

    >>> import aesearch
    >>> with aesearch.build("images") as index:        # doctest: +SKIP
    ...     for hit in index.search("photo.png", k=5):
    ...         print(f"{hit.score:.3f} {hit.key}")
    >>> with aesearch.build("papers") as index:        # doctest: +SKIP
    ...     for hit in index.search("heat transfer in laminar flow"):
    ...         print(f"{hit.score:.3f} {hit.key}: {hit.snippet.text}")

Names are resolved on first use, so that ``import aesearch`` costs nothing and searching never
imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aesearch.build.build import build
    from aesearch.errors import AesearchError
    from aesearch.search.hits import Hit
    from aesearch.search.index import Index
    from aesearch.search.index import open_index as open
    from aesearch.settings import Settings

__version__ = "0.1.0"
__all__ = ["AesearchError", "Hit", "Index", "Settings", "__version__", "build", "open"]

_HOMES = {
    "AesearchError": "aesearch.errors:AesearchError",
    "build": "aesearch.build.build:build",
    "Hit": "aesearch.search.hits:Hit",
    "Index": "aesearch.search.index:Index",
    "Settings": "aesearch.settings:Settings",
    "open": "aesearch.search.index:open_index",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'aesearch' has no attribute '{name}'")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
