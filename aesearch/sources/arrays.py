"""The rows of an array, in memory or in a file, as a source whose items they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import xxhash

from aesearch.errors import ContentError, ParameterError, SourceError
from aesearch.modalities import MODALITIES, modality
from aesearch.sources.base import IN_MEMORY, NONE, Entry, as_line, require_key
from aesearch.sources.columns import Columns, Taken, UsedColumns
from aesearch.sources.npy import ArrayFile
from aesearch.sources.rows import REPEATED
from aesearch.sources.unread import Unread
from aesearch.types import Array

AT_ONCE = 4 << 20  # bytes of an array that are read at a time


@dataclass
class ArrayRows:
    """What is said of the rows of an array.

    Attributes
    ----------
    array : ndarray of shape (n, ...), or ArrayFile
    keys : sequence of str, optional
        By default the numbers of the rows, from 0.
    labels, fields : sequence of str
        Of each row, "" where it has none; empty where no row has one. Fields are JSON.
    refused : list of (str, str)
        Rows that are not in the array, each with the reason.
    used_columns : UsedColumns, optional
        Of a table: the columns that are used.
    unread : Unread
        Rows that are there, and could not be read.
    """

    array: Array | ArrayFile
    keys: Sequence[str] | None = None
    labels: Sequence[str] = ()
    fields: Sequence[str] = ()
    refused: list[tuple[str, str]] = field(default_factory=list)
    used_columns: UsedColumns | None = None
    unread: Unread = field(default_factory=Unread)

    def __len__(self) -> int:
        return len(self.array)

    @property
    def form(self) -> Array:
        """An array of the same shape and type."""
        return self.array.form if isinstance(self.array, ArrayFile) else self.array

    def require_one_each(self, place: str) -> None:
        """Raise SourceError where there are not as many keys, or labels, as rows."""
        for name, values in (("keys", self.keys), ("labels", self.labels or None)):
            if values is not None and len(values) != len(self):
                raise SourceError(
                    f"{place} has {len(self):,} rows, and {len(values):,} {name}; give one for each"
                )


class ArraySource:
    """The rows of an array; they are compared by their content, as those of a table are.

    Parameters
    ----------
    root : Path
        The file, or ``Path(IN_MEMORY)``.
    kind : str
        Name of the modality.
    load : callable
        Gives the rows; called again at each walk, as a file may have changed.
    columns : Columns
        What was chosen of it.

    Attributes
    ----------
    used_columns : UsedColumns or None
        What the last walk took for what; None before it, and of what has no columns.
    """

    plain = True
    encoding = ""

    def __init__(
        self,
        root: Path,
        kind: str,
        load: Callable[[], ArrayRows],
        columns: Columns | None = None,
    ) -> None:
        self.root = root
        self.kind: str | None = kind
        self.columns: Columns | None = columns or Columns()
        self.unreadable: list[tuple[str, str]] = []
        self.used_columns: UsedColumns | None = None
        self._content = modality(kind).as_kept
        self._load = load
        self._rows: ArrayRows | None = None
        self._numbers: dict[str, int] = {}

    @property
    def rows(self) -> ArrayRows:
        """The rows as they were last read."""
        if self._rows is None:
            rows = self._load()
            rows.require_one_each(str(self.root))
            self._numbers, unreadable = _numbered(rows.keys or ())
            self.used_columns, self.unreadable = rows.used_columns, rows.refused + unreadable
            self.columns = _holding(self.columns, rows.used_columns)
            self._rows = rows  # last: other threads may read meanwhile
        return self._rows

    def walk(self) -> Iterator[Entry]:
        """Yield every row; those that cannot be used are kept in `unreadable`."""
        self._rows = None
        rows = self.rows
        array, keys = rows.array, rows.keys
        step = max(1, AT_ONCE * len(array) // max(1, array.nbytes))
        for start in range(0, len(array), step):
            block = np.ascontiguousarray(array[start : start + step])
            for row, values in enumerate(block, start):
                key = str(row) if keys is None else keys[row]
                if keys is None or self._numbers.get(key) == row:
                    yield Entry(key, values.nbytes, self._stamp(values, row))

    def unseen(self, keys: Sequence[str]) -> list[str]:
        """Those of some keys which the last walk did not find, and may be where it could not."""
        return self.rows.unread.among(keys)

    def _stamp(self, values: Array, row: int) -> int:
        """What tells whether a row, its label or its fields have changed."""
        rows = self.rows
        digest = xxhash.xxh3_64(values.tobytes())
        for texts in (rows.labels, rows.fields):
            digest.update(b"\0" + (texts[row].encode(errors="replace") if texts else b""))
        return digest.intdigest() >> 1

    def read(self, key: str) -> bytes:
        """The content of a row, as its kind keeps it; raises ContentError."""
        row = self._row(key)
        if row is None:
            raise ContentError("there is no such row any more")
        return self._content(self.rows.array[row])

    def labels(self, keys: Sequence[str]) -> list[str]:
        """The label of each row; "" where it has none."""
        return self._of(self.rows.labels, keys)

    def fields(self, keys: Sequence[str]) -> list[str]:
        """The fields of each row as JSON, "{}" where it has none; "" of a key that is none."""
        texts = self.rows.fields
        rows = map(self._row, keys)
        return ["" if row is None else (texts[row] if texts else "") or NONE for row in rows]

    def _of(self, texts: Sequence[str], keys: Sequence[str]) -> list[str]:
        rows = map(self._row, keys)
        return [texts[row] if texts and row is not None else "" for row in rows]

    def _row(self, key: str) -> int | None:
        rows = self.rows
        if rows.keys is not None:
            return self._numbers.get(key)
        row = int(key) if key.isdecimal() and key.isascii() else -1
        return row if 0 <= row < len(rows) and str(row) == key else None


def _holding(columns: Columns | None, used: UsedColumns | None) -> Columns:
    """The columns, with what was taken of a table: it holds from now on."""
    columns = columns or Columns()
    if used is None:
        return columns
    return replace(columns, taken=Taken((), used.key, used.label, used.vector))


def _numbered(keys: Sequence[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Find out which row a key means, and which rows it does not: a key counts once."""
    rows: dict[str, int] = {}
    refused: list[tuple[str, str]] = []
    for row, key in enumerate(keys):
        if not key:
            refused.append((f"row {row}", "has no key"))
        elif rows.setdefault(key, row) != row:
            refused.append((f"row {row}", f"{REPEATED}'{key}' of row {rows[key]}"))
    return rows, refused


def kind_of_array(array: Array, place: str) -> str:
    """The modality whose items the rows of an array are.

    Raises
    ------
    SourceError
        If they are of none, or there are none.
    """
    if not array.size and array.ndim in (2, 4):
        raise SourceError(
            f"{place} is empty, of shape {array.shape}; it takes rows, and numbers in each"
        )
    found = next((name for name in MODALITIES if modality(name).holds(array)), None)
    if found is None:
        shapes = "; ".join(filter(None, (modality(name).arrays for name in MODALITIES)))
        hint = "; a single vector is one row: reshape(1, -1)" if array.ndim == 1 else ""
        raise SourceError(
            f"{place} is an array of {array.dtype}, of shape {array.shape}; what can be indexed "
            f"is: {shapes}{hint}"
        )
    return found


def open_array(
    array: Array, keys: Sequence[object] | None = None, labels: Sequence[object] | None = None
) -> ArraySource:
    """An array in memory as a source.

    Parameters
    ----------
    array : ndarray
        Of a shape that a modality `holds`.
    keys, labels : sequence, optional
        Of each row; what is no text is written as one. None is no label.

    Raises
    ------
    SourceError
        If the array is of no kind, or there are more or fewer keys or labels than rows.
    ParameterError
        If two rows have the same key.
    """
    kind = kind_of_array(array, "the array")
    rows = ArrayRows(array)
    if keys is not None:
        rows.keys = as_lines(keys)
        for key in rows.keys:
            require_key(key or "-", "keys")  # a row without one is left out
        _refuse_repeated(rows.keys)
    if labels is not None:
        rows.labels = as_lines(labels)
    rows.require_one_each("the array")
    return ArraySource(Path(IN_MEMORY), kind, lambda: rows)


def _refuse_repeated(keys: Sequence[str]) -> None:
    """Raise ParameterError where a key is that of two rows: nothing would tell of the second."""
    first: dict[str, int] = {}
    for row, key in enumerate(keys):
        if key and first.setdefault(key, row) != row:
            raise ParameterError(
                f"each row has a key of its own; '{key}' is that of the rows {first[key]} and {row}"
            )


def as_lines(values: Sequence[object]) -> list[str]:
    """Keys or labels as texts of one line each."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ParameterError(f"keys and labels are several, one for each row; got '{values}'")
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()  # what is masked is None
    return list(map(as_line, values))
