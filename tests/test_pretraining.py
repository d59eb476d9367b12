"""Restricted Boltzmann machines against enumeration, and what pretraining does to a network."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor

from aesearch.encoders.autoencoders import mlp, pretraining
from aesearch.encoders.autoencoders.dbn import DBNEncoder
from aesearch.encoders.autoencoders.mlp import MLPEncoder
from aesearch.encoders.autoencoders.pretraining import Pretraining, RBMTask, seconds_of
from aesearch.encoders.layers.mlp import MLPBackbone
from aesearch.encoders.layers.rbm import BINARY, GAUSSIAN, RBM
from aesearch.encoders.training.session import Session
from aesearch.encoders.training.trainer import train
from aesearch.errors import ParameterError

DIGITS = load_digits().data / 16  # in 0..1


def states(units: int) -> Tensor:
    """All states of binary units, (2 ** units, units)."""
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=units)))


def drawn_rbm(visible: int, hidden: int, **units: str) -> RBM:
    torch.manual_seed(7)
    rbm = RBM(visible, hidden, **units)
    for parameter in rbm.parameters():
        parameter.data.normal_()
    return rbm


def energies(rbm: RBM, v: Tensor, h: Tensor) -> Tensor:
    """E(v, h) of all pairs, (n of v, n of h), from the definition."""

    def own(x: Tensor, bias: Tensor, units: str) -> Tensor:
        return -x @ bias if units == BINARY else 0.5 * (x - bias).square().sum(dim=1)

    alone = own(v, rbm.visible_bias, rbm.visible_units)[:, None]
    alone = alone + own(h, rbm.hidden_bias, rbm.hidden_units)[None, :]
    return (alone - v @ rbm.weight.T @ h.T).detach()


def task_on(rbm: RBM, samples: Tensor, plan: Pretraining, **kwargs: Any) -> RBMTask:
    def batch(rows: Tensor) -> tuple[Tensor, Tensor]:
        return samples[rows], samples[rows]

    whole = SimpleNamespace(
        device=torch.device("cpu"),
        samples=len(samples),
        batch_size=100,
        learning_rate=1e-3,
        weight_decay=0.0,
        name="test",
        signature="",
    )
    return RBMTask(rbm, SimpleNamespace(batch=batch), whole, plan, **kwargs)  # type: ignore[arg-type]


# -- one machine -------------------------------------------------------------------------------


@pytest.mark.parametrize("visible_units", [BINARY, GAUSSIAN])
def test_the_free_energy_sums_over_all_binary_hidden_states(visible_units: str) -> None:
    rbm = drawn_rbm(5, 4, visible_units=visible_units)
    v = states(5) if visible_units == BINARY else torch.randn(20, 5)
    expected = -torch.logsumexp(-energies(rbm, v, states(4)), dim=1)
    torch.testing.assert_close(rbm.free_energy(v).detach(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("visible_units", [BINARY, GAUSSIAN])
def test_the_free_energy_integrates_over_gaussian_hidden_units(visible_units: str) -> None:
    rbm = drawn_rbm(3, 2, visible_units=visible_units, hidden_units=GAUSSIAN)
    v = states(3)
    axis = torch.arange(-15, 15, 0.05)
    grid = torch.cartesian_prod(axis, axis)
    expected = -torch.logsumexp(-energies(rbm, v, grid) + 2 * math.log(0.05), dim=1)
    torch.testing.assert_close(rbm.free_energy(v).detach(), expected, rtol=1e-4, atol=1e-4)


def test_expectations_are_those_of_the_enumerated_conditionals() -> None:
    rbm = drawn_rbm(5, 4)
    v, h = states(5), states(4)
    joint = -energies(rbm, v, h)
    torch.testing.assert_close(rbm.hidden_mean(v).detach(), torch.softmax(joint, dim=1) @ h)
    torch.testing.assert_close(rbm.visible_mean(h).detach(), torch.softmax(joint, dim=0).T @ v)


@pytest.mark.parametrize("units", [BINARY, GAUSSIAN])
def test_samples_have_the_expectation_and_the_spread_of_their_units(units: str) -> None:
    rbm = drawn_rbm(3, 3, visible_units=units, hidden_units=units)
    x = torch.randn(1, 3).expand(40_000, 3)
    for draws, mean in (
        (rbm.sample_hidden(x), rbm.hidden_mean(x)[0]),
        (rbm.sample_visible(x), rbm.visible_mean(x)[0]),
    ):
        variance = mean * (1 - mean) if units == BINARY else torch.ones(3)
        torch.testing.assert_close(draws.mean(dim=0), mean, rtol=0, atol=0.03)
        torch.testing.assert_close(draws.var(dim=0), variance, rtol=0, atol=0.03)
        assert (set(draws.unique().tolist()) <= {0.0, 1.0}) == (units == BINARY)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(
    ("visible_units", "hidden_units"), list(itertools.product([BINARY, GAUSSIAN], repeat=2))
)
def test_the_gradient_is_that_of_contrastive_divergence(
    steps: int, visible_units: str, hidden_units: str
) -> None:
    rbm = drawn_rbm(6, 4, visible_units=visible_units, hidden_units=hidden_units)
    rbm.weight.data *= 0.2
    v = torch.rand(50, 6)
    task = task_on(rbm, v, Pretraining("rbm", 1, gibbs_steps=steps))
    torch.manual_seed(3)
    terms = task.losses(torch.arange(50))
    torch.stack(list(terms.values())).sum().backward()
    torch.manual_seed(3)
    with torch.no_grad():
        chain = rbm.gibbs(v, steps)
        data, model = rbm.hidden_mean(v), rbm.hidden_mean(chain)
        expected = {
            "weight": (data.T @ v - model.T @ chain) / 50,
            "hidden_bias": (data - model).mean(dim=0),
            "visible_bias": (v - chain).mean(dim=0),
        }
        if hidden_units == GAUSSIAN:  # the bias' own part of the energy has no expectation in h
            expected["hidden_bias"] = ((v - chain) @ rbm.weight.T).mean(dim=0)
    for name, parameter in rbm.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(-parameter.grad, expected[name], rtol=1e-4, atol=1e-6)
    assert terms["reconstruction"] == pytest.approx(float((v - chain).square().sum() / 50))


def test_many_steps_learn_a_known_distribution() -> None:
    """Bars and stripes on 2 x 2 pixels, all equally likely: divergence by enumeration."""
    v = states(4)
    picture = v.view(-1, 2, 2)
    is_bar = (picture[:, :1] == picture).all(dim=(1, 2)) | (picture[:, :, :1] == picture).all(
        dim=(1, 2)
    )
    bars = v[is_bar]
    assert len(bars) == 6

    def divergence(rbm: RBM) -> float:
        log_model = torch.log_softmax(-rbm.free_energy(v).detach(), dim=0)[is_bar]
        return float((-math.log(6) - log_model).mean())

    torch.manual_seed(0)
    rbm = RBM(4, 8)
    before = divergence(rbm)
    assert before == pytest.approx(math.log(16 / 6), abs=0.01)
    plan = Pretraining("rbm", 150, gibbs_steps=5, weight_cost=0.0)
    task = task_on(rbm, bars.repeat(100, 1), plan, sampled=True)
    task.learning_rate = 0.5
    train(task, Session())
    assert divergence(rbm) < before / 10


def test_only_the_weights_decay_and_the_momentum_rises() -> None:
    rbm = drawn_rbm(3, 2)
    task = task_on(rbm, torch.rand(10, 3), Pretraining("rbm", 1, weight_cost=0.01))
    groups = task.optimizer().param_groups
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert decays == {id(rbm.weight): 0.01, id(rbm.visible_bias): 0, id(rbm.hidden_bias): 0}
    for progress, momentum in ((0.0, 0.5), (0.19, 0.5), (0.2, 0.9), (1.0, 0.9)):
        assert not task.on_progress(progress)
        assert {group["momentum"] for group in groups} == {momentum}


@pytest.mark.parametrize("units", [BINARY, GAUSSIAN])
def test_visible_biases_begin_at_the_mean(units: str) -> None:
    rbm = RBM(64, 8, visible_units=units)
    sample = torch.from_numpy(DIGITS).float().clamp(0.01, 0.99)
    rbm.init_visible_bias(sample)
    found = rbm.visible_mean(torch.zeros(1, 8))[0].detach()
    torch.testing.assert_close(found, sample.mean(dim=0), rtol=1e-4, atol=1e-4)


# -- a stack of them ---------------------------------------------------------------------------

DEEP: dict[str, Any] = {
    "hidden": (32, 16, 8),
    "loss": "cross-entropy",
    "activation": "sigmoid",
    "normalize": False,
}


@pytest.fixture
def not_tuned(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """Leaves networks as pretraining made them, and tells the sessions of what would follow."""
    sessions: list[Session] = []

    def nothing(_task: object, session: Session, **_seed: int) -> list[Any]:
        sessions.append(session)
        return []

    monkeypatch.setattr(mlp, "train", nothing)
    return sessions


@pytest.mark.usefixtures("not_tuned")
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    ("loss", "code", "first", "last"),
    [("cross-entropy", "linear", BINARY, GAUSSIAN), ("squared", "sigmoid", GAUSSIAN, BINARY)],
)
def test_unrolled_machines_are_the_stack_of_their_expectations(
    monkeypatch: pytest.MonkeyPatch, tied: bool, loss: str, code: str, first: str, last: str
) -> None:
    rbms: list[RBM] = []
    unroll = pretraining._unroll

    def recorded(rbm: RBM, *layers: Any) -> None:
        rbms.append(rbm)
        unroll(rbm, *layers)

    monkeypatch.setattr(pretraining, "_unroll", recorded)
    parameters = {**DEEP, "loss": loss, "code_activation": code, "tied": tied}
    encoder = DBNEncoder(3, pretraining_epochs=2, **parameters).fit(DIGITS[:300])
    units = [(rbm.visible_units, rbm.hidden_units) for rbm in rbms]
    assert units == [(first, BINARY), (BINARY, BINARY), (BINARY, BINARY), (BINARY, last)]
    network = encoder.network_
    with torch.no_grad():
        x = network.likelihood.inputs(torch.from_numpy(DIGITS[:50]).float())
        h = x
        for rbm in rbms:
            h = rbm.hidden_mean(h)
        torch.testing.assert_close(network.encode(x), h)
        decoded = network.likelihood.outputs(network.decode(h))
        for rbm in reversed(rbms):
            h = rbm.visible_mean(h)
        expected = h if loss == "cross-entropy" else network.likelihood.outputs(h)
        torch.testing.assert_close(decoded, expected)
    phases = [entry["phase"] for entry in encoder.history_]
    assert phases == [f"rbm {k}" for k in (1, 1, 2, 2, 3, 3, 4, 4)]


@pytest.mark.usefixtures("not_tuned")
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("tied", [False, True])
def test_layerwise_trains_one_layer_and_its_mirror_at_a_time(
    monkeypatch: pytest.MonkeyPatch, normalize: bool, activation: str, tied: bool
) -> None:
    changed: list[list[str]] = []
    backbones: list[MLPBackbone] = []

    def noted(backbone: MLPBackbone, *rest: Any, seed: int) -> list[Any]:
        backbones.append(backbone)
        return pretraining.pretrain(backbone, *rest, seed=seed)

    def recorded(task: Any, session: Session, *, seed: int) -> list[Any]:
        before = {k: v.clone() for k, v in backbones[0].state_dict().items()}
        history = train(task, session, seed=seed)
        after = backbones[0].state_dict()
        changed.append([k for k, v in before.items() if not torch.equal(v, after[k])])
        assert history[-1]["reconstruction"] < history[0]["reconstruction"]
        return history

    monkeypatch.setattr(mlp, "pretrain", noted)
    monkeypatch.setattr(pretraining, "train", recorded)
    parameters = {**DEEP, "hidden": (16,), "activation": activation, "normalize": normalize}
    MLPEncoder(4, **parameters, tied=tied, pretraining="layerwise", pretraining_epochs=3).fit(
        DIGITS[:300]
    )
    assert len(changed) == 2
    step = 3 if normalize else 2  # modules from one layer to the next

    def layer_of(key: str) -> int:
        """0 for the input and what gives it back, 1 for the code and what it goes into."""
        half, place, _ = key.split(".")
        return int(place) // step if half == "down" else 1 - int(place) // step

    for number, keys in enumerate(changed):
        assert {layer_of(key) for key in keys} == {number}
        assert {key.split(".")[0] for key in keys} == {"down", "up"}


def error_of(encoder: MLPEncoder) -> float:
    decoded = encoder.inverse_transform(encoder.transform(DIGITS))
    return float(np.square(decoded - DIGITS).sum(axis=1).mean())


@pytest.mark.parametrize("pretrained", [None, "rbm", "layerwise"])
def test_deep_sigmoids_need_pretraining(pretrained: str | None) -> None:
    """The finding of 2006: 64-32-16-8-2 stays at the mean digit, unless it is pretrained."""
    parameters = {**DEEP, "epochs": 15, "learning_rate": 3e-3, "pretraining_epochs": 30}
    encoder = MLPEncoder(2, **parameters, pretraining=pretrained).fit(DIGITS)
    mean = float(np.square(DIGITS - DIGITS.mean(axis=0)).sum(axis=1).mean())
    if pretrained is None:
        assert error_of(encoder) > 0.95 * mean  # 0.98
    else:
        assert error_of(encoder) < 0.8 * mean  # 0.61 after "rbm", 0.72 after "layerwise"


@pytest.mark.parametrize("pretrained", ["rbm", "layerwise"])
@pytest.mark.parametrize("steps", [5, 25, 60])
def test_stopping_and_going_on_is_the_same_as_not_stopping(
    tmp_path: Path, pretrained: str, steps: int
) -> None:
    """300 samples make 17 steps an epoch: within the first layer, the second, the fine-tuning."""

    def made() -> MLPEncoder:
        parameters = {**DEEP, "hidden": (16,), "epochs": 2, "pretraining_epochs": 1}
        return MLPEncoder(4, **parameters, noise="mask", pretraining=pretrained)

    X = DIGITS[:300]
    whole = made().fit(X)
    taken = 0

    def stop() -> bool:
        return taken >= steps

    def count(_done: float, _terms: dict[str, float]) -> None:
        nonlocal taken
        taken += 1

    part = made().fit(X, session=Session(progress=count, checkpoint=tmp_path, stop=stop))
    assert taken == steps
    rest = made().fit(X, session=Session(checkpoint=tmp_path))
    expected = whole.transform(X)
    assert not np.allclose(part.transform(X), expected, atol=1e-4)
    np.testing.assert_array_equal(rest.transform(X), expected)
    phases = [entry.get("phase") for entry in rest.history_ if "seconds" in entry]
    kind = "rbm" if pretrained == "rbm" else "layer"
    assert list(dict.fromkeys(phases)) == [f"{kind} 1", f"{kind} 2", None]


def test_time_that_pretraining_leaves_goes_to_the_whole_network(not_tuned: list[Session]) -> None:
    told: list[float] = []
    session = Session(budget_s=1000, progress=lambda done, _: told.append(done))
    encoder = DBNEncoder(2, **DEEP, pretraining_epochs=1).fit(DIGITS[:300], session=session)
    spent = seconds_of(encoder.history_)
    assert 0 <= spent < 100
    assert not_tuned[0].budget_s == pytest.approx(1000 - spent)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(mlp.PRETRAINING_SHARE)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "relu"}, "activation must be sigmoid for pretraining 'rbm'.*got 'relu'"),
        ({"normalize": True}, "normalize must be false for pretraining 'rbm'.*got True"),
        ({"code_activation": "tanh"}, "code_activation must be linear .*or sigmoid .*got 'tanh'"),
        ({"pretraining": "dbn"}, "pretraining must be one of rbm, layerwise or None; got 'dbn'"),
        ({"pretraining_epochs": 0}, "pretraining_epochs must be a whole number of at least 1"),
    ],
)
def test_what_no_machine_can_stand_for_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        MLPEncoder(**{**DEEP, "pretraining": "rbm", **parameters}).check_parameters()


# -- without hidden layers ---------------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
def test_a_linear_autoencoder_spans_the_principal_components(tied: bool) -> None:
    X = load_digits().data
    encoder = MLPEncoder(
        5,
        hidden=(),
        activation="linear",
        tied=tied,
        loss="squared",
        epochs=60,
        learning_rate=1e-2,
        weight_decay=0.0,
        validation=0.0,
    ).fit(X)
    layer = encoder.network_.backbone.encoders[0] if tied else encoder.network_.backbone.decoders[0]
    basis = layer.weight.detach().numpy().astype(np.float64)
    angles = subspace_angles(basis.T if tied else basis, PCA(5).fit(X).components_.T)
    assert angles.max() < 0.02  # radians: a degree
