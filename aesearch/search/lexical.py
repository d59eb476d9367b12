"""The words of an index's documents, counted once for each revision, and kept beside the codes."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from aesearch.errors import DamagedError
from aesearch.modalities.texts.tokenizer import raw_tokens, term_of
from aesearch.search.bm25 import Words
from aesearch.storage.database import Store
from aesearch.storage.layout import Layout

if TYPE_CHECKING:
    from aesearch.storage.snapshot import Opened


def terms_in(text: str, language: str) -> list[str]:
    """Return all terms of a text, those that the features do not know included."""
    return [term for token in raw_tokens(text) if (term := term_of(token, language))]


def words_of(layout: Layout, store: Store, opened: Opened) -> Words:
    """Return BM25 of the documents of a revision, as it was kept or else made now.

    It is a cache: where it cannot be written it is made again the next time.
    """
    folder = layout.words(opened.revision.number)
    try:
        return Words.open(folder)
    except DamagedError:
        shutil.rmtree(folder, ignore_errors=True)
    language = opened.features.language
    made = Words.build((text.id, terms_in(text.text, language)) for text in store.texts())
    temporary = folder.with_name(f"words-new-{os.getpid()}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        made.save(temporary)
        os.replace(temporary, folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
    return made
