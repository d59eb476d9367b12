"""Directions in which neighbors differ count less: closed form, on rows of numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from aesearch.encoders.closed.neighborhoods import neighborhood_components
from aesearch.encoders.layers.blocks import unit
from aesearch.encoders.layers.projection import principal


def groups(count: int, noise: float) -> tuple[Tensor, Tensor]:
    """Rows of ten kinds that differ along 8 directions, beside 24 along which everything does."""
    draws = np.random.default_rng(0)
    kinds = np.arange(count) % 10
    rows = np.concatenate(
        [
            draws.normal(size=(10, 8))[kinds] + 0.3 * draws.normal(size=(count, 8)),
            noise * draws.normal(size=(count, 24)),
        ],
        axis=1,
    )
    return torch.from_numpy(rows).float(), torch.from_numpy(kinds)


def precision(rows: Tensor, fitted: tuple[Tensor, Tensor], kinds: Tensor) -> float:
    mean, matrix = fitted
    codes = unit((rows - mean) @ matrix)
    found = (codes @ codes.T).fill_diagonal_(-2).topk(10, dim=1).indices
    return (kinds[found] == kinds[:, None]).double().mean().item()


def test_kinds_are_told_apart_better_than_by_what_varies_most() -> None:
    rows, kinds = groups(600, noise=0.6)
    usual = precision(rows, principal(rows, 8, 0.0), kinds)
    found = precision(rows, neighborhood_components(rows, 8), kinds)
    assert found > usual + 0.05


@pytest.mark.parametrize("count", [1, 2, 3, 30])
def test_few_rows(count: int) -> None:
    rows, _ = groups(count, noise=0.6)
    mean, matrix = neighborhood_components(rows, 8)
    assert mean.shape == (32,)
    assert 1 <= matrix.shape[1] <= 8
    assert torch.isfinite(matrix).all()


def test_copies_and_flat_rows() -> None:
    """Neighbors that are copies differ in nothing, and nothing is divided by that."""
    some, kinds = groups(40, noise=0.6)
    rows = some.repeat_interleave(6, dim=0)
    mean, matrix = neighborhood_components(rows, 8)
    assert torch.isfinite(matrix).all()
    assert precision(rows, (mean, matrix), kinds.repeat_interleave(6)) > 0.5
    flat = torch.ones(50, 32)
    assert torch.isfinite(neighborhood_components(flat, 8)[1]).all()
