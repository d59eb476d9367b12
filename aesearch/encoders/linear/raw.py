"""The numbers themselves, as a baseline that a learned code has to beat."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Self

import numpy as np

from aesearch.encoders.base import BATCH
from aesearch.encoders.linear.base import MOST_NUMBERS, SAMPLE, SMALLEST_SIDE, LinearEncoder
from aesearch.encoders.parameters import AtLeast
from aesearch.inference.prior import Prior
from aesearch.types import Array


@dataclass(eq=False, repr=False)
class RawEncoder(LinearEncoder):
    """The pixels themselves, or the features of a table, less their mean: nothing is learned.

    The mean is taken off so that the cosine of two codes is that of their differences from the
    usual, as with the other encoders.

    Parameters
    ----------
    resolution : int or None, default=None
        Pictures with a longer side are averaged down to it; None leaves them as they are.

    Attributes
    ----------
    offset_ : ndarray of shape (code_size_,)
        Mean of all samples.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data
    >>> RawEncoder().fit(X).transform(X).shape
    (1797, 64)
    """

    _: KW_ONLY
    resolution: Annotated[int | None, AtLeast(SMALLEST_SIDE)] = None

    def fit(self, X: Array, y: object = None) -> Self:
        """Take the mean of `X`, all of it, batch by batch; `y` is ignored."""
        self.check_parameters()
        X = self._validated(X, reset=True)
        self.pool_ = self._choose_pool(self.resolution)
        batches = range(0, len(X), BATCH)
        total = sum(self._rows(X[i : i + BATCH]).sum(axis=0, dtype=np.float64) for i in batches)
        self.offset_ = self.inverse_offset_ = np.asarray(total / len(X), dtype=np.float32)
        self.matrix_ = self.inverse_matrix_ = None
        self.code_size_ = len(self.offset_)
        most = min(SAMPLE, max(2, MOST_NUMBERS // self.code_size_))
        self.prior_ = Prior.fitted(self._sample(X, most) - self.offset_)
        return self
