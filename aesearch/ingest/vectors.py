"""New vectors: label and fields are kept beside their codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aesearch.ingest.arrival import Arrival
from aesearch.sources.base import NONE, Source
from aesearch.storage.database import Store
from aesearch.storage.schema import KeptText
from aesearch.types import Ids


@dataclass
class VectorArrival(Arrival):
    """New vectors, encoded."""

    def write(self, store: Store, ids: Ids, labels: Sequence[str], fields: Sequence[str]) -> None:
        """Write labels and fields."""
        keep_fields(store, ids.tolist(), labels, fields)

    @staticmethod
    def renew(store: Store, source: Source, keys: Sequence[str]) -> None:
        """Write labels and fields anew."""
        ids = store.ids_of(keys)
        known = list(ids)
        keep_fields(store, list(ids.values()), source.labels(known), source.fields(known))


def keep_fields(
    store: Store, ids: Sequence[int], labels: Sequence[str], fields: Sequence[str]
) -> None:
    """Write what is said of items, by id: fields as JSON stand where documents have their text."""
    store.keep_texts(
        KeptText(id, "", "" if own == NONE else own, label)
        for id, label, own in zip(ids, labels, fields, strict=True)
    )
