"""The adversaries: who learns from what, and whether samples come out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from aesearch.encoders.autoencoders.network import NetworkTask
from aesearch.encoders.autoencoders.vae import VAEEncoder
from aesearch.encoders.autoencoders.vaegan import (
    ADVERSARIES,
    AdversarialNetwork,
    Discriminator,
    VAEGANEncoder,
    convolutional_discriminator,
    dense_discriminator,
)
from aesearch.encoders.layers.likelihood import Likelihood
from aesearch.encoders.layers.mlp import MLPBackbone
from aesearch.encoders.training.task import Task
from aesearch.inference.frechet import frechet_distance

SMALL: dict[str, Any] = {"hidden": (128,), "epochs": 40}
SIZE, CODE = 6, 2
OF_DISCRIMINATOR = ("discriminator", "penalty")


def network(adversary: str, discriminator: Discriminator | None = None) -> AdversarialNetwork:
    torch.manual_seed(0)
    backbone = MLPBackbone((SIZE,), (8,), CODE, 2 * CODE, activation="relu", normalize=True)
    return AdversarialNetwork(
        Likelihood("squared", (SIZE,)),
        backbone,
        discriminator or dense_discriminator(SIZE, (7,)),
        beta=1.0,
        warm_up=0.0,
        adversary=adversary,
        adversary_weight=1.0,
        feature_weight=1.0,
        reconstruction=1.0,
        gradient_penalty=10.0,
    )


def trained_by(found: AdversarialNetwork, *names: str) -> set[str]:
    """Which parts have gradients from these terms."""
    x = torch.randn(16, SIZE, generator=torch.Generator().manual_seed(1))
    terms = found.losses(x, x, torch.full((16,), -1))
    found.zero_grad(set_to_none=True)
    torch.stack([terms[name] for name in names]).sum().backward()
    encoder, decoder = found.backbone.down, found.backbone.up
    parts = {"encoder": encoder, "decoder": decoder, "rival": found.discriminator}
    return {
        part
        for part, module in parts.items()
        if any(p.grad is not None and bool(p.grad.any()) for p in module.parameters())
    }


@pytest.mark.parametrize("adversary", ADVERSARIES)
def test_each_part_learns_from_its_own_terms(adversary: str) -> None:
    found = network(adversary)
    assert trained_by(found, "discriminator") == {"rival"}
    assert trained_by(found, "penalty") == {"rival"}
    assert trained_by(found, "generator") == {"decoder"}
    assert trained_by(found, "features") == {"encoder", "decoder"}
    assert trained_by(found, "reconstruction") == {"encoder", "decoder"}
    assert trained_by(found, "divergence") == {"encoder"}


def test_all_parameters_are_in_one_group() -> None:
    found = network("wasserstein")
    players, rivals = (
        group["params"] for group in found.parameter_groups(Task.__new__(NetworkTask))
    )
    assert [id(p) for p in [*players, *rivals]] == [id(p) for p in found.parameters()]
    assert [id(p) for p in rivals] == [id(p) for p in found.discriminator.parameters()]


def test_the_penalty_of_a_linear_score() -> None:
    linear = Discriminator(nn.Identity(), SIZE)
    direction = nn.functional.normalize(torch.arange(1.0, SIZE + 1), dim=0)
    real, sampled = torch.randn(8, SIZE), torch.randn(8, SIZE)
    for length, of_one, of_none in ((1.0, 0.0, 0.5), (3.0, 4.0, 4.5)):
        linear.head.weight.data = length * direction[None]
        for adversary, expected in (("wasserstein", of_one), ("non-saturating", of_none)):
            found = network(adversary, linear).penalty(real, sampled)
            torch.testing.assert_close(found, torch.tensor(expected))


def test_a_rising_score_deceives() -> None:
    for adversary in ADVERSARIES:
        found = network(adversary)
        x = torch.randn(16, SIZE)
        low = found.generator_losses(x, x, x)
        assert low["features"] == 0
        found.discriminator.head.bias.data += 1
        assert found.generator_losses(x, x, x)["generator"] < low["generator"]


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (1, 5, 9), (3, 1, 1)])
def test_a_discriminator_of_pictures_gives_a_number(shape: tuple[int, ...]) -> None:
    found = convolutional_discriminator(shape, 4)
    features, score = found(torch.randn(3, *shape))
    assert features.ndim == 2
    assert score.shape == (3,)
    torch.testing.assert_close(found.score(features), score)


@pytest.fixture(scope="module")
def tables(digits: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return digits[0][:1200], digits[0][1200:]


def distance(samples: np.ndarray, tables: tuple[np.ndarray, np.ndarray]) -> float:
    features = PCA(20).fit(tables[0])
    return frechet_distance(features.transform(samples), features.transform(tables[1]))


@pytest.fixture(scope="module")
def others(tables: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """How far the samples of a decoder that has learned nothing are, and those of a VAE."""
    untrained = VAEGANEncoder(16, hidden=(128,), epochs=1, learning_rate=1e-12).fit(tables[0])
    vae = VAEEncoder(16, **SMALL).fit(tables[0])
    count = len(tables[1])
    return distance(untrained.sample(count), tables), distance(vae.sample(count), tables)


@pytest.mark.parametrize("adversary", ADVERSARIES)
def test_samples_are_near_the_data(
    adversary: str, tables: tuple[np.ndarray, np.ndarray], others: tuple[float, float]
) -> None:
    X, real = tables
    encoder = VAEGANEncoder(16, adversary=adversary, **SMALL).fit(X)
    assert all(np.isfinite(list(entry.values())).all() for entry in encoder.history_)
    assert len(encoder.history_) == SMALL["epochs"]
    samples = encoder.sample(len(real))
    found = distance(samples, tables)
    assert found < 0.2 * others[0]
    assert found < others[1]
    # No collapse: samples differ from each other as digits do.
    assert samples.std(axis=0).mean() > 0.7 * real.std(axis=0).mean()


def test_convolutions_play_too() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 255, (64, 12, 12, 3), dtype=np.uint8)
    for adversary in ADVERSARIES:
        encoder = VAEGANEncoder(4, backbone="conv", width=4, epochs=2, adversary=adversary).fit(X)
        assert encoder.sample(3).shape == (3, 12, 12, 3)
        assert np.isfinite(encoder.history_[-1]["discriminator"])


def test_the_discriminator_is_kept() -> None:
    X = np.random.default_rng(0).normal(size=(40, SIZE))
    encoder = VAEGANEncoder(2, hidden=(8,), epochs=2).fit(X)
    state = encoder.state()
    assert any("discriminator" in name for name in state)
    again = VAEGANEncoder(2, hidden=(8,), epochs=2).load_state(state)
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))
