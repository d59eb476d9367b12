"""The check inside `index` and `compare` print the same numbers for the same thing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from collections_ import command, write_pictures
from notes_ import write_notes

import aesearch
from aesearch.evaluation import tasks
from aesearch.indexing.datasets.base import read_dataset
from aesearch.indexing.datasets.texts import TextDataset
from aesearch.indexing.tasks import keys_of
from aesearch.search.index import Index
from aesearch.settings import Settings
from aesearch.sources.folder import Folder

MEASURES = {
    ("copies", "recall_at_1"): "recall_at_1",
    ("copies", "reciprocal_rank"): "reciprocal_rank",
    ("labels", "precision_at_10"): "precision_at_10",
    ("labels", "average_precision"): "mean_average_precision",
}
Check = Mapping[str, Any]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path / "home"))


def check_of(place: Path) -> Check:
    """The record of the check, as it is on disk."""
    with aesearch.open(place) as index:
        return dict(index.encoder.manifest.check or {})


def compared(*words: object) -> dict[tuple[str, str], Any]:
    """Rows of a comparison by title and form, as `compare --json` prints them."""
    answer = command("compare", *words, "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    return {(row["title"], row["form"]): row["measures"] for row in found["rows"]}


def assert_same(check: Check, measures: Mapping[str, Any]) -> None:
    for (task, metric), name in MEASURES.items():
        assert measures[task][metric][0] == pytest.approx(check[name], abs=1e-9), name


@pytest.mark.filterwarnings("ignore:codes have 192 dimensions")  # the size is that of PCA
@pytest.mark.parametrize("most", [1_000, 12])
def test_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(tasks, "MOST_ASKED", most)
    write_pictures(tmp_path / "pictures", 150, side=16)
    options = {"encoder": "raw", "parameters": {"resolution": 8}, "code_size": 16, "seed": 3}
    aesearch.build(tmp_path / "pictures", tmp_path / "index", options, budget=0).close()
    check = check_of(tmp_path / "index")
    common = ("--code-sizes", 16, "--seed", 3)
    rows = compared(tmp_path / "index", "--encoders", "pca,index", *common)
    for name in ("pca", "pca half-whitened", "pca whitened"):
        assert_same(check["candidates"][name], rows[name.replace("pca", "PCA"), "float"])
    for form in ("float", "int8"):  # of how many bits is another choice in each
        assert_same(check["forms"][form], rows["this index's raw", form])
    assert (check["questions"] == 12) is (most == 12)
    # The source, without its index, is asked the same.
    assert compared(tmp_path / "pictures", "--encoders", "pca", *common).items() <= rows.items()


def test_stored_forms(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", 90, side=16)
    aesearch.build(tmp_path / "pictures", tmp_path / "index", {"code_size": 16}, budget=0).close()
    check = check_of(tmp_path / "index")
    rows = compared(tmp_path / "index", "--encoders", "index")
    assert check["form_bits"] == 16
    assert set(check["forms"]) == {"float", "int8", "bits"}
    for form, own in check["forms"].items():
        assert_same(own, rows[f"this index's {check['winner'].split()[0]}", form])


def test_a_learned_encoder(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", 140, side=16)
    options = {"encoder": "mlp", "code_size": 8}
    aesearch.build(tmp_path / "pictures", tmp_path / "index", options, budget=1).close()
    check = check_of(tmp_path / "index")
    rows = compared(tmp_path / "index", "--encoders", "pca,index", "--code-sizes", 8)
    assert_same(check["candidates"]["mlp"], rows["this index's mlp", "float"])
    assert_same(check["candidates"]["pca whitened"], rows["PCA whitened", "float"])


def test_documents(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes", 40)  # some are long, and found by their passages
    aesearch.build(tmp_path / "notes", tmp_path / "index", {"code_size": 8}, budget=0).close()
    check = check_of(tmp_path / "index")
    titles = {"lsa log-entropy": "LSA log-entropy", "lsa tf-idf": "LSA tf-idf"}
    for place, encoders in ((tmp_path / "index", "lsa,index"), (tmp_path / "notes", "lsa")):
        rows = compared(place, "--encoders", encoders, "--code-sizes", 8)
        for name, title in titles.items():
            assert_same(check["candidates"][name], rows[title, "float"])
    rows = compared(tmp_path / "index", "--encoders", "index")
    for form, own in check["forms"].items():
        assert_same(own, rows["this index's lsa", form])


def test_what_is_held_out_is_the_same_when_documents_are_taken_from_the_index(
    tmp_path: Path,
) -> None:
    write_notes(tmp_path / "notes", 180)  # of more than 500 another share is held out
    source = Folder(tmp_path / "notes")
    entries = list(source.walk())
    read = read_dataset(source, entries[::-1], "texts", Settings())
    assert keys_of(read) == keys_of(read_dataset(source, entries, "texts", Settings()))
    aesearch.build(tmp_path / "notes", tmp_path / "index", {"code_size": 8}, budget=0).close()
    with Index(tmp_path / "index") as index:
        again = TextDataset.again(index.folder, index.features)
    assert (keys_of(again), again.training) == (keys_of(read), read.training)
    assert 0 < len(again.held_out) < 0.15 * len(again)
