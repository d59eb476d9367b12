"""What to say of the words of a query that an index of documents does not know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aesearch.modalities.texts.analysis.chunks import Binding
from aesearch.modalities.texts.tokenizer import is_worth_keeping, raw_tokens, term_of
from aesearch.wording import clipped

if TYPE_CHECKING:
    from aesearch.modalities.texts.analysis import Analyzer
    from aesearch.modalities.texts.analysis.analyzer import Unit
    from aesearch.modalities.texts.features import TextFeatures
    from aesearch.search.bm25 import Words
    from aesearch.search.query import Query

SHOWN = 3
SUGGESTED = 3


def why_nothing_is_known(
    features: TextFeatures, analyzer: Analyzer, query: Query, *, by_words: bool
) -> str:
    """Say that no word of a query is known, and which known ones are spelled like them.

    `by_words` says whether the documents were asked for the words, and not only the code.
    """
    plain = query.syntax.plain
    units = analyzer.units(plain)
    if not units and not any(map(str.isalnum, plain)):
        return "no known word in the query: it holds no words"
    texts = list(dict.fromkeys(unit.text for unit in units if not unit.is_stop_word))
    telling = [word for word in dict.fromkeys(query.words) if term_of(word, features.language)]
    if not texts or (query.words and not telling):
        stops = list(dict.fromkeys(unit.text for unit in units)) or plain.split()  # I'm
        return (
            f"the query holds only stop words ({_named(stops)}), which any document "
            "may hold; add a word that says what it is about"
        )
    if learned := [word for word in telling if features.columns_of([word])]:
        return (
            "the code gives no weight to what so many documents hold "
            f"({_named(learned)}); add a word that fewer hold, or search by "
            "words too: with hybrid, or without a threshold"
        )
    if not telling:
        return f"no {'document holds' if by_words else 'code knows'} {_named(texts)}"
    similar = [
        near
        for word in telling[:SHOWN]
        for near in features.suggest(word, SUGGESTED)
        if near != word
    ]
    hint = f"; similar words that it knows: {', '.join(similar)}" if similar else ""
    return f"no known word in the query: {_named(telling)}{hint}"


def _named(words: Sequence[str]) -> str:
    """The first of some words, in one line; of a long one its beginning."""
    return ", ".join(clipped(word) for word in words[:SHOWN])


def shared_unlearned(
    features: TextFeatures, analyzer: Analyzer, one: Query, other: Query
) -> list[str]:
    """Return the words of one text that the other holds too and no code has learned."""
    held = set(analyzer.index_terms(other.text or ""))
    found = (
        unit.text
        for unit in analyzer.units(one.syntax.plain)
        if not_learned(features, raw_tokens(unit.text)) and not held.isdisjoint(unit.all_terms())
    )
    return list(dict.fromkeys(found))


def begun_words(query: Query, other: Query, language: str) -> list[str]:
    """Return the words of a text that begin as a query asks for, in small letters."""
    text = other.text or ""
    beginnings = (phrase for phrase in query.syntax.shown_in(language) if phrase.open)
    places = (place for phrase in beginnings for place in phrase.places(text))
    return list(dict.fromkeys(text[start:end].lower() for start, end in places))


def not_learned(features: TextFeatures, tokens: Sequence[str]) -> list[str]:
    """Return the tokens that a code does not tell of, less stop words, each once."""
    known = {features.terms[column] for column in features.columns_of(tokens)}
    terms = {token: term_of(token, features.language) for token in tokens if len(token) > 1}
    return [
        token
        for token, term in terms.items()
        if term not in known and (term or not is_worth_keeping(token))
    ]


def unknown_words(features: TextFeatures, query: Query, words: Words | None = None) -> list[str]:
    """Return the words of a text that a search does not look at, less stop words, in their order.

    Parameters
    ----------
    features : TextFeatures
    query : Query
    words : Words, optional
        The lexical index, where it takes part: it knows each word that a document holds. What is
        typed as one (10.0.0.17) is named as one, also where its parts are known.
    """
    if words is None:
        return not_learned(features, query.tokens)
    units = words.analyzer.units(query.syntax.plain)
    return list(dict.fromkeys(text for unit in units for text in _missing(unit, words)))


def _missing(unit: Unit, words: Words) -> list[str]:
    """Return what of a unit no document holds."""
    if unit.is_stop_word or any(map(words.holds, unit.itself)):
        return []
    if not unit.parts:
        return [unit.text]
    missing = [text for part in unit.parts for text in _missing(part, words)]
    if len(missing) == len(unit.parts) or unit.binding is Binding.CLOSE:
        return [unit.text]
    if unit.binding is Binding.LETTERS:
        return [text for text in missing if len(text) == 1]
    return missing
