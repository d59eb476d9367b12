"""Bytes to text: what is no text is refused, and encodings that nobody declared are found out."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from functools import lru_cache

from aesearch.errors import ContentError
from aesearch.modalities.notes import note
from aesearch.modalities.texts.detect import CONTROLS, decoded, guess, guess_wide

UNDECODABLE = "cannot be decoded: no known encoding"
BINARY = "is binary, not text"
SAMPLE = 16 << 10  # bytes from which an encoding is found out
LONGEST_LINE = 32 << 20

# The longer marks first: that of UTF-16 is the beginning of that of UTF-32.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WIDE = ("utf-16", "utf-32")
MAGIC = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF87a", b"GIF89a", b"PK\x03\x04", b"\x1f\x8b\x08"),
    *(b"%PDF-", b"7z\xbc\xaf", b"Rar!\x1a", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\xd0\xcf\x11\xe0"),
)
CONTROLS_IN_TEXT = dict.fromkeys([0, *CONTROLS], " ")

# Encodings that hold another one which files are often said to be in, as browsers read them.
WIDER = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
EBCDIC = ("cp037", "cp1026", "cp1140", "cp273", "cp424", "cp500", "cp875")  # their lines end in NEL
GUESSED = "encoding guessed: {}"
# Valid UTF-8 by looks: what begins the letters that they write.
SEVEN_BITS = re.compile(rb"\x1b[$(]|~\{[!-w]|\+[A-Za-z0-9/]{2,}+-")


def refuse_binary(content: bytes, encoding: str = "") -> None:
    """Raise ContentError if this cannot be text: by its first bytes, zeros, or control bytes.

    Parameters
    ----------
    content : bytes
    encoding : str
        That a user named, if any: zeros and control bytes may be letters in it.
    """
    if content.startswith(MAGIC):
        raise ContentError(BINARY)
    if mark_of(content)[1] not in ("", "utf-8"):  # zeros are half of what UTF-16 and UTF-32 hold
        return
    if encoding and not _is_like_ascii(encoding):
        return
    if _holds_binary(content) and not guess_wide(content[:SAMPLE]):
        raise ContentError(BINARY)


def _holds_binary(content: bytes) -> bool:
    if b"\x1b$" in content and b"\0" not in content and content.isascii():  # ISO 2022
        return False
    controls = len(content) - len(content.translate(None, CONTROLS))
    # Terminal logs and typewriters' backspaces are ASCII; elsewhere a few such bytes mean data.
    return b"\0" in content or bool(controls and controls > len(content) * share_allowed(content))


def share_allowed(content: bytes) -> float:
    """Return the share of control bytes up to which this may be text."""
    return 0.1 if content.isascii() else 0.03


def mark_of(content: bytes) -> tuple[bytes, str]:
    """Return the byte order mark at the beginning and its encoding, or empty ones."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return mark, encoding
    return b"", ""


def decode(content: bytes, declared: str = "") -> str:
    """Return the text of some bytes; see `read_text`."""
    return read_text(content, declared)[0]


def read_text(content: bytes, declared: str = "", chosen: str = "") -> tuple[str, str]:
    """Return the text of some bytes, with lines that end in a newline, and a guessed encoding.

    Parameters
    ----------
    content : bytes
        A byte order mark at its beginning decides; then UTF-8 is tried, then what was chosen or
        declared, and then the encoding is found out.
    declared : str
        The encoding that a header or the like names, right or wrong.
    chosen : str
        The encoding that a user names for all that is no UTF-8.

    Returns
    -------
    text : str
    guessed : str
        The encoding that was found out; "" where nothing was left to guess.

    Raises
    ------
    ContentError
        If no encoding makes text of it.
    """
    mark, encoding = mark_of(content)
    if encoding in WIDE:
        return tidy(_bearable(content.decode(encoding, "replace"))), ""
    content = content[len(mark) :]
    is_utf8 = _is_utf8(content)
    for named in filter(None, (chosen, _known(declared))):
        if is_utf8 and _is_like_ascii(named):
            break
        text = _as_named(content, named, sure=named == chosen)
        if text is not None:
            return _cleaned(text, content), ""
    text, guessed = (content.decode(), "") if is_utf8 else _found_out(content)
    return _cleaned(text, content), guessed


def _is_utf8(content: bytes) -> bool:
    if _holds_binary(content) or SEVEN_BITS.search(content):
        return False
    return decoded(content, "utf-8") is not None


def _as_named(content: bytes, named: str, *, sure: bool) -> str | None:
    """Return the text in an encoding that was named, or None where it is not in it."""
    if named.startswith(WIDE) and not sure:
        return _bearable(content.decode(named, "replace")) if b"\0" in content else None
    return decoded(content, named)


def _cleaned(text: str, content: bytes) -> str:
    """Return a text with one kind of line ends, and without what a terminal may obey: both rare."""
    plain = len(content.translate(None, CONTROLS)) == len(content) and b"\0" not in content
    return unify(text) if plain else tidy(text)


@lru_cache(64)
def _is_like_ascii(encoding: str) -> bool:
    """Return whether ASCII means the same in an encoding, and nothing else."""
    plain = bytes(range(32, 127))
    if encoding.startswith("iso2022") or encoding in ("hz", "utf-7"):
        return False
    return decoded(plain, encoding) == plain.decode()


def unify(text: str) -> str:
    """Return a text in which every line ends in a newline alone."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def tidy(text: str) -> str:
    """Return a text without control characters, and without halves of UTF-16 pairs."""
    text = unify(text)
    if not text.isprintable():
        text = text.translate(CONTROLS_IN_TEXT)
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode()
    return text


def whole_encoding(head: bytes, chosen: str = "") -> str:
    """Return the encoding that a whole stream is in, where lines of it cannot be read alone.

    Parameters
    ----------
    head : bytes
        How it begins.
    chosen : str
        The encoding that a user names for what is no UTF-8.

    Returns
    -------
    str
        "" where ASCII means the same in it: then `found_out` tells it from lines that are no UTF-8.
    """
    mark, encoding = mark_of(head)
    if mark:
        return encoding if encoding in WIDE else ""
    if chosen:
        return "" if _is_like_ascii(chosen) else chosen
    guessed = ""
    if b"\0" in head:
        guessed = guess_wide(head[: min(SAMPLE, len(head) // 4 * 4 or 2)])
    elif SEVEN_BITS.search(head) or not (b"\n" in head or head.isascii()):
        with suppress(ContentError):
            guessed = _guessed(head)
    if not guessed or _is_like_ascii(guessed):
        return ""
    note(GUESSED.format(guessed), once=True)
    return guessed


def found_out(content: bytes) -> str:
    """Return the likely encoding of lines that are not UTF-8, and take a note of it.

    Raises
    ------
    ContentError
        If there is none.
    """
    encoding = _guessed(content)
    if encoding:
        note(GUESSED.format(encoding), once=True)
    return encoding or "utf-8"


def _bearable(text: str, limit: float = 0.01) -> str:
    controls = sum(map(text.count, map(chr, [0, *CONTROLS])))
    if text.count("\ufffd") > max(len(text) * limit, 1) or controls > len(text) * 0.1:
        raise ContentError(UNDECODABLE)
    return text


def _known(declared: str) -> str:
    """Return Python's name of a declared encoding, or the empty string."""
    try:
        name = codecs.lookup(declared.strip().strip("\"'")).name
        with suppress(UnicodeError):
            b"-".decode(name)  # LookupError for a codec of something else, as base64 is
        return WIDER.get(name, name)
    except (LookupError, ValueError):  # unknown, or not even a name
        return ""


def _found_out(content: bytes) -> tuple[str, str]:
    """Return the text of what is not UTF-8, and its likely encoding; "" of damaged UTF-8."""
    encoding = _guessed(content)
    text = decoded(content, encoding or "utf-8")
    if text is None:
        limit = 0.01 if encoding else 0.05
        text = _bearable(content.decode(encoding or "utf-8", "replace"), limit)
    return text.replace("\x85", "\n") if encoding in EBCDIC else text, encoding


def _guessed(content: bytes) -> str:
    """Return the likely encoding of something that is not UTF-8; "" of UTF-8 with damage.

    Raises
    ------
    ContentError
        If there is none.
    """
    if _holds_binary(content) and (wide := guess_wide(content[:SAMPLE])):
        return wide
    try:
        content.decode()
        start = 0  # an encoding of seven bits, perhaps
    except UnicodeDecodeError as error:
        start = error.start
        text = content.decode("utf-8", "replace")
        wide_letters = len(text) - len(text.encode("ascii", "ignore"))
        if wide_letters > 10 * text.count("\ufffd"):  # nothing else looks so much like UTF-8
            return ""
    found = guess(_sample(content, start))
    if found:
        return "" if found in ("ascii", "utf-8") else found
    if decoded(content, "utf-8") is not None:
        return ""
    raise ContentError(UNDECODABLE)


def _sample(content: bytes, start: int) -> bytes:
    """Return about 16 KiB that begin and end between two characters of any encoding."""
    if len(content) <= SAMPLE:
        return content
    begin = max(content.rfind(b"\n", 0, start), content.rfind(b" ", 0, start)) + 1
    begin = max(0, content.rfind(b"\n", max(0, begin - 4096), begin) + 1 or begin)
    sample = content[begin : begin + SAMPLE]
    if begin + SAMPLE < len(content):
        end = max(sample.rfind(b"\n"), sample.rfind(b" "))  # neither is ever a second byte
        sample = sample[:end] if end > SAMPLE // 2 else sample
    return sample
