"""Training on documents inside an index: chosen by the check, gone on with, and made anew."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from collections_ import command, keys_of
from texts_ import NAMES, made, make_text, one_line, write_texts

from aesearch.search.index import Index

PER_TOPIC = 36  # more than 128 in all, which are enough to train on
QUICK = ("--set", "epochs=2")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("training").resolve()
    write_texts(root / "docs", PER_TOPIC)
    trained = command(
        "index", root / "docs", "--index", root / "indexes/docs", "--encoder", "text",
        "--code-size", "40", *QUICK, "--budget", "30s",
    )  # fmt: skip
    assert (trained.code, trained.err) == (0, "")
    assert "144 new), trained" in trained.out or "(144 new, trained)" in trained.out
    return root


@pytest.fixture
def place(base: Path, tmp_path: Path) -> Path:
    """A copy of the index, to be changed."""
    shutil.copytree(base / "indexes/docs", tmp_path / "index")
    return tmp_path / "index"


def finds_topics(index: Index) -> None:
    for topic in NAMES:
        hits = index.search(make_text(topic, 700), k=8)
        assert {hit.key.partition("/")[0] for hit in hits} == {topic}


def test_the_trained_encoder_is_checked_against_lsa(base: Path) -> None:
    with Index(base / "indexes/docs") as index:
        manifest = index.encoder.manifest
        assert manifest.kind == "text"
        assert manifest.code_size == index.encoder.code_size == 40
        assert set(manifest.check["candidates"]) == {"lsa log-entropy", "lsa tf-idf", "text"}
        assert manifest.check["questions"] == 144 - manifest.trained["items"] > 10
        assert all(row["opening_rank"] >= 1 for row in manifest.check["candidates"].values())
        assert manifest.check["forced"]
        assert manifest.check["learned"] == "text"
        assert manifest.check["gap"][1] <= manifest.check["gap"][2]
        assert manifest.trained["epochs"] == manifest.trained["planned"] == 2
        assert manifest.chosen["epochs"] == 2
        assert manifest.history
        assert index.verify() == []
        finds_topics(index)  # type: ignore[arg-type]


def test_nothing_is_trained_twice(base: Path, place: Path) -> None:
    before = (place / "index.json").read_bytes()
    answer = json.loads(command("index", base / "docs", "--index", place, "--json").out)
    assert (answer["unchanged"], answer["encoder"]) == (144, "text")
    assert (place / "index.json").read_bytes() == before
    assert not (place / "training").exists()


def test_training_anew_takes_what_came_later_and_no_files(base: Path, place: Path) -> None:
    with Index(place) as index:
        index.add({"note": f"Zeppelins. {make_text('sailing', 90)}"})
        first = index.revision.fingerprint
        keys = keys_of(index)
    lsa = ("--retrain", "--encoder", "lsa", "--code-size", "7")
    again = command("index", base / "docs", "--index", place, *lsa)
    assert (again.code, again.err) == (0, "")
    with Index(place) as index:
        assert index.encoder.manifest.kind == "lsa"
        assert index.encoder.code_size == 7
        assert index.revision.fingerprint != first
        assert keys_of(index) == keys
        assert index.verify() == []
        assert index.similar("note", k=1)[0].score == 1
    assert not (place / "training").exists()


def test_an_interrupted_training_is_gone_on_with(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "index"
    words = ("--encoder", "text", "--code-size", "40", "--set", "epochs=3", "--budget", "30s")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("aesearch.indexing.train.Candidate", SimpleNamespace(of=interrupt))
        stopped = command("index", base / "docs", "--index", place, *words)
    assert stopped.code == 130
    assert "Traceback" not in stopped.err
    with Index(place) as index:  # what LSA gave can be searched meanwhile
        assert index.encoder.manifest.kind == "lsa"
        finds_topics(index)  # type: ignore[arg-type]
    dry = command("index", base / "docs", "--index", place, "--dry-run")
    assert "its training gone on with" in dry.out
    done = command("index", base / "docs", "--index", place)
    assert (done.code, done.err) == (0, "")
    with Index(place) as index:
        assert index.encoder.manifest.kind == "text"
        assert [entry["epoch"] for entry in index.encoder.manifest.history] == [1, 2, 3]
        assert index.encoder.manifest.trained["epochs"] == 3
        assert index.verify() == []
    assert not (place / "training").exists()


def test_pictures_encoders_are_refused_for_documents(base: Path, place: Path) -> None:
    for encoder in ("conv", "agreement"):
        answer = command(
            "index", base / "docs", "--index", place, "--retrain", "--encoder", encoder
        )
        assert (answer.code, answer.out) == (2, "")
        assert one_line(answer.err)
    with Index(place) as index:
        assert index.encoder.manifest.kind == "text"


def test_a_few_documents_can_be_trained_on_anew(tmp_path: Path) -> None:
    write_texts(tmp_path / "docs", 3)
    with made(tmp_path / "docs", tmp_path / "index", retrain=True) as index:
        assert len(index) == 12
        finds = index.search("spinnaker boat", k=1)[0]
        assert finds.key.startswith("sailing/")
    with made(tmp_path / "docs", tmp_path / "index", retrain=True) as index:
        assert index.verify() == []
        assert index.encoder.manifest.check is not None


def test_every_word_of_a_few_documents_is_known(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / f"{number}.txt").write_text(f"About the word{number} and a boat.")
    with made(tmp_path / "docs", tmp_path / "index") as index:
        for number in range(12):
            assert index.search(f"word{number}", k=1)[0].key == f"{number}.txt"
