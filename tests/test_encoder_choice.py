"""Which encoder an index gets, with which parameters, and what it learns from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import click
import numpy as np
import pytest
from collections_ import assert_exact, command, keys_of, write_pictures

import aesearch
from aesearch.cli.index import index as index_command
from aesearch.encoders import ENCODERS, EncoderInfo
from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.parameters import Above, Widths
from aesearch.errors import ParameterError
from aesearch.indexing import make
from aesearch.indexing import train as trainer

N = 42


@dataclass(eq=False, repr=False)
class FolderEncoder(LSAEncoder):
    """What an encoder that learns from labels looks like to the trainer."""

    uses_labels: ClassVar[bool] = True
    seen: ClassVar[list[np.ndarray]] = []
    sizes: ClassVar[list[int]] = []

    _: KW_ONLY
    hidden: Widths = (8, 4)
    beta: Annotated[float, Above(0)] = 1.0

    def fit(self, X: np.ndarray, y: Any = None, *, session: Any = None) -> FolderEncoder:  # noqa: ARG002 - an encoder's
        self.seen.append(y)
        self.sizes.append(len(X))
        super().fit(X)
        return self


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> type[FolderEncoder]:
    """An encoder `folders` in the registry, for which few pictures are enough."""
    monkeypatch.setitem(
        ENCODERS, "folders", EncoderInfo("folders", f"{__name__}:FolderEncoder", uses_labels=True)
    )
    monkeypatch.setitem(ENCODERS, "plain", EncoderInfo("plain", f"{__name__}:PlainEncoder"))
    monkeypatch.setattr(trainer, "FEWEST_TO_TRAIN", 20)
    # The command took the names when it was imported.
    option = next(p for p in index_command.params if p.name == "encoder")
    monkeypatch.setattr(option, "type", click.Choice(["auto", *ENCODERS]))
    FolderEncoder.seen.clear()
    FolderEncoder.sizes.clear()
    return FolderEncoder


class PlainEncoder(FolderEncoder):
    uses_labels: ClassVar[bool] = False


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "source", N)
    return tmp_path / "source"


# -- labels --------------------------------------------------------------------------------------


def test_labels_are_the_folders_of_what_is_learned_from(
    source: Path, tmp_path: Path, folders: type[FolderEncoder]
) -> None:
    (source / "disks/000.png").rename(source / "loose.png")
    options = {"encoder": "folders", "code_size": 8}
    with aesearch.build(source, tmp_path / "ix", options) as index:
        assert index.encoder.manifest.kind == "folders"
        asked = index.info()["check"]["questions"]
    (labels,) = folders.seen
    assert isinstance(labels, np.ndarray)
    assert labels.dtype.kind == "U"
    assert folders.sizes == [len(labels)]
    assert len(labels) == N - asked < N
    assert set(labels) == {"", "disks", "squares", "stripes"}
    assert list(labels).count("") == 1
    with aesearch.build(source, tmp_path / "ix", retrain=True) as index:
        assert index.verify() == []
    np.testing.assert_array_equal(folders.seen[1], labels)


def test_an_encoder_without_labels_gets_none(
    source: Path, tmp_path: Path, folders: type[FolderEncoder]
) -> None:
    aesearch.build(source, tmp_path / "ix", {"encoder": "plain", "code_size": 8}).close()
    assert folders.seen == [None]


def test_labels_need_two_folders_before_anything_is_read(
    tmp_path: Path, folders: type[FolderEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "all", 40)
    one = tmp_path / "one"
    (tmp_path / "all" / "disks").rename(one)
    (tmp_path / "all").rename(tmp_path / "two")
    read: list[str] = []
    reader = make.read_dataset
    monkeypatch.setattr(
        make,
        "read_dataset",
        lambda *a, **k: (read.append("x"), reader(*a, **k))[1],
    )
    with pytest.raises(ParameterError, match="lie in 0; sort them into at least 2 folders"):
        aesearch.build(one, tmp_path / "ix", {"encoder": "folders"})
    assert not read
    assert not (tmp_path / "ix").exists()
    assert not folders.seen
    aesearch.build(one, tmp_path / "ix", budget=0).close()
    assert read
    with pytest.raises(ParameterError, match="lie in 0"):
        aesearch.build(one, tmp_path / "ix", {"encoder": "folders"}, retrain=True)
    with aesearch.open(tmp_path / "ix") as index:  # as if it had never been asked for
        assert index.settings.encoder == "auto"
        assert not index.info()["training"]
        assert index.verify() == []


def test_folders_without_pictures_are_found_out_before_training(
    tmp_path: Path, folders: type[FolderEncoder]
) -> None:
    write_pictures(tmp_path / "source", 120)
    for kind in ("squares", "stripes"):
        for path in (tmp_path / "source" / kind).iterdir():
            path.write_text("no picture")
    with pytest.raises(ParameterError, match="lie in 1"):
        aesearch.build(tmp_path / "source", tmp_path / "ix", {"encoder": "folders"})
    assert not folders.seen
    with aesearch.build(tmp_path / "source", tmp_path / "ix") as index:
        assert len(index) == 40
        assert index.encoder.manifest.kind == "pca"


# -- parameters ----------------------------------------------------------------------------------


def test_parameters_are_kept_and_need_a_training_to_change(
    source: Path, tmp_path: Path, folders: type[FolderEncoder]
) -> None:
    place = tmp_path / "ix"

    def run(parameters: Any = None, **options: Any) -> dict[str, Any]:
        settings = {} if parameters is None else {"parameters": parameters}
        with aesearch.build(source, place, settings | options.pop("more", {}), **options) as index:
            return dict(index.settings.parameters)

    chosen = {"hidden": (6, 5), "beta": 2}
    more = {"encoder": "folders", "code_size": 8}
    assert run({"hidden": [6, 5], "beta": 2.0}, more=more) == chosen
    with aesearch.open(place) as index:
        assert index.info()["chosen"] == {"hidden": [6, 5], "beta": 2}
        assert index.encoder.manifest.parameters["hidden"] == [6, 5]
    card = json.loads((place / "index.json").read_text())
    assert card["settings"]["parameters"] == {"hidden": [6, 5], "beta": 2}
    # The same again, as values, as text, in part, or not named at all: nothing to do.
    for same in (None, {}, chosen, {"hidden": "6,5"}, {"beta": "2"}, {"beta": "2.0"}):
        assert run(same) == chosen
    assert len(folders.seen) == 1
    with pytest.raises(
        ParameterError, match=r"parameters hidden=6,5 beta=2\.0; hidden=6,5 beta=3 .* --retrain"
    ):
        run({"beta": 3})
    with pytest.raises(ParameterError, match="beta must be a number above 0; got 0"):
        run({"beta": 0}, retrain=True)
    with pytest.raises(ParameterError, match="no parameter 'betta'; choose hidden, beta"):
        run({"betta": 1}, retrain=True)
    assert run() == chosen
    # What is not named stays; a default takes a choice back; another encoder has its own.
    assert run({"beta": 3}, retrain=True) == {"hidden": (6, 5), "beta": 3}
    assert run(retrain=True) == {"hidden": (6, 5), "beta": 3}
    assert run({"hidden": "8,4"}, retrain=True) == {"beta": 3}
    whole = aesearch.Settings(encoder="folders", code_size=8, parameters={"hidden": (3,)})
    with aesearch.build(source, place, whole, retrain=True) as index:
        assert index.settings.parameters == {"hidden": (3,)}
    assert run(more={"encoder": "pca"}, retrain=True) == {}


def test_bad_parameters_are_refused_before_the_source_is_read(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        aesearch.sources.folder.Folder, "read", lambda *_: pytest.fail("it was read")
    )
    for encoder, parameters, message in (
        ("raw", {"resolution": 3}, "resolution must be"),
        ("auto", {"temperature": -1}, "temperature must be"),
        ("auto", {"nothing": 1}, "encoder agreement has no parameter 'nothing'"),
        ("lsa", {"code_size": 1}, "--code-size"),
        ("pca", {"whiten": 1}, "chosen by the check"),
    ):
        options = {"encoder": encoder, "parameters": parameters}
        with pytest.raises(ParameterError, match=message):
            aesearch.build(source, tmp_path / "ix", options)
    assert not (tmp_path / "ix").exists()


def test_set_on_the_command_line(
    source: Path, tmp_path: Path, folders: type[FolderEncoder]
) -> None:
    def run(*words: object) -> Any:
        return command("index", source, "--index", tmp_path / "ix", *words)

    def info() -> str:
        return command("info", tmp_path / "ix").out

    answer = run("--encoder", "raw", "--set", "resolution=8")
    assert answer.code == 0, answer
    assert "raw beside pca: " in answer.out
    assert ", trained" not in answer.out
    assert "raw (resolution=8) " in info()
    assert "192 dimensions from" in info()
    assert run("--set", "resolution=8").code == 0
    refused = run("--set", "resolution=16")
    assert refused.code == 2
    assert refused.err == (
        "aesearch: this index has parameters resolution=8; resolution=16 needs new codes: "
        "add --retrain\n"
    )
    for words, message in (
        (("--set", "resolution"), "--set takes KEY=VALUE, such as beta=2; got 'resolution'"),
        (("--set", "size=3"), "encoder raw has no parameter 'size'; choose resolution"),
        (("--set", "random_state=3"), "random_state is chosen with --seed"),
    ):
        answer = run(*words)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith(f"aesearch: {message}")
        assert answer.err.count("\n") == 1
    again = run("--encoder", "folders", "--set", "hidden=5,", "--set", "beta=.5", "--retrain",
                "--code-size", 8)  # fmt: skip
    assert again.code == 0, again
    assert ", trained" in again.out
    assert "folders (hidden=5, beta=0.5) " in info()
    assert folders.seen


def test_a_dry_run_says_that_it_would_train(source: Path, tmp_path: Path) -> None:
    words = ("index", source, "--index", tmp_path / "ix", "--dry-run")
    assert "would be made: 42 new" in command(*words, "--retrain").out
    aesearch.build(source, tmp_path / "ix", budget=0).close()
    assert "would be brought up to date: 42 unchanged" in command(*words).out
    assert "up to date and trained anew: 42 unchanged" in command(*words, "--retrain").out
    assert json.loads(command(*words, "--retrain", "--json").out)["retrain"] is True
    assert json.loads(command(*words, "--json").out)["retrain"] is False


# -- forced baselines ----------------------------------------------------------------------------


@pytest.mark.parametrize(("encoder", "size"), [("raw", 3072), ("lsa", 16), ("thumbnail", 16)])
def test_forced_baselines(source: Path, tmp_path: Path, encoder: str, size: int) -> None:
    options: dict[str, object] = {"encoder": encoder}
    if encoder != "raw":  # which has no size to be chosen, and says so
        options["code_size"] = 16
    with aesearch.build(source, tmp_path / "ix", options, budget=0) as index:
        assert index.encoder.manifest.kind == encoder
        facts = index.info()
        assert facts["code_size"] == size
        check = facts["check"]
        assert check["winner"] == encoder
        assert list(check["candidates"]) == ["pca", "pca half-whitened", "pca whitened", encoder]
        assert ("bits" in check["forms"]) == (size < 2048)
        assert_exact(index, sorted(keys_of(index))[:10])
        hit = index.search(source / "disks/000.png", 1)[0]
        assert (hit.key, hit.score) == ("disks/000.png", 1)
        index.add({"more": (source / "disks/000.png").read_bytes()})
        assert index.verify() == []
    write_pictures(source, 3, N)
    with aesearch.build(source, tmp_path / "ix") as index:
        assert len(index) == N + 4
        assert index.encoder.manifest.kind == encoder
        assert index.verify() == []


@pytest.mark.parametrize("count", [1, 2, 5])
def test_raw_of_a_handful(count: int, tmp_path: Path) -> None:
    keys = write_pictures(tmp_path / "few", count, side=16)
    with aesearch.build(tmp_path / "few", tmp_path / "ix", {"encoder": "raw"}) as index:
        assert index.encoder.manifest.kind == ("raw" if count > 1 else "thumbnail")
        assert len(index) == count
        assert index.similar(keys[0], 1)[0].key == keys[0]
        assert index.verify() == []


def test_forced_pca_has_the_resolution_that_was_chosen(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_folder(per_class=14, side=32)
    for resolution, side in ((None, 32), (8, 8)):
        options = {"encoder": "pca", "parameters": {"resolution": resolution}, "code_size": 8}
        with aesearch.build(folder, tmp_path / f"{side}", options, budget=0) as index:
            assert index.encoder.manifest.parameters["resolution"] == resolution
            assert index.info()["chosen"]["resolution"] == resolution
            assert index.settings.parameters == {"resolution": resolution}


def test_parameters_that_do_not_fit_the_pictures_leave_the_index_as_it_was(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "ix"
    aesearch.build(source, place, {"code_size": 16}, budget=0).close()
    monkeypatch.setattr(trainer, "FEWEST_TO_TRAIN", 20)
    deep = {"encoder": "conv", "parameters": {"depth": 9}}
    with pytest.raises(ParameterError, match="too small for depth 9: at most 5"):
        aesearch.build(source, place, deep, retrain=True)
    with aesearch.build(source, place) as index:  # not tried again, and nothing else is chosen
        assert index.settings.encoder == "auto"
        assert index.settings.parameters == {}
        assert not index.folder.layout.plan.exists()
        assert len(index.search(next(source.rglob("*.png")), k=3)) == 3
