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
from aesearch.ingest.differences import source_of
from aesearch.maps.layouts import Panel, coordinates_of, layout_of
from aesearch.maps.material import FEWEST, Material
from aesearch.modalities.images.pixels import ImageFeatures
from aesearch.sources.base import Entry
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
        self.added = self.index.folder.added_contents()

    def own(self) -> Panel:
        """Layout by codes of two dimensions, from the pixels read again."""
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
        """PCA of the pixels, or of the codes where few pictures can be read."""
        if len(self.items) <= MOST_PICTURES:
            parts = list(self._read())
            rows = np.concatenate([np.empty(0, dtype=np.int64), *(rows for rows, _ in parts)])
            if len(rows) > len(self.items) // 2:
                pixels = np.concatenate([pixels for _, pixels in parts])
                pca = PCAEncoder(2, whiten=0, random_state=self.seed).fit(pixels)
                coordinates = np.full((len(self.items), 2), np.nan, dtype=np.float32)
                coordinates[rows] = coordinates_of(pca, pixels)
                return Panel("pca", "PCA of the pixels, 2 components", coordinates)
        return layout_of(self.codes, "pca", self.seed, self.progress)

    def _read(self) -> Iterator[tuple[Ids, Pixels]]:
        """The rows and pixels of the pictures that can be read, in batches."""
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
        for key, png in self.added.items():
            yield numbers[key], self._pixels.transform(png)
        scanned = [item for item in self.items if item.key not in self.added]
        entries = [Entry(item.key, item.size, item.mtime_ns) for item in scanned]
        try:
            source = source_of(self.index.folder)
        except SourceError:
            return
        for one in decode(source, entries, self._pixels.read, self.progress):
            if one.sample is not None:
                yield numbers[one.entry.key], one.sample
