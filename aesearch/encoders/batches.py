"""Where a network's samples come from: uint8 pictures or rows of a table, one batch at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor

from aesearch.encoders.base import Array


class Source(ABC):
    """Samples as float pictures; only the rows asked for are ever converted."""

    count: int
    channels: int
    side: int

    @abstractmethod
    def batch(self, rows: Array) -> Tensor:
        """Return pixels in 0..1, (len(rows), channels, side, side)."""


class PictureSource(Source):
    """A uint8 array (n, side, side, channels), which may be a memory map."""

    def __init__(self, X: Array) -> None:
        self.X = X
        self.count, self.side, _, self.channels = X.shape

    def batch(self, rows: Array) -> Tensor:
        """Return the pictures `rows`."""
        pictures = torch.from_numpy(np.ascontiguousarray(self.X[rows]))
        return pictures.permute(0, 3, 1, 2).contiguous().float() / 255


class TableSource(Source):
    """Rows of numbers, each column brought to 0..1, laid out as the smallest square picture."""

    channels = 1

    def __init__(self, X: Array, low: Tensor, width: Tensor) -> None:
        self.X, self.low, self.width = X, low, width
        self.count = len(X)
        self.side = square_side(X.shape[1])

    def batch(self, rows: Array) -> Tensor:
        """Return the rows `rows`, folded."""
        return fold(torch.from_numpy(self.X[rows]).float(), self.low, self.width)


def square_side(features: int) -> int:
    """Return the side of the smallest square with room for so many numbers."""
    return int(np.ceil(np.sqrt(features)))


def fold(x: Tensor, low: Tensor, width: Tensor) -> Tensor:
    """Scale columns to 0..1, pad with zeros and return (n, 1, side, side)."""
    features = len(low)
    side = square_side(features)
    scaled = (x - low) / width
    padding = torch.zeros(side * side - features)
    scaled = torch.cat([scaled, padding.expand(x.shape[0], -1)], dim=1)
    return scaled.view(-1, 1, side, side)
