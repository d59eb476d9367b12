"""The convolutional encoder: values against torch, onnxruntime and PCA."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from collections_ import small_dictionary

from aesearch.encoders.contrastive.encoder import AgreementEncoder
from aesearch.encoders.layers.blocks import (
    ContourGrid,
    Decoder,
    Orientations,
    ResidualBackbone,
    averaging,
    resampling,
)
from aesearch.encoders.layers.patches import SMALLEST_SIDE, PatchBackbone
from aesearch.encoders.training.data import fold
from aesearch.encoders.training.losses import agreement, reconstruction
from aesearch.encoders.training.neighbors import trusted_neighbors
from aesearch.encoders.training.session import Session
from aesearch.errors import ParameterError

CLEAR = 1e-4  # scores further apart than this are in one order however they are summed
SEED = 7  # of codes without closer ones


def scenes(count: int, side: int = 32, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth random pictures with a bar in one of several directions."""
    rng = np.random.default_rng(seed)
    small = rng.integers(40, 200, (count, 2, 2, channels))
    pictures = small.repeat(side // 2, axis=1).repeat(side // 2, axis=2)
    for i in range(0, count, 2):
        pictures[i, side // 2 - 1 : side // 2 + 1] = 255
    return pictures.astype(np.uint8)


@pytest.fixture(scope="module", autouse=True)
def _small_dictionary() -> Iterator[None]:
    with small_dictionary():
        yield


@pytest.fixture(scope="module")
def fitted() -> tuple[AgreementEncoder, np.ndarray]:
    X = scenes(120)
    return AgreementEncoder(16, width=8, epochs=15, batch_size=40).fit(X), X


def run(path: Path, name: str, x: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {name: x})


@pytest.mark.parametrize(
    ("shape", "family"),
    [((5, 8, 8, 1), "auto"), ((12, 64, 64, 3), "auto"), ((6, 7, 7, 1), "object")],
)
def test_graphs_agree_with_torch_at_every_batch_size(
    shape: tuple[int, ...], family: str, tmp_path: Path
) -> None:
    X = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    encoder = AgreementEncoder(8, width=4, epochs=1, augment=family).fit(X)
    encoder.write_graphs(tmp_path)
    latents = encoder.transform(X)
    for rows in (X, X[:1], X[:3]):
        code, latent = run(tmp_path / "encoder.onnx", "x", rows)
        # A patch at the threshold of an entry may fire in one and not in the other.
        np.testing.assert_allclose(latent, latents[: len(rows)], rtol=0, atol=2e-2)
        np.testing.assert_allclose(np.linalg.norm(code, axis=1), 1, atol=1e-4)
        lengths = np.linalg.norm(latent, axis=1, keepdims=True)
        np.testing.assert_allclose(code * lengths, latent, atol=1e-4)
    (decoded,) = run(tmp_path / "decoder.onnx", "latent", latents)
    assert decoded.shape == shape
    expected = encoder.inverse_transform(latents).astype(int)
    assert np.abs(decoded - expected).max() <= 0.5 + 1e-2  # rounded


def test_graphs_of_a_table_agree_with_torch(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(20, 11)).astype(np.float32) * [1, 1000, *[1] * 9]
    X = X.astype(np.float32)
    encoder = AgreementEncoder(4, width=4, epochs=1).fit(X)
    encoder.write_graphs(tmp_path)
    latents = encoder.transform(X)
    np.testing.assert_allclose(run(tmp_path / "encoder.onnx", "x", X)[1], latents, atol=1e-4)
    decoded = run(tmp_path / "decoder.onnx", "latent", latents)[0]
    np.testing.assert_allclose(decoded, encoder.inverse_transform(latents), rtol=1e-4, atol=1e-2)


def test_decoding_beats_the_mean_picture(fitted: tuple[AgreementEncoder, np.ndarray]) -> None:
    encoder, X = fitted
    decoded = encoder.inverse_transform(encoder.transform(X)).astype(float)
    error = np.square(decoded - X).mean()
    assert error < 0.6 * np.square(X - X.mean(axis=0)).mean()
    assert encoder.reconstruction_error_ == pytest.approx(error / 255**2, rel=0.05)


def test_codes_are_centred_deterministic_and_span_code_size(
    fitted: tuple[AgreementEncoder, np.ndarray],
) -> None:
    encoder, X = fitted
    latents = encoder.transform(X)
    assert latents.dtype == np.float32
    np.testing.assert_array_equal(latents, encoder.transform(X))
    np.testing.assert_allclose(latents.mean(axis=0), 0, atol=1e-4)
    assert np.linalg.matrix_rank(latents) == encoder.code_size_ == 16


def test_learned_features_of_mirror_images_are_equal(
    fitted: tuple[AgreementEncoder, np.ndarray],
) -> None:
    layer, x = fitted[0].encoder_.layers["learned"], torch.rand(4, 3, 32, 32)
    with torch.inference_mode():
        learned, mirrored = layer(x), layer(x.flip(3))
    torch.testing.assert_close(learned, mirrored, rtol=0, atol=1e-5)
    assert learned.std(dim=0).max() > 0.01


def test_same_seed_same_codes_and_another_seed_others() -> None:
    X = scenes(40)
    codes = [
        AgreementEncoder(8, width=4, epochs=2, random_state=seed).fit(X).transform(X)
        for seed in (3, 3, 4)
    ]
    np.testing.assert_array_equal(codes[0], codes[1])
    assert not np.allclose(codes[0], codes[2], atol=1e-3)


def test_fit_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    AgreementEncoder(4, width=4, epochs=1).fit(scenes(10))
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_state_brings_back_the_same_encoder(fitted: tuple[AgreementEncoder, np.ndarray]) -> None:
    encoder, X = fitted
    state = encoder.state()
    assert all(isinstance(array, np.ndarray) for array in state.values())
    again = AgreementEncoder(16, width=8).load_state(state)
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))
    latents = encoder.transform(X[:5])
    np.testing.assert_array_equal(
        again.inverse_transform(latents), encoder.inverse_transform(latents)
    )
    assert again.history_ == encoder.history_


def test_a_memory_map_is_as_good_as_an_array(tmp_path: Path) -> None:
    X = scenes(30)
    mapped = np.memmap(tmp_path / "pictures", dtype=np.uint8, mode="w+", shape=X.shape)
    mapped[:] = X
    first = AgreementEncoder(8, width=4, epochs=2).fit(X).transform(X)
    second = AgreementEncoder(8, width=4, epochs=2).fit(mapped).transform(mapped)
    np.testing.assert_array_equal(second, first)


def test_interrupted_fit_goes_on_to_the_same_codes(tmp_path: Path) -> None:
    X = scenes(60)
    parameters = {"code_size": 8, "width": 4, "epochs": 6, "batch_size": 16, "neighbors": 3}
    whole = AgreementEncoder(**parameters).fit(X).transform(X)
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > 13

    AgreementEncoder(**parameters).fit(X, session=Session(checkpoint=tmp_path, stop=stop))
    (tmp_path / "decoder.safetensors").unlink()
    resumed = AgreementEncoder(**parameters).fit(X, session=Session(checkpoint=tmp_path))
    np.testing.assert_array_equal(resumed.transform(X), whole)


def test_progress_runs_from_nothing_to_all() -> None:
    told: list[float] = []
    session = Session(progress=lambda done, _: told.append(done))
    AgreementEncoder(4, width=4, epochs=3).fit(scenes(20), session=session)
    assert told == sorted(told)
    assert told[0] < 0.5
    assert told[-1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code_size", 0),
        ("width", 0),
        ("epochs", 0),
        ("temperature", 0.0),
        ("augment", "rain"),
        ("network", "waves"),
        ("neighbors", -1),
        ("reconstruction", -1.0),
        ("batch_size", 0),
    ],
)
def test_wrong_parameters_are_named(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=name):
        AgreementEncoder(**{name: value}).fit(scenes(6))


def test_pictures_must_be_square() -> None:
    with pytest.raises(ParameterError, match="square"):
        AgreementEncoder().fit(np.zeros((5, 16, 32, 3), dtype=np.uint8))


def test_agreement_is_the_cross_entropy_written_out() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(3, 5), torch.randn(3, 5)
    rows = torch.nn.functional.normalize(torch.cat([first, second])).double()
    similarity = rows @ rows.T / 0.5
    terms = []
    for i in range(6):
        others = torch.cat([similarity[i, :i], similarity[i, i + 1 :]])
        terms.append(others.logsumexp(0) - similarity[i, (i + 3) % 6])
    expected = torch.stack(terms).mean()
    torch.testing.assert_close(agreement(first, second, 0.5).double(), expected, rtol=1e-5, atol=0)


def test_reconstruction_is_one_for_the_mean_picture() -> None:
    pictures = torch.rand(50, 1, 4, 4)
    mean = pictures.mean(dim=0, keepdim=True).expand_as(pictures)
    variance = float((pictures - mean).square().mean())
    assert float(reconstruction(mean, pictures, variance)) == pytest.approx(1)


def test_orientations_of_stripes_peak_across_them() -> None:
    stripes = torch.zeros(1, 1, 16, 16)
    stripes[..., ::4] = stripes[..., 1::4] = 1
    upright = Orientations()(stripes).mean(dim=(0, 2, 3))
    lying = Orientations()(stripes.transpose(2, 3)).mean(dim=(0, 2, 3))
    assert upright.argmax() == 0
    assert lying.argmax() == Orientations.bins // 2


def test_contours_do_not_depend_on_contrast() -> None:
    x = torch.rand(4, 3, 32, 32)
    grid = ContourGrid(32, 4)
    assert grid(x).shape == (4, 128)
    torch.testing.assert_close(grid(0.5 * x + 0.2), grid(x), rtol=0.05, atol=0.02)


@pytest.mark.parametrize(("length", "cells"), [(64, 48), (7, 3), (8, 4), (3, 5)])
def test_averaging_and_resampling_keep_constants(length: int, cells: int) -> None:
    for matrix in (averaging(length, cells), resampling(length, cells)):
        torch.testing.assert_close(matrix.sum(dim=1), torch.ones(cells))
    expected = torch.tensor([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    torch.testing.assert_close(averaging(4, 2), expected)


@pytest.mark.parametrize("side", [2, 3, 5, 8, 16, 31, 48, 64])
def test_networks_take_any_side(side: int) -> None:
    backbone = ResidualBackbone(1, side, 4).eval()
    maps = backbone(torch.rand(2, 1, side, side))
    assert maps.shape == (2, 32, *[backbone.side_of_maps(side)] * 2)
    assert Decoder(5, 1, side, 4).eval()(torch.rand(2, 5)).shape == (2, 1, side, side)


@pytest.mark.parametrize("side", [16, 17, 31, 32, 33, 50, 64])
def test_networks_of_patches_take_any_side_and_view(side: int) -> None:
    backbone = PatchBackbone(3, side, 4).eval()
    for view in (side, -(-side // 2)):
        maps = backbone(torch.rand(2, 3, view, view))
        assert maps.shape == (2, 16, *[backbone.side_of_maps(view)] * 2)


def test_patches_are_whitened() -> None:
    x = torch.rand(300, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    x = torch.nn.functional.avg_pool2d(x, 3, 1, 1)  # neighboring pixels are alike
    backbone = PatchBackbone(1, 16, 16)
    backbone.whiten(x)
    standard = (x - backbone.mean) * backbone.scale
    found = torch.nn.functional.conv2d(standard, backbone.filters, stride=backbone.stride)
    rows = found.transpose(0, 1).flatten(1)
    torch.testing.assert_close(rows.cov(), torch.eye(8), rtol=0, atol=0.1)


def test_small_pictures_and_tables_are_learned_from_pixels() -> None:
    shapes = [(6, SMALLEST_SIDE, SMALLEST_SIDE, 1), (6, SMALLEST_SIDE - 1, SMALLEST_SIDE - 1, 1)]
    for shape, network in zip(shapes, ("patches", "pixels"), strict=True):
        X = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        assert AgreementEncoder(4, width=4, epochs=1).fit(X).network_ == network
    X = scenes(12)
    encoder = AgreementEncoder(4, width=4, epochs=1, network="pixels").fit(X)
    assert encoder.network_ == "pixels"
    again = AgreementEncoder(4, width=4).load_state(encoder.state())
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))


def mutual_by_brute_force(codes: torch.Tensor, base: torch.Tensor, k: int) -> list[set[int]]:
    """Neighbours among `base` that hold both ways, of codes for which rounding decides nothing."""
    similarity = (codes.double() @ codes.double().T).fill_diagonal_(-2)[:, base]
    best = similarity.topk(k + 1, dim=1)
    assert (best.values[:, k - 1] - best.values[:, k]).min() > CLEAR
    nearest = [set(base[row].tolist()) for row in best.indices[:, :k]]
    found: list[set[int]] = []
    for i, own in enumerate(nearest):
        gaps = {j: float(codes[i] @ codes[j]) - float(best.values[j, k - 1]) for j in own}
        # Of two in `base` the other's list decides: for its last neighbour the gap is nothing.
        assert all(abs(gap) > CLEAR for j, gap in gaps.items() if i not in nearest[j])
        found.append({j for j in own if i in nearest[j] or gaps[j] > 0})
    return found


def assert_mutual(found: torch.Tensor, expected: list[set[int]]) -> None:
    assert [{j for j in row if j >= 0} for row in found.tolist()] == expected
    kept = sum(map(len, expected))
    assert 0.3 * found.numel() < kept < found.numel()  # some hold one way only


def test_neighbours_are_those_of_brute_force_that_hold_both_ways() -> None:
    rows = torch.randn(50, 4, generator=torch.Generator().manual_seed(SEED))
    codes = torch.nn.functional.normalize(rows)
    found = trusted_neighbors(codes, 3, 50)
    assert_mutual(found, mutual_by_brute_force(codes, torch.arange(50), 3))


def test_neighbours_in_a_large_collection_come_from_an_even_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aesearch.encoders.training.neighbors.TRUSTED_DATABASE", 20)
    rows = torch.randn(60, 4, generator=torch.Generator().manual_seed(SEED))
    codes = torch.nn.functional.normalize(rows)
    found = trusted_neighbors(codes, 9, 60)  # one in three: three neighbours each
    assert found.shape == (60, 9)
    assert_mutual(found[:, :3], mutual_by_brute_force(codes, torch.arange(0, 60, 3), 3))
    assert torch.equal(found, found[:, :3].repeat(1, 3))
    assert (found != torch.arange(60)[:, None]).all()


def test_fold_scales_pads_and_keeps_order() -> None:
    x = torch.tensor([[10.0, 0.0, 5.0, 1.0, 1.0]])
    low, width = torch.zeros(5), torch.tensor([10.0, 1.0, 10.0, 1.0, 2.0])
    expected = torch.tensor([[1, 0, 0.5], [1, 0.5, 0], [0, 0, 0]])
    torch.testing.assert_close(fold(x, low, width)[0, 0], expected)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_weights_that_leave_out_every_description_still_learn_from_neighbors() -> None:
    X = scenes(60)
    encoder = AgreementEncoder(8, width=4, epochs=2, neighbors=1, weights={"learned": 1.0}).fit(X)
    assert encoder.weights_of_parts() == {"learned": 1.0}
    assert encoder.transform(X).shape == (60, 8)
