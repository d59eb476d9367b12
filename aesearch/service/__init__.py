"""The search over HTTP: ``aesearch serve``, with the same nouns as Python and the command line.

Modules, from the bottom: `models` (what travels as JSON), `options` (what a server was told),
`problems` (errors as RFC 9457), `safety` (Host, Origin, tokens), `limits` (bodies, pixels, queries
at once), `shelf` (the opened indexes), `asking` (a query in JSON to what `Index` takes), `telling`
(hits, items and facts to JSON), `contents` (the file of an item, its thumbnail), `jobs` (what takes
long), `metrics`, `routes/` (a file for each noun), `app` (all together), `server` (a process).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.service.app import create_app
    from aesearch.service.options import Options

__all__ = ["Options", "create_app"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(__name__, {"create_app": "app", "Options": "options"})
