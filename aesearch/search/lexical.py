"""The lexical index (BM25) of a revision, made once and kept beside the codes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from aesearch.errors import DamagedError
from aesearch.modalities.texts.analysis import Analyzer
from aesearch.search.bm25 import Words
from aesearch.storage.schema import KeptText

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


def words_of(folder: Path, texts: Callable[[], Iterable[KeptText]], language: str) -> Words:
    """BM25 of the documents of a revision, as it was kept in `folder` or else made now.

    It is a cache: where it cannot be written it is made again the next time.

    Parameters
    ----------
    folder : Path
    texts : callable
        Gives the texts of all documents, by their ids; they are gone through twice.
    language : str
        Of the texts; '' to find it out.
    """
    try:
        return _kept(folder)
    except DamagedError:
        shutil.rmtree(folder, ignore_errors=True)
    analyzer = Analyzer.fit((text.text for text in texts()), language)
    made = Words.build((text.id, analyzer.index_terms(text.text)) for text in texts())
    made.analyzer = analyzer
    temporary = folder.with_name(f"words-new-{os.getpid()}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        made.save(temporary)
        analyzer.save(temporary / ANALYZER)
        os.replace(temporary, folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
    return made


def _kept(folder: Path) -> Words:
    """A lexical index that was kept; raises DamagedError where it is of no use."""
    analyzer = Analyzer.load(folder / ANALYZER)
    words = Words.open(folder)
    words.analyzer = analyzer
    return words
