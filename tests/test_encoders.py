"""One contract for all encoders: whatever is registered is tested here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_ import small_dictionary
from conftest import CLASSES, make_pictures
from freezing_ import freeze
from safetensors.numpy import load_file
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_table
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from aesearch import encoders
from aesearch.encoders import ENCODERS, encoder_class, is_trained
from aesearch.encoders.autoencoders.base import Autoencoder
from aesearch.encoders.base import Encoder
from aesearch.encoders.info import CHOSEN_ELSEWHERE
from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.linear.pca import PCAEncoder
from aesearch.encoders.linear.raw import RawEncoder
from aesearch.encoders.linear.thumbnail import ThumbnailEncoder
from aesearch.encoders.parameters import parameters_of
from aesearch.encoders.training.noise import NOISES
from aesearch.errors import DamagedError, ParameterError
from aesearch.inference.encoder import ENCODER, WEIGHTS, FrozenEncoder, checksum, seal
from aesearch.inference.manifest import MANIFEST, Manifest

CODE_SIZE = 16
# What keeps an encoder's training short enough for a test; nothing where it is short anyway.
CHEAP: dict[str, dict[str, Any]] = {
    "agreement": {"epochs": 4, "width": 4},
    "mlp": {"hidden": (32,), "epochs": 20},
    "neighbors": {"hidden": (32,), "epochs": 20},
    "conv": {"width": 4, "epochs": 20, "learning_rate": 5e-3},
    "dbn": {"hidden": (32,), "epochs": 20, "pretraining_epochs": 5},
    "vae": {"hidden": (32,), "epochs": 20, "learning_rate": 3e-3},
    "cvae": {"hidden": (32,), "epochs": 20, "learning_rate": 3e-3},
    "vaegan": {"hidden": (32,), "epochs": 20, "learning_rate": 3e-3},
    "text": {"epochs": 20},
}
# Shorter still, where nothing is asked of what was learned.
SHORTEST = {"epochs": 2, "pretraining_epochs": 1}
# What an encoder must refuse, beside a code_size below 1 where it has one.
BAD: dict[str, list[dict[str, Any]]] = {
    "pca": [{"whiten": -0.1}, {"whiten": 1.5}, {"whiten": float("nan")}],
    "raw": [{"resolution": 0}, {"resolution": 16.5}],
    "conv": [
        {"width": 0},
        {"depth": -1},
        {"pooling": "mean"},
        {"unpooling": "switches"},
        {"residual": 0.5},
    ],
    "agreement": [{"epochs": 0}, {"temperature": 0}, {"augment": "sepia"}, {"neighbors": -1}],
    "mlp": [{"pretraining": "dbn"}, {"pretraining_epochs": 0}],
    "dbn": [{"gibbs_steps": 0}, {"momentum": 1}, {"weight_cost": -1}, {"activation": "relu"}],
    "neighbors": [{"neighbors": 0}, {"reconstruction": -1}],
    "text": [
        {"noise": "salt"},
        {"noise_level": 1},
        {"shared": -0.1},
        {"loss": "squared"},
        {"neighbors": 0},
        {"hidden": (0,)},
        {"refine": "yes"},
        {"temperature": 0},
        {"learning_rate": 0},
    ],
    "cvae": [{"classification": -1}, {"beta": float("inf")}, {"backbone": "transformer"}],
    "vaegan": [
        {"adversary": "hinge"},
        {"adversary_weight": -1},
        {"feature_weight": float("nan")},
        {"reconstruction": -0.5},
        {"gradient_penalty": "much"},
    ],
}
KINDS = ("colour", "grey", "table")
PAIRS = [
    (name, kind)
    for name in ENCODERS
    for kind in KINDS
    if kind == "table" or encoder_class(name).accepts_images
]


def make(name: str, **parameters: Any) -> Encoder:
    size = {"code_size": CODE_SIZE} if has_code_size(name) else {}
    return encoder_class(name)(**{**size, **CHEAP.get(name, {}), **parameters})


def make_shortest(name: str, **parameters: Any) -> Encoder:
    encoder = make(name, **parameters)
    return encoder.set_params(**{k: v for k, v in SHORTEST.items() if k in encoder.get_params()})


def labels_for(encoder: Encoder, X: np.ndarray) -> list[str] | None:
    """The classes of what `sample` gives, for an encoder that learns from them."""
    return [CLASSES[i % 3] for i in range(len(X))] if encoder.uses_labels else None


def has_code_size(name: str) -> bool:
    return name != "raw"


def size_for(encoder: Encoder, X: np.ndarray) -> int:
    """What the code of an encoder should have, fitted to X."""
    return CODE_SIZE if "code_size" in encoder.get_params() else X[0].size


def sample(kind: str) -> np.ndarray:
    if kind == "table":
        return load_digits().data[:150].astype(np.float32)
    return make_pictures(96, 16, 3) if kind == "colour" else make_pictures(96, 32, 1)


@pytest.fixture(scope="module", autouse=True)
def _small_dictionary() -> Iterator[None]:
    with small_dictionary():
        yield


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def fitted(request: pytest.FixtureRequest) -> tuple[Encoder, np.ndarray]:
    name, kind = request.param
    X = sample(kind)
    encoder = make(name)
    return encoder.fit(X, labels_for(encoder, X)), X


@pytest.fixture(scope="module")
def frozen(
    fitted: tuple[Encoder, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> FrozenEncoder:
    if fitted[1].shape[1:] == (32, 32, 1):
        pytest.skip("writing graphs takes seconds: once for pictures, once for a table")
    return freeze(fitted[0], tmp_path_factory.mktemp("encoder"))


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


# -- the contract ------------------------------------------------------------------------------


def test_codes_have_the_size_that_was_asked_for(fitted: tuple[Encoder, np.ndarray]) -> None:
    encoder, X = fitted
    codes = encoder.transform(X)
    size = size_for(encoder, X)
    assert encoder.code_size_ == size
    assert codes.shape == (len(X), size)
    assert codes.dtype == np.float32
    assert encoder.n_features_in_ == X[0].size
    assert len(encoder.get_feature_names_out()) == size
    assert len(np.unique(codes.round(4), axis=0)) == len(np.unique(X, axis=0))


def test_codes_do_not_depend_on_the_batch(fitted: tuple[Encoder, np.ndarray]) -> None:
    encoder, X = fitted
    before = X.copy()
    codes = encoder.transform(X)
    np.testing.assert_array_equal(codes, encoder.transform(X))
    one_by_one = np.concatenate([encoder.transform(X[i : i + 1]) for i in range(20)])
    assert relative(one_by_one, codes[:20]) < 1e-5
    assert relative(encoder.transform(X[::-1])[::-1], codes) < 1e-5
    many = np.concatenate([X] * (1200 // len(X)))
    assert relative(encoder.transform(many)[-len(X) :], codes) < 1e-5
    np.testing.assert_array_equal(X, before)


def test_decoding_is_better_than_the_mean(fitted: tuple[Encoder, np.ndarray]) -> None:
    encoder, X = fitted
    decoded = encoder.inverse_transform(encoder.transform(X))
    assert decoded.shape == X.shape
    assert decoded.dtype == X.dtype
    values = X.astype(np.float64)
    error = np.square(decoded - values).mean()
    assert error < np.square(values - values.mean(axis=0)).mean()


@pytest.mark.parametrize("name", ENCODERS)
def test_the_same_seed_gives_the_same_codes(name: str) -> None:
    X = sample("colour" if encoder_class(name).accepts_images else "table")[:48]
    encoder = make_shortest(name)
    y = labels_for(encoder, X)
    encoder.fit(X, y)
    again = clone(encoder).fit(X, y)
    np.testing.assert_allclose(again.transform(X), encoder.transform(X), rtol=1e-5, atol=1e-6)


def test_samples_have_the_form_of_the_input(fitted: tuple[Encoder, np.ndarray]) -> None:
    encoder, X = fitted
    drawn = encoder.sample(40, random_state=1)
    assert drawn.shape == (40, *X.shape[1:])
    assert drawn.dtype == X.dtype
    np.testing.assert_array_equal(drawn, encoder.sample(40, random_state=1))
    assert (drawn != encoder.sample(40, random_state=2)).any()
    # They lie where the samples do: no further from their mean than these, in the mean.
    centre = X.astype(float).mean(axis=0)
    spread, reached = (np.square(a.astype(float) - centre).mean() for a in (X, drawn))
    assert reached < 3 * spread
    with pytest.raises(ParameterError, match="no group 'zebra' to draw from"):
        encoder.sample(group="zebra")


def test_interpolation_begins_and_ends_at_reconstructions(
    fitted: tuple[Encoder, np.ndarray],
) -> None:
    encoder, X = fitted
    way = encoder.interpolate(X[0], X[1], steps=5).astype(float)
    ends = encoder.inverse_transform(encoder.transform(X[:2])).astype(float)
    tolerance = 1.0 if X.dtype == np.uint8 else 1e-3
    np.testing.assert_allclose(way[[0, -1]], ends, atol=tolerance)
    assert len(way) == 5
    with pytest.raises(ParameterError, match="steps must be 2 to 100; got 1"):
        encoder.interpolate(X[0], X[1], steps=1)


def test_the_state_makes_the_same_encoder(fitted: tuple[Encoder, np.ndarray]) -> None:
    encoder, X = fitted
    if not hasattr(encoder, "load_state"):
        assert not any(info.trains for info in ENCODERS.values() if info.load() is type(encoder))
        return
    state = {name: np.array(value) for name, value in encoder.state().items()}
    again = clone(encoder).load_state(state)
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))
    np.testing.assert_array_equal(again.sample(3), encoder.sample(3))
    assert getattr(again, "history_", None) == getattr(encoder, "history_", None)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", list(filter(is_trained, ENCODERS)))
def test_every_trained_encoder_can_denoise(name: str, noise: str) -> None:
    X = sample("table")
    clean, noisy = (make_shortest(name, noise=kind, noise_level=0.5) for kind in (None, noise))
    codes = [e.fit(X, labels_for(e, X)).transform(X) for e in (clean, noisy)]
    assert np.isfinite(codes[1]).all()
    assert np.abs(codes[1] - codes[0]).max() > 1e-4  # it was trained on something else
    with pytest.raises(ParameterError, match="noise must be one of gaussian, mask, dropout"):
        make(name, noise="salt").check_parameters()


def test_the_frozen_encoder_agrees(
    fitted: tuple[Encoder, np.ndarray], frozen: FrozenEncoder
) -> None:
    encoder, X = fitted
    latents = encoder.transform(X)
    codes, found = frozen.encode_with_latents(X)
    assert relative(found, latents) < 1e-4
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)
    assert frozen.code_size == codes.shape[1]
    np.testing.assert_array_equal(frozen.encode(X), codes)


def test_the_frozen_encoder_does_not_depend_on_the_batch(
    fitted: tuple[Encoder, np.ndarray], frozen: FrozenEncoder
) -> None:
    X = np.concatenate([fitted[1]] * 6)  # more than one batch
    codes = frozen.encode(X)
    singles = np.concatenate([frozen.encode(X[i : i + 1]) for i in (0, 7, 300)])
    np.testing.assert_allclose(codes[[0, 7, 300]], singles, atol=1e-5)


def test_the_frozen_decoder_agrees(
    fitted: tuple[Encoder, np.ndarray], frozen: FrozenEncoder
) -> None:
    encoder, X = fitted
    latents = encoder.transform(X)
    expected = encoder.inverse_transform(latents)
    found = frozen.decode(latents)
    assert found.shape == X.shape
    if X.dtype == np.uint8:
        assert np.abs(found - expected.astype(np.float32)).max() <= 0.51
    else:
        assert relative(found, expected) < 1e-4


def test_reconstruction_errors(fitted: tuple[Encoder, np.ndarray], frozen: FrozenEncoder) -> None:
    encoder, X = fitted
    codes, errors = frozen.errors(X)
    np.testing.assert_allclose(codes, frozen.encode(X), atol=1e-6)
    gap = (frozen.decode(encoder.transform(X)) - X.astype(np.float32)) / 255
    np.testing.assert_allclose(errors, np.square(gap.reshape(len(X), -1)).mean(axis=1), rtol=1e-3)


def test_no_items_give_no_codes(fitted: tuple[Encoder, np.ndarray], frozen: FrozenEncoder) -> None:
    encoder, X = fitted
    size = size_for(encoder, X)
    assert frozen.encode(X[:0]).shape == (0, size)
    assert frozen.decode(np.empty((0, size))).shape == X[:0].shape
    assert frozen.errors(X[:0])[1].shape == (0,)
    assert encoder.inverse_transform(np.empty((0, size))).shape == X[:0].shape
    if X.ndim == 4:
        assert encoder.transform(X[:0]).shape == (0, size)


def test_other_shapes_are_refused(
    fitted: tuple[Encoder, np.ndarray], frozen: FrozenEncoder
) -> None:
    encoder, X = fitted
    wrong = np.zeros((3, 8, 8, 3), np.uint8) if X.ndim == 4 else np.zeros((3, 5), np.float32)
    with pytest.raises(ValueError, match=r"\(8, 8, 3\)|5 features"):
        encoder.transform(wrong)
    with pytest.raises(ParameterError, match="the encoder takes arrays of shape"):
        frozen.encode(wrong)
    shapes = rf"\(n, {size_for(encoder, X)}\); got \(2, 3\)"
    with pytest.raises(ValueError, match=shapes):
        encoder.inverse_transform(np.zeros((2, 3)))
    with pytest.raises(ParameterError, match=shapes):
        frozen.decode(np.zeros((2, 3)))
    if X.ndim == 4:
        with pytest.raises(ValueError, match="fitted on pictures"):
            encoder.transform(np.zeros((3, 5)))
        with pytest.raises(ValueError, match="must be uint8; got float64"):
            encoder.transform(X / 255)
        with pytest.raises(ParameterError, match="uint8; got float64"):
            frozen.encode(X / 255)
    else:
        with pytest.raises(ValueError, match=r"was fitted on|learns from tables"):
            encoder.transform(np.zeros((3, 8, 8, 1), np.uint8))


@pytest.mark.parametrize("name", ENCODERS)
def test_fit_refuses_what_is_no_picture(name: str) -> None:
    if not encoder_class(name).accepts_images:
        with pytest.raises(ValueError, match=r"learns from tables; got an array of shape \(4, 16,"):
            make(name).fit(np.zeros((4, 16, 16, 3), np.uint8))
        return
    with pytest.raises(ValueError, match="1 or 3 channels; got 2"):
        make(name).fit(np.zeros((4, 16, 16, 2), np.uint8))
    with pytest.raises(ValueError, match="uint8; got float32"):
        make(name).fit(np.zeros((4, 16, 16, 3), np.float32))
    with pytest.raises(ValueError, match="at least 2 pictures; got n_samples = 1"):
        make(name).fit(np.zeros((1, 16, 16, 3), np.uint8))


@pytest.mark.parametrize(
    ("name", "bad"),
    [(n, b) for n in ENCODERS if has_code_size(n) for b in ({"code_size": 0}, {"code_size": -3})]
    + [(n, b) for n, those in BAD.items() for b in those],
)
def test_bad_parameters_are_refused_first(name: str, bad: dict[str, Any]) -> None:
    encoder = make(name, **bad)
    with pytest.raises(ParameterError, match=next(iter(bad))):
        encoder.fit("not even an array")  # type: ignore[arg-type]


def loosened(compare: Callable[..., None]) -> Callable[..., None]:
    """Codes of another batch differ in their last bits, and one near 0 by more than 1e-7."""

    def close(x: Any, y: Any, rtol: float | None = None, atol: float = 0, **named: Any) -> None:
        compare(x, y, rtol=max(rtol or 0, 1e-4), atol=max(atol, 1e-5), **named)

    return close


@parametrize_with_checks([make_shortest(name) for name in ENCODERS])
def test_scikit_learn(estimator: Encoder, check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("assert_allclose", "assert_allclose_dense_sparse"):
        compare = getattr(estimator_checks, name)
        monkeypatch.setattr(estimator_checks, name, loosened(compare))
    check(estimator)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_registry_tells_of_a_class_what_it_is(name: str) -> None:
    info, found = ENCODERS[name], encoder_class(name)
    assert info.name == name
    assert getattr(encoders, info.class_name) is found
    assert info.class_name in encoders.__all__
    assert ("images" in info.modalities) == found.accepts_images
    assert ("texts" in info.modalities) == found.accepts_sparse
    assert info.uses_labels == found.uses_labels
    assert hasattr(found, "load_state") or not info.trains
    known = parameters_of(found)
    assert info.sized == ("code_size" in known)
    if issubclass(found, Autoencoder):
        counts = found.accepts_sparse and "multinomial" in known["loss"].allowed
        assert info.takes_counts == counts
    assert set(info.hidden_parameters) - set(CHOSEN_ELSEWHERE) <= set(known)


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"unknown encoder 'vea'; choose one of .*pca"):
        encoder_class("vea")


# -- on disk -----------------------------------------------------------------------------------


def test_the_state_comes_back_from_safetensors(tmp_path: Path) -> None:
    encoder = make("pca").fit(sample("colour"))
    freeze(encoder, tmp_path)
    state = load_file(tmp_path / WEIGHTS)
    X = sample("colour")[:5].reshape(5, -1).astype(np.float32)
    expected = encoder.transform(sample("colour")[:5])
    np.testing.assert_allclose((X - state["offset"]) @ state["matrix"], expected, rtol=1e-4)


def test_the_fingerprint_covers_graph_and_features(tmp_path: Path) -> None:
    encoder = make("pca").fit(sample("colour"))
    first = freeze(encoder, tmp_path).fingerprint
    manifest = Manifest("pca", {"kind": "images", "side": 16}, 16, check={"x": 1})
    assert seal(tmp_path, manifest) == first
    assert seal(tmp_path, replace(manifest, features={"kind": "images", "side": 32})) != first
    encoder.rescaled(0.0).write_graphs(tmp_path)
    assert seal(tmp_path, manifest) != first


@pytest.mark.parametrize("name", ["agreement", "mlp"])
def test_graphs_do_not_tell_where_they_were_made(name: str, tmp_path: Path) -> None:
    freeze(make_shortest(name).fit(sample("colour")[:48]), tmp_path)
    for graph in tmp_path.glob("*.onnx"):
        content = graph.read_bytes()
        assert str(Path(__file__).parents[1]).encode() not in content
        assert b"site-packages" not in content
        assert b".py" not in content


def test_damage_is_noticed(tmp_path: Path) -> None:
    frozen = freeze(make("pca").fit(sample("colour")), tmp_path)
    assert frozen.damage() == []
    graph = tmp_path / ENCODER
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    (tmp_path / WEIGHTS).unlink()
    found = FrozenEncoder(tmp_path).damage()
    assert len(found) == 2
    assert any("encoder.onnx is damaged" in line for line in found)
    assert any("weights.safetensors is missing" in line for line in found)
    with pytest.raises(DamagedError, match="checksum does not match"):
        FrozenEncoder(tmp_path).encode(sample("colour"))
    graph.unlink()
    with pytest.raises(DamagedError, match=r"encoder\.onnx cannot be read"):
        FrozenEncoder(tmp_path).encode(sample("colour"))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"x"', '{"fingerprint": "a"}'])
def test_a_broken_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(DamagedError, match="--repair"):
        FrozenEncoder(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="nothing-here"):
        FrozenEncoder(tmp_path / "nothing-here")


def test_checksum_of_a_known_content(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert checksum(tmp_path / "empty") == "99aa06d3014798d86001c324468d497f"


# -- PCA ---------------------------------------------------------------------------------------


def test_pca_is_that_of_scikit_learn(digits: tuple[np.ndarray, np.ndarray]) -> None:
    X = digits[0]
    expected = PCA(10).fit(X)
    found = PCAEncoder(10, whiten=0).fit(X)
    signs = np.sign((expected.components_ * found.components_).sum(axis=1))
    np.testing.assert_allclose(found.components_ * signs[:, None], expected.components_, atol=1e-8)
    np.testing.assert_allclose(found.explained_variance_, expected.explained_variance_)
    np.testing.assert_allclose(found.transform(X) * signs, expected.transform(X), atol=1e-3)
    np.testing.assert_allclose(
        found.inverse_transform(found.transform(X)),
        expected.inverse_transform(expected.transform(X)),
        atol=1e-3,
    )


@pytest.mark.parametrize(("whiten", "power"), [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)])
def test_variance_of_whitened_codes(
    digits: tuple[np.ndarray, np.ndarray], whiten: float, power: float
) -> None:
    X = digits[0]
    encoder = PCAEncoder(12, whiten=whiten).fit(X)
    codes = encoder.transform(X).astype(np.float64)
    np.testing.assert_allclose(
        codes.var(axis=0, ddof=1), encoder.explained_variance_**power, rtol=1e-4
    )
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_rescaling_equals_fitting_again(kind: str) -> None:
    X = sample(kind)
    fresh = PCAEncoder(8, whiten=1.0).fit(X)
    rescaled = PCAEncoder(8, whiten=0.0).fit(X).rescaled(1.0)
    assert rescaled.get_params() == fresh.get_params()
    np.testing.assert_allclose(rescaled.transform(X), fresh.transform(X), rtol=1e-4, atol=1e-4)
    latents = fresh.transform(X)
    np.testing.assert_allclose(
        rescaled.inverse_transform(latents).astype(float),
        fresh.inverse_transform(latents).astype(float),
        atol=1,
    )


def test_pca_keeps_no_component_that_is_only_rounding() -> None:
    few = make_pictures(4, 16)
    X = np.concatenate([few] * 10)  # four distinct pictures span three dimensions
    for shape in (X, X.reshape(len(X), -1).astype(float)):
        encoder = PCAEncoder(20, whiten=1.0).fit(shape)
        assert encoder.code_size_ == 3
        assert (
            np.abs(encoder.inverse_transform(encoder.transform(shape)) - shape.astype(float)).max()
            <= 1
        )


def test_pca_of_tiny_numbers_keeps_its_components(
    digits: tuple[np.ndarray, np.ndarray],
) -> None:
    assert PCAEncoder(10).fit(digits[0] * 1e-8).code_size_ == 10


def test_pca_of_equal_pictures_is_finite(tmp_path: Path) -> None:
    X = np.full((5, 16, 16, 3), 77, np.uint8)
    encoder = PCAEncoder(4).fit(X)
    np.testing.assert_allclose(encoder.transform(X), 0, atol=1e-3)
    np.testing.assert_array_equal(encoder.inverse_transform(encoder.transform(X)), X)
    assert np.isfinite(freeze(encoder, tmp_path).encode(X)).all()


@pytest.mark.parametrize(("side", "pool"), [(16, 1), (32, 2), (48, 3), (64, 4), (37, 1), (128, 8)])
def test_large_pictures_are_pooled(tmp_path: Path, side: int, pool: int) -> None:
    X = make_pictures(6, side)
    encoder = PCAEncoder(5, whiten=0).fit(X)
    assert encoder.pool_ == pool
    small = X.reshape(6, side // pool, pool, side // pool, pool, 3).mean(axis=(2, 4))
    expected = PCA(5).fit_transform(small.reshape(6, -1))
    np.testing.assert_allclose(np.abs(encoder.transform(X)), np.abs(expected), rtol=1e-3, atol=0.1)
    frozen = freeze(encoder, tmp_path)
    assert relative(frozen.encode_with_latents(X)[1], encoder.transform(X)) < 1e-4
    decoded = encoder.inverse_transform(encoder.transform(X)).astype(np.float32)
    assert np.abs(frozen.decode(encoder.transform(X)) - decoded).max() <= 0.51


# -- thumbnails --------------------------------------------------------------------------------


def test_a_thumbnail_is_the_mean_of_its_squares() -> None:
    X = make_pictures(6, 16)
    codes = ThumbnailEncoder(16).fit(X).transform(X)
    grey = X.reshape(6, 4, 4, 4, 4, 3).mean(axis=(2, 4, 5)).reshape(6, 16)
    np.testing.assert_allclose(codes, grey - grey.mean(axis=1, keepdims=True), atol=1e-3)


def test_a_thumbnail_does_not_see_brightness() -> None:
    X = make_pictures(6, 16) // 2
    encoder = ThumbnailEncoder(16).fit(X)
    np.testing.assert_allclose(encoder.transform(X + 40), encoder.transform(X), atol=1e-3)


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (3, 1), (4, 4), (10, 9), (1000, 256)])
def test_a_thumbnail_is_the_largest_square_below(asked: int, given: int) -> None:
    X = make_pictures(4, 16)
    encoder = ThumbnailEncoder(asked).fit(X)
    assert encoder.code_size_ == given
    assert encoder.transform(X).shape == (4, given)


# -- the baselines -----------------------------------------------------------------------------


def test_pca_without_a_resolution_pools_nothing() -> None:
    X = make_pictures(30, 32)
    encoder = PCAEncoder(6, whiten=0, resolution=None).fit(X)
    assert encoder.pool_ == 1
    expected = PCA(6, svd_solver="full").fit_transform(X.reshape(30, -1).astype(float))
    np.testing.assert_allclose(np.abs(encoder.transform(X)), np.abs(expected), rtol=1e-3, atol=0.5)


def test_pca_without_a_resolution_uses_all_samples() -> None:
    X = np.random.default_rng(0).integers(0, 255, (20_001, 8, 8, 1), dtype=np.uint8)
    encoder = PCAEncoder(3, resolution=None).fit(X)
    np.testing.assert_allclose(encoder.offset_, X.reshape(len(X), -1).mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("size", "pool"), [(64, 2), (256, 2), (257, 1), (768, 1), (3000, 1)], ids=str
)
def test_pca_pools_less_where_the_code_needs_it(size: int, pool: int) -> None:
    X = np.random.default_rng(0).integers(0, 255, (1100, 32, 32, 1), dtype=np.uint8)
    encoder = PCAEncoder(size).fit(X)
    assert encoder.pool_ == pool
    assert encoder.code_size_ == min(size, 1024)


def test_raw_is_the_pixels_less_their_mean() -> None:
    X = make_pictures(6, 32)
    flat = X.reshape(6, -1).astype(float)
    np.testing.assert_allclose(RawEncoder().fit_transform(X), flat - flat.mean(axis=0), atol=1e-3)
    encoder = RawEncoder().fit(X)
    np.testing.assert_array_equal(encoder.inverse_transform(encoder.transform(X)), X)
    small = RawEncoder(resolution=8).fit(X)
    assert small.code_size_ == 8 * 8 * 3
    expected = X.reshape(6, 8, 4, 8, 4, 3).mean(axis=(2, 4)).reshape(6, -1)
    np.testing.assert_allclose(small.transform(X), expected - expected.mean(axis=0), atol=1e-3)


def test_raw_writes_no_matrix_and_keeps_deviations_only(tmp_path: Path) -> None:
    X = make_pictures(12, 32)
    encoder = RawEncoder().fit(X)
    frozen = freeze(encoder, tmp_path)
    assert frozen.code_size == 3072
    assert encoder.prior_.factor.shape == (3072,)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 200_000
    assert encoder.sample(2).shape == (2, 32, 32, 3)


def sparse_table(rows: int, columns: int) -> csr_matrix:
    return random_table(rows, columns, density=0.02, format="csr", random_state=0)


@pytest.mark.parametrize(
    ("rows", "columns"), [(300, 80), (200, 3000), (1500, 1200)], ids=["features", "samples", "many"]
)
def test_lsa_is_the_truncated_svd(rows: int, columns: int) -> None:
    X = sparse_table(rows, columns)
    encoder = LSAEncoder(5).fit(X)
    _, values, components = np.linalg.svd(X.toarray(), full_matrices=False)
    tolerance = 0.05 if min(rows, columns) > 1024 else 1e-6
    np.testing.assert_allclose(encoder.singular_values_, values[:5], rtol=tolerance)
    if tolerance < 0.05:
        signs = np.sign((components[:5] * encoder.components_).sum(axis=1))
        expected = X.toarray() @ components[:5].T * signs
        np.testing.assert_allclose(encoder.transform(X), expected, atol=1e-4)
    largest = np.abs(encoder.components_).argmax(axis=1)
    assert (encoder.components_[np.arange(5), largest] > 0).all()


def test_lsa_never_fills_a_sparse_table_in(monkeypatch: pytest.MonkeyPatch) -> None:
    X = sparse_table(600, 20_000)
    whole = csr_matrix.toarray

    def small(table: csr_matrix, *args: Any, **options: Any) -> np.ndarray:
        assert table.shape[0] * table.shape[1] < 2_000_000
        return whole(table, *args, **options)

    for name in ("toarray", "todense"):
        monkeypatch.setattr(csr_matrix, name, small)
    encoder = LSAEncoder(8).fit(X)
    assert encoder.transform(X).shape == (600, 8)
    rows = encoder.transform(X[:200])
    np.testing.assert_allclose(rows, encoder.transform(X)[:200], atol=1e-6)
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        PCAEncoder(8).fit(X)


def test_lsa_of_dense_and_sparse_agree() -> None:
    X = sparse_table(400, 300)
    sparse, dense = LSAEncoder(7).fit(X), LSAEncoder(7).fit(X.toarray())
    np.testing.assert_allclose(sparse.transform(X), dense.transform(X.toarray()), atol=1e-5)


def test_lsa_keeps_no_more_than_the_rank() -> None:
    few = make_pictures(4, 16)
    for X in (np.concatenate([few] * 10), np.concatenate([make_pictures(4, 32)] * 10)):
        encoder = LSAEncoder(20).fit(X)
        assert encoder.code_size_ == 4
        gap = encoder.inverse_transform(encoder.transform(X)).astype(float) - X
        assert np.abs(gap).max() <= 1
