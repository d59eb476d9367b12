"""The variational autoencoders: what their numbers are, not only their shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from torch.distributions import Categorical, MixtureSameFamily, Normal, kl_divergence

from aesearch.encoders.autoencoders.cvae import ConditionalNetwork, CVAEEncoder
from aesearch.encoders.autoencoders.vae import VAEEncoder, VariationalNetwork, normal_divergence
from aesearch.encoders.layers.likelihood import Likelihood
from aesearch.encoders.layers.mlp import MLPBackbone
from aesearch.errors import ParameterError

SMALL: dict[str, Any] = {"hidden": (128,), "epochs": 40}
Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def network(shares: list[float], size: int = 4) -> ConditionalNetwork:
    """A conditional network with random means, for posteriors that a test makes up."""
    torch.manual_seed(0)
    backbone = MLPBackbone((3,), (5,), size, 2 * size, activation="relu", normalize=False)
    return ConditionalNetwork(
        Likelihood("squared", (3,)),
        backbone,
        beta=1.0,
        warm_up=0.0,
        code_size=size,
        shares=np.array(shares),
        classification=1.0,
    )


def posterior(count: int = 6, size: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    mean = 2 * torch.randn(count, size, generator=generator)
    return mean, torch.randn(count, size, generator=generator)


def as_normal(mean: torch.Tensor, log_variance: torch.Tensor) -> Normal:
    return Normal(mean, (0.5 * log_variance).exp())


@pytest.fixture(scope="module")
def split(digits: tuple[np.ndarray, np.ndarray]) -> Split:
    X, y = digits
    known, other, labels, expected = train_test_split(
        X, y, test_size=0.3, random_state=0, stratify=y
    )
    return known, labels, other, expected


@pytest.fixture(scope="module")
def vae(split: Split) -> VAEEncoder:
    return VAEEncoder(16, **SMALL).fit(split[0])


@pytest.fixture(scope="module")
def cvae(split: Split) -> CVAEEncoder:
    return CVAEEncoder(16, **SMALL).fit(split[0], split[1])


def between(encoder: VAEEncoder, split: Split) -> float:
    """The share of the variance of the codes of new digits that is that between the classes."""
    codes, labels = encoder.transform(split[2]), split[3]
    middles = np.stack([codes[labels == digit].mean(axis=0) for digit in range(10)])
    mean = codes.mean(axis=0)
    return float(np.square(middles[labels] - mean).sum() / np.square(codes - mean).sum())


# -- divergences -------------------------------------------------------------------------------


def test_the_divergence_is_that_of_torch() -> None:
    mean, log_variance = posterior()
    expected = kl_divergence(as_normal(mean, log_variance), Normal(0, 1)).sum(dim=1)
    torch.testing.assert_close(normal_divergence(mean, log_variance), expected)


def test_the_divergence_from_a_class_is_that_of_torch() -> None:
    found = network([0.2, 0.3, 0.5])
    mean, log_variance = posterior()
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    expected = kl_divergence(as_normal(mean, log_variance), Normal(found.means[labels], 1))
    torch.testing.assert_close(found.divergence(mean, log_variance, labels), expected.sum(dim=1))


def test_without_a_label_one_class_is_as_good_as_a_label() -> None:
    found = network([1.0])
    mean, log_variance = posterior()
    torch.testing.assert_close(
        found.divergence(mean, log_variance, torch.full((6,), -1)),
        found.divergence(mean, log_variance, torch.zeros(6, dtype=torch.int64)),
    )


@torch.no_grad()
def test_without_a_label_the_divergence_bounds_that_from_the_mixture() -> None:
    shares = [0.2, 0.3, 0.5]
    found = network(shares)
    found.means.mul_(0.5)  # so that the classes overlap, and the bound is no equality
    mean, log_variance = posterior()
    components = torch.distributions.Independent(Normal(found.means, torch.ones(4)), 1)
    mixture = MixtureSameFamily(Categorical(torch.tensor(shares)), components)
    own = as_normal(mean, log_variance)
    drawn = own.sample((20_000,))
    ratio = own.log_prob(drawn).sum(dim=2) - mixture.log_prob(drawn)
    true, error = ratio.mean(dim=0), ratio.std(dim=0) / 20_000**0.5
    bound = found.divergence(mean, log_variance, torch.full((6,), -1))
    assert (bound > true - 4 * error).all()
    # It is the best of its kind: lower than what any class alone gives.
    known = torch.stack(
        [found.divergence(mean, log_variance, torch.full((6,), c)) for c in (0, 1, 2)]
    )
    alone = known - torch.tensor(shares).log()[:, None]
    assert (bound < alone.min(dim=0).values).all()


def test_classification_is_the_cross_entropy_of_the_labelled() -> None:
    found = network([0.25, 0.75])
    mean, narrow = posterior()[0], torch.full((6, 4), -30.0)  # so that nothing is left to chance
    labels = torch.tensor([0, -1, 1, -1, -1, 0])
    terms = found.terms((mean, narrow), torch.zeros(6, 3), labels, 1.0)
    joint = torch.stack(
        [
            Normal(found.means[c], 1).log_prob(mean).sum(dim=1) + np.log(share)
            for c, share in enumerate((0.25, 0.75))
        ],
        dim=1,
    )
    kept = labels >= 0
    expected = -joint.log_softmax(dim=1)[kept, labels[kept]].mean()
    torch.testing.assert_close(terms["classification"], expected, rtol=1e-3, atol=1e-4)
    none = found.terms((mean, narrow), torch.zeros(6, 3), torch.full((6,), -1), 1.0)
    assert none["classification"] == 0


# -- vae ---------------------------------------------------------------------------------------


def test_the_code_is_the_mean(vae: VAEEncoder, split: Split) -> None:
    X = split[2][:50]
    found = vae.network_
    assert isinstance(found, VariationalNetwork)
    with torch.no_grad():
        inputs = found.likelihood.inputs(torch.from_numpy(X).float())
        mean = found.posterior(inputs)[0]
    np.testing.assert_allclose(vae.transform(X), mean, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(vae.transform(X), vae.transform(X))


def test_the_bound_is_above_that_of_one_normal_for_each_value(
    vae: VAEEncoder, split: Split
) -> None:
    X, _, other, _ = split
    scale = np.sqrt(np.square(X - X.mean(axis=0)).mean())
    # In the encoder's units, and without the constant: 64 values of variance 1.
    plain = -0.5 * np.square((other - X.mean(axis=0)) / scale).sum(axis=1)
    bounds = vae.elbo(other)
    assert bounds.shape == (len(other),)
    assert bounds.mean() > plain.mean() + 5
    assert np.abs(vae.elbo(other, draws=20) - bounds).mean() < 10
    np.testing.assert_array_equal(vae.elbo(other), bounds)


def test_the_weight_of_the_divergence_warms_up() -> None:
    backbone = MLPBackbone((3,), (), 2, 4, activation="relu", normalize=False)
    found = VariationalNetwork(Likelihood("squared", (3,)), backbone, beta=4.0, warm_up=0.5)
    for progress, weight in ((0.0, 0.0), (0.25, 2.0), (0.5, 4.0), (1.0, 4.0)):
        found.on_progress(progress)
        assert found.weight == weight
    found.warm_up = 0.0
    found.on_progress(0.0)
    assert found.weight == 4


def test_without_a_weight_nothing_holds_codes_near_the_prior(vae: VAEEncoder, split: Split) -> None:
    free = VAEEncoder(16, **SMALL, beta=0.0).fit(split[0])
    held = vae.transform(split[0])
    assert all(entry["divergence"] == 0 for entry in free.history_ if "divergence" in entry)
    assert np.square(free.transform(split[0])).mean() > 3 * np.square(held).mean()
    assert 0.1 < np.square(held).mean() < 2


# -- cvae --------------------------------------------------------------------------------------


def test_labels_bring_classes_together(vae: VAEEncoder, cvae: CVAEEncoder, split: Split) -> None:
    assert between(cvae, split) > between(vae, split) + 0.15  # 0.72, 0.48
    assert (cvae.predict(split[2]) == split[3]).mean() > 0.93
    assert cvae.elbo(split[2]).mean() > vae.elbo(split[2]).mean() - 1


def test_samples_of_a_class_are_of_that_class(cvae: CVAEEncoder, split: Split) -> None:
    judge = KNeighborsClassifier(5).fit(split[0], split[1])
    for digit in range(10):
        drawn = cvae.sample(40, group=str(digit))
        assert (judge.predict(drawn) == digit).mean() > 0.6
    np.testing.assert_allclose(cvae.prior_.shares, np.bincount(split[1]) / len(split[1]))
    with pytest.raises(ParameterError, match="no group 'ten'"):
        cvae.sample(3, group="ten")


def test_a_tenth_of_the_labels_is_better_than_none(vae: VAEEncoder, split: Split) -> None:
    X, y, other, expected = split
    few = np.where(np.random.default_rng(0).random(len(y)) < 0.1, y, -1)
    encoder = CVAEEncoder(16, **SMALL).fit(X, few)
    assert between(encoder, split) > between(vae, split) + 0.1  # 0.65, 0.48
    assert (encoder.predict(other) == expected).mean() > 0.75


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "", "a", None, "b", "a"], ["a", "b"]),
        ([3, -1, 7, -1, 3, 7], [3, 7]),
        ([0.5, float("nan"), 2.0, -1.0, 0.5, 2.0], [0.5, 2.0]),
        (np.array(["b", "", "a", "", "b", "a"]), ["a", "b"]),
    ],
    ids=["names", "numbers", "floats", "array"],
)
def test_labels_may_be_missing(labels: Any, classes: list[Any]) -> None:
    encoder = CVAEEncoder(2, epochs=1)
    expected = [classes.index(name) if name in classes else -1 for name in labels]
    assert encoder._encode_labels(labels, 6).tolist() == expected
    assert encoder.classes_.tolist() == classes
    np.testing.assert_allclose(encoder.shares_, [0.5, 0.5])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "labels are missing: cvae .*give y"),
        (["", None, -1], "labels are missing: cvae .*none of the 3 .*choose vae"),
        (["a", "b"], "one label for each of the 3 samples; got 2"),
        (["a", 1, "b"], "names or numbers; got both, such as 'a' and 1"),
        ([["a", "b"]] * 3, "y should be a 1d array"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CVAEEncoder(2).fit(np.eye(3), labels)


def test_the_state_brings_the_classes_back(split: Split) -> None:
    X, names = split[0][:100], [f"digit {label}" for label in split[1][:100]]
    encoder = CVAEEncoder(3, hidden=(16,), epochs=2).fit(X, names)
    again = CVAEEncoder(3, hidden=(16,), epochs=2).load_state(encoder.state())
    np.testing.assert_array_equal(again.classes_, encoder.classes_)
    np.testing.assert_array_equal(again.shares_, encoder.shares_)
    np.testing.assert_array_equal(again.predict(X), encoder.predict(X))
    np.testing.assert_array_equal(
        again.sample(5, group="digit 3"), encoder.sample(5, group="digit 3")
    )
