"""What can still be read of a damaged database, taken over into a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

# In this order: a row of the later ones belongs to one of the first.
TABLES = ("items", "codes", "kept", "texts", "passages", "skipped", "causes", "revision")
OWNERS = {"codes": "id", "kept": "id", "texts": "id", "passages": "item"}
INDEXED = {"key": "sqlite_autoindex_items_1", "digest": "items_digest"}
Row = tuple[Any, ...]


def salvage(damaged: Path, fresh: Path) -> int:
    """Copy every row that can be read from a damaged database into an empty one.

    Parameters
    ----------
    damaged : Path
        Need not be a database, nor be there.
    fresh : Path
        Made by `Store`.

    Returns
    -------
    int
        Items that were copied. One whose key or digest is not that of SQLite's index is not.
    """
    if not damaged.is_file():
        return 0
    with closing(sqlite3.connect(fresh, isolation_level=None)) as new:
        with suppress(sqlite3.Error, ValueError), closing(sqlite3.connect(damaged)) as old:
            old.text_factory = _text
            new.execute("BEGIN")
            for table in TABLES:
                _copy(old, new, table)
        if new.in_transaction:
            new.execute("COMMIT")
        return int(new.execute("SELECT count(*) FROM items").fetchone()[0])


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    """Copy the rows of one table that fit into the new one."""
    known = _columns(new, table)
    columns = [name for name in _columns(old, table) if name in known]
    if not columns:
        return
    names = ", ".join(columns)
    rows: Iterator[Row] = _read(old, table, columns)
    if table == "items":
        doubtful = _doubtful(old)
        rows = (row for row in rows if row[columns.index("id")] not in doubtful)
    if table in OWNERS:
        items = {id for (id,) in new.execute("SELECT id FROM items")}
        rows = (row for row in rows if row[columns.index(OWNERS[table])] in items)
    marks = ", ".join("?" * len(columns))
    for row in rows:
        with suppress(sqlite3.Error, UnicodeEncodeError):  # a row that breaks a rule
            new.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)


def _text(raw: bytes) -> str:
    """A text, or one that cannot be written: its row is left out, and none of the others."""
    return raw.decode("utf-8", "surrogateescape")


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    with suppress(sqlite3.Error, ValueError):
        return [str(row[1]) for row in db.execute(f"PRAGMA table_info({table})")]
    return []


def _read(db: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a table up to a page that cannot be read, then those behind it, from the end."""
    for order in ("", "DESC"):
        try:
            yield from db.execute(
                f"SELECT {', '.join(columns)} FROM {table} ORDER BY rowid {order}"
            )
        except (sqlite3.Error, UnicodeDecodeError):
            continue
        return


def _doubtful(db: sqlite3.Connection) -> set[int]:
    """Ids of items of which SQLite's indexes say something else than the table."""
    doubtful: set[int] = set()
    for column, index in INDEXED.items():
        with suppress(sqlite3.Error, ValueError):
            held = set(db.execute(f"SELECT id, {column} FROM items NOT INDEXED"))
            named = set(db.execute(f"SELECT id, {column} FROM items INDEXED BY {index}"))
            doubtful |= {id for id, _ in held ^ named}
    return doubtful
