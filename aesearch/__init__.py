"""aesearch: similarity search that learns from your own pictures, documents or vectors.

    >>> import aesearch
    >>> with aesearch.build("images") as index:        # doctest: +SKIP
    ...     for hit in index.search("photo.png", k=5):
    ...         print(f"{hit.score:.3f} {hit.key}")
    >>> with aesearch.build("papers") as index:        # doctest: +SKIP
    ...     for hit in index.search("heat transfer in laminar flow"):
    ...         print(f"{hit.score:.3f} {hit.key}: {hit.title}")
    >>> with aesearch.build(array, "indexes/vectors") as index:    # doctest: +SKIP
    ...     index.search(array[0], k=5)

Names are resolved on first use, so that ``import aesearch`` costs nothing and searching never
imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch import _renamed
from aesearch._door import door
from aesearch._version import __version__

if TYPE_CHECKING:
    from aesearch.client.opening import open_index as open
    from aesearch.errors import AesearchError
    from aesearch.indexing.build import build
    from aesearch.search.hits import Hit
    from aesearch.search.index import Index
    from aesearch.search.together import Example
    from aesearch.settings import Settings

__all__ = ["AesearchError", "Example", "Hit", "Index", "Settings", "__version__", "build", "open"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "AesearchError": "errors",
            "build": "indexing.build",
            "Example": "search.together",
            "Hit": "search.hits",
            "Index": "search.index",
            "Settings": "settings",
            "open": "client.opening:open_index",
        },
    )

_renamed.install()
