"""What a search returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

from aesearch.errors import ParameterError
from aesearch.settings import require_number

if TYPE_CHECKING:
    from aesearch.modalities.texts.passages import Passage
    from aesearch.modalities.texts.snippets import Snippet
    from aesearch.search.where import Where
    from aesearch.types import Ids

UNCHANGED = "unchanged"  # what is said of a hit that is the query itself
Among = str | PurePath | Iterable[str | PurePath] | None
Wanted: TypeAlias = "str | Where | None"  # of fields


@dataclass(frozen=True, slots=True)
class Hit:
    """One found item.

    Attributes
    ----------
    score : float
        Cosine of the codes, in [-1, 1]; of codes and words together, in [0, 1]. Higher is closer.
    key : str
        Path relative to the source, with forward slashes; of a table, the key of the row.
    path : Path or None
        Where the file is, of a row the table; None of what has none: added under a key of your own,
        or given as an array.
    title : str or None
        Of a document; where it has none, its first words. None of what is no document.
    snippet : Snippet or None
        The part of a document that shows best why it was found, with the words of the query
        marked.
    passage : Passage or None
        The passage whose code was nearest, where it was nearer than that of the whole document.
    fields : mapping or None
        The columns of its row in a table, and what a picture says of itself (EXIF), where there
        are any.
    same : str or None
        Of a picture that the query was made from, what was done to it: "cropped", "mirrored, turned
        by 90 degrees", "changed a little"; "unchanged" where the very file is in the index. None of
        what is only alike, and of all else than pictures.
    """

    score: float
    key: str
    path: Path | None
    title: str | None = None
    snippet: Snippet | None = None
    passage: Passage | None = None
    fields: Mapping[str, Any] | None = field(default=None, hash=False)
    same: str | None = None


class Found(NamedTuple):
    """One item, and the row of the engine, itself or a passage, that was nearest."""

    id: int
    score: float
    row: int
    same: str | None = None


class Limits(NamedTuple):
    """How many hits are wanted, and which.

    Attributes
    ----------
    k : int
    among : tuple of str or None
        Globs on keys; what one of them matches may be found.
    threshold : float or None
        Lowest score of a hit.
    hybrid : bool or None
        Rank by codes and words together; None leaves it to the check.
    only : ndarray of int64 or None
        Ids of the documents that may be found, in place of `among`.
    copies : bool or None
        Look for the picture that the query was made from; None leaves it to the kind.
    not_among : tuple of str or None
        Globs on keys; what one of them matches is not found.
    where : Where or None
        A condition on fields.
    offset : int
        So many of the best hits are passed over.
    """

    k: int
    among: tuple[str, ...] | None = None
    threshold: float | None = None
    hybrid: bool | None = None
    only: Ids | None = None
    copies: bool | None = None
    not_among: tuple[str, ...] | None = None
    where: Where | None = None
    offset: int = 0

    @property
    def are_open(self) -> bool:
        """Whether every item may be found."""
        return self.among is None and not self.not_among and self.where is None

    @property
    def whole(self) -> Self:
        """All hits to the last that is wanted; a k below 1 stays, to be refused."""
        return self._replace(k=self.k + self.offset if self.k > 0 else self.k, offset=0)

    def page(self, found: Sequence[Found]) -> Sequence[Found]:
        """Of all found the `k` that are wanted."""
        return found[self.offset : self.offset + self.k]

    @classmethod
    def of(
        cls,
        k: int,
        among: Among = None,
        threshold: float | None = None,
        hybrid: bool | None = None,
        copies: bool | None = None,
        not_among: Among = None,
        where: Wanted = None,
        offset: int = 0,
    ) -> Self:
        """Check what a user asked for.

        Raises
        ------
        ParameterError
        """
        if not isinstance(k, Integral) or isinstance(k, bool):
            raise ParameterError(f"k must be a whole number of at least 1; got {k!r}")
        if threshold is not None:
            require_number("threshold", threshold)
        if not isinstance(offset, Integral) or isinstance(offset, bool) or offset < 0:
            raise ParameterError(f"offset must be a whole number of at least 0; got {offset!r}")
        left = _globs(not_among, "not_among")
        return cls(
            int(k),
            _globs(among),
            threshold,
            hybrid,
            None,
            copies,
            left,
            _condition(where),
            int(offset),
        )


def _globs(among: Among, name: str = "among") -> tuple[str, ...] | None:
    if among is None:
        return None
    several = [among] if isinstance(among, str | PurePath) else among
    if isinstance(several, Iterable):
        globs = [glob.as_posix() if isinstance(glob, PurePath) else glob for glob in several]
        if all(isinstance(glob, str) for glob in globs):
            return tuple(globs)
    raise ParameterError(
        f"{name} is a glob on keys, such as 'holiday/**', or several of them; got {among!r}"
    )


def _condition(where: Wanted) -> Where | None:
    if where is None:
        return None
    from aesearch.search.where import Where  # which few searches need

    return where if isinstance(where, Where) else Where.of(where)
