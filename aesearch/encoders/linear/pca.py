"""Principal component analysis: the baseline, and the index of the first minute."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Self

import numpy as np
from sklearn.decomposition import PCA

from aesearch.encoders.linear.base import (
    MANY_FEATURES,
    RESOLUTION,
    SAMPLE,
    SMALLEST_SIDE,
    LinearEncoder,
)
from aesearch.encoders.parameters import AtLeast, Count, Share
from aesearch.inference.prior import Prior
from aesearch.types import Array

SAMPLE_OF_SMALL = 20_000
SAMPLE_OF_EXACT = 100_000
SMALLEST_VARIANCE = 1e-12


@dataclass(eq=False, repr=False)
class PCAEncoder(LinearEncoder):
    """Principal component analysis of the pixels: the baseline, and the index of the first minute.

    Parameters
    ----------
    code_size : int, default=64
        Components kept; fewer where the data have fewer.
    whiten : float, default=0.5
        Exponent in [0, 1]: each component is divided by its standard deviation to this power.
        0 is plain PCA, 1 is whitened, 0.5 (half-whitened) is the best linear code on most photos.
    resolution : int or None, default=16
        Pictures with a longer side are averaged down to it first, less far where the code would
        not have its size; None leaves them as they are, and uses up to 100,000 of them where
        they have at most 1,024 numbers: the baseline of publications. Leading components are
        smooth: on 3,966 photos half-whitened PCA-64 has P@10 .497 and mAP .250 from 16x16 pixels,
        .497 and .249 from 32x32, and 768 numbers are solved exactly in a tenth of the time.
    random_state : int, default=0
        Seed of the sampling and of the randomized solver.

    Attributes
    ----------
    explained_variance_ : ndarray of shape (code_size_,)
        Variance of each component in the sample it was fitted on.

    References
    ----------
    H. Hotelling, Analysis of a complex of statistical variables into principal components, 1933.
    H. Jegou and O. Chum, Negative evidences and co-occurences in image retrieval: the benefit of
    PCA and whitening, ECCV 2012.
    N. Halko, P.-G. Martinsson, J. Tropp, Finding structure with randomness, SIAM Review 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data
    >>> PCAEncoder(code_size=10).fit(X).transform(X).shape
    (1797, 10)
    """

    code_size: Count = 64
    _: KW_ONLY
    whiten: Share = 0.5
    resolution: Annotated[int | None, AtLeast(SMALLEST_SIDE)] = RESOLUTION
    random_state: Annotated[int, AtLeast(0)] = 0

    def fit(self, X: Array, y: object = None) -> Self:
        """Fit the components on a sample of `X`: exact for small samples, else randomized."""
        self.check_parameters()
        X = self._validated(X, reset=True)
        self.pool_ = self._choose_pool(self.resolution, self.code_size)
        few = self.n_features_in_ // self.pool_**2 <= MANY_FEATURES
        many = SAMPLE_OF_SMALL if self.resolution is not None else SAMPLE_OF_EXACT
        rows = self._sample(X, many if few else SAMPLE)
        size = min(self.code_size, *rows.shape)
        exact = few or size > min(rows.shape) // 2
        pca = PCA(
            size,
            svd_solver="full"
            if exact and len(rows) < rows.shape[1]
            else "covariance_eigh"
            if exact
            else "randomized",
            random_state=self.random_state,
        )
        with np.errstate(invalid="ignore"):  # equal pictures: 0 / 0 in a ratio not used here
            pca.fit(rows)
        # What is left below is rounding, which whitening would blow up.
        floor = 10 * np.finfo(rows.dtype).eps * pca.explained_variance_[0]
        kept = max(1, int((pca.explained_variance_ > floor).sum()))
        self._learn(pca.mean_, pca.components_[:kept], pca.explained_variance_[:kept])
        return self

    def rescaled(self, whiten: float) -> PCAEncoder:
        """Return the same components under another `whiten`, without fitting again."""
        other = PCAEncoder(
            self.code_size,
            whiten=whiten,
            resolution=self.resolution,
            random_state=self.random_state,
        )
        other.n_features_in_, other.image_shape_ = self.n_features_in_, self.image_shape_
        other.pool_ = self.pool_
        other._learn(self.offset_, self.components_, self.explained_variance_)
        return other

    def _learn(self, mean: Array, components: Array, variance: Array) -> None:
        self.code_size_ = len(components)
        self.components_ = components
        self.explained_variance_ = variance
        scale = np.maximum(variance, SMALLEST_VARIANCE) ** (self.whiten / 2)
        self.offset_ = self.inverse_offset_ = mean
        self.matrix_ = (components / scale[:, None]).T
        self.inverse_matrix_ = components * scale[:, None]
        size = len(components)
        # Principal components are uncorrelated: independent deviations say it all.
        deviations = (np.sqrt(variance) / scale).astype(np.float32)
        self.prior_ = Prior(np.zeros((1, size), dtype=np.float32), deviations)
