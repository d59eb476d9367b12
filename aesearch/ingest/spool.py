"""What was read of a first index that is not made yet, kept in portions beside it.

Reading a large collection takes hours on a slow drive. Whoever stops it, or whatever does, the same
command takes from here what was read of files that look as they did, and reads the rest.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from aesearch.errors import ContentError
from aesearch.ingest.causes import THIS_VERSION
from aesearch.ingest.decode import Decoded
from aesearch.modalities import Modality
from aesearch.sources.base import Entry, Known, digest_of

PORTION = 2.0  # seconds; what is read sooner is not worth a file
TABLE = """
CREATE TABLE IF NOT EXISTS files (
    reading BLOB NOT NULL,             -- a digest of all that a sample depends on
    key TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    digest BLOB NOT NULL, sample BLOB, reason TEXT NOT NULL, ignored INTEGER NOT NULL,
    PRIMARY KEY (reading, key)
)
"""
WRITE = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class Spool:
    """Samples of files by key, in a file of its own. It may be lost: then they are read again.

    Used by several threads. Nothing that goes wrong with it stops the reading.

    Parameters
    ----------
    path : Path
        Of the file, which is there once the first portion is written.
    about : mapping
        All that a sample depends on besides the features, as JSON.
    modality : Modality
    """

    def __init__(self, path: Path, about: dict[str, Any], modality: Modality) -> None:
        self.path = path
        self._about, self._modality = about, modality
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._reading, self._features = b"", None
        self._known: dict[str, Known] = {}
        self._pending: dict[tuple[bytes, str], Decoded] = {}
        self._usable = True
        self._written = time.monotonic()

    def begin(self, features: Any) -> Self:
        """Take up what was read with these features; None are those of plain texts."""
        config = None if features is None else features.config()
        about = json.dumps([THIS_VERSION, self._about, config], sort_keys=True, default=str)
        with self._lock:
            self._reading, self._features = digest_of(about.encode()), features
            self._known = self._found()
        return self

    def get(self, entry: Entry) -> Decoded | None:
        """What was read of a file, if it looks as it did."""
        which = self._reading, entry.key
        with self._lock:
            pending, known = self._pending.get(which), self._known.get(entry.key)
        if pending is not None and pending.entry == entry:
            return pending
        if known is None or (known.size, known.mtime_ns) != (entry.size, entry.mtime_ns):
            return None
        sql = "SELECT digest, sample, reason, ignored FROM files WHERE reading = ? AND key = ?"
        try:
            with self._lock:
                if self._db is None:  # the disk is full since
                    return None
                digest, packed, reason, ignored = self._db.execute(sql, which).fetchone()
            if packed is None:
                return Decoded(entry, digest, None, reason, bool(ignored), THIS_VERSION)
            return Decoded(entry, digest, self._modality.unpacked(self._features, packed))
        except (sqlite3.Error, ContentError, ValueError, TypeError):  # it is read again
            return None

    def put(self, file: Decoded) -> None:
        """Keep what was read of a file; what surroundings refused is not worth it."""
        if file.sample is None and file.cause != THIS_VERSION:
            return
        with self._lock:
            self._pending[self._reading, file.entry.key] = file
            if time.monotonic() - self._written > PORTION:
                self._write()

    def close(self, *, stopped: bool) -> None:
        """Write the last portion; what was read to the end in no time needs no file."""
        with self._lock:
            if stopped or self._db is not None:
                self._write()
            self._close()

    # -- with the lock -----------------------------------------------------------------------------

    def _found(self) -> dict[str, Known]:
        """What is there of this reading; a file that is damaged is removed."""
        if not self.path.exists():
            return {}
        sql = "SELECT key, size, mtime_ns FROM files WHERE reading = ?"
        try:
            rows = self._opened().execute(sql, (self._reading,)).fetchall()
        except sqlite3.Error:
            self._drop()
            return {}
        return {key: Known(size, mtime) for key, size, mtime in rows}

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
            self._db.execute(TABLE)
        return self._db

    def _write(self) -> None:
        files, self._pending = self._pending, {}
        if not files or not self._usable:
            return
        try:
            db = self._opened()
            db.execute("BEGIN")
            db.executemany(WRITE, map(self._row, files.items()))
            db.execute("COMMIT")
            own = [file.entry for (reading, _), file in files.items() if reading == self._reading]
            self._known.update((key, Known(size, mtime)) for key, size, mtime in own)
        except (
            sqlite3.Error,
            OSError,
            ContentError,
            ValueError,
        ):  # a full disk: the space is needed
            self._usable = False
            self._drop()
        self._written = time.monotonic()

    def _row(self, pending: tuple[tuple[bytes, str], Decoded]) -> tuple[Any, ...]:
        (reading, _), file = pending
        sample = None if file.sample is None else self._modality.packed(file.sample)
        return reading, *file.entry, file.digest, sample, file.reason, int(file.ignored)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _drop(self) -> None:
        self._close()
        self._known = {}
        for path in (self.path, self.path.with_name(self.path.name + "-journal")):
            with suppress(OSError):
                path.unlink(missing_ok=True)
