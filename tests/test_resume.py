"""A training that is interrupted goes on from where it was."""

import numpy as np
import pytest

import aesearch

COUNT = 50  # per class: above the number below which nothing is trained


@pytest.fixture
def folder(make_folder):
    return make_folder(per_class=COUNT, side=16)


def test_interrupted_training_goes_on_from_its_checkpoint(folder, tmp_path):
    done = []

    def interrupt(stage, amount, total):
        if stage == "training":
            done.append(amount / total)
            if amount > 0.4 * total:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aesearch.build(folder, tmp_path / "index", budget=6, progress=interrupt)
    with aesearch.open(tmp_path / "index") as index:
        # Searchable all the same: by what needs no training, whichever the check finds better.
        assert index.encoder.manifest.kind in ("pca", "descriptions")
        assert index.info()["training"]
        assert index.verify() == []
        assert index.search(folder / "disks" / "000.png", 1)[0].score == 1.0
    names = {path.name for path in (tmp_path / "index" / "training").iterdir()}
    assert len(names) > 1, "there is no checkpoint beside the plan"

    seen = []

    def watch(stage, amount, total):
        if stage == "training" and amount:
            seen.append(amount / total)

    with aesearch.build(folder, tmp_path / "index", {"encoder": "auto"}, progress=watch) as index:
        assert seen[0] >= done[-1] - 0.1, "it began anew"
        assert seen[-1] > 0.8  # and not one step more: how long one takes is the machine's
        assert not index.info()["training"]
        assert "agreement" in index.info()["check"]["candidates"]
        assert index.verify() == []
        assert len(index) == 3 * COUNT


def test_forced_encoder_retrain_and_budget_zero(folder, tmp_path):
    place = tmp_path / "index"
    with aesearch.build(
        folder, place, {"encoder": "agreement", "code_size": 16}, budget=1
    ) as index:
        assert index.encoder.manifest.kind == "agreement"
        assert index.encode([folder / "disks" / "000.png"]).shape == (1, 16)
        first = index.encoder.fingerprint
        codes = index.encode([folder / "squares" / "001.png"])
        assert np.linalg.norm(codes) == pytest.approx(1, abs=1e-5)
    with aesearch.build(folder, place) as index:
        assert index.encoder.fingerprint == first  # nothing changed, nothing is trained
    with aesearch.build(folder, place, {"encoder": "auto"}, budget=0, retrain=True) as index:
        assert index.encoder.manifest.kind in ("pca", "descriptions")
        assert set(index.info()["check"]["candidates"]) == {
            "pca",
            "pca half-whitened",
            "pca whitened",
            "descriptions",
        }
        assert index.verify() == []
