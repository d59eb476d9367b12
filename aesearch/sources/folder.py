"""A folder as a source: it is scanned, and each file is an item."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aesearch.errors import ContentError, PassedOverError, SourceError, UnreachableError
from aesearch.modalities.parts import is_part, split_part
from aesearch.sources.base import MAX_BYTES, Entry, stamp_of
from aesearch.sources.names import as_text, path_below

if TYPE_CHECKING:
    from aesearch.sources.columns import Columns, UsedColumns
    from aesearch.sources.mailbox import Messages

# Folders that hold no pictures of the user's: thumbnails of a NAS, version control, packages.
SKIPPED_FOLDERS = frozenset({"@eaDir", "node_modules", "__pycache__", "System Volume Information"})

READ_ALREADY = "a folder that is read already"


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
    """Whether a walk of a folder finds this key: a visible file."""
    # A key that was given by hand may be longer than any name of a file: then there is none.
    found = os.path.isfile(path_below(str(root), key))
    return not Path(key).is_absolute() and not is_passed_over(key) and found


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
    encoding = ""
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
        self._passed: dict[str, str] = {}  # over, and why
        self._mailboxes: dict[str, Messages] = {}

    def walk(self) -> Iterator[Entry]:
        """Yield every visible file, in no particular order.

        Links are followed, those to folders after everything else and in the order of their names.
        A folder that was looked into already, by another way, is one entry, which `read` refuses:
        neither loops nor doubles come of links. Folders that cannot be read, and links that lead
        nowhere, are kept in `unreadable`. Pipes, sockets and devices are entries, which `read`
        refuses.
        """
        self.unreadable, self._passed, self._mailboxes = [], {}, {}
        seen = dict.fromkeys(map(_identity, self.root.parents), "one that it lies in")
        seen[_identity(self.root)] = "the source itself"
        folders, links = [(str(self.root), False)], list[str]()
        while folders or links:
            if not folders:
                links.sort(reverse=True)
                yield from self._entered(links.pop(), True, seen, folders)
                continue
            folder, linked = folders.pop()
            for item in self._listing(folder):
                try:
                    if item.is_dir() and item.is_symlink():
                        links.append(item.path)
                    elif item.is_dir():
                        yield from self._entered(item.path, linked, seen, folders)
                    else:
                        yield from self._file(item)
                except OSError as error:
                    self._note(item.path, f"cannot be examined: {error.strerror}")

    def _file(self, item: os.DirEntry[str]) -> Iterator[Entry]:
        """The entry of a file; `read` refuses one that is not regular, a device say."""
        if item.is_file():
            status = item.stat()
            yield from self._items(item.path, self._key(item.path), status)
        elif item.is_symlink() and not os.path.exists(item.path):
            self._note(item.path, "a link that leads nowhere just now")
        else:
            key = self._key(item.path)
            self._passed[key] = _no_file(os.stat(item.path))
            yield Entry(key, 0, 0)

    def _entered(
        self, path: str, linked: bool, seen: dict[object, str], folders: list[tuple[str, bool]]
    ) -> Iterator[Entry]:
        """Go into a folder next; one that was seen before is an entry itself where a link led."""
        key, identity = self._key(path), _identity(path)
        if linked and identity in seen:
            self._passed[key] = f"{READ_ALREADY}: {seen[identity]}"
            yield Entry(key, 0, stamp_of(os.lstat(path)))
        else:
            seen.setdefault(identity, key)
            folders.append((path, linked))

    def _key(self, path: str) -> str:
        """The key of a path below the source."""
        inside = path[len(self._prefix) + 1 :]
        key = as_text(inside).replace(os.sep, "/")
        if key != inside and os.path.lexists(f"{self._prefix}/{key}"):
            raise OSError(None, f"another file has the name that stands for it, {key}")
        return key

    def _items(self, path: str, key: str, status: os.stat_result) -> Iterator[Entry]:
        """A file, or the messages of a mailbox; of none, or a single one, it is the file itself."""
        # Loaded here, as a query with a picture never needs what reads texts.
        from aesearch.modalities.texts.extract import suffix_of
        from aesearch.sources.mailbox import BROKEN_OFF, Messages, may_be_mailbox

        if may_be_mailbox(path, key):
            try:
                messages = Messages(path, key)
            except ContentError as error:
                self._note(path, str(error))
                return
            if len(messages.places) > (0 if suffix_of(key) else 1):
                self._mailboxes[key] = messages
                if messages.breaks_off:
                    self._note(path, BROKEN_OFF)
                yield from messages.entries()
                return
        yield Entry(key, status.st_size, stamp_of(status))

    def _listing(self, folder: str) -> list[os.DirEntry[str]]:
        """What is visible in a folder; one that cannot be read is noted."""
        try:
            with os.scandir(folder) as entries:
                return [item for item in entries if not _is_hidden(item)]
        except OSError as error:
            if folder == str(self.root):
                raise SourceError(f"{folder} cannot be read: {error.strerror}") from error
            self._note(folder, f"folder cannot be read: {error.strerror}")
            return []

    def unseen(self, keys: Sequence[str]) -> list[str]:
        """Those of some keys that could not be listed just now, or lie below such folders."""
        places = {place for place, _ in self.unreadable}
        return [key for key in keys if places and _is_within(_file_of(key), places)]

    def path(self, key: str) -> Path:
        """Path of a key."""
        return Path(path_below(self._prefix, key))

    def read(self, key: str) -> bytes:
        """Content of a file.

        Raises
        ------
        UnreachableError
            If it cannot be looked at.
        PassedOverError
            If it is a folder that is read already, under another name, or no regular file.
        ContentError
            If it is larger than 512 MiB.
        """
        if key in self._passed:
            raise PassedOverError(self._passed[key])
        file, mark, _ = key.rpartition("#<")
        if mark and (messages := self._mailbox(file)) and key in messages.places:
            return messages.read(key)
        # Joined as strings: on two cores the interpreter's lock is what is short.
        return read_file(path_below(self._prefix, key), regular=True)

    def _mailbox(self, file: str) -> Messages | None:
        """A mailbox that a walk met, or that is there now."""
        from aesearch.sources.mailbox import Messages, may_be_mailbox

        path = path_below(self._prefix, file)
        if file not in self._mailboxes and os.path.isfile(path) and may_be_mailbox(path, file):
            self._mailboxes[file] = Messages(path, file)
        return self._mailboxes.get(file)

    def labels(self, keys: Sequence[str]) -> list[str]:
        """Folder of each key."""
        return folder_names(keys)

    def fields(self, keys: Sequence[str]) -> list[str]:
        """Nothing: a file has no fields."""
        return [""] * len(keys)

    def _note(self, path: str, reason: str) -> None:
        inside = as_text(path[len(self._prefix) + 1 :])
        self.unreadable.append((inside.replace(os.sep, "/"), reason))


def _is_hidden(item: os.DirEntry[str]) -> bool:
    return item.name.startswith(".") or (item.name in SKIPPED_FOLDERS and item.is_dir())


def _identity(path: str | Path) -> object:
    """What tells whether two paths lead to one folder."""
    status = os.stat(path)
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def _file_of(key: str) -> str:
    """The key of the file that an item is in, as a message is in a mailbox, or a page."""
    file, mark, _ = key.rpartition("#<")
    return file if mark else split_part(key)[0]


def _is_within(key: str, places: Collection[str]) -> bool:
    return key in places or any(parent.as_posix() in places for parent in Path(key).parents)


def _no_file(status: os.stat_result) -> str:
    """Why what is no regular file is passed over."""
    kinds = {stat.S_IFIFO: "named pipe", stat.S_IFSOCK: "socket"}
    return f"a {kinds.get(stat.S_IFMT(status.st_mode), 'device')}, and no file"


def _opened_at_once(path: str, flags: int) -> int:
    """Open a file, without waiting for whoever writes into a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_file(path: str | Path, *, regular: bool = False) -> bytes:
    """Content of a file of at most 512 MiB; raises as `Folder.read` does.

    Parameters
    ----------
    path : str or Path
    regular : bool
        Whether a pipe or device is refused; otherwise it is read to its end.
    """
    try:
        opener = _opened_at_once if regular else None
        with open(path, "rb", buffering=0, opener=opener) as stream:
            status = os.fstat(stream.fileno())
            if regular and not stat.S_ISREG(status.st_mode):
                raise PassedOverError(_no_file(status))
            size = status.st_size
            if size > MAX_BYTES:
                raise ContentError(f"too large: {size >> 20} MiB, {MAX_BYTES >> 20} are allowed")
            return stream.readall()
    except FileNotFoundError as error:
        if is_part(str(path)):
            return read_file(split_part(str(path))[0], regular=regular)
        raise UnreachableError("there is no such file") from error
    except OSError as error:
        raise UnreachableError(f"cannot be read: {error.strerror}") from error
