"""Compressed sparse rows (CSR) without scipy: the document-term matrix, as encoders take it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import ParameterError
from aesearch.types import Floats


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A matrix that stores only its values other than 0, as scipy.sparse.csr_array does.

    Rows that a slice takes share memory with the whole, which may be a memory map.

    Parameters
    ----------
    indptr : ndarray of shape (n + 1,), int64
        Row i is at indptr[i] to indptr[i + 1] of the other two; the first is 0.
    indices : ndarray of shape (nnz,), int32
        Columns, sorted within a row, each once.
    values : ndarray of shape (nnz,), float32
    width : int
        The number of columns.

    Raises
    ------
    ParameterError
        If the three do not belong together. Columns are not checked: there are millions.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    values: Floats
    width: int

    def __post_init__(self) -> None:
        for name, dtype in (("indptr", np.int64), ("indices", np.int32), ("values", np.float32)):
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != 1:
                raise ParameterError(
                    f"{name} must be of one dimension and {np.dtype(dtype)}; got {array.dtype} of "
                    f"shape {array.shape}"
                )
        if not len(self.indptr) or self.indptr[0] != 0:
            raise ParameterError("indptr must begin with 0; to take some rows, index the whole")
        if not self.indptr[-1] == len(self.indices) == len(self.values):
            raise ParameterError(
                f"indptr must end with the number of values, {len(self.values)}, as many as "
                f"indices, {len(self.indices)}; got {self.indptr[-1]}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self), self.width

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Of the values."""
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, rows: slice | Sequence[int] | NDArray[Any]) -> SparseRows:
        """Some rows: a slice, an array of row numbers, or one of n booleans."""
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._stretch(start, max(start, stop))
            return self._chosen(np.arange(start, stop, step))
        chosen = np.asarray(rows)
        if chosen.dtype == bool:
            if chosen.shape != (len(self),):
                raise IndexError(f"{chosen.shape} booleans for {len(self)} rows")
            chosen = np.flatnonzero(chosen)
        elif not chosen.size:
            chosen = np.empty(0, dtype=np.int64)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise IndexError("rows are chosen by a slice or by an array of row numbers")
        chosen = chosen.astype(np.int64, copy=False)
        if chosen.size and not -len(self) <= chosen.min() <= chosen.max() < len(self):
            raise IndexError(f"row {chosen.max()} or {chosen.min()} of {len(self)} rows")
        return self._chosen(chosen % max(1, len(self)))

    def _stretch(self, start: int, stop: int) -> SparseRows:
        ends = self.indptr[start : stop + 1]
        first, last = int(ends[0]), int(ends[-1])
        return SparseRows(
            ends - first, self.indices[first:last], self.values[first:last], self.width
        )

    def _chosen(self, rows: NDArray[np.int64]) -> SparseRows:
        starts = self.indptr[rows]
        sizes = self.indptr[rows + 1] - starts
        indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64, copy=False)
        # Where each value comes from: its position in its new row, plus where that row began.
        positions = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], sizes)
        return SparseRows(indptr, self.indices[positions], self.values[positions], self.width)

    def __iter__(self) -> Iterator[SparseRows]:
        """The rows one by one, each a matrix of one row."""
        return (self._stretch(row, row + 1) for row in range(len(self)))

    def rows(self) -> NDArray[np.int64]:
        """Row number of each value, (nnz,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    def toarray(self) -> Floats:
        """Dense rows, (n, width)."""
        full = np.zeros(self.shape, dtype=np.float32)
        full[self.rows(), self.indices] = self.values
        return full

    def lengths(self) -> Floats:
        """Sum of each row, (n,): of counts, the length of the text in terms."""
        return self.row_sums(self.values).astype(np.float32)

    def row_sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum of `values`, one for each stored value, over each row, (n,).

        They are added one after the other in float64, so that a row has the same sum, to the
        last bit, alone and among others.
        """
        sums = np.bincount(self.rows(), weights=values, minlength=len(self))
        return sums.astype(np.float64, copy=False)  # without any row bincount makes integers

    def with_values(self, values: Floats) -> SparseRows:
        """The same sparsity with other values, (nnz,)."""
        return SparseRows(self.indptr, self.indices, values, self.width)

    @classmethod
    def stack(cls, parts: Sequence[SparseRows]) -> SparseRows:
        """The rows of all parts, one below the other; of none, no rows of no columns.

        Raises
        ------
        ParameterError
            If they are not of one width.
        """
        if not parts:
            return cls(
                np.zeros(1, dtype=np.int64),
                np.empty(0, dtype=np.int32),
                np.empty(0, dtype=np.float32),
                0,
            )
        widths = {part.width for part in parts}
        if len(widths) != 1:
            raise ParameterError(f"sparse rows to stack must be of one width; got {sorted(widths)}")
        if len(parts) == 1:
            return parts[0]
        sizes = np.concatenate([[0], *(np.diff(part.indptr) for part in parts)])
        return cls(
            np.cumsum(sizes, dtype=np.int64),
            np.concatenate([part.indices for part in parts]),
            np.concatenate([part.values for part in parts]),
            widths.pop(),
        )


Rows = NDArray[Any] | SparseRows  # what encoders take: pictures, vectors, or sparse rows


def dense(rows: Rows) -> NDArray[Any]:
    """Rows with their zeros filled in; an array stays as it is."""
    filled = getattr(rows, "toarray", None)
    return np.asarray(rows if filled is None else filled())
