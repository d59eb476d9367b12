"""Texts of 40 languages in every encoding of Python that can write them.

``declaration.json`` holds articles of the Universal Declaration of Human Rights, by language.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SIZES = {60: 4, 200: 3, 1000: 1}  # bytes: pieces of each text
WIDE = ("utf_16_le", "utf_16_be", "utf_32_le", "utf_32_be")
EAST_ASIAN = {
    "Chinese (simplified)": ("gb18030", "gbk", "gb2312", "hz", "big5hkscs"),
    "Chinese (traditional)": ("big5", "big5hkscs", "cp950", "gb18030"),
    "Japanese": ("cp932", "shift_jis", "shift_jis_2004", "euc_jp", "iso2022_jp", "iso2022_jp_2"),
    "Korean": ("cp949", "euc_kr", "johab", "iso2022_kr"),
}
SEVEN_BITS = ("hz", "iso2022_jp", "iso2022_jp_2", "iso2022_kr")
PAGES = """
cp037 cp1006 cp1026 cp1125 cp1140 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258
cp273 cp424 cp437 cp500 cp720 cp737 cp775 cp850 cp852 cp855 cp856 cp857 cp858 cp860 cp861 cp862
cp863 cp864 cp865 cp866 cp869 cp874 cp875 hp_roman8 iso8859_10 iso8859_11 iso8859_13 iso8859_14
iso8859_15 iso8859_16 iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8
iso8859_9 koi8_r koi8_t koi8_u kz1048 latin_1 mac_cyrillic mac_greek mac_iceland mac_latin2
mac_roman mac_turkish ptcp154 tis_620
"""
SINGLE_BYTE = tuple(PAGES.split())
# In what files of a language are: pages of its region, of Windows, ISO, DOS and Macintosh.
WESTERN = ("cp1252", "latin_1", "iso8859_15", "cp850", "cp858", "cp437", "mac_roman", "cp500")
CENTRAL = ("cp1250", "iso8859_2", "cp852", "mac_latin2")
BALTIC = ("cp1257", "iso8859_13", "iso8859_4", "cp775")
CYRILLIC = ("cp1251", "koi8_r", "koi8_u", "cp866", "cp1125", "iso8859_5", "mac_cyrillic", "cp855")
USUAL: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Croatian", "Czech", "Hungarian", "Polish", "Slovak", "Slovenian"), CENTRAL),
    "Romanian": (*CENTRAL, "iso8859_16"),
    **dict.fromkeys(("Latvian", "Lithuanian", "Estonian"), BALTIC),
    **dict.fromkeys(("Belarusian", "Bulgarian", "Macedonian", "Russian"), CYRILLIC),
    **dict.fromkeys(("Serbian (Cyrillic)", "Ukrainian"), CYRILLIC),
    "Greek": ("cp1253", "iso8859_7", "cp737", "cp869", "mac_greek"),
    "Turkish": ("cp1254", "iso8859_9", "cp857", "mac_turkish"),
    "Hebrew": ("cp1255", "iso8859_8", "cp862"),
    "Arabic": ("cp1256", "iso8859_6", "cp720", "cp864"),
    "Thai": ("cp874", "tis_620"),
    "Vietnamese": ("cp1258",),
    **EAST_ASIAN,
}
# What is typed instead where a page has no such sign.
INSTEAD = (
    dict(zip("’‘“”„–—…«»´", '\'\'"""--.""\'', strict=True)),
    dict(zip("șțȘȚ", "şţŞŢ", strict=True)),
)


class Piece(NamedTuple):
    """A text, and the bytes that a detector gets of it."""

    language: str
    encoding: str
    size: int
    text: str
    content: bytes
    usual: bool


def pieces() -> Iterator[Piece]:
    """Yield every text of every encoding that can write it; those of the same bytes once."""
    found: set[tuple[str, int, bytes]] = set()
    for language, text in _texts().items():
        usual = (*USUAL.get(language, WESTERN), *WIDE)
        others = () if language in EAST_ASIAN else SINGLE_BYTE
        for encoding in dict.fromkeys((*usual, *others)):
            for size, part, content in _written(text, encoding):
                if (language, size, content) not in found:
                    found.add((language, size, content))
                    yield Piece(language, encoding, size, part, content, encoding in usual)


def _texts() -> dict[str, str]:
    path = Path(__file__).with_name("declaration.json")
    texts: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return texts


def _written(text: str, encoding: str) -> Iterator[tuple[int, str, bytes]]:
    """Yield pieces of a text, with their bytes, if the encoding can write all of it."""
    text = "".join(_typed(letter, encoding) for letter in text)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return
    for size, count in SIZES.items():
        for number in range(count):
            part = _piece(text, encoding, size, len(text) * number // (count + 1))
            content = part.encode(encoding)
            is_plain = content.isascii() and encoding not in (*WIDE, *SEVEN_BITS)
            if not is_plain and content.decode(encoding) == part:
                yield size, part, content


def _piece(text: str, encoding: str, size: int, start: int) -> str:
    near = max(text.find(" ", start, start + 20), text.find("\n", start, start + 20)) + 1
    start = (near or start) if start else 0
    end = start + size
    while (surplus := len(text[start:end].encode(encoding)) - size) > 0:
        end = min(end, len(text)) - max(1, surplus // 4)
    return text[start:end].strip()


def _typed(letter: str, encoding: str) -> str:
    """What is written for a letter: itself, its parts, or what is typed instead."""
    parts = unicodedata.normalize("NFD", letter)
    tried = [letter]
    if encoding == "cp1258" and len(parts) == 3:  # a letter with its sign, and a tone
        both = ((parts[0] + parts[n], parts[3 - n]) for n in (1, 2))
        tried += [unicodedata.normalize("NFC", base) + tone for base, tone in both]
    if encoding == "cp1258":
        tried.append(parts)
    tried += [table[letter] for table in INSTEAD if letter in table]
    return next((one for one in tried if _can_write(one, encoding)), letter)


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
