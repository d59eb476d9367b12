"""Bytes of a table to its lines: in UTF-8, or line by line in the page that is found out."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from aesearch.errors import ContentError
from aesearch.modalities.texts.charset import (
    BINARY,
    EBCDIC,
    LONGEST_LINE,
    found_out,
    mark_of,
    refuse_binary,
    share_allowed,
    whole_encoding,
)

ENOUGH = 4096  # bytes that tell an encoding, and what kind of table it is
NULS = re.compile(rb"\0+")
ZERO_BLOCK = "\0" * 64  # so many are a part of the file that was never written
ZEROS = "holds a block of zero bytes"
NOT_UTF8 = re.compile("[\udc80-\udcff]")  # what stands for such bytes
FEW = 0.1  # of the lines beyond ASCII
UTF8 = "utf-8"
LINES = re.compile(rb"(?<=\n)|(?<=\r)(?!\n)")
OBJECTS = re.compile(rb"(?<=\n)|(?<=\},)")


class CutLine(str):
    """A line above the limit, without its rest: of that, only an odd quotation mark is kept."""


def begun(chunks: Iterator[bytes], page: str = "") -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all of them: in UTF-8, or in some page of bytes, without a mark.

    Parameters
    ----------
    chunks : iterator of bytes
    page : str
        The encoding of what is not UTF-8, where it is known.

    Raises
    ------
    ContentError
        If they are not text.
    """
    head, broken = b"", None
    try:
        while len(head) < ENOUGH and (chunk := next(chunks, b"")):
            head += chunk
    except ContentError as error:
        if not head:
            raise
        broken = error
    rest: Iterator[bytes] = chain([head], chunks) if broken is None else _broken(head, broken)
    if encoding := whole_encoding(head, page):
        rest = _narrow(rest, encoding)
        head = next(rest, b"")
        return head, chain([head], rest)
    head = head[len(mark_of(head)[0]) :]
    _refuse_binary(head)
    next(rest)
    return head, chain([head], rest)


def _broken(head: bytes, error: ContentError) -> Iterator[bytes]:
    yield head
    raise error


def _narrow(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chain(chunks, [b""]):
        text = decoder.decode(chunk, final=not chunk)
        text = text.replace("\x85", "\n") if encoding in EBCDIC else text
        yield text.encode("utf-8", "replace")


def _refuse_binary(head: bytes) -> None:
    """Raise ContentError if this is no text; a few zeros, or a block of them, are damage."""
    text = head.replace(b"\0", b"")
    if text != head and not text.strip():
        raise ContentError(BINARY)
    refuse_binary(text)
    if len(NULS.findall(head)) > max(2, len(text) * share_allowed(text)):
        raise ContentError(BINARY)


def decoded_lines(
    chunks: Iterable[bytes], pages: list[str], *, strict: bool = False
) -> Iterator[str]:
    r"""Yield lines as they come, each with its end (\n, \r or \r\n).

    A line that is UTF-8 is read as such, also among others in some page, where there are many.

    Parameters
    ----------
    chunks : iterable of bytes
        As `begun` gives them.
    pages : list of str
        Holds the encoding of lines that are not UTF-8, or takes it when it is found out.
    strict : bool
        Whether a single line that is not UTF-8 is damaged: then its bytes come as what `NOT_UTF8`
        finds.

    Raises
    ------
    ContentError
        If no encoding is found.
    """
    for block, cut in _blocks(chunks):
        text = _decoded(block, LINES, pages, strict)
        if cut:
            yield CutLine(text)
        else:
            yield from io.StringIO(text, newline="")  # splits where files do, not at U+2028


def decoded_pieces(chunks: Iterable[bytes], pages: list[str]) -> Iterator[str]:
    """Yield the text of JSON as it comes, cut behind some comma or line: strictly, as lines are."""
    rest = b""
    try:
        for chunk in chunks:
            rest += chunk
            # Neither is ever a second byte, as brackets are in pages of East Asia.
            end = max(rest.rfind(b","), rest.rfind(b"\n")) + 1
            if end or len(rest) > LONGEST_LINE:
                end = end or len(rest)
                yield _decoded(rest[:end], OBJECTS, pages, strict=True)
                rest = rest[end:]
    except ContentError:
        yield _decoded(rest, OBJECTS, pages, strict=True)
        raise
    yield _decoded(rest, OBJECTS, pages, strict=True)


def _decoded(block: bytes, ends: re.Pattern[bytes], pages: list[str], strict: bool) -> str:
    """The text of some rows; `ends` are where they may end."""
    try:
        return block.decode()
    except UnicodeDecodeError:
        rows = ends.split(block)
    good, bad = _sorted(rows)
    if not pages:
        lone = len(bad) == 1 and len(list(filter(None, rows))) > 1
        pages.append(UTF8 if strict and (good or lone) else found_out(b"".join(bad)))
    page = pages[0]
    if page == UTF8:
        return block.decode(errors="surrogateescape" if strict else "replace")
    if good > FEW * len(bad):
        return "".join(_in_either(row, page) for row in rows)
    return block.decode(page, "replace")


def _sorted(rows: list[bytes]) -> tuple[int, list[bytes]]:
    """How many rows beyond ASCII are UTF-8, and those that are not."""
    good, bad = 0, []
    for row in rows:
        if not row.isascii():
            try:
                row.decode()
                good += 1
            except UnicodeDecodeError:
                bad.append(row)
    return good, bad


def _in_either(line: bytes, page: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode(page, "replace")


def _blocks(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield bytes that end with a line, and whether they are the beginning of one too long."""
    rest, cut, odd = b"", b"", 0
    for chunk in chunks:
        rest += chunk
        if cut:
            line, end, rest = rest.partition(b"\n")
            odd += line.count(b'"')
            if not end:
                continue
            yield _shortened(cut, odd), True
            cut = b""
        # A \r at the end may be half of a line end.
        if end_of_line := max(rest.rfind(b"\n"), rest.rfind(b"\r", 0, -1)) + 1:
            yield rest[:end_of_line], False
            rest = rest[end_of_line:]
        if len(rest) > LONGEST_LINE:
            cut, odd, rest = rest[:LONGEST_LINE], rest.count(b'"', LONGEST_LINE), b""
    if cut:
        yield _shortened(cut, odd), True
    elif rest:
        yield rest, False


def _shortened(line: bytes, quotes: int) -> bytes:
    return line + (b'"' if quotes % 2 else b"") + b"\n"
