"""A collection in one file, or on standard input: a source whose items are rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import xxhash

from aesearch.errors import SourceError
from aesearch.sources.base import NONE, STANDARD_INPUT, Entry, Source
from aesearch.sources.choosing import TITLE
from aesearch.sources.columns import Columns, UsedColumns
from aesearch.sources.record import Refused
from aesearch.sources.records import is_table
from aesearch.sources.rows import Rows, read_table
from aesearch.sources.unread import Unread
from aesearch.sources.values import as_fields, names_in


class Table:
    """The rows of a .csv, .tsv or .jsonl file, or of standard input.

    Rows are compared by their content: an entry's time stamp is a hash of its text.

    Parameters
    ----------
    path : Path or None
        None for standard input, which `stream` then is.
    columns : Columns
    stream : text file, optional

    Attributes
    ----------
    used_columns : UsedColumns or None
        What the last walk took for text, key and label; None before it, and of plain lines, which
        have no columns.

    Raises
    ------
    SourceError
        If there is no such file.
    """

    plain = True
    encoding = ""
    kind: str | None = "texts"

    def __init__(
        self, path: Path | None, columns: Columns | None = None, stream: IO[Any] | None = None
    ) -> None:
        if path is not None and not path.is_file():
            raise SourceError(f"there is no file {path}; name the table that is there")
        self.root = path.resolve() if path is not None else Path(STANDARD_INPUT)
        self.columns: Columns | None = columns or Columns()
        self.unreadable: list[tuple[str, str]] = []
        self.used_columns: UsedColumns | None = None
        self._unread = Unread()
        self._path, self._stream = path, stream
        self._rows: dict[str, tuple[str, str]] = {}
        self._fields: dict[str, str] = {}

    def walk(self) -> Iterator[Entry]:
        """Yield every row that can be used; the others are kept in `unreadable`.

        What was taken then stands in `columns`, and holds from there on.
        """
        if self._path is None and self._stream is None and not self._rows:
            raise SourceError("standard input is read once; give the documents again, or a file")
        self.unreadable = []
        if self._path is not None or self._stream is not None:
            self._read()
        for key, (text, label) in self._rows.items():
            content = text.encode(errors="replace")
            yield Entry(key, len(content), row_stamp(content, label))

    def _read(self) -> None:
        """Read all rows."""
        chosen = self.columns or Columns()
        self._rows, self._fields, self._unread = {}, {}, Unread()
        found = read_table(self._path, self._stream, columns=chosen, encoding=self.encoding)
        for row in found:
            if isinstance(row, Refused):
                self.unreadable.append((row.place, row.reason))
                self._unread.note(row)
            else:
                self._rows[row.key] = row.text, row.label
                if found.columns:
                    self._fields[row.key] = _fields_of(found)
        self._stream = None
        self.columns = replace(chosen, taken=found.taken)
        if found.columns:
            used = {*found.text, *filter(None, (found.key, found.label))}
            rest = tuple(name for name in found.columns if name not in used)
            self.used_columns = UsedColumns(
                found.text,
                found.key or None,
                found.label or None,
                rest,
                why_no_key=found.why_no_key,
            )

    def unseen(self, keys: Sequence[str]) -> list[str]:
        """Those of some keys which the last walk did not find, and may be where it could not."""
        return self._unread.among(keys)

    def read(self, key: str) -> bytes:
        """Text of a row, in UTF-8."""
        return self._rows[key][0].encode(errors="replace")

    def labels(self, keys: Sequence[str]) -> list[str]:
        """Label of each row; "" where it has none."""
        return [self._rows[key][1] if key in self._rows else "" for key in keys]

    def fields(self, keys: Sequence[str]) -> list[str]:
        """The columns of each row, but for a long text, as JSON; "" of a key that is none."""
        return [self._fields.get(key, "") for key in keys]


def _fields_of(rows: Rows) -> str:
    """The columns of the row that was read last; of those that make a long text only the title."""
    wordy = () if rows.short else rows.text
    names = (
        name
        for name in names_in(rows.values)
        if name not in wordy or name.rpartition(".")[2].lower() == TITLE
    )
    return as_fields(rows.values, list(names)) or NONE


def row_stamp(content: bytes, label: str) -> int:
    """What tells whether a row, or its label, has changed."""
    return xxhash.xxh3_64_intdigest(content + b"\0" + label.encode(errors="replace")) >> 1


def open_table(
    path: Path | None,
    columns: Columns,
    stream: IO[Any] | None,
    *,
    wanted: bool,  # noqa: ARG001 - every table may be one of documents
    encoding: str = "",
) -> Table | None:
    """A table of documents, or standard input, as a source; None of another file."""
    if path is not None and not is_table(path.name):
        return None
    table = Table(path, columns, stream)
    table.encoding = encoding
    return table


def used_columns(source: Source) -> UsedColumns | None:
    """The columns of a source that are used; None of a source without columns."""
    return source.used_columns
