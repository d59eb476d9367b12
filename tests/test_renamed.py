"""Old paths of modules, as the documentation named them: they warn, and work."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path

import pytest

from aesearch._renamed import RENAMED

ROOT = Path(__file__).parents[1]
NAMED = {
    "encoders.agreement": "AgreementEncoder",
    "encoders.conv": "ConvEncoder",
    "encoders.cvae": "CVAEEncoder",
    "encoders.dbn": "DBNEncoder",
    "encoders.baselines": "RawEncoder",
    "encoders.mlp": "MLPEncoder",
    "encoders.text": "TextEncoder",
    "encoders.vae": "VAEEncoder",
    "encoders.vaegan": "VAEGANEncoder",
    "exporting": "export",
    "hits": "Hit",
    "index": "Index",
    "mapping": "map_of",
    "pipelines.estimators": "Codes",
    "pipelines.haystack": "AesearchRetriever",
    "pipelines.langchain": "AesearchRetriever",
}


@pytest.fixture(autouse=True)
def _not_yet_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    for old in RENAMED:
        monkeypatch.delitem(sys.modules, f"aesearch.{old}", raising=False)


@pytest.mark.parametrize(("old", "name"), NAMED.items())
def test_an_old_path_warns_once_and_holds_the_same_class(old: str, name: str) -> None:
    if "pipelines." in old:
        pytest.importorskip({"estimators": "sklearn", "langchain": "langchain_core"}.get(
            old.rpartition(".")[2], "haystack"))  # fmt: skip
    new = f"aesearch.{RENAMED[old]}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module(f"aesearch.{old}".rpartition(".")[0])
    with pytest.warns(DeprecationWarning, match=rf"aesearch\.{old} is now {new};") as told:
        found = import_module(f"aesearch.{old}")
    assert getattr(found, name) is getattr(import_module(new), name)
    assert len([one for one in told if "is now" in str(one.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert import_module(f"aesearch.{old}") is found
    with pytest.raises(AttributeError):
        found.nothing_of_this_name  # noqa: B018


def test_every_old_path_leads_somewhere_and_hides_nothing() -> None:
    for old, new in RENAMED.items():
        assert not (ROOT / "aesearch" / old.replace(".", "/")).with_suffix(".py").exists()
        assert find_spec(f"aesearch.{new}") is not None


def test_the_warning_points_at_who_imports(tmp_path: Path) -> None:
    script = tmp_path / "old.py"
    script.write_text("import os\nfrom aesearch.hits import Hit\nprint(Hit.__module__)\n")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60,
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == "aesearch.search.hits\n"
    assert (
        f"{script}:2: DeprecationWarning: aesearch.hits is now aesearch.search.hits" in done.stderr
    )


def test_classes_and_parameters_under_their_former_names() -> None:
    from aesearch.encoders import AgreementEncoder, MLPEncoder, NeighborEncoder, VAEEncoder

    with pytest.warns(DeprecationWarning, match="NeighbourEncoder is now NeighborEncoder;"):
        from aesearch.encoders import NeighbourEncoder  # type: ignore[attr-defined]
    with pytest.warns(DeprecationWarning, match=r"encoders\.neighbours is now"):
        old = import_module("aesearch.encoders.neighbours")
    assert NeighbourEncoder is old.NeighbourEncoder is NeighborEncoder
    for encoder, former, current, value in (
        (MLPEncoder, "normalise", "normalize", False),
        (VAEEncoder, "body", "backbone", "conv"),
        (NeighborEncoder, "neighbours", "neighbors", 7),
        (AgreementEncoder, "neighbours", "neighbors", 7),
    ):
        with pytest.warns(DeprecationWarning, match=f"{former} is now {current};") as told:
            made = encoder(8, **{former: value})
        assert getattr(made, current) == value
        assert told[0].filename == __file__
    assert next(iter(signature(MLPEncoder).parameters)) == "code_size"
    with pytest.raises(TypeError, match="colour"):
        MLPEncoder(8, colour=1)  # type: ignore[call-arg]


def test_everything_of_an_old_module() -> None:
    for old, name in (("vae", "VAEEncoder"), ("neighbours", "NeighbourEncoder")):
        taken: dict[str, object] = {}
        with pytest.warns(DeprecationWarning, match=rf"encoders\.{old} is now"):
            exec(f"from aesearch.encoders.{old} import *", taken)
        assert name in taken


def test_baselines_are_found_in_their_room() -> None:
    from aesearch.encoders.linear import PCAEncoder, RawEncoder

    assert (PCAEncoder.__name__, RawEncoder.__name__) == ("PCAEncoder", "RawEncoder")


def test_names_that_never_were_are_still_missing() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"aesearch\.nothing"):
        import_module("aesearch.nothing")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ModuleNotFoundError):
            import_module("aesearch.pipelines.nothing")
