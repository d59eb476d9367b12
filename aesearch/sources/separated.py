"""The rows of .csv and .tsv: one that cannot be read does not take others with it."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice

from aesearch.errors import ContentError
from aesearch.modalities.texts.charset import LONGEST_LINE
from aesearch.sources.form import Form, distinct
from aesearch.sources.lines import ZERO_BLOCK, ZEROS, CutLine
from aesearch.sources.record import Record, Records, Refused

SNIFFED, SNIFFED_CHARACTERS = 200, 1 << 20  # lines from which the delimiter is
SHAPES = 8  # of first fields: more are no pattern
LIKE_ROWS = 0.9  # of the lines behind a quotation mark, if it is out of place


def separated_records(
    lines: Iterator[str],
    header: list[str],
    form: Form,
    again: Callable[[], Iterator[str]] | None = None,
) -> Records:
    """Yield the rows of a table.

    Parameters
    ----------
    lines : iterator of str
    header : list of str
        Takes the columns.
    form : Form
        Takes what was found out.
    again : callable, optional
        Gives all lines once more.
    """
    csv.field_size_limit(LONGEST_LINE)  # csv's own is 128 KiB
    head, lines = _head_of(lines)
    skipped = form.find_out(head)
    noted = _Lines(chain(head[skipped:], lines), skipped)
    yield from _Reading(noted, header, form, again).records()


def _head_of(lines: Iterator[str]) -> tuple[list[str], Iterator[str]]:
    """The first lines, which are consumed from `lines`, and what is behind them."""
    head: list[str] = []
    characters = 0
    try:
        for line in islice(lines, SNIFFED):
            head.append(line)
            characters += len(line)
            if characters > SNIFFED_CHARACTERS:
                break
    except ContentError as error:
        if not head:
            raise
        return head, _broken(error)
    return head, lines


def _broken(error: ContentError) -> Iterator[str]:
    raise error
    yield


class _Lines:
    """Lines that can be given back; `taken` are those since the last `mark`."""

    def __init__(self, lines: Iterable[str], number: int) -> None:
        self.lines = iter(lines)
        self.number = number
        self.taken: list[str] = []
        self._back: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        while True:
            if self._back:
                line = self._back.popleft()
            elif (line := next(self.lines, "")) == "":
                return
            self.number += 1
            self.taken.append(line)
            yield line

    def back(self, lines: list[str]) -> None:
        """Give the last lines back."""
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)

    def ahead(self, count: int) -> list[str]:
        """The next lines, which stay."""
        found = list(islice(self, count))
        del self.taken[len(self.taken) - len(found) :]
        self.back(found)
        return found

    def restart(self, lines: Iterator[str], number: int) -> None:
        """Go on with other lines, the next of which has this number plus one."""
        self.lines, self.number = lines, number
        self._back.clear()


class _Reading:
    """One pass over a table."""

    def __init__(
        self,
        lines: _Lines,
        header: list[str],
        form: Form,
        again: Callable[[], Iterator[str]] | None,
    ) -> None:
        self.lines, self.header, self.form, self.again = lines, header, form, again
        self.shapes: set[str] = set()
        self.heading: list[str] = []

    def records(self) -> Records:
        """Yield all rows."""
        lines = self.lines
        # A generator that ended, as at the end of a quotation that never does, is not asked again.
        reader = self._reader(lines)
        while True:
            self.form.ended = self._is_ended()
            lines.taken = []
            line = lines.number + 1
            try:
                try:
                    fields = self._require_single(next(reader, None))
                except csv.Error as error:
                    yield from self._recovered(line, error)
                    reader = self._reader(lines)
                    continue
            except ContentError as error:
                if line == 1:
                    raise
                yield Refused(line, str(error), hides=True)
                return
            if fields is None:
                return
            if not fields:
                continue
            if not self.header:
                self._take_heading(fields)
                if self.form.headed:
                    continue
            elif fields == self.heading and len(fields) > 1:
                yield Refused(line, "repeats the heading")
                continue
            yield self._record(line, fields)

    def _require_single(self, fields: list[str] | None) -> list[str] | None:
        """Raise csv.Error where a row holds others, between two stray quotation marks.

        It lacks fields then; where it has all, the lines must have keys with numbers like others.
        """
        rest = self.lines.taken[1:]
        if not (fields and self.header and rest):
            return fields
        numbered = 0 < len(self.shapes) <= SHAPES and all("9" in shape for shape in self.shapes)
        if (numbered or len(fields) < len(self.header)) and self._like_rows(rest):
            raise csv.Error("a quotation holds rows")
        return fields

    def _reader(self, lines: Iterable[str], strict: bool = True) -> Iterator[list[str]]:
        return csv.reader(
            lines, delimiter=self.form.delimiter, quoting=self.form.quoting, strict=strict
        )

    def _take_heading(self, fields: list[str]) -> None:
        if self.form.headed:
            self.heading = fields
            self.header += distinct([name.strip() for name in fields])
        else:
            self.header += [str(number) for number in range(1, len(fields) + 1)]

    def _record(self, line: int, fields: list[str]) -> Record | Refused:
        expected, values = len(self.header), dict(zip(self.header, fields, strict=False))
        surplus = len(fields) - expected
        if surplus > 0 and not any(fields[expected:]):  # spreadsheets leave empty cells behind
            surplus = 0
        if any(isinstance(one, CutLine) for one in self.lines.taken):
            return self._too_large(line, values)
        if any(ZERO_BLOCK in field for field in fields):
            return Refused(line, ZEROS, hides=True, values=values)
        if not self._is_ended() and (surplus < 0 or self.form.ends):
            reason = f"has {len(fields)} fields, and the header {expected}: the file ends within it"
            if surplus >= 0:
                reason = "may be cut: the file ends within this line, as it did not before"
            return Refused(line, reason, hides=True, values=values)
        if not surplus and len(self.shapes) <= SHAPES:
            self.shapes.add(_shape(fields[0]))
        return Record(line, values, surplus)

    def _is_ended(self) -> bool:
        return not self.lines.taken or self.lines.taken[-1].endswith(("\n", "\r"))

    def _too_large(self, line: int, values: dict[str, str]) -> Refused:
        reason = f"is too large: {LONGEST_LINE >> 20} MiB are allowed"
        return Refused(line, reason, values={name: text[:1000] for name, text in values.items()})

    # -- what cannot be read at once ---------------------------------------------------------------

    def _recovered(self, line: int, error: csv.Error) -> Iterator[Record | Refused]:
        """What becomes of a row with a quotation mark out of place, or that is too large."""
        taken = self.lines.taken
        first, rest = taken[0], taken[1:]
        zeros = ZERO_BLOCK in first
        values = dict(zip(self.header, first.split(self.form.delimiter), strict=False))
        if not self.header:
            self.lines.back(rest)
            self._take_heading(next(self._reader([first], strict=False)))
        elif "limit" in str(error) or any(isinstance(one, CutLine) for one in taken):
            yield from self._behind_too_large(line, taken, values)
        elif "end of data" in str(error):
            if self._like_rows(rest):
                self.lines.back(rest)
                reason = ZEROS if zeros else "opens a quotation that never ends"
                yield Refused(line, reason, hides=zeros, values=values)
            else:
                reason = f"opens a quotation that never ends, up to line {self.lines.number}"
                yield Refused(line, reason, hides=True, values=values)
        elif rest and self._like_rows(rest + self.lines.ahead(SNIFFED)):
            self.lines.back(rest)
            reason = ZEROS if zeros else "opens a quotation that does not end in it"
            yield Refused(line, reason, hides=zeros, values=values)
        else:
            self.lines.back(taken)
            yield self._lenient(line, values, len(taken))

    def _lenient(self, line: int, values: dict[str, str], count: int) -> Record | Refused:
        """A row in which quotation marks that are text were not doubled."""
        self.lines.taken = []
        fields: list[str] = []
        with suppress(csv.Error):
            fields = next(self._reader(islice(self.lines, count + SNIFFED), strict=False), [])
        if len(fields) == len(self.header) and not fields[-1].endswith(("\n", "\r")):
            return self._record(line, fields)
        if surplus := self.lines.taken[count:]:
            self.lines.back(surplus)
        return Refused(line, "has a quotation mark out of place", hides=count > 1, values=values)

    def _behind_too_large(
        self, line: int, taken: list[str], values: dict[str, str]
    ) -> Iterator[Refused]:
        """Go on behind a field above the limit, or behind a quotation mark that is out of place."""
        lines, inside, proper = self.lines, False, True
        for one in taken if self.form.quoted else ():
            inside, proper = self._after(one, inside)
        while inside:
            lines.taken = []
            one = next(iter(lines), "")
            if not one:
                break
            if '"' in one:
                inside, proper = self._after(one, inside)
        if not inside and proper:
            yield self._too_large(line, values)
        elif self.again is not None and self._like_rows(taken[1:]):
            lines.restart(islice(self.again(), line, None), line)
            yield Refused(line, "opens a quotation that never ends", values=values)
        else:
            yield Refused(line, "opens a quotation that never ends", hides=True, values=values)

    def _after(self, line: str, inside: bool) -> tuple[bool, bool]:
        """Whether a quotation is open after a line, and whether all ended where a field does."""
        place, proper, delimiter = 0, True, self.form.delimiter
        if not inside and line.startswith('"'):
            inside, place = True, 1
        while True:
            if inside:
                place = line.find('"', place)
                if place < 0:
                    return True, proper
                if line[place + 1 : place + 2] == '"':
                    place += 2
                    continue
                proper = proper and line[place + 1 : place + 2] in (delimiter, "\r", "\n", "")
                inside = False
            place = line.find(delimiter + '"', place)
            if place < 0:
                return False, proper
            inside, place = True, place + 2

    def _like_rows(self, lines: list[str]) -> bool:
        """Whether lines are rows of this table, and not a text within one."""
        lines = lines[:SNIFFED]
        if len(self.header) < 2 or not lines:
            return False
        whole: list[list[str]] = []
        with suppress(csv.Error):  # the last may go on
            whole.extend(row for row in self._reader(lines) if row)
        # Other quotation marks may be out of place, too.
        single = [next(self._reader([line], strict=False), []) for line in lines]
        return self._are_rows(whole) or self._are_rows([row for row in single if row])

    def _are_rows(self, rows: list[list[str]]) -> bool:
        known = 0 < len(self.shapes) <= SHAPES
        fitting = sum(
            len(row) == len(self.header) and (not known or _shape(row[0]) in self.shapes)
            for row in rows
        )
        return bool(rows) and fitting >= LIKE_ROWS * len(rows)


def _shape(field: str) -> str:
    """How a field is written: 'A-017' as 'a-9'."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", field.strip()[:100]))
