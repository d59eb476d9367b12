"""Zip archives of XML: their parts within limits, and the text of one as it streams past."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from aesearch.errors import ContentError

MAX_XML = 32 << 20  # bytes of a document's XML, unpacked: a zip bomb is a few kB
MAX_TEXT = 32 << 20  # letters: cells can name one long string a million times
CHUNK = 1 << 16
ENCRYPTED = "is encrypted: a password is needed"
NUMBER = re.compile(r"\d+")
# Styles of paragraphs that are headings, in the languages of Word that translate their names.
HEADINGS = re.compile(
    r"(title|titel|titre|titolo|t[ií]tulo|heading|.*berschrift|rubrik)\W?\d?\Z", re.IGNORECASE
)


@dataclass(frozen=True)
class Vocabulary:
    """What elements of a format mean, by their names without namespaces.

    Attributes
    ----------
    holds : frozenset of str
        Elements whose letters are text.
    passed : frozenset of str
        Elements that are left out with all they hold: properties, deleted text, second versions.
    ends : mapping of str to str
        What comes after an element: a line end after a paragraph.
    """

    holds: frozenset[str]
    passed: frozenset[str] = frozenset()
    ends: Mapping[str, str] = field(default_factory=dict)


class Parts:
    """The members of an archive, of which not more than `MAX_XML` is unpacked altogether."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._left = MAX_XML
        self.names = archive.namelist()

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of a member, piece by piece."""
        if self._archive.getinfo(name).flag_bits & 1:
            raise ContentError(ENCRYPTED)
        with self._archive.open(name) as stream:
            while chunk := stream.read(CHUNK):
                self._left -= len(chunk)
                if self._left < 0:
                    raise ContentError(
                        f"too large: it unpacks to more than {MAX_XML >> 20} MiB of text"
                    )
                yield chunk

    def read(self, name: str) -> bytes:
        """The content of a member; nothing of one that is not there."""
        return b"".join(self.chunks(name)) if name in self.names else b""

    def like(self, pattern: str) -> list[str]:
        """The members whose names match, in the order of the numbers in them."""
        found = [name for name in self.names if re.fullmatch(pattern, name)]
        return sorted(found, key=lambda name: [int(n) for n in NUMBER.findall(name)])


Start = Callable[[str, Mapping[str, str]], None]


def parse(
    chunks: Iterator[bytes], start: Start, end: Start, letters: Callable[[str], None]
) -> None:
    """Call back with each element, without its namespace, and with letters."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise ContentError("damaged: it declares entities of XML, which no office program writes")

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = lambda name, given: start(
        name.rpartition("}")[2], {key.rpartition("}")[2]: value for key, value in given.items()}
    )
    parser.EndElementHandler = lambda name: end(name.rpartition("}")[2], {})
    parser.CharacterDataHandler = letters
    for chunk in chunks:
        parser.Parse(chunk)
    parser.Parse(b"", True)


class Text:
    """The text of a part, and its first heading, as its XML streams past."""

    def __init__(self, words: Vocabulary) -> None:
        self.words = words
        self.pieces: list[str] = []
        self.heading = ""
        self._passed = self._held = self._size = 0
        self._styled: int | None = None  # where a paragraph began that is a heading

    def read(self, chunks: Iterator[bytes]) -> str:
        """The text."""
        parse(chunks, self._start, self._end, self._letters)
        return "".join(self.pieces)

    def _start(self, name: str, given: Mapping[str, str]) -> None:
        if self._passed or name in self.words.passed:
            self._passed += 1
            return
        self._held += name in self.words.holds
        is_heading = (
            name == "h"
            or (name == "pStyle" and HEADINGS.match(given.get("val", "")[:40]))
            or (name == "ph" and given.get("type") in ("title", "ctrTitle"))
            or (name == "frame" and given.get("class") == "title")
        )
        if is_heading and not self.heading and self._styled is None:
            self._styled = len(self.pieces)
        if name == "note-body":  # which stands in the middle of a paragraph
            self._add(" ")
        elif name == "s":
            self._add(" " * (min(int(given.get("c", "1")), 80) - 1))

    def _end(self, name: str, _: Mapping[str, str]) -> None:
        if self._passed:
            self._passed -= 1
            return
        self._held -= name in self.words.holds
        if after := self.words.ends.get(name):
            self._add(after)
        if self._styled is not None and name in ("p", "h"):
            self.heading = " ".join("".join(self.pieces[self._styled :]).split())
            self._styled = None if self.heading else self._styled

    def _letters(self, text: str) -> None:
        if self._held and not self._passed:
            self._add(text)

    def _add(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_TEXT:
            raise ContentError(f"too large: more than {MAX_TEXT >> 20} million letters")
        self.pieces.append(text)


def attributes(parts: Parts, name: str, element: str, attribute: str) -> list[str]:
    """An attribute of all elements of a name."""
    found: list[str] = []

    def start(own: str, given: Mapping[str, str]) -> None:
        if own == element:
            found.append(given.get(attribute, ""))

    parse(parts.chunks(name), start, lambda *_: None, lambda _: None)
    return found
