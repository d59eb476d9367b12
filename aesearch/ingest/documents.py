"""New documents: their passages have codes too, and their texts are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from aesearch.ingest.arrival import Arrival
from aesearch.ingest.passages import PassageCodes, encode_passages
from aesearch.storage.database import Store
from aesearch.storage.schema import KeptText
from aesearch.storage.snapshot import Snapshot
from aesearch.types import Ids


@dataclass
class DocumentArrival(Arrival):
    """New documents, encoded.

    Attributes
    ----------
    passages : PassageCodes or None
        None where there are no documents.
    """

    passages: PassageCodes | None = None

    @classmethod
    def of(cls, snapshot: Snapshot, samples: Sequence[Any]) -> Self:
        """Encode documents and their passages."""
        made = super().of(snapshot, samples)
        if samples:
            made.passages = encode_passages(samples, snapshot.features, snapshot.encoder)
        return made

    def write(  # documents have no fields
        self,
        store: Store,
        ids: Ids,
        labels: Sequence[str],
        fields: Sequence[str],  # noqa: ARG002
    ) -> None:
        """Write passages and texts."""
        if self.passages is not None:
            self.passages.write(store, dict(enumerate(ids.tolist())))
            store.keep_texts(
                KeptText(id, document.title, document.text, label, document.quoted)
                for id, document, label in zip(ids.tolist(), self.samples, labels, strict=True)
            )
