"""Parameters of encoders: what is allowed, what a text is read as, what an error says."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

import numpy as np
import pytest

from aesearch.encoders.parameters import (
    Above,
    AtLeast,
    AtMost,
    Count,
    OneOf,
    Share,
    Weight,
    Widths,
    parameters_of,
)
from aesearch.errors import ParameterError


@dataclass
class Base:
    code_size: Count = 64
    _: KW_ONLY
    rate: Annotated[float, Above(0), AtMost(2)] = 0.1
    level: Weight | None = None


@dataclass
class Encoder(Base):
    rate: Annotated[float, Above(0)] = 0.5
    share: Share = 0.2
    layers: Annotated[int | None, AtLeast(0)] = None
    hidden: Widths = (8, 4)
    kind: Annotated[str, OneOf("flat", "deep")] = "flat"
    mode: Annotated[str | None, OneOf("on", "off")] = None
    title: str = ""
    flag: bool = False
    maybe: bool | None = None


KNOWN = parameters_of(Encoder)
GOOD: dict[str, tuple[object, ...]] = {
    "code_size": (1, np.int64(7)),
    "rate": (0.1, 3, np.float32(2.5)),
    "level": (None, 0, 0.5),
    "share": (0, 1, 0.5),
    "layers": (None, 0, 9),
    "hidden": ((), (1,), [5, 6]),
    "kind": ("deep",),
    "mode": (None, "off"),
    "title": ("", "any"),
    "flag": (True, False),
    "maybe": (None, True),
}
BAD: dict[str, tuple[tuple[object, ...], str]] = {
    "code_size": ((0, -1, 1.5, True, "8", None), "a whole number of at least 1"),
    "rate": ((0, float("nan"), float("inf"), True, "x", None), "a number above 0"),
    "level": ((-1, "x"), "a number of at least 0 or None"),
    "share": ((-0.1, 1.1), "a number of at least 0 and at most 1"),
    "layers": ((-1, 0.5), "a whole number of at least 0 or None"),
    "hidden": (
        ((8, 0), 8, "8", (1.5,), (True,), None),
        "whole numbers of at least 1, such as 1000,500,250",
    ),
    "kind": (("round", "", 3, None), "one of flat, deep"),
    "mode": (("none",), "one of on, off or None"),
    "title": ((3,), "text"),
    "flag": (("yes", 1, None), "true or false"),
    "maybe": (("yes",), "true, false or None"),
}


def test_parameters_are_those_of_the_constructor_its_own_first() -> None:
    own = [name for name in GOOD if name not in ("code_size", "level")]
    assert list(KNOWN) == [*own, "code_size", "level"]
    assert list(parameters_of(Base)) == ["code_size", "rate", "level"]
    assert (KNOWN["rate"].default, parameters_of(Base)["rate"].default) == (0.5, 0.1)
    assert parameters_of(Base)["rate"].allowed == "a number above 0 and at most 2"


@pytest.mark.parametrize("name", GOOD)
def test_allowed_values_pass(name: str) -> None:
    for value in (*GOOD[name], KNOWN[name].default):
        KNOWN[name].check(value)


@pytest.mark.parametrize("name", BAD)
def test_other_values_are_refused_with_what_is_allowed(name: str) -> None:
    values, allowed = BAD[name]
    assert KNOWN[name].allowed == allowed
    for value in values:
        with pytest.raises(ParameterError) as raised:
            KNOWN[name].check(value)
        assert str(raised.value) == f"{name} must be {allowed}; got {value!r}"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("code_size", "8", 8), ("code_size", "8.5", 8.5), ("rate", "1e-3", 1e-3),
        ("rate", "2", 2), ("rate", "soon", "soon"), ("rate", "none", None),
        ("level", "NONE", None), ("hidden", "500,250", (500, 250)), ("hidden", "500,", (500,)),
        ("hidden", "", ()), ("hidden", "500,x", "500,x"), ("kind", "none", "none"),
        ("kind", "true", "true"), ("mode", "none", None), ("title", "7", "7"),
        ("flag", "True", True), ("flag", "1", 1), ("maybe", "false", False),
    ],
)  # fmt: skip
def test_a_text_is_read_by_the_type(name: str, text: str, value: object) -> None:
    found: Any = KNOWN[name].read(text)
    assert found == value
    assert type(found) is type(value)


def test_a_parameter_is_of_a_kind_that_can_be_written_down() -> None:
    @dataclass
    class Strange:
        table: set = ()  # type: ignore[type-arg, assignment]

    with pytest.raises(TypeError, match="table is <class 'set'>"):
        parameters_of(Strange)
