"""Sparse rows are what the full array would be, whichever way they are taken."""

from __future__ import annotations

import numpy as np
import pytest

from aesearch.errors import ParameterError
from aesearch.sparse import SparseRows


def sparse_rows_of(full: np.ndarray) -> SparseRows:
    rows, columns = np.nonzero(full)
    sizes = np.bincount(rows, minlength=len(full))
    return SparseRows(
        np.concatenate([[0], np.cumsum(sizes)]),
        columns.astype(np.int32),
        full[rows, columns].astype(np.float32),
        full.shape[1],
    )


@pytest.fixture
def full() -> np.ndarray:
    draw = np.random.default_rng(0)
    full = draw.integers(1, 9, (12, 7)) * (draw.random((12, 7)) < 0.3)
    full[[0, 5, 11]] = 0  # rows of nothing, at both ends too
    return full.astype(np.float32)


def test_there_and_back(full: np.ndarray) -> None:
    sparse_rows = sparse_rows_of(full)
    assert sparse_rows.shape == full.shape
    assert len(sparse_rows) == 12
    assert sparse_rows.toarray().dtype == np.float32
    np.testing.assert_array_equal(sparse_rows.toarray(), full)
    np.testing.assert_array_equal(sparse_rows.lengths(), full.sum(axis=1))
    np.testing.assert_array_equal(np.concatenate([row.toarray() for row in sparse_rows]), full)


@pytest.mark.parametrize(
    "rows",
    [
        slice(None),
        slice(3, 8),
        slice(8, 3),
        slice(-4, None),
        slice(None, None, -1),
        slice(1, 11, 3),
        slice(20, 30),
        [4, 4, 0, 11, 5],
        [-1, -12, 3],
        [],
        np.array([2, 7], dtype=np.int32),
        np.arange(12) % 2 == 0,
    ],
    ids=str,
)
def test_rows_are_taken_as_numpy_takes_them(full: np.ndarray, rows: object) -> None:
    wanted = full[rows] if len(full[rows]) or isinstance(rows, slice) else full[:0]
    taken = sparse_rows_of(full)[rows]
    assert taken.shape == wanted.shape
    np.testing.assert_array_equal(taken.toarray(), wanted)


@pytest.mark.parametrize("rows", [[12], [-13], [0.5], [[1]], [True, False]], ids=str)
def test_rows_that_are_not_there(full: np.ndarray, rows: object) -> None:
    with pytest.raises(IndexError):
        sparse_rows_of(full)[rows]


def test_a_slice_shares_memory(full: np.ndarray) -> None:
    sparse_rows = sparse_rows_of(full)
    assert np.shares_memory(sparse_rows[2:9].values, sparse_rows.values)


def test_stacked(full: np.ndarray) -> None:
    sparse_rows = sparse_rows_of(full)
    again = SparseRows.stack([sparse_rows[:5], sparse_rows[5:5], sparse_rows[5:]])
    np.testing.assert_array_equal(again.toarray(), full)
    assert SparseRows.stack([]).shape == (0, 0)
    with pytest.raises(ParameterError, match="one width"):
        SparseRows.stack([sparse_rows, sparse_rows_of(full[:, :3])])


def test_arrays_that_do_not_belong_together() -> None:
    pointers = np.array([0, 1], dtype=np.int64)
    one = np.zeros(1, dtype=np.int32), np.ones(1, dtype=np.float32)
    assert SparseRows(pointers, *one, 1).shape == (1, 1)
    with pytest.raises(ParameterError, match="begin with 0"):
        SparseRows(pointers[1:], *one, 1)
    with pytest.raises(ParameterError, match="must end with"):
        SparseRows(pointers[:1], *one, 1)
    with pytest.raises(ParameterError, match="float64"):
        SparseRows(pointers, one[0], one[1].astype(np.float64), 1)
