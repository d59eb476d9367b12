"""The text encoder: its start at LSA, its stages, and what is kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from freezing_ import freeze
from scipy.sparse import csr_matrix
from texts_ import word_table
from torch.nn import functional

from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.sparse import sparse_rows_of
from aesearch.encoders.texts.encoder import SMALL, TOPICAL_FROM, TextEncoder
from aesearch.encoders.training.session import Session
from aesearch.errors import ParameterError

TERMS, DOCUMENTS = 160, 200
STOPPED = Session(stop=lambda: True)  # ends after the first step


@pytest.fixture(scope="module")
def corpus() -> tuple[csr_matrix, np.ndarray]:
    return word_table(DOCUMENTS, TERMS)


@pytest.fixture(scope="module")
def X(corpus: tuple[csr_matrix, np.ndarray]) -> csr_matrix:
    return corpus[0]


@pytest.fixture(scope="module", params=["cosine", "multinomial", "large", "hidden", "small", "map"])
def fitted(request: pytest.FixtureRequest, X: csr_matrix) -> TextEncoder:
    """Each form that it takes."""
    options: dict[str, dict[str, Any]] = {
        "cosine": {"code_size": 36, "loss": "cosine"},
        "multinomial": {"code_size": 36, "loss": "multinomial", "refine": False},
        "large": {"code_size": 36, "loss": "multinomial"},  # as a large collection has it
        "hidden": {"code_size": 12, "hidden": (24,), "refine": False},
        "small": {"code_size": 10},
        "map": {"code_size": 2},
    }
    return TextEncoder(epochs=2, **options[request.param]).fit(X)


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cosines of the principal angles between the column spaces, all 1 for equal ones."""
    bases = [np.linalg.qr(matrix.astype(np.float64))[0] for matrix in (one, other)]
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)


# -- where it starts -------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["cosine", "multinomial"])
def test_it_starts_at_lsa(loss: str, X: csr_matrix) -> None:
    size = 40
    options = {"loss": loss, "learning_rate": 1e-9, "refine": False}
    encoder = TextEncoder(code_size=size, **options).fit(X, session=STOPPED)
    lsa = LSAEncoder(150, random_state=0).fit(X)
    words = encoder.network_.words.detach().numpy()
    np.testing.assert_array_less(0.9999, cosines(words, lsa.components_[:size].T))
    output = encoder.network_.output.detach().numpy()
    np.testing.assert_array_less(0.9999, cosines(output, lsa.components_[:size].T))
    if loss == "cosine":  # the code is linear, and so it is that of LSA, up to its length
        codes, expected = encoder.transform(X), LSAEncoder(size, random_state=0).fit_transform(X)
        full = np.linalg.norm(expected, axis=1) > 0
        both = functional.cosine_similarity(
            torch.from_numpy(codes[full]), torch.from_numpy(expected[full])
        )
        assert both.min() > 0.99


def test_training_lessens_the_loss_and_moves_away_from_the_start(X: csr_matrix) -> None:
    encoder = TextEncoder(code_size=40, loss="cosine", epochs=12).fit(X)
    told = [entry["reconstruction"] for entry in encoder.history_]
    assert len(told) == 12
    assert told[-1] < 0.95 * told[0]
    lsa = LSAEncoder(150, random_state=0).fit(X)
    words = encoder.network_.words.detach().numpy()
    assert cosines(words, lsa.components_[:40].T).min() < 0.9999


def test_codes_know_the_topics(corpus: tuple[csr_matrix, np.ndarray]) -> None:
    X, topics = corpus
    codes = TextEncoder(code_size=8, epochs=8).fit(X).transform(X)
    codes /= np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-9)
    near = np.argsort(-codes @ codes.T, axis=1)[:, 1:6]
    agree = (topics[near] == topics[:, None]).mean(axis=1)
    assert np.delete(agree, 7).mean() > 0.9


# -- the estimator ---------------------------------------------------------------------------------


def test_every_form_gives_codes_of_its_size(fitted: TextEncoder, X: csr_matrix) -> None:
    codes = fitted.transform(X)
    assert codes.shape == (DOCUMENTS, fitted.code_size)
    assert fitted.code_size_ == fitted.code_size
    assert np.isfinite(codes).all()
    assert codes.std(axis=0).min() > 0
    decoded = fitted.inverse_transform(codes[:5])
    assert decoded.shape == (5, TERMS)
    assert np.isfinite(decoded).all()
    epochs = [entry["epoch"] for entry in fitted.history_]
    assert epochs == sorted(epochs)
    small, topical = fitted.code_size < SMALL, fitted.loss_ == "multinomial"
    refined = (small or topical) and not fitted.hidden and fitted.refine is not False
    layers = (3 if fitted.code_size == 2 else 2) if refined else 1 + len(fitted.hidden)
    assert len(fitted.network_.sizes) == layers
    assert (len(epochs) > 2) == refined


@pytest.mark.parametrize("fitted", ["multinomial", "map"], indirect=True)
def test_the_graph_is_the_encoder(fitted: TextEncoder, X: csr_matrix, tmp_path: Path) -> None:
    frozen = freeze(fitted, tmp_path)
    codes, latents = frozen.encode_with_latents(sparse_rows_of(X))
    expected = fitted.transform(X)
    np.testing.assert_allclose(latents, expected, rtol=1e-3, atol=1e-4)
    centred = expected - fitted.center_.numpy()
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(codes, centred / np.maximum(lengths, 1e-12), rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(
        frozen.decode(latents[:9]), fitted.inverse_transform(expected[:9]), rtol=1e-2, atol=1e-4
    )


def test_the_state_makes_the_same_encoder(fitted: TextEncoder, X: csr_matrix) -> None:
    state = fitted.state()
    again = TextEncoder(**fitted.get_params()).load_state(state)
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    codes = fitted.transform(X)[:5]
    np.testing.assert_array_equal(again.inverse_transform(codes), fitted.inverse_transform(codes))
    assert again.loss_ == fitted.loss_
    assert again.history_ == fitted.history_
    assert again.state().keys() == state.keys()
    for name, array in again.state().items():
        np.testing.assert_array_equal(array, state[name])


def test_the_loss_follows_from_the_number_of_documents(X: csr_matrix) -> None:
    encoder = TextEncoder()
    many = csr_matrix((np.ones(TOPICAL_FROM), (range(TOPICAL_FROM), [0] * TOPICAL_FROM)))
    assert encoder._loss_for(many) == "multinomial"
    assert encoder._loss_for(many[1:]) == "cosine"
    assert encoder._loss_for(-many) == "cosine"  # no counts, no weights of words
    assert TextEncoder(loss="cosine")._loss_for(many) == "cosine"
    assert TextEncoder(loss="multinomial")._loss_for(X) == "multinomial"
    with pytest.raises(ParameterError, match=r"needs weights or counts of words; got values down"):
        TextEncoder(loss="multinomial").fit(-X)


def test_never_more_than_a_batch_is_filled_in(
    monkeypatch: pytest.MonkeyPatch, X: csr_matrix
) -> None:
    largest = 0
    toarray = csr_matrix.toarray

    def noted(table: csr_matrix, *rest: Any, **named: Any) -> Any:
        nonlocal largest
        if table.shape[1] == TERMS:
            largest = max(largest, table.shape[0])
        return toarray(table, *rest, **named)

    monkeypatch.setattr(csr_matrix, "toarray", noted)
    monkeypatch.setattr(csr_matrix, "todense", lambda *_: pytest.fail("filled in"))
    for size in (40, 6):
        TextEncoder(code_size=size, epochs=1).fit(X)
    assert largest == 0  # nothing is filled in by training
    monkeypatch.setattr("aesearch.encoders.base.VALUES_AT_ONCE", 32 * TERMS)
    TextEncoder(code_size=40, epochs=1).fit(X).transform(X)
    assert largest == 32


def test_two_fits_with_one_seed_agree(X: csr_matrix) -> None:
    state = torch.random.get_rng_state()
    one, other = (TextEncoder(code_size=8, epochs=1).fit(X).transform(X) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), state)
    third = TextEncoder(code_size=8, epochs=1, random_state=1).fit(X).transform(X)
    assert not np.array_equal(third, one)


def test_handfuls_of_documents(X: csr_matrix) -> None:
    for rows in (X[:2], X[[3, 3, 3]], X[[7, 3, 7, 4]]):
        codes = TextEncoder(code_size=8, epochs=1).fit(rows).transform(rows)
        assert len(codes) == rows.shape[0]
        assert 1 <= codes.shape[1] <= 8
        assert np.isfinite(codes).all()


def test_a_table_that_is_not_sparse_is_taken_too(X: csr_matrix) -> None:
    full = X[:60].toarray()
    one = TextEncoder(code_size=8, epochs=1).fit(full).transform(full)
    other = TextEncoder(code_size=8, epochs=1).fit(X[:60]).transform(X[:60])
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("refined", [False, True])
def test_an_interrupted_training_goes_on(refined: bool, X: csr_matrix, tmp_path: Path) -> None:
    options: dict[str, Any] = {"code_size": 6, "epochs": 3, "refine": refined}
    whole = TextEncoder(**options).fit(X)
    steps = 0

    class InterruptionError(Exception):
        pass

    def interrupt(_done: float, _: dict[str, float]) -> None:
        nonlocal steps
        steps += 1
        if steps == (25 if refined else 7):
            raise InterruptionError

    folder = tmp_path / "training"
    folder.mkdir()
    session = Session(progress=interrupt, checkpoint=folder, checkpoint_every_s=0)
    with pytest.raises(InterruptionError):
        TextEncoder(**options).fit(X, session=session)
    assert list(folder.iterdir())
    again = TextEncoder(**options).fit(X, session=Session(checkpoint=folder))
    assert again.history_[-1]["epoch"] == whole.history_[-1]["epoch"]
    np.testing.assert_allclose(again.transform(X), whole.transform(X), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"code_size": 0}, "code_size"),
        ({"loss": "squared"}, "loss"),
        ({"noise": "salt"}, "noise"),
        ({"noise_level": 1.0}, "noise_level"),
        ({"neighbors": 0}, "neighbors"),
        ({"shared": 1.5}, "shared"),
        ({"temperature": 0}, "temperature"),
        ({"contrast": -1}, "contrast"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"batch_size": 1}, "batch_size"),
        ({"refine": "yes"}, "refine"),
        ({"hidden": (0,)}, "hidden"),
        ({"activation": "none"}, "activation"),
    ],
)
def test_bad_parameters_are_named(bad: dict[str, Any], message: str, X: csr_matrix) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        TextEncoder(**bad).fit(X)
    assert "\n" not in str(caught.value)
