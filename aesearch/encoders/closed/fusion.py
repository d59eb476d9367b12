"""Several descriptions of a picture, joined to one code; nothing in it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from aesearch.encoders.layers.blocks import ContourGrid, Resample, Thumbnail, resampling, unit
from aesearch.encoders.layers.descriptors import ColorHistogram, PatchTransform
from aesearch.encoders.layers.projection import Projection, principal
from aesearch.encoders.training.data import Source, blocks, fold, from_pixels, to_pixels
from aesearch.types import Array

CELLS = 8  # of the grid of contours, a side
OUTPUT_POWER = 0.25
# Most components of each description, and the power of their deviations that they are divided by.
FORMS: Mapping[str, tuple[int, float]] = {
    "contours": (64, 0.5),
    "thumbnail": (64, 0.5),
    "colors": (64, 0.25),
    "patches": (128, 0.5),
}


def description(name: str, side: int, channels: int, patches: Sequence[int] = (2, 1)) -> nn.Module:
    """Make the layer of a description; `patches` are the numbers that its transform has."""
    if name == "contours":
        return ContourGrid(side, CELLS)
    if name == "thumbnail":
        return Thumbnail(side)
    if name == "colors":
        return ColorHistogram(side, channels)
    return PatchTransform(side, channels, *patches)


class DescriptionGraph(nn.Module):
    """From pictures (or rows of a table) as they are stored to ``(code, latent)``.

    Parameters
    ----------
    layers : mapping of str to nn.Module
        From pixels in 0..1 to rows: those that count.
    inputs, sizes : list of int
        Numbers of each description before and after its projection; the size of the code last.
    weights : mapping of str to float
        Length at which each is joined.
    columns : int or None
        Columns of a table, or None for pictures.
    """

    low: Tensor
    width: Tensor

    def __init__(
        self,
        layers: Mapping[str, nn.Module],
        inputs: Sequence[int],
        sizes: Sequence[int],
        weights: Mapping[str, float],
        columns: int | None,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(layers)
        self.branches = nn.ModuleList(
            Projection(i, o) for i, o in zip(inputs, sizes[:-1], strict=True)
        )
        self.output = Projection(sum(sizes[:-1]), sizes[-1])
        self.weights = [weights[name] for name in layers]
        self.columns = columns
        if columns is not None:
            self.register_buffer("low", torch.zeros(columns))
            self.register_buffer("width", torch.ones(columns))

    def latents(self, x: Tensor) -> Tensor:
        """Latent codes of pixels in 0..1."""
        projected = [
            weight * unit(branch(layer(x)))
            for weight, branch, layer in zip(
                self.weights, self.branches, self.layers.values(), strict=True
            )
        ]
        found: Tensor = self.output(torch.cat(projected, dim=1))
        return found

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (code, latent), both (n, code_size): code is the latent at length 1."""
        table = self.columns is not None
        pixels = fold(x.float(), self.low, self.width) if table else to_pixels(x)
        latent = self.latents(pixels)
        return unit(latent), latent


class LinearDecoder(nn.Module):
    """From latents to pictures, through a thumbnail that ridge regression tells from them.

    Gives (n, height, width, channels) in 0..255, or the rows of a table.
    """

    matrix: Tensor
    offset: Tensor
    low: Tensor
    width: Tensor

    def __init__(self, code_size: int, channels: int, side: int, columns: int | None) -> None:
        super().__init__()
        self.small, self.channels, self.columns = min(side, Thumbnail.largest), channels, columns
        self.enlarge = Resample(resampling(self.small, side))
        self.register_buffer("matrix", torch.zeros(code_size, channels * self.small**2))
        self.register_buffer("offset", torch.zeros(channels * self.small**2))
        if columns is not None:
            self.register_buffer("low", torch.zeros(columns))
            self.register_buffer("width", torch.ones(columns))

    def forward(self, latents: Tensor) -> Tensor:
        """Decode latents, in the units of the input."""
        small = (latents @ self.matrix + self.offset).view(
            -1, self.channels, self.small, self.small
        )
        pixels = self.enlarge(small)
        if self.columns is None:
            return from_pixels(pixels)
        rows: Tensor = pixels.flatten(1)[:, : self.columns] * self.width + self.low
        return rows


@torch.inference_mode()
def described(layer: nn.Module, source: Source, rows: Array) -> Tensor:
    """Return what a description gives of the samples `rows`."""
    return torch.cat([layer(source.batch(part)) for part in blocks(rows)])


def projected(name: str, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the projection of a description, mean and matrix, and its rows by it, of length 1."""
    size, power = FORMS[name]
    mean, matrix = principal(features, size, power)
    return mean, matrix, unit((features - mean) @ matrix)


@torch.inference_mode()
def solve_decoder(decoder: LinearDecoder, latents: Tensor, source: Source, rows: Array) -> None:
    """Fit a decoder to the latents of the samples `rows`."""
    small = described(Thumbnail(source.side), source, rows).double()
    z, mean = latents.double(), small.mean(dim=0)
    center = z.mean(dim=0)
    gram = (z - center).T @ (z - center)
    gram += 1e-3 * gram.diagonal().mean().clamp(min=1e-9) * torch.eye(len(gram))
    matrix = torch.linalg.solve(gram, (z - center).T @ (small - mean))
    decoder.matrix.copy_(matrix.float())
    decoder.offset.copy_((mean - center @ matrix).float())
