"""Dense search: from the code of a query to the nearest items; what pictures and vectors need."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.errors import ParameterError, UnsupportedError
from aesearch.search.hits import Found, Hit, Limits
from aesearch.search.query import Query
from aesearch.search.sets import common
from aesearch.search.together import Joint
from aesearch.sources.base import digest_of
from aesearch.sources.content import read_content
from aesearch.storage.places import key_for
from aesearch.storage.snapshot import Snapshot
from aesearch.types import Floats, Ids

if TYPE_CHECKING:
    from aesearch.search.explain import Explanation
    from aesearch.storage.backend import Backend


class Ranker:
    """How the items of one kind are found and shown; `Modality.parts` names the one of each kind.

    Parameters
    ----------
    backend : Backend
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    # -- queries ---------------------------------------------------------------------------------

    def query(self, content: Any) -> Query:
        """Read what is searched with.

        Raises
        ------
        ContentError
            If it cannot be read.
        """
        features = self.backend.snapshot().features
        return Query(*read_content(self.backend.modality, features, content))

    def codes(self, snapshot: Snapshot, queries: Sequence[Query]) -> Floats:
        """The codes of queries, of shape (n, code_size)."""
        rows = snapshot.features.stack([query.sample for query in queries])
        return snapshot.encoder.encode(rows)

    # -- ranking ---------------------------------------------------------------------------------

    def rank(
        self, snapshot: Snapshot, queries: Sequence[Query], limits: Limits
    ) -> list[list[Found]]:
        """The best items for each query, those of its very content first."""
        self.refuse_hybrid(limits)
        self.refuse_copies(limits)
        exact = [self.exact(query) for query in queries]
        return self.nearest(snapshot, self.codes(snapshot, queries), limits, exact)

    def together(self, snapshot: Snapshot, joint: Joint, limits: Limits) -> list[Found]:
        """The best items for several queries as one.

        Raises
        ------
        UnsupportedError
            If hybrid or copies is asked for.
        """
        self.refuse_hybrid(limits)
        self.refuse_joint_copies(limits)
        code = self.joint_code(snapshot, joint)
        assert code is not None  # every picture and every vector has one
        return self.nearest(snapshot, code, limits, [[]])[0]

    def joint_code(self, snapshot: Snapshot, joint: Joint) -> Floats | None:
        """The code of several queries as one; see `Joint.code`."""
        return joint.code(partial(self.codes, snapshot), self.backend.codes_of)

    def refuse_hybrid(self, limits: Limits) -> None:
        """Raise UnsupportedError where words are asked for, and the kind has none."""
        if limits.hybrid:
            raise UnsupportedError(
                f"{self.backend.name} is an index of {self.backend.modality.noun}s; only documents "
                "have words that could be ranked: leave out hybrid"
            )

    def refuse_joint_copies(self, limits: Limits) -> None:
        """Raise UnsupportedError where copies are asked for of several queries as one."""
        if limits.copies:
            raise UnsupportedError(
                "the picture that a query was made from is looked for with one query alone, "
                "without unlike: leave out copies"
            )

    def refuse_copies(self, limits: Limits) -> None:
        """Raise UnsupportedError where copies are asked for, and the kind has none."""
        if limits.copies:
            raise UnsupportedError(
                f"{self.backend.name} is an index of {self.backend.modality.noun}s; altered copies "
                "are looked for of pictures only: leave out copies"
            )

    def exact(self, query: Query) -> list[int]:
        """The items of just this content, that of the query's own path first."""
        if query.typed:
            return []
        same = self.backend.same_content(digest_of(query.raw))
        if not same:
            return []
        key = None if query.path is None else key_for(self.backend.source, query.path)
        return [id for id, _ in sorted(same, key=lambda pair: (pair[1] != key, pair[0]))]

    def nearest(
        self,
        snapshot: Snapshot,
        codes: Floats,
        limits: Limits,
        exact: Sequence[Sequence[int]],
    ) -> list[list[Found]]:
        """The nearest items of each code; those in `exact` come first, with score 1.

        Parameters
        ----------
        snapshot : Snapshot
        codes : ndarray of float32, shape (n, code_size)
        limits : Limits
        exact : sequence of n sequences of int
        """
        allowed, count = self.allowed(snapshot, limits)
        k = min(limits.k, count)
        if not k:
            return [[] for _ in codes]
        ids, scores = snapshot.engine.search(codes, k, among=allowed)
        return [
            _best(found, close, first, allowed, k)
            for found, close, first in zip(ids, scores, exact, strict=True)
        ]

    def allowed(self, snapshot: Snapshot, limits: Limits) -> tuple[Ids | None, int]:
        """The rows that may be found, None for all of them, and how many these are."""
        if limits.k < 1:
            raise ParameterError(f"k must be at least 1; got {limits.k}")
        matching = self.matching(limits)
        return matching, len(snapshot.engine if matching is None else matching)

    def matching(self, limits: Limits) -> Ids | None:
        """The ids of the items that may be found, ascending; None for all of them."""
        if limits.only is not None or limits.are_open:
            return limits.only
        found = None if limits.among is None else self._meant(limits.among)
        if limits.where is not None:
            met = self.backend.meeting(limits.where.met)
            found = met if found is None else common(found, met)
        if limits.not_among:
            if found is None:
                found = self.backend.ids()
            found = np.setdiff1d(found, self._meant(limits.not_among), assume_unique=True)
        return found

    def _meant(self, globs: tuple[str, ...]) -> Ids:
        """The ids of the items that one of some globs means, ascending."""
        keys = self.backend.ids_of(globs)
        exact = np.fromiter(keys.values(), dtype=np.int64, count=len(keys))
        others = [self.backend.matching(glob) for glob in globs if glob not in keys]
        return np.unique(np.concatenate([exact, *others]))

    # -- showing ---------------------------------------------------------------------------------

    def hits(
        self, snapshot: Snapshot, found: Sequence[Found], query: Query | None, limits: Limits
    ) -> list[Hit]:
        """Found items as hits; one that was removed meanwhile is left out."""
        keys = self.backend.keys_of(one.id for one in found)
        paths, fields = self.backend.paths_of(keys), self.backend.fields_of(keys)
        return [
            Hit(one.score, keys[one.id], paths[one.id], fields=fields.get(one.id), same=one.same)
            for one in found
            if one.id in keys and not _too_low(one.score, limits)
        ]

    def query_of(self, snapshot: Snapshot, key: str) -> Query | None:
        """The query that stands for an item where its hits are shown; None where none is needed."""
        return None

    # -- what only words allow -------------------------------------------------------------------

    @property
    def is_hybrid(self) -> bool:
        """Whether typed words count beside the codes."""
        return False

    def faults(self, *, repair: bool = False) -> list[str]:
        """What is wrong with what is kept beside the codes, a line each; `repair` makes it anew."""
        return []

    def prepare(self) -> None:
        """Do now what the first query after a change would do: nothing here."""

    def notes(self, query: Query) -> list[str]:
        """What is to be said of how a typed query was read: of what is no text, nothing."""
        return []

    def unknown_words(self, query: Query, *, hybrid: bool | None) -> list[str]:
        """The words of a query that a search passes over: of what is no text, none."""
        return []

    def explain(self, query: Query, key: str, top: int) -> Explanation:
        """Refuse: an explanation is made of words."""
        raise UnsupportedError(
            f"{self.backend.name} is an index of {self.backend.modality.noun}s; only documents "
            "can be explained by their words"
        )


def _best(
    ids: Ids, scores: Floats, exact: Sequence[int], allowed: Ids | None, k: int
) -> list[Found]:
    """The best `k` of one query: `exact` first, and what was found after them."""
    if allowed is not None and exact:
        kept = set(allowed.tolist())
        exact = [id for id in exact if id in kept]
    best = {id: Found(id, 1.0, id) for id in exact[:k]}
    for id, score in zip(ids.tolist(), np.clip(scores, -1, 1).tolist(), strict=True):
        if id >= 0:
            best.setdefault(id, Found(id, score, id))
    return list(best.values())[:k]


def _too_low(score: float, limits: Limits) -> bool:
    return limits.threshold is not None and score < limits.threshold
