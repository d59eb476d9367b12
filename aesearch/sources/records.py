"""The records of a table as they come: of .csv, .tsv, .jsonl, .parquet and standard input."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

from aesearch.errors import ContentError, SourceError, UnreachableError
from aesearch.modalities.texts.charset import LONGEST_LINE, decoded_lines
from aesearch.sources.parquet import parquet_records
from aesearch.sources.record import Record, Records, Refused

SEPARATED = (".csv", ".tsv")
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = ".parquet"
PACKED = frozenset(suffix + packed for suffix in SEPARATED + JSON_LINES for packed in ("", ".gz"))
SUFFIXES = PACKED | {PARQUET}
READ = (*SEPARATED, *JSON_LINES, PARQUET)
DELIMITERS = (",", ";", "\t", "|")
NO_DELIMITER = "\x1f"  # of a table of one column, whose texts may hold all of the others
SNIFFED, SNIFFED_CHARACTERS = 200, 1 << 20  # lines from which the delimiter is


def is_table(name: str) -> bool:
    """Whether the suffix is one of tables."""
    return name.lower().endswith(tuple(SUFFIXES))


def open_records(
    path: Path | None, stream: IO[Any] | None, header: list[str]
) -> tuple[Records, bool]:
    """The records of a table, and whether they are plain lines.

    Parameters
    ----------
    path : Path or None
        None for `stream`.
    stream : file or None
        By default standard input.
    header : list of str
        Takes the columns, where the file names them.
    """
    if path is None:
        lines = _stream_lines(sys.stdin if stream is None else stream)
        blank: list[str] = []
        for line in lines:
            blank.append(line)
            if not line.isspace():
                break
        plain = not (blank and blank[-1].lstrip().startswith("{"))
        lines = chain(blank, lines)
        return (_plain_records(lines) if plain else _json_records(lines)), plain
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith(READ):
        raise SourceError(f"{path} is no table; {', '.join(READ)} are")
    if not path.is_file():
        raise SourceError(f"there is no file {path}; name the table that holds the documents")
    if name.endswith(PARQUET):
        return parquet_records(path, header), False
    lines = _file_lines(path)
    if name.endswith(JSON_LINES):
        return _json_records(lines), False
    return _separated_records(lines, header, tabs=name.endswith(".tsv")), False


def _stream_lines(stream: IO[Any]) -> Iterator[str]:
    if isinstance(stream, io.StringIO):
        return iter(stream)
    return decoded_lines(getattr(stream, "buffer", stream))


def _file_lines(path: Path) -> Iterator[str]:
    try:
        packed = path.suffix.lower() == ".gz"
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            yield from decoded_lines(cast(BinaryIO, stream))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ContentError(f"damaged: {error}; what follows cannot be read") from error
    except OSError as error:
        raise UnreachableError(f"cannot be read: {error.strerror or error}") from error


def _plain_records(lines: Iterable[str]) -> Records:
    for number, line in enumerate(lines, 1):
        yield Record(number, {"": line})


def _json_records(lines: Iterable[str]) -> Records:
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            if line.isspace():
                continue
            if len(line) > LONGEST_LINE:
                yield Refused(number, f"is too large: {LONGEST_LINE >> 20} MiB are allowed")
                continue
            try:
                values = json.loads(line)
            except json.JSONDecodeError as error:
                yield Refused(number, f"is broken JSON: {error.msg}, at column {error.colno}")
            except (ValueError, RecursionError) as error:  # numbers and nesting without end
                yield Refused(number, f"is broken JSON: {error}")
            else:
                if isinstance(values, dict):
                    yield Record(number, values)
                else:
                    yield Refused(number, "is no JSON object")
    except ContentError as error:
        if number == 0:
            raise
        yield Refused(number + 1, str(error))


def _separated_records(lines: Iterator[str], header: list[str], tabs: bool) -> Records:
    csv.field_size_limit(LONGEST_LINE)  # csv's own is 128 KiB
    head = _head_of(lines)
    delimiter, quoting = _sniffed(head, tabs)
    noted = _NotedLines(chain(head, lines))
    reader = csv.reader(noted, delimiter=delimiter, quoting=quoting)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Refused(line, f"cannot be read: {error}")
            continue
        except ContentError as error:
            if line == 1:
                raise
            yield Refused(line, str(error))
            return
        if not fields:
            continue
        if not header:
            header += [name.strip() for name in fields]
            continue
        if fields[-1].endswith(("\n", "\r")) and not noted.last.rstrip().endswith('"'):
            yield Refused(line, f"opens a quotation that never ends, up to line {reader.line_num}")
            continue
        yield _record_of(line, header, fields)


def _head_of(lines: Iterator[str]) -> list[str]:
    """The first lines, which are consumed from `lines`."""
    head: list[str] = []
    for line in islice(lines, SNIFFED):
        head.append(line)
        if sum(map(len, head)) > SNIFFED_CHARACTERS:
            break
    return head


class _NotedLines:
    """Lines, of which the last that was taken is kept in `last`."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = lines
        self.last = ""

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.last = line
            yield line


def _record_of(line: int, header: list[str], fields: list[str]) -> Record:
    surplus = len(fields) - len(header)
    if surplus > 0 and not any(fields[len(header) :]):  # spreadsheets leave empty cells behind
        surplus = 0
    pairs = zip(header, fields, strict=False)
    return Record(line, dict(reversed(list(pairs))), surplus)  # of equal names, the first


def _sniffed(head: list[str], tabs: bool) -> tuple[str, Literal[0, 3]]:
    """The delimiter, and whether quotation marks mean anything, from the first lines."""
    best = (0.0, 0, 0)
    found: tuple[str, Literal[0, 3]] = NO_DELIMITER, csv.QUOTE_MINIMAL
    ways: list[tuple[str, Literal[0, 3]]] = [(one, csv.QUOTE_MINIMAL) for one in DELIMITERS]
    ways.insert(3, ("\t", csv.QUOTE_NONE))  # tabs need no quotation marks, which then are text
    if tabs and any("\t" in line for line in head[:1]):
        ways = ways[2:4]
    for delimiter, quoting in ways:
        rows: list[list[str]] = []
        with suppress(csv.Error):  # a field that is too large: what came before will do
            for row in csv.reader(head, delimiter=delimiter, quoting=quoting):
                rows += [row] if row else []
        width = len(rows[0]) if rows else 0
        if width > 1:
            fitting = sum(len(row) == width for row in rows) / len(rows)
            score = (round(fitting, 2), width, len(rows) if delimiter == "\t" else 0)
            if score > best:
                best, found = score, (delimiter, quoting)
    return found
