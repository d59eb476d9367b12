"""An index by its path: opened at first use, shared by threads, copied and pickled as a path."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from aesearch.errors import ContentError, ParameterError, UnknownKeyError
from aesearch.search.hits import Hit
from aesearch.search.index import Index
from aesearch.storage.places import find


class Retrieved(NamedTuple):
    """One retrieved document as a pipeline takes it.

    Attributes
    ----------
    hit : Hit
    text : str
        The nearest passage, or all of the document where it is short.
    metadata : dict
        As JSON: key, score, path; title and label where it has them; of a passage, where in the
        document's text it begins and ends (start, stop).
    """

    hit: Hit
    text: str
    metadata: dict[str, Any]


def refuse_unknown(given: Mapping[str, Any], known: Collection[str], named: str) -> None:
    """Raise ParameterError for what a pipeline hands over and nothing here knows."""
    if unknown := sorted(set(given) - set(known)):
        raise ParameterError(f"there is no argument '{unknown[0]}' here; choose {named}")


class Handle:
    """The path of an index, and the index once it is needed.

    Safe to use from several threads. A process that was forked opens its own, because neither
    SQLite nor onnxruntime survives a fork.

    Parameters
    ----------
    place : str or Path, optional
        Path of an index or its name in the home; without one, the only one there is.

    Raises
    ------
    IndexNotFoundError, FormatError, DamagedError
    """

    def __init__(self, place: str | Path | None = None) -> None:
        self._start(find(place).resolve())

    def _start(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._index: Index | None = None
        self._process = os.getpid()

    def open(self) -> Index:
        """The index; opened again after `close`."""
        if self._process != os.getpid():
            self._start(self.path)  # of the parent's index nothing is touched, not even closed
        with self._lock:
            if self._index is None:
                self._index = Index(self.path)
            return self._index

    def close(self) -> None:
        """Close the index; no search may be running."""
        with self._lock:
            if self._index is not None and self._process == os.getpid():
                self._index.close()
            self._index = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._start(state["path"])

    def retrieve(self, query: str, k: int, **limits: Any) -> list[Retrieved]:
        """The best documents for a text, each with its nearest passage.

        Parameters
        ----------
        query : str
        k : int
        **limits
            among, threshold, hybrid: see `Index.search`.

        Returns
        -------
        list of Retrieved
            Best first; none where the query holds no word that the index knows.

        Raises
        ------
        ParameterError
            If it is an index of pictures, or `k` is below 1.
        """
        index = self.open()
        modality = index.folder.modality
        if not modality.has_words:
            raise ParameterError(
                f"{index.name} is an index of {modality.noun}s; name one of documents"
            )
        if k < 1:
            raise ParameterError(f"k must be at least 1; got {k}")
        try:
            hits = index.search(query, k, **limits)
        except ContentError:
            return []
        retrieved = []
        for hit in hits:
            try:
                retrieved.append(_retrieved(index, hit))
            except UnknownKeyError:  # removed since it was found
                continue
        return retrieved


def _retrieved(index: Index, hit: Hit) -> Retrieved:
    document = index.text_of(hit.key)
    metadata = {"key": hit.key, "score": hit.score, "path": hit.path and str(hit.path)}
    metadata |= {name: text for name in ("title", "label") if (text := getattr(document, name))}
    if hit.passage is None:
        return Retrieved(hit, document.text, metadata)
    start, stop = hit.passage.start, hit.passage.end
    return Retrieved(hit, document.text[start:stop], {**metadata, "start": start, "stop": stop})
