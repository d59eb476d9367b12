"""Standard error that does not end a command where its own disk is full, or nobody reads it."""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE}


class _Lossy(io.FileIO):
    """A file into which notes are written beside what counts: what does not fit is lost."""

    def write(self, content: ReadableBuffer, /) -> int:
        try:
            return super().write(content)
        except OSError as error:
            if error.errno not in FULL:
                raise
            return memoryview(content).nbytes


def notes_to(descriptor: int, encoding: str, *, closefd: bool = False) -> TextIO:
    """Open a descriptor for notes: what an encoding cannot show is escaped."""
    raw = io.BufferedWriter(_Lossy(descriptor, "w", closefd=closefd))
    return io.TextIOWrapper(raw, encoding, errors="backslashreplace", line_buffering=True)
