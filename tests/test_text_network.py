"""The network of the text encoder: what its noise does, its losses and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from texts_ import word_table
from torch.nn import functional

from aesearch.encoders.texts.network import TextNetwork, WordRows, _LogSumExp
from aesearch.encoders.texts.tasks import RefiningTask, TextTask
from aesearch.encoders.training import losses

TERMS, DOCUMENTS = 160, 200


@pytest.fixture(scope="module")
def X() -> csr_matrix:
    return word_table(DOCUMENTS, TERMS)[0]


# -- rows and noise --------------------------------------------------------------------------------


def dense(batch: Any, rows: int) -> np.ndarray:
    full = np.zeros((rows, TERMS), dtype=np.float32)
    np.add.at(full, (batch.rows.numpy(), batch.columns.numpy()), batch.values.numpy())
    return full


ROWS = np.array([3, 7, 3, 150, 0])


@pytest.mark.parametrize("order", [1, 2])
def test_rows_without_noise_are_of_unit_length(order: int, X: csr_matrix) -> None:
    batch = WordRows(X, order).batch(ROWS)
    full = dense(batch, len(ROWS))
    expected = X[ROWS].toarray()
    lengths = np.linalg.norm(expected, order, axis=1)
    np.testing.assert_allclose(full, expected / np.maximum(lengths, 1e-9)[:, None], rtol=1e-5)
    np.testing.assert_allclose(WordRows(X, order).lengths(ROWS, order), lengths, rtol=1e-5)
    assert not full[1].any()  # the empty document
    matrix = torch.randn(TERMS, 6)
    np.testing.assert_allclose(batch.matmul(matrix), full @ matrix.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("level", [0.3, 0.8, 0.999])
def test_masked_rows_keep_their_length_and_at_least_one_word(level: float, X: csr_matrix) -> None:
    torch.manual_seed(0)
    rows = np.arange(DOCUMENTS)
    full = X.toarray()
    words = np.diff(X.indptr)
    shown = dense(WordRows(X, 2).batch(rows, "mask", level), DOCUMENTS)
    assert not shown[full == 0].any()
    lengths = np.linalg.norm(shown, axis=1)
    np.testing.assert_allclose(lengths[words > 0], 1, rtol=1e-5)
    assert lengths[7] == 0
    left = (shown > 0).sum(axis=1)
    assert left[words > 0].min() >= 1
    assert left.sum() / words.sum() == pytest.approx(max(1 - level, 1 / words.mean()), abs=0.08)
    for row in (0, 3, 150):  # what stays keeps its proportions
        places = np.flatnonzero(shown[row])
        share = shown[row, places] / full[row, places]
        np.testing.assert_allclose(share, share[0], rtol=1e-5)


def test_dropout_divides_by_the_share_that_is_kept(X: csr_matrix) -> None:
    torch.manual_seed(0)
    rows = np.arange(DOCUMENTS)
    clean = dense(WordRows(X, 2).batch(rows), DOCUMENTS)
    for level in (0.25, 0.8):
        shown = dense(WordRows(X, 2).batch(rows, "dropout", level), DOCUMENTS)
        stays = shown > 0
        np.testing.assert_allclose(shown[stays], clean[stays] / (1 - level), rtol=1e-5)
        words = np.diff(X.indptr)
        assert stays.sum(axis=1)[words > 0].min() >= 1
    draws = [dense(WordRows(X, 2).batch(rows[:1], "dropout", 0.5), 1) for _ in range(600)]
    # The mean is what it was, but for the word that always stays: it would go half of the time.
    expected = clean[0].sum() * (1 + 0.5 / 0.5 / words[0])
    assert np.mean([draw.sum() for draw in draws]) == pytest.approx(expected, rel=0.05)


def test_gaussian_noise_only_touches_words_that_occur(X: csr_matrix) -> None:
    torch.manual_seed(0)
    rows = np.arange(DOCUMENTS)
    clean = WordRows(X, 2).batch(rows)
    noisy = WordRows(X, 2).batch(rows, "gaussian", 0.5)
    assert torch.equal(noisy.columns, clean.columns)
    assert torch.equal(noisy.rows, clean.rows)
    difference = noisy.values - clean.values
    deviation = 0.5 * clean.values.std(correction=0)
    assert difference.std() == pytest.approx(float(deviation), rel=0.1)
    assert abs(difference.mean()) < 0.1 * deviation
    untouched = WordRows(X, 2).batch(rows, "gaussian", 0.0)
    assert torch.equal(untouched.values, clean.values)


@pytest.mark.parametrize("noise", ["mask", "dropout", "gaussian", None])
def test_batches_of_nothing(noise: str | None, X: csr_matrix) -> None:
    batch = WordRows(X, 2).batch(np.array([7, 7]), noise, 0.5)
    assert len(batch.values) == 0
    np.testing.assert_array_equal(batch.matmul(torch.randn(TERMS, 3)), np.zeros((2, 3)))


# -- the network -----------------------------------------------------------------------------------


def test_the_gradient_of_the_log_sum_of_exponentials() -> None:
    torch.manual_seed(0)
    wanted = [
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((4, 3), (7, 3), (7,))
    ]
    assert torch.autograd.gradcheck(_LogSumExp.apply, wanted)
    value = _LogSumExp.apply(*wanted)
    expected = torch.logsumexp(wanted[0] @ wanted[1].T + wanted[2], dim=1)
    torch.testing.assert_close(value, expected)
    large = [torch.full_like(part, 300.0) for part in wanted]
    assert torch.isfinite(_LogSumExp.apply(*large)).all()


@pytest.mark.parametrize("loss", ["cosine", "multinomial"])
def test_the_loss_without_decoded_rows_is_that_of_the_decoded_rows(
    loss: str, X: csr_matrix
) -> None:
    torch.manual_seed(0)
    network = TextNetwork(TERMS, [5], "tanh", bounded=False, loss=loss)
    with torch.no_grad():
        network.output.normal_()
        if loss == "multinomial":
            network.frequency.normal_()
    latents = torch.randn(4, 5)
    rows = WordRows(X, 2 if loss == "cosine" else 1)
    chosen = np.array([3, 0, 150, 9])
    target = rows.batch(chosen)
    full = torch.from_numpy(dense(target, 4))
    decoded = network.decode(latents)
    if loss == "cosine":
        expected = 1 - functional.cosine_similarity(decoded, full).mean()
    else:
        expected = -(full * decoded.log()).sum(dim=1).mean()
    torch.testing.assert_close(network.reconstruction(latents, target), expected)


def test_sparse_and_filled_rows_have_one_code(X: csr_matrix) -> None:
    network = TextNetwork(TERMS, [9, 5], "relu", bounded=True, loss="multinomial")
    chosen = np.array([3, 0, 7])
    full = functional.normalize(torch.from_numpy(X[chosen].toarray()), dim=1)
    latents = network.encode_sparse(WordRows(X, 2).batch(chosen))
    torch.testing.assert_close(latents, network.encode(full))
    assert latents.abs().max() <= 1
    assert not network.is_linear


def test_the_output_is_solved_for() -> None:
    network = TextNetwork(TERMS, [4], "tanh", bounded=False, loss="cosine")
    draw = np.random.default_rng(0)
    codes, truth = draw.normal(size=(50, 4)), draw.normal(size=(TERMS, 4))
    rows = csr_matrix(codes @ truth.T + 2.0)
    network.fit_output(torch.from_numpy(codes.astype(np.float32)), rows)
    np.testing.assert_allclose(network.output.detach(), truth, atol=0.01)
    np.testing.assert_allclose(network.frequency.detach(), np.full(TERMS, 2.0), atol=0.01)


def test_targets_are_the_document_or_its_neighbours(X: csr_matrix) -> None:
    network = TextNetwork(TERMS, [4], "tanh", bounded=False, loss="cosine")
    pairs = torch.stack([torch.arange(DOCUMENTS).roll(1), torch.arange(DOCUMENTS).roll(2)], dim=1)
    rows = torch.arange(100, 150)
    for shared, distances in ((0.0, {0}), (1.0, {1, 2}), (0.5, {0, 1, 2})):
        task = TextTask(network, X, pairs, noise="mask", noise_level=0.8, shared=shared)
        others = np.concatenate([task._others(rows) for _ in range(10)])
        assert set((np.tile(rows.numpy(), 10) - others).tolist()) == distances


def test_the_second_stage_does_not_learn_to_decode_at_the_cost_of_codes(X: csr_matrix) -> None:
    network = TextNetwork(TERMS, [8, 4], "tanh", bounded=False, loss="multinomial")
    pairs = torch.arange(DOCUMENTS).roll(1)[:, None]
    task = RefiningTask(network, X, pairs, noise=None, noise_level=0.0)
    task.losses(torch.arange(20))["reconstruction"].backward()
    assert network.output.grad is not None
    assert network.words.grad is None
    near = RefiningTask(network, X, pairs, noise=None, noise_level=0.0).losses(torch.arange(20))
    seen = network.encode_sparse(WordRows(X, 2).batch(np.arange(20)))
    other = network.encode_sparse(WordRows(X, 2).batch(np.roll(np.arange(DOCUMENTS), 1)[:20]))
    torch.testing.assert_close(near["agreement"], losses.agreement(seen, other, 0.2))
