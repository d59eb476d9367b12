"""Collections in one file: the rows of .csv, .tsv and .jsonl, read as they come."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, NamedTuple, cast

from aesearch.errors import ContentError, ParameterError, SourceError
from aesearch.modalities.texts.charset import LONGEST_LINE, decoded_lines, tidy

SEPARATED = (".csv", ".tsv")
JSON_LINES = (".jsonl", ".ndjson")
SUFFIXES = frozenset(suffix + packed for suffix in SEPARATED + JSON_LINES for packed in ("", ".gz"))
DELIMITERS = (",", ";", "\t", "|")
NO_DELIMITER = "\x1f"  # of a table of one column, whose texts may hold all of the others
SAMPLE = 100  # rows from which columns are chosen
SNIFFED, SNIFFED_CHARACTERS = 200, 1 << 20  # lines from which the delimiter is

BODIES = ("text", "body", "content", "abstract", "description")
TITLE = "title"
KEYS = ("id", "_id", "key", "url", "path")
LABELS = ("label", "class", "category", "target", "topic")
REPEATED = "has the key "  # how the reason begins where an earlier row of the same key was kept


class Row(NamedTuple):
    """One document of a table."""

    key: str
    text: str
    label: str = ""


class Refused(NamedTuple):
    """One row that cannot be used: the line on which it begins, from 1, and why."""

    line: int
    reason: str


class _Record(NamedTuple):
    line: int
    values: dict[str, Any]
    surplus: int = 0  # fields beyond the header's


_Records = Generator[_Record | Refused, None, None]


class Rows(Iterator[Row | Refused]):
    """The rows of a table, once; `read_table` makes it.

    Attributes
    ----------
    columns : tuple of str
        All that were found; empty for plain lines.
    text : tuple of str
        Those that make the text, in this order; empty for plain lines.
    key : str
        The one that makes the key; empty where the row's number does.
    label : str
        The one that makes the label; empty where there is none.
    """

    def __init__(
        self,
        path: Path | None,
        stream: IO[Any] | None,
        text: Sequence[str],
        key: str | None,
        label: str | None,
    ) -> None:
        self._place = str(path) if path is not None else "standard input"
        header: list[str] = []
        try:
            records, self._plain = _opened(path, stream, header)
            sample = list(islice(records, SAMPLE))
        except ContentError as error:
            raise SourceError(f"{self._place}: {error}") from error
        self._pending: Iterable[_Record | Refused] = chain(sample, records)
        if path is not None:  # opened anew by the first row, so that no file stays open till then
            records.close()
            self._pending = _opened(path, None, [])[0]
        usable = [record.values for record in sample if isinstance(record, _Record)]
        if not usable:
            reason = next((f": line {one.line} {one[1]}" for one in sample), "")
            raise SourceError(f"{self._place} holds no rows{reason}")
        names = header or list(dict.fromkeys(name for values in usable for name in values))
        self.columns = () if self._plain else tuple(names)
        self.text, self.key, self.label = self._chosen(usable, tuple(text), key, label)
        self._rows = self._used()

    def __next__(self) -> Row | Refused:
        return next(self._rows)

    def _chosen(
        self,
        sample: list[dict[str, Any]],
        text: tuple[str, ...],
        key: str | None,
        label: str | None,
    ) -> tuple[tuple[str, ...], str, str]:
        for name in (*text, *filter(None, (key, label))):
            if name not in self.columns:
                there = ", ".join(self.columns) or "none: its lines are the documents"
                raise ParameterError(f"{self._place} has no column '{name}'; it has {there}")
        if self._plain:
            return (), "", ""
        folded = {name.strip().lower(): name for name in reversed(self.columns)}
        if key is None:
            usual = (folded[name] for name in KEYS if name in folded and folded[name] not in text)
            key = next((name for name in usual if _is_unique(name, sample)), "")
        if label is None:
            usual = (folded[name] for name in LABELS if name in folded)
            label = next((name for name in usual if name != key and name not in text), "")
        if not text:
            body = next((folded[name] for name in BODIES if name in folded), None)
            if body is None:
                body = self._wordiest(sample, {key, label})
            title = folded.get(TITLE, body)
            text = (
                (body,) if title == body or body not in map(folded.get, BODIES) else (title, body)
            )
        return text, key, label

    def _wordiest(self, sample: list[dict[str, Any]], taken: set[str]) -> str:
        """Return the column with the longest strings; a key or label only if nothing else is."""
        lengths = {
            name: sum(_words(values.get(name)) for values in sample) for name in self.columns
        }
        free = {name: length for name, length in lengths.items() if name not in taken and length}
        lengths = free or {name: length for name, length in lengths.items() if length}
        if not lengths:
            there = ", ".join(self.columns)
            raise SourceError(f"{self._place}: no column holds text; it has {there}")
        return max(lengths, key=lambda name: lengths[name])

    def _used(self) -> Iterator[Row | Refused]:
        """Yield what the records are to others; a key counts once."""
        first: dict[str, int] = {}
        used = {*self.text, *filter(None, (self.key, self.label))}
        for number, record in enumerate(self._pending, 1):
            if isinstance(record, Refused):
                yield record
                continue
            line, values, surplus = record
            if self._plain:
                text = tidy(values[""]).strip()
                yield Row(str(number), text) if text else Refused(line, "is empty")
                continue
            if surplus > 0 or (surplus < 0 and not used <= values.keys()):
                fields, expected = len(self.columns) + surplus, len(self.columns)
                yield Refused(line, f"has {fields} fields, and the header {expected}")
                continue
            parts = [_as_text(values.get(name)) for name in self.text]
            text = "\n\n".join(filter(None, parts))
            key = " ".join(_as_text(values.get(self.key)).split()) if self.key else str(number)
            if not text:
                yield Refused(line, f"has no text in {_listed(self.text)}")
            elif not key:
                yield Refused(line, f"has no key in '{self.key}'")
            elif self.key and first.setdefault(key, line) != line:
                yield Refused(line, f"{REPEATED}'{key}' of line {first[key]}")
            else:
                label = " ".join(_as_text(values.get(self.label)).split()) if self.label else ""
                yield Row(key, text, label)


def read_table(
    path: Path | None,
    stream: IO[Any] | None = None,
    *,
    text: Sequence[str] = (),
    key: str | None = None,
    label: str | None = None,
) -> Rows:
    """Return an iterator over the rows of a table; its attributes say which columns it uses.

    Parameters
    ----------
    path : Path or None
        A .csv, .tsv, .jsonl or .ndjson file, which may end in .gz; None for `stream`.
    stream : file, optional
        Of bytes or text; standard input if there is no path. JSON lines if it begins with
        ``{``, else one document in each line.
    text : sequence of str, optional
        Columns that make the text, joined by blank lines; empty ones are passed over. By default
        the first of text, body, content, abstract and description that is there, with the title
        before it, else the column with the longest strings.
    key : str, optional
        By default the first of id, _id, key, url and path that tells the first 100 rows apart,
        else the number of the row.
    label : str, optional
        By default the first of label, class, category, target and topic that is there.

    Yields
    ------
    Row or Refused
        Rows without text or key, with the key of an earlier row, with too many fields, or whose
        JSON is broken, are refused; they never stop the reading.

    Raises
    ------
    SourceError
        At once, if there is no such file, or it holds not a single row.
    ParameterError
        At once, if there is no column of a name.
    """
    return Rows(path, stream, text, key, label)


def columns_of(path: Path) -> tuple[str, ...]:
    """Return the columns of a table: its header, or what the first 100 lines of JSON hold."""
    return read_table(path).columns


def is_table(name: str) -> bool:
    """Return whether the suffix is one of tables."""
    return name.lower().endswith(tuple(SUFFIXES))


def _opened(path: Path | None, stream: IO[Any] | None, header: list[str]) -> tuple[_Records, bool]:
    """Return the records of a table, and whether they are plain lines."""
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
    if not name.endswith(SEPARATED + JSON_LINES):
        raise SourceError(f"{path} is no table; {', '.join(SEPARATED + JSON_LINES)} are")
    if not path.is_file():
        raise SourceError(f"there is no file {path}; name the table that holds the documents")
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
        raise ContentError(f"cannot be read: {error.strerror or error}") from error


def _plain_records(lines: Iterable[str]) -> _Records:
    for number, line in enumerate(lines, 1):
        yield _Record(number, {"": line})


def _json_records(lines: Iterable[str]) -> _Records:
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
                    yield _Record(number, values)
                else:
                    yield Refused(number, "is no JSON object")
    except ContentError as error:
        if number == 0:
            raise
        yield Refused(number + 1, str(error))


def _separated_records(lines: Iterator[str], header: list[str], tabs: bool) -> _Records:
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
    """Return the first lines, which are then taken from `lines`."""
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


def _record_of(line: int, header: list[str], fields: list[str]) -> _Record:
    surplus = len(fields) - len(header)
    if surplus > 0 and not any(fields[len(header) :]):  # spreadsheets leave empty cells behind
        surplus = 0
    pairs = zip(header, fields, strict=False)
    return _Record(line, dict(reversed(list(pairs))), surplus)  # of equal names, the first


def _sniffed(head: list[str], tabs: bool) -> tuple[str, Literal[0, 3]]:
    """Return the delimiter, and whether quotation marks mean anything, from the first lines."""
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


def _is_unique(name: str, sample: list[dict[str, Any]]) -> bool:
    """Return whether a column tells all of these rows apart."""
    keys = {_as_text(values.get(name)) for values in sample}
    return len(keys) == len(sample) and "" not in keys


def _words(value: Any) -> int:
    """Return how long a string is; 0 for whatever is no string, or a number written as one."""
    if not isinstance(value, str):
        return 0
    try:
        float(value.replace(",", "."))
    except ValueError:
        return len(value)
    return 0


def _as_text(value: Any) -> str:
    """Return a value of JSON as a reader would see it: what has no words of its own is empty."""
    if isinstance(value, str):
        return tidy(value).strip()
    if isinstance(value, list):
        return "\n".join(filter(None, map(_as_text, value)))
    if value is None or isinstance(value, dict):
        return ""
    return json.dumps(value)


def _listed(names: tuple[str, ...]) -> str:
    return " or ".join(f"'{name}'" for name in names)
