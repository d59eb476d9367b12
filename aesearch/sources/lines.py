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
    LONGEST_LINE,
    found_out,
    mark_of,
    refuse_binary,
    share_allowed,
)

ENOUGH = 4096  # bytes that tell an encoding, and what kind of table it is
NULS = re.compile(rb"\0+")
ZERO_BLOCK = "\0" * 64  # so many are a part of the file that was never written
ZEROS = "holds a block of zero bytes"
NOT_UTF8 = re.compile("[\udc80-\udcff]")  # what stands for such bytes
FEW = 0.1  # of the lines beyond ASCII
UTF8 = "utf-8"


class CutLine(str):
    """A line above the limit, without its rest: of that, only an odd quotation mark is kept."""


def begun(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all of them: in UTF-8, or in some page of bytes, without a mark.

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
    mark, encoding = mark_of(head)
    encoding = encoding or _wide(head)
    rest: Iterator[bytes] = chain([head], chunks) if broken is None else _broken(head, broken)
    if encoding not in ("", UTF8):
        rest = _narrow(rest, encoding)
        head = next(rest, b"")
        return head, chain([head], rest)
    head = head[len(mark) :]
    _refuse_binary(head)
    next(rest)
    return head, chain([head], rest)


def _broken(head: bytes, error: ContentError) -> Iterator[bytes]:
    yield head
    raise error


def _wide(head: bytes) -> str:
    """The encoding of two bytes a letter in which something without a mark is; "" for others."""
    half = len(head) // 2
    even, odd = head[: 2 * half : 2].count(0), head[1 : 2 * half : 2].count(0)
    if half > 3 and max(even, odd) > 0.4 * half and min(even, odd) < 0.05 * half:
        return "utf-16-le" if odd > even else "utf-16-be"
    return ""


def _narrow(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def _refuse_binary(head: bytes) -> None:
    """Raise ContentError if this is no text; a few zeros, or a block of them, are damage."""
    text = head.replace(b"\0", b"")
    if text != head and not text.strip():
        raise ContentError(BINARY)
    refuse_binary(text)
    if len(NULS.findall(head)) > max(2, len(text) * share_allowed(text)):
        raise ContentError(BINARY)


def decoded_lines(
    chunks: Iterable[bytes], page: str, found: list[str], *, strict: bool = False
) -> Iterator[str]:
    r"""Yield lines as they come, each with its end (\n, \r or \r\n).

    A line that is UTF-8 is read as such, also among others in some page, where there are many.

    Parameters
    ----------
    chunks : iterable of bytes
        As `begun` gives them.
    page : str
        The encoding of lines that are not UTF-8; "" where it is to be found out.
    found : list of str
        Takes it.
    strict : bool
        Whether a single line that is not UTF-8 is damaged: then its bytes come as what `NOT_UTF8`
        finds.

    Raises
    ------
    ContentError
        If no encoding is found.
    """
    for block, cut in _blocks(chunks):
        try:
            text = block.decode()
        except UnicodeDecodeError:
            good, bad = _sorted(block)
            if not page:
                lone = len(bad) == 1 and block.count(b"\n") > 1
                page = UTF8 if strict and (good or lone) else found_out(b"".join(bad), 0)
                found.append(page)
            if page == UTF8:
                text = block.decode(errors="surrogateescape" if strict else "replace")
            elif good > FEW * len(bad):
                text = "".join(_in_either(line, page) for line in block.splitlines(keepends=True))
            else:
                text = block.decode(page, "replace")
        if cut:
            yield CutLine(text)
        else:
            yield from io.StringIO(text, newline="")  # splits where files do, not at U+2028


def _sorted(block: bytes) -> tuple[int, list[bytes]]:
    """How many lines beyond ASCII are UTF-8, and those that are not."""
    good, bad = 0, []
    for line in block.splitlines(keepends=True):
        if not line.isascii():
            try:
                line.decode()
                good += 1
            except UnicodeDecodeError:
                bad.append(line)
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
