"""SQLite: items, codes, texts, skipped files and the revision: the source of truth of an index."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.engines.threads import hold_at_fork, pool
from aesearch.errors import (
    AesearchError,
    ClosedError,
    DamagedError,
    ParameterError,
    StorageError,
    repair_command,
)
from aesearch.sources.base import Known
from aesearch.storage.layout import gone, identity, is_missing
from aesearch.storage.schema import (
    CAUSES,
    DECIDED,
    FEATURES,
    REMOVED,
    SCHEMA,
    Item,
    KeptText,
    NewItem,
    Revision,
    Skipped,
    packed_text,
    parted_text,
)
from aesearch.types import Floats, Ids
from aesearch.wording import counted

PassageRow = tuple[int, int, int, int, Floats]  # id, that of the document, start, stop, code
CHUNK = 500  # SQLite allows 999 variables in one statement even in old builds

# In a glob: [ab], [!ab], []a] or, where it is never closed, [ alone.
BRACKET = r"\[(?:([!^]?+)(\][^\]]*|[^\]]+)\])?"


# What SQLite says where it could not look, or write, and the database may well be good.
OF_THE_DISK = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
)


def _of_the_disk(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    """Whether SQLite complains of the disk, and not of the database."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in OF_THE_DISK


def is_valid_text(text: str) -> bool:
    """Whether a text can be written as UTF-8; names of files need not be such."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_sqlite_reads_it(bracket: re.Match[str]) -> str:
    """A bracket of a glob in SQLite's syntax: not is ^, and [ alone matches nothing."""
    inside = bracket[2]
    return f"[{'^' if bracket[1] else ''}{inside}]" if inside else "[[]"


def _item(row: tuple[Any, ...]) -> Item:
    return Item(row[0], row[1], row[2], row[3], row[4], bool(row[5]))


class Store:
    """The database of one index. Safe to read from several threads.

    Parameters
    ----------
    path : Path
        ``items.db``.
    create : bool
        Whether to make a new, empty one.

    Attributes
    ----------
    identity : tuple of int or None
        Of its file; see `layout.require_same`.

    Raises
    ------
    IndexNotFoundError
        If its folder is not there.
    DamagedError
        If the file is not a database of this kind.
    StorageError
        If it cannot be written to.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._commits = 0
        self._passages: tuple[object, Ids] | None = None
        hold_at_fork(self._lock, 2)
        db: sqlite3.Connection | None = None
        try:
            self._db = db = self._connect(create)
            if create:
                db.execute("PRAGMA journal_mode=WAL")
                db.executescript(SCHEMA)
            db.execute("SELECT document FROM revision").fetchone()
            self.identity = identity(path)
        except (sqlite3.Error, UnicodeDecodeError) as error:  # of a message with a damaged name
            if db is not None:
                db.close()
            raise self._not_opened(error) from error

    def _not_opened(self, error: sqlite3.Error | UnicodeDecodeError) -> AesearchError:
        """The error to raise where it cannot be opened."""
        path, mends = self.path, f"{repair_command(self.path.parent)} makes it anew"
        if is_missing(path.parent):
            return gone(path.parent)
        if path.is_dir():
            return DamagedError(f"{path} cannot be opened (it is a folder); {mends}")
        if not os.access(path.parent, os.X_OK):
            return StorageError(f"{path} cannot be read: no permission to enter {path.parent}")
        if not path.exists():
            return DamagedError(f"{path} cannot be opened (it is missing); {mends}")
        if not os.access(path, os.R_OK):
            return StorageError(f"{path} cannot be read: Permission denied")
        if _of_the_disk(error):
            return StorageError(
                f"{path} cannot be written ({error}); is the disk full? Nothing is lost"
            )
        return DamagedError(f"{path} cannot be opened ({error}); {mends}")

    def _refused(
        self, error: sqlite3.Error | UnicodeDecodeError, *, writing: bool = False
    ) -> AesearchError:
        """The error to raise for one of SQLite's: closed, wrongly asked, the disk, or damage."""
        if isinstance(error, sqlite3.ProgrammingError):
            if "closed" in str(error):
                return ClosedError(f"the index of {self.path} was closed; open it again")
            return ParameterError(f"{self.path} cannot be asked so: {error}")
        if _of_the_disk(error):
            if writing:
                return StorageError(f"{self.path} cannot be written: {error}; nothing was changed")
            return StorageError(f"{self.path} cannot be read: {error}")
        return DamagedError(
            f"{self.path} cannot be read: {error}; {repair_command(self.path.parent)} mends it"
        )

    def _connect(self, create: bool) -> sqlite3.Connection:
        mode = "rwc" if create else "rw"
        location = self.path.absolute().as_uri()
        options: dict[str, Any] = {
            "uri": True,
            "check_same_thread": False,
            "isolation_level": None,
            "timeout": 30,
        }
        db: sqlite3.Connection = sqlite3.connect(f"{location}?mode={mode}", **options)
        try:
            db.execute("SELECT 1 FROM sqlite_master").fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            db.close()
            if create or not _of_the_disk(error) or not self._is_settled():
                raise
            # On a read-only or full disk WAL cannot be set up; nobody can write there, so read it
            # as it is.
            db = sqlite3.connect(f"{location}?mode=ro&immutable=1", **options)
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("PRAGMA synchronous=FULL")
        return db

    def _is_settled(self) -> bool:
        """Whether the write-ahead log beside the database is empty, or nobody can add to it."""
        log = self.path.with_name(self.path.name + "-wal")
        empty = not log.exists() or not log.stat().st_size
        return self.path.exists() and (empty or not os.access(self.path.parent, os.W_OK))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside one: they come to stay together, or not at all."""
        with self._lock:
            try:
                self._db.execute("PRAGMA secure_delete=ON")  # what is removed is overwritten
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise self._refused(error, writing=True) from error
            try:
                yield
                self._db.execute("COMMIT")
                self._commits += 1
            except BaseException as error:
                self._roll_back()
                # Of its other children, such as a broken constraint, the caller is to blame.
                if isinstance(error, sqlite3.OperationalError | sqlite3.ProgrammingError) or (
                    type(error) is sqlite3.DatabaseError
                ):
                    raise self._refused(error, writing=True) from error
                raise

    def _roll_back(self) -> None:
        """Undo what was begun; a disk that fails may have done so already."""
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def compact(self) -> bool:
        """Write the file anew without what was removed, and empty the journal.

        Returns
        -------
        bool
            Whether that was possible: another process that reads holds on to the journal.

        Raises
        ------
        StorageError
            If the disk is full, or cannot be written; nothing was changed.
        """
        with self._lock:
            try:
                self._db.execute("VACUUM")
                busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error as error:
                raise self._refused(error, writing=True) from error
            return not busy

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See one state of the database throughout, whatever another process writes meanwhile."""
        with self._lock:
            try:
                inside = self._db.in_transaction
                if not inside:
                    self._db.execute("BEGIN")
            except sqlite3.Error as error:
                raise self._refused(error) from error
            try:
                yield
            finally:
                if not inside:
                    self._roll_back()

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise self._refused(error) from error
            except OverflowError as error:
                raise ParameterError(f"{self.path} holds no number so large: {error}") from error

    def _in(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        """The rows that a statement finds for many values, which stand for its ``{}``."""
        rows: list[tuple[Any, ...]] = []
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            rows += self._rows(sql.format(",".join("?" * len(part))), part)
        return rows

    def held(self) -> AbstractContextManager[object]:
        """Let other threads wait meanwhile."""
        return self._lock

    def select(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement finds; values stand for its question marks."""
        return self._rows(sql, values)

    def select_in(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        """The rows that a statement finds for many values, which stand for its ``{}``."""
        return self._in(sql, values)

    def write(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Do a statement for each of some rows of values, inside a transaction."""
        self._db.executemany(sql, rows)

    def version(self) -> tuple[int, int]:
        """What differs when anything was written since, by this connection or by another."""
        return self.data_version(), self._commits

    @cached_property
    def _knows_texts(self) -> bool:
        """Whether it has the tables of documents; indexes of the first format have not."""
        return bool(self._rows("SELECT 1 FROM sqlite_master WHERE name = 'passages'"))

    def has_fields(self) -> bool:
        """Whether anything is said of any item; see `aesearch.storage.fields`."""
        known = self._rows("SELECT 1 FROM sqlite_master WHERE name = 'field_values'")
        return bool(known and self._rows("SELECT 1 FROM field_values LIMIT 1"))

    # -- reading ---------------------------------------------------------------------------------

    def revision(self) -> tuple[Revision, Floats | None]:
        """The current revision, and the rotation that makes its codes binary, if any."""
        rows = self._rows("SELECT document, rotation FROM revision")
        if not rows:
            return Revision(), None
        document, blob = rows[0]
        try:
            revision = Revision(**json.loads(document))
            if blob is None:
                return revision, None
            bits = int(revision.plan["bits"])
            return revision, np.frombuffer(blob, np.float32).reshape(-1, bits)
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedError(
                f"the revision in {self.path} cannot be read ({error}); "
                f"{repair_command(self.path.parent)} makes it anew"
            ) from error

    def data_version(self) -> int:
        """A number that changes when another connection has committed."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def count(self) -> int:
        """Number of items."""
        return int(self._rows("SELECT count(*) FROM items")[0][0])

    def known(self, *, added: bool = False) -> dict[str, Known]:
        """Size, time and digest of the items by key; those added manually only if asked for."""
        rows = self._rows(
            "SELECT key, size, mtime_ns, digest FROM items WHERE added = 0 OR ?", (int(added),)
        )
        return {row[0]: Known._make(row[1:]) for row in rows}

    def skipped(self) -> list[Skipped]:
        """The skipped files: those that are not in the index, and why."""
        cause, causes = "''", ""
        if self._rows("SELECT 1 FROM sqlite_master WHERE name = 'causes'"):
            cause, causes = "coalesce(cause, '')", "LEFT JOIN causes USING (key)"
        rows = self._rows(
            f"SELECT key, reason, ignored, size, mtime_ns, {cause} FROM skipped {causes} "
            "ORDER BY key"
        )
        return [Skipped(k, r, bool(i), s, m, c) for k, r, i, s, m, c in rows]

    def decided(self) -> dict[str, bool]:
        """Keys of which a person decided, and no source: added or removed by hand.

        Returns
        -------
        dict of str to bool
            Whether `skipped` has a line for what the source has under this key.
        """
        sql = "SELECT key, 0 FROM items WHERE added <> 0"
        noted = self._rows("SELECT key, 1 FROM skipped WHERE reason IN (?, ?)", DECIDED)
        return {key: bool(number) for key, number in (*self._rows(sql), *noted)}

    def last_number(self) -> int | None:
        """The highest number that is a key, of an item or a skipped row; None without one."""
        keys = "SELECT key FROM items UNION ALL SELECT key FROM skipped"
        is_number = "key NOT GLOB '*[^0-9]*' AND length(key) BETWEEN 1 AND 18"
        highest = self._rows(f"SELECT max(CAST(key AS INTEGER)) FROM ({keys}) WHERE {is_number}")
        return None if highest[0][0] is None else int(highest[0][0])

    def removed_manually(self) -> list[str]:
        """Keys of the source that were removed by hand, and stay away."""
        return [
            key for (key,) in self._rows("SELECT key FROM skipped WHERE reason = ?", (REMOVED,))
        ]

    def of_source(self, keys: Iterable[str]) -> dict[str, Known]:
        """Size and time of those of some keys that the source has or had, items or skipped."""
        wanted = list(keys)
        rows = self._in("SELECT key, size, mtime_ns FROM skipped WHERE key IN ({})", wanted)
        rows += self._in(
            "SELECT key, size, mtime_ns FROM items WHERE added = 0 AND key IN ({})", wanted
        )
        return {key: Known(size, mtime) for key, size, mtime in rows}

    def items(self) -> Iterator[Item]:
        """All items in the order of their ids."""
        sql = "SELECT id, key, size, mtime_ns, digest, added FROM items WHERE id > ? ORDER BY id"
        last = 0
        while rows := self._rows(sql + " LIMIT 10000", (last,)):
            yield from map(_item, rows)
            last = rows[-1][0]

    def items_of(self, ids: Iterable[int]) -> list[Item]:
        """Some items in the order of their ids; unknown ids are left out."""
        sql = "SELECT id, key, size, mtime_ns, digest, added FROM items WHERE id IN ({})"
        return list(map(_item, sorted(self._in(sql, [int(i) for i in ids]))))

    def kept_of(self, id: int) -> bytes:
        """What is kept of an item that was added manually; nothing of others."""
        rows = self._rows("SELECT png FROM kept WHERE id = ?", (int(id),))
        return bytes(rows[0][0]) if rows else b""

    def keys_of(self, ids: Iterable[int]) -> dict[int, str]:
        """The keys of ids; unknown ids are left out."""
        return dict(self._in("SELECT id, key FROM items WHERE id IN ({})", [int(i) for i in ids]))

    def added_manually(self, ids: Iterable[int]) -> dict[int, bool]:
        """Those of some ids that were added manually, and whether their content came from a file.

        They were not found in the source.
        """
        sql = "SELECT id, mtime_ns <> 0 FROM items WHERE added = 1 AND id IN ({})"
        return {id: bool(file) for id, file in self._in(sql, [int(i) for i in ids])}

    def ids_of(self, keys: Iterable[str]) -> dict[str, int]:
        """The ids of keys; unknown keys are left out."""
        wanted = [key for key in keys if is_valid_text(key)]  # no other can be there
        return dict(self._in("SELECT key, id FROM items WHERE key IN ({})", wanted))

    def same_content(self, digest: bytes) -> list[tuple[int, str]]:
        """Id and key of the items whose file has exactly this content."""
        rows = self._rows("SELECT id, key FROM items WHERE digest = ? ORDER BY id", (digest,))
        return [(int(i), str(k)) for i, k in rows]

    def matching(self, pattern: str, by: Callable[[str], str] | None = None) -> Ids:
        """The ids of keys that match a glob, as `fnmatch.fnmatchcase` has it.

        * is any run of characters, ? is one, [ab] one of some, [!ab] or [^ab] one of the others.
        With `by`, what it makes of a key is to match.
        """
        if not is_valid_text(pattern):
            return np.empty(0, dtype=np.int64)
        glob = re.sub(BRACKET, _as_sqlite_reads_it, pattern)
        key = "key"
        if by is not None:
            key = "written(key)"
            with self._lock:
                self._db.create_function("written", 1, by, deterministic=True)
        rows = self._rows(f"SELECT id FROM items WHERE {key} GLOB ? ORDER BY id", (glob,))
        return np.array([row[0] for row in rows], dtype=np.int64)

    def codes(self, ids: Iterable[int] | None = None) -> tuple[Ids, Floats]:
        """Ids and codes, all or some, in the order of ids; of all, passages come last."""
        if ids is None:
            rows = self._rows("SELECT id, code FROM codes ORDER BY id")
            if self.has_passages():
                rows += self._rows("SELECT id, code FROM passages ORDER BY id")
        else:
            wanted = [int(i) for i in ids]
            rows = sorted(self._in("SELECT id, code FROM codes WHERE id IN ({})", wanted))
        selected = np.array([row[0] for row in rows], dtype=np.int64)
        lengths = {len(row[1]) for row in rows}
        if len(lengths) > 1 or any(length % 4 for length in lengths):
            raise DamagedError(
                f"codes in {self.path} differ in length, or are cut off; "
                f"{repair_command(self.path.parent)} makes them anew"
            )
        flat = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.float32)
        return selected, flat.reshape(len(rows), -1) if rows else flat.reshape(0, 1)

    def added_contents(self) -> list[tuple[NewItem, bytes]]:
        """The items that were added manually, each with what its modality keeps of it."""
        rows = self._rows(
            "SELECT key, size, mtime_ns, digest, png FROM items JOIN kept USING (id) "
            "WHERE added = 1"
        )
        return [
            (NewItem(key, size, mtime, digest, added=True), png)
            for key, size, mtime, digest, png in rows
        ]

    def drift(self) -> tuple[int, float]:
        """How many items came after training, and their mean reconstruction error."""
        number, mean = self._rows("SELECT count(error), avg(error) FROM items")[0]
        return int(number), float(mean or 0.0)

    def problems(self) -> list[str]:
        """Faults that SQLite's own check and the rules between the tables find, a line each."""
        problems = self.broken_pages()
        orphans = self._rows("SELECT count(*) FROM codes WHERE id NOT IN (SELECT id FROM items)")
        if orphans[0][0]:
            problems.append(f"{counted(orphans[0][0], 'code')} without an item")
        return problems

    def broken_pages(self) -> list[str]:
        """What SQLite's own check finds: pages that are no tables, rows that an index lacks."""
        found = [str(row[0]) for row in self._rows("PRAGMA integrity_check(5)")]
        return [f"{self.path}: {' '.join(line.split())}" for line in found if line != "ok"]

    def faulty_items(self, code_size: int, *, with_texts: bool) -> dict[str, list[int]]:
        """Ids of items of which something is missing or is no value of its kind, by the fault.

        Parameters
        ----------
        code_size : int
        with_texts : bool
            Whether each must have a text.
        """
        wanted = 4 * code_size
        found = {
            "without a code": "SELECT id FROM items WHERE id NOT IN (SELECT id FROM codes)",
            f"whose code has not {code_size} dimensions": "SELECT id FROM codes WHERE "
            f"typeof(code) <> 'blob' OR length(code) <> {wanted}",
            "with a size, a time or a digest that is none": "SELECT id FROM items WHERE "
            "typeof(size) <> 'integer' OR typeof(mtime_ns) <> 'integer' OR "
            "typeof(digest) <> 'blob' OR typeof(key) <> 'text'",
        }
        if self._knows_texts:
            found["with a passage whose code is none"] = (
                "SELECT DISTINCT item FROM passages WHERE "
                f"typeof(code) <> 'blob' OR length(code) <> {wanted}"
            )
        faulty = {fault: [int(id) for (id,) in self._rows(sql)] for fault, sql in found.items()}
        if with_texts and self._knows_texts:
            sql = "SELECT id FROM items WHERE id NOT IN (SELECT id FROM texts)"
            faulty["without a text"] = [int(id) for (id,) in self._rows(sql)]
            faulty["whose text cannot be read"] = self._unreadable_texts()
        return {fault: ids for fault, ids in faulty.items() if ids}

    def _unreadable_texts(self) -> list[int]:
        broken = []
        for (id,) in self._rows("SELECT id FROM texts ORDER BY id"):
            try:
                self.texts_of([id])
            except DamagedError:
                broken.append(int(id))
        return broken

    def invalidate(self, ids: Iterable[int]) -> None:
        """Forget what was made of items, and of which bytes: a source that has them gives both."""
        rows = [(int(id),) for id in ids]
        self._db.executemany("DELETE FROM codes WHERE id = ?", rows)
        self._db.execute("DELETE FROM codes WHERE id NOT IN (SELECT id FROM items)")
        if self._knows_texts:
            self._db.executemany("DELETE FROM texts WHERE id = ?", rows)
            self._db.executemany("DELETE FROM passages WHERE item = ?", rows)
        self._db.executemany(
            "UPDATE items SET size = -1, mtime_ns = -1, digest = zeroblob(16) WHERE id = ?", rows
        )

    # -- what only pictures have ------------------------------------------------------------------

    @property
    def _knows_features(self) -> bool:
        return bool(self._rows("SELECT 1 FROM sqlite_master WHERE name = 'same_from'"))

    def without_features(self) -> list[Item]:
        """The items of which no local features are kept, or those of another content."""
        if not self._knows_features:
            return list(self.items())
        rows = self._rows(
            "SELECT id, key, size, mtime_ns, items.digest, added FROM items LEFT JOIN features "
            "USING (id) WHERE features.digest IS NOT items.digest ORDER BY id"
        )
        return [Item(i, key, size, at, digest, bool(own)) for i, key, size, at, digest, own in rows]

    def features(self, ids: Iterable[int]) -> dict[int, bytes]:
        """The local features of those of some items that have any, by id."""
        sql = (
            "SELECT id, packed FROM features JOIN items USING (id) "
            "WHERE features.digest = items.digest AND length(packed) > 0 AND id IN ({})"
        )
        return dict(self._in(sql, list(ids))) if self._knows_features else {}

    def last_features(self) -> int:
        """The highest id of an item of which local features are kept; 0 without one."""
        rows = self._rows("SELECT max(id) FROM features") if self._knows_features else []
        return int(rows[0][0] or 0) if rows else 0

    def with_features(self) -> list[int]:
        """Ids of the items that have local features."""
        sql = "SELECT id FROM features WHERE length(packed) > 0 ORDER BY id"
        return [id for (id,) in self._rows(sql)] if self._knows_features else []

    def corners(self, places: list[int]) -> list[tuple[int, bytes]]:
        """The lists of items, 16 bits of the id of each, that are at some places."""
        return self._in("SELECT place, ids FROM corners WHERE place IN ({})", places)

    def put_features(
        self, rows: Iterable[tuple[int, bytes, bytes]], lists: Mapping[int, bytes]
    ) -> None:
        """Keep ids, digests of contents, and the local features made of them; lengthen lists."""
        for statement in FEATURES.split(";"):
            self._db.execute(statement)
        sql = "INSERT OR REPLACE INTO features SELECT id, ?2, ?3 FROM items WHERE id = ?1"
        self._db.executemany(sql, rows)
        known = dict(self.corners(list(lists)))
        longer = ((place, known.get(place, b"") + own) for place, own in lists.items())
        self._db.executemany("INSERT OR REPLACE INTO corners VALUES (?, ?)", longer)

    def same_from(self) -> tuple[float | None, int]:
        """The agreement from which pictures are the same, and the items that it was chosen by."""
        sql = "SELECT threshold, items FROM same_from"
        rows = self._rows(sql) if self._knows_features else []
        return rows[0] if rows else (None, 0)

    def put_same_from(self, threshold: float, items: int) -> None:
        """Keep the agreement from which pictures are the same."""
        sql = "INSERT OR REPLACE INTO same_from VALUES (1, ?, ?)"
        self._db.execute(sql, (threshold, items))

    # -- reading what only documents have --------------------------------------------------------

    def texts_of(self, ids: Iterable[int]) -> dict[int, KeptText]:
        """The texts of some documents by id; those without one are left out."""
        sql = "SELECT id, title, label, body FROM texts WHERE id IN ({})"
        rows = self._in(sql, [int(i) for i in ids]) if self._knows_texts else []
        return {row[0]: self._text(*row) for row in rows}

    def texts(self) -> Iterator[KeptText]:
        """The texts of all documents, in the order of their ids."""
        last = -1
        sql = "SELECT id, title, label, body FROM texts WHERE id > ? ORDER BY id LIMIT 1000"
        while rows := self._rows(sql, (last,)):
            for row in rows:
                yield self._text(*row)
            last = rows[-1][0]

    def _text(self, id: int, title: str, label: str, body: bytes) -> KeptText:
        try:
            text, quoted = parted_text(zlib.decompress(body).decode())
            return KeptText(id, title, text, label, quoted)
        except (zlib.error, ValueError, TypeError) as error:
            raise DamagedError(
                f"a text in {self.path} cannot be read ({error}); "
                f"{repair_command(self.path.parent)} reads it again from the source"
            ) from error

    def documents(self) -> list[tuple[NewItem, KeptText]]:
        """All documents, with their texts."""
        texts = {text.id: text for text in self.texts()}
        rows = self._rows("SELECT id, key, size, mtime_ns, digest, added FROM items ORDER BY id")
        return [
            (NewItem(key, size, mtime, digest, added=bool(added)), texts[id])
            for id, key, size, mtime, digest, added in rows
            if id in texts
        ]

    def titles(self) -> dict[int, str]:
        """The titles of documents by id, of those that have one."""
        sql = "SELECT id, title FROM texts WHERE title <> '' ORDER BY id"
        return dict(self._rows(sql)) if self._knows_texts else {}

    def labels(self) -> dict[int, str]:
        """The label of each document by id, "" where it has none."""
        return dict(self._rows("SELECT id, label FROM texts")) if self._knows_texts else {}

    def label_rows(self, *, folders: bool) -> list[tuple[int, str]]:
        """Ids and labels of the items that have one; `folders` are those of their keys."""
        if not folders:
            sql = "SELECT id, label FROM texts WHERE label <> ''"
            return self._rows(sql) if self._knows_texts else []
        folder = "rtrim(rtrim(key, replace(key, '/', '')), '/')"  # up to the last slash
        return self._rows(f"SELECT id, {folder} FROM items WHERE instr(key, '/') > 1 ORDER BY id")

    def passages_of(self, ids: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Start and stop of passages in their documents, by the ids of the passages."""
        rows = self._in(
            "SELECT id, start, stop FROM passages WHERE id IN ({})", [int(i) for i in ids]
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def passages_in(self, documents: Iterable[int]) -> Ids:
        """The ids of all passages of some documents."""
        if not self._knows_texts:
            return np.empty(0, dtype=np.int64)
        wanted = np.array([int(i) for i in documents], dtype=np.int64)
        if len(wanted) > CHUNK:  # going through all of them is quicker
            rows = self._all_passages()
            held: Ids = rows[np.isin(rows[:, 1], wanted), 0]
            return held
        found = self._in("SELECT id FROM passages WHERE item IN ({})", wanted.tolist())
        return np.array([row[0] for row in found], dtype=np.int64)

    def _all_passages(self) -> Ids:
        """The ids of all passages, and those of their documents, shape (n, 2)."""
        seen = self.version()
        if self._passages is None or self._passages[0] != seen:
            rows = np.array(self._rows("SELECT id, item FROM passages"), np.int64).reshape(-1, 2)
            self._passages = seen, rows
        return self._passages[1]

    def has_passages(self) -> bool:
        """Whether any document is long enough to have passages."""
        return self._knows_texts and bool(self._rows("SELECT 1 FROM passages LIMIT 1"))

    # -- writing, inside a transaction -----------------------------------------------------------

    def put(self, items: Sequence[NewItem], codes: Floats) -> Ids:
        """Write items with their codes; a key that exists keeps its id. The ids."""
        self._db.executemany(
            "INSERT INTO items (key, size, mtime_ns, digest, added, error) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET size=excluded.size, "
            "mtime_ns=excluded.mtime_ns, digest=excluded.digest, added=excluded.added, "
            "error=excluded.error",
            ((i.key, i.size, i.mtime_ns, i.digest, i.added, i.error) for i in items),
        )
        known = self.ids_of([item.key for item in items])
        ids = [known[item.key] for item in items]
        blobs = (code.tobytes() for code in np.asarray(codes, dtype=np.float32))
        self._db.executemany(
            "INSERT OR REPLACE INTO codes VALUES (?, ?)", zip(ids, blobs, strict=True)
        )
        self.forget(known)
        scanned = [(id,) for id, item in zip(ids, items, strict=True) if not item.added]
        self._db.executemany("DELETE FROM kept WHERE id = ?", scanned)  # it has a file now
        return np.array(ids, dtype=np.int64)

    def put_contents(self, ids: Ids, contents: Sequence[bytes]) -> None:
        """Write what is kept of items that were added manually; empty contents are passed over."""
        rows = [(int(i), png) for i, png in zip(ids, contents, strict=True) if png]
        self._db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", rows)

    def recode(self, ids: Ids, codes: Floats) -> None:
        """Give items new codes, by a new encoder: nothing counts as later than it."""
        codes = np.asarray(codes, dtype=np.float32)
        rows = [(int(i), code.tobytes()) for i, code in zip(ids, codes, strict=True)]
        self._db.executemany("INSERT OR REPLACE INTO codes VALUES (?, ?)", rows)
        self._db.execute("UPDATE items SET error = NULL")

    def rename(self, pairs: Iterable[tuple[str, str, int]]) -> None:
        """Give items new keys and times: (old, new, mtime_ns). Chains and swaps are fine.

        What stood under a new key, item or skipped file, gives way, as a file would.
        """
        pairs = list(pairs)
        aside = [(f"\0{n}", old) for n, (old, _, _) in enumerate(pairs)]
        self._db.executemany("UPDATE items SET key = ? WHERE key = ?", aside)
        replaced = [(new,) for _, new, _ in pairs]
        self._db.executemany("DELETE FROM items WHERE key = ?", replaced)
        self._db.executemany("DELETE FROM skipped WHERE key = ?", replaced)
        self._db.executemany(
            "UPDATE items SET key = ?, mtime_ns = ? WHERE key = ?",
            [(new, mtime, f"\0{n}") for n, (_, new, mtime) in enumerate(pairs)],
        )

    def touch(self, times: Iterable[tuple[str, int]]) -> None:
        """Note new time stamps: (key, mtime_ns)."""
        self._db.executemany(
            "UPDATE items SET mtime_ns = ? WHERE key = ?", [(mtime, key) for key, mtime in times]
        )

    def doubt(self, keys: Iterable[str]) -> None:
        """Let items be read again by the next look at the source: no file has this size."""
        self._db.executemany("UPDATE items SET size = 0 WHERE key = ?", [(key,) for key in keys])

    def remove(self, keys: Iterable[str]) -> None:
        """Remove items by key."""
        self._db.executemany("DELETE FROM items WHERE key = ?", [(key,) for key in keys])

    def skip(self, files: Iterable[Skipped]) -> None:
        """Note files as skipped; what a person decided stays as it is noted (see `forget`)."""
        files = list(files)
        sql = f"SELECT key FROM skipped WHERE reason IN {DECIDED} AND key IN ({{}})"
        decided = {key for (key,) in self._in(sql, [file.key for file in files])}
        files = [file for file in files if file.key not in decided]
        if not files:
            return
        self._db.executemany(
            "INSERT OR REPLACE INTO skipped VALUES (?, ?, ?, ?, ?)",
            [(f.key, f.reason, int(f.ignored), f.size, f.mtime_ns) for f in files],
        )
        self._db.execute(CAUSES)  # an index of an older version has no such table yet
        self._db.executemany(
            "INSERT OR REPLACE INTO causes VALUES (?, ?)",
            [(f.key, f.cause) for f in files if f.cause],
        )

    def forget(self, keys: Iterable[str]) -> None:
        """Take files from the list of skipped ones."""
        self._db.executemany("DELETE FROM skipped WHERE key = ?", [(key,) for key in keys])

    def set_revision(self, revision: Revision, rotation: Floats | None) -> None:
        """Write the revision that the transaction ends in."""
        document = json.dumps({**asdict(revision), "changed_at": time.time()})
        blob = None if rotation is None else rotation.astype(np.float32).tobytes()
        self._db.execute("INSERT OR REPLACE INTO revision VALUES (1, ?, ?)", (document, blob))

    # -- writing what only documents have --------------------------------------------------------

    def keep_texts(self, texts: Iterable[KeptText]) -> None:
        """Write the texts of documents."""
        with pool("compress") as threads:  # zlib lets go of the interpreter's lock
            self._db.executemany(
                "INSERT OR REPLACE INTO texts VALUES (?, ?, ?, ?)", threads.map(_row, texts)
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
    body = zlib.compress(packed_text(text).encode(errors="replace"), 1)
    return text.id, text.title, text.label, body
