"""The Fréchet distance: against closed forms, and as the figure for samples."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.linalg import sqrtm

from aesearch.errors import ParameterError
from aesearch.inference.frechet import SAMPLES, frechet_distance, sample_distance
from aesearch.inference.prior import Prior


def exactly(mean, root, count=400, seed=0):
    """Return codes whose mean and covariance are exactly `mean` and ``root.T @ root``."""
    root = np.atleast_2d(root)
    rows = np.random.default_rng(seed).standard_normal((count, len(root)))
    rows -= rows.mean(axis=0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T).reshape(len(root), -1))).T
    return rows @ root + mean


def test_closed_form_where_covariances_commute():
    one, two = np.array([1.0, 2.0, 0.5]), np.array([3.0, 0.1, 0.5])
    gap = np.array([0.5, -1.0, 2.0])
    expected = gap @ gap + np.square(one - two).sum()
    found = frechet_distance(exactly(0, np.diag(one)), exactly(gap, np.diag(two), seed=1))
    assert found == pytest.approx(expected, rel=1e-8)


def test_one_number_per_code():
    found = frechet_distance(exactly(1.0, [[2.0]]), exactly(4.0, [[0.5]], seed=1))
    assert found == pytest.approx(3.0**2 + 1.5**2, rel=1e-8)


def test_against_the_matrix_square_root_where_they_do_not_commute():
    rng = np.random.default_rng(3)
    one, two = rng.standard_normal((2, 6, 6))
    first, second = exactly(0, one), exactly(1, two, seed=1)
    c1, c2 = one.T @ one, two.T @ two
    expected = 6 + np.trace(c1 + c2 - 2 * np.real(sqrtm(c1 @ c2)))
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-8)


def test_fewer_codes_than_numbers_in_a_code():
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((5, 40))
    assert frechet_distance(codes, codes) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(codes, codes + 2) == pytest.approx(4 * 40, rel=1e-9)
    # Codes on two lines through the origin: tr (C1 C2)^1/2 is s t |u . v|.
    u, v = np.eye(40)[0], (np.eye(40)[0] + np.eye(40)[1]) / 2**0.5
    first, second = exactly(0, [[3.0]]) * u, exactly(0, [[2.0]], seed=1) * v
    assert frechet_distance(first, second) == pytest.approx(9 + 4 - 12 / 2**0.5, rel=1e-8)
    assert frechet_distance(np.ones((3, 4)), np.ones((2, 4))) == 0


def test_far_from_zero_and_in_float32():
    codes = (np.random.default_rng(0).standard_normal((300, 8)) + 1e3).astype(np.float32)
    assert frechet_distance(codes, codes[::-1]) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (np.ones((1, 3)), np.ones((5, 3)), "at least 2"),
        (np.ones((5, 3)), np.ones((5, 4)), r"got \(5, 3\) and \(5, 4\)"),
        (np.ones(5), np.ones((5, 4)), "two arrays"),
        (np.ones((5, 3)), np.full((5, 3), np.nan), "must be finite"),
    ],
)
def test_what_cannot_be_compared(first, second, words):
    with pytest.raises(ParameterError, match=words):
        frechet_distance(first, second)


def encoder_with(prior: Prior) -> SimpleNamespace:
    """An encoder whose pictures are its codes, for as long as they are whole numbers 0..255."""
    return SimpleNamespace(
        prior=prior,
        code_size=prior.code_size,
        decode=lambda latents: latents.reshape(-1, 1, 2, 1),
        encode=lambda X: X.reshape(len(X), -1).astype(np.float32),
    )


def test_good_samples_are_as_near_as_real_pictures_and_bad_ones_are_not():
    true = Prior(np.float32([[100, 120]]), np.float32([20, 5]))
    codes = true.draw(4 * SAMPLES, seed=7)
    good = sample_distance(encoder_with(true), codes)
    assert good.count == SAMPLES
    assert 0 < good.floor < 3
    assert good.samples < 5
    moved = Prior(np.float32([[110, 120]]), np.float32([20, 5]))
    bad = sample_distance(encoder_with(moved), codes)
    assert bad.floor == good.floor
    assert bad.samples == pytest.approx(100, rel=0.25)


def test_too_few_codes_say_nothing():
    prior = Prior.standard(2)
    assert sample_distance(encoder_with(prior), np.zeros((5, 2), np.float32)) is None
    found = sample_distance(encoder_with(prior), np.zeros((6, 2), np.float32))
    assert (found.count, found.floor) == (3, 0)
