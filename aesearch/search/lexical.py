"""The lexical index (BM25) of a revision, made once and kept beside the codes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from aesearch.errors import DamagedError
from aesearch.modalities.texts.tokenizer import raw_tokens, term_of
from aesearch.search.bm25 import Words
from aesearch.storage.schema import KeptText


def terms_in(text: str, language: str) -> list[str]:
    """All terms of a text, those that the features do not know included."""
    return [term for token in raw_tokens(text) if (term := term_of(token, language))]


def words_of(folder: Path, texts: Iterable[KeptText], language: str) -> Words:
    """BM25 of the documents of a revision, as it was kept in `folder` or else made now.

    It is a cache: where it cannot be written it is made again the next time.
    """
    try:
        return Words.open(folder)
    except DamagedError:
        shutil.rmtree(folder, ignore_errors=True)
    made = Words.build((text.id, terms_in(text.text, language)) for text in texts)
    temporary = folder.with_name(f"words-new-{os.getpid()}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        made.save(temporary)
        os.replace(temporary, folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
    return made
