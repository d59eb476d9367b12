"""Files to pixels or plain text, on all cores: read once, hashed and decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aesearch.engines.threads import pool, workers
from aesearch.errors import ContentError, NotADocumentError, NotAPictureError
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

    def item(self, *, added: bool = False, error: float | None = None) -> NewItem:
        """The item of this file, to be written."""
        entry = self.entry
        return NewItem(entry.key, entry.size, entry.mtime_ns, self.digest, added, error)

    def skipped(self) -> Skipped:
        """The note that this file was skipped."""
        entry = self.entry
        return Skipped(entry.key, self.reason, self.ignored, entry.size, entry.mtime_ns)


def decode_one(source: Source, entry: Entry, read: Read) -> Decoded:
    """Read, hash and decode one file; what is wrong with it is a reason, not an exception."""
    digest = b""
    try:
        content = source.read(entry.key)
        digest = digest_of(content)
        return Decoded(entry, digest, read(content, entry.key))
    except (NotAPictureError, NotADocumentError) as error:
        return Decoded(entry, digest, None, str(error), ignored=True)
    except ContentError as error:
        return Decoded(entry, digest, None, str(error))


def decode(
    source: Source,
    entries: Sequence[Entry],
    read: Read,
    progress: Progress = silent,
) -> Iterator[Decoded]:
    """Decode files in their order, in threads: Pillow releases the global interpreter lock."""
    in_flight = WINDOW * workers()

    def run(chunk: Sequence[Entry]) -> list[Decoded]:
        return [decode_one(source, entry, read) for entry in chunk]

    chunks = iter([entries[i : i + CHUNK] for i in range(0, len(entries), CHUNK)])
    pending: deque[Future[list[Decoded]]] = deque()
    done = 0
    with pool("decode") as threads:
        progress("reading", 0, len(entries))
        while True:
            while len(pending) < in_flight and (chunk := next(chunks, None)):
                pending.append(threads.submit(run, chunk))
            if not pending:
                return
            finished = pending.popleft().result()
            done += len(finished)
            progress("reading", done, len(entries))
            yield from finished
