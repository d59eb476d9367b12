"""The thumbnail: a code where there is nothing to learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from aesearch.encoders.linear.base import RESOLUTION, SAMPLE, LinearEncoder
from aesearch.encoders.parameters import Count
from aesearch.inference.prior import Prior
from aesearch.types import Array


@dataclass(eq=False, repr=False)
class ThumbnailEncoder(LinearEncoder):
    """The picture's own thumbnail in gray, less its mean: a code where there is nothing to learn.

    Used for a handful of pictures, too few for principal components. Features of a table are
    averaged in consecutive groups.

    Parameters
    ----------
    code_size : int, default=64
        At most this many pixels; the largest square below it is taken, 8x8 for 64.

    References
    ----------
    A. Torralba, R. Fergus, W. Freeman, 80 million tiny images, PAMI 2008.
    """

    code_size: Count = 64

    def fit(self, X: Array, y: object = None) -> Self:
        """Lay out the grid; what is learned from `X` is its shape, and a mean for decoding."""
        self.check_parameters()
        X = self._validated(X, reset=True)
        self.pool_ = self._choose_pool(RESOLUTION)
        if self.image_shape_ is None:
            groups = _grouping(X.shape[1], min(self.code_size, X.shape[1]))
        else:
            height, width, channels = self.image_shape_
            height, width = height // self.pool_, width // self.pool_
            side = max(1, min(int(self.code_size**0.5), height, width))
            vertical, horizontal = _grouping(height, side), _grouping(width, side)
            groups = np.einsum("ha,wb->hwab", vertical, horizontal).reshape(height * width, -1)
            groups = groups.repeat(channels, axis=0)
        size = groups.shape[1]
        means = groups / groups.sum(axis=0)
        self.code_size_ = size
        self.offset_ = np.zeros(len(groups), dtype=np.float32)
        centering = np.eye(size) - 1 / size if size > 1 else np.eye(1)
        self.matrix_ = (means @ centering).astype(np.float32)
        self.inverse_matrix_ = (groups > 0).T.astype(np.float32)
        rows = self._sample(X, SAMPLE)
        latents = rows @ self.matrix_
        rest = rows - latents @ self.inverse_matrix_
        self.inverse_offset_ = rest.mean(axis=0).astype(np.float32)
        self.prior_ = Prior.fitted(latents)
        return self


def _grouping(length: int, groups: int) -> Array:
    """Return the (length, groups) 0/1 matrix that splits `length` positions evenly."""
    return np.eye(groups)[np.arange(length) * groups // length]
