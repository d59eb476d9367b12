"""Vectors on a map: by their codes, and where these have two numbers, read again."""

from __future__ import annotations

from typing import cast

import numpy as np

from aesearch.indexing.datasets.vectors import VectorDataset
from aesearch.maps.layouts import Panel, layout_of
from aesearch.maps.material import Material
from aesearch.modalities.vectors.features import VectorFeatures


class VectorMaterial(Material):
    """Vectors, of which the index keeps the codes."""

    def own(self) -> Panel:
        """The codes of two numbers, from the vectors read again."""
        features = cast(VectorFeatures, self.features)
        dataset = VectorDataset.again(self.index.folder, features, self.progress)
        latents = np.full((len(self.items), 2), np.nan, dtype=np.float32)
        rows = {item.key: row for row, item in enumerate(self.items)}
        found = self.encoder.encode_with_latents(dataset.rows)[1]
        for item, latent in zip(dataset.items, found, strict=True):
            if item.key in rows:
                latents[rows[item.key]] = latent
        return self._own_panel(latents)

    def baseline(self) -> Panel:
        """PCA of the codes."""
        return layout_of(self.codes, "pca", self.seed, self.progress)
