"""Metrics against values worked out by hand and against scikit-learn."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from aesearch.errors import ParameterError
from aesearch.evaluation import metrics, perturbations, tasks
from aesearch.evaluation.check import Check
from aesearch.evaluation.metrics import (
    average_precision,
    precision_at,
    ranked_relevance,
    ranking,
    ranks_of,
    reciprocal_rank,
)
from aesearch.evaluation.perturbations import perturbed
from aesearch.evaluation.tasks import (
    KnownItem,
    Queries,
    SameLabel,
    chosen_queries,
    evaluate,
    label_numbers,
    labelled_queries,
)
from aesearch.sources.folder import folder_names

RANKED = np.array(
    [
        [1, 0, 1, 0, 0],
        [0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1],
    ],
    dtype=bool,
)


def unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def turned(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_precision_counts_the_first_k_and_divides_by_k():
    np.testing.assert_allclose(precision_at(RANKED, 2), [1 / 2, 0, 0, 1])
    np.testing.assert_allclose(precision_at(RANKED, 4), [2 / 4, 1 / 4, 0, 1])
    np.testing.assert_allclose(precision_at(RANKED, 10), [2 / 10, 2 / 10, 0, 5 / 10])


def test_average_precision_by_hand():
    expected = [(1 / 1 + 2 / 3) / 2, (1 / 4 + 2 / 5) / 2, 0, 1]
    np.testing.assert_allclose(average_precision(RANKED), expected)
    np.testing.assert_allclose(
        average_precision(RANKED, np.array([4, 2, 3, 5])),
        [(1 / 1 + 2 / 3) / 4, (1 / 4 + 2 / 5) / 2, 0, 1],
    )
    np.testing.assert_allclose(average_precision(RANKED, 10)[3], 5 / 10)
    assert average_precision(RANKED, 0).tolist() == [0, 0, 0, 0]


def test_reciprocal_rank_by_hand():
    np.testing.assert_allclose(reciprocal_rank(RANKED), [1, 1 / 4, 0, 1])
    assert reciprocal_rank(np.zeros((2, 0), dtype=bool)).tolist() == [0, 0]


def test_average_precision_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    relevant = rng.random((20, 300)) < rng.random((20, 1))
    expected = [average_precision_score(row, -np.arange(300)) for row in relevant]
    np.testing.assert_allclose(average_precision(relevant), expected)


def test_metrics_refuse_what_they_cannot_judge():
    with pytest.raises(ParameterError, match="k must be at least 1; got 0"):
        precision_at(RANKED, 0)
    with pytest.raises(ParameterError, match=r"got \(5,\)"):
        average_precision(RANKED[0])


def test_ranking_is_that_of_a_stable_sort_in_blocks(monkeypatch):
    # Whole numbers: every order of adding them up gives the same score, and none comes twice.
    rng = np.random.default_rng(1)
    codes, queries = (rng.integers(-900, 900, (n, 8)).astype(np.float32) for n in (300, 17))
    labels, asked = rng.integers(0, 4, 300), rng.integers(0, 4, 17)
    order = np.argsort(-(queries @ codes.T), axis=1, kind="stable")
    expected = labels[order] == asked[:, None]
    monkeypatch.setattr(metrics, "BLOCK", 900)
    blocks = list(ranked_relevance(queries, codes, asked, labels))
    assert [len(block) for block in blocks] == [3, 3, 3, 3, 3, 2]
    np.testing.assert_array_equal(np.concatenate(blocks), expected)
    scores = queries @ codes.T
    assert np.abs(scores).max() < 1 << 24
    assert all(len(set(row)) == 300 for row in scores.tolist())
    assert scores.min() < 0 < scores.max()
    pairs = zip(asked, scores, strict=True)
    by_sklearn = [average_precision_score(labels == label, row) for label, row in pairs]
    np.testing.assert_allclose(average_precision(np.concatenate(blocks)), by_sklearn)


def test_equal_scores_are_ranked_by_row_and_nan_comes_last():
    codes = np.array([[np.nan, 0], [0, 1], [0, 1], [0, -1], [1, 0]], dtype=np.float32)
    labels = np.array([1, 2, 2, 1, 2])
    (relevant,) = ranked_relevance(
        np.array([[1, 0]], dtype=np.float32), codes, np.array([1]), labels
    )
    # row 4, then rows 1, 2, 3 (all zero), then the NaN of row 0
    assert relevant.tolist() == [[False, False, False, True, True]]


def test_negative_zero_equals_zero():
    scores = np.array([[-0.0, 0.0, -0.0, 0.0]], dtype=np.float32)
    assert ranking(scores).tolist() == [[0, 1, 2, 3]]


def test_the_first_of_a_ranking_are_those_of_the_whole():
    scores = np.random.default_rng(3).integers(0, 9, (20, 200)).astype(np.float32)
    scores[:, 7] = np.nan
    for first in (1, 10, 199, 200, 300):
        np.testing.assert_array_equal(ranking(scores, first), ranking(scores)[:, :first])
    assert (ranking(scores)[:, -1] == 7).all()
    assert np.isnan(scores[:, 7]).all()


def test_rank_of_the_target():
    scores = turned(1, 1, 1, 1, 80) @ turned(0, 10, 30, 90).T
    assert ranks_of(scores, np.array([0, 1, 2, 3, 2])).tolist() == [1, 2, 3, 4, 2]


def test_a_duplicate_of_the_target_will_do():
    scores = turned(1, 1) @ turned(0, 0, 0, 5, 5, 90).T
    assert ranks_of(scores, np.array([2, 4])).tolist() == [1, 4]


def test_a_collapsed_code_finds_nothing():
    codes = np.tile(turned(30), (50, 1))
    assert set(ranks_of(codes[:5] @ codes.T, np.arange(5)).tolist()) == {50}
    assert min(ranks_of(codes[:2] @ codes.T * np.nan, np.arange(2))) >= 50


# -- tasks -----------------------------------------------------------------------------------------


def known_item(codes, rows, asking):
    """What queries reach that were made of some rows of `codes`."""
    task = KnownItem.of(Queries(asking, [str(row) for row in rows], rows), np.arange(len(codes)))
    return evaluate(task, lambda block: asking[block] @ codes.T)


def checked(codes, held_out, asking, labels=None, openings=None):
    """The check of codes of which some rows are held out, in their order."""
    order = np.concatenate([np.setdiff1d(np.arange(len(codes)), held_out), held_out])
    codes, training = codes[order], len(codes) - len(held_out)
    reached = known_item(codes, np.arange(training, len(codes)), asking)
    keys = [f"{row:05}" for row in range(len(codes))]
    found = None if labels is None else labelled_queries(labels[order], keys, training, 0)
    if found is None:
        return Check.of(reached, openings=openings)
    rows, chance = found
    own = labels[order]
    queries, searched = Queries(None, list("x" * len(rows)), rows), np.arange(training)
    task = SameLabel(queries, searched, chance, own=own[rows], labels=own[:training])
    labelled = evaluate(task, lambda block: codes[rows[block]] @ codes.T)
    return Check.of(reached, labelled, chance, openings)


def test_check_by_hand():
    codes = turned(0, 4, 9, 60, 64, 180, 2)
    labels = np.array([0, 0, 1, 1, 1, -1, 0])
    kept = np.array([0, 3])
    # The copy of row 0 is nearest to row 6, then to row 0 itself; that of row 3 finds row 3.
    found = checked(codes, kept, turned(1.5, 59), labels)
    assert found.items == 2
    assert found.recall_at_1 == 1 / 2
    assert found.reciprocal_rank == (1 / 2 + 1) / 2
    # Searched are rows 1, 2, 4, 5, 6. Query 0 ranks 6 1 2 4 5, query 3 ranks 4 2 1 6 5.
    assert found.precision_at_10 == pytest.approx((2 / 10 + 2 / 10) / 2)
    assert found.mean_average_precision == pytest.approx(1.0)
    assert found.chance == pytest.approx((2 / 5 + 2 / 5) / 2 * 5 / 10)
    worse = checked(codes, np.array([2, 3]), turned(9, 60), labels)
    # Searched are rows 0, 1, 4, 5, 6, relevant only row 4: at rank 4 for row 2, first for row 3.
    assert worse.mean_average_precision == pytest.approx((1 / 4 + 1) / 2)


def test_check_leaves_out_queries_that_can_find_nothing():
    codes = turned(0, 4, 9, 60, 63)
    labels = np.array([0, 0, 1, -1, -1])
    found = checked(codes, np.array([0, 2, 3]), codes[[0, 2, 3]], labels)
    assert found.items == 3
    assert found.mean_average_precision == 1.0  # only row 0 could ask
    nobody = checked(codes, np.array([2, 3]), codes[[2, 3]], labels)
    assert (nobody.precision_at_10, nobody.chance) == (None, None)
    assert checked(codes, np.array([2]), codes[[2]]).mean_average_precision is None
    with pytest.raises(ParameterError, match="at least one"):
        checked(codes, np.array([], dtype=np.int64), codes[:0])


def test_chance_is_what_random_codes_reach():
    rng = np.random.default_rng(2)
    codes = unit(rng.normal(size=(3000, 16)))
    labels = rng.choice(3, 3000, p=[0.6, 0.3, 0.1])
    found = checked(codes, np.arange(400), codes[:400], labels)
    assert found.chance == pytest.approx(0.36 + 0.09 + 0.01, abs=0.03)
    assert found.precision_at_10 == pytest.approx(found.chance, abs=0.02)
    assert found.recall_at_1 == found.reciprocal_rank == 1.0


def test_a_check_survives_json():
    for one in (Check(3, 0.5, 0.75), Check(3, 0.5, 0.75, 0.4, 0.3, 0.1)):
        assert Check(**json.loads(json.dumps(one.as_dict()))) == one


def test_the_values_of_the_queries_have_the_measures_as_their_means():
    rng = np.random.default_rng(5)
    codes = unit(rng.normal(size=(90, 4)))
    copies = unit(codes[60:] + 0.5 * rng.normal(size=(30, 4)))
    openings = known_item(codes, np.arange(60, 90), unit(codes[60:] + rng.normal(size=(30, 4))))
    ranks = 1 / openings.values["reciprocal_rank"]
    labels = rng.integers(0, 3, 90)
    found = checked(codes, np.arange(60, 90), copies, labels, openings)
    assert found.values["reciprocal_rank"].mean() == pytest.approx(found.reciprocal_rank)
    assert found.values["by_folder"].mean() == pytest.approx(
        np.sqrt(found.precision_at_10 * found.mean_average_precision)
    )
    assert found.opening_rank == pytest.approx(np.exp(np.log(ranks).mean()))
    assert {len(values) for values in found.values.values()} == {30}
    assert "values" not in found.as_dict()
    assert Check(**json.loads(json.dumps(found.as_dict()))) == found


def test_labels_of_folders():
    keys = [f"dogs/{i}.jpg" for i in range(5)] + [f"cats/{i}.jpg" for i in range(5)]
    keys += ["root.jpg", "cats/old/a.jpg"]
    labels = label_numbers(folder_names(keys))
    assert labels.dtype == np.int64
    assert labels.tolist() == [2] * 5 + [0] * 5 + [-1, 1]
    assert label_numbers(folder_names(keys[:9])) is None  # the second folder has 4
    assert label_numbers([""] * 50) is None
    assert label_numbers([]) is None
    assert folder_names(["a/x.jpg", "a/b/x.jpg", "x.jpg", "/else/x.jpg"]) == ["a", "a/b", "", ""]


def test_the_same_items_ask_whatever_order_they_were_read_in(monkeypatch):
    monkeypatch.setattr(tasks, "MOST_ASKED", 40)
    keys = [f"{n:03}" for n in range(300)]
    asking = [keys[row] for row in chosen_queries(np.arange(200, 300), keys, 1)]
    order = np.random.default_rng(0).permutation(300)
    mixed = [keys[row] for row in order]
    rows = chosen_queries(np.flatnonzero(order >= 200), mixed, 1)
    assert [mixed[row] for row in rows] == asking == sorted(asking)
    assert len(asking) == 40
    assert asking != [keys[row] for row in chosen_queries(np.arange(200, 300), keys, 2)]
    monkeypatch.setattr(tasks, "RANKED", 300 * 25)  # many items: fewer ask, but no fewer than
    monkeypatch.setattr(tasks, "FEWEST_ASKED", 10)
    assert len(chosen_queries(np.arange(200, 300), keys, 1)) == 25
    monkeypatch.setattr(tasks, "FEWEST_ASKED", 30)
    assert len(chosen_queries(np.arange(200, 300), keys, 1)) == 30


# -- perturbed images ------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_perturbed_copies_are_reproducible_and_alike(channels):
    y, x = np.mgrid[:32, :32]
    picture = np.stack([x * 6, y * 6, 180 - x * 3][:channels], axis=2).astype(np.uint8)
    pictures = np.stack([picture] * 40)
    copies = perturbed(pictures, seed=3)
    assert copies.dtype == np.uint8
    assert copies.shape == pictures.shape
    np.testing.assert_array_equal(copies, perturbed(pictures, seed=3))
    np.testing.assert_array_equal(copies[:7], perturbed(pictures[:7], seed=3))
    assert len(np.unique(copies.reshape(40, -1), axis=0)) == 40
    assert not np.array_equal(copies, perturbed(pictures, seed=4))
    assert (pictures == picture).all()
    for copy in copies:  # still the same ramps, only scaled and shifted
        for channel in range(channels):
            pair = np.corrcoef(copy[..., channel].ravel(), picture[..., channel].ravel())
            assert pair[0, 1] > 0.9


def test_distortion_changes_brightness_within_its_limits_and_crops():
    grey = np.full((200, 16, 16, 1), 100, dtype=np.uint8)
    means = perturbed(grey).mean(axis=(1, 2, 3))
    assert 69 <= means.min() < 76
    assert 129 < means.max() <= 136
    # The slope of a ramp, freed from the brightness, is the share of the side that was kept.
    ramp = np.empty((200, 16, 16, 1), dtype=np.uint8)
    ramp[...] = (20 + 10 * np.arange(16))[:, None]
    lines = perturbed(ramp)[:, 8, 2:14, 0].T / means * 10
    slopes, starts = np.polyfit(np.arange(2, 14), lines, 1)
    assert 0.62 < slopes.min() < 0.69
    assert 0.81 < slopes.max() < 0.89
    assert starts.max() - starts.min() > 2  # cropped at different places, in pixels


def test_some_copies_are_blurred_and_the_others_recompressed(monkeypatch):
    radii = []

    def blur(radius):
        radii.append(radius)
        return perturbations.ImageFilter.BoxBlur(radius)

    monkeypatch.setattr(perturbations.ImageFilter, "GaussianBlur", blur)
    perturbed(np.zeros((200, 16, 16, 1), dtype=np.uint8))
    assert 70 < len(radii) < 130
    assert 0.6 <= min(radii) < 0.7
    assert 1.1 < max(radii) <= 1.2


def test_perturbed_refuses_other_arrays():
    for wrong in (np.zeros((2, 8, 8, 3), np.float32), np.zeros((2, 8, 8, 4), np.uint8)):
        with pytest.raises(ParameterError, match="images must be uint8"):
            perturbed(wrong)


def test_nothing_heavy_is_imported():
    code = (
        "import sys, aesearch.evaluation.decision; "
        "print(sorted({'torch', 'sklearn', 'faiss', 'scipy'} & set(sys.modules)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"
