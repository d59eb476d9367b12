"""Linear encoders: PCA in its three forms, and the thumbnail that needs no training at all.

Two more, the raw pixels and latent semantic analysis, are in `baselines.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from sklearn.decomposition import PCA

from aesearch.encoders.base import BATCH, Encoder
from aesearch.encoders.linear.onnx import write_linear_decoder, write_linear_encoder
from aesearch.encoders.validation import require_number, require_whole
from aesearch.inference.prior import Prior
from aesearch.types import Array, Floats

RESOLUTION = 16
SMALLEST_SIDE = 8
MANY_FEATURES = 1024
SAMPLE = 10_000
SAMPLE_OF_SMALL = 20_000
SAMPLE_OF_EXACT = 100_000
SMALLEST_VARIANCE = 1e-12


class LinearEncoder(Encoder):
    """Shared form: pool, subtract `offset_`, multiply by `matrix_`; and the way back.

    Without a matrix (None) the numbers stay what they are.
    """

    offset_: Array
    matrix_: Array | None
    inverse_matrix_: Array | None
    inverse_offset_: Array
    pool_: int

    def _rows(self, X: Array) -> Array:
        """Average squares of `pool_` pixels and flatten: (n, features), float32 for pictures."""
        if self.picture_shape_ is None:
            table: Array = X.astype(np.float64, copy=False)
            return table
        pool = self.pool_
        if pool == 1:
            return X.reshape(len(X), -1).astype(np.float32)
        # First whole lines, then within them: several times quicker than a mean over blocks.
        lines = X[:, ::pool].astype(np.uint16)
        for top in range(1, pool):
            lines += X[:, top::pool]
        sums = lines[:, :, ::pool].copy()
        for left in range(1, pool):
            sums += lines[:, :, left::pool]
        rows: Array = sums.reshape(len(X), -1) * np.float32(1 / pool**2)
        return rows

    def _encode(self, X: Array) -> Floats:
        centred = self._rows(X) - self.offset_
        codes = centred if self.matrix_ is None else centred @ self.matrix_
        return codes.astype(np.float32, copy=False)

    def _decode(self, latents: Floats) -> Floats:
        rows = latents if self.inverse_matrix_ is None else latents @ self.inverse_matrix_
        flat = rows + self.inverse_offset_
        if self.picture_shape_ is None:
            return flat.astype(np.float32)
        height, width, channels = self.picture_shape_
        small = flat.reshape(-1, height // self.pool_, width // self.pool_, channels)
        large = small.repeat(self.pool_, axis=1).repeat(self.pool_, axis=2)
        return large.astype(np.float32)

    def state(self) -> dict[str, Array]:
        """Return the offset of both directions, and the matrix where there is one."""
        arrays = {
            "offset": self.offset_,
            "matrix": self.matrix_,
            "inverse_offset": self.inverse_offset_,
            "inverse_matrix": self.inverse_matrix_,
        }
        kept = {name: array for name, array in arrays.items() if array is not None}
        return kept | self.prior_.state()

    def write_graphs(self, folder: Path) -> None:
        """Write ``encoder.onnx`` and ``decoder.onnx`` without torch."""
        shape, pool = self.picture_shape_, self.pool_
        write_linear_encoder(
            folder / "encoder.onnx",
            picture_shape=shape,
            pool=pool,
            offset=self.offset_,
            matrix=self.matrix_,
        )
        write_linear_decoder(
            folder / "decoder.onnx",
            picture_shape=shape,
            pool=pool,
            offset=self.inverse_offset_,
            matrix=self.inverse_matrix_,
        )

    def _sample(self, X: Array, most: int) -> Array:
        """Return at most `most` rows, evenly spread over `X`."""
        sample = X[:: -(-X.shape[0] // most)]
        # In batches, which stay in the processor's cache: five times quicker.
        batches = range(0, len(sample), BATCH)
        return np.concatenate([self._rows(sample[i : i + BATCH]) for i in batches])

    def _choose_pool(self, largest_side: int | None, numbers: int = 1) -> int:
        """Return the smallest divisor of both sides that brings them down to `largest_side`.

        Sides without a fit one, such as 37 pixels, are left as they are. Where fewer than
        `numbers` would be left, the largest divisor that leaves so many is taken, or 1.
        """
        if self.picture_shape_ is None or largest_side is None:
            return 1
        height, width, channels = self.picture_shape_
        side = max(height, width)
        divisors = [p for p in range(1, side + 1) if height % p == 0 and width % p == 0]
        pool = next((p for p in divisors if SMALLEST_SIDE <= side // p <= largest_side), 1)
        enough = [p for p in divisors if p <= pool and height * width * channels // p**2 >= numbers]
        return max(enough, default=1)


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
        Seed of the sampling and of the randomised solver.

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

    def __init__(
        self,
        code_size: int = 64,
        *,
        whiten: float = 0.5,
        resolution: int | None = RESOLUTION,
        random_state: int = 0,
    ) -> None:
        self.code_size = code_size
        self.whiten = whiten
        self.resolution = resolution
        self.random_state = random_state

    def check_parameters(self) -> None:
        """Check the parameters; see `Encoder.check_parameters`."""
        require_whole(self, 1, "code_size")
        require_number(self, "whiten", least=0, most=1)
        require_whole(self, SMALLEST_SIDE, "resolution", or_none=True)

    def fit(self, X: Array, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's
        """Fit the components on a sample of `X`: exact for small samples, else randomised."""
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
        other.n_features_in_, other.picture_shape_ = self.n_features_in_, self.picture_shape_
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


class ThumbnailEncoder(LinearEncoder):
    """The picture's own thumbnail in grey, less its mean: a code where there is nothing to learn.

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

    def __init__(self, code_size: int = 64) -> None:
        self.code_size = code_size

    def check_parameters(self) -> None:
        """Check the parameters; see `Encoder.check_parameters`."""
        require_whole(self, 1, "code_size")

    def fit(self, X: Array, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's
        """Lay out the grid; what is learned from `X` is its shape, and a mean for decoding."""
        self.check_parameters()
        X = self._validated(X, reset=True)
        self.pool_ = self._choose_pool(RESOLUTION)
        if self.picture_shape_ is None:
            groups = _grouping(X.shape[1], min(self.code_size, X.shape[1]))
        else:
            height, width, channels = self.picture_shape_
            height, width = height // self.pool_, width // self.pool_
            side = max(1, min(int(self.code_size**0.5), height, width))
            vertical, horizontal = _grouping(height, side), _grouping(width, side)
            groups = np.einsum("ha,wb->hwab", vertical, horizontal).reshape(height * width, -1)
            groups = groups.repeat(channels, axis=0)
        size = groups.shape[1]
        means = groups / groups.sum(axis=0)
        self.code_size_ = size
        self.offset_ = np.zeros(len(groups), dtype=np.float32)
        centring = np.eye(size) - 1 / size if size > 1 else np.eye(1)
        self.matrix_ = (means @ centring).astype(np.float32)
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
