"""Several queries as one: examples of what is meant, and of what is not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from numbers import Real
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aesearch.errors import ContentError, ParameterError
from aesearch.modalities.given import as_given, is_one
from aesearch.search.query import Query
from aesearch.types import Doubles, Floats

if TYPE_CHECKING:
    from aesearch.modalities import Modality

Key = str | PurePath | int  # a row is named by its number in digits
Crop = Sequence[float]

UNLIKE = 0.25  # Rocchio's gamma: of the mean of what is not meant; see `benchmarks.together`
NOTHING = 1e-6  # length of a mean from which no direction can be told


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One of several things that are searched with together.

    Parameters
    ----------
    content : object, optional
        A picture, a text or a vector, as `Index.search` takes it.
    key : str, Path or int, optional
        Of an item of the index, in place of content. It is not among the hits.
    weight : float, default=1
        How much it counts beside the others, of its side: like, or unlike.
    crop : sequence of four numbers, optional
        Of a picture, the part that is meant; see `Index.search`.

    Raises
    ------
    ParameterError
        If it has neither content nor key, or both, or no weight above 0.

    Examples
    --------
    >>> index.search(like=["a.jpg", Example(key="b.jpg", weight=2)])    # doctest: +SKIP
    """

    content: Any = None
    key: Key | None = None
    weight: float = 1.0
    crop: Crop | None = None

    def __post_init__(self) -> None:
        if (self.content is None) == (self.key is None):
            raise ParameterError("an Example has content, or the key of an item: one of the two")
        if self.key is not None and self.crop is not None:
            raise ParameterError("crop is for content; an item of the index is taken whole")
        weight = self.weight
        is_number = isinstance(weight, Real) and not isinstance(weight, bool)
        if not is_number or not 0 < weight < math.inf:
            raise ParameterError(f"weight must be a number above 0; got {weight!r}")

    @classmethod
    def of(cls, content: Any) -> Example:
        """An example as it is; what is none becomes the content of one."""
        return content if isinstance(content, Example) else cls(content)


def examples(
    modality: Modality, content: Any, like: Any, unlike: Any, crop: Crop | None
) -> tuple[list[Example], list[Example]]:
    """What is meant and what is not, as `Index.search` takes it; the one picture cropped.

    Raises
    ------
    ParameterError
        If nothing is meant, or the crop is of several.
    """
    likes, unlikes = _examples(modality, like, "like"), _examples(modality, unlike, "unlike")
    if content is not None:
        likes.insert(0, Example.of(content))
    if not likes:
        raise ParameterError(
            "nothing is like: give content, or examples as like; unlike alone says only what is "
            "not meant"
        )
    if crop is None:
        return likes, unlikes
    if len(likes) > 1:
        raise ParameterError(
            "crop is of one picture; of several, each has its own: Example(photo, crop=...)"
        )
    return [replace(likes[0], crop=crop)], unlikes


def _examples(modality: Modality, given: Any, side: str) -> list[Example]:
    """One example, or several, as a list."""
    if given is None:
        return []
    given = given if isinstance(given, Example | Query) else as_given(given)
    if isinstance(given, Example | Query) or is_one(given) or modality.takes(given):
        return [Example.of(given)]
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise ParameterError(
            f"{side} is a content, an Example, or a list of these; got {type(given).__name__}"
        )
    return [Example.of(one) for one in given]


class Asked(NamedTuple):
    """An example that was read: a query, or an item of the index.

    Attributes
    ----------
    weight : float
    query : Query
        Of an item, what stands for it where hits are shown.
    id : int or None
        Of an item.
    """

    weight: float
    query: Query
    id: int | None = None


@dataclass(frozen=True)
class Joint:
    """Several queries as one.

    Attributes
    ----------
    likes, unlikes : tuple of Asked

    Raises
    ------
    ParameterError
        If an item of the index is on both sides.
    """

    likes: tuple[Asked, ...]
    unlikes: tuple[Asked, ...] = ()

    def __post_init__(self) -> None:
        liked = {one.id for one in self.likes if one.id is not None}
        for number, one in enumerate(self.unlikes):
            if one.id in liked:
                raise ParameterError(
                    f"unlike[{number}] is an item that is given as like too: leave one out"
                )

    @property
    def ids(self) -> set[int]:
        """The items that are examples, and therefore no hits."""
        return {one.id for one in chain(self.likes, self.unlikes) if one.id is not None}

    @property
    def typed(self) -> list[Query]:
        """The texts that were typed of what is meant."""
        return [one.query for one in self.likes if one.query.typed]

    @cached_property
    def words(self) -> Query:
        """One query of all words: of what was typed, or where nothing was, of all that is meant."""
        texts = self.typed or [one.query for one in self.likes]
        query = Query(None, b"", text=" ".join(one.text or "" for one in texts), typed=True)
        if any(one.text for one in texts):
            read = [one.syntax for one in texts]
            query.syntax = type(read[0])(
                " ".join(one.plain for one in read),
                tuple(chain.from_iterable(one.required for one in read)),
                tuple(chain.from_iterable(one.excluded for one in read)),
                tuple(chain.from_iterable(one.unread for one in read)),
            )
        query.quoted = False  # which each was asked for itself
        return query

    def code(
        self, encode: Callable[[Sequence[Query]], Floats], codes_of: Callable[[list[int]], Floats]
    ) -> Floats | None:
        """The code, of shape (1, code_size); None where none of what is meant has one.

        Parameters
        ----------
        encode : callable
            The codes of queries; zeros of one that has none.
        codes_of : callable
            The codes of items by id.

        Raises
        ------
        ParameterError
            If what is meant and what is not cancel each other out.
        """
        items = sorted(self.ids)  # the order in which codes come
        kept = dict(zip(items, codes_of(items), strict=True)) if items else {}

        def side(several: Sequence[Asked]) -> tuple[Floats, Doubles]:
            asked = [one.query for one in several if one.id is None]
            fresh = iter(encode(asked) if asked else ())
            codes = np.stack([next(fresh) if one.id is None else kept[one.id] for one in several])
            known = codes.any(axis=1)
            return codes[known], np.array([one.weight for one in several])[known]

        likes, weights = side(self.likes)
        if not len(likes):
            return None
        if not self.unlikes:
            return joint_code(likes, weights)
        return joint_code(likes, weights, *side(self.unlikes))


def joint_code(
    likes: Floats,
    weights: Doubles,
    unlikes: Floats | None = None,
    weights_of_unlikes: Doubles | None = None,
    gamma: float = UNLIKE,
) -> Floats:
    """Return the mean of some codes less `gamma` times that of others, of unit length.

    Parameters
    ----------
    likes, unlikes : ndarray of float32, shape (n, code_size)
    weights, weights_of_unlikes : ndarray of float64, shape (n,)
    gamma : float

    Returns
    -------
    ndarray of float32, shape (1, code_size)

    Raises
    ------
    ParameterError
        If that is nothing.

    References
    ----------
    J. Rocchio, Relevance feedback in information retrieval, 1971.
    """
    code = np.average(likes, axis=0, weights=weights)
    if unlikes is not None and len(unlikes):
        code = code - gamma * np.average(unlikes, axis=0, weights=weights_of_unlikes)
    length = float(np.linalg.norm(code))
    if length < NOTHING:
        raise ParameterError(
            "the examples cancel each other out, and nothing is left to search with: leave one out"
        )
    return (code / length)[None].astype(np.float32)


@contextmanager
def named(side: str, number: int) -> Iterator[None]:
    """Say of which of several examples an error is."""
    try:
        yield
    except ContentError as error:
        raise error.told(f"{side}[{number}]: {error}") from error
