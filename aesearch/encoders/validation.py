"""Checks of an encoder's parameters: each error names the parameter, its value, what is allowed."""

from __future__ import annotations

import math
from collections.abc import Collection
from numbers import Integral, Real

from aesearch.errors import ParameterError


def require_whole(encoder: object, least: int, *names: str, or_none: bool = False) -> None:
    """Require whole numbers of at least `least`.

    Raises
    ------
    ParameterError
        Like all of this module.
    """
    for name in names:
        value = getattr(encoder, name)
        if value is None and or_none:
            continue
        # True is an int to Python, but nobody means it as a size.
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            none = " or None" if or_none else ""
            raise ParameterError(
                f"{name} must be a whole number of at least {least}{none}; got {value!r}"
            )


def require_number(
    encoder: object,
    *names: str,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
) -> None:
    """Require finite numbers within [least, most], and greater than `above`."""
    for name in names:
        value = getattr(encoder, name)
        fits = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        if not fits or not (least <= value <= most and value > above):
            limits = [
                f"{word} {limit:g}"
                for word, limit in (("at least", least), ("above", above), ("at most", most))
                if math.isfinite(limit)
            ]
            allowed = " and ".join(limits)
            raise ParameterError(f"{name} must be a number {allowed}".rstrip() + f"; got {value!r}")


def require_one_of(encoder: object, name: str, allowed: Collection[object]) -> None:
    """Require one of a few values."""
    value = getattr(encoder, name)
    if value not in allowed:
        choices = ", ".join(map(str, allowed))
        raise ParameterError(f"{name} must be one of {choices}; got {value!r}")


def require_flag(encoder: object, *names: str, or_none: bool = False) -> None:
    """Require True or False."""
    for name in names:
        value = getattr(encoder, name)
        if not isinstance(value, bool) and not (or_none and value is None):
            allowed = "true, false or none" if or_none else "true or false"
            raise ParameterError(f"{name} must be {allowed}; got {value!r}")


def require_widths(encoder: object, name: str) -> None:
    """Require a sequence of whole numbers of at least 1, which may be empty."""
    value = getattr(encoder, name)
    fits = isinstance(value, tuple | list) and all(
        isinstance(width, Integral) and not isinstance(width, bool) and int(width) >= 1
        for width in value
    )
    if not fits:
        raise ParameterError(
            f"{name} must be whole numbers of at least 1, such as 1000,500,250; got {value!r}"
        )
