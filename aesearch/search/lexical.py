"""The lexical index (BM25) of a revision, made once and kept beside the codes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from aesearch.errors import DamagedError
from aesearch.modalities.texts.analysis import Analyzer
from aesearch.search.bm25 import Words
from aesearch.search.counts import TermCounts
from aesearch.search.expansion import PLAIN, Expansion, neighbors_of
from aesearch.storage.schema import KeptText
from aesearch.types import Floats

ANALYZER = "analyzer.json"


def terms_in(text: str, analysis: str | Analyzer) -> list[str]:
    """The terms that a text is found by; by an analyzer, or by that of a language."""
    return analyzer_of(analysis).index_terms(text)


def analyzer_of(analysis: str | Analyzer) -> Analyzer:
    """The analyzer of a language; an analyzer as it is."""
    return _of_language(analysis) if isinstance(analysis, str) else analysis


@lru_cache(maxsize=8)
def _of_language(language: str) -> Analyzer:
    return Analyzer(language)


class Analyzed(NamedTuple):
    """The terms of a collection, and what gave them."""

    counts: TermCounts
    analyzer: Analyzer

    @classmethod
    def of(cls, texts: Callable[[], Iterable[tuple[int, str]]], language: str) -> Analyzed:
        """Count the terms of texts.

        Parameters
        ----------
        texts : callable
            Gives (id, text) of all documents, ids ascending; they are gone through twice.
        language : str
            Of the texts; '' to find it out.
        """
        analyzer = Analyzer.fit((text for _, text in texts()), language)
        return cls(
            TermCounts.of((id, analyzer.index_terms(text)) for id, text in texts()), analyzer
        )

    def weigh(self, codes: Floats | None = None, expansion: Expansion = PLAIN) -> Words:
        """Return BM25 of the documents.

        Parameters
        ----------
        codes : ndarray of float32, shape (n, code_size), optional
            Of the documents, of unit length: what they borrow of their neighbors by these codes
            the expansion says.
        expansion : Expansion, default=PLAIN
        """
        neighbors = None
        if codes is not None and not expansion.is_plain:
            neighbors = neighbors_of(codes, expansion.neighbors)
        words = Words.weigh(self.counts, neighbors, expansion)
        words.analyzer = self.analyzer
        return words


def words_of(
    folder: Path,
    texts: Callable[[], Iterable[KeptText]],
    language: str,
    expansion: Expansion = PLAIN,
    codes_of: Callable[[Iterable[int]], Floats] | None = None,
) -> Words:
    """BM25 of the documents of a revision, as it was kept in `folder` or else made now.

    It is a cache: where it cannot be written, or is of another expansion, it is made again.

    Parameters
    ----------
    folder : Path
    texts : callable
        Gives the texts of all documents, by their ids; they are gone through twice.
    language : str
        Of the texts; '' to find it out.
    expansion : Expansion, default=PLAIN
        What documents borrow of each other.
    codes_of : callable, optional
        Gives the codes of documents by id, in the order of the ids; not asked where nothing is
        borrowed.
    """
    expansion = PLAIN if expansion.is_plain else expansion
    try:
        return _kept(folder, expansion)
    except DamagedError:
        shutil.rmtree(folder, ignore_errors=True)
    analyzed = Analyzed.of(lambda: ((text.id, text.text) for text in texts()), language)
    codes = None
    if codes_of is not None and not expansion.is_plain:
        ids = analyzed.counts.ids
        codes = codes_of(ids.tolist())
        if len(codes) != len(ids):
            raise DamagedError(f"{folder.parent}: documents without a code; see 'aesearch verify'")
    made = analyzed.weigh(codes, expansion)
    temporary = folder.with_name(f"words-new-{os.getpid()}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        made.save(temporary)
        analyzed.analyzer.save(temporary / ANALYZER)
        os.replace(temporary, folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
    return made


def _kept(folder: Path, expansion: Expansion) -> Words:
    """A lexical index that was kept; raises DamagedError where it is of no use."""
    analyzer = Analyzer.load(folder / ANALYZER)
    words = Words.open(folder)
    if words.expansion != expansion:
        raise DamagedError(f"{folder} is of another expansion")
    words.analyzer = analyzer
    return words
