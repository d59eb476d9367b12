"""Pictures of a collection in memory: uint8 squares."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from aesearch.evaluation.perturbations import perturbed
from aesearch.indexing.datasets.base import Dataset, Reading, room
from aesearch.indexing.datasets.probe import probe
from aesearch.modalities.images import Images
from aesearch.modalities.images.pixels import is_grey
from aesearch.settings import FEWEST_TO_FIT
from aesearch.types import Ids

if TYPE_CHECKING:
    from aesearch.storage.database import Store
    from aesearch.types import Pixels


class _Squares:
    """Small pictures as they come in, of one channel as long as all are grey.

    Parameters
    ----------
    expected : int
        How many will come, about.
    """

    def __init__(self, expected: int) -> None:
        self._expected = max(1, expected)
        self.count = 0
        self.pixels: Pixels = np.empty((0, 0, 0, 1), dtype=np.uint8)

    def keep(self, sample: Pixels) -> None:
        """Take one, (side, side, channels)."""
        if self.pixels.shape[3] == 1 and sample.shape[2] == 3:
            if is_grey(sample):
                sample = sample[:, :, :1]
            else:
                self._enlarge(max(len(self.pixels), self._expected), sample.shape)
        if self.count == len(self.pixels):
            shape = (*sample.shape[:2], max(sample.shape[2], self.pixels.shape[3]))
            self._enlarge(max(2 * self.count, self._expected), shape)
        self.pixels[self.count] = sample
        self.count += 1

    def _enlarge(self, rows: int, shape: tuple[int, ...]) -> None:
        larger = room((rows, *shape), np.uint8)
        if self.count:
            larger[: self.count] = self.pixels[: self.count]  # grey is the same in all channels
        self.pixels = larger


@dataclass
class ImageDataset(Dataset):
    """Pictures: `pixels` is uint8 of shape (n, side, side, channels)."""

    kind: ClassVar[str] = Images.name
    fewest_to_fit: ClassVar[int] = FEWEST_TO_FIT
    pixels: Pixels = field(default_factory=lambda: np.empty((0, 0, 0, 0), dtype=np.uint8))

    @classmethod
    def read(cls, reading: Reading) -> Self:
        """Decode all pictures, on all cores."""
        from aesearch.modalities.images.pixels import ImageFeatures

        features: ImageFeatures | None = reading.features
        squares = _Squares(len(reading.entries) + len(reading.by_hand))
        if features is None:  # grey only where all are, which is known at the end
            side = probe(reading.source, reading.entries, reading.settings.seed)
            read_as = ImageFeatures(side, narrow=True)
        else:
            read_as = features
        for _, png in reading.by_hand:
            squares.keep(read_as.transform(png))
        looks = Images().part("looks")()
        read_as = replace(Images().limited(read_as, reading.settings), look=looks.made)
        by_hand = [item for item, _ in reading.by_hand]
        found = reading.gather(read_as.read, squares.keep, by_hand, read_as)
        found.require(reading.source, Images.noun)
        labels = reading.source.labels([item.key for item in found.items])
        pixels = squares.pixels[: squares.count]
        return cls(*found, labels, features or ImageFeatures(*pixels.shape[2:]), pixels)

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
        """Keep what altered copies are found by, where reading made it: see `originals`."""
        made = [(id, one) for id, one in zip(ids.tolist(), self.items, strict=True) if one.look]
        Images().part("looks").put(store, [(id, one.digest, one.look) for id, one in made])
