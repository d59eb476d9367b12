"""An index of documents as a Haystack component; needs ``aesearch[haystack]``."""

# Haystack is an extra, and may not be there when types are checked.
# mypy: disable-error-code="import-not-found"
# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from pathlib import Path
from typing import Any

from aesearch.errors import ParameterError
from aesearch.integrations.handle import Handle

try:
    from haystack import Document, component, default_from_dict, default_to_dict
except ImportError as error:
    raise ImportError(
        "aesearch.integrations.haystack needs haystack-ai: pip install 'aesearch[haystack]'"
    ) from error


@component
class AesearchRetriever:
    """Find the documents of an index for a query.

    Of a long document, ``content`` is the nearest passage, else all of its text. ``meta``
    holds key and path, title and label where there are any, and of a passage start and stop, its
    position in the document's text. A query without any word that the index knows finds nothing.

    Parameters
    ----------
    index : str or Path
        Path of the index or its name in the home; without one, the only one there is.
    top_k : int, default=10
        Documents wanted.
    among : str, optional
        Glob on keys; the search looks only at these.
    threshold : float, optional
        Least score.
    hybrid : bool, optional
        Rank by codes and words (BM25) together; by default where the index found that clearly
        better and no threshold, which is a cosine, is asked for.

    Raises
    ------
    IndexNotFoundError, FormatError, DamagedError, ParameterError
        At the first use: if there is no such index, or if it holds pictures.

    Examples
    --------
    >>> AesearchRetriever("indexes/papers").run("laminar flow", top_k=3)  # doctest: +SKIP
    """

    def __init__(
        self,
        index: str | Path | None = None,
        top_k: int = 10,
        among: str | None = None,
        threshold: float | None = None,
        hybrid: bool | None = None,
    ) -> None:
        if top_k < 1:
            raise ParameterError(f"top_k must be at least 1; got {top_k}")
        self.index = index
        self.top_k = top_k
        self.limits = {"among": among, "threshold": threshold, "hybrid": hybrid}
        self._handle: Handle | None = None

    def warm_up(self) -> None:
        """Open the index, so that the first search need not."""
        if self._handle is None:
            self._handle = Handle(self.index)
        self._handle.open()

    @component.output_types(documents=list[Document])
    def run(self, query: str, top_k: int | None = None) -> dict[str, Any]:
        """Retrieve {'documents': [...]}, best first.

        Parameters
        ----------
        query : str
        top_k : int, optional
            Documents wanted, instead of the number chosen at first.
        """
        if self._handle is None:
            self._handle = Handle(self.index)
        retrieved = self._handle.retrieve(
            query, self.top_k if top_k is None else top_k, **self.limits
        )
        documents = []
        for one in retrieved:
            meta = {name: value for name, value in one.metadata.items() if name != "score"}
            documents.append(Document(content=one.text, meta=meta, score=one.hit.score))
        return {"documents": documents}

    def to_dict(self) -> dict[str, Any]:
        """The component as Haystack writes it into a pipeline's file."""
        index = None if self.index is None else str(self.index)
        config: dict[str, Any] = default_to_dict(self, index=index, top_k=self.top_k, **self.limits)
        return config

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> AesearchRetriever:
        """Make a component from what `to_dict` returned."""
        retriever: AesearchRetriever = default_from_dict(cls, data)
        return retriever

    def close(self) -> None:
        """Close the index; it is opened again where it is needed."""
        if self._handle is not None:
            self._handle.close()
