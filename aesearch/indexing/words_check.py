"""How words and codes are best searched together: found by what documents ask for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aesearch.evaluation.bootstrap import paired_difference
from aesearch.evaluation.tasks import KnownItem, Queries, evaluate
from aesearch.indexing.hybrid import Fusion, LexicalIndex
from aesearch.modalities.texts.tokenizer import spans, term_of
from aesearch.search.counting import counts_of
from aesearch.search.expansion import PLAIN, USUAL
from aesearch.search.fusion import OVERWHELMING, WORDS_ALONE, Mixture, WordsCheck
from aesearch.search.lexical import searched_text
from aesearch.types import Doubles, Floats, Ids

if TYPE_CHECKING:
    from aesearch.inference.encoder import FrozenEncoder
    from aesearch.modalities.texts.extract import Document
    from aesearch.modalities.texts.features import TextFeatures

QUESTIONS = 300
ROUNDS = 6  # times that a document asks, at most, where few were held out
OPENING = 16  # words of a question: about a title and a sentence
SEARCHED = 50_000  # documents, at most: seconds, beside the minutes of a training
LONG_ENOUGH = 24  # words, so that both parts say something
FEWEST = 20

NOTICEABLE = 0.01  # of reciprocal rank: made-up questions do not tell less from nothing

CODE, WORDS, BOTH = "code", "words", "both"
PLAIN_BOTH, UNMOVED = "both, nothing borrowed", "both, without feedback"
ALONE, BORROWING = "own words", "own and borrowed words"


def check_words(
    documents: Sequence[Document],
    held_out: Ids,
    codes: Floats,
    features: TextFeatures,
    encoder: FrozenEncoder,
    seed: int = 0,
) -> WordsCheck:
    """Find out how BM25 and codes are best searched together, by the inverse cloze task.

    The first words of a document, a title or a summary as a rule and much like what people ask,
    must find the rest of it among all documents: by codes, by words, and by both. No queries and
    no qrels are needed. Where few documents were held out, they ask again by other words in a row.

    Only held-out documents can ask: of the others the encoder has learned which first words go
    with which rest, as of no query.

    Such questions prefer words a little, being of the document itself; so what is usual, both and
    borrowed words, is left only for what is clearly better.

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
        Chooses which documents ask, and by which words.
    """
    searched = np.random.default_rng(seed).permutation(len(documents))[:SEARCHED]
    asking = np.flatnonzero(np.isin(searched, held_out))
    collection = _Collection([documents[row] for row in searched], codes[searched], features)
    rounds = [collection.asked(cut, encoder) for cut in collection.cuts(asking, seed)]
    if not rounds:
        return WordsCheck()
    found = {
        CODE: np.concatenate([one.by_code() for one in rounds]),
        WORDS: np.concatenate([one.by_words() for one in rounds]),
    }
    check = WordsCheck(by_code=float(found[CODE].mean()), by_words=float(found[WORDS].mean()))
    usual = check.mixture
    for name, lexical, mixture in (
        (BOTH, BORROWING, usual),
        (PLAIN_BOTH, ALONE, usual),
        (UNMOVED, BORROWING, replace(usual, feedback=False)),
    ):
        ranks = [one.by_both(one.lexical[lexical], mixture) for one in rounds]
        found[name] = np.concatenate(ranks)
    return _decided(found, check, seed)


def _decided(found: Mapping[str, Doubles], check: WordsCheck, seed: int) -> WordsCheck:
    """Return what is usual, but for what is clearly worse than something else.

    Parameters
    ----------
    found : mapping of str to ndarray of float64
        Reciprocal ranks of the same questions, by each way to search.
    check : WordsCheck
        Which knows them by code and by words alone.
    seed : int
    """

    def better(name: str, by: float = NOTICEABLE) -> bool:
        return paired_difference(found[name], found[BOTH], seed).low > by

    gain = paired_difference(found[BOTH], found[CODE], seed)
    return replace(
        check,
        weight=WORDS_ALONE if better(WORDS, OVERWHELMING) else None,
        questions=len(found[BOTH]),
        by_both=float(found[BOTH].mean()),
        gain=(gain.mean, gain.low, gain.high),
        expansion=PLAIN if better(PLAIN_BOTH) else USUAL,
        feedback=not better(UNMOVED),
    )


class _Collection(NamedTuple):
    """What is searched; documents that ask are cut in two."""

    documents: Sequence[Document]
    codes: Floats
    features: TextFeatures

    def cuts(self, rows: Ids, seed: int) -> Iterator[Openings]:
        """Yield questions, until there are enough of them: first words, then others in a row."""
        rng, count = np.random.default_rng(seed), 0
        for again in range(ROUNDS):
            draw = rng if again else None
            cut = openings_of(self.documents, rows, self.features.language, QUESTIONS - count, draw)
            if cut is None:
                return
            yield cut
            count += len(cut.rows)
            if count > QUESTIONS - FEWEST:
                return

    def asked(self, cut: Openings, encoder: FrozenEncoder) -> _Round:
        """Put questions, and the documents without them beside all others."""
        codes = self.codes.copy()
        codes[cut.rows] = encoder.encode(self.features.transform(cut.rests))
        count = self.features.count(cut.questions)
        queries = Queries(count, cut.questions, cut.rows, cut.questions)
        left = list(self.documents)
        for row, rest in zip(cut.rows.tolist(), cut.rests, strict=True):
            left[row] = replace(left[row], text=rest)
        counts = counts_of(enumerate(map(searched_text, left)), self.features.language)
        return _Round(
            queries,
            encoder.encode(self.features.weigh(count)),
            codes,
            {
                ALONE: LexicalIndex.weigh(counts),
                BORROWING: LexicalIndex.weigh(counts, codes, USUAL),
            },
        )


class _Round(NamedTuple):
    """Questions, one a document; each way to search gives their reciprocal ranks.

    Attributes
    ----------
    queries : Queries
    asked : ndarray of float32, shape (m, code_size)
        Their codes.
    codes : ndarray of float32, shape (n, code_size)
        Of all documents, less the words that ask.
    lexical : mapping of str to LexicalIndex
        Without and with borrowed words.
    """

    queries: Queries
    asked: Floats
    codes: Floats
    lexical: Mapping[str, LexicalIndex]

    def by_code(self) -> Doubles:
        return self._reached(lambda block: self.asked[block] @ self.codes.T)

    def by_words(self) -> Doubles:
        scores = self.lexical[BORROWING].scores
        return self._reached(lambda block: scores(self.queries.texts[block]))

    def by_both(self, lexical: LexicalIndex, mixture: Mixture) -> Doubles:
        fusion = Fusion(lexical, self.codes, lambda code: code @ self.codes.T, mixture)
        ready = fusion.prepare(self.queries, self.asked)
        return self._reached(lambda block: fusion.ranked(ready[block]))

    def _reached(self, score: Callable[[slice], Floats]) -> Doubles:
        task = KnownItem.of(self.queries, np.arange(len(self.codes)))
        return evaluate(task, score).values["reciprocal_rank"]


class Openings(NamedTuple):
    """First words of documents, and the rests of them, which they must find."""

    rows: Ids
    questions: list[str]
    rests: list[str]


def openings_of(
    documents: Sequence[Document],
    rows: Ids,
    language: str,
    most: int | None = None,
    draw: np.random.Generator | None = None,
) -> Openings | None:
    """Cut the first `most` long ones of some documents in two; None where fewer than `FEWEST`.

    With `draw`, the question is not the first words but others in a row.
    """
    words = ((row, _words_in(documents[row].text, language)) for row in rows.tolist())
    long = dict(islice((one for one in words if len(one[1]) >= LONG_ENOUGH), most))
    if len(long) < FEWEST:
        return None
    questions, rests = [], []
    for row, places in long.items():
        first = 0 if draw is None else int(draw.integers(len(places) - OPENING + 1))
        start, end = places[first][0], places[first + OPENING - 1][1]
        text = documents[row].text
        questions.append(text[start:end])
        rests.append(f"{text[:start]}\n{text[end:]}")
    return Openings(np.array(list(long), dtype=np.int64), questions, rests)


def _words_in(text: str, language: str) -> list[tuple[int, int]]:
    """Return where the words of a text are, less stop words."""
    return [(start, end) for token, start, end in spans(text) if term_of(token, language)]
