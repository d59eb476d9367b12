"""Fields of items, by which a search is narrowed: columns of tables, EXIF, label, path, size, date.

What a column or a file says is written once as JSON, and each value of it as text, as a number and
as a date, as far as it is one, in an index of SQLite. Programs of earlier versions do not look at
these tables; in an index that has none yet, label, path, size and date can be asked for, and all
else after the next ``aesearch index``.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import normalize

import numpy as np

from aesearch.engines.threads import hold_at_fork
from aesearch.errors import ParameterError
from aesearch.settings import parse_memory
from aesearch.sources.names import canonical
from aesearch.sources.values import as_text, fold, names_in, value_of
from aesearch.wording import clipped

if TYPE_CHECKING:
    from aesearch.storage.database import Store
    from aesearch.types import Ids

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
LABELS = """
CREATE TABLE labels (
    form INTEGER NOT NULL, value NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (form, value, id)
) WITHOUT ROWID
"""
LABEL, PATH, SIZE, DATE = "label", "path", "size", "date"
EXIF = ("exif.date", "exif.place", "exif.latitude", "exif.longitude")
TEXT, NUMBER, DAY = 0, 1, 2
LONGEST = 1000  # characters of a value; longer ones are no fields
EXAMPLES = 3  # values of a field
NAMED = 12  # fields that a message names
REMEMBERED = 64  # answers
OPERATORS = frozenset({"=", "<", "<=", ">", ">="})
UNDATED = " AND (added = 0 OR mtime_ns <> 0) AND instr(key, '#<') = 0"  # by hand, and messages
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
        self._lock = threading.RLock()
        hold_at_fork(self._lock, 1)
        self._seen: object = None
        self._answers: dict[Comparison, Ids] = {}
        self._numbers: dict[str, int] = {}
        self._labels: sqlite3.Connection | None = None

    # -- which there are ---------------------------------------------------------------------------

    @property
    def are_kept(self) -> bool:
        """Whether the database has the tables."""
        return bool(self._store.select("SELECT 1 FROM sqlite_master WHERE name = 'field_values'"))

    def names(self) -> list[str]:
        """Every field that can be asked for: columns, what files say, and what all items have."""
        self._refresh()
        columns = [name for name in self._numbers if name not in EXIF]
        exif = EXIF if self._exif and self.are_kept else ()
        return list(dict.fromkeys([*columns, *self._own, *exif]))

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

    def holding(self, asked: Comparison) -> Ids:
        """The ids of the items of which a condition is true, ascending.

        Raises
        ------
        ParameterError
            If there is no such field, or it cannot be compared so.
        """
        with self._lock:
            self._refresh()
            if asked not in self._answers:
                found = self._found(asked._replace(field=self.resolve(asked.field)))
                if len(self._answers) >= REMEMBERED:
                    del self._answers[next(iter(self._answers))]
                self._answers[asked] = np.unique(np.fromiter((id for (id,) in found), np.int64))
            return self._answers[asked]

    def _refresh(self) -> None:
        """Forget the answers where anything was written since."""
        with self._lock:
            seen = self._store.version()
            if seen == self._seen:
                return
            self._answers, self._numbers, self._labels = {}, {}, None
            if self.are_kept:
                sql = "SELECT name, number FROM field_names WHERE EXISTS "
                sql += "(SELECT 1 FROM field_values WHERE field = number) ORDER BY number"
                self._numbers = dict(self._store.select(sql))
            self._seen = seen

    def _found(self, asked: Comparison) -> Iterable[tuple[int]]:
        """The rows of them; no text of a user is in a statement."""
        if asked.field in self._numbers:
            number: list[object] = [self._numbers[asked.field]]
            return self._store.select(*_in_values("field_values WHERE field = ?", number, asked))
        if asked.field in EXIF:
            return []
        if asked.field == LABEL:
            return self._labelled().execute(*_in_values("labels WHERE 1", [], asked))
        has, values = {PATH: _of_path, SIZE: _of_size, DATE: _of_date}[asked.field](asked)
        sql = f"SELECT id FROM items WHERE {'NOT' * asked.negated} ({has})"
        return self._store.select(sql + UNDATED * (asked.field == DATE), values)

    def _labelled(self) -> sqlite3.Connection:
        """The labels, where they can be asked for: they stand beside long texts, or in keys."""
        if self._labels is None:
            labels = self._labels = sqlite3.connect(":memory:", check_same_thread=False)
            labels.execute(LABELS)
            rows = self._store.label_rows(folders=not self._has_labels)
            values = ((*own, id) for id, label in rows for own in forms_of(label))
            labels.executemany("INSERT OR IGNORE INTO labels VALUES (?, ?, ?)", values)
        return self._labels

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
    for name in names_in(fields):
        value = value_of(fields, name)
        texts = map(as_text, value if isinstance(value, list) else [value])
        kept = [text for text in texts if text and len(text) <= LONGEST]
        if kept:
            found[name] = kept
    return found


# -- forms of values -------------------------------------------------------------------------


def forms_of(text: str) -> Iterator[tuple[int, str | int | float]]:
    """A value as text, as a number and as a date, as far as it is one."""
    if text:
        yield TEXT, fold(text.replace("\0", ""))
    if (number := as_number(text)) is not None:
        yield NUMBER, number
    if day := as_date(text):
        yield DAY, day + FIRST[len(day) :]


def as_number(text: str) -> int | float | None:
    """The number that a text is, or None."""
    if not IN_NUMBERS.fullmatch(text):
        return None
    with suppress(ValueError):
        if -(2**63) <= (whole := int(text)) < 2**63:
            return whole
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

Part = tuple[str, list[object]]  # of a statement, and its values


def _in_values(table: str, before: list[object], asked: Comparison) -> Part:
    """What finds a condition in a table of forms and values."""
    tests = list(_tests(asked))
    found = " UNION ALL ".join(
        f"SELECT id FROM {table} AND form = {form} AND {test}" for form, test, _ in tests
    )
    values = [value for *_, own in tests for value in (*before, *own)]
    if not asked.negated:
        return found, values
    # Of what cannot be compared so, neither a condition nor its contrary is true.
    forms = {form for form, *_ in tests} if asked.operator in OPERATORS - {"="} else {TEXT}
    comparable = ", ".join(map(str, sorted(forms)))
    sql = f"SELECT id FROM {table} AND form IN ({comparable}) EXCEPT SELECT id FROM ({found})"
    return sql, [*before, *values]


def _tests(asked: Comparison) -> Iterator[tuple[int, str, list[object]]]:
    """What holds of the values that meet a condition, by their form."""
    operator, text = asked.operator, asked.value
    number, day = as_number(text), as_date(text)
    if operator == "like":
        yield TEXT, "value GLOB ?", [glob_of(fold(text))]
        return
    equal = operator == "="
    if equal or (number is None and not day):
        yield TEXT, f"value {_allowed(operator)} ?", [fold(text)]
    if equal and asked.quoted and number is not None:
        return
    if number is not None:
        yield NUMBER, f"value {_allowed(operator)} ?", [number]
    if day:
        test, bounds = _within("value", operator, day, day + AFTER)
        yield DAY, test, bounds


def _within(value: str, operator: str, first: object, after: object) -> Part:
    """How a moment is compared with a time that begins with one and ends before another."""
    return {
        "=": (f"{value} >= ? AND {value} < ?", [first, after]),
        "<": (f"{value} < ?", [first]),
        "<=": (f"{value} < ?", [after]),
        ">": (f"{value} >= ?", [after]),
        ">=": (f"{value} >= ?", [first]),
    }[operator]


def _of_path(asked: Comparison) -> Part:
    """Keys are compared as they stand, but for how letters are composed."""
    text = asked.value
    ways: list[object] = list(dict.fromkeys([text, canonical(text), normalize("NFD", text)]))
    if asked.operator == "like":
        globs: list[object] = [glob_of(str(way)) for way in ways]
        return " OR ".join("key GLOB ?" for _ in globs), globs
    if asked.operator == "=":
        return f"key IN ({', '.join('?' for _ in ways)})", ways
    return f"key {_allowed(asked.operator)} ?", [text]


def _of_size(asked: Comparison) -> Part:
    if asked.operator == "like":
        raise ParameterError("size is a number of bytes, which is not 'like' anything: use < and >")
    number = as_number(asked.value)
    if number is None:
        try:
            number = parse_memory(asked.value)
        except ParameterError:
            raise ParameterError(
                f"size is compared with bytes, such as 500000 or 2M; got '{clipped(asked.value)}'"
            ) from None
    return f"size {_allowed(asked.operator)} ?", [number]


def _of_date(asked: Comparison) -> Part:
    """Time stamps of files, in the time of this place."""
    day = as_date(asked.value)
    if not day or asked.operator == "like":
        raise ParameterError(
            "date is compared with a year, a month, a day or a time: 2024, 2024-05, 2024-05-31, "
            f"2024-05-31T10:30; got '{clipped(asked.value)}'"
        )
    begin = datetime.fromisoformat(day + FIRST[len(day) :])
    first, after = _stamp(begin), _stamp(_end(begin, day))
    return _within("mtime_ns", asked.operator, first, after)


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


def _allowed(operator: str) -> str:
    """An operator of SQL, one of few."""
    if operator not in OPERATORS:
        raise ParameterError(f"there is no operator '{operator}'")
    return operator


def glob_of(pattern: str) -> str:
    """A pattern of `like` as a glob of SQLite: * and % are any run of characters, ? is one."""
    glob = re.sub(r"[*%]+", "*", pattern)
    return re.sub(r"\[", "[[]", glob)
