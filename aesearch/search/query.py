"""A query: what was asked, read and tokenized once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aesearch.modalities.texts.analysis import Analyzer


@dataclass
class Query:
    """What is searched with; `Index.prepare` makes one, and every search takes it.

    Attributes
    ----------
    sample : object
        As the features of the index take it: pixels, a document, a vector.
    raw : bytes
        Content of the file, by which an item of just this content is found.
    path : Path or None
        Of the file, if it came from one.
    text : str or None
        Of a document, or as it was typed.
    typed : bool
        Whether a person typed it: it then names no file, and is no copy of an item.
    """

    sample: Any
    raw: bytes
    path: Path | None = None
    text: str | None = None
    typed: bool = False

    @cached_property
    def tokens(self) -> list[str]:
        """All tokens of the text, in their order; read once."""
        from aesearch.modalities.texts.tokenizer import raw_tokens  # which pictures never need

        return raw_tokens(self.text or "")

    @property
    def words(self) -> list[str]:
        """The tokens that can be words of a document."""
        from aesearch.modalities.texts.tokenizer import is_worth_keeping

        return [token for token in self.tokens if is_worth_keeping(token)]

    def terms(self, analysis: str | Analyzer) -> list[str]:
        """The terms of the text, those that no code knows included.

        Parameters
        ----------
        analysis : str or Analyzer
            A language, or the analyzer of a lexical index.
        """
        from aesearch.search.lexical import analyzer_of

        return analyzer_of(analysis).query_terms(self.text or "")
