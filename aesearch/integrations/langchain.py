"""An index of documents as a LangChain retriever; needs ``aesearch[langchain]``."""

# LangChain is an extra, and may not be there when types are checked.
# mypy: disable-error-code="import-not-found"
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from pathlib import Path
from typing import Any

from aesearch.integrations.handle import Handle

try:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
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
    knows finds nothing.

    Parameters
    ----------
    index : str or Path
        Path of the index or its name in the home; without one, the only one there is.
    k : int, default=4
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
        If there is no such index, or at the first search if it holds pictures.

    Examples
    --------
    >>> retriever = AesearchRetriever(index="indexes/papers", k=3)  # doctest: +SKIP
    >>> retriever.invoke("heat transfer in laminar flow")           # doctest: +SKIP
    """

    index: str | Path | None = None
    k: int = 4
    among: str | None = None
    threshold: float | None = None
    hybrid: bool | None = None

    _handle: Handle = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Look for the index, which is opened at the first search."""
        super().model_post_init(context)
        self._handle = Handle(self.index)

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:  # noqa: ARG002 - LangChain's
        retrieved = self._handle.retrieve(
            query, self.k, among=self.among, threshold=self.threshold, hybrid=self.hybrid
        )
        return [Document(page_content=one.text, metadata=one.metadata) for one in retrieved]

    def close(self) -> None:
        """Close the index; it is opened again where it is needed."""
        self._handle.close()
