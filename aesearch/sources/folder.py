"""A folder as a source: it is scanned, and each file is an item."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aesearch.errors import ContentError, SourceError, UnreachableError
from aesearch.sources.base import MAX_BYTES, Entry, stamp_of

if TYPE_CHECKING:
    from aesearch.sources.columns import Columns, UsedColumns

# Folders that hold no pictures of the user's: thumbnails of a NAS, version control, packages.
SKIPPED_FOLDERS = frozenset({"@eaDir", "node_modules", "__pycache__", "System Volume Information"})


def folder_names(keys: Sequence[str]) -> list[str]:
    """Folder of each key, such as ``cats`` for ``cats/a.jpg``; "" where it is in none.

    Sub-folders keep the names of those above: ``cats/indoors``. Whole paths, which lie outside
    the source, are in none.
    """
    return ["" if key.startswith("/") else key.rpartition("/")[0] for key in keys]


def is_passed_over(key: str) -> bool:
    """Whether a file is hidden, or in a folder that is not looked into, by its name."""
    *folders, name = key.split("/")
    return any(
        part.startswith(".") or part in SKIPPED_FOLDERS for part in folders
    ) or name.startswith(".")


def is_walked(root: Path, key: str) -> bool:
    """Whether a walk of a folder finds this key: a visible file, and no link on the way to it."""
    path = root / key
    ways = path.parents[: key.count("/")]
    return (
        not Path(key).is_absolute()
        and not is_passed_over(key)
        and path.is_file()
        and not any(way.is_symlink() for way in ways)
    )


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
    kind: str | None = None
    columns: Columns | None = None
    used_columns: UsedColumns | None = None

    def __init__(self, root: Path) -> None:
        if not root.exists():
            raise SourceError(
                f"there is no file or folder {root}; name the one that holds the pictures, "
                "documents or vectors"
            )
        if not root.is_dir():
            raise SourceError(
                f"{root} is neither a folder nor a table (.csv, .tsv, .jsonl, .parquet) nor an "
                "array (.npy, .npz); name the one that holds the items"
            )
        self.root = root.resolve()
        self._prefix = str(self.root).rstrip(os.sep)
        self.unreadable: list[tuple[str, str]] = []

    def walk(self) -> Iterator[Entry]:
        """Yield every visible regular file, in no particular order.

        Folders that cannot be read, links that lead nowhere, and names that are not text, are
        kept in `unreadable`.
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
                        yield Entry(key, status.st_size, stamp_of(status))
                    elif item.is_symlink() and not os.path.exists(item.path):
                        self._note(item.path[prefix:], "a link that leads nowhere just now")
                except UnicodeEncodeError:
                    self._note(item.path[prefix:], "its name is not valid UTF-8")
                except OSError as error:
                    self._note(item.path[prefix:], f"cannot be examined: {error.strerror}")

    def _listing(self, folder: str) -> list[os.DirEntry[str]]:
        """Entries of a folder; one that cannot be read is noted."""
        try:
            with os.scandir(folder) as entries:
                return list(entries)
        except OSError as error:
            if folder == str(self.root):
                raise SourceError(f"{folder} cannot be read: {error.strerror}") from error
            inside = folder[len(self._prefix) + 1 :]
            self._note(inside, f"folder cannot be read: {error.strerror}")
            return []

    def unseen(self, keys: Sequence[str]) -> list[str]:
        """Those of some keys that could not be listed just now, or lie below such folders."""
        places = {place for place, _ in self.unreadable}
        return [key for key in keys if places and _is_within(key, places)]

    def path(self, key: str) -> Path:
        """Path of a key."""
        return self.root / key

    def read(self, key: str) -> bytes:
        """Content of a file.

        Raises
        ------
        UnreachableError
            If it cannot be looked at.
        ContentError
            If it is larger than 512 MiB.
        """
        # Joined as strings: on two cores the interpreter's lock is what is short.
        return read_file(f"{self._prefix}/{key}")

    def labels(self, keys: Sequence[str]) -> list[str]:
        """Folder of each key."""
        return folder_names(keys)

    def fields(self, keys: Sequence[str]) -> list[str]:
        """Nothing: a file has no fields."""
        return [""] * len(keys)

    def _note(self, path: str, reason: str) -> None:
        shown = path.encode("utf-8", "backslashreplace").decode()
        self.unreadable.append((shown.replace(os.sep, "/"), reason))


def _is_within(key: str, places: Collection[str]) -> bool:
    return key in places or any(parent.as_posix() in places for parent in Path(key).parents)


def read_file(path: str | Path) -> bytes:
    """Content of a file of at most 512 MiB; raises as `Folder.read` does."""
    try:
        with open(path, "rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MAX_BYTES:
                raise ContentError(f"too large: {size >> 20} MiB, {MAX_BYTES >> 20} are allowed")
            return stream.readall()
    except FileNotFoundError as error:
        raise UnreachableError("there is no such file") from error
    except OSError as error:
        raise UnreachableError(f"cannot be read: {error.strerror}") from error
