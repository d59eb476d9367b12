"""A query: what was asked, read and tokenized once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aesearch.errors import ContentError

if TYPE_CHECKING:
    from aesearch.modalities.texts.analysis import Analyzer
    from aesearch.search.syntax import Syntax


@contextmanager
def numbered(number: int, count: int) -> Iterator[None]:
    """Say of which of several queries an error is."""
    try:
        yield
    except ContentError as error:
        if count == 1:
            raise
        raise error.told(f"query {number}, counted from 0: {error}") from error


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
    literal : bool
        Whether it is searched as it stands, although it was typed: without quotes, - and so on.
    quoted : bool or None
        Whether it is searched as it stands because a document holds just this; None where no
        search has found out.
    content : object
        Of a picture: what was given, in which more is to be seen than in the sample.
    """

    sample: Any
    raw: bytes
    path: Path | None = None
    text: str | None = None
    typed: bool = False
    literal: bool = False
    quoted: bool | None = None
    content: Any = None

    @cached_property
    def syntax(self) -> Syntax:
        """What the text asks for, read once; of what nobody typed, the text as it stands."""
        from aesearch.search.syntax import Syntax, parse  # which pictures never need

        text = self.text or ""
        return parse(text) if self.typed and not self.literal else Syntax(text)

    def take_literally(self) -> None:
        """Search the text as it stands from now on, because a document holds it so."""
        self.literal = True
        for read in ("syntax", "tokens"):
            self.__dict__.pop(read, None)

    @cached_property
    def tokens(self) -> list[str]:
        """All tokens of the words to rank by, in their order; read once."""
        from aesearch.modalities.texts.tokenizer import raw_tokens

        return raw_tokens(self.syntax.plain)

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

        return analyzer_of(analysis).query_terms(self.syntax.plain)
