"""A narrow residual network that begins with whitened patches: few passes over large maps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import Conv2dNormActivation

from aesearch.encoders.layers.blocks import SMALLEST_MAP, Orientations, ResidualBackbone, residual
from aesearch.encoders.layers.projection import eigen

SMALLEST_SIDE = 16  # of pictures: smaller ones have too few patches
LARGE = 32  # pixels; the patches of larger pictures are four pixels apart, not two
MARGIN = 2  # pixels by which patches overlap
WHITENING = 0.01  # of the mean variance, added to each


class PatchBackbone(nn.Module):
    """Residual network over whitened patches of the pixels, and their orientations.

    On a processor, most of the time of a small network goes into passing over its largest maps.
    Here these are fixed and need no gradient: the components of patches, whitened, either sign by
    itself, beside the directions of edges.

    Parameters
    ----------
    channels : int
        1 or 3.
    side : int
        Side of the pictures at full size, at least `SMALLEST_SIDE`; views of half that side or
        more go through as well.
    width : int
        Channels of the first maps; the last have 4 times as many.

    References
    ----------
    K. Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, arXiv 2404.00498 (whitening first
    layer).
    """

    mean: Tensor
    scale: Tensor
    filters: Tensor

    def __init__(self, channels: int, side: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, channels, 1, 1), 0.5))
        self.register_buffer("scale", torch.full((1, channels, 1, 1), 4.0))
        self.stride = 4 if side > LARGE else 2
        patch = self.stride + MARGIN
        count = min(max(1, width // 2), channels * patch * patch)
        self.register_buffer("filters", torch.zeros(count, channels, patch, patch))
        self.orientations = Orientations()
        self.mix = Conv2dNormActivation(2 * count + Orientations.bins, width, kernel_size=1)
        self.strides = [self.stride]
        stages: list[nn.Module] = []
        size = side // self.stride
        for depth in range(2):
            halve = size > SMALLEST_MAP
            self.strides.append(2 if halve else 1)
            inputs = width * 2**depth
            stages += [residual(inputs), residual(inputs)]
            stages.append(Conv2dNormActivation(inputs, 2 * inputs, stride=self.strides[-1]))
            size = -(-size // 2) if halve else size
        self.stages = nn.Sequential(*stages)
        self.outputs = 4 * width

    @torch.no_grad()
    def whiten(self, x: Tensor) -> None:
        """Set the filters to the leading components of the patches of pictures, whitened."""
        count, _, patch, _ = self.filters.shape
        standard = (x - self.mean) * self.scale
        patches = functional.unfold(standard, patch, stride=self.stride).transpose(1, 2)
        rows = patches.flatten(0, 1)
        centered = (rows - rows.mean(dim=0)).double()
        variance, vectors = eigen(centered.T @ centered / len(rows))
        variance = variance.clamp(min=0) + WHITENING * variance.mean().clamp(min=1e-9)
        leading = (vectors / variance.sqrt()).flip(1)[:, :count]
        self.filters.copy_(leading.T.float().view(self.filters.shape))

    def side_of_maps(self, side: int) -> int:
        """Return the side of the last maps for pictures of this side."""
        side //= self.stride
        for stride in self.strides[1:]:
            side = -(-side // stride)
        return side

    def forward(self, x: Tensor) -> Tensor:
        """Return the last maps, (n, 4 * width, s, s), of pictures with pixels in 0..1."""
        x = (x - self.mean) * self.scale
        found = functional.conv2d(x, self.filters, stride=self.stride, padding=MARGIN // 2)
        products = functional.avg_pool2d(self.orientations.products(x), self.stride)
        edges = self.orientations.spread(products).to(found.dtype)
        out: Tensor = self.stages(self.mix(torch.cat([found, -found, edges], dim=1).relu()))
        return out


Backbone = ResidualBackbone | PatchBackbone
