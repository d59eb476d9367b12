"""Which columns of a table are text, key and label, where nobody named them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aesearch.errors import ParameterError, SourceError
from aesearch.sources.form import is_repeated
from aesearch.sources.values import as_text, count_words, value_of

SAMPLE = 100  # rows from which columns are chosen

BODIES = ("text", "body", "content", "abstract", "description")
WHOLE = BODIES[:-1]  # whatever their length; a description may be one short column of several
TITLE = "title"
KEYS = ("id", "_id", "key", "url", "path")
LABELS = ("label", "class", "category", "target", "topic")
# Last parts of names that identifiers of other tables have: inv_no, ArticleNumber, Inventarnr.
NUMBERED = frozenset(
    {"id", "uid", "uuid", "guid", "key", "no", "nr", "num", "number", "numero", "numéro", "code"}
    | {"uri", "url", "slug", "isbn", "issn", "doi", "ean", "sku", "barcode", "accession"}
    | {"identifier", "signatur", "signature", "cote", "segnatura"}
)
PARTS = re.compile(r"[^\W\d_]+")
CAMEL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-Z])")
LONGEST_KEY = 100
WORDY = 8.0  # words in a row, on average, from which a column is a text of its own
COUNTED = 50  # of one row: a single long one does not make a column wordy
YEARS = frozenset({"year", "years", "date", "jahr", "année", "annee", "año", "anno", "ano", "jaar"})
YEAR = re.compile(r"1\d\d\d|20\d\d")

Rows = Sequence[Mapping[str, Any]]


class Chosen(NamedTuple):
    """The columns of text, and whether they are short ones that make one line together."""

    text: tuple[str, ...]
    short: bool = False


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
    sample: Rows,
    key: str | None,
    label: str | None,
    taken: Sequence[str] = (),
) -> tuple[str, str]:
    """The columns of key and label, "" for none, where these were not named.

    Parameters
    ----------
    columns : sequence of str
        All there are.
    sample : sequence of mapping
        The first rows: a key must tell them apart.
    key, label : str or None
        As they were named.
    taken : sequence of str
        Columns that hold something else.
    """
    folded = folded_names(columns)
    if key is None:
        usual = (folded[name] for name in KEYS if name in folded and folded[name] not in taken)
        key = next((name for name in usual if is_unique(name, sample)), "")
    if label is None:
        usual = (folded[name] for name in LABELS if name in folded)
        label = next((name for name in usual if name != key and name not in taken), "")
    return key, label


def numbered_columns(columns: Sequence[str], sample: Rows, taken: Iterable[str]) -> list[str]:
    """Columns named like identifiers, that tell these rows apart by short values."""
    return [
        name
        for name in columns
        if name not in taken
        and is_numbered(name)
        and is_unique(name, sample)
        and all(len(as_text(value_of(row, name))) <= LONGEST_KEY for row in sample)
    ]


def usual_keys(columns: Sequence[str], taken: Iterable[str]) -> list[str]:
    """Columns named like keys, whatever they hold: the usual names before others."""
    names = [name for name in columns if name not in taken]
    usual = [name for name in names if name.strip().lower() in KEYS]
    return [*usual, *(name for name in names if name not in usual and is_numbered(name))]


def is_numbered(name: str) -> bool:
    """Whether a column is named like an identifier: inv_no, articleNumber, Inv.-Nr."""
    parts = PARTS.findall(CAMEL.sub(" ", name.rpartition(".")[2] or name))
    last = parts[-1].lower() if parts else ""
    return last in NUMBERED or last.endswith(("nummer", "nr"))


def is_unique(name: str, sample: Rows) -> bool:
    """Whether a column tells all of these rows apart."""
    keys = {as_text(value_of(row, name)) for row in sample}
    return len(keys) == len(sample) and "" not in keys


def choose_text(place: str, columns: Sequence[str], sample: Rows, taken: Iterable[str]) -> Chosen:
    """The columns of text: the usual one, with the title before it; a wordy one; or all short ones.

    Raises
    ------
    SourceError
        If no column holds text.
    """
    taken = set(taken)
    words = {name: _words(name, sample) for name in columns}
    if body := usual_body(columns, WHOLE):
        return Chosen(with_title(columns, body))
    free = {name: count for name, count in words.items() if name not in taken and count}
    free = free or {name: count for name, count in words.items() if count}
    if not free:
        raise SourceError(f"{place}: no column holds text; it has {', '.join(columns)}")
    best = max(free, key=lambda name: free[name])
    if free[best] >= WORDY:
        body = usual_body(columns)
        return Chosen((best,) if body is None else with_title(columns, body))
    told = tuple(
        name for name in columns if name in free or (name not in taken and _is_year(name, sample))
    )
    return Chosen(told, short=len(told) > 1)


def usual_body(columns: Sequence[str], names: Sequence[str] = BODIES) -> str | None:
    """The column that usually holds the text; one within others only where no other does."""
    folded = folded_names(columns)
    if found := next((folded[name] for name in names if name in folded), None):
        return found
    inner = {name.rpartition(".")[2]: path for name, path in folded.items() if "." in name}
    return next((inner[name] for name in names if name in inner), None)


def with_title(columns: Sequence[str], body: str) -> tuple[str, ...]:
    """A column of text, with that of the title before it, and others of its own name behind it."""
    folded = folded_names(columns)
    place = body.rpartition(".")[0]
    title = folded.get(f"{place}.{TITLE}".lower() if place else TITLE)
    same = [name for name in columns if is_repeated(name, body)]
    return (*([title] if title and title != body else []), body, *same)


def wordiest(columns: Sequence[str], sample: Rows, taken: Iterable[str]) -> str | None:
    """The column with the longest strings, as older versions chose it."""
    lengths = {name: sum(_length(row.get(name)) for row in sample) for name in columns}
    taken = set(taken)
    free = {name: length for name, length in lengths.items() if length and name not in taken}
    free = free or {name: length for name, length in lengths.items() if length}
    return max(free, key=lambda name: free[name], default=None)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) and count_words(value) else 0


def _words(name: str, sample: Rows) -> float:
    """Words of a column in a row, on average."""
    counts = (min(COUNTED, count_words(value_of(row, name))) for row in sample)
    return sum(counts) / max(1, len(sample))


def _is_year(name: str, sample: Rows) -> bool:
    """Whether a column holds years, where it holds anything: by its name, or by all of them."""
    found = [text for row in sample if (text := as_text(value_of(row, name)))]
    return bool(found) and (name.strip().lower() in YEARS or all(map(YEAR.fullmatch, found)))
