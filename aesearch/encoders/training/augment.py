"""Distorted views of pictures: what changes here is what the code learns to ignore.

All augmentations of a batch are a few large tensor operations (one resampling, one color matrix),
because training spends a tenth of its time here. Randomness comes from torch's global generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from aesearch.types import Array

GROUND = 12  # levels of 255 by which pixels of one flat ground differ
GLYPH_SHARE = 0.35  # of the pixels lie on the ground
STROKE = 0.2  # of the side: pens are thinner than this, things are not
SOLID_SHARE = 0.15  # of the ink that lies deeper than a stroke, in drawings at most
COLORLESS = 3.0  # mean spread of the channels, in levels, below which RGB is gray
LUMA = (0.299, 0.587, 0.114)

Augmenter = Callable[[Tensor], Tensor]


def family_of(images: Array) -> str:
    """Tell from the pictures which augmentations keep their meaning.

    Drawings, digits and letters (gray strokes on one flat ground) are "glyph": they must not be
    mirrored, and their strokes may bend. What is gray and on a flat ground too, but solid, as a
    shoe, is "object": its inside tells as much as its outline. Everything else is "photo".

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels), uint8
        A sample of the collection.
    """
    sample = images.astype(np.float32)
    if sample.shape[3] == 3 and np.ptp(sample, axis=3).mean() > COLORLESS:
        return "photo"
    gray = sample.mean(axis=3)
    border = np.concatenate([gray[:, 0], gray[:, -1], gray[:, :, 0], gray[:, :, -1]], axis=1)
    ground = np.median(border)
    away = np.abs(gray - ground)
    if (away <= GROUND).mean() <= GLYPH_SHARE:
        return "photo"
    return "glyph" if _solid_share(away) <= SOLID_SHARE else "object"


def _solid_share(away: Array) -> float:
    """Return how much of the ink is left when everything thinner than a stroke is eroded.

    Parameters
    ----------
    away : ndarray of shape (n, height, width)
        How far each pixel is from the ground, in levels.
    """
    darkest = away.max(axis=(1, 2), keepdims=True)
    ink = torch.from_numpy(away > np.maximum(darkest / 2, GROUND)).float()[:, None]
    reach = max(1, round(STROKE * min(away.shape[1:]) / 2))
    left = 1 - functional.max_pool2d(1 - ink, 2 * reach + 1, 1, reach)
    return float(left.sum() / ink.sum().clamp(min=1))


def augmenter(family: str, view_side: int) -> Augmenter:
    """Return the augmentation of a family: pixels in 0..1, (n, c, h, w) -> (n, c, view, view)."""
    made: dict[str, Augmenter] = {
        "photo": lambda x: photo(x, view_side),
        # Measured on clothes, P@10: crops of at least half the area .843, of a fifth .859.
        "object": lambda x: photo(x, view_side, smallest=0.2),
        "glyph": lambda x: glyph(x, view_side),
        "table": table,
    }
    return made[family]


def uniform(count: int, low: float, high: float) -> Tensor:
    """Return `count` numbers between `low` and `high`."""
    return torch.empty(count).uniform_(low, high)


def chance(count: int, share: float) -> Tensor:
    """Return `count` zeros and ones, `share` of them ones."""
    return (torch.rand(count) < share).float()


def shifted(x: Tensor, most: int) -> Tensor:
    """Move each picture by up to `most` pixels across and down; what comes in repeats the border.

    Parameters
    ----------
    x : Tensor of shape (n, c, h, w)
    most : int
    """
    count, _, height, width = x.shape
    padded = functional.pad(x, [most] * 4, mode="replicate")
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    down, across = torch.randint(2 * most + 1, (2, count), device=x.device)
    moved: Tensor = windows[torch.arange(count, device=x.device), :, down, across]
    return moved


def photo(x: Tensor, view_side: int, smallest: float = 0.35) -> Tensor:
    """Crop, mirror, tilt, change light and color, blur.

    Parameters
    ----------
    x : Tensor of shape (n, c, h, w)
        Pixels in 0..1.
    view_side : int
        Side of the views in pixels.
    smallest : float
        Share of the area that a crop has at least.

    References
    ----------
    T. Chen et al., A simple framework for contrastive learning of visual representations, ICML
    2020: crop and color together are what matters.
    """
    count, channels = x.shape[:2]
    area, ratio = uniform(count, smallest, 1), torch.exp(uniform(count, -0.29, 0.29))
    across = (area * ratio).sqrt().clamp(max=1)
    down = (area / ratio).sqrt().clamp(max=1)
    mirror = 1 - 2 * chance(count, 0.5)
    tilt = uniform(count, -10, 10) * math.pi / 180
    rows = [
        torch.stack(
            [
                across * tilt.cos() * mirror,
                -across * tilt.sin(),
                (1 - across) * uniform(count, -1, 1),
            ],
            dim=1,
        ),
        torch.stack(
            [down * tilt.sin() * mirror, down * tilt.cos(), (1 - down) * uniform(count, -1, 1)],
            dim=1,
        ),
    ]
    grid = functional.affine_grid(
        torch.stack(rows, dim=1), [count, channels, view_side, view_side], align_corners=False
    )
    x = functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    x = _recolor(x)
    # A blur of varying strength: blend with the mean of the 3x3 pixels around.
    some = chance(count, 0.3).bool()
    sharp, strength = x[some], uniform(int(some.sum()), 0.3, 1).view(-1, 1, 1, 1)
    soft = functional.avg_pool2d(sharp, 3, 1, 1, count_include_pad=False)
    x[some] = torch.lerp(sharp, soft, strength)
    return x.clamp_(0, 1)


def _recolor(x: Tensor) -> Tensor:
    """Change saturation and cast (color), contrast and brightness, of each picture as a whole."""
    count, channels = x.shape[:2]
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    contrast = uniform(count, 0.75, 1.25).view(-1, 1, 1, 1)
    brightness = uniform(count, -0.12, 0.12).view(-1, 1, 1, 1)
    if channels == 3:
        gray = chance(count, 0.2).view(-1, 1, 1)
        saturation = uniform(count, 0.65, 1.35).view(-1, 1, 1) * (1 - gray)
        luma = torch.tensor(LUMA).expand(3, 3)
        matrix = saturation * torch.eye(3) + (1 - saturation) * luma
        matrix = matrix * (1 + 0.075 * torch.randn(count, 3, 1) * (1 - gray))
        x = (matrix @ x.flatten(2)).view_as(x)
    return (x - mean) * contrast + mean + brightness


def glyph(x: Tensor, view_side: int) -> Tensor:
    """Turn, slant, stretch, shift and bend; make strokes thinner or thicker. Never mirror.

    References
    ----------
    P. Simard, D. Steinkraus, J. Platt, Best practices for convolutional neural networks applied
    to visual document analysis, ICDAR 2003: elastic distortions.
    """
    count, channels = x.shape[:2]
    turn = uniform(count, -15, 15) * math.pi / 180
    slant = uniform(count, -0.3, 0.3)
    wide, tall = torch.exp(uniform(count, -0.2, 0.2)), torch.exp(uniform(count, -0.2, 0.2))
    shift = uniform(2 * count, -0.12, 0.12).view(count, 2)
    cosine, sine = turn.cos(), turn.sin()
    rows = [
        torch.stack([cosine * wide, cosine * slant - sine * tall, shift[:, 0]], dim=1),
        torch.stack([sine * wide, sine * slant + cosine * tall, shift[:, 1]], dim=1),
    ]
    grid = functional.affine_grid(
        torch.stack(rows, dim=1), [count, channels, view_side, view_side], align_corners=False
    )
    bend = functional.interpolate(
        torch.randn(count, 2, 5, 5) * 0.06, size=(view_side, view_side), mode="bicubic"
    )
    grid = grid + bend.permute(0, 2, 3, 1)
    x = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    weight = uniform(count, -0.5, 0.5).view(-1, 1, 1, 1)
    thick = functional.max_pool2d(x, 3, 1, 1)
    thin = -functional.max_pool2d(-x, 3, 1, 1)
    return x + weight.clamp(min=0) * (thick - x) - weight.clamp(max=0) * (thin - x)


def table(x: Tensor) -> Tensor:
    """Replace a fifth of the features by those of another sample, and add a little noise.

    Rows of a table have no geometry; a marginal draw is the augmentation that suits any of them.

    References
    ----------
    D. Bahri et al., SCARF: self-supervised contrastive learning using random feature corruption,
    ICLR 2022.
    """
    other = x[torch.randperm(len(x))]
    mask = torch.rand_like(x) < 0.2
    return torch.where(mask, other, x) + 0.02 * torch.randn_like(x)
