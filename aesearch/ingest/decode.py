"""Files to pixels or plain text, on all cores: read once, hashed and decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from aesearch.engines.threads import one_blas_thread, workers
from aesearch.engines.watched import Job, Watched, Within
from aesearch.errors import ContentError, NotADocumentError, NotAPictureError
from aesearch.ingest.causes import cause_of
from aesearch.modalities import Read, Sampled
from aesearch.modalities.notes import note
from aesearch.modalities.parts import suffix_of
from aesearch.sources.base import Entry, Source, digest_of
from aesearch.storage.schema import NewItem, Skipped
from aesearch.types import Progress, silent

# Handing over one picture costs as much as decoding a small one; a chunk makes it vanish.
CHUNK = 32
WINDOW = 4  # chunks in flight per worker, so that memory stays bounded


@dataclass(slots=True)
class Decoded:
    """One item after reading: its sample, or the reason why there is none."""

    entry: Entry
    digest: bytes
    sample: Any
    reason: str = ""
    ignored: bool = False
    cause: str = ""
    note: str = ""  # what is to be said of an item although it was read
    look: bytes = b""  # of a picture, if it was made already

    def item(self, *, added: bool = False, error: float | None = None) -> NewItem:
        """The item of this file, to be written."""
        entry = self.entry
        look = self.look
        return NewItem(entry.key, entry.size, entry.mtime_ns, self.digest, added, error, look)

    def skipped(self) -> Skipped:
        """The note that this file was skipped."""
        entry = self.entry
        key, size, mtime = entry
        return Skipped(key, self.reason, self.ignored, size, mtime, self.cause)


class Keeper(Protocol):
    """What was decoded before, as `aesearch.ingest.spool.Spool` keeps it."""

    def get(self, entry: Entry) -> list[Decoded] | None:
        """The items that were read of a file, if it looks as it did."""

    def put(self, entry: Entry, items: list[Decoded]) -> None:
        """Keep the items that were read of a file."""


def decode_one(source: Source, entry: Entry, read: Read) -> Decoded:
    """Read, hash and decode one item; what is wrong with it is a reason, not an exception."""
    return next(_decoded(source, entry, read))


def _decoded(source: Source, entry: Entry, read: Read) -> Iterator[Decoded]:
    """One item, and then the further ones that its file holds."""
    digest = b""
    try:
        content = source.read(entry.key)
        digest = digest_of(content, suffix_of(entry.key))
        made = read(content, entry.key)
    except ContentError as error:
        yield _refused(entry, digest, error)
        return
    if not isinstance(made, Sampled):
        yield Decoded(entry, digest, made, note=getattr(made, "note", ""))  # a Document has one
        return
    yield Decoded(entry, digest, made.sample, note=made.note, look=made.look)
    for suffix, sample in made.more:
        own = entry._replace(key=entry.key + suffix)
        if isinstance(sample, ContentError):
            yield _refused(own, digest, sample)
        else:
            yield Decoded(own, digest_of(content, suffix.encode()), sample)


def _refused(entry: Entry, digest: bytes, error: ContentError) -> Decoded:
    ignored = isinstance(error, NotAPictureError | NotADocumentError)
    return Decoded(entry, digest, None, str(error), ignored, cause_of(error))


@dataclass
class _Files:
    """The files of a source, each decoded unless it was before a run was interrupted."""

    source: Source
    read: Read
    spool: Keeper | None
    most: int | None  # items of a file

    def items(self, entry: Entry, within: Within) -> list[Decoded]:
        """The items of one file, which takes no longer than it may."""
        items = self.spool.get(entry) if self.spool else None
        if items is not None:
            return items[: self.most]
        most = None if self.spool else self.most  # all of them are kept
        try:
            items = within(lambda: list(islice(_decoded(self.source, entry, self.read), most)))
        except ContentError as error:
            return self.refused(entry, error)
        return self._kept(entry, items)

    def refused(self, entry: Entry, error: ContentError) -> list[Decoded]:
        """The refusal of one file."""
        return self._kept(entry, [_refused(entry, b"", error)])

    def _kept(self, entry: Entry, items: list[Decoded]) -> list[Decoded]:
        if self.spool:
            self.spool.put(entry, items)
        return items[: self.most]


def decode(
    source: Source,
    entries: Sequence[Entry],
    read: Read,
    progress: Progress = silent,
    spool: Keeper | None = None,
    *,
    whole: bool = False,
) -> Iterator[Decoded]:
    """Decode items in their order, in threads: Pillow releases the global interpreter lock.

    A file that takes longer than `aesearch.engines.watched` allows is refused.

    Parameters
    ----------
    source : Source
    entries : sequence of Entry
    read : callable
        Makes a sample of a content.
    progress : callable
    spool : Keeper, optional
        Takes what is read, and gives what was read before.
    whole : bool
        Whether further items of a file, the pages of a TIFF, follow the first.
    """
    files = _Files(source, read, spool, None if whole else 1)
    chunks = iter([entries[i : i + CHUNK] for i in range(0, len(entries), CHUNK)])
    pending: deque[Job[Entry, Decoded]] = deque()
    in_flight = WINDOW * workers()
    done = 0
    with one_blas_thread(), Watched("decode", files.items, files.refused) as threads:
        progress("reading", 0, len(entries))
        while True:
            while len(pending) < in_flight and (chunk := next(chunks, None)):
                pending.append(threads.submit(chunk))
            if not pending:
                return
            finished = threads.result(pending.popleft())
            done = min(done + CHUNK, len(entries))
            progress("reading", done, len(entries))
            for item in finished:  # here, as notes are collected by threads
                note(item.note)
            yield from finished
