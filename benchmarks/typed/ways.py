"""The ways in which an index can be searched for what is typed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import aesearch
from aesearch.errors import ContentError
from aesearch.search.documents import DocumentRanker

Search = Callable[[str], list[str]]  # from a query to the keys of what is found, best first

DEFAULT = "default"
HYBRID: dict[str, bool | None] = {
    DEFAULT: None,
    "both (hybrid=True)": True,
    "codes (hybrid=False)": False,
}
WORDS = "words (BM25 of the index)"


def ways_of(index: aesearch.Index, k: int) -> dict[str, Search]:
    """Return all ways to search an index for `k` documents, by their names, the default first."""
    ways: dict[str, Search] = {
        way: partial(found_keys, index, k=k, hybrid=hybrid) for way, hybrid in HYBRID.items()
    }
    return ways | {WORDS: words_alone(index, k)}


def found_keys(index: aesearch.Index, query: str, k: int, hybrid: bool | None = None) -> list[str]:
    """Return the keys of what is found, best first; none where no word of the query is known."""
    try:
        return [hit.key for hit in index.search(query, k, hybrid=hybrid)]
    except ContentError:
        return []


def words_alone(index: aesearch.Index, k: int) -> Search:
    """Return a search of the lexical index alone: its keys, without titles and snippets."""
    ranker, snapshot = cast(DocumentRanker, index.ranker), index.folder.snapshot()
    words, language = ranker.words(snapshot), getattr(snapshot.features, "language", "")

    def search(query: str) -> list[str]:
        ids = words.search(index.prepare(query).terms(language), k)[0].tolist()
        keys = ranker.backend.keys_of(ids)
        return [keys[id] for id in ids]

    return search
