"""What is learned of a picture beside its descriptions, and the way back from a code."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aesearch.encoders.layers.blocks import (
    Decoder,
    Resample,
    Thumbnail,
    averaging,
)
from aesearch.encoders.layers.patches import Backbone
from aesearch.encoders.training.data import Source, blocks, from_pixels
from aesearch.types import Array

LARGEST_WHOLE = 48  # pixels
PLACES = 2  # a side, kept apart in the last maps


def view_side(side: int) -> int:
    """Return the side of training views: large pictures are cropped, small ones kept whole.

    Codes are taken from the whole picture at full size all the same. Cropping enlarges what is in
    the view, so both show things at about one size (measured on photos: P@10 .614 against .611).

    References
    ----------
    H. Touvron et al., Fixing the train-test resolution discrepancy, NeurIPS 2019.
    """
    return side if side <= LARGEST_WHOLE else side * 3 // 4


class LearnedFeatures(nn.Module):
    """What a backbone sees of a picture, averaged in a grid of places.

    Parameters
    ----------
    backbone : Backbone
    side : int
        Of the pictures.
    mirror : bool
        Whether features are averaged with those of the mirror image.
    """

    def __init__(self, backbone: Backbone, side: int, mirror: bool) -> None:
        super().__init__()
        self.backbone, self.mirror = backbone, mirror
        self.pool = Resample(averaging(backbone.side_of_maps(side), PLACES))
        self.size = PLACES * PLACES * backbone.outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, size) of pictures with pixels in 0..1, (n, channels, side, side)."""
        rows: Tensor = self.pool(self.backbone(x)).flatten(1)
        if self.mirror:
            rows = 0.5 * (rows + self.pool(self.backbone(x.flip(3))).flatten(1))
        return rows


class DecoderGraph(nn.Module):
    """From latents to pictures, (n, height, width, channels) in 0..255, or to rows of a table."""

    low: Tensor
    width: Tensor

    def __init__(self, decoder: Decoder, table: tuple[Tensor, Tensor] | None) -> None:
        super().__init__()
        self.decoder = decoder
        self.is_table = table is not None
        if table is not None:
            self.register_buffer("low", table[0])
            self.register_buffer("width", table[1])

    def forward(self, latent: Tensor) -> Tensor:
        """Decode latents, in the units of the input."""
        pixels: Tensor = self.decoder(latent)
        if self.is_table:
            pixels = pixels.flatten(1)[:, : len(self.low)] * self.width + self.low
        else:
            pixels = from_pixels(pixels)
        return pixels


def solve_linear_part(decoder: Decoder, latents: Tensor, rows: Array, source: Source) -> None:
    """Set the decoder's linear part by ridge regression to thumbnails."""
    shrink = Thumbnail(source.side)
    with torch.no_grad():
        small = torch.cat([shrink(source.batch(part)) for part in blocks(rows)])
        z = ((latents - decoder.latent_mean) * decoder.latent_scale).double()
        mean = small.mean(dim=0)
        gram = z.T @ z + 1e-3 * len(z) * torch.eye(z.shape[1], dtype=torch.float64)
        solved = torch.linalg.solve(gram, z.T @ (small - mean).double())
        decoder.linear.weight.copy_(solved.T)
        decoder.linear.bias.copy_(mean)
