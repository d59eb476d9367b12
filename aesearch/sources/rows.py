"""Documents in one file: the rows of .csv, .tsv, .jsonl and .parquet, read as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from aesearch.errors import ContentError, SourceError
from aesearch.modalities.texts.charset import tidy
from aesearch.sources.choosing import (
    KEYS,
    SAMPLE,
    choose_columns,
    choose_text,
    folded_names,
    numbered_columns,
    require_columns,
    usual_body,
    usual_keys,
)
from aesearch.sources.columns import Columns, Taken
from aesearch.sources.form import Form
from aesearch.sources.record import Record, Refused
from aesearch.sources.records import open_records
from aesearch.sources.values import as_text, names_in, one_line, value_of

REPEATED = "has the key "  # how the reason begins where an earlier row of the same key was kept
BESIDE = "; "  # between short columns


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
        All that were found so far; empty for plain lines.
    text : tuple of str
        Those that make the text, in this order; empty for plain lines.
    key : str
        The one that makes the key; empty where the row's number does.
    label : str
        The one that makes the label; empty where there is none.
    short : bool
        Whether the columns of the text are short, and stand in one line.
    values : mapping
        All columns of the row that was yielded last.
    """

    def __init__(
        self, path: Path | None, stream: IO[Any] | None, chosen: Columns, encoding: str = ""
    ) -> None:
        self._place = str(path) if path is not None else "standard input"
        self._path, self._chosen, self._encoding = path, chosen, encoding
        self._taken = chosen.taken if chosen.taken and chosen.taken.text else None
        try:
            form = _known_form(chosen, encoding)
            plain = chosen.taken is not None and chosen.taken.plain
            opened = self._opened = open_records(path, stream, *form, plain=plain)
            sample = list(islice(opened.records, SAMPLE))
        except ContentError as error:
            raise SourceError(f"{self._place}: {error}") from error
        self._pending: Iterable[Record | Refused] = chain(sample, opened.records)
        self._plain = opened.plain
        usable = [record.values for record in sample if isinstance(record, Record)]
        if not usable:
            reason = next((f": {one.place} {one.reason}" for one in refused_of(sample)), "")
            raise SourceError(f"{self._place} holds no rows{reason}")
        self._names = dict.fromkeys(columns_in(opened.header, usable))
        if self._plain:
            self._names = {}
        refuse_wrapped(self._place, self.columns, usable)
        self.short, self.why_no_key = False, ""
        self.values: Mapping[str, Any] = {}
        self.text, self.key, self.label = self._choose(usable)
        if path is not None:  # opened anew by the first row, so that no file stays open till then
            opened.records.close()
            self._pending = self._again()
        self._rows = self._used()

    def __next__(self) -> Row | Refused:
        return next(self._rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that were found so far."""
        return tuple(self._names)

    @property
    def taken(self) -> Taken:
        """What was taken, to be kept."""
        form = self._opened.form
        taken = Taken(self.text, self.key or None, self.label or None, short=self.short)
        if not self._encoding:
            taken = replace(taken, encoding=next(iter(self._opened.pages), ""))
        if form is None:
            return taken
        return replace(
            taken,
            delimiter=form.delimiter,
            quoted=form.quoted,
            headed=form.headed is not False,
            ends=form.ended or form.ends,
        )

    def _again(self) -> Iterator[Record | Refused]:
        """The records once more, in the form that was found."""
        self._opened = open_records(
            self._path, None, self._opened.form, next(iter(self._opened.pages), "")
        )
        yield from self._opened.records

    def _choose(self, sample: list[dict[str, Any]]) -> tuple[tuple[str, ...], str, str]:
        chosen, taken = self._chosen, self._taken
        named = (*chosen.text, chosen.key, chosen.label)
        if self._plain or self._opened.header:  # others may have columns that come late
            require_columns(self._place, self.columns, named)
            if taken is not None:
                require_taken(self._place, self.columns, taken, chosen)
        if self._plain:
            return (), "", ""
        if taken is not None:
            text, self.short = chosen.text or taken.text, taken.short and not chosen.text
            return text, chosen.key or taken.key or "", chosen.label or taken.label or ""
        key, label = choose_columns(self.columns, sample, chosen.key, chosen.label, chosen.text)
        if not key and self._path is not None:
            likely = usual_keys(self.columns, {*chosen.text, label})
            key = self._unique_of(numbered_columns(self.columns, sample, {*chosen.text, label}))
            if not key and likely and chosen.key is None:
                self.why_no_key = self._why_no_key(likely[0])
        text = chosen.text
        if not text:
            text, self.short = choose_text(self._place, self.columns, sample, {key, label})
        return text, key, label

    def _unique_of(self, columns: list[str]) -> str:
        """The first of some columns that tells all rows of the file apart, not only the first."""
        seen: dict[str, set[str]] = {name: set() for name in columns}
        for record in self._again() if seen else ():
            if isinstance(record, Record):
                for name in list(seen):
                    key = one_line(value_of(record.values, name))
                    if not key or key in seen[name]:
                        del seen[name]
                    else:
                        seen[name].add(key)
            if not seen:
                break
        return next(iter(seen), "")

    def _why_no_key(self, name: str) -> str:
        """Where a column first fails to tell rows apart."""
        first: dict[str, str] = {}
        for record in self._again():
            if isinstance(record, Record):
                place, key = f"{record.unit} {record.line}", one_line(value_of(record.values, name))
                if not key:
                    return f"{name} is empty in {place}"
                if first.setdefault(key, place) != place:
                    return f"{name} is '{key}' in {first[key]} and in {place}"
        return ""

    def _used(self) -> Iterator[Row | Refused]:
        """Yield what the records are to others; a key counts once."""
        first: dict[str, str] = {}
        used = {*self.text, *filter(None, (self.key, self.label))}
        late = set() if self._opened.header else used - self._names.keys()
        for count, record in enumerate(self._pending, 1):
            number = str(count if record.unit == "line" else record.line)
            if isinstance(record, Refused):
                yield self._unread(record, number)
                continue
            values = record.values
            if self._plain:
                text = tidy(values[""]).strip()
                yield Row(number, text) if text else Refused(record.line, "is empty")
                continue
            surplus = record.surplus
            if surplus > 0 or (surplus < 0 and not used <= values.keys()):
                fields, expected = len(self.columns) + surplus, len(self.columns)
                reason = f"has {fields} fields, and the header {expected}"
                yield self._unread(Refused(record.line, reason, values=values), number)
                continue
            if not self._opened.header:
                late = self._noticed(values, late)
            text = self._text_of(values)
            key = one_line(value_of(values, self.key)) if self.key else number
            place = f"{record.unit} {record.line}"
            if not text:
                yield self._refused(record, f"has no text in {_listed(self.text)}")
            elif not key:
                yield self._refused(record, f"has no key in '{self.key}'")
            elif self.key and first.setdefault(key, place) != place:
                yield self._refused(record, f"{REPEATED}'{key}' of {first[key]}")
            else:
                label = one_line(value_of(values, self.label)) if self.label else ""
                self.values = values
                yield Row(key, text, label)
        self._require_found(late)

    def _text_of(self, values: Mapping[str, Any]) -> str:
        parts = filter(None, (as_text(value_of(values, name)) for name in self.text))
        if self.short:
            return BESIDE.join(" ".join(part.split()) for part in parts)
        return "\n\n".join(parts)

    def _refused(self, record: Record, reason: str) -> Refused:
        return Refused(record.line, reason, unit=record.unit)

    def _unread(self, refused: Refused, number: str) -> Refused:
        """A row that is there and could not be read, with its key, if that can be told."""
        key = one_line(value_of(refused.values, self.key)) if self.key else number
        return replace(refused, unread=True, key=key)

    def _noticed(self, values: Mapping[str, Any], late: set[str]) -> set[str]:
        """Notice columns that come late; those that are still missing."""
        if not values.keys() <= self._names.keys():
            self._names |= dict.fromkeys(names_in(values))
        return {name for name in late if value_of(values, name) is None} if late else late

    def _require_found(self, missing: set[str]) -> None:
        missing -= self._names.keys()
        if not missing:
            return
        chosen, taken = self._chosen, self._taken
        require_columns(self._place, self.columns, [*chosen.text, chosen.key, chosen.label])
        if taken is not None:
            require_taken(self._place, self.columns, taken, chosen)


def read_table(
    path: Path | None,
    stream: IO[Any] | None = None,
    *,
    text: Sequence[str] = (),
    key: str | None = None,
    label: str | None = None,
    columns: Columns | None = None,
    encoding: str = "",
) -> Rows:
    """An iterator over the rows of a table; its attributes say which columns it uses.

    Parameters
    ----------
    path : Path or None
        A .csv, .tsv, .jsonl, .ndjson or .json file, which may end in .gz, .bz2, .xz or .zst, or
        .parquet; None for `stream`.
    stream : file, optional
        Of bytes or text; standard input if there is no path. JSON lines if it begins with
        ``{``, a JSON array if with ``[{``, else one document in each line.
    text : sequence of str, optional
        Columns that make the text, joined by blank lines; empty ones are passed over. What is
        within other values is named by its path, ``data.title``. By default the first of text,
        body, content and abstract that is there, with the title before it; else a description or
        the wordiest column, if it is wordy; else all short columns together, in one line.
    key : str, optional
        By default the first of id, _id, key, url and path that tells the first 100 rows apart,
        else the first column named like a number (inv_no) that tells all rows apart, else the
        number of the row.
    label : str, optional
        By default the first of label, class, category, target and topic that is there.
    columns : Columns, optional
        The same, with what was taken before.
    encoding : str, optional
        Of what is not UTF-8; by default as it was taken before, or as it is found out.

    Yields
    ------
    Row or Refused
        Rows without text or key, with the key of an earlier row, with too many fields, or that
        cannot be read, are refused; they never stop the reading.

    Raises
    ------
    SourceError
        At once, if there is no such file, or it holds not a single row, or lost a column that was
        taken before.
    ParameterError
        If there is no column of a name: at once, or at the end where columns may come late.
    """
    return Rows(path, stream, columns or Columns(tuple(text), key, label), encoding)


def columns_of(path: Path) -> tuple[str, ...]:
    """The columns of a table: its header, or what the first 100 lines of JSON hold."""
    return read_table(path).columns


def refused_of(records: Iterable[Record | Refused]) -> Iterator[Refused]:
    """Those of some records that were refused."""
    return (one for one in records if isinstance(one, Refused))


def columns_in(header: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The columns of a table, those within others by their paths."""
    inner = dict.fromkeys(name for values in sample for name in names_in(values))
    if not header:
        yield from inner
    for name in header:
        within = (
            [path for path in inner if path.startswith(f"{name}.")] if name not in inner else []
        )
        yield from within or [name]


def require_taken(place: str, columns: Sequence[str], taken: Taken, chosen: Columns) -> None:
    """Raise SourceError if a column that was taken before is gone, and no other was named."""
    uses = {
        "text": () if chosen.text else taken.text,
        "key": (None if chosen.key else taken.key,),
        "label": (None if chosen.label else taken.label,),
        "vector": (None if chosen.vector else taken.vector,),
    }
    for use, names in uses.items():
        for name in names:
            if name is not None and name not in columns:
                there = ", ".join(columns) or "none"
                raise SourceError(
                    f"{place} has no column '{name}' any more, from which the index takes the "
                    f"{use}; it has {there}. Nothing was changed: name another with --{use}, or "
                    "for other data another place with --index"
                )


def refuse_wrapped(place: str, columns: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> None:
    """Raise SourceError where all there is, is one object around a list of objects."""
    if len(sample) != 1 or folded_names(columns).keys() & {*KEYS}:  # which a row has, too
        return
    body = usual_body(columns)
    for name, value in sample[0].items():
        objects = isinstance(value, list) and len(value) > 1 and isinstance(value[0], dict)
        if objects and (body is None or body.startswith(f"{name}.")):
            raise SourceError(
                f"{place} is one JSON object with {len(value):,} others in '{name}'; the rows are "
                f"to be a list of their own: jq '.{name}' {place} > rows.json"
            )
    if others := _objects_alike(sample[0]):
        raise SourceError(
            f"{place} is one JSON object of {others:,} others; the rows are to be a list of their "
            f"own: jq '[.[]]' {place} > rows.json, or of pandas to_json(orient='records')"
        )


def _objects_alike(row: Mapping[str, Any]) -> int:
    """How many objects of the same names make up a single one; 0 where it is a row."""
    inner = [set(value) if isinstance(value, dict) else set() for value in row.values()]
    few = len(inner) < 2 or (len(inner) == 2 and len(inner[0]) < 3)
    return 0 if few or not inner[0] or any(names != inner[0] for names in inner) else len(inner)


def _known_form(chosen: Columns, encoding: str) -> tuple[Form, str]:
    """How a table is written, and its encoding, as far as they are known."""
    taken = chosen.taken
    if taken is None:
        return Form(headed=chosen.header), encoding
    headed = taken.headed if chosen.header is None else chosen.header
    wanted = (*(chosen.text or taken.text), chosen.key or taken.key, chosen.label or taken.label)
    form = Form(taken.delimiter, taken.quoted, headed, tuple(filter(None, wanted)))
    form.ends = taken.ends
    return form, encoding or taken.encoding


def _listed(names: tuple[str, ...]) -> str:
    return " or ".join(f"'{name}'" for name in names)
