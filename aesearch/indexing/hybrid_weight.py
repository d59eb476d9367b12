"""How much words should count beside codes: found without queries, on the documents themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aesearch.evaluation.bootstrap import paired_difference
from aesearch.evaluation.tasks import KnownItem, Queries, evaluate
from aesearch.indexing.hybrid import Fusion, LexicalIndex
from aesearch.modalities.texts.tokenizer import raw_tokens, term_of
from aesearch.search.fusion import DEFAULT_WEIGHT, WEIGHTS, WordsCheck
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
    """Find out how much BM25 should count in a hybrid search, by the inverse cloze task.

    The first words of a document, a title or a summary as a rule and much like what people ask,
    must find the rest of it among all documents: by codes, by words, and as a hybrid search does
    with each weight. No queries and no qrels are needed.

    Only held-out documents can ask: of the others the encoder has learned which first words go
    with which rest, as of no query.

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
    searched = np.random.default_rng(seed).permutation(len(documents))[:SEARCHED]
    documents, codes = [documents[row] for row in searched], codes[searched]
    language = features.language
    cut = openings_of(documents, np.flatnonzero(np.isin(searched, held_out)), language, QUESTIONS)
    if cut is None:
        return WordsCheck()
    codes[cut.rows] = encoder.encode(features.transform(cut.rests))
    texts = [document.text for document in documents]
    for row, rest in zip(cut.rows.tolist(), cut.rests, strict=True):
        texts[row] = rest
    queries = Queries(features.count(cut.questions), cut.questions, cut.rows, cut.questions)
    task = KnownItem.of(queries, np.arange(len(documents)))

    def reached(score: Callable[[slice], Floats]) -> Doubles:
        return evaluate(task, score).values["reciprocal_rank"]

    asked = encoder.encode(features.weigh(queries.samples))
    lexical = LexicalIndex.of(texts, language)
    fusion = Fusion(lexical, codes, lambda code: code @ codes.T, DEFAULT_WEIGHT)
    ready = fusion.prepare(queries, asked)

    def with_weight(weight: float) -> Doubles:
        ranked = replace(fusion, weight=weight).ranked
        return reached(lambda block: ranked(ready[block]))

    by_code = reached(lambda block: asked[block] @ codes.T)
    by_words = reached(lambda block: lexical.scores(queries.texts[block]))
    by_both = [with_weight(weight) for weight in WEIGHTS]
    chosen = _as_far_as_evident(by_both, seed)
    gain = paired_difference(by_both[chosen], by_code, seed)
    return WordsCheck(
        WEIGHTS[chosen],
        len(queries),
        float(by_code.mean()),
        float(by_words.mean()),
        float(by_both[chosen].mean()),
        (gain.mean, gain.low, gain.high),
    )


def _as_far_as_evident(values: Sequence[Doubles], seed: int) -> int:
    """Return the weight nearest to the default of those that are not clearly worse than the best.

    Parameters
    ----------
    values : sequence of ndarray of float64
        Reciprocal ranks with each of `WEIGHTS`, of the same queries.
    """
    best = int(np.argmax([found.mean() for found in values]))
    usual = WEIGHTS.index(DEFAULT_WEIGHT)
    step = 1 if best > usual else -1
    return next(
        place
        for place in range(usual, best + step, step)
        if paired_difference(values[best], values[place], seed).low <= 0
    )


class Openings(NamedTuple):
    """First words of documents, and the rests of them, which they must find."""

    rows: Ids
    questions: list[str]
    rests: list[str]


def openings_of(
    documents: Sequence[Document], rows: Ids, language: str, most: int | None = None
) -> Openings | None:
    """Cut the first `most` long ones of some documents in two; None where fewer than `FEWEST`."""
    tokens = ((row, _kept_tokens(documents[row].text, language)) for row in rows.tolist())
    long = dict(islice((one for one in tokens if len(one[1]) >= LONG_ENOUGH), most))
    if len(long) < FEWEST:
        return None
    questions = [" ".join(kept[:OPENING]) for kept in long.values()]
    rests = [" ".join(kept[OPENING:]) for kept in long.values()]
    return Openings(np.array(list(long), dtype=np.int64), questions, rests)


def _kept_tokens(text: str, language: str) -> list[str]:
    return [token for token in raw_tokens(text) if term_of(token, language)]
