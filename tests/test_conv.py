"""The convolutional autoencoder: values against torch, onnxruntime and the mean picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from aesearch.encoders.autoencoders.conv import ConvEncoder, ConvNetwork
from aesearch.encoders.autoencoders.mlp import PlainNetwork
from aesearch.encoders.layers.conv import MOMENTUM, ConvBackbone, Switches, sizes_of_maps
from aesearch.encoders.layers.likelihood import Likelihood
from aesearch.errors import ParameterError

KINDS: dict[str, dict[str, Any]] = {
    "transposed": {},
    "maxima-transposed": {"pooling": "max"},
    "repeat": {"unpooling": "repeat"},
    "switches": {"pooling": "max", "unpooling": "switches"},
    "residual": {"residual": 1},
    "silu, not normalised": {"activation": "silu", "normalize": False, "residual": 1},
}


def bars(count: int, height: int = 16, width: int = 16, seed: int = 0) -> np.ndarray:
    """Dark pictures with one bright bar, upright or across, somewhere."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 20, (count, height, width, 1))
    for i in range(count):
        if i % 2:
            pictures[i, rng.integers(1, height - 1)] = 230
        else:
            pictures[i, :, rng.integers(1, width - 1)] = 230
    return pictures.astype(np.uint8)


def squared_error(found: np.ndarray, X: np.ndarray) -> float:
    return float(np.square(found.astype(float) - X).mean())


@pytest.fixture(scope="module")
def switching() -> ConvEncoder:
    return ConvEncoder(4, width=4, epochs=40, learning_rate=3e-3, **KINDS["switches"]).fit(
        bars(300)
    )


# -- switches ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_own_switches_are_those_of_torch(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 2, *size)
    switches = Switches(2, size).eval()
    pooled, places = switches.pool(x)
    expected, index = nn.MaxPool2d(2, ceil_mode=True, return_indices=True)(x)
    torch.testing.assert_close(pooled, expected)
    values = torch.randn_like(pooled)
    unpooled = nn.MaxUnpool2d(2)(values, index, output_size=size)
    torch.testing.assert_close(switches.unpool(values, places), unpooled)


def test_a_value_goes_back_to_its_place() -> None:
    x = torch.tensor([[[[1.0, 5, 2, 2], [3, 4, 9, 2]]]])
    pooled, places = Switches(1, (2, 4)).eval().pool(x)
    assert pooled.tolist() == [[[[5, 9]]]]
    unpooled = Switches(1, (2, 4)).unpool(torch.tensor([[[[7.0, 8]]]]), places)
    assert unpooled.tolist() == [[[[0, 7, 0, 0], [0, 0, 8, 0]]]]


def test_average_switches_are_the_frequencies() -> None:
    switches = Switches(1, (2, 2))
    x = torch.zeros(10, 1, 2, 2)
    for row, place in enumerate([0, 0, 0, 0, 0, 1, 1, 1, 3, 3]):
        x[row, 0, place // 2, place % 2] = 1
    switches.pool(x)
    seen = torch.tensor([[[0.5, 0.3], [0.0, 0.2]]])
    torch.testing.assert_close(switches.average, 0.25 + MOMENTUM * (seen - 0.25))
    for _ in range(300):
        switches.pool(x)
    torch.testing.assert_close(switches.average, seen, atol=1e-6, rtol=0)
    torch.testing.assert_close(switches.unpool(torch.full((1, 1, 1, 1), 10.0))[0], 10 * seen)
    switches.eval()
    switches.pool(x[:5])
    torch.testing.assert_close(switches.average, seen, atol=1e-6, rtol=0)


def test_the_first_samples_may_have_switches_and_the_others_the_average() -> None:
    torch.manual_seed(0)
    switches = Switches(3, (5, 4)).eval()
    pooled, places = switches.pool(torch.randn(4, 3, 5, 4))
    both = switches.unpool(pooled, places[:2])
    torch.testing.assert_close(both[:2], switches.unpool(pooled, places)[:2])
    torch.testing.assert_close(both[2:], switches.unpool(pooled)[2:])


def test_training_decodes_half_with_own_switches() -> None:
    torch.manual_seed(0)
    backbone = ConvBackbone((1, 8, 8), 3, 3, width=4, depth=1, normalize=False, **KINDS["switches"])
    x = torch.randn(6, 1, 8, 8)
    codes, places = backbone.eval().encode_with_switches(x)
    own, before = backbone.decode(codes, places), backbone.decode(codes)
    network = ConvNetwork(Likelihood("squared", (1, 8, 8)), backbone).train()
    found = network.losses(x, x, torch.full((6,), -1))["reconstruction"]
    average = backbone.eval().decode(codes)
    assert not torch.allclose(average, before, atol=1e-5)  # the batch has been counted
    mixed = torch.cat([own[:3], average[3:]])
    torch.testing.assert_close(found, network.likelihood.errors(mixed, x).mean())
    kept = network.eval().losses(x, x, torch.full((6,), -1))["reconstruction"]
    torch.testing.assert_close(kept, network.likelihood.errors(average, x).mean())


def test_own_switches_reconstruct_better_than_average_ones(switching: ConvEncoder) -> None:
    X = bars(200, seed=1)
    average = squared_error(switching.inverse_transform(switching.transform(X)), X)
    own = squared_error(switching.reconstruct(X), X)
    assert average < squared_error(X.mean(axis=0, keepdims=True), X)
    assert own < 0.5 * average


def test_reconstruct_refuses_what_transform_refuses(switching: ConvEncoder) -> None:
    assert switching.reconstruct(bars(3)).dtype == np.uint8
    assert switching.reconstruct(bars(3)[:0]).shape == (0, 16, 16, 1)
    many = bars(600)  # more than one batch; a pixel half way may be rounded to either side
    np.testing.assert_allclose(
        switching.reconstruct(many)[510:515].astype(int),
        switching.reconstruct(many[510:515]),
        atol=1,
    )
    with pytest.raises(ValueError, match="was fitted on pictures"):
        switching.reconstruct(bars(3, 8, 8))
    with pytest.raises(ParameterError, match="needs pooling 'max'; got pooling 'stride'"):
        ConvEncoder(4, unpooling="switches").fit(bars(40))


# -- every kind --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns_pictures_of_odd_sides(kind: str) -> None:
    X = bars(300, 21, 13)
    encoder = ConvEncoder(6, width=4, epochs=30, learning_rate=5e-3, **KINDS[kind]).fit(X)
    decoded = encoder.inverse_transform(encoder.transform(X))
    assert decoded.shape == X.shape
    assert squared_error(decoded, X) < 0.9 * squared_error(X.mean(axis=0, keepdims=True), X)
    if kind != "switches":
        np.testing.assert_allclose(encoder.reconstruct(X).astype(int), decoded, atol=1)


@pytest.mark.parametrize("kind", ["transposed", "repeat", "switches"])
def test_graphs_of_odd_sides_agree_with_torch(kind: str, tmp_path: Path) -> None:
    X = bars(60, 37, 23)
    encoder = ConvEncoder(6, width=4, epochs=2, residual=1, **KINDS[kind]).fit(X)
    encoder.write_graphs(tmp_path)
    latents = encoder.transform(X)
    decoded = encoder.inverse_transform(latents)
    for rows in (slice(None), slice(0, 1)):
        found = run(tmp_path / "decoder.onnx", "latent", latents[rows])
        assert np.abs(found[0] - decoded[rows]).max() <= 0.5 + 1e-2  # rounded
        found = run(tmp_path / "encoder.onnx", "x", X[rows])
        np.testing.assert_allclose(found[1], latents[rows], atol=1e-4 * np.abs(latents).max())


def run(path: Path, name: str, x: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {name: x})


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_a_square_picture(kind: str) -> None:
    X = load_digits().data[:400, 3:]  # 61 numbers, in a picture of 8x8
    encoder = ConvEncoder(8, width=4, epochs=20, learning_rate=3e-3, **KINDS[kind]).fit(X)
    decoded = encoder.inverse_transform(encoder.transform(X))
    assert decoded.shape == X.shape
    assert squared_error(decoded, X) < 0.8 * squared_error(X.mean(axis=0, keepdims=True), X)
    reconstructed = encoder.reconstruct(X)
    assert reconstructed.dtype == np.float32
    assert squared_error(reconstructed, X) < 0.8 * squared_error(X.mean(axis=0, keepdims=True), X)


def test_a_row_is_laid_out_row_by_row() -> None:
    torch.manual_seed(0)
    rows, pictures = (ConvBackbone(shape, 3, 3, width=4).eval() for shape in ((7,), (1, 3, 3)))
    pictures.load_state_dict(rows.state_dict())
    x = torch.randn(5, 7)
    padded = torch.cat([x, torch.zeros(5, 2)], dim=1).view(5, 1, 3, 3)
    codes = rows.encode(x)
    torch.testing.assert_close(codes, pictures.encode(padded))
    torch.testing.assert_close(rows.decode(codes), pictures.decode(codes).flatten(1)[:, :7])


@pytest.mark.parametrize("shape", [(3, 9, 14), (1, 28, 28), (10,), (2,), (1,)])
@pytest.mark.parametrize("kind", KINDS)
def test_decoding_starts_at_the_bias(kind: str, shape: tuple[int, ...]) -> None:
    backbone = ConvBackbone(shape, 3, 6, width=4, **KINDS[kind]).eval()
    codes = torch.randn(4, 3)
    before = backbone.decode(codes)
    bias = torch.randn(shape)
    backbone.init_output_bias(bias)
    torch.testing.assert_close(backbone.decode(codes), before + bias, atol=1e-5, rtol=1e-5)
    assert backbone.encode(torch.randn(4, *shape)).shape == (4, 6)


def test_residual_blocks_start_as_the_identity() -> None:
    torch.manual_seed(0)
    plain, deep = (ConvBackbone((1, 12, 12), 3, 3, width=4, residual=n).eval() for n in (0, 2))
    found = deep.state_dict()
    wanted = [name for name in found if ".body." not in name]
    own = dict(zip(plain.state_dict(), (found[name] for name in wanted), strict=True))
    plain.load_state_dict(own)
    x = torch.randn(4, 1, 12, 12)
    torch.testing.assert_close(deep.encode(x), plain.encode(x))
    torch.testing.assert_close(deep.decode(x[:, 0, 0, :3]), plain.decode(x[:, 0, 0, :3]))


def test_penalties_make_codes_small() -> None:
    X = bars(200)
    size = {
        weight: np.abs(
            ConvEncoder(6, width=4, epochs=10, sparsity=weight).fit(X).transform(X)
        ).mean()
        for weight in (0.0, 10.0)
    }
    assert size[10.0] < 0.5 * size[0.0]


# -- sizes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "depth", "last"),
    [
        ((28, 28), None, (4, 4)),
        ((64, 64), None, (8, 8)),
        ((8, 8), None, (4, 4)),
        ((6, 6), None, (6, 6)),
        ((37, 23), None, (10, 6)),
        ((37, 23), 5, (2, 1)),
        ((8, 8), 3, (1, 1)),
        ((2, 2), None, (2, 2)),
        ((1, 90), None, (1, 90)),
        ((48, 48), 0, (48, 48)),
    ],
)
def test_halvings(size: tuple[int, int], depth: int | None, last: tuple[int, int]) -> None:
    assert sizes_of_maps((1, *size), size, depth)[-1] == last


def test_too_many_halvings_are_refused_before_training() -> None:
    with pytest.raises(
        ParameterError, match="pictures of 8x8 are too small for depth 4: at most 3"
    ):
        ConvEncoder(4, depth=4).fit(bars(40, 8, 8))
    with pytest.raises(ParameterError, match=r"rows of 61 numbers, .* 8x8, are .* at most 3"):
        ConvEncoder(4, depth=4).fit(np.eye(61))


def test_every_part_is_trained() -> None:
    torch.manual_seed(0)
    for kind in KINDS.values():
        x = torch.rand(8, 3, 15, 10)
        likelihood = Likelihood("squared", (3, 15, 10)).fit(x)
        backbone = ConvBackbone((3, 15, 10), 4, 4, width=4, **kind)
        network = PlainNetwork(likelihood, backbone)
        inputs = likelihood.inputs(x)
        sum(network.losses(inputs, inputs, torch.zeros(8)).values()).backward()
        still = [
            name
            for name, value in network.named_parameters()
            if value.grad is None or not value.grad.any()
        ]
        # The first layers of residual blocks wait until the last of each is no longer zero.
        assert [name for name in still if ".body." not in name] == []


def test_the_state_comes_back(switching: ConvEncoder) -> None:
    again = ConvEncoder(**switching.get_params()).load_state(switching.state())
    X = bars(20, seed=2)
    np.testing.assert_array_equal(again.transform(X), switching.transform(X))
    np.testing.assert_array_equal(again.reconstruct(X), switching.reconstruct(X))
    np.testing.assert_array_equal(again.sample(3), switching.sample(3))
