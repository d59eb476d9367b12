"""Where an index lives, and what its folder holds: the format, as one value."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from aesearch.errors import ClosedError, IndexNotFoundError

ASIDE = ".damaged"  # what a damaged file is called that may still hold what nothing else does
JOURNALS = ("-shm", "-wal")


@dataclass(frozen=True)
class Layout:
    """The paths below one index's folder."""

    root: Path

    @property
    def card(self) -> Path:
        """``index.json``, the metadata. Its presence makes a folder an index."""
        return self.root / "index.json"

    @property
    def card_copy(self) -> Path:
        """A copy of the metadata, to restore it from."""
        return self.root / ".index.json"

    @property
    def database(self) -> Path:
        """``items.db``."""
        return self.root / "items.db"

    @property
    def lock(self) -> Path:
        """Held by the one writer."""
        return self.root / "write.lock"

    @property
    def holder(self) -> Path:
        """Who holds the lock; beside it, because locking empties the lock file."""
        return self.root / "write.json"

    @property
    def reading(self) -> Path:
        """What was read so far for an index that is not made yet."""
        return self.root / "reading.db"

    @property
    def training(self) -> Path:
        """Folder of a training that is not finished."""
        return self.root / "training"

    @property
    def plan(self) -> Path:
        """``training/plan.json``: there from when a training is asked for until it is done."""
        return self.training / "plan.json"

    def encoder(self, fingerprint: str) -> Path:
        """Folder of a frozen encoder."""
        return self.root / f"encoder-{fingerprint}"

    def codes(self, number: int) -> Path:
        """FAISS file of a revision."""
        return self.root / f"codes-{number}.faiss"

    def lexical_index(self, number: int) -> Path:
        """Folder of the lexical index (BM25) of a revision."""
        return self.root / f"words-{number}"

    def exists(self) -> bool:
        """Whether there is an index here, be its metadata damaged or not."""
        return os.path.isfile(self.card) or os.path.isfile(self.card_copy)

    def bytes_on_disk(self) -> int:
        """Bytes of all files below the folder, without the journals of an open database."""
        files = (path for path in self.root.rglob("*") if not path.name.endswith(JOURNALS))
        return sum(path.stat().st_size for path in files if path.is_file())


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another that has its name later; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_missing(path: Path) -> bool:
    """Whether nothing is there; what only cannot be looked at, for want of rights, may be."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def gone(root: Path) -> IndexNotFoundError:
    """The error for an index whose folder was there when it was opened."""
    return IndexNotFoundError(
        f"there is no index at {root} any more: it was removed, or moved; open it where it is now"
    )


def require_same(database: Path, known: tuple[int, int] | None) -> None:
    """Raise where the database that is open is not the one of this name any more.

    What is changed in it then would be found by nobody, and files beside it are those of another.

    Raises
    ------
    IndexNotFoundError
        If the folder was removed, or moved.
    ClosedError
        If another index is there.
    """
    if is_missing(database.parent):
        raise gone(database.parent)
    if identity(database) not in (None, known):
        raise ClosedError(
            f"{database.parent} was replaced by another index since it was opened; open it again"
        )


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    if os.name == "nt" and path.is_dir():  # pragma: no cover
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside(path: Path) -> None:
    """Give a damaged file another name; an empty one holds nothing, and goes."""
    aside = path.with_name(path.name + ASIDE)
    if not os.path.lexists(path):
        return
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside)
    os.replace(path, aside)
