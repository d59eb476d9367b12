"""Bytes to text: what is no text is refused, and encodings that nobody declared are found out."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress

from aesearch.errors import ContentError

UNDECODABLE = "cannot be decoded: no known encoding"
BINARY = "is binary, not text"
SAMPLE = 64 << 10  # bytes from which an encoding is found out
LONGEST_LINE = 32 << 20

# The longer marks first: that of UTF-16 is the beginning of that of UTF-32.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MAGIC = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF87a", b"GIF89a", b"PK\x03\x04", b"\x1f\x8b\x08"),
    *(b"%PDF-", b"7z\xbc\xaf", b"Rar!\x1a", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\xd0\xcf\x11\xe0"),
)
# Bytes that text hardly ever holds; of the others below 32, tab, line end and page end are text.
CONTROLS = bytes([*range(1, 9), *range(14, 32), 127])
CONTROLS_TO_SPACES = bytes.maketrans(CONTROLS, b" " * len(CONTROLS))
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
SEVEN_BITS = {"iso2022_jp", "iso2022_jp_2", "iso2022_kr", "hz", "utf-7"}  # valid UTF-8 by looks
LATIN = ("cp1252", "cp1250", "cp1254", "iso8859_2")
# What most files of a known encoding are in; the rarer half of charset-normalizer's list only
# makes it err. iso8859_5 and cp866 do not read one another's Russian as words.
ENCODINGS = [
    *("gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1251", "koi8_r", "cp866", "iso8859_5"),
    *(*LATIN, "cp1253", "cp1255", "cp1256", "tis_620"),
]
# Letters beyond ASCII that are common in what is written in each page.
TYPICAL = {
    "cp1252": "äöüßéèêëàâçîôñáíóúåæøãõìòùÄÖÜÅØÉÀÇÑ",
    "cp1250": (EASTERN := "ąćęłńóśźżáčéěíňřšťúůýžäöüßőűŁŚŻČŘŠŽÁÉÍÖÜŐ"),
    "iso8859_2": EASTERN,
    "cp1254": "çğıöşüâîÇĞİÖŞÜ",
}
HIGH = re.compile(rb"[\x80-\xff]+")
# A sign such as ³ or ¿ within a word, or what no file holds: the page is not the one.
TORN = re.compile(
    r"[a-z][¢-©«-´¶-¹»-¿](?=[a-z])|[¢-©¬-´¶-¹¼-¾](?=[a-z]{3})|[a-z]{3}[¯³¹²¿]|õ(?!e)|[\x80-\x9f]"
)


def refuse_binary(content: bytes) -> None:
    """Raise ContentError if this cannot be text: by its first bytes, zeros, or control bytes."""
    if content.startswith(MAGIC):
        raise ContentError(BINARY)
    if mark_of(content)[1] not in ("", "utf-8"):  # zeros are half of what UTF-16 and UTF-32 hold
        return
    controls = len(content) - len(content.translate(None, CONTROLS))
    # Terminal logs and typewriters' backspaces are ASCII; elsewhere a few such bytes mean data.
    if b"\0" in content or (controls and controls > len(content) * share_allowed(content)):
        raise ContentError(BINARY)


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
    """Return the text of some bytes, with lines that end in a newline.

    Parameters
    ----------
    content : bytes
        A byte order mark at its beginning decides; then UTF-8 is tried, then what was declared,
        and then the encoding is found out.
    declared : str
        The encoding that a header or the like names, right or wrong.

    Raises
    ------
    ContentError
        If no encoding makes text of it.
    """
    mark, encoding = mark_of(content)
    if encoding in ("utf-16", "utf-32"):
        return tidy(_bearable(content.decode(encoding, "replace")))
    content = content[len(mark) :]
    known = _known(declared) if declared else ""
    if known.startswith(("utf-16", "utf-32")) and b"\0" in content:
        return tidy(_bearable(content.decode(known, "replace")))
    if b"\x1b$" in content and known not in SEVEN_BITS:
        known = "iso2022_jp_2"
    if known in SEVEN_BITS:
        with suppress(UnicodeDecodeError):
            return tidy(content.decode(known))
    if len(content.translate(None, CONTROLS)) != len(content):  # rare: a terminal may obey them
        content = content.translate(CONTROLS_TO_SPACES)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        text = _legacy(content, known, error.start)
    return unify(text)


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


def _bearable(text: str, limit: float = 0.01) -> str:
    controls = sum(map(text.count, map(chr, [0, *CONTROLS])))
    if text.count("\ufffd") > max(len(text) * limit, 1) or controls > len(text) * 0.1:
        raise ContentError(UNDECODABLE)
    return text


def _known(declared: str) -> str:
    """Return Python's name of a declared encoding, or the empty string."""
    try:
        name = codecs.lookup(declared.strip().strip("\"'")).name
        b"".decode(name)  # LookupError for what is a codec of something else, such as base64
        return WIDER.get(name, name)
    except (LookupError, ValueError):  # unknown, or not even a name
        return ""


def _legacy(content: bytes, known: str, start: int) -> str:
    """Decode what is not UTF-8 from byte `start` on."""
    if known and known != "utf-8":
        with suppress(UnicodeError):
            return content.decode(known)
    encoding = found_out(content, start)
    with suppress(UnicodeDecodeError):
        return content.decode(encoding)
    return _bearable(content.decode(encoding, "replace"), 0.05 if encoding == "utf-8" else 0.01)


def found_out(content: bytes, start: int) -> str:
    """Return the likely encoding of something that is not UTF-8 from byte `start` on."""
    text = content.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    wide = len(text) - len(text.encode("ascii", "ignore"))
    if wide > 10 * damaged:  # no other encoding looks so much like UTF-8
        return "utf-8"
    sample = _sample(content, start)
    runs = HIGH.findall(sample)
    high = sum(map(len, runs))
    # Where letters beyond ASCII are few and mostly alone, all of Asia is out of the question.
    if high < 2 * len(runs) and 3 * high < len(sample) - high:
        return _latin_page(sample)
    from charset_normalizer import from_bytes  # loaded only where it is needed: 20 ms

    found = ""
    for cut in range(4):  # a sample without a space may end within a character
        best = from_bytes(sample[: len(sample) - cut], cp_isolation=ENCODINGS).best()
        if best is not None:
            found = best.encoding
            break
    if not found:
        if high * 20 > len(sample):
            raise ContentError(UNDECODABLE)
        return _latin_page(sample)
    if found in LATIN:
        return _latin_page(sample)
    # Japanese in EUC is full of hiragana, which Korean readers of the same bytes take for theirs.
    if found in ("cp949", "gb18030", "big5") and sample.count(b"\xa4") * 8 > high:
        with suppress(UnicodeDecodeError):
            sample.decode("euc_jp")
            return "euc_jp"
    return found


def _sample(content: bytes, start: int) -> bytes:
    """Return about 64 KiB that begin and end between two characters of any encoding."""
    begin = max(content.rfind(b"\n", 0, start), content.rfind(b" ", 0, start)) + 1
    begin = max(0, content.rfind(b"\n", max(0, begin - 4096), begin) + 1 or begin)
    sample = content[begin : begin + SAMPLE]
    if begin + SAMPLE < len(content):
        end = max(sample.rfind(b"\n"), sample.rfind(b" "))  # neither is ever a second byte
        sample = sample[:end] if end > SAMPLE // 2 else sample
    return sample


def _latin_page(sample: bytes) -> str:
    """Return the page in which the letters beyond ASCII are those that languages use often."""

    def strangeness(page: str) -> int:
        text = sample.decode(page, "replace")
        beyond = [letter for letter in text if letter > "\x7f" and letter.isalpha()]
        strange = sum(letter not in TYPICAL[page] for letter in beyond)
        return strange + len(TORN.findall(text)) + 4 * text.count("\ufffd")

    return min(LATIN, key=strangeness)
