"""What an index of documents keeps beside items and codes: plain texts, and passages."""

from __future__ import annotations

import sqlite3
import zlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from aesearch.storage.schema import KeptText, NewItem
from aesearch.types import Floats, Ids

PassageRow = tuple[int, int, int, int, Floats]  # id, that of the document, start, stop, code
CHUNK = 500  # SQLite allows 999 variables in one statement even in old builds


class TextRows:
    """The part of the store that only documents need; see `Store`."""

    _db: sqlite3.Connection

    @abstractmethod
    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Fetch what a statement finds."""

    def _in(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        """Fetch what a statement finds for many values, which stand for its ``{}``."""
        rows: list[tuple[Any, ...]] = []
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            rows += self._rows(sql.format(",".join("?" * len(part))), part)
        return rows

    @cached_property
    def _knows_texts(self) -> bool:
        """Whether it has the tables; indexes of the first format have not."""
        return bool(self._rows("SELECT 1 FROM sqlite_master WHERE name = 'passages'"))

    # -- reading ---------------------------------------------------------------------------------

    def texts_of(self, ids: Iterable[int]) -> dict[int, KeptText]:
        """Return the texts of some documents by id; those without one are left out."""
        sql = "SELECT id, title, label, body FROM texts WHERE id IN ({})"
        found = self._in(sql, [int(i) for i in ids]) if self._knows_texts else []
        return {row[0]: _kept(*row) for row in found}

    def texts(self) -> Iterator[KeptText]:
        """Yield the texts of all documents, in the order of their ids."""
        last = -1
        sql = "SELECT id, title, label, body FROM texts WHERE id > ? ORDER BY id LIMIT 1000"
        while rows := self._rows(sql, (last,)):
            for row in rows:
                yield _kept(*row)
            last = rows[-1][0]

    def documents(self) -> list[tuple[NewItem, KeptText]]:
        """Return all documents, with their texts."""
        kept = {text.id: text for text in self.texts()}
        rows = self._rows("SELECT id, key, size, mtime_ns, digest, added FROM items ORDER BY id")
        return [
            (NewItem(key, size, mtime, digest, added=bool(added)), kept[id])
            for id, key, size, mtime, digest, added in rows
            if id in kept
        ]

    def labels(self) -> dict[int, str]:
        """Return the label of each document by id, "" where it has none."""
        return dict(self._rows("SELECT id, label FROM texts")) if self._knows_texts else {}

    def passages_of(self, ids: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Return where passages begin and stop in their documents, by the ids of the passages."""
        found = self._in(
            "SELECT id, start, stop FROM passages WHERE id IN ({})", [int(i) for i in ids]
        )
        return {row[0]: (row[1], row[2]) for row in found}

    def passages_in(self, documents: Iterable[int]) -> Ids:
        """Return the ids of all passages of some documents."""
        if not self._knows_texts:
            return np.empty(0, dtype=np.int64)
        rows = self._in("SELECT id FROM passages WHERE item IN ({})", [int(i) for i in documents])
        return np.array([row[0] for row in rows], dtype=np.int64)

    def has_passages(self) -> bool:
        """Return whether any document is long enough to have passages."""
        return self._knows_texts and bool(self._rows("SELECT 1 FROM passages LIMIT 1"))

    # -- writing, inside a transaction -----------------------------------------------------------

    def keep_texts(self, texts: Iterable[KeptText]) -> None:
        """Keep the texts of documents."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor() as pool:  # zlib lets go of the interpreter's lock
            self._db.executemany(
                "INSERT OR REPLACE INTO texts VALUES (?, ?, ?, ?)", pool.map(_row, texts)
            )

    def relabel(self, labels: Iterable[tuple[str, str]]) -> None:
        """Give documents other labels: (key, label); what is no document is passed over."""
        if self._knows_texts:
            self._db.executemany(
                "UPDATE texts SET label = ? WHERE id = (SELECT id FROM items WHERE key = ?)",
                [(label, key) for key, label in labels],
            )

    def put_passages(self, documents: Iterable[int], rows: Iterable[PassageRow]) -> None:
        """Write passages with their codes, in place of those that these documents had."""
        if not self._knows_texts:
            return
        gone = [(int(id),) for id in documents]
        self._db.executemany("DELETE FROM passages WHERE item = ?", gone)
        self._db.executemany(
            "INSERT INTO passages VALUES (?, ?, ?, ?, ?)",
            ((id, item, start, stop, code.tobytes()) for id, item, start, stop, code in rows),
        )


def _row(text: KeptText) -> tuple[int, str, str, bytes]:
    body = zlib.compress(text.text.encode(errors="replace"), 1)
    return text.id, text.title, text.label, body


def _kept(id: int, title: str, label: str, body: bytes) -> KeptText:
    return KeptText(id, title, zlib.decompress(body).decode(), label)
