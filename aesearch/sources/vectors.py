"""Vectors in one file: .npy, .npz, and rows of .jsonl or .parquet that hold lists of numbers."""

from __future__ import annotations

import io
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from aesearch.errors import AesearchError, ContentError, ParameterError, SourceError
from aesearch.modalities.vectors.features import UNREADABLE, as_float32, is_of_objects
from aesearch.sources.arrays import ArrayRows, ArraySource, as_lines, kind_of_array
from aesearch.sources.base import STANDARD_INPUT
from aesearch.sources.choosing import SAMPLE, choose_columns, folded_names, require_columns
from aesearch.sources.columns import Columns, Taken, UsedColumns
from aesearch.sources.lists import (
    VECTORS,
    has_text,
    has_words,
    numbers_of,
    refuse_lists,
    vector_columns,
    width_of,
)
from aesearch.sources.npy import ArrayFile
from aesearch.sources.packed import PACKED
from aesearch.sources.record import Record, Refused
from aesearch.sources.records import JSON, JSON_LINES, PARQUET, Opened, open_records
from aesearch.sources.replayed import Replayed
from aesearch.sources.rows import REPEATED, columns_in, refused_of, require_taken
from aesearch.sources.unread import Unread
from aesearch.sources.values import as_fields, names_in, one_line, value_of
from aesearch.types import Array

KIND = "vectors"
NPY, NPZ = ".npy", ".npz"
LISTS = (
    *(suffix + packed for suffix in (*JSON_LINES, JSON) for packed in ("", *PACKED)),
    PARQUET,
)
# Names that keys and labels of an archive usually have.
KEYS, LABELS = ("keys", "key", "ids", "id"), ("labels", "label", "targets", "target")
Read = Record | Refused


def open_vectors(
    path: Path | None,
    columns: Columns,
    stream: IO[Any] | None,
    *,
    wanted: bool,
    encoding: str = "",
) -> ArraySource | None:
    """A file, or standard input, as a source of vectors; None where it holds none.

    Parameters
    ----------
    path : Path or None
        None for `stream`.
    columns : Columns
        Of an .npy file, key and label are files with a line for each row.
    stream : text file or None
    wanted : bool
        Whether vectors were asked for: then what is wrong is an error.
    encoding : str
        Of what is not UTF-8; "" finds out.

    Raises
    ------
    SourceError, ParameterError
    """
    name = "" if path is None else path.name.lower()
    if path is not None and name.endswith((NPY, NPZ)):
        columns = _whole(path, columns)
        load = partial(_npy if name.endswith(NPY) else _npz, path, columns)
        return ArraySource(path.resolve(), kind_of_array(load().form, str(path)), load, columns)
    if columns.text and (wanted or columns.vector):
        raise ParameterError("--text is of documents, and vectors have none; leave out --text")
    wanted = wanted or columns.vector is not None
    if path is not None and not name.endswith(LISTS):
        if wanted:
            raise SourceError(
                f"{path} holds no vectors; {', '.join((NPY, NPZ, *JSON_LINES, PARQUET))} may, and "
                f"folders of {NPY}"
            )
        return None
    if not wanted and not _holds_vectors(path, columns, stream, encoding):
        return None
    root = Path(STANDARD_INPUT) if path is None else path.resolve()
    source = ArraySource(root, KIND, _Table(path, stream, columns, encoding), columns)
    source.encoding = encoding
    return source


# -- arrays in files ----------------------------------------------------------------------------


def _whole(path: Path, columns: Columns) -> Columns:
    """Columns with whole paths, where they name files."""
    if columns.text:
        raise SourceError(f"{path} is an array and has no column of text; leave out --text")
    if path.name.lower().endswith(NPZ):
        return columns
    if columns.vector:
        raise SourceError(f"{path} is one array and has no columns; leave out --vector")
    key, label = (
        None if name is None else str(Path(name).resolve()) for name in (columns.key, columns.label)
    )
    return replace(columns, key=key, label=label)


# What zipfile raises, besides, of files that are damaged, encrypted or packed in other ways.
NO_ARCHIVE = (KeyError, zipfile.BadZipFile, zlib.error)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever numpy raises into a SourceError."""
    try:
        yield
    except AesearchError:  # some are ValueErrors too
        raise
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from None
    except (*UNREADABLE, *NO_ARCHIVE) as error:
        if is_of_objects(error):
            reason = "it holds Python objects, which are never loaded; save an array of numbers"
        else:
            reason = f"it is damaged, or no array: {str(error) or type(error).__name__}"
        raise SourceError(f"{path} cannot be read: {reason}") from None


def _npy(path: Path, columns: Columns) -> ArrayRows:
    with _reading(path):
        # Not numpy.load: it takes whatever has another beginning for a pickle, or an archive.
        rows = ArrayRows(ArrayFile(path))
    if columns.key is not None:
        rows.keys = _lines(Path(columns.key), path, rows)
    if columns.label is not None:
        rows.labels = _lines(Path(columns.label), path, rows)
    return rows


def _lines(path: Path, beside: Path, rows: ArrayRows) -> list[str]:
    """The lines of a file, one for each row of an array."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = text.removesuffix("\n").split("\n") if text else []
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise SourceError(
            f"{path} cannot be read: {reason}; --key and --label, which an index remembers, name "
            f"files with a line for each row of {beside.name}"
        ) from None
    if len(lines) != len(rows):
        raise SourceError(
            f"{path} has {len(lines):,} lines, and {beside} {len(rows):,} rows; give one for each"
        )
    return as_lines(lines)


def _npz(path: Path, columns: Columns) -> ArrayRows:
    with _reading(path), path.open("rb") as stream:
        archive = np.load(stream, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is one array; its name should end in .npy")
        names, array = tuple(archive.files), partial(_array_of, path, archive)
        require_columns(str(path), names, (columns.vector, columns.key, columns.label))
        taken = columns.taken
        if taken is not None:
            require_taken(str(path), names, taken, columns)
            columns = columns.over(Columns((), taken.key, taken.label, taken.vector))
        vector = columns.vector or _usual(VECTORS, names)
        if vector is None:
            tables = [name for name in names if array(name).ndim > 1]
            vector = _only(str(path), tables, names)
        others = [name for name in names if name != vector]
        key = columns.key or (_usual(KEYS, others) if taken is None else None)
        label = columns.label or (_usual(LABELS, others) if taken is None else None)
        for option, name in (("key", key), ("label", label)):
            if name == vector:
                raise ParameterError(
                    f"{path}: '{name}' holds the vectors; name another array with --{option}"
                )
        rows = ArrayRows(array(vector))
        if key is not None:
            rows.keys = _column(array(key), key)
        if label is not None:
            rows.labels = _column(array(label), label)
    unused = tuple(name for name in names if name not in (vector, key, label))
    rows.used_columns = UsedColumns((), key, label, unused, vector)
    return rows


def _array_of(path: Path, archive: Mapping[str, Array], name: str) -> Array:
    """One array of an archive, or a SourceError that names it where it holds objects."""
    try:
        return archive[name]
    except ValueError as error:
        if not is_of_objects(error):
            raise
        raise SourceError(
            f"{path}: '{name}' holds Python objects, which are never loaded; save "
            f"{name}.astype(str), or an array of numbers"
        ) from None


def _column(values: Array, name: str) -> list[str]:
    """Keys or labels of an archive."""
    if values.ndim != 1:
        raise ParameterError(f"{name} is of shape {values.shape}; give one for each row")
    return as_lines(values.tolist())


def _usual(usual: Sequence[str], names: Sequence[str]) -> str | None:
    folded = folded_names(names)
    return next((folded[name] for name in usual if name in folded), None)


def _only(place: str, found: Sequence[str], names: Sequence[str]) -> str:
    """The only name of vectors, or raise ParameterError."""
    if len(found) != 1:
        what = f"vectors in {', '.join(found)}" if found else "no lists of numbers"
        todo = f"name one with --vector, such as --vector {found[0]}" if found else "name another"
        there = ", ".join(names) or "nothing"
        raise ParameterError(f"{place} holds {what}; {todo} (it has {there})")
    return found[0]


# -- rows of tables -----------------------------------------------------------------------------


def _holds_vectors(
    path: Path | None, columns: Columns, stream: IO[Any] | None, encoding: str
) -> bool:
    """Whether a table is one of vectors: some column holds them, and none a text.

    Raises
    ------
    ParameterError
        If there are lists of numbers which are no vectors, and nothing else that can be indexed.
    """
    if columns.text or (path is None and not isinstance(stream, Replayed)):
        return False
    head = io.BytesIO(stream.head) if isinstance(stream, Replayed) else None
    try:
        names, sample = _begun(path, head, encoding)[:2]
    except AesearchError:  # whoever opens it as another table will say so
        return False
    if has_text(names, sample):
        return False
    if not vector_columns(names, sample) and not has_words(names, sample):
        refuse_lists(str(path or "standard input"), names, sample)
    return bool(vector_columns(names, sample))


def _begun(
    path: Path | None, stream: IO[Any] | None, encoding: str
) -> tuple[tuple[str, ...], list[Mapping[str, Any]], Iterator[Read], Opened]:
    """The columns of a table, its first rows, and all of them."""
    place = str(path or "standard input")
    try:
        opened = open_records(path, stream, page=encoding)
        sample = list(islice(opened.records, SAMPLE))
    except ContentError as error:
        raise SourceError(f"{place}: {error}") from error
    usable = [record.values for record in sample if isinstance(record, Record)]
    if opened.plain or not usable:
        reason = next((f": {one.place} {one.reason}" for one in refused_of(sample)), "")
        reason = ": line 1 is no JSON object" if opened.plain and usable else reason
        raise SourceError(f"{place} holds no rows of JSON{reason}")
    names = tuple(dict.fromkeys(columns_in(opened.header, usable)))
    return names, list(usable), chain(sample, opened.records), opened


class _Table:
    """The rows of a table that hold vectors, read at each call; standard input once."""

    def __init__(
        self, path: Path | None, stream: IO[Any] | None, columns: Columns, encoding: str
    ) -> None:
        self.path, self.stream, self.columns = path, stream, columns
        self.encoding = encoding
        self.known: ArrayRows | None = None

    def __call__(self) -> ArrayRows:
        if self.path is not None:
            return self._read()
        if self.known is None:
            if self.stream is None:
                raise SourceError("standard input is read once; give the vectors again, or a file")
            self.known = self._read()
        return self.known

    def _read(self) -> ArrayRows:
        place = str(self.path or "standard input")
        names, sample, records, opened = _begun(self.path, self.stream, self.encoding)
        chosen, taken = self.columns, self.columns.taken
        late = () if opened.header else (chosen.key, chosen.label)  # may come later in JSON
        require_columns(place, (*names, *filter(None, late)), _named(chosen))
        vector, width, key, label = self._chosen(place, names, sample)
        rest = [
            name for name in opened.header or _outer(sample) if name not in (vector, key, label)
        ]
        values, keys, labels, fields = array("f"), [], [], []
        refused: list[Refused] = []
        first: dict[str, str] = {}
        found: set[str] = set()
        for count, record in enumerate(records, 1):
            number = count if record.unit == "line" else record.line
            own = self._checked(record, number, vector, width, key, first)
            if isinstance(own, Refused):
                refused.append(own)
                continue
            name, row = own
            values.frombytes(row.tobytes())
            keys.append(name)
            assert isinstance(record, Record)
            if not opened.header and not record.values.keys() <= found:
                found.update(names_in(record.values), record.values)
                rest += [n for n in record.values if n not in (*rest, vector, key, label)]
            labels.append(one_line(value_of(record.values, label)) if label else "")
            fields.append(as_fields(record.values, rest))
        names = (*names, *(name for name in found if name not in names))
        require_columns(place, names, _named(chosen))
        if taken is not None:
            require_taken(place, names, taken, chosen)
        rows = np.frombuffer(values, np.float32).reshape(len(keys), width)
        columns = UsedColumns((), key or None, label or None, (), vector, tuple(rest))
        unread = Unread()
        for one in refused:
            unread.note(one)
        places = [(one.place, one.reason) for one in refused]
        return ArrayRows(rows, keys, labels, fields, places, columns, unread)

    def _chosen(
        self, place: str, names: Sequence[str], sample: list[Mapping[str, Any]]
    ) -> tuple[str, int, str, str]:
        """The column of vectors, their length, and the columns of key and label."""
        chosen, taken = self.columns, self.columns.taken or Taken()
        vector = chosen.vector or taken.vector or _plain_one(place, names, sample)
        width = width_of(vector, sample)
        if not width:
            refuse_lists(place, (vector,), sample)
            raise ParameterError(f"{place}: '{vector}' holds no lists of numbers; name another")
        for option, name in (("key", chosen.key), ("label", chosen.label)):
            if name == vector:
                raise ParameterError(
                    f"{place}: '{name}' holds the vectors; name another column with --{option}"
                )
        if taken.vector is not None:
            return vector, width, chosen.key or taken.key or "", chosen.label or taken.label or ""
        return vector, width, *choose_columns(names, sample, chosen.key, chosen.label, (vector,))

    def _checked(
        self,
        record: Read,
        number: int,
        vector: str,
        width: int,
        key: str,
        first: dict[str, str],
    ) -> tuple[str, Array] | Refused:
        """Key and vector of a row, or why there are none."""
        name = one_line(value_of(record.values, key)) if key else str(number)
        if isinstance(record, Refused):
            return replace(record, unread=True, key=name)
        row = numbers_of(value_of(record.values, vector))
        place = f"{record.unit} {record.line}"
        reason = ""
        if row is None:
            reason = f"has no list of numbers in '{vector}'"
        elif len(row) != width:
            reason = f"has {len(row)} numbers in '{vector}', and most rows {width}"
        else:
            try:
                row = as_float32(row)
            except ContentError as error:
                reason = f"has no vector in '{vector}': {error}"
        if not reason and not name:
            reason = f"has no key in '{key}'"
        elif not reason and first.setdefault(name, place) != place:
            reason = f"{REPEATED}'{name}' of {first[name]}"
        if reason or row is None:
            return Refused(record.line, reason, unit=record.unit)
        return name, row


def _outer(sample: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for values in sample for name in values))


def _named(columns: Columns) -> tuple[str | None, ...]:
    return columns.vector, columns.key, columns.label


def _plain_one(place: str, names: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> str:
    """The column of vectors that needs no choice, or raise ParameterError."""
    found = vector_columns(names, sample)
    if not found:
        refuse_lists(place, names, sample)
    return _usual(VECTORS, found) or _only(place, found, names)
