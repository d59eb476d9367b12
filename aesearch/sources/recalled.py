"""What an index of an earlier version took of its table, found by what it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from aesearch.errors import AesearchError
from aesearch.sources.base import Known, Source, digest_of
from aesearch.sources.choosing import SAMPLE, choose_columns, usual_body, with_title, wordiest
from aesearch.sources.columns import Columns, Taken
from aesearch.sources.form import Form, is_repeated
from aesearch.sources.record import Record
from aesearch.sources.records import is_table, open_records
from aesearch.sources.rows import columns_in
from aesearch.sources.table import Table, row_stamp
from aesearch.sources.values import as_text, one_line, value_of

LOOKED_AT = 1000  # rows


def recall(source: Source, items: Mapping[str, Known]) -> None:
    """Let a table be read as it was for an index that does not say how.

    Only the file itself is looked at: where no row of it is known, it is read as that version would
    have read it.
    """
    columns, path = source.columns, Path(source.root)
    if not isinstance(source, Table) or columns is None or columns.taken or not items:
        return
    if not path.is_file() or not is_table(path.name):
        return
    try:
        source.columns = replace(columns, taken=_recalled(path, columns, source.encoding, items))
    except AesearchError:  # the walk says so
        return


def _recalled(
    path: Path, columns: Columns, encoding: str, items: Mapping[str, Known]
) -> Taken | None:
    form = Form(headed=True)
    opened = open_records(path, None, form, encoding)
    rows = [r.values for r in islice(opened.records, LOOKED_AT) if isinstance(r, Record)]
    opened.records.close()
    names = tuple(dict.fromkeys(columns_in(opened.header, rows[:SAMPLE])))
    if not rows:
        return None
    guessed_key, guessed_label = choose_columns(
        names, rows[:SAMPLE], columns.key, columns.label, columns.text
    )
    keys = [columns.key] if columns.key else [guessed_key or None, None, *names]
    key, keyed = _best(keys, lambda key: _known_rows(rows, key, items))
    texts = [columns.text] if columns.text else list(_texts(names, rows, {key, guessed_label}))
    if not texts:
        return None
    text, _ = _best(
        texts, lambda text: [p for p in keyed if _digest(p, text) == items[p[0]].digest]
    )
    labels = [columns.label] if columns.label else [guessed_label or None, None, *names]
    label, _ = _best(labels, lambda label: [p for p in keyed if _stamp(p, text, label, items)])
    return Taken(
        text,
        key,
        label,
        delimiter=form.delimiter,
        quoted=form.quoted,
        encoding="" if encoding else next(iter(opened.pages), ""),
    )


Keyed = tuple[str, Mapping[str, Any]]
Choice = TypeVar("Choice")


def _best(
    choices: Sequence[Choice], fitting: Callable[[Choice], list[Keyed]]
) -> tuple[Choice, list[Keyed]]:
    """The choice that fits most rows, of equal ones the first, and these rows."""
    found = [(choice, fitting(choice)) for choice in choices]
    return max(found, key=lambda each: len(each[1]))


def _known_rows(
    rows: Sequence[Mapping[str, Any]], key: str | None, items: Mapping[str, Known]
) -> list[Keyed]:
    """The rows whose key is that of an item."""
    pairs = (
        (str(number) if key is None else one_line(value_of(row, key)), row)
        for number, row in enumerate(rows, 1)
    )
    return [pair for pair in pairs if pair[0] in items]


def _texts(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], taken: set[str | None]
) -> Iterator[tuple[str, ...]]:
    """What may have been the text, beginning with what would be taken of these rows."""
    body = usual_body(names)
    if body is not None:
        yield tuple(name for name in with_title(names, body) if not is_repeated(name, body))
        yield (body,)
    longest = wordiest(names, rows[:SAMPLE], {name for name in taken if name})
    if longest is not None:
        yield (longest,)
    yield from ((name,) for name in names)


def _content(pair: Keyed, text: Sequence[str]) -> bytes:
    parts = (as_text(value_of(pair[1], name)) for name in text)
    return "\n\n".join(filter(None, parts)).encode(errors="replace")


def _digest(pair: Keyed, text: Sequence[str]) -> bytes:
    return digest_of(_content(pair, text))


def _stamp(pair: Keyed, text: Sequence[str], label: str | None, items: Mapping[str, Known]) -> bool:
    own = one_line(value_of(pair[1], label)) if label else ""
    return row_stamp(_content(pair, text), own) == items[pair[0]].mtime_ns
