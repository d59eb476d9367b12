"""The messages of a mailbox file (mbox), each an item: ``inbox.mbox#<message-id>``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from aesearch.errors import ContentError, SourceError, UnreachableError
from aesearch.modalities.texts.extract import MAILBOX, suffix_of
from aesearch.sources.base import Entry

if TYPE_CHECKING:
    from aesearch.sources.columns import Columns, UsedColumns

MOST_BYTES = 4 << 30
# A message begins after an empty line, with who sent it and when: "From a@b Mon Jan  1 ...".
BEGIN = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From \S[^\n]{0,200} \d\d?:\d\d[^\n]{0,40}\n")
IDENTITY = re.compile(rb"^message-id:[ \t]{0,9}(?:\r?\n[ \t]{1,9})?<([^<>\s]{1,200})>", re.I | re.M)
HEADER_WITHIN = 1 << 16
BROKEN_OFF = "ends within its last message, which is left out; what may follow stays as it was"


def may_be_mailbox(path: str, key: str) -> bool:
    """Whether a file is a mailbox by its name, or has no suffix and begins like one."""
    suffix = suffix_of(key)
    if suffix in MAILBOX:
        return True
    if suffix:
        return False
    try:
        with open(path, "rb", buffering=0) as stream:
            return stream.read(5) == b"From "
    except OSError:
        return False


class Messages:
    """Where the messages of a mailbox are.

    Parameters
    ----------
    path : str or Path
    key : str
        Of the file: keys of messages begin with it.

    Attributes
    ----------
    places : dict of str to (int, int)
        Where each begins and ends, by its key: its own message ID, so that it stays when others
        are deleted, or a hash of what it holds.
    breaks_off : bool
        Whether the file ends within a line, as one of which the rest is not there yet: the last of
        several messages is then none.

    Raises
    ------
    UnreachableError
        If it cannot be read.
    ContentError
        If it is larger than 4 GiB.
    """

    def __init__(self, path: str | Path, key: str) -> None:
        self.path = Path(path)
        content = self._content()
        begins = [found.span() for found in BEGIN.finditer(content)]
        ends = [*(begin for begin, _ in begins), len(content)][1:]
        self.breaks_off = len(begins) > 1 and not content.endswith((b"\n", b"\r"))
        if self.breaks_off:
            del begins[-1], ends[-1]
        self.places: dict[str, tuple[int, int]] = {}
        self.stamps: dict[str, int] = {}
        for (_, begin), end in zip(begins, ends, strict=True):
            message = content[begin:end]
            stamp = xxhash.xxh3_64_intdigest(message) >> 1
            own = IDENTITY.search(message[:HEADER_WITHIN].partition(b"\n\n")[0])
            name = own[1].decode("utf-8", "replace") if own else f"{stamp:016x}"
            if f"{key}#<{name}>" in self.places:
                name = f"{name}+{stamp:016x}"
            self.places[f"{key}#<{name}>"] = begin, end
            self.stamps[f"{key}#<{name}>"] = stamp

    def _content(self) -> bytes:
        try:
            if (size := self.path.stat().st_size) > MOST_BYTES:
                raise ContentError(f"too large: {size >> 20} MiB, {MOST_BYTES >> 20} are allowed")
            return self.path.read_bytes()
        except OSError as error:
            raise UnreachableError(f"cannot be read: {error.strerror}") from error

    def entries(self) -> Iterator[Entry]:
        """Yield every message; its time stamp is a hash of what it holds."""
        for key, (begin, end) in self.places.items():
            yield Entry(key, end - begin, self.stamps[key])

    def read(self, key: str) -> bytes:
        """The message of a key; raises ContentError."""
        if key not in self.places:
            raise UnreachableError("there is no such message")
        begin, end = self.places[key]
        try:
            with self.path.open("rb") as stream:
                stream.seek(begin)
                return stream.read(end - begin).replace(b"\n>From ", b"\nFrom ")
        except OSError as error:
            raise UnreachableError(f"cannot be read: {error.strerror}") from error


class Mailbox:
    """One mailbox file as a source, whose items are its messages.

    Parameters
    ----------
    path : Path

    Raises
    ------
    SourceError
        If it cannot be read, or holds no message.
    """

    plain = False
    encoding = ""
    kind: str | None = "texts"
    columns: Columns | None = None
    used_columns: UsedColumns | None = None

    def __init__(self, path: Path) -> None:
        self.root = path.resolve()
        self.unreadable: list[tuple[str, str]] = []
        self._messages = self._found()

    def _found(self) -> Messages:
        try:
            found = Messages(self.root, self.root.name)
        except ContentError as error:
            raise SourceError(f"{self.root}: {error}") from error
        if not found.places:
            raise SourceError(f"{self.root} holds no messages; one begins with 'From ...'")
        return found

    def walk(self) -> Iterator[Entry]:
        """Yield every message."""
        self._messages = self._found()
        self.unreadable = [(self.root.name, BROKEN_OFF)] if self._messages.breaks_off else []
        yield from self._messages.entries()

    def unseen(self, keys: Sequence[str]) -> list[str]:
        """All of some keys where the mailbox breaks off, else none: it is read whole."""
        return list(keys) if self._messages.breaks_off else []

    def read(self, key: str) -> bytes:
        """The message of a key; raises ContentError."""
        return self._messages.read(key)

    def labels(self, keys: Sequence[str]) -> list[str]:
        """Nothing: a message is in no folder."""
        return [""] * len(keys)

    def fields(self, keys: Sequence[str]) -> list[str]:
        """Nothing: a message has no fields."""
        return [""] * len(keys)
