"""Every kind of data is asked through its `Modality`: nobody else knows which one it has."""

from __future__ import annotations

from pathlib import Path

import pytest
from branches_ import branches

from aesearch.encoders import ENCODERS
from aesearch.encoders.factory import encoders_for
from aesearch.errors import DamagedError, ParameterError
from aesearch.modalities import MODALITIES, load_features, modality

PACKAGE = Path(__file__).parents[1] / "aesearch"
# As it stood in many places once: what the search must find.
BRANCHES = """
if index.kind == IMAGES: pass
noun = "picture" if found.kind == "images" else "document"
if features["kind"] != TEXTS: pass
if isinstance(corpus, TextCorpus | int): pass
NOUNS = {IMAGES: "picture", TEXTS: "document"}
FORMS = {"images": ("float",), "texts": ("float", "hybrid")}
first = NOUNS["images"]
"""


def test_no_room_but_modalities_asks_for_a_kind() -> None:
    assert branches(PACKAGE) == []


def test_such_a_branch_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "room.py").write_text(BRANCHES)
    (tmp_path / "modalities").mkdir()
    (tmp_path / "modalities" / "texts.py").write_text(BRANCHES)
    lines = {int(place.partition(":")[2]) for place in branches(tmp_path)}
    assert lines == set(range(2, 2 + len(BRANCHES.split("\n")) - 2))


@pytest.mark.parametrize("name", MODALITIES)
def test_the_contract_of_a_modality(name: str) -> None:
    kind = modality(name)
    assert modality(name) is kind
    assert kind.name == name
    assert kind.noun.isalpha()
    assert kind.default_encoder in ENCODERS
    assert kind.baseline in ENCODERS
    able = encoders_for(name)
    assert {kind.default_encoder, kind.baseline} <= set(able)
    assert set(kind.compared) <= {*kind.sizeless, *able, "auto"}
    assert 0 < kind.false_positive_rate < 1
    assert set(kind.code_forms) >= {"float", "int8", "bits"}
    assert {"ranker", "arrival", "dataset", "duplicates", "map", "export"} <= set(kind.parts)
    for role in kind.parts:
        assert callable(kind.part(role))


def test_unknown_kinds_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"unknown kind 'sounds'; choose auto, images, texts"):
        modality("sounds")
    with pytest.raises(DamagedError, match="--repair"):
        load_features(tmp_path, {"kind": "sounds"})
