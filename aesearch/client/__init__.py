"""An index that another process serves, used as one that is here: `aesearch.open("http://...")`.

Modules, from the bottom: `address` (what a URL names), `service` (requests, and errors that become
those of the library again), `sending` (contents to JSON), `receiving` (JSON to hits and facts),
`changing` (jobs that are waited for), `described` (facts, items), `remote` (the index), `opening`
(an index here or there). Only the standard library is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.client.opening import open_index
    from aesearch.client.remote import RemoteIndex

__all__ = ["RemoteIndex", "open_index"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(__name__, {"RemoteIndex": "remote", "open_index": "opening"})
