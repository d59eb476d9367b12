"""Several descriptions of a picture, joined to one code; nothing in it is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from aesearch.encoders.closed.neighborhoods import neighborhood_components
from aesearch.encoders.closed.transform import fit_transform
from aesearch.encoders.layers.blocks import ContourGrid, Resample, Thumbnail, resampling, unit
from aesearch.encoders.layers.descriptors import ColorHistogram, PatchTransform
from aesearch.encoders.layers.projection import Projection, principal
from aesearch.encoders.training.data import (
    Source,
    TableSource,
    blocks,
    fold,
    from_pixels,
    to_pixels,
)
from aesearch.types import Array

CELLS = 8  # of the grid of contours, a side
DESCRIPTIONS = ("contours", "thumbnail", "colors", "patches")
# Most components of each description, and the power of their deviations that they are divided by.
FORMS: Mapping[str, tuple[int, float]] = {
    "learned": (128, 0.5),
    "contours": (64, 0.5),
    "thumbnail": (64, 0.5),
    "colors": (64, 0.25),
    "patches": (128, 0.5),
}


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
        self.inputs, self.sizes = list(inputs), list(sizes)
        self.weights = {name: weights[name] for name in layers}
        self.columns = columns
        if columns is not None:
            self.register_buffer("low", torch.zeros(columns))
            self.register_buffer("width", torch.ones(columns))

    def layout(self) -> dict[str, Any]:
        """Return what `rebuilt` needs beside the arrays, as JSON holds it."""
        patches = [
            [layer.dictionary.shape[0], layer.embedding.shape[0]]
            for layer in self.layers.values()
            if isinstance(layer, PatchTransform)
        ]
        return {
            "weights": self.weights,
            "inputs": self.inputs,
            "sizes": self.sizes,
            "patches": patches[0] if patches else None,
        }

    def latents(self, x: Tensor) -> Tensor:
        """Latent codes of pixels in 0..1."""
        projected = [
            weight * unit(branch(layer(x)))
            for weight, branch, layer in zip(
                self.weights.values(), self.branches, self.layers.values(), strict=True
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


def descriptions(source: Source, names: Sequence[str], seed: int = 0) -> dict[str, nn.Module]:
    """Make the layers of descriptions; that of patches is fitted to the pictures."""
    side, channels = source.side, source.channels
    return {
        name: fit_transform(source, seed)
        if name == "patches"
        else description(name, side, channels)
        for name in names
    }


def description(
    name: str, side: int, channels: int, patches: Sequence[int] | None = None
) -> nn.Module:
    """Make the layer of a description; `patches` are entries and dimensions of the transform."""
    if name == "contours":
        return ContourGrid(side, CELLS)
    if name == "thumbnail":
        return Thumbnail(side)
    if name == "colors":
        return ColorHistogram(side, channels)
    entries, dimensions = patches or (2, 1)
    return PatchTransform(side, channels, entries, dimensions)


def rebuilt(
    layout: Mapping[str, Any],
    source: tuple[int, int, int | None],
    learned: Mapping[str, nn.Module] | None = None,
) -> DescriptionGraph:
    """Make a graph without its arrays, from its `layout`.

    Parameters
    ----------
    layout : mapping
    source : (int, int, int or None)
        Channels and side of the pictures, and columns of a table.
    learned : mapping of str to nn.Module
        Layers that are no description.
    """
    channels, side, columns = source
    others = learned or {}
    layers = {
        name: others[name]
        if name in others
        else description(name, side, channels, layout["patches"])
        for name in layout["weights"]
    }
    graph = DescriptionGraph(layers, layout["inputs"], layout["sizes"], layout["weights"], columns)
    return graph.eval()


class Projected(NamedTuple):
    """The projection of a description, fitted to samples, and their rows by it, of length 1."""

    mean: Tensor
    matrix: Tensor
    rows: Tensor


@torch.inference_mode()
def projected(layers: Mapping[str, nn.Module], source: Source, rows: Array) -> dict[str, Projected]:
    """Fit a projection to each description of the samples `rows`."""
    return {
        name: _projected(name, described(layer, source, rows)) for name, layer in layers.items()
    }


@torch.inference_mode()
def join(
    layers: Mapping[str, nn.Module],
    parts: Mapping[str, Projected],
    source: Source,
    code_size: int,
    weigh: Callable[[Mapping[str, Tensor]], Mapping[str, float]],
) -> tuple[DescriptionGraph, Tensor]:
    """Join descriptions to one code.

    Parameters
    ----------
    layers : mapping of str to nn.Module
        From pixels to rows, by the names of `FORMS`.
    parts : mapping of str to Projected
        Samples of `source` by each of them.
    source : Source
    code_size : int
        At most so many numbers.
    weigh : callable
        Gives the weights of descriptions, given their projected rows of length 1; what has the
        weight 0 is left out of the graph.

    Returns
    -------
    graph : DescriptionGraph
    latents : Tensor of shape (samples, code size)
    """
    weights = weigh({name: part.rows for name, part in parts.items()})
    weights = {name: weights[name] for name in layers if weights[name]}
    joined = torch.cat([weight * parts[name].rows for name, weight in weights.items()], dim=1)
    output = neighborhood_components(joined, code_size)
    fitted = [*(parts[name][:2] for name in weights), output]
    columns = len(source.low) if isinstance(source, TableSource) else None
    graph = DescriptionGraph(
        {name: layers[name] for name in weights},
        [len(mean) for mean, _ in fitted[:-1]],
        [matrix.shape[1] for _, matrix in fitted],
        weights,
        columns,
    )
    for projection, (mean, matrix) in zip((*graph.branches, graph.output), fitted, strict=True):
        projection.load_state_dict({"mean": mean, "matrix": matrix})
    if isinstance(source, TableSource):
        graph.low.copy_(source.low)
        graph.width.copy_(source.width)
    return graph.eval(), (joined - output[0]) @ output[1]


@torch.inference_mode()
def described(layer: nn.Module, source: Source, rows: Array) -> Tensor:
    """Return what a description gives of the samples `rows`."""
    return torch.cat([layer(source.batch(part)).float() for part in blocks(rows)])


def _projected(name: str, features: Tensor) -> Projected:
    size, power = FORMS[name]
    mean, matrix = principal(features, size, power)
    return Projected(mean, matrix, unit((features - mean) @ matrix))


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
