"""Codes of the passages of long documents, beside those of the whole documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.modalities.texts.passages import Passage, passages_of
from aesearch.types import Floats

if TYPE_CHECKING:
    from aesearch.inference.encoder import FrozenEncoder
    from aesearch.modalities.texts.extract import Document
    from aesearch.storage.database import Store

# The engine knows a passage by the id of its document, and its own number, from 1, above that.
SHIFT = 40
DOCUMENT = (1 << SHIFT) - 1
BATCH = 4096


@dataclass
class PassageCodes:
    """The passages of some documents.

    Attributes
    ----------
    owners : list of int
        Row of the document that each passage belongs to.
    spans : list of Passage
    codes : ndarray of float32, shape (n, code_size)
    """

    owners: list[int]
    spans: list[Passage]
    codes: Floats

    def write(self, store: Store, ids: Mapping[int, int]) -> None:
        """Write them into the store; `ids` holds the ids of the documents by their rows.

        Documents without passages lose those that they had.
        """
        numbers: dict[int, int] = {}
        rows = []
        for owner, span, code in zip(self.owners, self.spans, self.codes, strict=True):
            if owner in ids:
                numbers[owner] = number = numbers.get(owner, 0) + 1
                rows.append((ids[owner] | number << SHIFT, ids[owner], *span, code))
        store.put_passages(ids.values(), rows)


def encode_passages(
    documents: Sequence[Document], features: Any, encoder: FrozenEncoder
) -> PassageCodes:
    """Split long documents into passages, and encode these."""
    passages = PassageCodes([], [], np.empty((0, encoder.code_size), dtype=np.float32))
    texts: list[str] = []
    parts: list[Floats] = []
    for row, document in enumerate(documents):
        for span in passages_of(document.text):
            passages.owners.append(row)
            passages.spans.append(span)
            texts.append(document.text[span.start : span.end])
        if len(texts) >= BATCH:
            parts.append(encoder.encode(features.transform(texts)))
            texts = []
    if texts:
        parts.append(encoder.encode(features.transform(texts)))
    if parts:
        passages.codes = np.concatenate(parts)
    return passages
