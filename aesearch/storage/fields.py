"""Fields of items, by which a search is narrowed: columns of tables, EXIF, label, path, size, date.

What a column or a file says is written once as JSON, and each value of it as text, as a number and
as a date, as far as it is one, in an index of SQLite. Programs of earlier versions do not look at
these tables; in an index that has none yet, label, path, size and date can be asked for, and all
else after the next ``aesearch index``.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from fnmatch import translate
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import normalize

import numpy as np

from aesearch.errors import ParameterError
from aesearch.settings import parse_memory
from aesearch.sources.names import canonical
from aesearch.sources.values import as_text, fold, names_in, value_of
from aesearch.wording import clipped

if TYPE_CHECKING:
    from aesearch.storage.database import Store
    from aesearch.types import Bools, Ids

FIELDS = """
CREATE TABLE IF NOT EXISTS fields (
    id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE,
    digest BLOB NOT NULL,              -- of the content that was asked what it says of itself
    file TEXT NOT NULL,                -- what it says, EXIF, a JSON object or ""
    columns TEXT NOT NULL              -- of its row in a table, likewise
);
CREATE TABLE IF NOT EXISTS field_names (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS field_values (
    field INTEGER NOT NULL REFERENCES field_names(number),
    form INTEGER NOT NULL,             -- of the value: 0 text, 1 number, 2 date
    value NOT NULL,
    id INTEGER NOT NULL REFERENCES items(id) ON DELETE CASCADE,
    PRIMARY KEY (field, form, value, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS field_values_id ON field_values(id);
"""
LABEL, PATH, SIZE, DATE = "label", "path", "size", "date"
EXIF = ("exif.date", "exif.place", "exif.latitude", "exif.longitude")
TEXT, NUMBER, DAY = 0, 1, 2
DIGITS = 15  # of a whole number at most, so that a float tells it from the next
LONGEST = 1000  # characters of a value; longer ones are no fields
EXAMPLES = 3  # values of a field
NAMED = 12  # fields that a message names
REMEMBERED = 64  # answers
OPERATORS = frozenset({"=", "<", "<=", ">", ">="})
# Not what was added by hand without a file, nor messages in a mailbox.
DATED = "(added = 0 OR mtime_ns <> 0) AND instr(key, '#<') = 0"
EPOCH = datetime(1970, 1, 1)
IN_NUMBERS = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)
ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.\d+)?)?)?"
    r"(?:Z|[+-]\d\d:?\d\d)?)?)?)?",
    re.ASCII,
)
FIRST = "0001-01-01T00:00:00"  # what a date that breaks off begins with
AFTER = "~"  # behind all that begins so


class Comparison(NamedTuple):
    """One condition on a field.

    Attributes
    ----------
    field : str
    operator : str
        One of `OPERATORS`, or 'like'.
    value : str
    quoted : bool
        Whether it stood in quotation marks: then digits are text where equality is asked for.
    negated : bool
        Whether it must not hold; where the field is missing, neither does.
    """

    field: str
    operator: str
    value: str
    quoted: bool = False
    negated: bool = False


class Fields:
    """The fields of one index.

    Parameters
    ----------
    store : Store
    exif : bool
        Whether its items are pictures in files.
    dated : bool
        Whether items have a time stamp: rows of tables have none.
    labelled : bool
        Whether the database holds labels; else they are folders.
    """

    def __init__(self, store: Store, *, exif: bool, dated: bool, labelled: bool) -> None:
        self._store = store
        self._own = (LABEL, PATH, SIZE, *([DATE] if dated else []))
        self._exif, self._has_labels = exif, labelled
        self._seen: object = None
        self._answers: dict[Comparison, Bools] = {}
        self._numbers: dict[str, int] = {}
        self._columns: dict[str, tuple[_Column, ...]] = {}
        self._items: _Items | None = None

    # -- which there are ---------------------------------------------------------------------------

    @property
    def are_kept(self) -> bool:
        """Whether the database has the tables."""
        return bool(self._store.select("SELECT 1 FROM sqlite_master WHERE name = 'field_values'"))

    def names(self) -> list[str]:
        """Every field that can be asked for: columns, what files say, and what all items have."""
        self._refresh()
        says = EXIF if self._exif and self.are_kept else ()
        columns = [name for name in self._numbers if name not in says]
        return list(dict.fromkeys([*columns, *self._own, *says]))

    def examples(self) -> dict[str, list[str]]:
        """Every field that can be asked for, with some of its values."""
        self._refresh()
        own: dict[str, list[str]] = {name: [] for name in self.names()}
        return own | self._of_items() | {name: self._values(name) for name in self._numbers}

    def _values(self, name: str) -> list[str]:
        """Some values of a field, as they are written."""
        sql = "SELECT value, min(id) FROM field_values WHERE field = ? AND form = 0 GROUP BY value"
        rows = self._store.select(f"{sql} LIMIT {EXAMPLES}", (self._numbers[name],))
        said = self.of(id for _, id in rows)
        texts = {fold(text): text for one in said.values() for text in values_in(one).get(name, ())}
        return [texts[value] for value, _ in rows if value in texts]

    def _of_items(self) -> dict[str, list[str]]:
        """Some values of what all items have."""
        rows = self._store.select(
            f"SELECT key, size, mtime_ns FROM items ORDER BY id LIMIT {EXAMPLES}"
        )
        days = [datetime.fromtimestamp(at // 10**9).isoformat() for *_, at in rows if at > 0]
        labels = dict.fromkeys(
            label for _, label in self._store.label_rows(folders=not self._has_labels)
        )
        found = {
            LABEL: list(islice(labels, EXAMPLES)),
            PATH: [key for key, *_ in rows],
            SIZE: [str(size) for _, size, _ in rows],
            DATE: days,
        }
        return {name: list(dict.fromkeys(found[name])) for name in self._own}

    def resolve(self, name: str) -> str:
        """The field that a name means: just this one, or the only one but for its case.

        Raises
        ------
        ParameterError
            If there is none.
        """
        names = self.names()
        if name in names:
            return name
        alike = [own for own in names if fold(own) == fold(name)]
        if len(alike) == 1:
            return alike[0]
        if name in EXIF and self._exif:
            raise ParameterError(
                f"'{name}' is not known yet of this index: 'aesearch index SOURCE' reads it"
            )
        near = get_close_matches(fold(name[:LONGEST]), list(map(fold, names)), NAMED, 0.5)
        ordered = sorted(names, key=lambda own: near.index(fold(own)) if fold(own) in near else 99)
        more = ", ..." if len(ordered) > NAMED else ""
        raise ParameterError(
            f"there is no field '{clipped(name)}'; there {'are' if len(names) > 1 else 'is'} "
            f"{', '.join(ordered[:NAMED])}{more}"
        )

    # -- which items hold what ---------------------------------------------------------------------

    def meeting(self, combine: Callable[[Callable[[Comparison], Bools]], Bools]) -> Ids:
        """The ids of the items that meet a condition, ascending.

        Parameters
        ----------
        combine : callable
            Takes what tells of which items a comparison is true, and tells it of the whole.

        Raises
        ------
        ParameterError
            If there is no such field, or it cannot be compared so.
        """
        with self._store.reading():  # items and columns of one state
            self._refresh()
            if self._items is None:
                self._items = _Items.of(self._store)
            found: Ids = self._items.ids[combine(self._holding)]
            return found

    def _holding(self, asked: Comparison) -> Bools:
        if asked not in self._answers:
            if len(self._answers) >= REMEMBERED:
                del self._answers[next(iter(self._answers))]
            self._answers[asked] = self._found(asked._replace(field=self.resolve(asked.field)))
        return self._answers[asked]

    def _refresh(self) -> None:
        """Forget what was read where anything was written since."""
        with self._store.held():  # no other lock, or two threads could wait for each other
            seen = self._store.version()
            if seen == self._seen:
                return
            self._answers, self._columns, self._numbers, self._items = {}, {}, {}, None
            if self.are_kept:
                sql = "SELECT name, number FROM field_names WHERE EXISTS "
                sql += "(SELECT 1 FROM field_values WHERE field = number) ORDER BY number"
                self._numbers = dict(self._store.select(sql))
            self._seen = seen

    def _found(self, asked: Comparison) -> Bools:
        """Of which items a comparison is true."""
        items = self._items
        assert items is not None
        if asked.field in self._numbers or asked.field in (LABEL, *EXIF):
            return self._of_values(asked, len(items.ids))
        if asked.field == PATH:
            sql, keys = _of_path(asked)
            rows = self._store.select(f"SELECT id FROM items WHERE {sql} ORDER BY id", keys)
            known = np.ones(len(items.ids), dtype=bool)
            found = np.isin(items.ids, np.fromiter((id for (id,) in rows), np.int64))
        elif asked.field == SIZE:
            known, size = items.sizes >= 0, _size(asked)
            found = _compared(items.sizes, asked.operator, size, np.nextafter(size, np.inf))
        else:
            known = items.dated
            found = _compared(items.times, asked.operator, *_times(asked))
        met: Bools = known & (found != asked.negated)
        return met

    def _of_values(self, asked: Comparison, count: int) -> Bools:
        """Of which items a comparison with what is said of them is true."""
        found, known = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        columns = self._columns_of(asked.field)
        for form, low, high in _bounds(asked, columns):
            found[columns[form].between(*_part(asked.operator, low, high, columns[form]))] = True
            known[columns[form].places] = True
        if asked.operator == "like":
            found[columns[TEXT].like(fold(asked.value))] = True
        if asked.operator in ("=", "like"):
            known[columns[TEXT].places] = True
        # Of what cannot be compared so, neither a condition nor its contrary is true.
        return known & ~found if asked.negated else found

    def _columns_of(self, field: str) -> tuple[_Column, ...]:
        """The values of a field as text, as numbers and as dates."""
        assert self._items is not None
        if field not in self._columns:
            ids = self._items.ids
            if field in self._numbers:
                sql = "SELECT value, id FROM field_values JOIN items USING (id) "
                sql += "WHERE field = ? AND form = ?"
                every = [
                    self._store.select(sql, (self._numbers[field], form))
                    for form in (TEXT, NUMBER, DAY)
                ]
            else:
                every = [[], [], []]
                labelled = self._store.label_rows(folders=not self._has_labels)
                for id, label in labelled if field == LABEL else ():
                    for form, value in forms_of(label):
                        every[form].append((value, id))
            self._columns[field] = tuple(_Column.of(sorted(rows), ids) for rows in every)
        return self._columns[field]

    # -- what is said of items ---------------------------------------------------------------------

    def of(self, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """The fields of some items by id, of those that have any: columns, then what files say."""
        self._refresh()
        if not self._numbers:
            return {}
        rows = self._store.select_in(
            "SELECT id, file, columns FROM fields WHERE id IN ({})", [int(id) for id in ids]
        )
        found = {id: _merged(file, columns) for id, file, columns in rows}
        return {id: fields for id, fields in found.items() if fields}

    def columns(self) -> dict[int, str]:
        """What the columns say of each item by id, as JSON."""
        if not self.are_kept:
            return {}
        return dict(self._store.select("SELECT id, columns FROM fields WHERE columns <> ''"))

    def unasked(self) -> dict[int, bytes]:
        """Digests of the items by id whose content was not asked yet what it says of itself."""
        if not self.are_kept:
            return dict(self._store.select("SELECT id, digest FROM items"))
        return dict(
            self._store.select(
                "SELECT id, items.digest FROM items LEFT JOIN fields USING (id) "
                "WHERE fields.digest IS NOT items.digest ORDER BY id"
            )
        )

    # -- writing, inside a transaction -------------------------------------------------------------

    def put_columns(self, columns: Mapping[int, str]) -> None:
        """Write what the columns say of some items, a JSON object or "", in place of what was."""
        self._make()
        self._store.write(
            "INSERT INTO fields SELECT id, x'', '', ?2 FROM items WHERE id = ?1 "
            "ON CONFLICT (id) DO UPDATE SET columns = excluded.columns",
            columns.items(),
        )
        self._renew(list(columns))

    def put_files(self, said: Mapping[int, tuple[bytes, str]]) -> None:
        """Write what the content of some items says of itself, with its digest."""
        self._make()
        self._store.write(
            "INSERT INTO fields SELECT id, ?2, ?3, '' FROM items WHERE id = ?1 "
            "ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, file = excluded.file",
            ((id, *one) for id, one in said.items()),
        )
        self._renew(list(said))

    def _make(self) -> None:
        for statement in filter(str.strip, FIELDS.split(";")):
            self._store.write(statement, [()])

    def _renew(self, ids: list[int]) -> None:
        """Write the values of some items anew, of what is kept of them."""
        self._store.write("DELETE FROM field_values WHERE id = ?", ((id,) for id in ids))
        rows = self._store.select_in(
            "SELECT id, file, columns FROM fields WHERE id IN ({})", list(ids)
        )
        numbers = dict(self._store.select("SELECT name, number FROM field_names"))
        known = len(numbers)
        values = [
            (numbers.setdefault(name, len(numbers) + 1), form, value, id)
            for id, file, columns in rows
            for name, texts in values_in(_merged(file, columns)).items()
            for text in texts
            for form, value in forms_of(text)
        ]
        new = list(numbers.items())[known:]
        self._store.write("INSERT INTO field_names (name, number) VALUES (?, ?)", new)
        self._store.write("INSERT OR IGNORE INTO field_values VALUES (?, ?, ?, ?)", values)


def _merged(file: str, columns: str) -> dict[str, Any]:
    """What columns and files say, as one."""
    parts = [json.loads(part) for part in (columns, file) if part]
    return {name: value for part in parts for name, value in part.items()}


def values_in(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values of fields as text, those within others by their paths; of lists all."""
    found: dict[str, list[str]] = {}
    for name in filter(None, names_in(fields)):  # one without a name cannot be asked for
        value = value_of(fields, name)
        texts = map(as_text, value if isinstance(value, list) else [value])
        kept = [text for text in texts if text and len(text) <= LONGEST]
        if kept:
            found[name] = kept
    return found


# -- forms of values -------------------------------------------------------------------------


def forms_of(text: str) -> Iterator[tuple[int, str | float]]:
    """A value as text, as a number and as a date, as far as it is one."""
    if text:
        yield TEXT, fold(text.replace("\0", ""))
    if (number := as_number(text)) is not None:
        yield NUMBER, number
    if day := as_date(text):
        yield DAY, day + FIRST[len(day) :]


def as_number(text: str) -> float | None:
    """The number that a text is, or None; long numbers, such as 20240000000000123, are names."""
    if not IN_NUMBERS.fullmatch(text) or (text.isdecimal() and len(text) > DIGITS):
        return None
    return float(text)


def as_date(text: str) -> str:
    """The date that a text is, as far as it goes: '1650-03', '2024-05-03T10:11'; "" if it is none.

    A time zone is passed over: times are compared as they are written.
    """
    found = ISO.fullmatch(text)
    if not found:
        return ""
    parts = [part for part in found.groups() if part]
    year, month, day, *clock = map(int, [*parts, "1", "1"] if len(parts) < 3 else parts)
    try:
        date(year, month, day)
        hour, minute, second = [*clock, 0, 0, 0][:3] if len(parts) > 3 else (0, 0, 0)
        time(hour, minute, second)
    except ValueError:
        return ""
    return "-".join(parts[:3]) + ("T" + ":".join(parts[3:]) if parts[3:] else "")


# -- conditions ------------------------------------------------------------------------------


class _Items(NamedTuple):
    """What all items have, of each at its place."""

    ids: Ids
    sizes: Ids
    times: Ids
    dated: Bools

    @classmethod
    def of(cls, store: Store) -> _Items:
        sql = f"SELECT id, size, mtime_ns, {DATED} FROM items ORDER BY id"
        rows = np.array(store.select(sql), dtype=np.int64).reshape(-1, 4)
        ids, sizes, times, dated = np.ascontiguousarray(rows.T)
        return cls(ids, sizes, times, dated > 0)


class _Column(NamedTuple):
    """The values of a field in one form, ascending, and the places of the items that have each."""

    values: list[Any]
    starts: list[int]
    places: Ids

    @classmethod
    def of(cls, rows: Sequence[tuple[Any, int]], ids: Ids) -> _Column:
        values: list[Any] = []
        starts: list[int] = []
        for number, (value, _) in enumerate(rows):
            if not values or values[-1] != value:
                values.append(value)
                starts.append(number)
        held = np.fromiter((id for _, id in rows), np.int64, len(rows))
        return cls(values, [*starts, len(rows)], np.searchsorted(ids, held))

    def between(self, first: int, after: int) -> Ids:
        """The places of the items of some values, by the numbers of these."""
        return self.places[self.starts[first] : self.starts[max(first, after)]]

    def like(self, pattern: str) -> Ids:
        """The places of the items that have a value like a pattern."""
        fits = re.compile(translate(glob_of(pattern))).match
        parts = [self.between(n, n + 1) for n, value in enumerate(self.values) if fits(value)]
        return np.concatenate([self.places[:0], *parts])


def _bounds(asked: Comparison, columns: Sequence[_Column]) -> Iterator[tuple[int, int, int]]:
    """The forms in which a value is compared, and which of all values are equal to it."""
    operator, text = asked.operator, asked.value
    if operator == "like":
        return
    number, day = as_number(text), as_date(text)
    equal = operator == "="
    exact: list[tuple[int, Any]] = []
    if equal or (number is None and not day):
        exact.append((TEXT, fold(text)))
    if number is not None and not (equal and asked.quoted):
        exact.append((NUMBER, number))
    for form, value in exact:
        values = columns[form].values
        yield form, bisect_left(values, value), bisect_right(values, value)
    if day and not (number is not None and equal and asked.quoted):
        values = columns[DAY].values
        yield DAY, bisect_left(values, day), bisect_left(values, day + AFTER)


def _part(operator: str, low: int, high: int, column: _Column) -> tuple[int, int]:
    """The first of the values that meet a comparison, and the one behind the last."""
    last = len(column.values)
    parts = {"=": (low, high), "<": (0, low), "<=": (0, high), ">": (high, last), ">=": (low, last)}
    return parts[operator]


def _compared(values: Ids, operator: str, first: float, after: float) -> Bools:
    """Which values lie in, before or behind a span."""
    found: Bools = {
        "=": lambda: (values >= first) & (values < after),
        "<": lambda: values < first,
        "<=": lambda: values < after,
        ">": lambda: values >= after,
        ">=": lambda: values >= first,
    }[operator]()
    return found


def _of_path(asked: Comparison) -> tuple[str, list[object]]:
    """What finds keys, and its values. They are compared as they stand, composed or not."""
    text = asked.value
    ways: list[object] = list(dict.fromkeys([text, canonical(text), normalize("NFD", text)]))
    if asked.operator == "like":
        globs: list[object] = [glob_of(str(way)) for way in ways]
        return " OR ".join("key GLOB ?" for _ in globs), globs
    if asked.operator == "=":
        return f"key IN ({', '.join('?' for _ in ways)})", ways
    if asked.operator not in OPERATORS:
        raise ParameterError(f"there is no operator '{asked.operator}'")
    return f"key {asked.operator} ?", [text]


def _size(asked: Comparison) -> float:
    if asked.operator == "like":
        raise ParameterError("size is a number of bytes, which is not 'like' anything: use < and >")
    number = as_number(asked.value)
    try:
        return float(parse_memory(asked.value) if number is None else number)
    except ParameterError:
        raise ParameterError(
            f"size is compared with bytes, such as 500000 or 2M; got '{clipped(asked.value)}'"
        ) from None


def _times(asked: Comparison) -> tuple[int, int]:
    """The time stamps that a date begins with and ends before, in the time of this place."""
    day = as_date(asked.value)
    if not day or asked.operator == "like":
        raise ParameterError(
            "date is compared with a year, a month, a day or a time: 2024, 2024-05, 2024-05-31, "
            f"2024-05-31T10:30; got '{clipped(asked.value)}'"
        )
    begin = datetime.fromisoformat(day + FIRST[len(day) :])
    return _stamp(begin), _stamp(_end(begin, day))


def _end(begin: datetime, day: str) -> datetime:
    """When a year, a month, a day, an hour, a minute or a second is over."""
    try:
        if len(day) == len("2024"):
            return begin.replace(year=begin.year + 1)
        if len(day) == len("2024-05"):
            return (begin + timedelta(days=31)).replace(day=1)
        lengths = {10: timedelta(days=1), 13: timedelta(hours=1), 16: timedelta(minutes=1)}
        return begin + lengths.get(len(day), timedelta(seconds=1))
    except (ValueError, OverflowError):  # the year 10,000
        return datetime.max


def _stamp(moment: datetime) -> int:
    """A moment as the time stamp of a file, in nanoseconds."""
    try:
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError, OSError):  # beyond what this system knows
        seconds = int((moment - EPOCH).total_seconds())
    return max(-(2**63), min(2**63 - 1, seconds * 10**9))


def glob_of(pattern: str) -> str:
    """A pattern of `like` as a glob of SQLite: * and % are any run of characters, ? is one."""
    glob = re.sub(r"[*%]+", "*", pattern)
    return re.sub(r"\[", "[[]", glob)
