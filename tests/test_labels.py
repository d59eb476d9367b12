"""Labels that choose how much each description counts, and `--labels none`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from collections_ import write_pictures
from torch import Tensor

import aesearch
from aesearch.cli import cli
from aesearch.cli.format_check import describe_weights
from aesearch.encoders.closed.encoder import DescriptionsEncoder
from aesearch.encoders.closed.labeled import weights_by_labels
from aesearch.encoders.closed.weights import Weighing
from aesearch.encoders.labels import label_groups
from aesearch.encoders.layers.blocks import unit
from aesearch.errors import ParameterError


def description(kinds: np.ndarray, seed: int) -> Tensor:
    """Rows of length 1 in which samples of one kind are near."""
    draws = np.random.default_rng(seed)
    centers = draws.normal(size=(kinds.max() + 1, 16))
    return unit(torch.from_numpy(centers[kinds] + draws.normal(size=(len(kinds), 16))).float())


def test_labels_prefer_what_tells_them() -> None:
    draws = np.random.default_rng(1)
    labels, others = draws.integers(6, size=300), draws.integers(6, size=300)
    rows = {"told": description(labels, 0), "other": description(others, 1)}
    start = {"told": 0.5, "other": 1.0}
    found = weights_by_labels(rows, labels, start, 8)
    assert found["told"] == 1.0
    assert found["other"] <= 0.5
    assert weights_by_labels(rows, np.full(300, -1), start, 8) == start  # nobody asks
    weigh = Weighing(None, labels, 8)
    assert weigh(rows)["told"] == 1.0
    assert weigh.told_from == "labels"
    given = Weighing({"other": 2.0}, labels, 8)
    assert given(rows) == {"told": 0.0, "other": 2.0}
    assert given.told_from == "parameters"


def test_groups_of_labels() -> None:
    assert label_groups(None, 3) is None
    assert label_groups([str(n) for n in range(40)], 40) is None  # each its own
    found = label_groups(["a", "b", "", None] * 5, 20)
    assert found is not None
    assert found[:4].tolist() == [0, 1, -1, -1]
    with pytest.raises(ParameterError, match="one label for each of the 4 samples; got 3"):
        label_groups(["a", "b", "c"], 4)


def test_an_encoder_remembers_what_told_its_weights() -> None:
    draws = np.random.default_rng(0)
    pictures = draws.integers(256, size=(80, 16, 16, 3), dtype=np.uint8)
    kinds = draws.integers(3, size=80)
    pictures[..., 0] = np.where(kinds[:, None, None] == 0, 250, pictures[..., 0] // 2)
    encoder = DescriptionsEncoder(8).fit(pictures, kinds)
    again = DescriptionsEncoder(8).load_state(encoder.state())
    assert again.weights_from_ == encoder.weights_from_ in ("labels", "neighbors")
    assert again.weights_ == encoder.weights_
    given = DescriptionsEncoder(8, weights={"colors": 1.0, "contours": 0.5}).fit(pictures, kinds)
    assert given.weights_from_ == "parameters"


def test_what_told_them_is_said() -> None:
    weights = {"colors": 0.5, "contours": 1.0}
    told = "what counts: contours most, then colors (.50)"
    assert describe_weights(weights, "neighbors") == told
    assert describe_weights(weights, "labels") == f"{told}, weights by labels"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels") / "pictures"
    write_pictures(folder, 80)
    return folder


def test_none_makes_no_use_of_folders(pictures: Path, tmp_path: Path) -> None:
    place = tmp_path / "none.ix"
    options = ["index", str(pictures), "--index", str(place), "--budget", "0", "--labels", "none"]
    run = CliRunner().invoke(cli, options)
    assert run.exit_code == 0, run.output
    with aesearch.open(place) as index:
        check = index.info().check
        assert check is not None
        rows = check["candidates"]
        assert all(row["precision_at_10"] is None for row in rows.values())
        assert all(row.get("weights_from") != "labels" for row in rows.values())
        assert index.info().settings.labels == "none"
    assert json.loads((place / "index.json").read_text())["settings"]["labels"] == "none"
    again = CliRunner().invoke(cli, [*options[:5], "0", "--labels", "auto"])
    assert isinstance(again.exception, ParameterError)
    assert str(again.exception).endswith("auto needs new codes: add --retrain")
    assert CliRunner().invoke(cli, [*options[:5], "0"]).exit_code == 0  # as it was chosen


def test_weights_are_given_on_the_command_line(pictures: Path, tmp_path: Path) -> None:
    place = tmp_path / "given.ix"
    options = ["index", str(pictures), "--index", str(place), "--budget", "0"]
    given = ["--encoder", "descriptions", "--set", "weights=contours:.5,colors:1"]
    run = CliRunner().invoke(cli, [*options, *given])
    assert run.exit_code == 0, run.output
    assert "contours (.50), as was given" in run.output
    with aesearch.open(place) as index:
        assert index.info().weights == {"contours": 0.5, "colors": 1.0}
    shown = CliRunner().invoke(cli, ["info", "--index", str(place)])
    assert "weights=contours:0.5,colors:1" in shown.output
    again = {"parameters": {"weights": {"colors": 1.0}}}
    with aesearch.build(pictures, place, again, budget=0, retrain=True) as index:
        assert index.info().chosen["weights"] == {"colors": 1.0}
    wrong = CliRunner().invoke(cli, [*options, "--retrain", "--set", "weights=shape:1"])
    assert isinstance(wrong.exception, ParameterError)
    assert "weights names 'shape'; choose of" in str(wrong.exception)


def test_folders_are_asked_for_by_default(pictures: Path, tmp_path: Path) -> None:
    with aesearch.build(pictures, tmp_path / "auto.ix", budget=0) as index:
        check = index.info().check
        assert check is not None
        assert check["candidates"]["pca"]["precision_at_10"] is not None
        card = json.loads((tmp_path / "auto.ix" / "index.json").read_text())
        assert "labels" not in card["settings"]  # which older versions do not know
    with pytest.raises(ParameterError, match="unknown use of labels 'some'"):
        aesearch.build(pictures, tmp_path / "x.ix", settings={"labels": "some"}, budget=0)
