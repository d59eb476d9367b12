"""CSR matrices of scipy: from and to `SparseRows`, looked at, and densified by the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from scipy.sparse import csr_matrix, issparse

from aesearch.sparse import SparseRows
from aesearch.types import Floats


def csr_of(rows: SparseRows) -> csr_matrix:
    """Return sparse rows as a CSR matrix, float32 of the same shape, that shares their memory.

    A matrix and not a `csr_array`: rows that are sliced or chosen stay two-dimensional in all
    versions of scipy, and scikit-learn takes both.
    """
    return csr_matrix((rows.values, rows.indices, rows.indptr), shape=rows.shape)


def sparse_rows_of(csr: Any) -> SparseRows:
    """Return a CSR matrix or array as sparse rows; memory is shared where the types agree.

    Columns are sorted within a row and values at one place added up, as `SparseRows` wants it.
    """
    csr = canonical(csr)
    return SparseRows(
        csr.indptr.astype(np.int64, copy=False),
        csr.indices.astype(np.int32, copy=False),
        csr.data,
        csr.shape[1],
    )


def is_sparse(X: object) -> TypeGuard[csr_matrix]:
    """Return whether a table is sparse."""
    return bool(issparse(X))


def canonical(csr: Any) -> csr_matrix:
    """Return the same table in float32, with one value for each place and columns sorted.

    What is in order shares memory with the result; what is given is never changed.
    """
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()
    values = csr.data.astype(np.float32, copy=False)
    return csr_matrix((values, csr.indices, csr.indptr), shape=csr.shape)


def densified(csr: Any) -> Floats:
    """Densify a batch of rows: float32 of the same shape, with its zeros."""
    full: Floats = csr.toarray().astype(np.float32, copy=False)
    return full


@dataclass(frozen=True)
class Moments:
    """What a likelihood needs to know about all rows of a table, had without its zeros.

    Attributes
    ----------
    mean : ndarray of shape (features,)
    spread : float
        Standard deviation from the mean of its column, over all values.
    total : float
        Mean sum of a row.
    """

    mean: Floats
    spread: float
    total: float

    @classmethod
    def of(cls, csr: csr_matrix) -> Moments:
        """Look at all rows of a tidied table."""
        rows, features = csr.shape
        values = csr.data.astype(np.float64)
        mean = np.bincount(csr.indices, weights=values, minlength=features) / rows
        squares = float(values @ values) / rows - float(mean @ mean)
        return cls(
            mean.astype(np.float32),
            float(np.sqrt(max(squares, 0.0) / features)),
            float(mean.sum()),
        )


def extremes(csr: csr_matrix) -> tuple[float, float]:
    """Return the smallest and the largest value; zeros that are left out count."""
    values = csr.data
    if not len(values):
        return 0.0, 0.0
    low, high = float(values.min()), float(values.max())
    full = len(values) == csr.shape[0] * csr.shape[1]
    return (low, high) if full else (min(low, 0.0), max(high, 0.0))


def are_counts(csr: csr_matrix) -> bool:
    """Return whether all values are whole numbers of at least 0, as those of words are."""
    values = csr.data
    whole = (values == np.rint(values)) & (values >= 0)
    return bool(whole.all()) and bool(values.any())
