"""The ways in which an index can be searched for what is typed."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import cast

import numpy as np

import aesearch
from aesearch.errors import ContentError
from aesearch.search.bm25 import Words
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


def lexical_index(index: aesearch.Index) -> Words:
    """Return BM25 as an index keeps it."""
    return cast(DocumentRanker, index.ranker).words(index.folder.snapshot())


def without_borrowed(words: Words) -> Words | None:
    """Return it without the words that documents borrow; None where they borrow none."""
    ends = getattr(words, "own_ends", None)
    if ends is None or np.array_equal(ends, words.starts[1:]):
        return None
    plain, counts = copy(words), ends - words.starts[:-1]
    own = np.arange(len(words.scores)) < np.repeat(ends, np.diff(words.starts))
    plain.scores, plain.documents = words.scores[own], words.documents[own]
    plain.starts = np.concatenate([[0], np.cumsum(counts)])
    setattr(plain, "own_ends", plain.starts[1:])  # noqa: B010  # of a version that has it
    return plain


def words_alone(index: aesearch.Index, k: int, words: Words | None = None) -> Search:
    """Return a search of a lexical index alone: its keys, without titles and snippets."""
    ranker, snapshot = cast(DocumentRanker, index.ranker), index.folder.snapshot()
    words = words or lexical_index(index)
    language = getattr(snapshot.features, "language", "")
    # A later version knows itself what its terms are.
    terms_of = getattr(words, "terms_of", lambda query: index.prepare(query).terms(language))

    def search(query: str) -> list[str]:
        ids = words.search(terms_of(query), k)[0].tolist()
        keys = ranker.backend.keys_of(ids)
        return [keys[id] for id in ids]

    return search


def check_of(index: aesearch.Index) -> str:
    """Return what the check has found out about words."""
    found: dict[str, object] = (index.info().check or {}).get("typed_search", {})
    return ", ".join(f"{name} {_rounded(value)}" for name, value in found.items())


def _rounded(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(_rounded, value))
    return f"{value:.4f}" if isinstance(value, float) else str(value)
