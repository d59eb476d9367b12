"""The threshold: false pairs are near what was allowed, and what decided is told."""

from __future__ import annotations

import numpy as np
import pytest

from aesearch.duplicates.threshold import calibrate


def test_the_threshold_keeps_the_alarm_rate() -> None:
    rng = np.random.default_rng(0)
    unlike = rng.beta(4, 8, 200_000)
    copies = 1 - rng.beta(1, 30, 500)
    planted = 1 - rng.beta(1, 30, 2000)
    strict = calibrate(np.append(unlike, planted), copies, 10_000, alarm=0.0001)
    loose = calibrate(np.append(unlike, planted), copies, 10_000, alarm=0.1)
    assert loose.threshold <= strict.threshold
    for sure, allowed in ((strict, 1), (loose, 1000)):
        assert (unlike >= sure.threshold).sum() <= allowed
        assert sure.found == (copies >= sure.threshold).mean()
    assert strict.found > 0.9


@pytest.mark.parametrize("steep", [2.2, 4.0, 8.0])
@pytest.mark.parametrize("planted", [0, 400])
def test_false_pairs_are_near_what_was_allowed(steep: float, planted: int) -> None:
    stated, measured = 0.0, 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        unlike = 1 - np.exp(-rng.exponential(1 / steep, 3000))
        copies = 1 - np.exp(-rng.gamma(12, 0.3, 800))
        pairs = np.append(unlike, 1 - np.exp(-rng.gamma(12, 0.3, planted)))
        sure = calibrate(pairs, copies, 2000, alarm=0.01)
        assert sure.false_pairs is not None
        assert sure.false_pairs <= 20 + 1e-6
        stated += sure.false_pairs
        measured += int((unlike >= sure.threshold).sum())
    assert measured <= 2 * stated + 6
    assert measured >= stated / 4 - 6


def test_where_everything_is_alike_no_copy_is_claimed() -> None:
    rng = np.random.default_rng(0)
    handwriting = 1 - np.exp(-0.7 - rng.exponential(1 / 3.5, 4000))  # as high as many copies
    sure = calibrate(handwriting, rng.beta(7, 2, 500), 1000, alarm=0.001)
    assert (handwriting >= sure.threshold).sum() <= 10
    assert sure.found < 0.2  # of copies half of which score below the best unlike pairs


def test_few_copies_are_not_lost_among_the_false_pairs_that_are_allowed() -> None:
    rng = np.random.default_rng(0)
    unlike = 1 - np.exp(-rng.exponential(1 / 4, 5000))
    copies = 1 - np.exp(-rng.gamma(12, 0.3, 800))
    real = 1 - np.exp(-np.linspace(2.6, 6.0, 30))
    pairs = np.append(unlike, real)
    loose = calibrate(pairs, copies, 2000, alarm=0.01)
    sure = calibrate(pairs, copies, 2000, alarm=0.01, share=0.1)
    assert (unlike >= loose.threshold).sum() >= 10  # of 43 that are found
    assert (unlike >= sure.threshold).sum() <= 5
    assert (real >= sure.threshold).all()
    assert (loose.decided, sure.decided) == ("copies", "share")
    many = np.append(unlike, 1 - np.exp(-rng.gamma(12, 0.3, 800)))
    kept = calibrate(many, copies, 2000, alarm=0.01, share=0.1)
    assert kept == calibrate(many, copies, 2000, alarm=0.01)
    none = calibrate(unlike, copies, 2000, alarm=0.01, share=0.1)
    assert (unlike >= none.threshold).sum() <= 20


def test_what_decided_is_told() -> None:
    rng = np.random.default_rng(0)
    copies = 1 - rng.beta(1, 30, 500)
    far, near = rng.beta(2, 30, 5000), rng.beta(30, 1.5, 5000)
    assert calibrate(far, copies, 1000, alarm=0.01).decided == "copies"
    assert calibrate(near, copies, 1000, alarm=1e-6).decided == "highest"
    assert calibrate(rng.beta(4, 8, 50_000), copies, 1000, alarm=1e-4).decided == "alarm"
    assert calibrate(far, copies, 1000, alarm=0.01, threshold=0.5).decided == "given"


def test_with_too_few_pairs_nothing_is_promised() -> None:
    sure = calibrate(np.array([0.1, 0.2]), np.full(50, 0.9), 3, alarm=0.01)
    assert sure.false_pairs is None
    assert sure.threshold == pytest.approx(0.9)
    assert sure.found == 1
