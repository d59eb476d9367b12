"""What a query is made of: files, texts and items, meant or not meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import click


class Part(NamedTuple):
    """One thing that is searched with.

    Attributes
    ----------
    name : str
        As it was typed.
    content : object
        A path, bytes, a vector or a text; of an item of the index, where its file is.
    key : str or None
        Of an item.
    """

    name: str
    content: Any
    key: str | None = None


class Asked(NamedTuple):
    """A query: what is meant, and what is not.

    Attributes
    ----------
    likes, unlikes : sequence of Part
    """

    likes: Sequence[Part]
    unlikes: Sequence[Part] = ()

    @property
    def name(self) -> str:
        """It in one line: A.jpg + B.jpg - C.jpg."""
        likes = " + ".join(one.name for one in self.likes)
        return "".join([likes, *(f" - {one.name}" for one in self.unlikes)])

    @property
    def is_one(self) -> bool:
        """Whether it is nothing but one thing."""
        return len(self.likes) == 1 and not self.unlikes


class CropType(click.ParamType):  # type: ignore[type-arg]  # older versions take none
    """x,y,width,height: pixels, shares of the picture, or percentages."""

    name = "crop"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Read four numbers."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        percent = "%" in value and all(part == "0" or part.endswith("%") for part in parts)
        try:
            numbers = [float(part.removesuffix("%") if percent else part) for part in parts]
        except ValueError:
            numbers = []
        if len(numbers) != 4:
            self.fail(
                f"'{value}' is not x,y,width,height: pixels (10,20,300,200), shares of the picture "
                "(0.1,0.1,0.5,0.5), or percentages (10%,10%,50%,50%)",
                param,
                ctx,
            )
        if percent and any(not 0 <= number <= 100 for number in numbers):
            self.fail(f"'{value}' has a percentage that is not in 0..100", param, ctx)
        return tuple(number / 100 if percent else number for number in numbers)


def all_of(conditions: Sequence[str]) -> str | None:
    """Return the condition that all of some are met; each is read, so that a fault shows in it."""
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    from aesearch.search.where import Where  # which few searches need

    return " and ".join(f"({Where.of(one).text})" for one in conditions)
