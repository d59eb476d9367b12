"""Times, sizes and parameters are read as they were meant, and what is written is read again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from aesearch.encoders.factory import chosen_parameters, parse_choices
from aesearch.errors import ParameterError
from aesearch.settings import Settings, format_parameters, parse_memory, parse_seconds

SECONDS = {"s": 1, "m": 60, "h": 3600}
BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
BLANK = st.sampled_from(["", " ", "  "])
CASES = st.sampled_from([str.lower, str.upper])
# Tenths are not exact in binary, eighths are.
AMOUNTS = st.one_of(st.integers(0, 10**6), st.integers(0, 10**4).map(lambda n: n / 8))


@given(
    parts=st.lists(st.tuples(AMOUNTS, st.sampled_from("smh")), min_size=1, max_size=3),
    blank=BLANK,
    case=CASES,
)
def test_times_are_the_sum_of_their_parts(
    parts: list[tuple[float, str]], blank: str, case: Any
) -> None:
    text = blank.join(f"{number}{blank}{unit}" for number, unit in parts)
    expected = sum(number * SECONDS[unit] for number, unit in parts)
    assert parse_seconds(case(f"{blank}{text}{blank}")) == expected


@given(seconds=st.integers(0, 10**6))
def test_a_time_is_the_same_in_hours_and_minutes_and_in_seconds(seconds: int) -> None:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    assert parse_seconds(f"{hours}h{minutes}m{rest}s") == parse_seconds(str(seconds)) == seconds


@given(
    amount=AMOUNTS,
    unit=st.sampled_from(list(BYTES)),
    ending=st.sampled_from(["", "b", "ib"]),
    blank=BLANK,
    case=CASES,
)
def test_sizes(amount: float, unit: str, ending: str, blank: str, case: Any) -> None:
    text = case(f"{blank}{amount}{blank}{unit}{ending}{blank}")
    assert parse_memory(text) == int(amount * BYTES[unit])


@given(size=st.integers(0, 1 << 53), unit=st.sampled_from(list(BYTES)))
def test_whole_sizes_are_exact(size: int, unit: str) -> None:
    assert parse_memory(f"{size}{unit}") == size * BYTES[unit]


@given(text=st.one_of(st.text(), st.text("0123456789.,-+ smhkgt", max_size=8)))
@example(text="9" * 5000)
@example(text="²")
def test_other_texts_are_refused(text: str) -> None:
    for parse in (parse_seconds, parse_memory):
        try:
            assert parse(text) >= 0
        except ParameterError as error:
            assert "' is no " in str(error)  # noqa: PT017


# -- parameters ------------------------------------------------------------------------------------

# Some of those of `mlp`: numbers, whole numbers, a tuple of them, words, true or false, and None.
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "hidden": st.lists(st.integers(1, 4096), min_size=1, max_size=4).map(tuple),
        "activation": st.sampled_from(["relu", "tanh"]),
        "learning_rate": st.floats(1e-9, 1),
        "weight_decay": st.floats(0, 1),
        "tied": st.booleans(),
        "epochs": st.none() | st.integers(1, 10**6),
        "batch_size": st.integers(2, 10**4),
    },
)


@given(parameters=PARAMETERS)
def test_parameters_survive_the_command_line(parameters: dict[str, Any]) -> None:
    try:
        chosen = chosen_parameters("mlp", parameters, 64, 0)
    except ParameterError:
        assume(False)
    said = parse_choices(format_parameters(chosen).split())
    assert set(said) == set(chosen)
    assert chosen_parameters("mlp", said, 64, 0) == chosen
    assert Settings(encoder="mlp", parameters=chosen).parameters == chosen


@given(text=st.text())
def test_what_follows_set_is_a_name_and_a_value(text: str) -> None:
    key, equals, value = text.partition("=")
    if equals and key.strip():
        assert parse_choices([text]) == {key.strip(): value.strip()}
    else:
        with pytest.raises(ParameterError, match="--set takes KEY=VALUE"):
            parse_choices([text])
