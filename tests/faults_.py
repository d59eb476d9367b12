"""Files that cannot be looked at for a while: without rights, on a disk that fails, or away."""

from __future__ import annotations

import builtins
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from aesearch.sources import folder as sources


@contextmanager
def unreadable(*names: str, code: int = errno.EACCES) -> Iterator[None]:
    """Let files of these names fail to open; rights do not stop root, as whom tests may run."""

    def refusing(path: Any, *values: Any, **options: Any) -> Any:
        if Path(path).name in names:
            raise OSError(code, os.strerror(code), str(path))
        return builtins.open(path, *values, **options)

    with mock.patch.object(sources, "open", refusing, create=True):
        yield


@contextmanager
def unlisted(*names: str) -> Iterator[None]:
    """Let folders of these names fail to be listed."""
    scan = os.scandir

    def refusing(path: str) -> Any:
        if Path(path).name in names:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scan(path)

    with mock.patch("aesearch.sources.folder.os.scandir", refusing):
        yield


@contextmanager
def counted_reads() -> Iterator[list[str]]:
    """The keys of the files that are read meanwhile."""
    read, keys = sources.Folder.read, []

    def noting(folder: sources.Folder, key: str) -> bytes:
        keys.append(key)
        return read(folder, key)

    with mock.patch.object(sources.Folder, "read", noting):
        yield keys
