"""How much words should count beside codes: found without queries, on the documents themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from aesearch.engines import Floats
from aesearch.features.tokens import raw_tokens, term_of
from aesearch.hybrid import LEAST, WEIGHTS
from aesearch.words import Words

if TYPE_CHECKING:
    from aesearch.features.documents import Document
    from aesearch.features.texts import TextFeatures
    from aesearch.frozen import FrozenEncoder

QUESTIONS, ASKED = 400, 8
SEARCHED = 5_000  # documents, at most
LONG_ENOUGH = 24  # words, so that both halves say something
FEWEST = 20
UNKNOWN = 0.2  # what is taken where too few documents are long enough


def weight_of_words(
    documents: Sequence[Document], features: TextFeatures, encoder: FrozenEncoder, seed: int = 0
) -> float:
    """Return the best weight of BM25 in a hybrid search, in [0, 1].

    A few random words of the first half of a document must find its second half among the second
    halves of all: by codes, by words, and by both with each weight.

    Parameters
    ----------
    documents : sequence of Document
    features : TextFeatures
    encoder : FrozenEncoder
    seed : int
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(documents))[:SEARCHED]
    spoken = [_kept_tokens(documents[row].text, features.language) for row in chosen]
    asked = [n for n, tokens in enumerate(spoken) if len(tokens) >= LONG_ENOUGH][:QUESTIONS]
    if len(asked) < FEWEST:
        return UNKNOWN
    halves = [t[len(t) // 2 :] if len(t) >= LONG_ENOUGH else t for t in spoken]
    queries = []
    for number in asked:
        words = list(dict.fromkeys(spoken[number][: len(spoken[number]) // 2]))
        queries.append([words[n] for n in rng.permutation(len(words))[:ASKED]])
    codes = encoder.encode(features.transform(map(" ".join, halves)))
    questions = encoder.encode(features.transform(map(" ".join, queries)))
    by_code = questions @ codes.T
    counted = Words.build(
        (n, [term_of(token, features.language) for token in half]) for n, half in enumerate(halves)
    )
    by_words = np.stack(
        [counted.scores_of(term_of(t, features.language) for t in query) for query in queries]
    )
    by_code, by_words = _scaled(by_code), _scaled(by_words)
    losses = []
    for weight in WEIGHTS:
        scores = (1 - weight) * by_code + weight * by_words
        own = scores[np.arange(len(asked)), asked][:, None]
        losses.append(np.log(1 + (scores > own).sum(axis=1)).mean())
    return max(LEAST, WEIGHTS[int(np.argmin(losses))])


def _kept_tokens(text: str, language: str) -> list[str]:
    return [token for token in raw_tokens(text) if term_of(token, language)]


def _scaled(scores: Floats) -> Floats:
    """Return the scores of each query brought to 0..1."""
    low = scores.min(axis=1, keepdims=True)
    width = scores.max(axis=1, keepdims=True) - low
    scaled: Floats = (scores - low) / np.maximum(width, 1e-9)
    return scaled
