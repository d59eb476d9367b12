"""Files to pixels or plain text, on all cores: read once, hashed and decoded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

from aesearch.errors import ContentError, NotADocumentError, NotAPictureError
from aesearch.ingest.causes import cause_of
from aesearch.modalities import Read
from aesearch.sources.base import Entry, Source, digest_of
from aesearch.storage.schema import NewItem, Skipped
from aesearch.types import Progress, silent

if TYPE_CHECKING:
    from concurrent.futures import Future


# Handing over one picture costs as much as decoding a small one; a chunk makes it vanish.
CHUNK = 32
WINDOW = 4  # chunks in flight per worker, so that memory stays bounded


@dataclass(slots=True)
class Decoded:
    """One file after reading: its sample, or the reason why there is none."""

    entry: Entry
    digest: bytes
    sample: Any
    reason: str = ""
    ignored: bool = False
    cause: str = ""

    def item(self, *, added: bool = False, error: float | None = None) -> NewItem:
        """The item of this file, to be written."""
        entry = self.entry
        return NewItem(entry.key, entry.size, entry.mtime_ns, self.digest, added, error)

    def skipped(self) -> Skipped:
        """The note that this file was skipped."""
        entry = self.entry
        key, size, mtime = entry
        return Skipped(key, self.reason, self.ignored, size, mtime, self.cause)


class Keeper(Protocol):
    """What was decoded before, as `aesearch.ingest.spool.Spool` keeps it."""

    def get(self, entry: Entry) -> Decoded | None:
        """What was read of a file, if it looks as it did."""

    def put(self, file: Decoded) -> None:
        """Keep what was read of a file."""


def decode_one(source: Source, entry: Entry, read: Read) -> Decoded:
    """Read, hash and decode one file; what is wrong with it is a reason, not an exception."""
    digest = b""
    try:
        content = source.read(entry.key)
        digest = digest_of(content)
        return Decoded(entry, digest, read(content, entry.key))
    except ContentError as error:
        ignored = isinstance(error, NotAPictureError | NotADocumentError)
        return Decoded(entry, digest, None, str(error), ignored, cause_of(error))


def _decode_anew(source: Source, entry: Entry, read: Read, spool: Keeper | None) -> Decoded:
    """Decode one file, unless it was decoded before a run was interrupted."""
    if spool is None:
        return decode_one(source, entry, read)
    file = spool.get(entry)
    if file is None:
        file = decode_one(source, entry, read)
        spool.put(file)
    return file


def decode(
    source: Source,
    entries: Sequence[Entry],
    read: Read,
    progress: Progress = silent,
    spool: Keeper | None = None,
) -> Iterator[Decoded]:
    """Decode files in their order, in threads: Pillow releases the global interpreter lock.

    Parameters
    ----------
    source : Source
    entries : sequence of Entry
    read : callable
        Makes a sample of a content.
    progress : callable
    spool : Keeper, optional
        Takes what is read, and gives what was read before.
    """
    from concurrent.futures import ThreadPoolExecutor

    workers = os.cpu_count() or 1

    stopped = Event()

    def run(chunk: Sequence[Entry]) -> list[Decoded]:
        return [_decode_anew(source, e, read, spool) for e in chunk if not stopped.is_set()]

    chunks = iter([entries[i : i + CHUNK] for i in range(0, len(entries), CHUNK)])
    pending: deque[Future[list[Decoded]]] = deque()
    done = 0
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            progress("reading", 0, len(entries))
            while True:
                while len(pending) < WINDOW * workers and (chunk := next(chunks, None)):
                    pending.append(pool.submit(run, chunk))
                if not pending:
                    return
                finished = pending.popleft().result()
                done += len(finished)
                progress("reading", done, len(entries))
                yield from finished
        finally:
            stopped.set()  # a chunk may take long
            pool.shutdown(wait=True, cancel_futures=True)
