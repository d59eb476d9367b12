"""Codes and words together: the fusion of two rankings, and feedback from the best of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.search.expansion import PLAIN, Expansion
from aesearch.search.sets import either
from aesearch.types import Floats, Ids

if TYPE_CHECKING:
    from aesearch.search.bm25 import Words

Scored = tuple[Ids, Floats]

CANDIDATES = 1000  # of each ranking
FEEDBACK, STRENGTH = 8, 1.0
# The weight of words falls from `MOST` to `LEAST` the more the code agrees with the best `COMPARED`
# that they find, and the more the code was worth in the check; half way where the first is `MIDDLE`
# and the second `USUAL_WORTH`, which holds where no check was asked.
LEAST, MOST, COMPARED = 0.2, 0.9, 5
MIDDLE, STEEPNESS = 0.86, 6.0
USUAL_WORTH, STEEPNESS_OF_WORTH = 0.55, 8.0
WORDS_ALONE = 1.0  # a weight
FEW = 10  # documents: those that hold every word of a query, one of them so rare, come first
KEPT_AS = "typed_search"  # in the check of an index
MEASURED = ("questions", "by_code", "by_words", "by_both", "gain")
OVERWHELMING = 0.05  # of reciprocal rank, which one half must clearly cost before it is left out


@dataclass(frozen=True)
class WordsCheck:
    """How well some words of documents held out of training find the rest of them.

    By mean reciprocal rank.

    Attributes
    ----------
    weight : float or None
        Of the words in a hybrid search, in (0, 1]; 1 searches by words alone. None: each query has
        its own, see `weight_of_words`.
    questions : int
        Asked: first words of documents and, of few documents, others in a row; 0 where too few
        are long enough to find out.
    by_code, by_words, by_both : float or None
        Found by the codes, by BM25, and by both with this weight.
    gain : tuple of three floats, or None
        By how much more is found by both than by code, with the interval of the paired bootstrap.
    expansion : Expansion
        What documents borrow of each other; nothing by default.
    feedback : bool
        Whether the query is moved towards what was found first.
    """

    weight: float | None = None
    questions: int = 0
    by_code: float | None = None
    by_words: float | None = None
    by_both: float | None = None
    gain: tuple[float, float, float] | None = None
    expansion: Expansion = PLAIN
    feedback: bool = True

    @classmethod
    def of(cls, check: Mapping[str, Any] | None) -> WordsCheck:
        """Return what the check of an index found out about words.

        It is kept as "typed_search". The "fusion" of earlier versions chose one weight for all
        queries: only what it measured is taken. Still earlier checks, "words" and "hybrid", asked
        what the code had learned from, and so left words out: an index that has one is searched
        as if it had none.
        """
        check = check or {}
        kept = dict(check.get(KEPT_AS, {}))
        if KEPT_AS not in check and "fusion" in check:
            kept = {name: value for name, value in check["fusion"].items() if name in MEASURED}
        expansion = Expansion(**kept.pop("expansion", {}))
        return cls(**kept, expansion=expansion)

    @property
    def worth(self) -> float:
        """How much the code finds of what words find, in [0, 1]."""
        if self.by_code is None or not self.by_words:
            return USUAL_WORTH
        return min(1.0, self.by_code / self.by_words)

    @property
    def mixture(self) -> Mixture:
        """How codes and words are searched together."""
        return Mixture(self.weight, self.feedback, self.worth)

    @property
    def prefers_both(self) -> bool:
        """Whether a text is searched by words too unless told otherwise.

        Made-up questions are not those that people ask, and names are found by words alone: it
        takes more than a clear difference to leave them out.
        """
        return self.gain is None or self.gain[2] >= -OVERWHELMING

    def __str__(self) -> str:
        share = "" if self.weight is None else f"; words count {self.weight:.0%}"
        if self.by_code is None or self.gain is None:
            return f"codes and words (BM25) are searched together{share}"
        words = "words (BM25)" if self.expansion.is_plain else "own and borrowed words (BM25)"
        mean, low, high = self.gain
        return (
            f"MRR of {self.questions:,} questions made of documents: {self.by_code:.3f} by code, "
            f"{self.by_words:.3f} by {words}, {self.by_both:.3f} by both, {mean:+.3f} "
            f"({low:+.3f} to {high:+.3f}) over the code{share}"
        )


def fuse(codes: Scored, words: Scored, weight: float) -> Scored:
    """Return the weighted sum of two rankings, best first, each brought to 0..1 before.

    Parameters
    ----------
    codes, words : (ids, scores)
        Higher is closer. What only one of them has counts as the lowest of the other.
    weight : float
        Of the words, in [0, 1].

    Returns
    -------
    ids, scores : ndarray of int64, ndarray of float32
        Scores in [0, 1]; equal ones by id.

    References
    ----------
    J. H. Lee, Analyses of multiple evidence combination, SIGIR 1997 (CombSUM).
    """
    ids = either(codes[0], words[0])
    total = np.zeros(len(ids), dtype=np.float32)
    # A document without any of the words scores 0, below the last that was found.
    lowest = float(codes[1].min(initial=np.inf))
    for (found, scores), share, low in ((codes, 1 - weight, lowest), (words, weight, 0.0)):
        if len(found):
            width = float(scores.max()) - low
            # What all have in common, a single one say, is the best there is.
            scaled = (scores - low) / width if width > 1e-9 else np.ones_like(scores)
            total[np.searchsorted(ids, found)] += share * scaled
    order = np.lexsort((ids, -total))
    return ids[order], total[order]


def weight_of_words(codes: Scored, words: Scored, worth: float = USUAL_WORTH) -> float:
    """Return how much the words of a query should count: the less, the more the code confirms them.

    Where the documents that are best by words are among the nearest by code too, the code has
    understood what was asked, and finds more than the words do; where it is far from them, it has
    not learned what the words say: names, numbers, another subject. And where the code finds little
    of what words find, in the whole collection, it is believed less.

    Parameters
    ----------
    codes, words : (ids, scores)
        Those of the code include the lowest that counts, at which its scale of 0 to 1 begins.
    worth : float
        How much the code finds of what words find, in [0, 1].

    Returns
    -------
    float
        In [0.2, 0.9].

    References
    ----------
    A. Shtok, O. Kurland and D. Carmel, Query performance prediction using reference lists, ACM
    TOIS 2016: a ranking is as good as its agreement with another one.
    """
    if not len(codes[0]) or not len(words[0]):
        return MOST
    best = words[0][np.argsort(-words[1], kind="stable")[:COMPARED]]
    low = float(codes[1].min())
    width = max(float(codes[1].max()) - low, 1e-9)
    confirmed = best[:, None] == codes[0]
    agreement = float((confirmed * (codes[1] - low)).sum() / width / len(best))
    doubt = STEEPNESS * (MIDDLE - agreement) + STEEPNESS_OF_WORTH * (USUAL_WORTH - worth)
    return LEAST + (MOST - LEAST) / (1 + math.exp(-doubt))


@dataclass(frozen=True)
class Lexical:
    """What the lexical index says of a query.

    Attributes
    ----------
    found : (ids, scores)
        The best by BM25.
    complete : ndarray of int64
        The documents that hold every word, if one of them is rare.
    """

    found: Scored
    complete: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @classmethod
    def of(cls, words: Words, terms: Sequence[str], k: int, among: Ids | None = None) -> Lexical:
        """Ask a lexical index, for the `k` best of all documents or of some."""
        complete = words.holding_all(terms, FEW)
        if among is not None:
            complete = complete[np.isin(complete, among)]
        return cls(words.search(terms, k, among=among), complete)


@dataclass(frozen=True)
class Mixture:
    """How codes and words are searched together.

    Attributes
    ----------
    weight : float or None
        Of the words, in [0, 1]; None: each query has its own.
    feedback : bool
        Whether the query is moved towards what was found first, and searched again.
    worth : float
        How much the code finds of what words find, in [0, 1].

    References
    ----------
    J. Rocchio, Relevance feedback in information retrieval, 1971.
    """

    weight: float | None = None
    feedback: bool = True
    worth: float = USUAL_WORTH

    def search(
        self,
        query: Floats | None,
        nearest: Callable[[Floats], Scored],
        lexical: Lexical,
        codes_of: Callable[[Ids], Floats],
    ) -> Scored:
        """Search by code and words.

        Parameters
        ----------
        query : ndarray of float32, shape (1, code_size), or None
            None where no code is had: then words alone are searched.
        nearest : callable
            From such a code to the nearest documents and their scores.
        lexical : Lexical
        codes_of : callable
            Codes of documents by id.

        Returns
        -------
        ids, scores : ndarray of int64, ndarray of float32
            Best first, scores in [0, 1]. Those that hold every word, one of them rare, come first.
        """
        words = lexical.found
        if query is None or (self.weight == WORDS_ALONE and len(words[0])):
            found = words[0], words[1] / max(1e-9, float(words[1].max(initial=0)))
        else:
            found = self._fused(query, nearest, words, codes_of)
        return lifted(found, lexical.complete)

    def _fused(
        self,
        query: Floats,
        nearest: Callable[[Floats], Scored],
        words: Scored,
        codes_of: Callable[[Ids], Floats],
    ) -> Scored:
        codes = nearest(query)
        weight = self.weight
        if weight is None:
            weight = weight_of_words(codes, words, self.worth)
        found = fuse(codes, words, weight)
        if not self.feedback or not len(found[0]):
            return found
        moved = query + STRENGTH * codes_of(found[0][:FEEDBACK]).mean(axis=0, keepdims=True)
        moved /= max(float(np.linalg.norm(moved)), 1e-12)
        return fuse(nearest(moved.astype(np.float32)), words, weight)


def lifted(found: Scored, first: Ids) -> Scored:
    """Return a ranking in which some documents come first, none with less than those behind."""
    ids, scores = found
    is_first = np.isin(ids, first)
    if not is_first.any():
        return found
    order = np.argsort(~is_first, kind="stable")
    ids, scores, count = ids[order], scores[order], int(is_first.sum())
    most = float(scores[count:].max(initial=0))
    return ids, np.concatenate([np.maximum(scores[:count], most), scores[count:]])
