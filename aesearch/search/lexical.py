"""The lexical index (BM25) of a revision, made once and kept beside the codes."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from aesearch.errors import DamagedError, StorageError, repair_command
from aesearch.modalities.texts.analysis import Analyzer, chunks_of, word_in
from aesearch.search.bm25 import Words
from aesearch.search.counting import counts_of
from aesearch.search.expansion import PLAIN, Expansion, neighbors_of
from aesearch.storage.schema import KeptText
from aesearch.types import Floats

if TYPE_CHECKING:
    from aesearch.modalities.texts.extract import Document

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


def words_of(
    folder: Path,
    texts: Iterable[KeptText],
    language: str,
    expansion: Expansion = PLAIN,
    codes_of: Callable[[Iterable[int]], Floats] | None = None,
) -> Words:
    """BM25 of the documents of a revision, as it was kept in `folder` or else made now.

    It is a cache: where it cannot be written, or is of another expansion, it is made again.

    Parameters
    ----------
    folder : Path
    texts : iterable of KeptText
        In the order of their ids.
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
        kept = _kept(folder)
        if kept.expansion == expansion:
            return kept
    except DamagedError:
        pass
    remove(folder)
    counts = counts_of(((text.id, searched_text(text)) for text in texts), language)
    neighbors = None
    if codes_of is not None and not expansion.is_plain:
        codes = codes_of(counts.ids.tolist())
        if len(codes) != len(counts.ids):
            raise DamagedError(
                f"{folder.parent} holds documents without a code; "
                f"{repair_command(folder.parent)} makes it anew"
            )
        neighbors = neighbors_of(codes, expansion.neighbors)
    made = Words.weigh(counts, neighbors, expansion)
    temporary = folder.with_name(f"words-new-{os.getpid()}-{threading.get_ident()}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        made.save(temporary)
        made.analyzer.save(temporary / ANALYZER)
        os.replace(temporary, folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
    return made


def searched_text(kept: KeptText | Document) -> str:
    """What a document is found by: its text, and each word once that it only quotes."""
    if not kept.quoted:
        return kept.text
    held = set(map(word_in, chunks_of(kept.text)))
    quoted = {word_in(chunk) or chunk: chunk for chunk in chunks_of(kept.quoted)}
    return " ".join([kept.text, *(chunk for word, chunk in quoted.items() if word not in held)])


def remove(folder: Path) -> None:
    """Remove a lexical index, as far as that is allowed: what is no folder, too."""
    with suppress(OSError):
        if folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)
        else:
            folder.unlink(missing_ok=True)


def fault_of(folder: Path) -> str | None:
    """What is wrong with a lexical index that was kept, or None; of none at all, nothing."""
    if not os.path.lexists(folder) or Words.is_of_another_version(folder):
        return None
    try:
        _kept(folder, whole=True)
    except (DamagedError, StorageError) as error:
        return None if "of another version" in str(error) else str(error)
    return None


def _kept(folder: Path, *, whole: bool = False) -> Words:
    """A lexical index that was kept; raises DamagedError where it is of no use."""
    analyzer = Analyzer.load(folder / ANALYZER)
    words = Words.open(folder, whole=whole)
    words.analyzer = analyzer
    return words
