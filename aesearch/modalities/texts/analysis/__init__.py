"""What the lexical side of a search takes for the terms of a text."""

from aesearch.modalities.texts.analysis.analyzer import UNCOUNTED, VERSION, Analyzer

__all__ = ["UNCOUNTED", "VERSION", "Analyzer"]
