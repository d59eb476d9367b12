"""An index as a LangChain retriever, or vector store; needs ``aesearch[langchain]``."""

# LangChain is an extra, and may not be there when types are checked.
# mypy: disable-error-code="import-not-found"
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from aesearch.errors import ParameterError
from aesearch.integrations.handle import Handle, refuse_unknown
from aesearch.integrations.shelf import Kept, Shelf
from aesearch.search.hits import Among

try:
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.vectorstores import VectorStore
    from pydantic import PrivateAttr
except ImportError as error:
    raise ImportError(
        "aesearch.integrations.langchain needs langchain-core: pip install 'aesearch[langchain]'"
    ) from error


class AesearchRetriever(BaseRetriever):
    """Find the documents of an index for a query.

    Of a long document, ``page_content`` is the nearest passage, else all of its text.
    ``metadata`` holds key, score and path, title and label where there are any, and of a passage
    start and stop, its position in the document's text. A query without any word that the index
    knows finds nothing. ``invoke`` takes k, among, threshold and hybrid for one query.

    Parameters
    ----------
    index : str or Path
        Path of the index or its name in the home; without one, the only one there is.
    k : int, default=4
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
        If there is no such index, or at the first search if it holds pictures.

    Examples
    --------
    >>> retriever = AesearchRetriever(index="indexes/papers", k=3)  # doctest: +SKIP
    >>> retriever.invoke("heat transfer in laminar flow")           # doctest: +SKIP
    """

    index: str | Path | None = None
    k: int = 4
    among: str | list[str] | None = None
    threshold: float | None = None
    hybrid: bool | None = None

    _handle: Handle = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Look for the index, which is opened at the first search."""
        super().model_post_init(context)
        self._handle = Handle(self.index)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: Any,  # noqa: ARG002 - LangChain's
        k: int | None = None,
        **limits: Any,
    ) -> list[Document]:
        chosen = {"among": self.among, "threshold": self.threshold, "hybrid": self.hybrid}
        refuse_unknown(limits, chosen, "k, among, threshold, hybrid")
        wanted = self.k if k is None else k
        retrieved = self._handle.retrieve(query, wanted, **{**chosen, **limits})
        return [Document(page_content=one.text, metadata=one.metadata) for one in retrieved]

    def close(self) -> None:
        """Close the index; it is opened again where it is needed."""
        self._handle.close()


class AesearchVectorStore(VectorStore):
    """Documents with the vectors that an embedding model gave them, kept and searched on disk.

    Vectors are compared as they are, by their cosine. ``similarity_search`` takes among (globs on
    ids) and threshold beside k.

    Parameters
    ----------
    index : str or Path
        Path of the index or its name in the home; it is made with the first document, and opened
        again where it is there.
    embedding : Embeddings
        Makes the vectors of documents and queries; the same one as when the index was made.

    Raises
    ------
    StorageError
        If the place cannot be written.

    Examples
    --------
    >>> store = AesearchVectorStore("indexes/notes", embedding)          # doctest: +SKIP
    >>> store.add_texts(["boil the eggs", "fix the bicycle"], ids=["a", "b"])   # doctest: +SKIP
    >>> store.similarity_search("breakfast", k=1)                        # doctest: +SKIP
    """

    def __init__(self, index: str | Path, embedding: Embeddings) -> None:
        self._shelf, self._embedding = Shelf(index), embedding

    @property
    def embeddings(self) -> Embeddings:
        """The embedding model."""
        return self._embedding

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **others: Any,
    ) -> list[str]:
        """Embed and keep texts; an id that is there is replaced. Returns the ids."""
        refuse_unknown(others, (), "texts, metadatas, ids")
        contents = list(texts)
        given: Sequence[str | None] = ids or [None] * len(contents)
        names = [str(uuid.uuid4()) if id is None else id for id in given]
        metadatas = metadatas or [{} for _ in contents]
        if not len(contents) == len(names) == len(metadatas):
            raise ParameterError(
                f"{len(contents)} texts, {len(metadatas)} metadatas and {len(names)} ids; give one "
                "for each"
            )
        vectors = self._embedding.embed_documents(contents)
        kept = zip(contents, metadatas, vectors, strict=True)
        self._shelf.put(
            {
                id: Kept({"text": text, "metadata": metadata}, vector)
                for id, (text, metadata, vector) in zip(names, kept, strict=True)
            }
        )
        return names

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents of some ids; those that are not there are left out."""
        return [_document(id, kept) for id, kept in self._shelf.get(ids).items()]

    def delete(self, ids: list[str] | None = None, **others: Any) -> bool:
        """Delete documents; without ids, all of them."""
        refuse_unknown(others, (), "ids")
        self._shelf.delete([id for id, _ in self._shelf] if ids is None else ids)
        return True

    def similarity_search(self, query: str, k: int = 4, **limits: Any) -> list[Document]:
        """The documents that are nearest to a query, best first."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **limits)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, **limits: Any
    ) -> list[tuple[Document, float]]:
        """Likewise, each with its cosine."""
        return self._nearest(self._embedding.embed_query(query), k, **limits)

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, **limits: Any
    ) -> list[Document]:
        """The documents that are nearest to a vector, best first."""
        return [document for document, _ in self._nearest(embedding, k, **limits)]

    def _nearest(
        self,
        vector: list[float],
        k: int,
        among: Among = None,
        threshold: float | None = None,
        **others: Any,
    ) -> list[tuple[Document, float]]:
        refuse_unknown(others, (), "k, among, threshold")
        found = self._shelf.search(vector, k, among, threshold)
        return [(_document(id, kept), score) for id, score, kept in found]

    def _select_relevance_score_fn(self) -> Any:
        """Cosines brought to 0..1."""
        return lambda cosine: (1 + cosine) / 2

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        index: str | Path | None = None,
        **others: Any,
    ) -> AesearchVectorStore:
        """Make a store of texts, at `index`."""
        refuse_unknown(others, (), "texts, embedding, metadatas, ids, index")
        if index is None:
            raise ParameterError("the store needs a place: from_texts(..., index='indexes/notes')")
        store = cls(index, embedding)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    def close(self) -> None:
        """Close the index."""
        self._shelf.close()


def _document(id: str, kept: Kept) -> Document:
    text, metadata = kept.content["text"], kept.content["metadata"]
    return Document(id=id, page_content=text, metadata=metadata)
