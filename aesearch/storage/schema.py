"""The rows of an index: its tables, and what one line of each is in Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Reasons in `skipped` that a person decided: no look at the source changes them.
REMOVED = "removed by hand"
REPLACED = "what was added by hand has its key"
DECIDED = (REMOVED, REPLACED)
QUOTED = "\n\x1e\n"  # between a text and what it quotes

# Beside `skipped`, because older versions write into that without naming its columns.
CAUSES = """
CREATE TABLE IF NOT EXISTS causes (
    key TEXT PRIMARY KEY REFERENCES skipped(key) ON DELETE CASCADE,
    cause TEXT NOT NULL                -- unreachable, 'extra NAME', or 'version NUMBER' of aesearch
);
"""
# Of pictures; tables that older versions do not know, and never look at.
FEATURES = """
CREATE TABLE IF NOT EXISTS features (
    id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE,
    digest BLOB NOT NULL,              -- of the content that they were made of
    packed BLOB NOT NULL               -- corners and a thumbnail, empty where it cannot be read
);
CREATE TABLE IF NOT EXISTS corners (
    place INTEGER PRIMARY KEY,         -- some bits of a corner, and what is above bit 16 of the ids
    ids BLOB NOT NULL                  -- of items that have such a corner, or had, 16 bits each
);
CREATE TABLE IF NOT EXISTS same_from (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    threshold REAL NOT NULL,           -- agreement from which two pictures are the same
    items INTEGER NOT NULL             -- that it was chosen by
);
"""
SCHEMA = f"""
CREATE TABLE items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest BLOB NOT NULL,
    added INTEGER NOT NULL DEFAULT 0,  -- 1: manually, not found in the source
    error REAL                         -- of reconstruction, where it came after training
);
CREATE INDEX items_digest ON items(digest);
CREATE TABLE codes (id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE,
                    code BLOB NOT NULL);
CREATE TABLE kept (id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE,
                   png BLOB NOT NULL);  -- pictures added manually, which have no file to go back to
CREATE TABLE skipped (
    key TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    ignored INTEGER NOT NULL,          -- 1: not a picture, or removed by the user; no damage
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL
);
{CAUSES}
CREATE TABLE texts (id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE,
                    title TEXT NOT NULL, label TEXT NOT NULL,
                    body BLOB NOT NULL);  -- the plain text of a document, UTF-8, compressed (zlib)
CREATE TABLE passages (id INTEGER PRIMARY KEY,  -- of the document, and the number above bit 40
                       item INTEGER NOT NULL REFERENCES items(id) ON DELETE CASCADE,
                       start INTEGER NOT NULL, stop INTEGER NOT NULL, code BLOB NOT NULL);
CREATE INDEX passages_item ON passages(item);
CREATE TABLE revision (only INTEGER PRIMARY KEY CHECK (only = 1), document TEXT NOT NULL,
                       rotation BLOB);
"""


@dataclass(frozen=True)
class Revision:
    """One consistent state of an index.

    Attributes
    ----------
    number : int
        Counts up with every change; 0 is an index without items.
    fingerprint : str
        Of the encoder that made all codes.
    codes_file, codes_sum : str
        Name and checksum of the FAISS file made from these codes.
    plan : dict
        Of the engine.
    items : int
        Codes held.
    changed_at : float
        Seconds since 1970.
    """

    number: int = 0
    fingerprint: str = ""
    codes_file: str = ""
    codes_sum: str = ""
    plan: dict[str, Any] = field(default_factory=dict)
    items: int = 0
    changed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an index, without its code.

    Attributes
    ----------
    id : int
    key : str
    size, mtime_ns : int
        Bytes and time stamp of its file.
    digest : bytes
        Of its content (`digest_of`).
    added : bool
        Whether it was added manually, not found in the source.
    """

    id: int
    key: str
    size: int
    mtime_ns: int
    digest: bytes
    added: bool


@dataclass(frozen=True, slots=True)
class KeptText:
    """The plain text of a document, as the index keeps it."""

    id: int
    title: str
    text: str
    label: str
    quoted: str = ""  # by a mail, and its signature

    @property
    def whole(self) -> str:
        """The text, and last what it quotes."""
        return f"{self.text}\n\n{self.quoted}" if self.quoted else self.text


def packed_text(text: KeptText) -> str:
    """A text and what it quotes as one, which earlier versions read as a text."""
    if not text.quoted and QUOTED not in text.text:
        return text.text
    return text.text + QUOTED + text.quoted.replace(QUOTED, "\n")


def parted_text(packed: str) -> tuple[str, str]:
    """A text and what it quotes, of what `packed_text` made; of earlier versions nothing."""
    text, mark, quoted = packed.rpartition(QUOTED)
    return (text, quoted) if mark else (packed, "")


@dataclass(frozen=True, slots=True)
class Skipped:
    """One file that is not in the index, or not as it is now, and why.

    Attributes
    ----------
    key, reason : str
    ignored : bool
        Whether that is no damage.
    size, mtime_ns : int
        Of the file, as it was refused.
    cause : str
        What the reason depends on, which tells when to try again (`aesearch.ingest.causes`); ""
        where an older version did not say.
    """

    key: str
    reason: str
    ignored: bool
    size: int = 0
    mtime_ns: int = 0
    cause: str = ""


@dataclass(frozen=True, slots=True)
class NewItem:
    """What is written for one item; its code is in a parallel array."""

    key: str
    size: int
    mtime_ns: int
    digest: bytes
    added: bool = False
    error: float | None = None
    look: bytes = field(default=b"", repr=False, compare=False)  # of a picture, if made already
