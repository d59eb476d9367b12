"""Documents in one file: the rows of .csv, .tsv, .jsonl and .parquet, read as they come."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from aesearch.errors import ContentError, ParameterError, SourceError
from aesearch.modalities.texts.charset import tidy
from aesearch.sources.record import Record, Refused
from aesearch.sources.records import open_records

SAMPLE = 100  # rows from which columns are chosen

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
        encoding: str = "",
    ) -> None:
        self._place = str(path) if path is not None else "standard input"
        header: list[str] = []
        try:
            records, self._plain = open_records(path, stream, header, encoding)
            sample = list(islice(records, SAMPLE))
        except ContentError as error:
            raise SourceError(f"{self._place}: {error}") from error
        self._pending: Iterable[Record | Refused] = chain(sample, records)
        if path is not None:  # opened anew by the first row, so that no file stays open till then
            records.close()
            self._pending = open_records(path, None, [], encoding)[0]
        usable = [record.values for record in sample if isinstance(record, Record)]
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
        require_columns(self._place, self.columns, (*text, key, label))
        if self._plain:
            return (), "", ""
        folded = folded_names(self.columns)
        key, label = choose_columns(self.columns, sample, key, label, text)
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
        """The column with the longest strings; a key or label only if nothing else is."""
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
            key = one_line(values.get(self.key)) if self.key else str(number)
            if not text:
                yield Refused(line, f"has no text in {_listed(self.text)}")
            elif not key:
                yield Refused(line, f"has no key in '{self.key}'")
            elif self.key and first.setdefault(key, line) != line:
                yield Refused(line, f"{REPEATED}'{key}' of line {first[key]}")
            else:
                label = one_line(values.get(self.label)) if self.label else ""
                yield Row(key, text, label)


def read_table(
    path: Path | None,
    stream: IO[Any] | None = None,
    *,
    text: Sequence[str] = (),
    key: str | None = None,
    label: str | None = None,
    encoding: str = "",
) -> Rows:
    """An iterator over the rows of a table; its attributes say which columns it uses.

    Parameters
    ----------
    path : Path or None
        A .csv, .tsv, .jsonl or .ndjson file, which may end in .gz, or .parquet; None for
        `stream`.
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
    encoding : str, optional
        Of what is not UTF-8; by default it is found out.

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
    return Rows(path, stream, text, key, label, encoding)


def columns_of(path: Path) -> tuple[str, ...]:
    """The columns of a table: its header, or what the first 100 lines of JSON hold."""
    return read_table(path).columns


def folded_names(columns: Sequence[str]) -> dict[str, str]:
    """Columns by their names in small letters; of two alike the first."""
    return {name.strip().lower(): name for name in reversed(columns)}


def require_columns(place: str, columns: Sequence[str], wanted: Sequence[str | None]) -> None:
    """Raise ParameterError if a column that was named is not there; None names none."""
    for name in wanted:
        if name and name not in columns:
            there = ", ".join(columns) or "none: its lines are the documents"
            raise ParameterError(f"{place} has no column '{name}'; it has {there}")


def choose_columns(
    columns: Sequence[str],
    sample: list[dict[str, Any]],
    key: str | None,
    label: str | None,
    taken: Sequence[str] = (),
) -> tuple[str, str]:
    """The columns of key and label, "" for none, where these were not named.

    Parameters
    ----------
    columns : sequence of str
        All there are.
    sample : list of dict
        The first rows: a key must tell them apart.
    key, label : str or None
        As they were named.
    taken : sequence of str
        Columns that hold something else.
    """
    folded = folded_names(columns)
    if key is None:
        usual = (folded[name] for name in KEYS if name in folded and folded[name] not in taken)
        key = next((name for name in usual if _is_unique(name, sample)), "")
    if label is None:
        usual = (folded[name] for name in LABELS if name in folded)
        label = next((name for name in usual if name != key and name not in taken), "")
    return key, label


def one_line(value: Any) -> str:
    """A value of JSON as a key or a label: in one line, without needless spaces."""
    return " ".join(_as_text(value).split())


def _is_unique(name: str, sample: list[dict[str, Any]]) -> bool:
    """Whether a column tells all of these rows apart."""
    keys = {_as_text(values.get(name)) for values in sample}
    return len(keys) == len(sample) and "" not in keys


def _words(value: Any) -> int:
    """Length of a string; 0 for what is no string, or a number written as one."""
    if not isinstance(value, str):
        return 0
    try:
        float(value.replace(",", "."))
    except ValueError:
        return len(value)
    return 0


def _as_text(value: Any) -> str:
    """A value of JSON as a reader would see it: what has no words of its own is empty."""
    if isinstance(value, str):
        return tidy(value).strip()
    if isinstance(value, list):
        return "\n".join(filter(None, map(_as_text, value)))
    if value is None or isinstance(value, dict):
        return ""
    return json.dumps(value, default=str)


def _listed(names: tuple[str, ...]) -> str:
    return " or ".join(f"'{name}'" for name in names)
