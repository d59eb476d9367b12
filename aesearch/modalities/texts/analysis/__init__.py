"""What the lexical side of a search takes for the terms of a text."""

from aesearch.modalities.texts.analysis.analyzer import (
    UNCOUNTED,
    VERSION,
    Analyzer,
    chunks_of,
    word_in,
)

__all__ = ["UNCOUNTED", "VERSION", "Analyzer", "chunks_of", "word_in"]
