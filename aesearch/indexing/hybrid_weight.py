"""How much words should count beside codes: found without queries, on the documents themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aesearch.evaluation.bootstrap import bootstrap
from aesearch.modalities.texts.tokenizer import raw_tokens, term_of
from aesearch.search.bm25 import Words
from aesearch.search.fusion import LEAST, UNKNOWN, WEIGHTS
from aesearch.types import Floats, Ids

if TYPE_CHECKING:
    from aesearch.inference.encoder import FrozenEncoder
    from aesearch.modalities.texts.extract import Document
    from aesearch.modalities.texts.features import TextFeatures

QUESTIONS = 400
OPENING = 16  # words of a question: about a title and a sentence
SEARCHED = 5_000  # documents, at most
LONG_ENOUGH = 24  # words, so that both parts say something
FEWEST = 20


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
    gain : tuple of three floats, or None
        By how much the logarithm of the rank is lower by both than by code, with the interval of
        the paired bootstrap. Each question is asked with the weight that the other half found.
    """

    weight: float
    by_code: float | None = None
    by_words: float | None = None
    by_both: float | None = None
    gain: tuple[float, float, float] | None = None

    @property
    def helps(self) -> bool:
        """Whether words beside codes find more than codes alone, beyond the uncertainty."""
        return self.gain is not None and self.gain[1] > 0

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
        ranks[weight] = np.log(1 + (scores > own).sum(axis=1))
    mean = {weight: float(np.exp(found.mean())) for weight, found in ranks.items()}
    best = min(mean, key=mean.__getitem__)
    gain = np.empty(len(asked))
    for half in (slice(0, None, 2), slice(1, None, 2)):
        rest = slice(1 - half.start, None, 2)
        learned = min(ranks, key=lambda weight: ranks[weight][rest].mean())
        gain[half] = ranks[0.0][half] - ranks[learned][half]
    found = bootstrap(gain[:, None], seed)[0]
    shown = (found.mean, found.low, found.high)
    return WordsCheck(max(LEAST, best), mean[0.0], mean[1.0], mean[best], shown)


class Openings(NamedTuple):
    """First words of documents, and the rests of them, which they must find."""

    rows: Ids
    questions: list[str]
    rests: list[str]


def openings_of(documents: Sequence[Document], rows: Ids, language: str) -> Openings | None:
    """Cut some documents in two: None where fewer than `FEWEST` are long enough for it."""
    spoken = {int(row): _kept_tokens(documents[row].text, language) for row in rows}
    long = {row: tokens for row, tokens in spoken.items() if len(tokens) >= LONG_ENOUGH}
    if len(long) < FEWEST:
        return None
    questions = [" ".join(tokens[:OPENING]) for tokens in long.values()]
    rests = [" ".join(tokens[OPENING:]) for tokens in long.values()]
    return Openings(np.array(list(long), dtype=np.int64), questions, rests)


def _kept_tokens(text: str, language: str) -> list[str]:
    return [token for token in raw_tokens(text) if term_of(token, language)]


def _scaled(scores: Floats) -> Floats:
    """Return the scores of each query brought to 0..1."""
    low = scores.min(axis=1, keepdims=True)
    width = scores.max(axis=1, keepdims=True) - low
    scaled: Floats = (scores - low) / np.maximum(width, 1e-9)
    return scaled
