"""docs/encoders.md says of each encoder what its class says."""

from __future__ import annotations

from pathlib import Path

import pytest

from aesearch.encoders import ENCODERS, encoder_class
from aesearch.encoders.document import describe_parameters, rewritten
from aesearch.encoders.parameters import parameters_of

PAGE = Path(__file__).parents[1] / "docs" / "encoders.md"


def test_the_page_is_what_the_registry_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert rewritten(page) == page, "run python -m aesearch.encoders.document docs/encoders.md"


@pytest.mark.parametrize("name", ENCODERS)
def test_every_parameter_is_explained_and_has_an_allowed_default(name: str) -> None:
    found = encoder_class(name)
    assert set(parameters_of(found)) <= set(describe_parameters(found))
    for parameter in parameters_of(found).values():
        parameter.check(parameter.default)
