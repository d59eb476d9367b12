"""Building blocks of the convolutional encoders and decoders.

Everything here exports to ONNX for any side of the picture: resampling is done by small fixed
matrices instead of by pooling layers, whose window must divide the side.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import Conv2dNormActivation

SMALLEST_MAP = 4  # maps of this side are not halved again
SMALLEST_NORM = 1e-6


def averaging(length: int, cells: int) -> Tensor:
    """Return the (cells, length) matrix that averages `length` positions into `cells` intervals.

    Where `cells` does not divide `length`, border positions count for both by their overlap.
    """
    edges = torch.linspace(0, length, cells + 1, dtype=torch.float64)
    positions = torch.arange(length, dtype=torch.float64)
    upper = torch.minimum(edges[1:, None], positions + 1)
    lower = torch.maximum(edges[:-1, None], positions)
    overlap = (upper - lower).clamp(min=0)
    return (overlap / overlap.sum(dim=1, keepdim=True)).float()


def resampling(length: int, wanted: int) -> Tensor:
    """Return the (wanted, length) matrix of linear interpolation between centers of cells."""
    centers = (torch.arange(wanted, dtype=torch.float64) + 0.5) * length / wanted - 0.5
    centers = centers.clamp(0, length - 1)
    distance = (centers[:, None] - torch.arange(length, dtype=torch.float64)).abs()
    return (1 - distance).clamp(min=0).float()


def unit(x: Tensor) -> Tensor:
    """Return the rows of `x` at length 1; a row of zeros stays zero."""
    rows: Tensor = x / x.norm(dim=1, keepdim=True).clamp(min=SMALLEST_NORM)
    return rows


class Resample(nn.Module):
    """Multiply rows and columns of maps (n, c, height, width) by a fixed matrix."""

    matrix: Tensor

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of side len(matrix)."""
        resampled: Tensor = self.matrix @ x @ self.matrix.T
        return resampled


class Residual(nn.Module):
    """What layers add to their input; it starts as the identity.

    Parameters
    ----------
    body : nn.Sequential
        Layers that keep the shape; the last one has weights.
    activation : nn.Module
        Of the sum.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, CVPR 2016.
    """

    def __init__(self, body: nn.Sequential, activation: nn.Module) -> None:
        super().__init__()
        weight = body[-1].weight
        assert isinstance(weight, Tensor)
        nn.init.zeros_(weight)
        self.body, self.activation = body, activation

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        out: Tensor = self.activation(x + self.body(x))
        return out


def residual(channels: int) -> Residual:
    """Return two 3x3 convolutions added to their input."""
    last = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
    body = nn.Sequential(Conv2dNormActivation(channels, channels), last, nn.BatchNorm2d(channels))
    return Residual(body, nn.ReLU())


class Orientations(nn.Module):
    """Strength of the edges at each pixel, split by their direction: (n, c, h, w) -> (n, 8, h, w).

    A fixed first layer. With a few thousand pictures there is not enough to learn good edge
    filters from, and contours are what tells objects apart.

    References
    ----------
    N. Dalal and B. Triggs, Histograms of oriented gradients for human detection, CVPR 2005.
    E. Oyallon et al., Scattering networks for hybrid representation learning, PAMI 2018.
    """

    bins = 8
    cosines: Tensor
    sines: Tensor

    def __init__(self, softening: float = 1e-3) -> None:
        super().__init__()
        angles = torch.arange(self.bins) * math.pi / self.bins
        self.register_buffer("cosines", angles.cos().view(1, -1, 1, 1))
        self.register_buffer("sines", angles.sin().view(1, -1, 1, 1))
        self.softening = softening

    def products(self, x: Tensor) -> Tensor:
        """Return three maps, (n, 3, h, w), of which those of all directions are sums.

        The square of the slope along a direction is a sum of three products, so what is averaged
        over places needs no more than these.
        """
        gray = x.mean(dim=1, keepdim=True)
        # The border repeats its neighbor; concatenation exports where F.pad "replicate" may not.
        wide = torch.cat([gray[..., :1], gray, gray[..., -1:]], dim=3)
        tall = torch.cat([gray[..., :1, :], gray, gray[..., -1:, :]], dim=2)
        across = wide[..., 2:] - wide[..., :-2]
        down = tall[..., 2:, :] - tall[..., :-2, :]
        length = (across * across + down * down + self.softening).sqrt()
        return torch.cat([across * across, down * down, across * down], dim=1) / length

    def spread(self, products: Tensor) -> Tensor:
        """Return the maps of all directions, not negative, of `products`, or of their averages."""
        factors = [self.cosines.square(), self.sines.square(), 2 * self.cosines * self.sines]
        mixing = torch.cat([factor.transpose(0, 1) for factor in factors], dim=1)
        return functional.conv2d(products, mixing).relu()

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps, not negative, in units of the pixels."""
        return self.spread(self.products(x))


class ContourGrid(nn.Module):
    """Orientation histograms on a grid of cells, each normalized by those around it.

    Parameters
    ----------
    side : int
        Side of the pictures.
    cells : int
        Side of the grid.

    References
    ----------
    N. Dalal and B. Triggs, Histograms of oriented gradients for human detection, CVPR 2005.
    """

    def __init__(self, side: int, cells: int) -> None:
        super().__init__()
        self.size = Orientations.bins * cells * cells
        self.orientations = Orientations(softening=1e-4)
        self.pool = Resample(averaging(side, cells))

    def forward(self, x: Tensor) -> Tensor:
        """Return the histograms, (n, size), of pictures with pixels in 0..1, (n, c, side, side)."""
        maps = self.orientations.spread(self.pool(self.orientations.products(x)))
        energy = (maps * maps).sum(dim=1, keepdim=True)
        energy = torch.cat([energy[..., :1], energy, energy[..., -1:]], dim=3)
        energy = torch.cat([energy[..., :1, :], energy, energy[..., -1:, :]], dim=2)
        around = functional.avg_pool2d(energy, 3, 1)
        histograms: Tensor = (maps / (around + 1e-3).sqrt()).flatten(1)
        return histograms


class Thumbnail(nn.Module):
    """The picture averaged down to at most 16x16 pixels, as one row."""

    largest = 16

    def __init__(self, side: int) -> None:
        super().__init__()
        self.pool = Resample(averaging(side, min(side, self.largest)))

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, c * min(side, 16) ** 2)."""
        rows: Tensor = self.pool(x).flatten(1)
        return rows


class ResidualBackbone(nn.Module):
    """Residual network over the pixels and their orientation maps.

    Parameters
    ----------
    channels : int
        1 or 3.
    side : int
        Side of the pictures at full size; views of half that side or more go through as well.
    width : int
        Channels of the first layer; the last has 8 times as many.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, channels: int, side: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, channels, 1, 1), 0.5))
        self.register_buffer("scale", torch.full((1, channels, 1, 1), 4.0))
        stride = 2 if side > 2 * SMALLEST_MAP else 1
        self.stem = Conv2dNormActivation(channels, width, stride=stride)
        self.orientations = Orientations()
        self.stride = stride
        self.strides = [stride]
        stages: list[nn.Module] = []
        size, inputs = -(-side // stride), width + Orientations.bins
        for depth, outputs in enumerate((2 * width, 4 * width, 8 * width)):
            halve = size > SMALLEST_MAP
            self.strides.append(2 if halve else 1)
            stages.append(Conv2dNormActivation(inputs, outputs, stride=self.strides[-1]))
            if depth < 2:  # one on the smallest maps would cost as much as these two together
                stages.append(residual(outputs))
            size, inputs = -(-size // 2) if halve else size, outputs
        self.stages = nn.Sequential(*stages)
        self.outputs = inputs

    def side_of_maps(self, side: int) -> int:
        """Return the side of the last maps for pictures of this side."""
        for stride in self.strides:
            side = -(-side // stride)
        return side

    def forward(self, x: Tensor) -> Tensor:
        """Return the last maps, (n, 8 * width, s, s), of pictures with pixels in 0..1."""
        x = (x - self.mean) * self.scale
        edges = self.orientations.products(x)
        if self.stride == 2:
            edges = functional.avg_pool2d(edges, 2, ceil_mode=True)
        edges = self.orientations.spread(edges)
        stem = self.stem(x)
        out: Tensor = self.stages(torch.cat([stem, edges.to(stem.dtype)], dim=1))
        return out


class Decoder(nn.Module):
    """Latent codes to pictures: a linear thumbnail plus what convolutions add to it.

    The linear part can be solved for in closed form, so even an untrained decoder shows the
    picture's rough shape and colors, and training starts there.
    """

    latent_mean: Tensor
    latent_scale: Tensor

    def __init__(self, code_size: int, channels: int, side: int, width: int) -> None:
        super().__init__()
        self.register_buffer("latent_mean", torch.zeros(code_size))
        self.register_buffer("latent_scale", torch.ones(code_size))
        self.channels, self.side = channels, side
        self.thumbnail_side = min(side, Thumbnail.largest)
        self.linear = nn.Linear(code_size, channels * self.thumbnail_side**2)
        self.enlarge = Resample(resampling(self.thumbnail_side, side))
        half = -(-side // 2)
        start, doublings = half, 0
        while start > SMALLEST_MAP:
            start, doublings = -(-start // 2), doublings + 1
        self.start = start
        first = width * 2 ** min(doublings, 2)
        self.unfold = nn.Linear(code_size, first * start * start)
        self.first = first
        layers: list[nn.Module] = []
        inputs = first
        for _ in range(doublings):
            outputs = max(width, inputs // 2)
            layers += [nn.Upsample(scale_factor=2.0), Conv2dNormActivation(inputs, outputs)]
            inputs = outputs
        self.body = nn.Sequential(*layers)
        last = nn.Conv2d(inputs, 4 * channels, 3, 1, 1)
        nn.init.zeros_(last.weight)
        assert last.bias is not None
        nn.init.zeros_(last.bias)
        self.last = last  # four channels make a square of 2x2 pixels: half the side is computed

    def forward(self, latents: Tensor) -> Tensor:
        """Return pictures (n, channels, side, side), pixels about 0..1."""
        z = (latents - self.latent_mean) * self.latent_scale
        small = self.linear(z).view(-1, self.channels, self.thumbnail_side, self.thumbnail_side)
        rough = self.enlarge(small.float())
        maps = torch.relu(self.unfold(z)).view(-1, self.first, self.start, self.start)
        detail = functional.pixel_shuffle(self.last(self.body(maps)), 2)
        images: Tensor = rough + detail[..., : self.side, : self.side]
        return images
