"""Metrics against values worked out by hand, scikit-learn's, and trec_eval's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score
from sklearn.neighbors import KNeighborsClassifier

from aesearch.errors import ParameterError
from aesearch.evaluation.bootstrap import bootstrap
from aesearch.evaluation.metrics import (
    average_precision,
    graded,
    majority_label,
    ndcg_at,
    precision_curve,
    ranking,
    recall_at,
)


def drawn(queries: int = 12, items: int = 150, seed: int = 0):
    """Scores, without equals, and grades 0 to 3, mostly 0."""
    rng = np.random.default_rng(seed)
    grades = rng.choice(4, (queries, items), p=[0.85, 0.08, 0.05, 0.02])
    grades[:, 0] = 2  # something is relevant
    scores = rng.permuted(np.tile(np.arange(items), (queries, 1)), axis=1) + 0.5 * grades * 30
    return (scores + rng.random(scores.shape) / 2).astype(np.float32), grades


def ranked(scores, grades):
    return np.take_along_axis(grades, ranking(scores), axis=1)


def test_a_ranking_goes_down_and_equals_keep_their_order() -> None:
    scores = np.array([[0.5, 2.0, -1.0, 2.0, np.nan, 0.0, -0.0]], dtype=np.float32)
    assert ranking(scores).tolist() == [[1, 3, 0, 5, 6, 2, 4]]


def test_precision_at_every_cut_off() -> None:
    relevant = np.array([[1, 0, 1, 1], [0, 0, 0, 1]], dtype=bool)
    expected = [[1, 1 / 2, 2 / 3, 3 / 4, 3 / 5], [0, 0, 0, 1 / 4, 1 / 5]]
    np.testing.assert_allclose(precision_curve(relevant, 5), expected)


def test_recall_counts_what_was_never_ranked() -> None:
    relevant = np.array([[1, 0, 1, 0, 1], [0, 0, 0, 0, 0]], dtype=bool)
    np.testing.assert_allclose(recall_at(relevant, 3), [2 / 3, 0])
    np.testing.assert_allclose(recall_at(relevant, 3, np.array([4, 2])), [2 / 4, 0])


def test_discounted_gain_by_hand() -> None:
    # Gains 3, 2, 0, 1 at ranks 1 to 4; the best order is 3, 2, 1.
    reached = 3 + 2 / np.log2(3) + 1 / np.log2(5)
    best = 3 + 2 / np.log2(3) + 1 / np.log2(4)
    gains = np.array([[3, 2, 0, 1], [0, 0, 0, 0], [-1, 1, 0, 0]])
    np.testing.assert_allclose(ndcg_at(gains, 4), [reached / best, 0, 1 / np.log2(3)])
    np.testing.assert_allclose(ndcg_at(gains, 1), [1, 0, 0])
    ideal = np.array([[3, 3], [1, 0], [1, 1]])
    expected = (3 + 2 / np.log2(3)) / (3 + 3 / np.log2(3))
    assert ndcg_at(gains, 2, ideal)[0] == pytest.approx(expected)


def test_metrics_agree_with_scikit_learn() -> None:
    scores, grades = drawn()
    found = graded(ranked(scores, grades))
    gains = [ndcg_score([g], [s], k=10) for g, s in zip(grades, scores, strict=True)]
    np.testing.assert_allclose(found["ndcg_at_10"], gains)
    means = [average_precision_score(g > 0, s) for g, s in zip(grades, scores, strict=True)]
    np.testing.assert_allclose(found["average_precision"], means)


def test_metrics_agree_with_trec_eval() -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    scores, grades = drawn(seed=1)
    relevance = {
        str(q): {f"d{n:03}": int(g) for n, g in enumerate(row)} for q, row in enumerate(grades)
    }
    run = {
        str(q): {f"d{n:03}": float(s) for n, s in enumerate(row)} for q, row in enumerate(scores)
    }
    theirs = {"P_1", "P_10", "recall_100", "map", "ndcg_cut_10"}
    judge = pytrec_eval.RelevanceEvaluator(
        relevance, {"P.1,10", "recall.100", "map", "ndcg_cut.10"}
    )
    ours = graded(ranked(scores, grades))
    names = {
        "P_1": "precision_at_1",
        "P_10": "precision_at_10",
        "recall_100": "recall_at_100",
        "map": "average_precision",
        "ndcg_cut_10": "ndcg_at_10",
    }
    assert set(names) == theirs
    for query, measures in judge.evaluate(run).items():
        for name, ours_name in names.items():
            assert ours[ours_name][int(query)] == pytest.approx(measures[name]), name


def test_a_cut_off_ranking_agrees_with_trec_eval() -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    scores, grades = drawn(seed=2)
    order = ranking(scores)[:, :20]
    gains = np.take_along_axis(grades, order, axis=1)
    total = (grades > 0).sum(axis=1)
    relevance = {str(q): {str(n): int(g) for n, g in enumerate(r)} for q, r in enumerate(grades)}
    run = {str(q): {str(n): float(scores[q, n]) for n in found} for q, found in enumerate(order)}
    theirs = pytrec_eval.RelevanceEvaluator(relevance, {"map", "ndcg_cut.10"}).evaluate(run)
    means = average_precision(gains > 0, total)
    ideal = -np.sort(-grades, axis=1)
    for query, measures in theirs.items():
        number = int(query)
        assert means[number] == pytest.approx(measures["map"])
        found = ndcg_at(gains, 10, ideal)[number]
        assert found == pytest.approx(measures["ndcg_cut_10"])


def test_neighbours_vote_and_the_nearest_decides_between_equals() -> None:
    labels = np.array([[2, 1, 1, 0, 2], [3, 4, 4, 4, 3], [-1, 5, -1, -1, -1], [-1, -1, -1, -1, -1]])
    assert majority_label(labels).tolist() == [2, 4, 5, -1]


def test_votes_agree_with_scikit_learn(digits) -> None:
    X, y = digits
    X = X + np.random.default_rng(0).normal(0, 0.1, X.shape)  # whole numbers are equally far apart
    shown, asked = slice(200, 1000), slice(0, 200)
    theirs = KNeighborsClassifier(3).fit(X[shown], y[shown])
    _, near = theirs.kneighbors(X[asked])
    votes = y[shown][near]
    clear = np.array([len(set(row)) < 3 for row in votes.tolist()])  # no three different ones
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(majority_label(votes)[clear], theirs.predict(X[asked])[clear])


def test_the_interval_is_that_of_a_mean() -> None:
    rng = np.random.default_rng(0)
    values = np.stack([rng.normal(5, 2, 400), np.ones(400)], axis=1)
    found, constant = bootstrap(values)
    error = values[:, 0].std() / np.sqrt(400)
    assert found.mean == pytest.approx(values[:, 0].mean())
    assert found.low == pytest.approx(found.mean - 1.96 * error, abs=0.3 * error)
    assert found.high == pytest.approx(found.mean + 1.96 * error, abs=0.3 * error)
    assert constant.as_list() == [1, 1, 1]


def test_equal_seeds_draw_equal_resamples() -> None:
    values = np.random.default_rng(0).random((30, 1))
    assert bootstrap(values, 3) == bootstrap(values, 3)
    assert bootstrap(values, 3) != bootstrap(values, 4)


def test_many_queries_are_resampled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((50, 2))
    whole = bootstrap(values)
    monkeypatch.setattr("aesearch.evaluation.bootstrap.AT_ONCE", 120)
    for found, expected in zip(bootstrap(values), whole, strict=True):
        np.testing.assert_allclose(found.as_list(), expected.as_list())


def test_senseless_values_are_refused() -> None:
    relevant = np.ones((1, 3), dtype=bool)
    with pytest.raises(ParameterError, match="at least 1; got 0"):
        recall_at(relevant, 0)
    with pytest.raises(ParameterError, match="at least 1; got 0"):
        ndcg_at(relevant.astype(int), 0)
    with pytest.raises(ParameterError, match="not none"):
        bootstrap(np.empty((0, 1)))
