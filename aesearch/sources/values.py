"""Values of a row as a reader would see them, also those within others: 'data.title'."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from unicodedata import normalize

import numpy as np

from aesearch.modalities.texts.charset import tidy

DEEPEST = 5  # levels of a record that are looked into


def value_of(values: Mapping[str, Any], name: str) -> Any:
    """The value of a column; of 'data.title', what stands so deep, of lists all; None for none."""
    if name in values or "." not in name:
        return values.get(name)
    return _within(values, name.split("."))


def _within(value: Any, parts: list[str]) -> Any:
    if not parts:
        return value
    if isinstance(value, list):
        found = [one for one in (_within(each, parts) for each in value) if one is not None]
        return found or None
    if not isinstance(value, Mapping):
        return None
    # A name may hold points itself: {"a": {"b.c": 1}}.
    for end in range(1, len(parts) + 1):
        if (name := ".".join(parts[:end])) in value:
            return _within(value[name], parts[end:])
    return None


def names_in(values: Mapping[str, Any], before: str = "", depth: int = 1) -> Iterator[str]:
    """The columns of a row: names, and paths to what is within other values."""
    for name, value in values.items():
        inner = next(filter(None, value), None) if isinstance(value, list) else value
        if isinstance(inner, Mapping) and inner and depth < DEEPEST:
            yield from names_in(inner, f"{before}{name}.", depth + 1)
        else:
            yield before + name


def as_text(value: Any) -> str:
    """A value as a reader would see it: what has no words of its own is empty."""
    if isinstance(value, str):
        return tidy(value).strip()
    if isinstance(value, list):
        return "\n".join(filter(None, map(as_text, value)))
    if value is None or isinstance(value, Mapping | bytes):
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return str(value)


def fold(text: str) -> str:
    """A text as it is compared: composed, and without regard to case."""
    return text.lower() if text.isascii() else normalize("NFC", normalize("NFC", text).casefold())


def one_line(value: Any) -> str:
    """A value as a key or a label: in one line, without needless spaces."""
    return " ".join(as_text(value).split())


def count_words(value: Any) -> int:
    """Words of a string; 0 for what is no string, or a number written as one."""
    if isinstance(value, list):
        return sum(map(count_words, value))
    if not isinstance(value, str):
        return 0
    try:
        float(value.replace(",", "."))
    except ValueError:
        # Scripts without spaces have a word for about two characters.
        beyond = sum(letter >= "\u2e80" for letter in value[:MOST_LOOKED_AT])
        return len(value.split(maxsplit=MOST_WORDS)) + beyond // 2
    return 0


def as_fields(values: Mapping[str, Any], names: Sequence[str]) -> str:
    """Some values of a row as a JSON object, "" where it has none of them."""
    own = {name: _jsonable(value_of(values, name)) for name in names}
    own = {name: value for name, value in own.items() if value is not None}
    text = json.dumps(own, ensure_ascii=False, default=str) if own else ""
    return text.encode(errors="replace").decode()  # halves of letters, which JSON may have


def _jsonable(value: Any) -> Any:
    """A value as JSON has it, which knows neither NaN nor infinity."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list):
        return [_jsonable(one) for one in value]
    if isinstance(value, dict):
        return {name: _jsonable(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


MOST_WORDS, MOST_LOOKED_AT = 1000, 4000
