"""The lexical index (BM25) of a revision, made once and kept beside the codes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from aesearch.errors import DamagedError
from aesearch.modalities.texts.tokenizer import raw_tokens, term_of
from aesearch.search.bm25 import Words
from aesearch.search.counts import TermCounts
from aesearch.search.expansion import PLAIN, Expansion, neighbors_of
from aesearch.storage.schema import KeptText
from aesearch.types import Floats


def terms_in(text: str, language: str) -> list[str]:
    """All terms of a text, those that the features do not know included."""
    return [term for token in raw_tokens(text) if (term := term_of(token, language))]


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
    expansion : Expansion, default=PLAIN
        What documents borrow of each other.
    codes_of : callable, optional
        Gives the codes of documents by id, in the order of the ids; not asked where nothing is
        borrowed.
    """
    expansion = PLAIN if expansion.is_plain else expansion
    try:
        kept = Words.open(folder)
        if kept.expansion == expansion:
            return kept
    except DamagedError:
        pass
    shutil.rmtree(folder, ignore_errors=True)
    counts = TermCounts.of((text.id, terms_in(text.text, language)) for text in texts)
    neighbors = None
    if codes_of is not None and not expansion.is_plain:
        codes = codes_of(counts.ids.tolist())
        if len(codes) != len(counts.ids):
            raise DamagedError(f"{folder.parent}: documents without a code; see 'aesearch verify'")
        neighbors = neighbors_of(codes, expansion.neighbors)
    made = Words.weigh(counts, neighbors, expansion)
    temporary = folder.with_name(f"words-new-{os.getpid()}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        made.save(temporary)
        os.replace(temporary, folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
    return made
