"""Why a document was found: the words that both hold, and what the code says both are about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aesearch.modalities.texts.features import FORGOTTEN

if TYPE_CHECKING:
    from aesearch.inference.encoder import FrozenEncoder
    from aesearch.modalities.texts.features import TextFeatures
    from aesearch.search.bm25 import Words
    from aesearch.search.query import Query
    from aesearch.sparse import SparseRows


class Term(NamedTuple):
    """A word, and its part in the similarity."""

    word: str
    weight: float


@dataclass(frozen=True)
class Explanation:
    """Why two texts are similar.

    Attributes
    ----------
    shared : tuple of Term
        Words that both hold; the weights of all of them sum to the cosine of their weighted words.
        Words that the code does not know have the weight 0, and are last.
    code : tuple of Term
        Words that the decoder puts in both, more than in the usual document; the weights are
        shares of all that it puts in both. None where the code knows no word of one.
    borrowed : tuple of str
        Words of the query that the hit does not hold, and by which BM25 found it all the same:
        they stand in similar documents.
    """

    shared: tuple[Term, ...]
    code: tuple[Term, ...]
    borrowed: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON; "borrowed" is named where there is any."""
        found: dict[str, Any] = {
            name: [{"word": term.word, "weight": round(term.weight, 4)} for term in terms]
            for name, terms in (("shared", self.shared), ("code", self.code))
        }
        return found | ({"borrowed": list(self.borrowed)} if self.borrowed else {})


def borrowed_words(words: Words, query: Query, id: int) -> tuple[str, ...]:
    """Return the words of a query that a document borrows of its neighbors, in their order."""
    asked = set(words.terms_of(query.syntax.plain))
    units = words.analyzer.units(query.syntax.plain)
    found = (
        unit.text
        for unit in units
        if any(words.borrows(id, term) for term in unit.all_terms() if term in asked)
    )
    return tuple(dict.fromkeys(found))


def explain(
    features: TextFeatures,
    encoder: FrozenEncoder,
    query: SparseRows,
    hit: SparseRows,
    top: int = 8,
    unlearned: Iterable[str] = (),
) -> Explanation:
    """Explain why a document is near to a query.

    Parameters
    ----------
    features : TextFeatures
    encoder : FrozenEncoder
    query, hit : SparseRows of one row
        Weighted words of both.
    top : int, default=8
        Most terms of each kind.
    unlearned : iterable of str
        Words that both hold and the code does not know: by these BM25 found it.
    """
    one, other = query.toarray()[0], hit.toarray()[0]
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    shared = one * other / max(lengths, 1e-12)
    both_say = (*_leading(features, shared, top), *(Term(word, 0.0) for word in unlearned))[:top]
    if not (one.any() and other.any()):  # a code of no words says nothing
        return Explanation(both_say, ())
    latents = [encoder.encode_with_latents(row)[1] for row in (query, hit)]
    usual = encoder.decode(encoder.prior.means.mean(axis=0, keepdims=True).astype(np.float32))[0]
    above = [np.maximum(encoder.decode(latent)[0] - usual, 0) for latent in latents]
    both = above[0] * above[1]
    return Explanation(both_say, _leading(features, both / max(both.sum(), 1e-12), top))


def _leading(features: TextFeatures, weights: NDArray[np.float32], top: int) -> tuple[Term, ...]:
    order = np.argsort(-weights, kind="stable").tolist()
    leading = (n for n in order if weights[n] > 0 and features.words[n] != FORGOTTEN)
    return tuple(Term(features.words[n], float(weights[n])) for n in islice(leading, top))
