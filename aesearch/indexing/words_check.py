"""How words and codes are best searched together: found by what documents ask for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    found: dict[str, list[Doubles]] = {}
    for cut in collection.cuts(asking, seed):
        for name, ranks in collection.asked(cut, encoder).items():
            found.setdefault(name, []).append(ranks)
    if not found:
        return WordsCheck()
    return _decided({name: np.concatenate(ranks) for name, ranks in found.items()}, seed)


def _decided(found: Mapping[str, Doubles], seed: int) -> WordsCheck:
    """Return what is usual, but for what is clearly worse than something else.

    Parameters
    ----------
    found : mapping of str to ndarray of float64
        Reciprocal ranks of the same questions, by each way to search.
    """

    def better(name: str, by: float = NOTICEABLE) -> bool:
        return paired_difference(found[name], found[BOTH], seed).low > by

    gain = paired_difference(found[BOTH], found[CODE], seed)
    return WordsCheck(
        WORDS_ALONE if better(WORDS, OVERWHELMING) else None,
        len(found[BOTH]),
        float(found[CODE].mean()),
        float(found[WORDS].mean()),
        float(found[BOTH].mean()),
        (gain.mean, gain.low, gain.high),
        PLAIN if better(PLAIN_BOTH) else USUAL,
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

    def asked(self, cut: Openings, encoder: FrozenEncoder) -> dict[str, Doubles]:
        """Return the reciprocal rank at which each question finds the rest, by each way."""
        codes = self.codes.copy()
        codes[cut.rows] = encoder.encode(self.features.transform(cut.rests))
        queries = Queries(
            self.features.count(cut.questions), cut.questions, cut.rows, cut.questions
        )
        asked = encoder.encode(self.features.weigh(queries.samples))
        task = KnownItem.of(queries, np.arange(len(codes)))

        def reached(score: Callable[[slice], Floats]) -> Doubles:
            return evaluate(task, score).values["reciprocal_rank"]

        def by_both(lexical: LexicalIndex, mixture: Mixture) -> Doubles:
            fusion = Fusion(lexical, codes, lambda code: code @ codes.T, mixture)
            ready = fusion.prepare(queries, asked)
            return reached(lambda block: fusion.ranked(ready[block]))

        plain, lexical = self._lexical(cut, codes)
        return {
            CODE: reached(lambda block: asked[block] @ codes.T),
            WORDS: reached(lambda block: lexical.scores(queries.texts[block])),
            BOTH: by_both(lexical, Mixture()),
            PLAIN_BOTH: by_both(plain, Mixture()),
            UNMOVED: by_both(lexical, Mixture(feedback=False)),
        }

    def _lexical(self, cut: Openings, codes: Floats) -> tuple[LexicalIndex, LexicalIndex]:
        """Return lexical indexes without and with borrowed words, of the rests of what asks."""
        texts = [document.text for document in self.documents]
        for row, rest in zip(cut.rows.tolist(), cut.rests, strict=True):
            texts[row] = rest
        counts = counts_of(enumerate(texts), self.features.language)
        return LexicalIndex.weigh(counts), LexicalIndex.weigh(counts, codes, USUAL)


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
