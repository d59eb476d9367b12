"""Excel workbooks to text: strings, numbers and dates of all sheets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta

from aesearch.errors import ContentError
from aesearch.modalities.texts.zipped import MAX_TEXT, Parts, Text, Vocabulary, attributes, parse

SYSTEM_DATES = frozenset({*range(14, 23), *range(45, 48)})  # of Excel's own formats of numbers
LITERAL = re.compile(r'\[[^\]]*\]|"[^"]*"|\\.')  # of a format: colors, words and single letters
DATE = re.compile("[ymd]", re.IGNORECASE)
LONGEST = 255  # of a format, in Excel
STRINGS = Vocabulary(frozenset({"t"}), frozenset({"rPh"}), {"comment": "\n"})
CELLS = Vocabulary(frozenset({"v", "t"}), frozenset({"f", "rPh"}), {"row": "\n"})


def workbook_text(parts: Parts) -> str:
    """An Excel workbook: the names of its sheets, then their cells, a row a line."""
    strings = _Strings()
    if "xl/sharedStrings.xml" in parts.names:
        strings.read(parts.chunks("xl/sharedStrings.xml"))
    dates = _date_styles(parts)
    texts = [" ".join(attributes(parts, "xl/workbook.xml", "sheet", "name"))]
    size = 0
    for name in parts.like(r"xl/worksheets/\w+\.xml"):
        sheet = _Sheet(strings.found, dates)
        texts.append(sheet.read(parts.chunks(name)))
        size += len(texts[-1])
        if size > MAX_TEXT:
            raise ContentError(f"too large: more than {MAX_TEXT >> 20} million letters")
    for name in parts.like(r"xl/comments/?\w*\.xml"):
        texts.append(Text(STRINGS).read(parts.chunks(name)))
    return "\n".join(texts)


class _Strings(Text):
    """The strings that cells name by their numbers."""

    def __init__(self) -> None:
        super().__init__(STRINGS)
        self.found: list[str] = []

    def _end(self, name: str, given: Mapping[str, str]) -> None:
        super()._end(name, given)
        if name == "si":
            self.found.append("".join(self.pieces))
            self.pieces = []


class _Sheet(Text):
    """The cells of a sheet: strings as they are, numbers as they are kept, dates as such."""

    def __init__(self, strings: list[str], dates: frozenset[int]) -> None:
        super().__init__(CELLS)
        self.strings, self.dates = strings, dates
        self._begin = 0
        self._cell: Mapping[str, str] = {}

    def _start(self, name: str, given: Mapping[str, str]) -> None:
        super()._start(name, given)
        if name == "c":
            self._begin, self._cell = len(self.pieces), given

    def _end(self, name: str, given: Mapping[str, str]) -> None:
        super()._end(name, given)
        if name == "c":
            kept = "".join(self.pieces[self._begin :])
            del self.pieces[self._begin :]
            if kept:
                self._add(f"{self._shown(kept)}\t")

    def _shown(self, kept: str) -> str:
        kind = self._cell.get("t", "n")
        if kind == "s":
            return self.strings[int(kept)]
        if kind == "n" and int(self._cell.get("s", "0")) in self.dates:
            return _as_date(kept)
        return kept


def _date_styles(parts: Parts) -> frozenset[int]:
    """The numbers of the styles that show a number as a date."""
    if "xl/styles.xml" not in parts.names:
        return frozenset()
    own, styles, inside = set(SYSTEM_DATES), [], [False]

    def start(name: str, given: Mapping[str, str]) -> None:
        if name == "numFmt" and DATE.search(LITERAL.sub("", given.get("formatCode", "")[:LONGEST])):
            own.add(int(given.get("numFmtId", "0")))
        elif name == "cellXfs":
            inside[0] = True
        elif name == "xf" and inside[0]:
            styles.append(int(given.get("numFmtId", "0")))

    def end(name: str, _: Mapping[str, str]) -> None:
        inside[0] = inside[0] and name != "cellXfs"

    parse(parts.chunks("xl/styles.xml"), start, end, lambda _: None)
    return frozenset(number for number, form in enumerate(styles) if form in own)


def _as_date(number: str) -> str:
    """The day that Excel counts from the end of 1899, or what it is where there is none."""
    try:
        when = datetime(1899, 12, 30) + timedelta(seconds=round(float(number) * 86400))
    except (ValueError, OverflowError):
        return number
    return when.isoformat(" ") if when.time() != time() else when.date().isoformat()
