"""What the trained encoders share: units and losses, noise, validation, state, devices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_pictures
from sklearn.datasets import load_digits

from aesearch.encoders.autoencoders.base import Autoencoder
from aesearch.encoders.autoencoders.mlp import MLPEncoder
from aesearch.encoders.autoencoders.vae import VAEEncoder
from aesearch.encoders.layers.likelihood import Likelihood, loss_for
from aesearch.encoders.training.augment import shifted
from aesearch.encoders.training.data import Batches
from aesearch.encoders.training.device import training_device
from aesearch.encoders.training.noise import noise_of
from aesearch.errors import ParameterError

DIGITS = load_digits().data[:600]  # 0..16
GLYPHS = (DIGITS.reshape(-1, 8, 8, 1) * 15.9).astype(np.uint8)


def small(**parameters: Any) -> MLPEncoder:
    return MLPEncoder(**{"code_size": 8, "hidden": (32,), "epochs": 15, **parameters})


def error(encoder: Autoencoder, X: np.ndarray) -> float:
    decoded = encoder.inverse_transform(encoder.transform(X)).astype(float)
    return float(np.square(decoded - X).reshape(len(X), -1).sum(axis=1).mean())


def test_the_state_of_an_older_version_is_read() -> None:
    encoder = VAEEncoder(4, hidden=(16,), epochs=1).fit(DIGITS[:100])
    former = {"network.backbone.": "network.body.", "network.likelihood.": "network.units."}
    state = {}
    for name, value in encoder.state().items():
        start = next((new for new in former if name.startswith(new)), "")
        state[former.get(start, "") + name.removeprefix(start)] = value
    assert any(name.startswith("network.body.") for name in state)
    assert any(name.startswith("network.units.") for name in state)
    again = VAEEncoder(4, hidden=(16,)).load_state(state)
    np.testing.assert_array_equal(again.transform(DIGITS[:9]), encoder.transform(DIGITS[:9]))


# -- units and losses --------------------------------------------------------------------------


def test_squared_units_are_proportional_to_the_squared_error() -> None:
    sample = torch.from_numpy(DIGITS).float()
    likelihood = Likelihood("squared", (64,)).fit(sample)
    inputs = likelihood.inputs(sample)
    np.testing.assert_allclose(inputs.mean(dim=0), 0, atol=1e-5)
    assert float(inputs.square().mean()) == pytest.approx(1, rel=1e-4)
    torch.testing.assert_close(likelihood.outputs(inputs), sample, rtol=1e-5, atol=1e-5)
    raw = torch.randn(600, 64)
    gap = (likelihood.outputs(raw) - sample).square().sum(dim=1)
    expected = 0.5 * gap * likelihood.scale**2
    torch.testing.assert_close(likelihood.errors(raw, likelihood.targets(sample)), expected)


def test_cross_entropy_is_written_out() -> None:
    p = torch.rand(5, 1, 2, 2) * 0.8 + 0.1
    raw, target = torch.logit(p), torch.rand(5, 1, 2, 2)
    expected = -(target * p.log() + (1 - target) * (1 - p).log()).sum(dim=(1, 2, 3))
    likelihood = Likelihood("cross-entropy", (1, 2, 2))
    torch.testing.assert_close(likelihood.errors(raw, target), expected)
    torch.testing.assert_close(likelihood.outputs(raw), p)


def test_multinomial_is_written_out_and_decodes_to_counts() -> None:
    counts = torch.tensor([[3.0, 1.0, 0.0], [0.0, 4.0, 4.0]])
    likelihood = Likelihood("multinomial", (3,)).fit(counts)
    assert float(likelihood.total) == 6.0
    raw = torch.tensor([[0.2, -1.0, 0.5], [1.0, 1.0, 1.0]])
    p = raw.exp() / raw.exp().sum(dim=1, keepdim=True)
    torch.testing.assert_close(likelihood.errors(raw, counts), -(counts * p.log()).sum(dim=1))
    torch.testing.assert_close(likelihood.outputs(raw), 6 * p)
    # Twice as long a document of the same words looks about the same to the network.
    lengths = likelihood.inputs(counts).norm(dim=1)
    torch.testing.assert_close(lengths, torch.full((2,), math.sqrt(3)))


@pytest.mark.parametrize("loss", ["squared", "cross-entropy", "multinomial"])
def test_the_first_bias_decodes_to_the_mean(loss: str) -> None:
    sample = torch.from_numpy(DIGITS[:, 20:30]).float() + 0.1
    sample = sample / 20 if loss == "cross-entropy" else sample
    likelihood = Likelihood(loss, (10,)).fit(sample)
    decoded = likelihood.outputs(likelihood.output_bias()[None])[0]
    torch.testing.assert_close(decoded, sample.mean(dim=0), rtol=1e-3, atol=1e-3)


def test_the_loss_follows_from_the_data() -> None:
    photos = torch.rand(50, 3, 8, 8)
    glyphs = torch.from_numpy(GLYPHS).permute(0, 3, 1, 2) / 255
    rows = torch.from_numpy(DIGITS)
    assert loss_for("auto", photos, images=True) == "squared"
    assert loss_for("auto", glyphs, images=True) == "cross-entropy"
    assert loss_for("auto", rows, images=False) == "squared"
    assert loss_for("bernoulli", photos, images=True) == "cross-entropy"
    assert loss_for("gaussian", glyphs, images=True) == "squared"


def test_a_loss_that_does_not_fit_the_values_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"needs values within 0\.\.1; got 0\.\.16"):
        small(loss="cross-entropy").fit(DIGITS)
    with pytest.raises(ParameterError, match="counts; got values down to -16"):
        small(loss="multinomial").fit(-DIGITS)
    with pytest.raises(ParameterError, match="needs a table of counts; got pictures"):
        small(loss="multinomial").fit(GLYPHS)


@pytest.mark.parametrize("loss", ["squared", "multinomial", "cross-entropy"])
def test_each_loss_learns(loss: str) -> None:
    X = DIGITS / 16 if loss == "cross-entropy" else DIGITS
    encoder = small(loss=loss, epochs=40).fit(X)
    spread = np.square(X - X.mean(axis=0)).sum(axis=1).mean()
    assert error(encoder, X) < 0.6 * spread
    assert encoder.loss_ == loss


# -- noise -------------------------------------------------------------------------------------


def test_noise_is_what_it_says() -> None:
    torch.manual_seed(0)
    x = torch.full((400, 500), 3.0)
    masked = noise_of("mask", 0.3)(x)
    assert set(masked.unique().tolist()) == {0.0, 3.0}
    assert float((masked == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    dropped = noise_of("dropout", 0.25)(x)
    assert set(dropped.unique().tolist()) == {0.0, 4.0}
    assert float(dropped.mean()) == pytest.approx(3, abs=0.02)
    gap = noise_of("gaussian", 0.5)(x) - x
    assert float(gap.mean()) == pytest.approx(0, abs=0.01)
    assert float(gap.std()) == pytest.approx(0.5, abs=0.01)
    assert noise_of(None, 0.3)(x) is x
    assert noise_of("mask", 0)(x) is x


def test_a_denoising_autoencoder_removes_noise() -> None:
    generator = np.random.default_rng(0)
    noisy = DIGITS + generator.normal(0, 5, DIGITS.shape)
    errors = {}
    for kind in (None, "gaussian"):
        # The same network, once shown noise of the size that it is then asked to remove.
        encoder = small(hidden=(128,), code_size=32, epochs=60, noise=kind, noise_level=0.85)
        encoder.fit(DIGITS)
        cleaned = encoder.inverse_transform(encoder.transform(noisy))
        errors[kind] = np.square(cleaned - DIGITS).sum(axis=1).mean()
    assert errors["gaussian"] < 0.8 * errors[None]
    assert errors["gaussian"] < np.square(noisy - DIGITS).sum(axis=1).mean() / 2


def test_shifted_moves_by_whole_pixels_and_repeats_the_border() -> None:
    torch.manual_seed(1)
    x = torch.arange(2 * 20.0).view(2, 1, 4, 5).repeat(20, 1, 1, 1)
    moved = shifted(x, 1)
    wide = torch.nn.functional.pad(x, [1] * 4, mode="replicate")
    choices = [wide[:, :, i : i + 4, j : j + 5] for i in range(3) for j in range(3)]
    same = torch.stack([(moved == c).flatten(1).all(dim=1) for c in choices])
    assert (same.sum(dim=0) >= 1).all()
    assert (same.sum(dim=1) >= 1).all()


# -- parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden": (64, 0)}, r"hidden must be whole numbers of at least 1.*got \(64, 0\)"),
        ({"hidden": "wide"}, "hidden must be whole numbers.*got 'wide'"),
        ({"activation": "rel"}, "activation must be one of relu, selu.*got 'rel'"),
        ({"loss": "hinge"}, "loss must be one of auto, squared.*got 'hinge'"),
        ({"noise": "salt"}, "noise must be one of gaussian, mask, dropout or None; got 'salt'"),
        ({"noise": "mask", "noise_level": 1}, "below 1 for noise 'mask'; got 1"),
        ({"noise_level": -1}, "noise_level must be a number of at least 0; got -1"),
        ({"validation": 0.9}, "validation must be a number of at least 0 and at most 0.5; got 0.9"),
        ({"learning_rate": 0}, "learning_rate must be a number above 0; got 0"),
        ({"learning_rate": math.nan}, "learning_rate must be a number above 0; got nan"),
        ({"batch_size": 1}, "batch_size must be a whole number of at least 2; got 1"),
        ({"epochs": 2.5}, "epochs must be a whole number of at least 1 or None; got 2.5"),
        ({"tied": "yes"}, "tied must be true or false; got 'yes'"),
        ({"sparsity": -1}, "sparsity must be a number of at least 0; got -1"),
        ({"code_size": True}, "code_size must be a whole number of at least 1; got True"),
    ],
)
def test_wrong_parameters_say_what_is_allowed(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        MLPEncoder(**parameters).check_parameters()


def test_an_l1_penalty_makes_overcomplete_codes_sparse() -> None:
    shape = {"code_size": 100, "hidden": (), "code_activation": "relu", "epochs": 40}
    dense, sparse = (small(**shape, sparsity=weight).fit(DIGITS) for weight in (0.0, 2.0))
    zeros = [float((e.transform(DIGITS) == 0).mean()) for e in (dense, sparse)]
    assert zeros[1] > 0.8 > zeros[0]
    spread = np.square(DIGITS - DIGITS.mean(axis=0)).sum(axis=1).mean()
    assert error(sparse, DIGITS) < 0.6 * spread  # 0.47


def test_an_l2_penalty_keeps_codes_near_zero() -> None:
    free, held = (small(code_penalty=weight).fit(DIGITS) for weight in (0.0, 1.0))
    squares = [float(np.square(e.transform(DIGITS)).sum(axis=1).mean()) for e in (free, held)]
    assert squares[1] < squares[0] / 2


def test_a_tied_decoder_has_no_weights_of_its_own() -> None:
    free, tied = (small(hidden=(16,), tied=t, normalize=False).fit(DIGITS) for t in (False, True))
    weights = [
        sum(p.numel() for n, p in e.network_.named_parameters() if "weight" in n)
        for e in (free, tied)
    ]
    assert weights[0] == 2 * weights[1]
    first = tied.network_.backbone.encoders[0].weight
    x = torch.rand(3, 16)
    last = tied.network_.backbone.decoders[-1]
    torch.testing.assert_close(last(x), x @ first + last.bias)


# -- training ----------------------------------------------------------------------------------


def test_samples_kept_for_validation_are_not_trained_on() -> None:
    encoder = small(validation=0.25)
    seen = []
    encoder.image_shape_ = None
    source = _Counting(DIGITS.astype(np.float32), seen)
    encoder.network_ = encoder._network(Likelihood("squared", (64,)), (64,))
    task = encoder._task(source, np.full(600, -1))
    seen.clear()
    assert len(task.held_out) == 150
    assert not set(task.rows) & set(task.held_out)
    task.losses(torch.arange(task.samples))
    assert set(seen) == set(task.rows)
    seen.clear()
    with torch.no_grad():
        task.validate()
    assert set(seen) == set(task.held_out)


class _Counting(Batches):
    def __init__(self, X: np.ndarray, seen: list[int]) -> None:
        self.X, self.seen, self.count, self.shape = X, seen, len(X), X.shape[1:]

    def batch(self, rows: np.ndarray) -> torch.Tensor:
        self.seen.extend(rows.tolist())
        return torch.from_numpy(self.X[rows])


def test_the_history_has_each_term_and_the_validation() -> None:
    encoder = VAEEncoder(4, hidden=(32,), epochs=12, validation=0.1).fit(DIGITS)
    assert [entry["epoch"] for entry in encoder.history_] == list(range(1, 13))
    assert all({"reconstruction", "divergence", "validation"} <= set(e) for e in encoder.history_)
    assert encoder.history_[-1]["validation"] < encoder.history_[0]["validation"]


def test_a_few_samples_are_all_trained_on() -> None:
    encoder = small(validation=0.2).fit(DIGITS[:20])
    assert all("validation" not in entry for entry in encoder.history_)


def test_training_past_its_best_goes_back_to_it() -> None:
    # 40 samples and a large network: it learns them by heart, and others get worse.
    X = DIGITS[:60]
    encoder = small(hidden=(256,), code_size=32, epochs=400, validation=0.33, learning_rate=0.01)
    encoder.fit(X)
    validated = [e["validation"] for e in encoder.history_ if "validation" in e]
    task_rows = np.random.default_rng(0).permutation(60)[: int(0.33 * 60)]
    inputs = encoder.network_.likelihood.inputs(torch.from_numpy(X[np.sort(task_rows)]).float())
    with torch.no_grad():
        raw = encoder.network_.decode(encoder.network_.encode(inputs))
        kept = float(encoder.network_.likelihood.errors(raw, inputs).mean())
    assert kept == pytest.approx(min(validated), rel=0.05)  # trained in bfloat16


def test_the_state_makes_the_same_encoder() -> None:
    for encoder in (small(tied=True), VAEEncoder(4, hidden=(16,), epochs=3)):
        for X in (DIGITS, GLYPHS):
            encoder.fit(X)
            other = type(encoder)(**encoder.get_params()).load_state(encoder.state())
            np.testing.assert_array_equal(other.transform(X), encoder.transform(X))
            np.testing.assert_array_equal(other.sample(5), encoder.sample(5))
            assert other.history_ == encoder.history_


def test_pictures_of_any_shape() -> None:
    X = make_pictures(30, 16, 3)[:, :11]
    encoder = small().fit(X)
    assert encoder.inverse_transform(encoder.transform(X)).shape == X.shape


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AESEARCH_DEVICE", "cpu")
    assert training_device() == torch.device("cpu")
    for wrong in ("abacus", "cuda:99"):
        monkeypatch.setenv("AESEARCH_DEVICE", wrong)
        with pytest.raises(ParameterError, match=f"AESEARCH_DEVICE is '{wrong}', which cannot"):
            small().fit(DIGITS)
