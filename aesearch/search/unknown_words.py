"""What to say of the words of a query that an index of documents does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch.modalities.texts.tokenizer import term_of

if TYPE_CHECKING:
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


def shared_unlearned(features: TextFeatures, one: Query, other: Query) -> list[str]:
    """Return the words of one text that the other holds too and no code has learned."""
    language = features.language
    held = set(other.terms(language))
    return [word for word in unknown_words(features, one) if term_of(word, language) in held]


def unknown_words(features: TextFeatures, query: Query, words: Words | None = None) -> list[str]:
    """Return the words of a text that a search does not look at, less stop words, in their order.

    Parameters
    ----------
    features : TextFeatures
    query : Query
    words : Words, optional
        The lexical index, where it takes part: it also knows what is too rare for the code.
    """
    language = features.language
    terms = {token: term for token in query.tokens if (term := term_of(token, language))}
    known = {features.terms[column] for column in features.columns_of(query.tokens)}
    left = {token: term for token, term in terms.items() if term not in known}
    if words is not None:
        left = {token: term for token, term in left.items() if not words.holds(term)}
    return list(left)
