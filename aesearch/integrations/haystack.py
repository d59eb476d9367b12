"""An index as a Haystack retriever, or document store; needs ``aesearch[haystack]``."""

# Haystack is an extra, and may not be there when types are checked.
# mypy: disable-error-code="import-not-found"
# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aesearch.errors import ParameterError
from aesearch.integrations.handle import Handle
from aesearch.integrations.shelf import Kept, Shelf
from aesearch.search.hits import Among

try:
    from haystack import Document, component, default_from_dict, default_to_dict
    from haystack.document_stores.errors import DuplicateDocumentError
    from haystack.document_stores.types import DuplicatePolicy
    from haystack.errors import FilterError
    from haystack.utils.filters import document_matches_filter
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
    among : str or list of str, optional
        Globs on keys; the search looks only at these.
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
        among: str | list[str] | None = None,
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


class AesearchDocumentStore:
    """Documents of a pipeline, kept on disk and searched by the embeddings that it gave them.

    Documents without an embedding are kept too, and found by their ids and filters alone.

    Parameters
    ----------
    index : str or Path
        Path of the index or its name in the home; it is made with the first embedding, and opened
        again where it is there.

    Examples
    --------
    >>> store = AesearchDocumentStore("indexes/notes")                       # doctest: +SKIP
    >>> AesearchEmbeddingRetriever(store).run(embedding, top_k=3)            # doctest: +SKIP
    """

    def __init__(self, index: str | Path) -> None:
        self.index = index
        self._shelf: Shelf | None = None

    @property
    def shelf(self) -> Shelf:
        """Where documents are; opened at the first use."""
        if self._shelf is None:
            self._shelf = Shelf(self.index)
        return self._shelf

    def count_documents(self) -> int:
        """How many there are."""
        return len(self.shelf)

    def write_documents(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """Keep documents; returns how many were written.

        Raises
        ------
        DuplicateDocumentError
            If an id is there already, unless `policy` says to skip or overwrite it; nothing is
            written then.
        """
        if not isinstance(documents, list) or not all(isinstance(d, Document) for d in documents):
            raise ValueError("documents must be a list of Document")
        there = self.shelf.get([document.id for document in documents])
        if there and policy in (DuplicatePolicy.NONE, DuplicatePolicy.FAIL):
            raise DuplicateDocumentError(f"document '{next(iter(there))}' is there already")
        if policy == DuplicatePolicy.SKIP:
            documents = [document for document in documents if document.id not in there]
        self.shelf.put({document.id: _kept(document) for document in documents})
        return len(documents)

    def delete_documents(self, document_ids: list[str]) -> None:
        """Delete documents; ids that are not there are passed over."""
        self.shelf.delete(document_ids)

    def filter_documents(self, filters: dict[str, Any] | None = None) -> list[Document]:
        """The documents that match filters, all without any."""
        if filters and "operator" not in filters and "conditions" not in filters:
            raise FilterError(f"a filter needs an operator; got {filters}")
        everything = (_document(kept) for _, kept in self.shelf)
        return [one for one in everything if not filters or document_matches_filter(filters, one)]

    def search(
        self,
        embedding: list[float],
        top_k: int = 10,
        filters: dict[str, Any] | None = None,
        among: Among = None,
    ) -> list[Document]:
        """The documents nearest to an embedding, each with its cosine as score, best first."""
        if filters:
            among = [document.id for document in self.filter_documents(filters)]
        found = self.shelf.search(embedding, top_k, among)
        return [_document(kept, score) for _, score, kept in found]

    def to_dict(self) -> dict[str, Any]:
        """The store as Haystack writes it into a pipeline's file."""
        config: dict[str, Any] = default_to_dict(self, index=str(self.index))
        return config

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> AesearchDocumentStore:
        """Make a store from what `to_dict` returned."""
        store: AesearchDocumentStore = default_from_dict(cls, data)
        return store

    def close(self) -> None:
        """Close the index; it is opened again where it is needed."""
        if self._shelf is not None:
            self._shelf.close()
            self._shelf = None


@component
class AesearchEmbeddingRetriever:
    """Find the documents of a store by an embedding.

    Parameters
    ----------
    document_store : AesearchDocumentStore
    top_k : int, default=10
    filters : dict, optional
        As `AesearchDocumentStore.filter_documents` takes them.
    """

    def __init__(
        self,
        document_store: AesearchDocumentStore,
        top_k: int = 10,
        filters: dict[str, Any] | None = None,
    ) -> None:
        if top_k < 1:
            raise ParameterError(f"top_k must be at least 1; got {top_k}")
        self.document_store, self.top_k, self.filters = document_store, top_k, filters

    @component.output_types(documents=list[Document])
    def run(
        self,
        query_embedding: list[float],
        top_k: int | None = None,
        filters: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Retrieve {'documents': [...]}, best first."""
        wanted = self.top_k if top_k is None else top_k
        chosen = self.filters if filters is None else filters
        return {"documents": self.document_store.search(query_embedding, wanted, chosen)}

    def to_dict(self) -> dict[str, Any]:
        """The component as Haystack writes it into a pipeline's file."""
        config: dict[str, Any] = default_to_dict(
            self,
            document_store=self.document_store.to_dict(),
            top_k=self.top_k,
            filters=self.filters,
        )
        return config

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> AesearchEmbeddingRetriever:
        """Make a component from what `to_dict` returned."""
        store = data["init_parameters"]["document_store"]
        data["init_parameters"]["document_store"] = AesearchDocumentStore.from_dict(store)
        retriever: AesearchEmbeddingRetriever = default_from_dict(cls, data)
        return retriever


def _kept(document: Document) -> Kept:
    content: dict[str, Any] = document.to_dict(flatten=False)
    content.pop("embedding")
    return Kept(content, document.embedding)


def _document(kept: Kept, score: float | None = None) -> Document:
    vector = None if kept.vector is None else np.asarray(kept.vector).tolist()
    return Document.from_dict({**kept.content, "embedding": vector, "score": score})
