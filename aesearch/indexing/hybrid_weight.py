"""How much words should count beside codes: found without queries, on the documents themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aesearch.evaluation.metrics import Estimate, bootstrap
from aesearch.modalities.texts.tokenizer import raw_tokens, term_of
from aesearch.search.bm25 import Words
from aesearch.search.fusion import (
    CANDIDATES,
    DEFAULT_WEIGHT,
    WEIGHTS,
    Scored,
    WordsCheck,
    with_feedback,
)
from aesearch.search.lexical import terms_in
from aesearch.types import Doubles, Floats, Ids

if TYPE_CHECKING:
    from aesearch.inference.encoder import FrozenEncoder
    from aesearch.modalities.texts.extract import Document
    from aesearch.modalities.texts.features import TextFeatures

QUESTIONS = 300
OPENING = 16  # words of a question: about a title and a sentence
SEARCHED = 50_000  # documents, at most: seconds, beside the minutes of a training
LONG_ENOUGH = 24  # words, so that both parts say something
FEWEST = 20


def check_words(
    documents: Sequence[Document],
    held_out: Ids,
    codes: Floats,
    features: TextFeatures,
    encoder: FrozenEncoder,
    seed: int = 0,
) -> WordsCheck:
    """Find out how much BM25 should count in a hybrid search.

    The first words of a document, a title or a summary as a rule and much like what people ask,
    must find the rest of it among all documents: by codes, by words, and as a hybrid search does
    with each weight. No queries and no judgements are needed.

    Only documents that the encoder has not learned from can ask: of the others it has learned
    which first words go with which rest, as of no query.

    Parameters
    ----------
    documents : sequence of Document
    held_out : ndarray of int64
        Rows of those that were not learned from.
    codes : ndarray of float32, shape (n, code_size)
        Of the documents.
    features : TextFeatures
    encoder : FrozenEncoder
        That gave the codes.
    seed : int
        Chooses which documents ask.
    """
    rng = np.random.default_rng(seed)
    searched = rng.permutation(len(documents))[:SEARCHED]
    documents, codes = [documents[row] for row in searched], codes[searched]
    language = features.language
    cut = openings_of(documents, np.flatnonzero(np.isin(searched, held_out)), language, QUESTIONS)
    if cut is None:
        return WordsCheck()
    codes[cut.rows] = encoder.encode(features.transform(cut.rests))
    texts = [document.text for document in documents]
    for row, rest in zip(cut.rows.tolist(), cut.rests, strict=True):
        texts[row] = rest
    words = Words.build((row, terms_in(text, language)) for row, text in enumerate(texts))
    asked = encoder.encode(features.transform(cut.questions))
    terms = [terms_in(question, language) for question in cut.questions]
    found = [
        _reciprocal_ranks(code[None], codes, words.search(spoken, CANDIDATES), own)
        for code, spoken, own in zip(asked, terms, cut.rows.tolist(), strict=True)
    ]
    by_code, by_words, *by_both = np.array(found).T
    chosen = _as_far_as_evident(by_both, seed)
    both = by_both[chosen]
    gain = _gap(both, by_code, seed)
    return WordsCheck(
        WEIGHTS[chosen],
        len(found),
        float(by_code.mean()),
        float(by_words.mean()),
        float(both.mean()),
        (gain.mean, gain.low, gain.high),
    )


def _reciprocal_ranks(query: Floats, codes: Floats, words: Scored, own: int) -> list[float]:
    """Return how well one document is found by its code, by words, and by both as weighted."""

    def nearest(code: Floats) -> Scored:
        scores = (code @ codes.T)[0]
        best = np.arange(len(scores))
        if len(best) > CANDIDATES:
            best = np.argpartition(-scores, CANDIDATES)[:CANDIDATES]
        best = best[np.argsort(-scores[best], kind="stable")]
        return best, scores[best]

    rankings = [nearest(query), words]
    rankings += [
        with_feedback(query, nearest, words, codes.__getitem__, weight) for weight in WEIGHTS
    ]
    places = (np.flatnonzero(ids == own) for ids, _ in rankings)
    return [1 / (int(place[0]) + 1) if len(place) else 0.0 for place in places]


def _as_far_as_evident(values: Sequence[Doubles], seed: int) -> int:
    """Return the weight nearest to the default of those that are not clearly worse than the best.

    Parameters
    ----------
    values : sequence of ndarray of float64
        Reciprocal ranks with each of `WEIGHTS`, of the same questions.
    """
    best = int(np.argmax([found.mean() for found in values]))
    usual = WEIGHTS.index(DEFAULT_WEIGHT)
    step = 1 if best > usual else -1
    return next(
        place
        for place in range(usual, best + step, step)
        if _gap(values[best], values[place], seed).low <= 0
    )


def _gap(one: Doubles, other: Doubles, seed: int) -> Estimate:
    return bootstrap((one - other)[:, None], seed)[0]


class Openings(NamedTuple):
    """First words of documents, and the rests of them, which they must find."""

    rows: Ids
    questions: list[str]
    rests: list[str]


def openings_of(
    documents: Sequence[Document], rows: Ids, language: str, most: int | None = None
) -> Openings | None:
    """Cut the first `most` long ones of some documents in two; None where fewer than `FEWEST`."""
    spoken = ((row, _kept_tokens(documents[row].text, language)) for row in rows.tolist())
    long = dict(islice((one for one in spoken if len(one[1]) >= LONG_ENOUGH), most))
    if len(long) < FEWEST:
        return None
    questions = [" ".join(tokens[:OPENING]) for tokens in long.values()]
    rests = [" ".join(tokens[OPENING:]) for tokens in long.values()]
    return Openings(np.array(list(long), dtype=np.int64), questions, rests)


def _kept_tokens(text: str, language: str) -> list[str]:
    return [token for token in raw_tokens(text) if term_of(token, language)]
