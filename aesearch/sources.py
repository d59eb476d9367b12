"""Where items come from: a folder is walked, and compared with what the index knows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import xxhash

from aesearch.errors import ContentError, SourceError

# Folders that hold no pictures of the user's: thumbnails of a NAS, version control, packages.
SKIPPED_FOLDERS = frozenset({"@eaDir", "node_modules", "__pycache__", "System Volume Information"})
MAX_BYTES = 512 << 20


class Entry(NamedTuple):
    """One file of a source: its key, a path relative to the source, and how it looked."""

    key: str
    size: int
    mtime_ns: int


class Known(NamedTuple):
    """What the index remembers of one item or of one skipped file."""

    size: int
    mtime_ns: int
    digest: bytes = b""


@dataclass
class Changes:
    """What distinguishes a source from an index of it.

    Attributes
    ----------
    new, changed : list of Entry
        To be read: unknown keys, and known keys with other content.
    touched : list of Entry
        Another time stamp, the same content.
    renamed : list of (str, Entry)
        The old key, and the entry under its new one; the code is kept.
    removed : list of str
        Keys whose file is gone.
    unchanged : int
        Items that are as they were.
    forgotten : list of str
        Skipped files that are gone.
    unreadable : list of (str, str)
        Folders and files that could not even be listed, each with its reason.
    failed : set of str
        Keys of those new and changed ones that could not be read, once that was tried.
    """

    new: list[Entry] = field(default_factory=list)
    changed: list[Entry] = field(default_factory=list)
    touched: list[Entry] = field(default_factory=list)
    renamed: list[tuple[str, Entry]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    forgotten: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(
            self.new
            or self.changed
            or self.touched
            or self.renamed
            or self.removed
            or self.forgotten
        )

    def counts(self) -> dict[str, int]:
        """Return how many of each kind; what has changed and cannot be read any more is removed."""
        new = sum(entry.key not in self.failed for entry in self.new)
        changed = sum(entry.key not in self.failed for entry in self.changed)
        return {
            "new": new,
            "changed": changed,
            "renamed": len(self.renamed),
            "removed": len(self.removed) + len(self.changed) - changed,
            "unchanged": self.unchanged + len(self.touched),
        }


def digest_of(content: bytes) -> bytes:
    """Return the 16 bytes that tell whether two files have the same content (xxh3-128)."""
    return xxhash.xxh3_128_digest(content)


class Source(Protocol):
    """Where items come from.

    Attributes
    ----------
    root : Path
        A folder, or a file.
    unreadable : list of (str, str)
        What the last walk could not even list, each with its reason.
    plain : bool
        Whether what is read is plain text, whatever its name says.
    """

    root: Path
    unreadable: list[tuple[str, str]]
    plain: bool

    def walk(self) -> Iterator[Entry]:
        """Yield what there is."""

    def read(self, key: str) -> bytes:
        """Return the content of one; raises ContentError."""

    def labels(self, keys: Sequence[str]) -> list[str]:
        """Return the label of each, "" where it has none."""


def folder_names(keys: Sequence[str]) -> list[str]:
    """Return the folder of each key, such as ``cats`` for ``cats/a.jpg``; "" where it is in none.

    Sub-folders keep the names of those above: ``cats/indoors``. Whole paths, which lie outside
    the source, are in none.
    """
    return ["" if key.startswith("/") else key.rpartition("/")[0] for key in keys]


class Folder:
    """A folder of files, below which every regular file is an item.

    Parameters
    ----------
    root : Path
        The folder. Nothing is ever written into it.

    Raises
    ------
    SourceError
        If there is no such folder.
    """

    plain = False

    def __init__(self, root: Path) -> None:
        if not root.exists():
            raise SourceError(
                f"there is no folder {root}; name the one that holds the pictures or documents"
            )
        if not root.is_dir():
            raise SourceError(
                f"{root} is neither a folder nor a table (.csv, .tsv, .jsonl); name the one that "
                "holds the pictures or documents"
            )
        self.root = root.resolve()
        self._prefix = str(self.root).rstrip(os.sep)
        self.unreadable: list[tuple[str, str]] = []

    def walk(self) -> Iterator[Entry]:
        """Yield every visible regular file, in no particular order.

        Folders that cannot be read, and names that are not text, are kept in `unreadable`.
        """
        self.unreadable = []
        prefix = len(self._prefix) + 1
        folders = [str(self.root)]
        while folders:
            for item in self._listing(folders.pop()):
                if item.name.startswith("."):
                    continue
                try:
                    if item.is_dir(follow_symlinks=False):
                        if item.name not in SKIPPED_FOLDERS:
                            folders.append(item.path)
                    elif item.is_file():
                        status = item.stat()
                        key = item.path[prefix:].replace(os.sep, "/")
                        key.encode()  # a name that is not text cannot be kept or shown
                        yield Entry(key, status.st_size, status.st_mtime_ns)
                except UnicodeEncodeError:
                    self._note(item.path[prefix:], "its name is not valid UTF-8")
                except OSError as error:
                    self._note(item.path[prefix:], f"cannot be examined: {error.strerror}")

    def _listing(self, folder: str) -> list[os.DirEntry[str]]:
        """Return what is in a folder; one that cannot be read is noted."""
        try:
            with os.scandir(folder) as found:
                return list(found)
        except OSError as error:
            if folder == str(self.root):
                raise SourceError(f"{folder} cannot be read: {error.strerror}") from error
            inside = folder[len(self._prefix) + 1 :]
            self._note(inside, f"folder cannot be read: {error.strerror}")
            return []

    def path(self, key: str) -> Path:
        """Return the path of a key."""
        return self.root / key

    def read(self, key: str) -> bytes:
        """Return the content of a file.

        Raises
        ------
        ContentError
            If it cannot be read, or is larger than 512 MiB.
        """
        # Joined as strings: on two cores the interpreter's lock is what is short.
        return read_file(f"{self._prefix}/{key}")

    def labels(self, keys: Sequence[str]) -> list[str]:
        """Return the folder of each key."""
        return folder_names(keys)

    def _note(self, path: str, reason: str) -> None:
        shown = path.encode("utf-8", "backslashreplace").decode()
        self.unreadable.append((shown.replace(os.sep, "/"), reason))


def read_file(path: str | Path) -> bytes:
    """Return the content of a file of at most 512 MiB, or raise ContentError with the reason."""
    try:
        with open(path, "rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MAX_BYTES:
                raise ContentError(f"too large: {size >> 20} MiB, {MAX_BYTES >> 20} are allowed")
            return stream.readall()
    except FileNotFoundError as error:
        raise ContentError("there is no such file") from error
    except OSError as error:
        raise ContentError(f"cannot be read: {error.strerror}") from error


def compare(
    entries: Iterable[Entry],
    items: Mapping[str, Known],
    skipped: Mapping[str, Known],
    digest: Callable[[str], bytes | None],
) -> Changes:
    """Find out what changed, reading only files whose size or time differ.

    Parameters
    ----------
    entries : iterable of Entry
        What the source holds now.
    items, skipped : mapping of key to Known
        What the index holds, and what it could not read and tries again only when it changes.
    digest : callable
        Reads the file of a key and returns its digest, or None where it cannot be read.
    """
    changes = Changes()
    unknown: list[Entry] = []
    gone = dict(items)
    lost = set(skipped)
    for entry in entries:
        known = gone.pop(entry.key, None)
        if known is None:
            before = skipped.get(entry.key)
            lost.discard(entry.key)
            if before is None or (before.size, before.mtime_ns) != (entry.size, entry.mtime_ns):
                unknown.append(entry)
        elif (known.size, known.mtime_ns) == (entry.size, entry.mtime_ns):
            changes.unchanged += 1
        elif known.size == entry.size and digest(entry.key) == known.digest:
            changes.touched.append(entry)
        else:
            changes.changed.append(entry)
    _find_renames(unknown, gone, digest, changes)
    changes.removed = list(gone)
    changes.forgotten = list(lost)
    return changes


def _find_renames(
    unknown: list[Entry],
    gone: dict[str, Known],
    digest: Callable[[str], bytes | None],
    changes: Changes,
) -> None:
    """Pair new files with vanished items of the same content; pairs leave `gone`."""
    sizes = {known.size for known in gone.values()}
    by_digest: dict[bytes, list[str]] = {}
    for key, known in gone.items():
        by_digest.setdefault(known.digest, []).append(key)
    for entry in unknown:
        content = digest(entry.key) if entry.size in sizes else None
        olds = by_digest.get(content) if content else None
        if olds:
            old = olds.pop()
            del gone[old]
            changes.renamed.append((old, entry))
        else:
            changes.new.append(entry)
