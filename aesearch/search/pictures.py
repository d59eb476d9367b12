"""Search in pictures: before those that are alike comes the one that the query was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aesearch.modalities.given import as_given
from aesearch.search.hits import UNCHANGED, Found, Limits
from aesearch.search.query import Query
from aesearch.search.ranker import Ranker

if TYPE_CHECKING:
    from aesearch.storage.snapshot import Snapshot


LOOKED_AT = 2  # of the nearest by codes, whatever k is: each page of hits is of the same ranking


class PictureRanker(Ranker):
    """Pictures: by codes, and their originals before them."""

    @cached_property
    def _originals(self) -> Any:
        return self.backend.modality.part("originals")(self.backend)

    def query(self, content: Any) -> Query:
        """Read what is searched with; the whole of it is looked at again for originals."""
        content = as_given(content)  # an open file is read once
        return replace(super().query(content), content=content)

    def rank(
        self, snapshot: Snapshot, queries: Sequence[Query], limits: Limits
    ) -> list[list[Found]]:
        """The originals of each query, and then what is nearest by codes."""
        wide = limits if limits.k < 1 else limits._replace(k=max(limits.k, LOOKED_AT))
        found = super().rank(snapshot, queries, wide._replace(copies=None))
        if limits.copies is False:
            return [own[: limits.k] for own in found]
        matching = self.matching(limits)
        allowed = None if matching is None else set(matching.tolist())
        return [
            self._with_originals(query, own, limits.k, allowed)
            for query, own in zip(queries, found, strict=True)
        ]

    def _with_originals(
        self, query: Query, found: list[Found], k: int, allowed: set[int] | None
    ) -> list[Found]:
        exact = set(self.exact(query))
        if exact:  # what it was made from is known
            found = [one._replace(same=UNCHANGED) if one.id in exact else one for one in found]
            return found[:k]
        same = {
            one.id: Found(one.id, 1.0, one.id, one.how)
            for one in self._originals.find(query, [one.id for one in found])
            if allowed is None or one.id in allowed
        }
        return [*same.values(), *(one for one in found if one.id not in same)][:k]
