"""Parameters of encoders, each declared once: a field of a dataclass, with its type and limits.

    sparsity: Annotated[float, AtLeast(0)] = 0.0

From this line follow the check before `fit`, what a text after ``--set`` is read as, the error
messages, and the tables of docs/encoders.md.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from inspect import Signature, get_annotations, signature
from numbers import Integral
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

from aesearch._renamed import FORMER_NAMES, current_name
from aesearch.errors import ParameterError
from aesearch.settings import is_number


class Limit(ABC):
    """What the value of a parameter must keep to, beside its type."""

    @abstractmethod
    def holds(self, value: Any) -> bool:
        """Whether a value of the right type is allowed."""


@dataclass(frozen=True)
class AtLeast(Limit):
    """A smallest value; of a tuple, of each of its numbers."""

    bound: float

    def holds(self, value: Any) -> bool:
        """Whether it is `bound` or more."""
        return bool(value >= self.bound)

    def __str__(self) -> str:
        return f"at least {self.bound:g}"


@dataclass(frozen=True)
class AtMost(Limit):
    """A largest value."""

    bound: float

    def holds(self, value: Any) -> bool:
        """Whether it is `bound` or less."""
        return bool(value <= self.bound)

    def __str__(self) -> str:
        return f"at most {self.bound:g}"


@dataclass(frozen=True)
class Above(Limit):
    """A value that is not reached."""

    bound: float

    def holds(self, value: Any) -> bool:
        """Whether it is more than `bound`."""
        return bool(value > self.bound)

    def __str__(self) -> str:
        return f"above {self.bound:g}"


class OneOf(Limit):
    """A few values."""

    def __init__(self, *values: str) -> None:
        self.values = values

    def holds(self, value: Any) -> bool:
        """Whether it is one of them."""
        return value in self.values

    def __str__(self) -> str:
        return ", ".join(self.values)


Count = Annotated[int, AtLeast(1)]
Widths = Annotated[tuple[int, ...], AtLeast(1)]
Weight = Annotated[float, AtLeast(0)]
Share = Annotated[float, AtLeast(0), AtMost(1)]


@dataclass(frozen=True)
class Parameter:
    """One parameter of an encoder, as its class declares it.

    Attributes
    ----------
    name : str
    default : object
    kind : type
        bool, int, float, str, tuple, which holds whole numbers, or dict, of numbers by name.
    optional : bool
        Whether None is allowed too.
    limits : tuple of Limit
    """

    name: str
    default: Any
    kind: type
    optional: bool = False
    limits: tuple[Limit, ...] = ()

    def check(self, value: object) -> None:
        """Check a value.

        Raises
        ------
        ParameterError
            If it is not allowed: says what is.
        """
        if value is None and self.optional:
            return
        # True is an int to Python, but nobody means it as a number.
        if not _IS_OF_KIND[self.kind](value) or not all(map(self._fits, self._parts(value))):
            raise ParameterError(f"{self.name} must be {self.allowed}; got {value!r}")

    def _parts(self, value: Any) -> tuple[Any, ...]:
        if self.kind is dict:
            return tuple(value.values())
        return tuple(value) if self.kind is tuple else (value,)

    def _fits(self, value: Any) -> bool:
        return all(limit.holds(value) for limit in self.limits)

    @property
    def allowed(self) -> str:
        """What a value may be, in words: 'a whole number of at least 1 or None'."""
        limits = " and ".join(map(str, self.limits))
        of = "of " if limits.startswith("at") else ""
        words = {
            bool: "true or false",
            int: f"a whole number {of}{limits}",
            float: f"a number {of}{limits}",
            tuple: f"whole numbers {of}{limits}, such as 1000,500,250",
            dict: f"numbers {of}{limits} by name, such as contours:.5,colors:1",
            str: f"one of {limits}" if limits else "text",
        }[self.kind].rstrip()
        if not self.optional:
            return words
        return "true, false or None" if self.kind is bool else f"{words} or None"

    def read(self, text: str) -> Any:
        """Read a text as it is written after ``--set``.

        What fits nothing stays text, which `check` then refuses.
        """
        word = text.lower()
        if self.kind is str:
            return None if word == "none" and self.optional else text
        if word in _WORDS:
            return _WORDS[word]
        if self.kind is tuple:
            parts = [part.strip() for part in text.split(",")]
            numbers = all(part.lstrip("+-").isdecimal() for part in parts if part)
            return tuple(int(part) for part in parts if part) if numbers else text
        if self.kind is dict:
            return _by_name(text)
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
        return text


_WORDS = {"none": None, "true": True, "false": False}


def _by_name(text: str) -> dict[str, float] | str:
    """Read 'contours:.5,colors:1'; what is written otherwise stays text."""
    pairs = [part.rpartition(":") for part in text.split(",") if part.strip()]
    try:
        return {name.strip(): float(number) for name, _, number in pairs}
    except ValueError:
        return text


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return is_number(value) and math.isfinite(cast(float, value))


_IS_OF_KIND: dict[type, Callable[[object], bool]] = {
    bool: lambda value: isinstance(value, bool),
    int: _is_whole,
    float: _is_number,
    str: lambda value: isinstance(value, str),
    tuple: lambda value: isinstance(value, tuple | list) and all(map(_is_whole, value)),
    dict: lambda value: isinstance(value, Mapping) and all(map(_is_number, value.values())),
}


class FormerParameters(type):
    """The type of encoders: constructors take parameters under their former names, and warn."""

    @property
    def __signature__(cls) -> Signature:
        """That of the constructor, not of `__call__`; scikit-learn and editors ask for it."""
        whole = signature(cls.__init__)  # type: ignore[misc]  # of a class
        return whole.replace(parameters=list(whole.parameters.values())[1:])

    def __call__(cls, *values: Any, **given: Any) -> Any:
        """Make one."""
        known = parameters_of(cls) if not FORMER_NAMES.keys().isdisjoint(given) else given
        named = {name if name in known else _renamed(name): own for name, own in given.items()}
        return super().__call__(*values, **named)


def _renamed(name: str) -> str:
    """Name of today of a parameter, with a warning where that is another."""
    current = current_name(name)
    if current != name:
        warnings.warn(
            f"{name} is now {current}; the old name will go", DeprecationWarning, stacklevel=4
        )
    return current


def parameters_of(encoder: type) -> dict[str, Parameter]:
    """Parameters that the constructor of an encoder takes, by name.

    Those that the class itself declares come first, then those of its bases.

    Parameters
    ----------
    encoder : type
        A dataclass.
    """
    hints = get_type_hints(encoder, include_extras=True)
    taken = {field.name: field for field in fields(encoder) if field.init}
    names = [name for base in encoder.__mro__ for name in get_annotations(base)]
    return {
        name: _declared(name, hints[name], taken[name].default)
        for name in dict.fromkeys(names)
        if name in taken and taken[name].default is not MISSING
    }


def _declared(name: str, hint: Any, default: object) -> Parameter:
    """Take a type apart: Annotated[int | None, AtLeast(1)], or Count | None."""
    kinds: list[type] = []
    limits: list[Limit] = []
    todo = [hint]
    while todo:
        part = todo.pop()
        if get_origin(part) is Annotated:
            limits += [limit for limit in part.__metadata__ if isinstance(limit, Limit)]
            todo.append(part.__origin__)
        elif get_origin(part) in (Union, UnionType):
            todo += get_args(part)
        else:
            kind = get_origin(part) or part
            kinds.append(dict if kind is Mapping else kind)
    (kind,) = [kind for kind in kinds if kind is not NoneType]
    if kind not in _IS_OF_KIND:
        raise TypeError(
            "a parameter is a number, a flag, text, whole numbers or numbers by name; "
            f"{name} is {hint}"
        )
    return Parameter(name, default, kind, NoneType in kinds, tuple(limits))
