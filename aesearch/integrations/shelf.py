"""Documents of a pipeline and the vectors it gave them: contents in SQLite, and an index."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aesearch.errors import ParameterError, StorageError
from aesearch.integrations.handle import Handle
from aesearch.search.hits import Among
from aesearch.storage.layout import Layout
from aesearch.storage.places import place_for
from aesearch.types import Floats

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY,
    content TEXT,              -- JSON; NULL: deleted, and still to be taken out of the index
    vector BLOB,               -- float32; NULL: found by its key alone
    indexed INTEGER NOT NULL   -- 1: the index has what is here
) WITHOUT ROWID;
"""
AT_ONCE = 500  # parameters of a statement


class Kept(NamedTuple):
    """One document: what the pipeline keeps of it, as JSON holds it, and its vector (float32)."""

    content: dict[str, Any]
    vector: Sequence[float] | Floats | None = None

    @classmethod
    def read(cls, content: str, vector: bytes | None) -> Kept:
        """Read what the database holds."""
        values = None if vector is None else np.frombuffer(vector, np.float32)
        return cls(json.loads(content), values)


class Shelf:
    """Documents by their ids, searched by vectors that somebody else made.

    What is written is in SQLite first, in ``NAME.documents.db`` beside the index; the index is
    brought to it, now or, after a crash, at the next use. Safe to use from several threads.

    Parameters
    ----------
    place : str or Path
        Path of the index or its name in the home; it is made with the first vector.
    """

    def __init__(self, place: str | Path) -> None:
        self.place = place_for(Path(), place).absolute()
        self._lock = threading.RLock()
        self._handle: Handle | None = None
        try:
            self.place.parent.mkdir(parents=True, exist_ok=True)
            file = self.place.with_name(f"{self.place.name}.documents.db")
            self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"documents cannot be kept at {self.place}: {error}") from error

    def __len__(self) -> int:
        with self._lock:
            found = self._db.execute("SELECT count(*) FROM documents WHERE content IS NOT NULL")
            return int(found.fetchone()[0])

    def put(self, documents: Mapping[str, Kept]) -> None:
        """Write documents; those of the same ids are replaced.

        Raises
        ------
        ParameterError
            If a vector has another width than those that are there, or no direction; nothing is
            written then.
        """
        width = self._width()
        rows = []
        for id, (content, vector) in documents.items():
            values = None if vector is None else _checked(id, vector, width)
            width = width or (0 if values is None else len(values))
            blob = None if values is None else values.tobytes()
            rows.append((id, json.dumps(content, ensure_ascii=False), blob))
        with self._lock:
            self._write("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, 0)", rows)
            self._bring()

    def delete(self, ids: Iterable[str]) -> None:
        """Delete documents; ids that are not there are passed over."""
        statement = "UPDATE documents SET content = NULL, vector = NULL, indexed = 0 WHERE id = ?"
        with self._lock:
            self._write(statement, [(id,) for id in ids])
            self._bring()

    def get(self, ids: Sequence[str]) -> dict[str, Kept]:
        """Return documents by id, in the order that was asked for."""
        found: dict[str, Kept] = {}
        with self._lock:
            for start in range(0, len(ids), AT_ONCE):
                part = ids[start : start + AT_ONCE]
                marks = ",".join("?" * len(part))
                rows = self._db.execute(
                    f"SELECT id, content, vector FROM documents WHERE id IN ({marks}) "
                    "AND content IS NOT NULL",
                    list(part),
                )
                found |= {id: Kept.read(*kept) for id, *kept in rows}
        return {id: found[id] for id in dict.fromkeys(ids) if id in found}

    def __iter__(self) -> Iterator[tuple[str, Kept]]:
        with self._lock:
            rows = self._db.execute(
                "SELECT id, content, vector FROM documents WHERE content IS NOT NULL ORDER BY id"
            ).fetchall()
        return ((id, Kept.read(*kept)) for id, *kept in rows)

    def search(
        self, vector: Sequence[float], k: int, among: Among = None, threshold: float | None = None
    ) -> list[tuple[str, float, Kept]]:
        """Return the nearest documents, best first: id, cosine, document."""
        with self._lock:
            self._bring()
        if k < 1:
            raise ParameterError(f"k must be at least 1; got {k}")
        handle = self._index()
        if handle is None:
            return []
        hits = handle.open().search(np.asarray(vector), k, among=among, threshold=threshold)
        kept = self.get([hit.key for hit in hits])
        return [(hit.key, hit.score, kept[hit.key]) for hit in hits if hit.key in kept]

    def close(self) -> None:
        """Close the index and the database."""
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._db.close()

    def _width(self) -> int:
        """Dimensions of the vectors that are there, or 0."""
        with self._lock:
            row = self._db.execute(
                "SELECT length(vector) FROM documents WHERE vector IS NOT NULL LIMIT 1"
            ).fetchone()
        return int(row[0]) // 4 if row else 0

    def _write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise StorageError(
                f"documents cannot be written to {self.place}: {error}; nothing was changed"
            ) from error

    def _index(self) -> Handle | None:
        with self._lock:
            if self._handle is None and Layout(self.place).exists():
                self._handle = Handle(self.place)
            return self._handle

    def _bring(self) -> None:
        """Bring the index to what is written."""
        waiting = self._db.execute("SELECT id, vector FROM documents WHERE indexed = 0").fetchall()
        if not waiting:
            return
        vectors = {id: np.frombuffer(blob, np.float32) for id, blob in waiting if blob is not None}
        handle = self._index()
        if handle is not None:
            index = handle.open()
            gone = [id for id, blob in waiting if blob is None and id in index]
            if gone:
                index.remove(gone)
            if vectors:
                index.add(vectors)
        elif vectors:
            from aesearch.indexing.build import build

            build(vectors, self.place, {"encoder": "raw"}, budget=None).close()
        ids = [(id,) for id, _ in waiting]
        self._write("UPDATE documents SET indexed = 1 WHERE id = ?", ids)
        self._db.execute("DELETE FROM documents WHERE content IS NULL AND indexed = 1")


def _checked(id: str, vector: Sequence[float] | Floats, width: int) -> Floats:
    values = np.asarray(vector, dtype=np.float32)
    if values.ndim != 1 or not np.isfinite(values).all() or not values.any():
        raise ParameterError(f"the vector of '{id}' is no direction: finite numbers, not all zeros")
    if width and len(values) != width:
        raise ParameterError(
            f"the vector of '{id}' has {len(values)} dimensions; those that are there have {width}"
        )
    return values
