"""What may be chosen, and where indexes are found."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aesearch.cli.index import EncoderName
from aesearch.compare.run import compare
from aesearch.encoders import ENCODERS, EncoderInfo, encoder_class
from aesearch.encoders.factory import (
    changed_parameters,
    chosen_parameters,
    make_encoder,
    parse_choices,
    require_folders,
    require_kind,
)
from aesearch.errors import IndexNotFoundError, ParameterError
from aesearch.indexing.request import Choices
from aesearch.inference.prior import Prior
from aesearch.settings import Settings, format_parameters, parse_memory, parse_seconds
from aesearch.storage.card import Card
from aesearch.storage.database import Store
from aesearch.storage.layout import Layout, sync_to_disk, write_atomically
from aesearch.storage.places import all_places, find, home, key_for, place_for


@pytest.mark.parametrize(
    ("text", "size"),
    [("4G", 4 << 30), ("500M", 500 << 20), ("1.5k", 1536), ("2 GiB", 2 << 30), ("7", 7),
     ("1T", 1 << 40), ("3mb", 3 << 20)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h30m", 5400), ("300", 300), ("0", 0), (" 1.5 H ", 5400),
     ("1m 30s", 90)],
)  # fmt: skip
def test_times(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "5 x", "m5", "1e3"])
def test_what_is_neither(text: str) -> None:
    with pytest.raises(ParameterError, match="is no time"):
        parse_seconds(text)
    with pytest.raises(ParameterError, match="is no size"):
        parse_memory(text)


def test_a_size_of_hundreds_of_digits_is_none() -> None:
    with pytest.raises(ParameterError, match="is no size"):
        parse_memory("9" * 400)


def test_bits_and_form_go_together() -> None:
    assert Settings(bits=32).form == "bits"
    assert Settings(form="bits").bits == 64
    assert Settings(form="bits", code_size=20).bits == 16
    assert Settings().as_dict()["form"] == "float"
    assert Settings(**Settings(bits=16).as_dict()) == Settings(bits=16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "x"}, "unknown code form 'x'"), ({"engine": "x"}, "unknown engine 'x'"),
        ({"kind": "x"}, "unknown kind 'x'"), ({"weighting": "x"}, "unknown weighting 'x'"),
        ({"vocabulary": 1}, "vocabulary must be at least 2"),
        ({"code_size": 0}, "got 0"), ({"bits": 12}, "got 12"), ({"bits": 128}, "got 128"),
        ({"recall": 0.0}, "recall"), ({"recall": 1.1}, "1.1"), ({"max_memory": 0}, "max_memory"),
    ],
)  # fmt: skip
def test_settings_outside_what_is_allowed(options: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Settings(**options)  # type: ignore[arg-type]


def make(place: Path, source: Path) -> Path:
    place.mkdir(parents=True)
    Card("images", str(source), Settings()).write(Layout(place).card)
    return place


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    assert home() == Path("indexes")
    assert place_for(tmp_path / "photos") == Path("indexes/photos")
    assert place_for(tmp_path, "mine") == Path("indexes/mine")
    assert place_for(tmp_path, "./mine") == Path("./mine")
    assert place_for(tmp_path, tmp_path / "x") == tmp_path / "x"
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path / "home"))
    assert place_for(tmp_path / "photos") == tmp_path / "home" / "photos"
    assert all_places() == []
    with pytest.raises(IndexNotFoundError, match="makes one"):
        find()
    one = make(tmp_path / "home" / "one", tmp_path / "a")
    (tmp_path / "home" / "other").mkdir()
    assert all_places() == [one]
    assert find() == find("one") == find(one) == one
    two = make(tmp_path / "home" / "two", tmp_path / "b")
    for place in (one, two):
        Store(Layout(place).database, create=True).close()
    with pytest.raises(IndexNotFoundError, match=r"several indexes fit: one, two; .*--index"):
        find()
    with pytest.raises(IndexNotFoundError, match="several"):
        find(near=tmp_path / "c" / "x.png")
    assert find(near=tmp_path / "b" / "deep" / "x.png") == two
    with pytest.raises(IndexNotFoundError, match="there is no index at"):
        find("three")
    (tmp_path / "one").mkdir()  # a folder of the same name here is the source, perhaps
    assert find("one") == one
    assert find("./home/one") == Path("home/one")
    local = make(tmp_path / "local", tmp_path)
    assert find("local") == Path("local")
    assert find(local) == local


def test_keys(tmp_path: Path) -> None:
    source = tmp_path.resolve() / "source"
    assert key_for(source, source / "a" / "b.png") == "a/b.png"
    assert key_for(source, source / ".." / "b.png") == (source.parent / "b.png").as_posix()


def test_files_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    write_atomically(path, b"old")
    sync_to_disk(path)
    sync_to_disk(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_card(tmp_path: Path) -> None:
    make(tmp_path / "ix", tmp_path)
    layout = Layout(tmp_path / "ix")
    assert layout.exists()
    card = Card.read(layout.card)
    assert card == Card("images", str(tmp_path), Settings())
    written = json.loads(layout.card.read_text())
    assert (written["format"], written["kind"], "columns" in written) == (2, "images", False)
    assert layout.bytes_on_disk() == 2 * len(layout.card.read_bytes())  # and a copy of it


# -- parameters of an encoder ------------------------------------------------------------------


@dataclass
class Fake:
    """What a constructor may look like; the registry needs no more of it here."""

    code_size: int = 64
    beta: float = 1.0
    layers: int | None = None
    hidden: tuple[int, ...] = (1000, 500)
    body: str = "conv"
    mode: str | None = None
    noisy: bool = False
    random_state: int = 0

    def check_parameters(self) -> None:
        if self.beta == 13:
            raise ParameterError("beta must not be 13")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(ENCODERS, "fake", EncoderInfo("fake", f"{__name__}:Fake"))
    return "fake"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("beta=2", 2), ("beta=0.5", 0.5), ("beta=1e-3", 1e-3), ("beta=soon", "soon"),
        ("layers=3", 3), ("layers=none", None), ("hidden=500,250", (500, 250)),
        ("hidden=500,", (500,)), ("hidden=500", (500,)), ("hidden=", ()),
        ("hidden=500,x", "500,x"), ("body=mlp", "mlp"), ("body=none", "none"), ("body=7", "7"),
        ("mode=none", None), ("mode=1", "1"), ("noisy=TRUE", True), ("noisy = true", True),
        ("code-layers=1", None),
    ],
)  # fmt: skip
def test_text_becomes_what_the_constructor_expects(fake: str, text: str, value: object) -> None:
    wanted = parse_choices([text])
    name = next(iter(wanted))
    if name == "code-layers":
        with pytest.raises(ParameterError, match="no parameter 'code_layers'; choose beta, layers"):
            chosen_parameters(fake, wanted, 64, 0)
        return
    found = chosen_parameters(fake, wanted, 64, 0)
    default = getattr(Fake(), name)
    assert found == ({} if value == default else {name: value})
    if found:
        assert type(found[name]) is type(value)
        again = parse_choices([format_parameters(found)])
        assert chosen_parameters(fake, again, 64, 0) == found


def test_of_two_texts_the_last_holds() -> None:
    assert parse_choices(["a=1", "b=x=y", "a=2"]) == {"a": "2", "b": "x=y"}
    for text in ("a", "=1", ""):
        with pytest.raises(ParameterError, match=f"--set takes KEY=VALUE.*got '{text}'"):
            parse_choices([text])


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("fake", {"betta": 1}, "no parameter 'betta'; choose beta, layers, hidden, body, mode"),
        ("fake", {"beta": "13"}, "beta must not be 13"),
        ("fake", {"code_size": 3}, "code_size is chosen with --code-size"),
        ("fake", {"random-state": 3}, "random_state is chosen with --seed"),
        ("pca", {"whiten": 1}, "whiten is chosen by the check"),
        ("pca", {"resolution": 4}, "resolution must be a whole number of at least 8 or None"),
        ("thumbnail", {"x": 1}, "encoder thumbnail has no parameter 'x'; it has none"),
        ("raw", {"resolution": "much"}, "resolution must be .* got 'much'"),
    ],
)
def test_bad_parameters(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        chosen_parameters(name, parameters, 64, 0)


@pytest.mark.parametrize("seed", [-1, 2**32, 10**30, 1.5, "1", True, None])
def test_what_is_no_seed_is_said(seed: Any) -> None:
    with pytest.raises(ParameterError, match=r"seed must be .*; got"):
        Settings(seed=seed)
    with pytest.raises(ParameterError, match=r"seed must be .*; got"):
        compare("nowhere", seed=seed)
    with pytest.raises(ParameterError, match=r"seed must be .*; got"):
        Prior.standard(3).draw(2, seed)


def test_numbers_of_numpy_are_kept_as_json_keeps_them() -> None:
    largest = np.uint32(2**32 - 1)
    settings = Settings(seed=largest, code_size=np.int64(16), recall=np.float32(0.5))  # type: ignore[arg-type]
    kept = Settings(**json.loads(json.dumps(settings.as_dict())))
    assert (kept.seed, kept.code_size, kept.recall) == (2**32 - 1, 16, 0.5)


def test_a_seed_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    Card("texts", str(tmp_path), Settings()).write(tmp_path / "index.json")
    card = json.loads((tmp_path / "index.json").read_text())
    card["settings"]["seed"] = 2**32 + 5
    (tmp_path / "index.json").write_text(json.dumps(card))
    assert Card.read(tmp_path / "index.json").settings.seed == 5


def test_parameters_are_kept_as_json_keeps_them() -> None:
    wanted = {"hidden": [500, 250], "beta": np.float32(0.5), "layers": np.int64(3), "body": None}
    settings = Settings(encoder="vae", parameters=wanted)
    assert settings.parameters == {"hidden": (500, 250), "beta": 0.5, "layers": 3, "body": None}
    assert Settings(**json.loads(json.dumps(settings.as_dict()))) == settings
    assert hash(settings) == hash(Settings(encoder="vae", parameters={}))
    assert settings != Settings(encoder="vae", parameters={})
    assert format_parameters(settings.parameters) == "hidden=500,250 beta=0.5 layers=3 body=none"
    assert format_parameters({"a": (5,), "b": True, "c": ()}) == "a=5, b=true c=,"
    for bad in ({"a": object()}, {"a": {"b": object()}}, [1]):
        with pytest.raises(ParameterError, match="must be"):
            Settings(parameters=bad)  # type: ignore[arg-type]


def test_former_names_are_taken_with_a_note() -> None:
    with pytest.warns(UserWarning, match="normalise is called normalize now"):
        found = chosen_parameters("neighbours", {"normalise": "false"}, 8, 0)
    assert found == {"normalize": False}
    made: Any = make_encoder("neighbours", {"neighbours": 3}, 2, 0)
    assert type(made) is encoder_class("neighbors")
    assert made.neighbors == 3
    require_kind("neighbours", "images")
    with pytest.raises(ParameterError, match="encoder neighbours learns from pictures"):
        require_kind("neighbours", "texts")
    with pytest.warns(UserWarning, match="neighbours is called neighbors now"):
        assert EncoderName().convert("neighbours", None, None) == "neighbors"


def test_an_older_index_goes_on_under_the_names_of_today() -> None:
    before = Settings(encoder="neighbours", parameters={"neighbours": 3, "normalise": False})
    now = Settings(encoder="neighbors", parameters={"neighbors": 3, "normalize": False})
    for wanted in (None, {}, {"encoder": "neighbors"}, {"parameters": {"neighbors": 3}}):
        chosen = Choices.of(wanted).over(before, "images", retrain=False)
        assert chosen == replace(now, kind="images")


def test_an_encoder_is_made_with_what_it_takes(fake: str) -> None:
    made: Any = make_encoder(fake, {"beta": 3}, 7, 5)
    assert (made.code_size, made.beta, made.random_state) == (7, 3, 5)
    assert changed_parameters(made) == {"beta": 3}
    assert "code_size" not in make_encoder("raw", {}, 7, 5).get_params()
    assert changed_parameters(make_encoder("raw", {"resolution": 8}, 7, 5)) == {"resolution": 8}


def test_labels_need_two_folders(fake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = EncoderInfo("fake", f"{__name__}:Fake", uses_labels=True)
    monkeypatch.setitem(ENCODERS, "fake", labelled)
    require_folders(fake, ["a", "b", ""])
    for folders, found in ((["", ""], 0), (["a", "", "a"], 1)):
        with pytest.raises(ParameterError, match=f"the files lie in {found}; sort them"):
            require_folders(fake, folders)
    require_folders("pca", [])
