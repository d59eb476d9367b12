"""What every source has: entries, their content, their labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple, Protocol

import xxhash

from aesearch.errors import ParameterError
from aesearch.sources.names import RAW

if TYPE_CHECKING:
    from aesearch.sources.columns import Columns, UsedColumns

MAX_BYTES = 512 << 20


class Entry(NamedTuple):
    """One file of a source: its key, a path relative to the source, and how it looked."""

    key: str
    size: int
    mtime_ns: int


def stamp_of(status: os.stat_result) -> int:
    """The time stamp of a file, in nanoseconds since 1970, in 63 bits and a sign.

    What SQLite holds ends in 1677 and 2262; stamps beyond wrap round, so that they still differ.
    """
    return (status.st_mtime_ns + (1 << 63)) % (1 << 64) - (1 << 63)


def digest_of(content: bytes, part: bytes = b"") -> bytes:
    """Digest of a content, or of a part of it: 16 bytes (xxh3-128), equal for equal contents."""
    if not part:
        return xxhash.xxh3_128_digest(content)
    state = xxhash.xxh3_128(content)
    state.update(part)
    return state.digest()


def as_line(value: object) -> str:
    """A key or a label as text of one line: a number in its digits, bytes as UTF-8, None as none.

    Raises
    ------
    ParameterError
        If it is of bytes that are no text, or text that cannot be written as UTF-8.
    """
    try:
        text = value.decode() if isinstance(value, bytes) else str(value)
        text.encode()
    except UnicodeError:
        raise ParameterError(f"keys and labels are text; {value!r} is no UTF-8") from None
    return "" if value is None else " ".join(text.split())


def as_key(value: object) -> str:
    """A key as it is looked up: text as it is, a path with /, and 7 as '7', as `as_line` has it."""
    if isinstance(value, PurePath):
        return value.as_posix()
    return value if isinstance(value, str) else as_line(value)


def as_keys(keys: Iterable[object]) -> list[str]:
    """Return the keys that are meant by several, each as `as_key` takes it.

    Raises
    ------
    ParameterError
        If it is one, and not several.
    """
    if keys is None:
        raise ParameterError(f"keys are several keys of items, in a list; got {keys!r}")
    if isinstance(keys, str | bytes) or not isinstance(keys, Iterable):
        raise ParameterError(f"keys must be several; put a single one into a list: [{keys!r}]")
    return list(map(as_key, keys))


def require_key(key: str, place: str) -> None:
    """Raise ParameterError if a text is no key; `place` says where it stands."""
    if not key or "\0" in key or RAW.search(key):
        raise ParameterError(
            f"{key!r} in {place} is no key: a key is text (UTF-8) of at least one letter, without "
            "NUL"
        )


class Source(Protocol):
    """Where items come from.

    Attributes
    ----------
    root : Path
        A folder, or a file.
    unreadable : list of (str, str)
        What the last walk could not even list, each with its reason.
    plain : bool
        Whether what is read is plain text, whatever its name says.
    encoding : str
        Of what is not UTF-8, as a user named it; "" where it is found out.
    kind : str or None
        The modality of its items, where there is no choice.
    columns : Columns or None
        What was chosen of a table, or of an array, and after a walk what was taken; None where
        items are files.
    used_columns : UsedColumns or None
        Which columns the last walk took for what; None where there are none.
    """

    root: Path
    unreadable: list[tuple[str, str]]
    plain: bool
    encoding: str
    kind: str | None
    columns: Columns | None
    used_columns: UsedColumns | None

    def walk(self) -> Iterator[Entry]:
        """Yield what there is."""

    def unseen(self, keys: Sequence[str]) -> list[str]:
        """Those of some keys, which the last walk did not find, that may yet be there.

        They lie where it could not look: below a folder, or behind the damage in a table.
        """

    def read(self, key: str) -> bytes:
        """Content of one item; raises ContentError."""

    def labels(self, keys: Sequence[str]) -> list[str]:
        """Label of each, "" where it has none."""

    def fields(self, keys: Sequence[str]) -> list[str]:
        """What else is said of each, as a JSON object, `NONE` for nothing; "" where unknown."""


NONE = "{}"  # what an item says of itself that says nothing
STANDARD_INPUT = "-"
IN_MEMORY = "(array)"  # the source of what was given as an array


class Known(NamedTuple):
    """Size, time and digest of an item, or of a skipped file, as the index has them."""

    size: int
    mtime_ns: int
    digest: bytes = b""
