"""Fields of files from a table beside them: an inventory of pictures, a list of documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aesearch.errors import ContentError, ParameterError, SourceError
from aesearch.modalities.parts import split_part
from aesearch.settings import NO_METADATA, Metadata
from aesearch.sources.base import NONE
from aesearch.sources.choosing import require_columns
from aesearch.sources.form import Form
from aesearch.sources.names import canonical
from aesearch.sources.record import Record
from aesearch.sources.records import open_records
from aesearch.sources.values import as_fields, fold, names_in, one_line, value_of
from aesearch.wording import counted

LOOKED_AT = 5_000  # rows, by which the column that names files is found


@dataclass
class Matched:
    """The rows of a table, by the files that they are of.

    Attributes
    ----------
    key : str
        The column that names the files.
    columns : dict of str to str
        What the row of each file says, as JSON, by its key.
    files : int
    alone, repeated, unread : int
        Rows without a file, rows of a file that has an earlier one, rows that cannot be read.
    """

    key: str
    columns: dict[str, str] = field(default_factory=dict)
    files: int = 0
    alone: int = 0
    repeated: int = 0
    unread: int = 0

    def as_dict(self) -> dict[str, str | int]:
        """The counts as JSON."""
        return {
            "key": self.key,
            "files": self.files,
            "with_a_row": len(self.columns),
            "alone": self.alone,
            "repeated": self.repeated,
            "unread": self.unread,
        }

    def told(self, noun: str) -> str:
        """What fits, in a line."""
        parts = [
            f"{len(self.columns):,} of {counted(self.files, noun)} "
            f"{'has' if len(self.columns) == 1 else 'have'} a row (by '{self.key}')"
        ]
        if self.alone:
            parts.append(f"{counted(self.alone, 'row')} {_have(self.alone)} no {noun}")
        if self.repeated:
            parts.append(f"{counted(self.repeated, 'row')} {_have(self.repeated)} an earlier one's")
        if self.unread:
            parts.append(f"{counted(self.unread, 'row')} cannot be read")
        return "; ".join(parts)


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def match(metadata: Metadata, root: Path, keys: Iterable[str]) -> Matched:
    """Read a table, and find the file of each row.

    Parameters
    ----------
    metadata : Metadata
    root : Path
        The folder of the files.
    keys : iterable of str
        Of the items; those of further pages of a file are passed over.

    Raises
    ------
    SourceError
        If the table is away, or damaged, or no row of it fits any file.
    ParameterError
        If it has no such column.
    """
    files = _Files(root, [key for key in keys if split_part(key)[1] == 1])
    rows, unread = _rows_of(Path(metadata.path))
    columns = list(dict.fromkeys(name for row in rows for name in names_in(row)))
    if metadata.key:
        require_columns(metadata.path, columns, [metadata.key])
    key = metadata.key or _fitting(metadata.path, rows, columns, files)
    found = Matched(key, files=len(files.whole), unread=unread)
    for row in rows:
        file = files.meant(one_line(value_of(row, key)))
        if file is None:
            found.alone += 1
        elif file in found.columns:
            found.repeated += 1
        else:
            found.columns[file] = as_fields(row, list(names_in(row))) or NONE
    if not found.columns and len(files.whole):
        raise SourceError(
            f"no row of {metadata.path} fits a file by '{key}'; name the column with --key: it has "
            f"{', '.join(columns)}"
        )
    return found


def _rows_of(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The rows of a table, and how many cannot be read.

    Raises
    ------
    SourceError
        If it is away, or so damaged that rows are lost.
    """
    try:
        opened = open_records(path, None, Form(headed=True))
        records = list(opened.records)
    except (ContentError, OSError) as error:
        raise SourceError(f"{path}: {error}") from error
    for one in records:
        if not isinstance(one, Record) and one.hides:
            raise SourceError(f"{path}: {one.place} {one.reason}")
    good = [one.values for one in records if isinstance(one, Record) and one.surplus <= 0]
    if not good:
        raise SourceError(f"{path} holds no rows")
    return good, len(records) - len(good)


def _fitting(
    place: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], files: _Files
) -> str:
    """The column whose values name the most files."""
    fits = Counter(
        name
        for name in columns
        for file in {files.meant(one_line(value_of(row, name))) for row in rows[:LOOKED_AT]}
        if file is not None
    )
    if not fits:
        raise SourceError(
            f"no column of {place} names files of the collection; it has {', '.join(columns)}"
        )
    return max(columns, key=lambda name: fits[name])


class _Files:
    """The files of a collection, as a table may name them: by path, or by name where one has it."""

    def __init__(self, root: Path, keys: Sequence[str]) -> None:
        self.whole = dict.fromkeys(keys)
        self._root = root
        self._by = [_only(keys, way) for way in (_path, _name, _stem)]

    def meant(self, value: str) -> str | None:
        """The key of the file that a value names, or None."""
        for name in dict.fromkeys([value, value.replace("\\", "/")]):
            name = name.removeprefix("./").removeprefix(f"{self._root}/")
            if not name or name in self.whole:
                return name or None
            own = _path(name)
            for files in self._by:
                if (found := files.get(own)) is not None:
                    return found
        return None


def _only(keys: Iterable[str], way: Any) -> dict[str, str]:
    """Keys by one way to write them, where no other has the same."""
    found: dict[str, str] = {}
    twice = set()
    for key in keys:
        own = way(key)
        if found.setdefault(own, key) != key:
            twice.add(own)
    return {own: key for own, key in found.items() if own not in twice}


def _path(key: str) -> str:
    return fold(canonical(key))


def _name(key: str) -> str:
    return _path(key.rpartition("/")[2])


def _stem(key: str) -> str:
    name = _name(key)
    return name.rpartition(".")[0] or name


def of_files(found: Matched, keys: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """What is said of each item, further pages of a file included; None where nothing is."""
    for key in keys:
        yield key, found.columns.get(split_part(key)[0])


def require_metadata(path: str | Path, key: str | None) -> Metadata:
    """What a user named, looked at: a table that can be read, and a column of it.

    Raises
    ------
    SourceError, ParameterError
    """
    if path == "":
        return NO_METADATA
    place = Path(path).resolve()
    rows, _ = _rows_of(place)
    if key:
        columns = list(dict.fromkeys(name for row in rows for name in names_in(row)))
        require_columns(str(place), columns, [key])
    return Metadata(str(place), key or "")


def refuse_key_alone(path: object, key: object) -> None:
    """Raise ParameterError where a column is named, and no table."""
    if key is not None and path is None:
        raise ParameterError("metadata_key names a column of metadata: name that table, too")
