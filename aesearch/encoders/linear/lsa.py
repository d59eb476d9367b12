"""Latent semantic analysis: the baseline of documents."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from sklearn.utils.extmath import randomized_svd

from aesearch.encoders.base import BATCH
from aesearch.encoders.linear.base import MANY_FEATURES, MOST_NUMBERS, SAMPLE, LinearEncoder
from aesearch.encoders.parameters import AtLeast, Count
from aesearch.inference.prior import Prior
from aesearch.types import Array, Floats


@dataclass(eq=False, repr=False)
class LSAEncoder(LinearEncoder):
    """Latent semantic analysis: the singular value decomposition of what is not centered.

    Made for tables of word weights, which may be sparse and are never densified; on pictures it
    is the decomposition of the pixels. Codes are the samples' coordinates along the leading right
    singular vectors.

    Parameters
    ----------
    code_size : int, default=64
        Singular vectors kept; fewer where the data have fewer.
    random_state : int, default=0
        Seed of the randomized solver, which is used where samples and features both exceed 1,024.

    Attributes
    ----------
    components_ : ndarray of shape (code_size_, n_features_in_)
        Right singular vectors, the one with the largest value first.
    singular_values_ : ndarray of shape (code_size_,)

    References
    ----------
    S. Deerwester, S. Dumais, G. Furnas, T. Landauer, R. Harshman, Indexing by latent semantic
    analysis, JASIS 1990.
    N. Halko, P.-G. Martinsson, J. Tropp, Finding structure with randomness, SIAM Review 2011.

    Examples
    --------
    >>> from scipy.sparse import random as random_table
    >>> X = random_table(200, 5000, density=0.01, format="csr", random_state=0)
    >>> LSAEncoder(code_size=10).fit(X).transform(X).shape
    (200, 10)
    """

    accepts_sparse: ClassVar[bool] = True

    code_size: Count = 64
    _: KW_ONLY
    random_state: Annotated[int, AtLeast(0)] = 0

    def fit(self, X: Array, y: object = None) -> Self:
        """Find the singular vectors of `X`, dense or sparse (CSR); `y` is ignored.

        Of a table all rows are used; of pictures with more than 1,024 numbers, a sample.
        """
        self.check_parameters()
        X = self._validated(X, reset=True)
        self.pool_ = 1
        values, components = self._decompose(X, min(self.code_size, X.shape[0]))
        # What is left below is rounding.
        kept = max(1, int((values > 1e-6 * values[0]).sum()))
        # A vector and its opposite serve as well: its largest number is made positive.
        largest = np.abs(components[:kept]).argmax(axis=1)
        signs = np.where(components[np.arange(kept), largest] < 0, -1, 1)
        self.components_ = components[:kept] * signs[:, None]
        self.singular_values_ = values[:kept]
        self.code_size_ = kept
        self.offset_ = self.inverse_offset_ = np.zeros(self.n_features_in_, dtype=np.float32)
        self.matrix_, self.inverse_matrix_ = self.components_.T, self.components_
        some = X[:: -(-X.shape[0] // SAMPLE)]
        batches = range(0, some.shape[0], BATCH)
        latents = [self._encode(some[i : i + BATCH]) for i in batches]
        self.prior_ = Prior.fitted(np.concatenate(latents))
        return self

    def _decompose(self, X: Array, size: int) -> tuple[Array, Array]:
        """Return the leading singular values, and the right singular vectors as rows."""
        features = self.n_features_in_
        size = min(size, features)
        if features <= MANY_FEATURES:  # the squares of the features with each other, exactly
            squares = np.zeros((features, features))
            for start in range(0, X.shape[0], BATCH):
                rows = self._rows(X[start : start + BATCH]).astype(np.float64)
                squares += _dense(rows.T @ rows)
            powers, vectors = _leading(squares, size)
            return np.sqrt(powers), vectors.T
        rows = X if self.image_shape_ is None else self._sampled(X)
        if rows.shape[0] <= MANY_FEATURES:  # fewer samples than features: from their side
            rows = rows.astype(np.float64)
            powers, vectors = _leading(_dense(rows @ rows.T), size)
            values = np.sqrt(powers)
            components = np.asarray((rows.T @ vectors).T) / np.maximum(values, 1e-300)[:, None]
            return values, components
        _, values, components = randomized_svd(rows, size, random_state=self.random_state)
        return values, components

    def _sampled(self, X: Array) -> Array:
        return self._sample(X, min(SAMPLE, max(MANY_FEATURES, MOST_NUMBERS // self.n_features_in_)))

    def _encode(self, X: Array) -> Floats:
        # Nothing is taken off, which would densify a sparse table.
        codes: Floats = np.asarray(self._rows(X) @ self.matrix_, dtype=np.float32)
        return codes


def _dense(product: Any) -> Array:
    found: Array = product.toarray() if hasattr(product, "toarray") else product
    return found


def _leading(squares: Array, size: int) -> tuple[Array, Array]:
    """Return the `size` largest eigenvalues of a symmetric matrix, and their vectors as columns."""
    powers, vectors = np.linalg.eigh(squares)
    return np.maximum(powers[::-1][:size], 0), vectors[:, ::-1][:, :size]
