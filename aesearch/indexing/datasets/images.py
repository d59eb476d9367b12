"""Pictures of a collection in memory: uint8 squares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from aesearch.evaluation.perturbations import perturbed
from aesearch.indexing.datasets.base import Dataset, Reading, room
from aesearch.indexing.datasets.probe import probe
from aesearch.modalities.images import Images
from aesearch.settings import FEWEST_TO_FIT
from aesearch.types import Ids

if TYPE_CHECKING:
    from aesearch.modalities.images.pixels import ImageFeatures
    from aesearch.storage.database import Store
    from aesearch.types import Pixels


@dataclass
class ImageDataset(Dataset):
    """Pictures: `pixels` is uint8 of shape (n, side, side, channels)."""

    kind: ClassVar[str] = Images.name
    fewest_to_fit: ClassVar[int] = FEWEST_TO_FIT
    pixels: Pixels = field(default_factory=lambda: np.empty((0, 0, 0, 0), dtype=np.uint8))

    @classmethod
    def read(cls, reading: Reading) -> Self:
        """Decode all pictures, on all cores."""
        features: ImageFeatures = reading.features or probe(
            reading.source, reading.entries, reading.spool
        )
        count = len(reading.entries) + len(reading.by_hand)
        pixels = room((count, *features.shape), np.uint8)
        for row, (_, png) in enumerate(reading.by_hand):
            pixels[row] = features.transform(png)
        row = len(reading.by_hand)

        def keep(sample: Pixels) -> None:
            nonlocal row
            pixels[row] = sample
            row += 1

        found = reading.gather(features.read, keep, [item for item, _ in reading.by_hand], features)
        found.require(reading.source, Images.noun)
        labels = reading.source.labels([item.key for item in found.items])
        return cls(*found, labels, features, pixels[: len(found.items)])

    @property
    def samples(self) -> Pixels:
        """The pixels."""
        return self.pixels

    def perturbed(self, rows: Ids, seed: int) -> Pixels:
        """Return pictures with a border lost, other light, blurred or recompressed."""
        return perturbed(self.pixels[rows], seed)

    def seen(self, samples: Pixels, features: Any) -> Pixels:
        """Return the pixels as they are."""
        return samples

    def keep(self, store: Store, ids: Ids) -> None:
        """Keep nothing: pictures are in their files."""
