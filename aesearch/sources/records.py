"""The records of a table as they come: separated, JSON, .parquet and standard input."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from aesearch.errors import SourceError, UnreachableError
from aesearch.sources.form import Form
from aesearch.sources.json_rows import OBJECT, json_lines, json_values, layout_of
from aesearch.sources.lines import begun, decoded_lines, decoded_pieces
from aesearch.sources.packed import PACKED, chunks_of, open_packed, unpacked_name
from aesearch.sources.parquet import parquet_records
from aesearch.sources.record import Record, Records
from aesearch.sources.separated import separated_records

SEPARATED = (".csv", ".tsv")
JSON_LINES = (".jsonl", ".ndjson")
JSON = ".json"
PARQUET = ".parquet"
PACKABLE = (*SEPARATED, *JSON_LINES, JSON)
SUFFIXES = frozenset(suffix + packed for suffix in PACKABLE for packed in ("", *PACKED)) | {PARQUET}
READ = (*SEPARATED, *JSON_LINES, JSON, PARQUET)


@dataclass
class Opened:
    """The records of a table, and what is known of them.

    Attributes
    ----------
    records : generator of Record or Refused
    plain : bool
        Whether they are lines without columns.
    header : list of str
        The columns, where the file names them; complete with the first record.
    form : Form or None
        Of a separated table.
    pages : list of str
        The encoding of what is not UTF-8: as it is known, or as it is found out.
    """

    records: Records
    plain: bool = False
    header: list[str] = field(default_factory=list)
    form: Form | None = None
    pages: list[str] = field(default_factory=list)


def is_table(name: str) -> bool:
    """Whether the suffix is one of tables."""
    return name.lower().endswith(tuple(SUFFIXES))


def open_records(
    path: Path | None,
    stream: IO[Any] | None,
    form: Form | None = None,
    page: str = "",
    *,
    plain: bool = False,
) -> Opened:
    """The records of a table.

    Parameters
    ----------
    path : Path or None
        None for `stream`.
    stream : file or None
        By default standard input.
    form : Form, optional
        What is known of a separated table.
    page : str
        The encoding of what is not UTF-8, where it is known.
    plain : bool
        Of a stream: whether lines without columns are expected, as they came before.

    Raises
    ------
    SourceError, ContentError
        Also where JSON comes in the place of lines.
    """
    if path is None:
        return _of_stream(sys.stdin if stream is None else stream, page, plain)
    name = unpacked_name(path.name)
    if not name.endswith(READ):
        raise SourceError(f"{path} is no table; {', '.join(READ)} are")
    if not path.is_file():
        raise SourceError(f"there is no file {path}; name the table that is there")
    if name.endswith(PARQUET):
        opened = Opened(iter_nothing())
        opened.records = parquet_records(path, opened.header)
        return opened
    if not name.endswith(SEPARATED):
        return _of_json(*begun(_file_chunks(path), page), page)
    form = form or Form()
    form.tabs = name.endswith(".tsv")
    return _of_separated(path, form, page)


def iter_nothing() -> Records:
    """No records."""
    yield from ()


def _file_chunks(path: Path) -> Iterator[bytes]:
    try:
        opened, packed = open_packed(path)
    except OSError as error:
        raise UnreachableError(f"cannot be read: {error.strerror or error}") from error
    with opened as stream:
        yield from chunks_of(stream, packed)


def _of_separated(path: Path, form: Form, page: str) -> Opened:
    opened = Opened(iter_nothing(), form=form, pages=[page] if page else [])

    def lines() -> Iterator[str]:
        return decoded_lines(begun(_file_chunks(path), page)[1], opened.pages)

    opened.records = separated_records(lines(), opened.header, form, lines)
    return opened


def _of_json(head: bytes, chunks: Iterator[bytes], page: str) -> Opened:
    layout = layout_of(head.decode(errors="replace"))
    opened = Opened(iter_nothing(), pages=[page] if page else [])
    if layout == "lines":
        opened.records = json_lines(decoded_lines(chunks, opened.pages, strict=True))
    else:
        opened.records = json_values(decoded_pieces(chunks, opened.pages), array=layout == "array")
    return opened


def _of_stream(stream: IO[Any], page: str, plain: bool) -> Opened:
    if isinstance(stream, io.StringIO):
        stream = io.BytesIO(stream.read().encode(errors="replace"))
    head, chunks = begun(chunks_of(getattr(stream, "buffer", stream), packed=True), page)
    text = head.decode(errors="replace").lstrip()
    if plain and OBJECT.match(text):
        raise SourceError(
            "standard input holds JSON, and what this index took before were plain lines. Nothing "
            "was changed: give lines, put JSON in the place of all with --replace, or name another "
            "place with --index"
        )
    is_json = text.startswith("{") or (text.startswith("[") and layout_of(text) == "array")
    if is_json and not plain:
        return _of_json(head, chunks, page)
    pages = [page] if page else []
    return Opened(_plain_records(decoded_lines(chunks, pages)), plain=True, pages=pages)


def _plain_records(lines: Iterable[str]) -> Records:
    for number, line in enumerate(lines, 1):
        yield Record(number, {"": line})
