"""What a hit shows of its document: a title, and the snippet that holds what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aesearch.modalities.texts.analysis.analyzer import EXACT
from aesearch.modalities.texts.snippets import Snippet, opening, snippet
from aesearch.modalities.texts.tokenizer import raw_tokens

if TYPE_CHECKING:
    from aesearch.modalities.texts.analysis import Analyzer
    from aesearch.modalities.texts.features import TextFeatures
    from aesearch.modalities.texts.passages import Passage
    from aesearch.modalities.texts.phrases import Phrase
    from aesearch.search.bm25 import Words
    from aesearch.search.query import Query
    from aesearch.storage.schema import KeptText

OPENING = 80  # characters of a document without a title, that stand for one
WHOLE = 1 << 20  # numbers of phrases begin here, and so much one weighs in a snippet
RARE = 0.5  # of the most that a word of a query weighs: so much weighs what a snippet must show


def shown_of(
    own: KeptText,
    passage: Passage | None,
    phrases: Sequence[Phrase],
    asked: Mapping[str, tuple[int, float]],
    analyzer: Analyzer,
) -> Snippet:
    """The snippet of a document: of its best passage, unless only the rest holds what is asked.

    What a mail quotes is shown where nothing else holds it.
    """
    text = own.text[passage.start : passage.end] if passage else own.text
    matches = _matches(phrases, asked, analyzer, text)
    if passage and _misses(matches, phrases, asked):  # which is what must be seen
        elsewhere = _matches(phrases, asked, analyzer, own.text)
        if not _misses(elsewhere, phrases, asked):
            text, matches = own.text, elsewhere
    if own.quoted and (not matches or (phrases and _misses(matches, phrases, asked))):
        elsewhere = _matches(phrases, asked, analyzer, own.quoted)
        if elsewhere and not (matches and _misses(elsewhere, phrases, asked)):
            text, matches = own.quoted, elsewhere
    return snippet(text, matches)


def title_of(own: KeptText) -> str:
    """The title of a document, or the opening of its first paragraph.

    That is the title where the text of a table's row begins with a column of titles.
    """
    return own.title or opening(own.text.lstrip().partition("\n\n")[0], OPENING)


def _places(phrases: Sequence[Phrase], text: str) -> list[tuple[int, float, int, int]]:
    """Where phrases stand in a text, as snippets take it: each weighs more than all words."""
    return [
        (WHOLE + number, float(WHOLE), start, stop)
        for number, phrase in enumerate(phrases)
        for start, stop in phrase.places(text)
    ]


def _matches(
    phrases: Sequence[Phrase],
    asked: Mapping[str, tuple[int, float]],
    analyzer: Analyzer,
    text: str,
) -> list[tuple[int, float, int, int]]:
    """Where a text holds what was asked for, as snippets take it."""
    places = _places(phrases, text)
    places += ((*asked[term], start, stop) for term, start, stop in analyzer.spans(text, asked))
    return sorted(places, key=lambda one: (one[2], -one[3]))


def _misses(
    matches: Sequence[tuple[int, float, int, int]],
    phrases: Sequence[Phrase],
    asked: Mapping[str, tuple[int, float]],
) -> bool:
    """Whether a passage holds neither a phrase nor, where there is none, a rare word of a query."""
    most = max((weight for _, weight in asked.values()), default=0.0)
    wanted = float(WHOLE) if phrases else RARE * most
    return not any(weight >= wanted for _, weight, _, _ in matches)


def asked_terms(
    features: TextFeatures, analyzer: Analyzer, query: Query, words: Words | None
) -> dict[str, tuple[int, float]]:
    """A number and a weight of each term of a query; what no code knows weighs most."""
    most = float(features.weights.max(initial=1))
    asked = set(analyzer.query_terms(query.syntax.plain))
    if words is not None:  # a rare spelling is asked for alone
        own = words.terms_of(query.syntax.plain)
        exact = {term: (0, most) for term in own if term.startswith(EXACT)}
        if exact:
            return exact
    weights: dict[str, float] = {}
    for unit in analyzer.units(query.syntax.plain):
        columns = features.columns_of(raw_tokens(unit.text))
        weight = max((float(features.weights[column]) for column in columns), default=most)
        own_terms = (*unit.all_terms(), *unit.others)
        weights |= {term: weight for term in own_terms if term in asked}
    return {term: (number, weight) for number, (term, weight) in enumerate(weights.items())}
