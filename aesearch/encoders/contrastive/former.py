"""How `agreement` joined its descriptions up to version 1.x: for encoders that were made then.

Their weights were fixed by kind of picture; today they are told from the collection
(`closed/weights.py`). Kept so that the graphs of an older index can be written again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from aesearch.encoders.layers.blocks import (
    ContourGrid,
    Resample,
    ResidualBackbone,
    Thumbnail,
    averaging,
    unit,
)
from aesearch.encoders.layers.projection import Projection
from aesearch.encoders.training.data import fold, to_pixels


@dataclass(frozen=True)
class Fusion:
    """How the branches of a family become one code.

    Parameters
    ----------
    thumbnail, contours : float
        Length of the fixed branches where the learned one has length 1; 0 leaves a branch out.
    mirror : bool
        Whether learned features are averaged with those of the mirror image.
    cells : int
        Side of the grid of contours.
    root : bool
        Whether contours are compared by their square roots, so that faint ones count too.

    References
    ----------
    R. Arandjelovic and A. Zisserman, Three things everyone should know to improve object
    retrieval, CVPR 2012 (square roots of histograms of gradients).
    """

    thumbnail: float
    contours: float
    mirror: bool
    cells: int = 4
    root: bool = False

    def lengths(self) -> list[float]:
        """Return the length of each branch that is there, the learned one first."""
        return [1.0, *(length for length in (self.thumbnail, self.contours) if length)]


FUSIONS = {
    # Measured on photos: contours carry more than colors of the thumbnail.
    "photo": Fusion(0.5, 1.0, True),
    # What stands alone in the middle is told by its outline and its seams.
    "object": Fusion(0.7, 1.4, True, cells=9, root=True),
    "glyph": Fusion(0.0, 0.0, False),
    "table": Fusion(1.0, 0.0, False),
}


class FormerGraph(nn.Module):
    """From pictures (or rows of a table) as they are stored to ``(code, latent)``.

    Parameters
    ----------
    backbone : ResidualBackbone
    channels, side : int
        Of the pictures.
    fusion : Fusion
    sizes : list of int
        Columns kept of each branch; code_size last.
    columns : int or None
        Columns of a table, or None for pictures.
    """

    low: Tensor
    width: Tensor

    def __init__(
        self,
        backbone: ResidualBackbone,
        channels: int,
        side: int,
        fusion: Fusion,
        sizes: list[int],
        columns: int | None,
    ) -> None:
        super().__init__()
        self.backbone, self.fusion, self.columns = backbone, fusion, columns
        self.pyramid = Resample(averaging(backbone.side_of_maps(side), 2))
        inputs = [4 * backbone.outputs]
        self.thumbnail = Thumbnail(side) if fusion.thumbnail else None
        self.contours = ContourGrid(side, fusion.cells) if fusion.contours else None
        if self.thumbnail is not None:
            inputs.append(channels * min(side, Thumbnail.largest) ** 2)
        if self.contours is not None:
            inputs.append(self.contours.size)
        self.branches = nn.ModuleList(
            Projection(i, o) for i, o in zip(inputs, sizes[:-1], strict=True)
        )
        self.output = Projection(sum(sizes[:-1]), sizes[-1])
        if columns is not None:
            self.register_buffer("low", torch.zeros(columns))
            self.register_buffer("width", torch.ones(columns))

    def layout(self) -> dict[str, Any]:
        """Return what it takes to make such a graph, as JSON holds it."""
        return {"sizes": [b.matrix.shape[1] for b in (*self.branches, self.output)]}

    def pixels(self, x: Tensor) -> Tensor:
        """Return floats in 0..1, channels first."""
        if self.columns is not None:
            return fold(x.float(), self.low, self.width)
        return to_pixels(x)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the rows of each branch, of pixels in 0..1, before any projection."""
        found = [self._learned(x)]
        if self.thumbnail is not None:
            found.append(self.thumbnail(x))
        if self.contours is not None:
            contours = self.contours(x)
            found.append(contours.sqrt() if self.fusion.root else contours)
        return found

    def _learned(self, x: Tensor) -> Tensor:
        rows: Tensor = self.pyramid(self.backbone(x)).flatten(1)
        if self.fusion.mirror:
            rows = 0.5 * (rows + self.pyramid(self.backbone(x.flip(3))).flatten(1))
        return rows

    def joined(self, features: list[Tensor]) -> Tensor:
        """Return the branches projected, each at its length, side by side."""
        lengths = self.fusion.lengths()
        return torch.cat(
            [
                length * unit(branch(rows))
                for length, branch, rows in zip(lengths, self.branches, features, strict=True)
            ],
            dim=1,
        )

    def latents(self, x: Tensor) -> Tensor:
        """Latent codes of pixels in 0..1."""
        found: Tensor = self.output(self.joined(self.features(x)))
        return found

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (code, latent), both (n, code_size): code is the latent at length 1."""
        latent = self.latents(self.pixels(x))
        return unit(latent), latent
