"""Standard input whose beginning was looked at: it is read again from there."""

from __future__ import annotations

import io
from typing import IO, Any, Self

from aesearch.sources.choosing import SAMPLE

CHUNK = 1 << 20
LOOKED_AT = 16 << 20  # bytes; less where there are lines enough


class Replayed(io.BufferedReader):
    """A stream of bytes that gives its head once more.

    Parameters
    ----------
    head : bytes
        What was read already.
    stream : file
        What it was read from, of text or bytes.
    """

    def __init__(self, head: bytes, stream: IO[Any]) -> None:
        super().__init__(_Chain(head, getattr(stream, "buffer", stream)))
        self.head = head
        self._stream = stream  # which would close what it wraps

    @classmethod
    def of(cls, stream: IO[Any]) -> Self:
        """Look at the first lines of a stream."""
        if isinstance(stream, io.StringIO):
            stream = io.BytesIO(stream.read().encode())
        rest: IO[bytes] = getattr(stream, "buffer", stream)
        some = getattr(rest, "read1", rest.read)  # what is there, without waiting for more
        head = b""
        try:
            while head.count(b"\n") < SAMPLE and len(head) < LOOKED_AT and (chunk := some(CHUNK)):
                head += chunk
        except Exception as error:  # what was compressed may break off: told where it is read
            return cls(head, _Broken(error))
        return cls(head, stream)


class _Chain(io.RawIOBase):
    """Some bytes, and after them a stream."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._more = getattr(rest, "read1", rest.read)

    def readable(self) -> bool:
        """Whether it can be read: it can."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with what comes next."""
        chunk = self._head[: len(buffer)] or self._more(len(buffer))
        self._head = self._head[len(chunk) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)


class _Broken(io.BytesIO):
    """What cannot be read."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def read1(self, _: int | None = -1) -> bytes:
        """Raise the error."""
        raise self._error
