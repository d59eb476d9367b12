"""New items with their codes, and what their modality stores beside these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from aesearch.sources.base import Source
from aesearch.storage.database import Store
from aesearch.storage.folder import IndexFolder
from aesearch.storage.snapshot import Snapshot
from aesearch.types import Floats, Ids


@dataclass
class Arrival:
    """New items, encoded; `Modality.parts` names the class of each kind.

    Attributes
    ----------
    samples : sequence of n objects
    codes : ndarray of float32, shape (n, code_size)
    errors : ndarray of float32, shape (n,)
        Of reconstruction.
    """

    samples: Sequence[Any]
    codes: Floats
    errors: Floats

    @classmethod
    def of(cls, snapshot: Snapshot, samples: Sequence[Any]) -> Self:
        """Encode samples with the encoder of a revision."""
        encoder = snapshot.encoder
        if not samples:
            none = np.empty((0, encoder.code_size), np.float32)
            return cls([], none, np.empty(0, np.float32))
        return cls(samples, *encoder.errors(snapshot.features.stack(samples)))

    def write(self, store: Store, ids: Ids, labels: Sequence[str], fields: Sequence[str]) -> None:
        """Write what is stored beside the codes: of pictures, nothing.

        Parameters
        ----------
        store : Store
        ids : ndarray of int64, shape (n,)
        labels, fields : sequence of n str
            As the source has them; "" for none.
        """

    @staticmethod
    def renew(store: Store, source: Source, keys: Sequence[str]) -> None:
        """Write anew what the source says of items whose content is as it was: the labels."""
        store.relabel(zip(keys, source.labels(keys), strict=True))


def encode(folder: IndexFolder, samples: Sequence[Any]) -> Arrival:
    """New items, encoded, with what their modality stores beside the codes."""
    arrival: type[Arrival] = folder.modality.part("arrival")
    return arrival.of(folder.snapshot(), samples)
