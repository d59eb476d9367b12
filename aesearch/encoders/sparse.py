"""Sparse rows of the features as the matrices that scikit-learn takes, sharing memory."""

from __future__ import annotations

from typing import Any

from scipy.sparse import csr_matrix

from aesearch.features.bags import Bags


def csr_of(bags: Bags) -> Any:
    """Return bags as a CSR matrix of scipy, float32 of the same shape."""
    return csr_matrix((bags.values, bags.indices, bags.indptr), shape=bags.shape)
