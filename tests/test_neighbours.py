"""The encoder that keeps neighbourhoods."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from aesearch.encoders.autoencoders.neighbors import NeighborEncoder
from aesearch.encoders.linear.pca import PCAEncoder
from aesearch.encoders.training import neighbors
from aesearch.encoders.training.data import RowSource
from aesearch.encoders.training.losses import neighborhood
from aesearch.encoders.training.neighbors import nearest

X, Y = load_digits(return_X_y=True)


def test_nearest_agrees_with_scikit_learn() -> None:
    points = np.random.default_rng(0).normal(size=(300, 20))
    rows = torch.from_numpy(points).float()
    distances, expected = NearestNeighbors(n_neighbors=6).fit(points).kneighbors()
    assert (distances[:, 5] - distances[:, 4]).min() > 1e-4  # rounding does not choose the fifth
    np.testing.assert_array_equal(np.sort(nearest(rows, 5)), np.sort(expected[:, :5]))


def test_nearest_in_a_large_collection_are_those_of_an_even_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbors, "DATABASE", 100)
    rows = torch.from_numpy(X[:300]).float()
    found = nearest(rows, 6)
    assert found.shape == (300, 6)
    assert (found % 3 == 0).all()
    assert (found != torch.arange(300)[:, None]).all()
    np.testing.assert_array_equal(found[:, :2], found[:, 2:4])


def test_neighbourhood_is_the_cross_entropy_written_out() -> None:
    first, second = torch.randn(2, 7, 3, dtype=torch.float64).float()
    codes = torch.cat([first, second]).double()
    near = 1 / (1 + torch.cdist(codes, codes).square())
    near.fill_diagonal_(0)
    partner = torch.cat([torch.arange(7, 14), torch.arange(7)])
    expected = -(near[torch.arange(14), partner] / near.sum(dim=1)).log().mean()
    torch.testing.assert_close(neighborhood(first, second).double(), expected, rtol=1e-4, atol=0)


def test_training_pairs_never_reach_into_the_validation() -> None:
    encoder = NeighborEncoder(2, hidden=(16,), validation=0.2, epochs=1).fit(X[:200])
    task = encoder._task(RowSource(X[:200]), np.full(200, -1))
    for part in (task.rows, task.held_out):
        assert set(task.pairs[part].flatten().tolist()) <= set(part)
    assert len(task.held_out) == 40


def test_classes_keep_apart_on_the_plane_better_than_with_pca() -> None:
    pictures = (X.reshape(-1, 8, 8, 1) * 15.9).astype(np.uint8)
    codes = {
        "pca": PCAEncoder(2, whiten=0.0),
        "map": NeighborEncoder(2, hidden=(128,), epochs=30, learning_rate=3e-3, views=False),
    }
    right = {}
    for name, encoder in codes.items():
        encoder.fit(pictures[:1200])
        judge = KNeighborsClassifier(5).fit(encoder.transform(pictures[:1200]), Y[:1200])
        right[name] = judge.score(encoder.transform(pictures[1200:]), Y[1200:])
    assert right["map"] > right["pca"] + 0.1  # 0.77, 0.57
