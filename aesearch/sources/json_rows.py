"""The rows of JSON: an object a line, or objects of any layout, in an array or in a row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from aesearch.errors import ContentError
from aesearch.modalities.notes import note
from aesearch.modalities.texts.charset import LONGEST_LINE
from aesearch.sources.form import distinct
from aesearch.sources.lines import NOT_UTF8, ZERO_BLOCK, ZEROS, CutLine
from aesearch.sources.record import Record, Records, Refused

TOO_LARGE = f"is too large: {LONGEST_LINE >> 20} MiB are allowed"
NO_OBJECT = "is no JSON object"
PAIR = re.compile(r'"([^"\\]{1,100})"\s*:\s*("(?:[^"\\]|\\.){0,1000}"|[-\w.+]{1,100})')
LOOKED_AT = 64 << 10  # characters of a broken row in which its key may be
MARK = "\ufeff"  # of UTF-8, where files were put together
ARRAY = re.compile(r"\s*\[\s*[{\]]")
OBJECT = re.compile(r'\s*(?:\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:')
MOST_REPAIRS = 100  # of one file: behind so many broken objects nothing is read
KEPT = 1000  # characters before the place, for the indentation
BETWEEN = re.compile(r"[\s,]*")


def _named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object by its names; one that stands there twice is two, as columns of a table are."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name, own in zip(names, distinct(names), strict=True) if name != own)
        note(
            f"'{twice}' stands twice in an object of JSON: the second is taken as '{twice} (2)'",
            once=True,
        )
        return dict(zip(distinct(names), (value for _, value in pairs), strict=True))
    return values


DECODER = json.JSONDecoder(  # takes control characters, which are tidied later
    strict=False, object_pairs_hook=_named
)


def json_lines(lines: Iterable[str]) -> Records:
    """Yield the rows of JSON lines."""
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            if not line.isspace():
                yield _row_of(number, line)
    except ContentError as error:
        if number == 0:
            raise
        yield Refused(number + 1, str(error), hides=True)


def _row_of(number: int, line: str) -> Record | Refused:
    if isinstance(line, CutLine) or len(line) > LONGEST_LINE:
        return Refused(number, TOO_LARGE, values=_pairs(line))
    if ZERO_BLOCK in line:
        return Refused(number, ZEROS, hides=True, values=_pairs(line))
    if not line.isascii() and NOT_UTF8.search(line):
        return Refused(number, "is not UTF-8", values=_pairs(line))
    try:
        values = DECODER.decode(line.removeprefix(MARK))
    except json.JSONDecodeError as error:
        reason = f"is broken JSON: {error.msg}, at column {error.colno}"
    except (ValueError, RecursionError) as error:  # numbers and nesting without end
        reason = f"is broken JSON: {error}"
    else:
        return Record(number, values) if isinstance(values, dict) else Refused(number, NO_OBJECT)
    ends = not line.endswith(("\n", "\r"))  # the file may break off there
    return Refused(number, reason, hides=ends, values=_pairs(line))


def _pairs(text: str) -> dict[str, Any]:
    """What can be read of a broken object: its key, perhaps."""
    found: dict[str, Any] = {}
    for pair in PAIR.finditer(text, 0, LOOKED_AT):
        with suppress(ValueError):
            found.setdefault(pair[1], json.loads(pair[2], strict=False))
    return found


def json_values(pieces: Iterator[str], *, array: bool) -> Records:
    """Yield the rows of a JSON array, or of objects that follow one another.

    Parameters
    ----------
    pieces : iterator of str
        The text, cut anywhere.
    array : bool
    """
    text, number = _Text(pieces), 0
    inside = not array
    while True:
        text.skip(BETWEEN)
        if text.at_end:
            if text.broken or (array and inside):
                reason = text.broken or "breaks off: the array is never closed"
                yield Refused(number + 1, reason, hides=True, unit="item")
            return
        if array and text.now == ("]" if inside else "["):
            text.place, inside = text.place + 1, not inside
            continue
        number += 1
        if not inside:
            yield Refused(number, "stands behind the end of the array", hides=True, unit="item")
            return
        value = text.value()
        if isinstance(value, _Broken):
            yield Refused(number, value.reason, value.hides, _pairs(value.text), "item")
            if text.at_end:
                return
        elif isinstance(value, dict):
            yield Record(number, value, unit="item")
        else:
            yield Refused(number, NO_OBJECT, unit="item")


class _Broken(NamedTuple):
    reason: str
    hides: bool
    text: str


class _Text:
    """A text that comes in pieces, and how far it was read."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self.pieces, self.text, self.place = pieces, "", 0
        self.ended, self.broken = False, ""
        self.repairs = 0
        self.first = ""  # name in the objects so far

    @property
    def now(self) -> str:
        """The next character."""
        return self.text[self.place]

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.ended and self.place >= len(self.text)

    def more(self) -> None:
        """Read as much again as is at hand."""
        if self.place > len(self.text) // 2:
            kept = max(0, self.place - KEPT)
            self.text, self.place = self.text[kept:], self.place - kept
        found, wanted = [self.text], max(1, len(self.text) - self.place)
        while wanted > 0 and not self.ended:
            try:
                piece = next(self.pieces, None)
            except ContentError as error:
                self.broken, piece = str(error), None
            self.ended = piece is None
            found.append(piece or "")
            wanted -= len(piece or "")
        self.text = "".join(found)

    def skip(self, what: re.Pattern[str]) -> None:
        """Pass over what is of no account."""
        while True:
            found = what.match(self.text, self.place)
            self.place = found.end() if found else self.place
            if self.place < len(self.text) or self.ended:
                return
            self.more()

    def value(self) -> object:
        """The next value, or why there is none."""
        while True:
            reason = ""
            try:
                value, end = DECODER.raw_decode(self.text, self.place)
            except json.JSONDecodeError as error:
                reason = f"is broken JSON: {error.msg}"
            except (ValueError, RecursionError) as error:
                reason = f"is broken JSON: {error}"
            else:
                if end < len(self.text) or self.ended:  # a number may go on
                    return self._taken(value, end)
            if self.ended or (reason and len(self.text) - self.place > LONGEST_LINE):
                begin = self.text[self.place : self.place + LOOKED_AT // 16]
                self._find_next()
                return _Broken(self.broken or reason, True, begin)
            self.more()

    def _taken(self, value: object, end: int) -> object:
        begin, self.place = self.place, end
        if end - begin > LONGEST_LINE:
            return _Broken(TOO_LARGE, False, self.text[begin : begin + LOOKED_AT // 16])
        if self.text.find(ZERO_BLOCK, begin, end) >= 0:
            return _Broken(ZEROS, True, self.text[begin : begin + LOOKED_AT // 16])
        if NOT_UTF8.search(self.text, begin, end):
            return _Broken("is not UTF-8", False, self.text[begin : begin + LOOKED_AT // 16])
        if isinstance(value, dict):
            self.first = next(iter(value), "")
        return value

    def _find_next(self) -> None:
        """Go on where another object begins, if that is plain; else nowhere.

        In a tidy layout it stands as deep as the broken one, in others it begins with the name that
        the last one began with.
        """
        line = self.text.rfind("\n", max(0, self.place - KEPT), self.place) + 1
        self.repairs += 1
        indent = self.text[line : self.place]
        begins = rf',\s*(?=\{{\s*"{re.escape(self.first)}"\s*:)' if self.first else None
        begins = rf"\n{indent}(?=\{{)" if line and not indent.strip() else begins
        begins = begins if self.repairs < MOST_REPAIRS else None
        while begins is not None:
            self.place += 1
            if found := re.compile(begins).search(self.text, self.place):
                self.place = found.end()
                return
            if self.ended:
                break
            self.place = max(self.place, len(self.text) - KEPT)
            self.more()
        self.place, self.ended = len(self.text), True


def layout_of(head: str) -> str:
    """How JSON is laid out that begins so: 'array', 'lines', or 'values' over several lines."""
    if ARRAY.match(head):
        return "array"
    head = head.lstrip()
    first = head.partition("\n")[0]
    try:
        json.loads(first, strict=False)
    except (ValueError, RecursionError):
        return "values" if first.strip() == "{" or _is_spread(head) else "lines"
    return "lines"


def _is_spread(head: str) -> bool:
    """Whether an object stands there over several lines."""
    try:
        return head[:1] == "{" and "\n" in head[: DECODER.raw_decode(head)[1]]
    except (ValueError, RecursionError):
        return False
