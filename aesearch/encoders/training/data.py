"""Where a network's samples come from: uint8 pictures or rows of a table, one batch at a time."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aesearch.encoders.sparse import densified, is_sparse
from aesearch.errors import ParameterError
from aesearch.types import Array

BLOCK = 512


class Batches(ABC):
    """Samples as floats; only the rows asked for are ever converted.

    Attributes
    ----------
    count : int
    shape : tuple of int
        Of one sample: (channels, height, width), or (features,).
    """

    count: int
    shape: tuple[int, ...]

    @abstractmethod
    def batch(self, rows: Array) -> Tensor:
        """Give the samples `rows` as floats, (len(rows), *shape); pixels are in 0..1."""

    def content(self, rows: Array) -> bytes:
        """Bytes that tell samples `rows` from others."""
        return self.batch(rows).numpy().tobytes()


class Source(Batches):
    """Samples as square pictures."""

    channels: int
    side: int


class ImageSource(Source):
    """A uint8 array (n, side, side, channels), which may be a memory map."""

    def __init__(self, X: Array) -> None:
        self.X = X
        self.count, self.side, width, self.channels = X.shape
        self.shape = (self.channels, self.side, width)

    def batch(self, rows: Array) -> Tensor:
        """Return the pictures `rows`."""
        return stored_values(self.X[rows])


class TableSource(Source):
    """Rows of numbers, each column brought to 0..1, laid out as the smallest square picture."""

    channels = 1

    def __init__(self, X: Array, low: Tensor, width: Tensor) -> None:
        self.X, self.low, self.width = X, low, width
        self.count = len(X)
        self.side = square_side(X.shape[1])
        self.shape = (1, self.side, self.side)

    def batch(self, rows: Array) -> Tensor:
        """Return the rows `rows`, folded."""
        return fold(torch.from_numpy(self.X[rows]).float(), self.low, self.width)


def source_of(X: Array) -> Source:
    """Return square pictures, or rows of a table laid out as such, as a source.

    Raises
    ------
    ParameterError
        If pictures are not square.
    """
    if X.ndim == 4:
        if X.shape[1] != X.shape[2]:
            raise ParameterError(f"pictures must be square; got shape {X.shape[1:3]}.")
        return ImageSource(X)
    low, high = X.min(axis=0), X.max(axis=0)
    width = np.where(high > low, high - low, 1)
    return TableSource(X, torch.from_numpy(low).float(), torch.from_numpy(width).float())


class RowSource(Batches):
    """Rows of numbers as they are; those of a sparse table (CSR) are densified when asked for."""

    def __init__(self, X: Any) -> None:
        self.X = X
        self.count, features = X.shape
        self.shape = (features,)

    def batch(self, rows: Array) -> Tensor:
        """Return the rows `rows`, as float32."""
        return stored_values(self.X[rows])

    def content(self, rows: Array) -> bytes:
        """Bytes of rows; of a sparse table, of what is not zero."""
        return bytes(self.X[rows].data.tobytes()) if is_sparse(self.X) else super().content(rows)


def blocks(rows: Array) -> list[Array]:
    """Split rows into parts that fit into memory as floats."""
    return np.array_split(rows, max(1, -(-len(rows) // BLOCK)))


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


def stored_values(X: Any) -> Tensor:
    """Return pictures (uint8) as floats in 0..1, (n, c, height, width), or rows as float32.

    Rows of a sparse table are densified: they are to be those of one batch.
    """
    if is_sparse(X):
        return torch.from_numpy(densified(X))
    if not X.flags.writeable:  # which torch refuses
        X = X.copy()
    if X.ndim == 4:
        return to_pixels(torch.from_numpy(np.ascontiguousarray(X))).contiguous()
    return torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32))


def to_pixels(images: Tensor) -> Tensor:
    """Return stored pictures, uint8 (n, height, width, c), as floats in 0..1, (n, c, h, w)."""
    return images.permute(0, 3, 1, 2).float() / 255


def from_pixels(pixels: Tensor) -> Tensor:
    """Return (n, c, height, width) as it is stored, (n, h, w, c) in 0..255, but not rounded."""
    return (pixels * 255).clamp(0, 255).permute(0, 2, 3, 1)


def spread_rows(count: int, most: int) -> Array:
    """Return at most `most` row numbers, evenly spread over `count`."""
    rows: Array = np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
    return rows


def signature_of(parameters: Mapping[str, object], source: Batches) -> str:
    """Write down what a checkpoint must agree with: the parameters, and a look at the data."""
    looked_at = source.content(spread_rows(source.count, 64))
    digest = hashlib.blake2b(looked_at, digest_size=8).hexdigest()
    return f"{json.dumps(parameters, sort_keys=True, default=str)} {source.count} {digest}"
