"""Sparse tables of word counts: the family learns from them without ever filling them in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from freezing_ import freeze
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_table
from sklearn.neighbors import KNeighborsClassifier

from aesearch.encoders import ENCODERS, encoder_class
from aesearch.encoders.autoencoders.mlp import MLPEncoder
from aesearch.encoders.autoencoders.vae import VAEEncoder
from aesearch.encoders.base import Encoder, rows_at_once
from aesearch.encoders.layers.likelihood import Likelihood, loss_for
from aesearch.encoders.layers.rbm import COUNTS, RBM, learning_rate_for
from aesearch.encoders.sparse import (
    Moments,
    are_counts,
    canonical,
    csr_of,
    extremes,
    sparse_rows_of,
)
from aesearch.errors import ParameterError

SPARSE = [name for name in ENCODERS if encoder_class(name).accepts_sparse]
QUICK: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": (32,), "epochs": 15},
    "vae": {"hidden": (32,), "epochs": 15},
    "cvae": {"hidden": (32,), "epochs": 15},
    "dbn": {"hidden": (64,), "epochs": 10, "pretraining_epochs": 5},
    "text": {"epochs": 10},
}
TOPICS, TERMS, DOCUMENTS = 4, 400, 240


@pytest.fixture(scope="module")
def corpus() -> tuple[csr_matrix, np.ndarray]:
    """Counts of words in documents of a few topics, and their topics."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(TERMS, 0.05), TOPICS)
    shares = 0.7 * shares + 0.3 * shares.mean(axis=0)
    topics = rng.integers(0, TOPICS, DOCUMENTS)
    counts = [rng.multinomial(rng.integers(20, 100), shares[topic]) for topic in topics]
    return csr_matrix(np.stack(counts), dtype=np.float32), topics


@pytest.fixture(scope="module", params=SPARSE)
def fitted(request: pytest.FixtureRequest, corpus: tuple[csr_matrix, np.ndarray]) -> Encoder:
    X, topics = corpus
    encoder = encoder_class(request.param)(code_size=8, **QUICK.get(request.param, {}))
    labels = [str(t) if i % 4 == 0 else "" for i, t in enumerate(topics)]
    return encoder.fit(X, labels if encoder.uses_labels else None)


def test_the_family_takes_sparse_tables() -> None:
    assert {"mlp", "vae", "cvae", "dbn", "lsa", "text"} <= set(SPARSE)
    with pytest.raises((TypeError, ValueError), match=r"[Ss]parse"):
        encoder_class("pca")().fit(csr_matrix(np.eye(5)))


def test_codes_of_a_sparse_table_are_those_of_the_full_one(
    fitted: Encoder, corpus: tuple[csr_matrix, np.ndarray]
) -> None:
    X = corpus[0]
    codes = fitted.transform(X)
    assert codes.shape == (DOCUMENTS, fitted.code_size_)
    np.testing.assert_allclose(codes, fitted.transform(X.toarray()), rtol=1e-4, atol=1e-4)


def test_codes_know_the_topics(fitted: Encoder, corpus: tuple[csr_matrix, np.ndarray]) -> None:
    X, topics = corpus
    codes = fitted.transform(X)
    nearest = KNeighborsClassifier(5, metric="cosine").fit(codes[:160], topics[:160])
    assert nearest.score(codes[160:], topics[160:]) > 0.9


def test_the_frozen_encoder_takes_sparse_rows(
    fitted: Encoder, corpus: tuple[csr_matrix, np.ndarray], tmp_path: Any
) -> None:
    X = corpus[0][:20]
    frozen = freeze(fitted, tmp_path)
    latents = frozen.encode_with_latents(sparse_rows_of(X))[1]
    np.testing.assert_allclose(latents, fitted.transform(X), rtol=1e-3, atol=1e-4)


def test_never_more_than_a_batch_is_filled_in(
    monkeypatch: pytest.MonkeyPatch, corpus: tuple[csr_matrix, np.ndarray]
) -> None:
    X = corpus[0]
    largest = 0
    toarray = csr_matrix.toarray

    def counted(table: csr_matrix, *rest: Any, **named: Any) -> Any:
        nonlocal largest
        if table.shape[1] == TERMS:  # and not a product of all rows with each other
            largest = max(largest, table.shape[0])
        return toarray(table, *rest, **named)

    monkeypatch.setattr(csr_matrix, "toarray", counted)
    monkeypatch.setattr("aesearch.encoders.base.VALUES_AT_ONCE", 32 * TERMS)
    for name in SPARSE:
        quick = {**QUICK.get(name, {}), **({"epochs": 1} if name in QUICK else {})}
        encoder = encoder_class(name)(code_size=4, **quick)
        encoder.fit(X, ["a", "b"] * (DOCUMENTS // 2) if encoder.uses_labels else None).transform(X)
    assert 0 < largest <= 100  # rows, of which a restricted Boltzmann machine sees so many


def test_wide_tables_are_encoded_by_fewer_rows() -> None:
    assert rows_at_once(10) == 512
    assert rows_at_once(30_000) * 30_000 <= 8_000_000 < (rows_at_once(30_000) + 1) * 30_000
    assert rows_at_once(10**9) == 1


def test_counts_get_the_multinomial(corpus: tuple[csr_matrix, np.ndarray]) -> None:
    X = corpus[0]
    assert loss_for("auto", X, images=False) == "multinomial"
    assert loss_for("auto", X * 0.5, images=False) == "squared"
    assert loss_for("auto", -X, images=False) == "squared"
    encoder = VAEEncoder(4, hidden=(16,), epochs=2).fit(X)
    decoded = encoder.inverse_transform(encoder.transform(X))
    assert (decoded >= 0).all()  # expected counts in a document of the usual length
    np.testing.assert_allclose(decoded.sum(axis=1), X.sum() / DOCUMENTS, rtol=1e-3)
    with pytest.raises(ParameterError, match="multinomial"):
        MLPEncoder(4, loss="multinomial").fit(-X)
    with pytest.raises(ParameterError, match=r"needs values within 0\.\.1"):
        MLPEncoder(4, loss="cross-entropy").fit(X)


def test_units_look_at_a_sparse_table_as_at_a_full_one() -> None:
    X = canonical(random_table(50, 30, density=0.2, format="csr", random_state=1))
    full = torch.from_numpy(X.toarray())
    for loss in ("squared", "multinomial", "cross-entropy"):
        sparse, dense = Likelihood(loss, (30,)).fit(X), Likelihood(loss, (30,)).fit(full)
        for name, value in dense.state_dict().items():
            torch.testing.assert_close(sparse.state_dict()[name], value, msg=f"{loss} {name}")
    moments = Moments.of(X)
    np.testing.assert_allclose(moments.total, full.sum(dim=1).mean(), rtol=1e-6)


def test_sparse_rows_and_back() -> None:
    X = random_table(20, 50, density=0.1, format="csr", random_state=0, dtype=np.float32)
    rows = sparse_rows_of(X)
    assert np.shares_memory(rows.values, X.data)
    assert (csr_of(rows) != X).nnz == 0
    untidy = csr_matrix(([1.0, 2.0, 4.0], [3, 1, 3], [0, 3]), shape=(1, 5))
    untidy.has_canonical_format = False
    rows = sparse_rows_of(untidy)
    assert (rows.indices.tolist(), rows.values.tolist()) == ([1, 3], [2.0, 5.0])
    assert untidy.nnz == 3  # what was given is as it was


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (np.array([[0.0, 2], [3, 0]]), (0.0, 3.0)),
        (np.array([[1.0, 2], [3, 4]]), (1.0, 4.0)),
        (np.array([[-1.0, 0], [0, -4]]), (-4.0, 0.0)),
        (np.zeros((2, 2)), (0.0, 0.0)),
    ],
)
def test_zeros_that_are_left_out_count_in_extremes(
    table: np.ndarray, expected: tuple[float, float]
) -> None:
    assert extremes(csr_matrix(table)) == expected


def test_what_counts_are() -> None:
    assert are_counts(csr_matrix([[0, 2.0], [1, 0]]))
    assert not are_counts(csr_matrix([[0, 2.5], [1, 0]]))
    assert not are_counts(csr_matrix([[0, -2.0], [1, 0]]))
    assert not are_counts(csr_matrix((2, 2)))  # nothing to see


# -- the machine whose visible units are words ---------------------------------------------------


@pytest.fixture
def machine() -> RBM:
    torch.manual_seed(0)
    rbm = RBM(30, 5, visible_units=COUNTS)
    rbm.init_visible_bias(torch.rand(10, 30))
    with torch.no_grad():
        rbm.weight.normal_(0, 0.5)
    return rbm


def test_expected_words_are_as_many_as_the_document_has(machine: RBM) -> None:
    h = torch.bernoulli(torch.full((4, 5), 0.5))
    lengths = torch.tensor([[3.0], [10.0], [0.0], [100.0]])
    mean = machine.visible_mean(h, lengths)
    torch.testing.assert_close(mean.sum(dim=1, keepdim=True), lengths)
    raw = h @ machine.weight + machine.visible_bias
    torch.testing.assert_close(mean, torch.softmax(raw, dim=1) * lengths)


def test_drawn_words_are_whole_and_have_their_expectation(machine: RBM) -> None:
    h = torch.bernoulli(torch.full((1, 5), 0.5)).expand(4_000, 5)
    lengths = torch.full((4_000, 1), 20.0)
    drawn = machine.sample_visible(h, lengths)
    assert torch.equal(drawn, drawn.round())
    assert (drawn.sum(dim=1) == 20).all()
    expected = machine.visible_mean(h[:1], 20.0)[0]
    spread = (expected / 4_000).sqrt()
    assert ((drawn.mean(dim=0) - expected).abs() < 5 * spread + 1e-3).all()


def test_a_chain_keeps_the_length_of_each_document(machine: RBM) -> None:
    v = torch.poisson(torch.rand(6, 30) * 3)
    for sampled in (False, True):
        after = machine.gibbs(v, 3, sampled=sampled)
        torch.testing.assert_close(after.sum(dim=1), v.sum(dim=1))
        assert not torch.allclose(after, v)


def test_long_documents_do_not_push_all_units_to_one_side() -> None:
    """Each of their words adds to a step; at 0.1 a first epoch turns hidden units off for good."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(300, 0.1), 3)
    counts = np.stack([rng.multinomial(1_500, shares[n % 3]) for n in range(150)])
    encoder = encoder_class("dbn")(
        3, hidden=(100, 30), pretraining_epochs=3, epochs=5, validation=0
    )
    codes = encoder.fit(csr_matrix(counts, dtype=np.float32)).transform(counts.astype(np.float32))
    nearest = KNeighborsClassifier(3).fit(codes[:100], np.arange(100) % 3)
    assert nearest.score(codes[100:], np.arange(100, 150) % 3) > 0.9
    torch.manual_seed(0)
    rbm = RBM(300, 10, visible_units=COUNTS)
    rbm.init_visible_bias(torch.from_numpy(counts).float())
    assert learning_rate_for(rbm) == pytest.approx(1 / 1_500, rel=1e-5)
    assert learning_rate_for(RBM(300, 10)) == 0.1


def test_free_energy_of_counts_sums_out_the_hidden_units(machine: RBM) -> None:
    v = torch.poisson(torch.rand(3, 30) * 2)
    states = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 5)
    energies = (
        -(v @ machine.visible_bias)[:, None]
        - (states @ machine.hidden_bias)[None]
        - v @ machine.weight.T @ states.T
    )
    torch.testing.assert_close(machine.free_energy(v), -torch.logsumexp(-energies, dim=1))
