"""Search in vectors: by their codes, with the fields of each hit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from aesearch.modalities.vectors.features import as_bytes
from aesearch.search.ranker import Ranker

if TYPE_CHECKING:
    from aesearch.search.hits import Found, Hit, Limits
    from aesearch.search.query import Query
    from aesearch.storage.snapshot import Snapshot


class VectorRanker(Ranker):
    """Vectors, with the fields that their table has."""

    def exact(self, query: Query) -> list[int]:
        """The items of just this content: of this file, or of these numbers."""
        return super().exact(query) or super().exact(replace(query, raw=as_bytes(query.sample)))

    def hits(
        self, snapshot: Snapshot, found: Sequence[Found], query: Query | None, limits: Limits
    ) -> list[Hit]:
        """Found items as hits, each with its fields."""
        hits = super().hits(snapshot, found, query, limits)
        if all(hit.fields for hit in hits):
            return hits
        ids = self.backend.ids_of(hit.key for hit in hits)  # of an index of an earlier version
        kept = self.backend.texts_of(ids.values())
        texts = {key: kept[id].text for key, id in ids.items() if id in kept}
        return [
            replace(hit, fields=json.loads(text)) if (text := texts.get(hit.key)) else hit
            for hit in hits
        ]
