"""Descriptions of a picture beside contours and thumbnail: its colors, and what its patches are."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from aesearch.encoders.layers.blocks import Resample, averaging, resampling, unit

LARGEST = 32  # pixels: larger pictures are averaged down first
SMALLEST = 12  # pixels: smaller ones are enlarged, for a patch needs room


def rescaling(side: int) -> Tensor:
    """Return the matrix that brings a side to between `SMALLEST` and `LARGEST` pixels."""
    if side < SMALLEST:
        return resampling(side, SMALLEST)
    return averaging(side, min(side, LARGEST))


def soft_bins(values: Tensor, bins: int) -> Tensor:
    """Share values in 0..1, (n, p), among the two nearest of evenly spaced bins: (n, bins, p)."""
    centers = torch.arange(bins, device=values.device).view(1, bins, 1)
    return (1 - (values.unsqueeze(1) * (bins - 1) - centers).abs()).clamp(min=0)


class ColorHistogram(nn.Module):
    """Joint histogram of opponent colors over the whole picture, square roots of the shares.

    Of gray pictures only how bright they are is counted. A value between two bins counts for
    both, so that a little more light changes little.

    Parameters
    ----------
    channels : int
        1 or 3.

    References
    ----------
    M. Swain and D. Ballard, Color indexing, IJCV 1991 (opponent axes, histograms). R. Arandjelovic
    and A. Zisserman, Three things everyone should know to improve object retrieval, CVPR 2012
    (square roots).
    """

    bins = 6
    stretch = 2.5  # few pictures reach the ends of the two axes of color
    smallest = 1e-8  # the derivative of a root has no value at zero

    def __init__(self, side: int, channels: int) -> None:
        super().__init__()
        self.pool = Resample(rescaling(side))
        self.size = self.bins if channels == 1 else self.bins**3

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, size) of pictures with pixels in 0..1, (n, channels, side, side)."""
        pixels = self.pool(x).flatten(2)
        light = soft_bins(pixels.mean(dim=1), self.bins)
        if pixels.shape[1] == 1:
            brightness: Tensor = light.mean(dim=2)
            return (brightness + self.smallest).sqrt()
        red, green, blue = pixels.unbind(dim=1)
        first = soft_bins(self._stretched(red - green), self.bins)
        second = soft_bins(self._stretched((red + green) / 2 - blue), self.bins)
        joint = (light.unsqueeze(2) * first.unsqueeze(1)).flatten(1, 2)
        shares: Tensor = (joint @ second.transpose(1, 2)).flatten(1) / pixels.shape[2]
        return (shares + self.smallest).sqrt()

    def _stretched(self, difference: Tensor) -> Tensor:
        return (0.5 + self.stretch * difference / 2).clamp(0, 1)


class PatchTransform(nn.Module):
    """The sparse manifold transform: what occurs together in pictures, as LSA has it for words.

    A whitened patch fires those entries of a dictionary that it is like (a cosine above a
    threshold); what is fired is multiplied by the leading eigenvectors of how entries occur
    together in a picture; the results, each at length 1, are averaged in a grid of cells.

    Parameters
    ----------
    side, channels : int
        Of the pictures.
    entries : int
        Of the dictionary.
    dimensions : int
        Eigenvectors kept.

    References
    ----------
    Y. Chen, Z. Yun, Y. Ma, B. Olshausen, Y. LeCun, Minimalistic unsupervised representation
    learning with the sparse manifold transform, ICLR 2023.
    """

    patch, stride, cells = 6, 2, 4
    threshold = 0.25
    # Of the variance in a patch; below it, a patch counts as flat. Ten levels of 255, squared.
    softening = 10 / 255**2

    filters: Tensor
    shift: Tensor
    dictionary: Tensor
    embedding: Tensor
    offset: Tensor

    def __init__(self, side: int, channels: int, entries: int, dimensions: int) -> None:
        super().__init__()
        scale = rescaling(side)
        self.pool = Resample(scale)
        places = (len(scale) - self.patch) // self.stride + 1
        self.places = places * places
        self.channels = channels
        self.cells = min(self.cells, places)
        self.gather = Resample(averaging(places, self.cells))
        self.size = dimensions * self.cells**2
        numbers = channels * self.patch**2
        self.register_buffer("filters", torch.zeros(numbers, channels, self.patch, self.patch))
        self.register_buffer("shift", torch.zeros(1, numbers, 1, 1))
        self.register_buffer("dictionary", torch.zeros(entries, numbers, 1, 1))
        self.register_buffer("embedding", torch.zeros(dimensions, entries, 1, 1))
        self.register_buffer("offset", torch.zeros(1, dimensions, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, size) of pictures with pixels in 0..1, (n, channels, side, side)."""
        embedded = unit(self.fired(x) @ self.embedding.flatten(1).T - self.offset.flatten())
        side = math.isqrt(self.places)
        maps = embedded.unflatten(0, (-1, side, side)).permute(0, 3, 1, 2)
        rows: Tensor = self.gather(maps).flatten(1)
        return rows

    def fired(self, x: Tensor) -> Tensor:
        """Return which entries of the dictionary fire at each place, (n * places, entries), 0 or 1.

        As products of matrices: convolutions would have their maps laid out anew around each step.
        """
        white = unit(self.whitened(self.pool(x)).permute(0, 2, 3, 1).flatten(0, 2))
        return (white @ self.dictionary.flatten(1).T > self.threshold).float()

    def whitened(self, x: Tensor) -> Tensor:
        """Return the whitened patches at each place, of pictures at their working size."""
        mean = functional.avg_pool2d(x.mean(dim=1, keepdim=True), self.patch, self.stride)
        square = functional.avg_pool2d((x * x).mean(dim=1, keepdim=True), self.patch, self.stride)
        variance = (square - mean * mean).clamp(min=0)
        filtered = functional.conv2d(x, self.filters, stride=self.stride)
        return filtered / (variance + self.softening).sqrt() - self.shift

    def patches(self, x: Tensor) -> Tensor:
        """Return the patches of pictures, contrast-normalized: (n * places, numbers)."""
        found = functional.unfold(self.pool(x), self.patch, stride=self.stride).transpose(1, 2)
        found = found - found.mean(dim=2, keepdim=True)
        variance = found.square().mean(dim=2, keepdim=True)
        return (found / (variance + self.softening).sqrt()).flatten(0, 1)
