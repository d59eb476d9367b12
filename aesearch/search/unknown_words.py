"""What to say of the words of a query that an index of documents does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aesearch.modalities.texts.tokenizer import raw_tokens, term_of

if TYPE_CHECKING:
    from aesearch.modalities.texts.analysis import Analyzer
    from aesearch.modalities.texts.analysis.analyzer import Unit
    from aesearch.modalities.texts.features import TextFeatures
    from aesearch.search.bm25 import Words
    from aesearch.search.query import Query

SHOWN = 3
SUGGESTED = 3


def why_nothing_is_known(features: TextFeatures, query: Query) -> str:
    """Say that no word of a query is known, and which known ones are spelled like them."""
    words = list(dict.fromkeys(query.words))
    telling = [word for word in words if term_of(word, features.language)][:SHOWN]
    if not words:
        return "no known word in the query: it holds no words"
    if not telling:
        return (
            f"the query holds only stop words ({', '.join(words[:SHOWN])}), which any document "
            "may hold; add a word that says what it is about"
        )
    # A word that all documents hold is in the vocabulary and weighs nothing.
    similar = [
        near for word in telling for near in features.suggest(word, SUGGESTED) if near != word
    ]
    hint = f"; similar words that it knows: {', '.join(similar)}" if similar else ""
    return f"no known word in the query: {', '.join(telling)}{hint}"


def shared_unlearned(
    features: TextFeatures, analyzer: Analyzer, one: Query, other: Query
) -> list[str]:
    """Return the words of one text that the other holds too and no code has learned."""
    held = set(analyzer.index_terms(other.text or ""))
    return [
        word
        for word, unit in _not_learned(features, analyzer, one)
        if not held.isdisjoint(unit.all_terms())
    ]


def unknown_words(
    features: TextFeatures, analyzer: Analyzer, query: Query, words: Words | None = None
) -> list[str]:
    """Return the words of a text that a search does not look at, less stop words, in their order.

    Parameters
    ----------
    features : TextFeatures
    analyzer : Analyzer
    query : Query
    words : Words, optional
        The lexical index, where it takes part: it also knows what is too rare for the code.
    """
    return [
        word
        for word, unit in _not_learned(features, analyzer, query)
        if words is None or not any(words.holds(term) for term in unit.all_terms())
    ]


def _not_learned(
    features: TextFeatures, analyzer: Analyzer, query: Query
) -> Iterator[tuple[str, Unit]]:
    """Go through what the code of a text does not tell of, less stop words, each once."""
    seen = set()
    for word, unit in analyzer.units(query.text or ""):
        tokens = raw_tokens(word)
        key = word.lower()
        if key not in seen and not features.columns_of(tokens) and not unit.is_stop_word:
            seen.add(key)
            yield key, unit
