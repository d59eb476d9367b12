"""Sparse rows are those of scipy, whichever way they are taken."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array, vstack

from aesearch.sparse import SparseRows

SIDES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=7)
VALUES = st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.0, -3.0, 0.5])  # sums of which are exact


def tables(shape: Any = SIDES) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float32, shape, elements=VALUES)


def sparse_rows_of(rows: csr_array) -> SparseRows:
    indptr, indices = rows.indptr.astype(np.int64), rows.indices.astype(np.int32)
    return SparseRows(indptr, indices, rows.data, rows.shape[1])


def assert_same(sparse_rows: SparseRows, rows: csr_array) -> None:
    assert sparse_rows.shape == rows.shape
    np.testing.assert_array_equal(sparse_rows.indptr, rows.indptr)
    np.testing.assert_array_equal(sparse_rows.indices, rows.indices)
    np.testing.assert_array_equal(sparse_rows.values, rows.data)
    np.testing.assert_array_equal(sparse_rows.toarray(), rows.toarray())


def choices(count: int) -> st.SearchStrategy[Any]:
    """What chooses some of so many rows: a slice, row numbers, or booleans."""
    numbers = st.lists(st.integers(-count, count - 1)) if count else st.just([])
    return st.one_of(
        st.slices(count),
        numbers.map(lambda rows: np.array(rows, dtype=np.int64)),
        numbers.map(lambda rows: np.array(rows, dtype=np.int16)),
        hnp.arrays(bool, count),
    )


@given(full=tables(), data=st.data())
def test_rows_are_taken_as_scipy_takes_them(full: np.ndarray, data: st.DataObject) -> None:
    ours, theirs = sparse_rows_of(csr_array(full)), csr_array(full)
    for _ in range(2):  # rows of rows too
        rows = data.draw(choices(len(ours)))
        chosen = np.arange(len(ours))[rows]  # scipy takes no rows of none only by their numbers
        ours, theirs = ours[rows], theirs[chosen] if len(chosen) else csr_array(full[:0])
        assert_same(ours, theirs)


@given(full=tables())
def test_rows_one_by_one_are_the_whole(full: np.ndarray) -> None:
    theirs = csr_array(full)
    ours = sparse_rows_of(theirs)
    parts = list(ours)
    assert len(parts) == len(full)
    for row, part in enumerate(parts):
        assert_same(part, theirs[[row]])
        assert part.lengths()[0] == ours.lengths()[row]
    if parts:
        assert_same(SparseRows.stack(parts), theirs)


@given(full=tables(), data=st.data())
def test_stacking_is_that_of_scipy(full: np.ndarray, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(full)), max_size=3)))
    ends = [0, *cuts, len(full)]
    whole = sparse_rows_of(csr_array(full))
    parts = [whole[a:b] for a, b in pairwise(ends)]
    assert_same(SparseRows.stack(parts), csr_array(full))
    assert_same(SparseRows.stack([whole, whole]), csr_array(vstack([csr_array(full)] * 2)))


@given(full=tables())
def test_sums_and_other_values(full: np.ndarray) -> None:
    theirs = csr_array(full)
    ours = sparse_rows_of(theirs)
    np.testing.assert_array_equal(ours.lengths(), theirs.sum(axis=1))
    np.testing.assert_array_equal(ours.row_sums(ours.values**2), (full.astype(float) ** 2).sum(1))
    np.testing.assert_array_equal(ours.rows(), theirs.tocoo().coords[0])
    assert_same(ours.with_values(2 * ours.values), 2 * theirs)


@given(count=st.integers(0, 5), row=st.integers(-20, 20))
def test_rows_that_are_not_there_are_refused(count: int, row: int) -> None:
    sparse_rows = sparse_rows_of(csr_array(np.ones((count, 2), dtype=np.float32)))
    if -count <= row < count:
        assert sparse_rows[[row]].shape == (1, 2)
    else:
        with pytest.raises(IndexError, match="rows"):
            sparse_rows[[row]]
