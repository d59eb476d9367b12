"""Codes and words together: the fusion of two rankings, and feedback from the best of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aesearch.search.expansion import PLAIN, Expansion
from aesearch.types import Floats, Ids

Scored = tuple[Ids, Floats]

CANDIDATES = 1000  # of each ranking
FEEDBACK, STRENGTH = 8, 1.0
WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # never none: only words find a new name
DEFAULT_WEIGHT = 0.6  # of the words, where no check has shown another to be better
OVERWHELMING = 0.05  # of reciprocal rank, which words must clearly cost before they are left out


@dataclass(frozen=True)
class WordsCheck:
    """How well the openings of documents held out of training find the rest of them.

    By mean reciprocal rank.

    Attributes
    ----------
    weight : float
        Of the words in a hybrid search, in (0, 1).
    questions : int
        Openings that were asked; 0 where too few documents are long enough to find out.
    by_code, by_words, by_both : float or None
        Found by the codes, by BM25, and by both with this weight.
    gain : tuple of three floats, or None
        By how much more is found by both than by code, with the interval of the paired bootstrap.
    expansion : Expansion
        What documents borrow of each other; nothing by default.
    """

    weight: float = DEFAULT_WEIGHT
    questions: int = 0
    by_code: float | None = None
    by_words: float | None = None
    by_both: float | None = None
    gain: tuple[float, float, float] | None = None
    expansion: Expansion = PLAIN

    @classmethod
    def of(cls, check: Mapping[str, Any] | None) -> WordsCheck:
        """Return what the check of an index found out about words.

        Checks of earlier versions, kept as "words" and "hybrid", asked what the code had learned
        from, and so left words out: an index that has one is searched as if it had none.
        """
        kept = dict((check or {}).get("fusion", {}))
        expansion = Expansion(**kept.pop("expansion", {}))
        return cls(**kept, expansion=expansion)

    @property
    def prefers_both(self) -> bool:
        """Whether a text is searched by both unless told otherwise.

        Made-up questions are not those that people ask, and names are found by words alone: it
        takes more than a clear difference to leave them out.
        """
        return self.gain is None or self.gain[2] >= -OVERWHELMING

    def __str__(self) -> str:
        if self.by_code is None:
            return f"words (BM25) count {self.weight:.0%}, the code the rest"
        return (
            f"a document's first words find the rest of it with MRR {self.by_code:.3f} by code, "
            f"{self.by_words:.3f} by words (BM25), {self.by_both:.3f} by both (words count "
            f"{self.weight:.0%})"
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
    ids = np.union1d(codes[0], words[0])
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


def with_feedback(
    query: Floats | None,
    nearest: Callable[[Floats], Scored],
    words: Scored,
    codes_of: Callable[[Ids], Floats],
    weight: float,
) -> Scored:
    """Search by code and words, move the query towards what was found first, and search again.

    Parameters
    ----------
    query : ndarray of float32, shape (1, code_size), or None
        None where no code is had: then words alone are searched.
    nearest : callable
        From such a code to the nearest documents and their scores.
    words : (ids, scores)
        What BM25 found.
    codes_of : callable
        Codes of documents by id.
    weight : float
        Of the words.

    References
    ----------
    J. Rocchio, Relevance feedback in information retrieval, 1971.
    """
    if query is None:
        return words[0], words[1] / max(1e-9, float(words[1].max(initial=0)))
    first = fuse(nearest(query), words, weight)[0][:FEEDBACK]
    if not len(first):
        return fuse(nearest(query), words, weight)
    moved = query + STRENGTH * codes_of(first).mean(axis=0, keepdims=True)
    moved /= max(float(np.linalg.norm(moved)), 1e-12)
    return fuse(nearest(moved.astype(np.float32)), words, weight)
