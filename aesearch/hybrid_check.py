"""How much words should count beside codes: found without queries, on the documents themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aesearch.engines import Floats
from aesearch.features.tokens import raw_tokens, term_of
from aesearch.hybrid import LEAST, UNKNOWN, WEIGHTS
from aesearch.words import Words

if TYPE_CHECKING:
    from aesearch.features.documents import Document
    from aesearch.features.texts import TextFeatures
    from aesearch.frozen import FrozenEncoder

QUESTIONS = 400
OPENING = 16  # words of a question: about a title and a sentence
SEARCHED = 5_000  # documents, at most
LONG_ENOUGH = 24  # words, so that both parts say something
FEWEST = 20
WORTH = 0.8  # how much lower the rank must be for hybrid search to be recommended


@dataclass(frozen=True)
class WordsCheck:
    """How well the opening of a document finds the rest of it.

    Ranks are geometric means: 1 where it is always the first.

    Attributes
    ----------
    weight : float
        Of the words in a hybrid search, in [0, 1]: the one with the lowest rank.
    by_code, by_words, by_both : float or None
        Ranks by the codes, by BM25, and by both with this weight; None where too few documents
        are long enough to find out.
    """

    weight: float
    by_code: float | None = None
    by_words: float | None = None
    by_both: float | None = None

    @property
    def helps(self) -> bool:
        """Whether words beside codes find clearly more than codes alone."""
        if self.by_code is None or self.by_both is None:
            return False
        return self.by_both < WORTH * self.by_code

    def __str__(self) -> str:
        if self.by_code is None:
            return f"words (BM25) count {self.weight:.0%}, the code the rest"
        return (
            f"a document's first words find the rest of it at rank {self.by_code:.1f} by code, "
            f"{self.by_words:.1f} by words (BM25), {self.by_both:.1f} by both (words count "
            f"{self.weight:.0%})"
        )


def check_words(
    documents: Sequence[Document], features: TextFeatures, encoder: FrozenEncoder, seed: int = 0
) -> WordsCheck:
    """Find out how much BM25 should count in a hybrid search.

    The first words of a document, a title or a summary as a rule and much like what people ask,
    must find the rest of it among the rests of all: by codes, by words, and by both with each
    weight. No queries and no judgements are needed.

    Parameters
    ----------
    documents : sequence of Document
    features : TextFeatures
    encoder : FrozenEncoder
    seed : int
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(documents))[:SEARCHED]
    language = features.language
    spoken = [_kept_tokens(documents[row].text, language) for row in chosen]
    asked = [n for n, tokens in enumerate(spoken) if len(tokens) >= LONG_ENOUGH][:QUESTIONS]
    if len(asked) < FEWEST:
        return WordsCheck(UNKNOWN)
    rests = [t[OPENING:] if len(t) >= LONG_ENOUGH else t for t in spoken]
    queries = [spoken[number][:OPENING] for number in asked]
    codes = encoder.encode(features.transform(map(" ".join, rests)))
    questions = encoder.encode(features.transform(map(" ".join, queries)))
    counted = Words.build((n, [term_of(t, language) for t in rest]) for n, rest in enumerate(rests))
    spoken_of = [counted.scores_of(term_of(t, language) for t in query) for query in queries]
    by_code, by_words = _scaled(questions @ codes.T), _scaled(np.stack(spoken_of))
    ranks = {}
    for weight in WEIGHTS:
        scores = (1 - weight) * by_code + weight * by_words
        own = scores[np.arange(len(asked)), asked][:, None]
        ranks[weight] = float(np.exp(np.log(1 + (scores > own).sum(axis=1)).mean()))
    best = min(ranks, key=ranks.__getitem__)
    return WordsCheck(max(LEAST, best), ranks[0.0], ranks[1.0], ranks[best])


def _kept_tokens(text: str, language: str) -> list[str]:
    return [token for token in raw_tokens(text) if term_of(token, language)]


def _scaled(scores: Floats) -> Floats:
    """Return the scores of each query brought to 0..1."""
    low = scores.min(axis=1, keepdims=True)
    width = scores.max(axis=1, keepdims=True) - low
    scaled: Floats = (scores - low) / np.maximum(width, 1e-9)
    return scaled
