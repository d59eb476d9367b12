"""What a comparison is asked to do: names, sizes, and parameters of encoders."""

from __future__ import annotations

from typing import Any

import pytest

from aesearch.compare.plan import Step, check_forms, choose_steps
from aesearch.errors import ParameterError


def test_baselines_come_before_what_is_trained() -> None:
    steps = choose_steps(["mlp", "raw", "pca"], [16, 64], "images")
    assert [step.name for step in steps] == ["raw", "pca-16", "pca-64", "mlp-16", "mlp-64"]
    assert [step.learned for step in steps] == [False, False, False, True, True]
    assert choose_steps(["auto", "auto"], [8], "texts") == [Step("text", 8)]
    assert choose_steps(["auto"], [8], "texts", has_own=True) == [Step("index")]
    assert choose_steps(["pca"], [8, 8], "images") == [Step("pca", 8)]


@pytest.mark.parametrize(
    ("names", "kind", "message"),
    [
        (["sift"], "images", "'sift' is nothing that pictures can be compared by"),
        (["bm25"], "images", "'bm25' is nothing that pictures can be compared by"),
        (["phash"], "texts", "'phash' is nothing that documents can be compared by"),
        (["index"], "images", "'index' is nothing"),
        (["conv"], "texts", "conv learns from pictures"),
    ],
)
def test_what_cannot_be_compared_is_refused(names: list[str], kind: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        choose_steps(names, [8], kind)


def chosen(names: list[str], **parameters: str) -> dict[str, dict[str, Any]]:
    """Return the parameters of each method, as a user wrote them."""
    wanted = {key.replace("__", "."): value for key, value in parameters.items()}
    steps = choose_steps(names, [8], "images", wanted)
    return {step.method: dict(step.parameters) for step in steps}


def test_a_parameter_goes_to_every_encoder_that_has_it() -> None:
    found = chosen(["raw", "pca", "mlp", "vae"], hidden="32,16", beta="2")
    assert found == {"raw": {}, "pca": {}, "mlp": {"hidden": (32, 16)},
                     "vae": {"hidden": (32, 16), "beta": 2}}  # fmt: skip


def test_a_parameter_after_a_name_goes_to_that_encoder_alone() -> None:
    found = chosen(["mlp", "vae"], vae__hidden="32,16")
    assert found == {"mlp": {}, "vae": {"hidden": (32, 16)}}
    (step,) = choose_steps(["auto"], [8], "images", {"auto.epochs": 3})
    assert dict(step.parameters) == {"epochs": 3}


def test_steps_with_other_parameters_have_other_files_and_titles() -> None:
    plain, one, other = (
        choose_steps(["mlp"], [8], "images", wanted)[0]
        for wanted in ({}, {"hidden": "32"}, {"hidden": "16"})
    )
    assert plain.name == "mlp-8"
    assert len({plain.name, one.name, other.name}) == 3
    assert (plain.titled("mlp"), one.titled("mlp")) == ("mlp", "mlp (hidden=32,)")
    default = choose_steps(["vae"], [8], "images", {"beta": "1"})[0]
    assert default == choose_steps(["vae"], [8], "images")[0]  # nothing differs


@pytest.mark.parametrize(
    ("names", "parameters", "message"),
    [
        (["pca", "mlp"], {"colour": "red"}, "encoder mlp has no parameter 'colour'; choose "),
        (["raw", "phash"], {"beta": "2"}, "beta=2: nothing compared here has parameters"),
        (["mlp"], {"vae.beta": "2"}, "'vae' is none of the encoders that are compared .mlp."),
        (["pca"], {"whiten": "1"}, "whiten is chosen by the check"),
        (["mlp"], {"code-size": "9"}, "code_size is chosen with --code-size"),
        (["vae"], {"beta": "much"}, "beta must be"),
    ],
)
def test_parameters_of_no_encoder_are_refused(
    names: list[str], parameters: dict[str, str], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        choose_steps(names, [8], "images", parameters)


def test_words_are_a_form_of_documents_alone() -> None:
    check_forms(["hybrid", "float", "borrowed"], "texts")
    with pytest.raises(ParameterError, match="pictures have none"):
        check_forms(["hybrid"], "images")
    with pytest.raises(ParameterError, match="unknown code form 'half'"):
        check_forms(["half"], "texts")
