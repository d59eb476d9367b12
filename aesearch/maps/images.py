"""Pictures on a map: read again where their pixels are needed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import numpy as np

from aesearch.encoders.linear.pca import PCAEncoder
from aesearch.errors import (
    ContentError,
    SourceError,
)
from aesearch.ingest.decode import decode
from aesearch.maps.layouts import Panel, laid_out, plane_of
from aesearch.maps.material import FEWEST, Material
from aesearch.modalities.images.pixels import ImageFeatures
from aesearch.sources.base import Entry
from aesearch.sources.folder import Folder
from aesearch.types import Ids

if TYPE_CHECKING:
    from aesearch.types import Pixels


MOST_PICTURES = 10_000  # read again for the components of their pixels


BATCH = 512


class ImageMaterial(Material):
    """Pictures, read again where their pixels are needed."""

    @property
    def _pixels(self) -> ImageFeatures:
        return cast(ImageFeatures, self.features)

    def _read_store(self) -> None:
        super()._read_store()
        self.by_hand = self.index.folder.added_contents()

    def own(self) -> Panel:
        """The codes of two numbers, from the pixels read again."""
        latents = np.full((len(self.items), 2), np.nan, dtype=np.float32)
        for rows, pixels in self._read():
            latents[rows] = self.encoder.encode_with_latents(pixels)[1]
        present = int(np.isfinite(latents[:, 0]).sum())
        if present < FEWEST:
            raise ContentError(
                f"{present} of {len(self.items):,} pictures in {self.index.source} can be read "
                "again, and the index keeps no codes before they are brought to unit length; "
                "bring the pictures back, or choose another layout: --by pca"
            )
        return self._own_panel(latents)

    def baseline(self) -> Panel:
        """PCA of the pixels, or of the codes where these are not to be had."""
        if len(self.items) <= MOST_PICTURES:
            parts = list(self._read())
            rows = np.concatenate([np.empty(0, dtype=np.int64), *(rows for rows, _ in parts)])
            if len(rows) > len(self.items) // 2:
                pixels = np.concatenate([pixels for _, pixels in parts])
                pca = PCAEncoder(2, whiten=0, random_state=self.seed).fit(pixels)
                places = np.full((len(self.items), 2), np.nan, dtype=np.float32)
                places[rows] = plane_of(pca, pixels)
                return Panel("pca", "PCA of the pixels, 2 components", places)
        return laid_out(self.codes, "pca", self.seed, self.progress)

    def _read(self) -> Iterator[tuple[Ids, Pixels]]:
        """Yield the rows and pixels of the pictures that can be read, in batches."""
        rows: list[int] = []
        samples: list[Pixels] = []
        read = 0
        for row, sample in self._samples():
            rows.append(row)
            samples.append(sample)
            if len(rows) == BATCH:
                yield np.array(rows), self._pixels.stack(samples)
                read, rows, samples = read + BATCH, [], []
        if rows:
            yield np.array(rows), self._pixels.stack(samples)
        if gone := len(self.items) - read - len(rows):
            warnings.warn(
                f"{gone:,} of {len(self.items):,} pictures cannot be read again and are not drawn "
                "where their pixels are needed",
                stacklevel=2,
            )

    def _samples(self) -> Iterator[tuple[int, Pixels]]:
        numbers = {item.key: row for row, item in enumerate(self.items)}
        for key, png in self.by_hand.items():
            yield numbers[key], self._pixels.transform(png)
        walked = [item for item in self.items if item.key not in self.by_hand]
        entries = [Entry(item.key, item.size, item.mtime_ns) for item in walked]
        try:
            source = Folder(self.index.source)
        except SourceError:
            return
        for one in decode(source, entries, self._pixels.read, self.progress):
            if one.sample is not None:
                yield numbers[one.entry.key], one.sample
