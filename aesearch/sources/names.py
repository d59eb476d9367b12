"""Names of files as text: what cannot be kept or shown is escaped, and can be given back.

A key is text. Bytes of a name that are no UTF-8 stand in it in octal, as ``ls -b`` has them;
control characters stay in a key, and are escaped where it is printed. A shell's ``$'...'`` reads
both.
"""

from __future__ import annotations

import os
import re
from unicodedata import category, normalize

JOINERS = "\u200c\u200d"  # which letters of Persian and Hindi, and pictures of families, need
RAW = re.compile("[\ud800-\udfff]")
OCTAL = re.compile(r"(?:\\[23][0-7]{2})+")
ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[ntr])")


def as_text(name: str) -> str:
    r"""A name that Python read from the system as valid text: a byte that is no UTF-8 is ``\351``.

    Parameters
    ----------
    name : str
        With such bytes as surrogates, as `os.fsdecode` gives it.
    """
    return name if name.isascii() else RAW.sub(_octal, name)


def escaped(name: str) -> str:
    r"""A name in one line that a terminal can show: a line end is ``\n``, Escape is ``\x1b``."""
    if name.isprintable():
        return name
    return "".join(map(_shown, name))


def canonical(name: str) -> str:
    """One text for all ways to write a name: composed or not (NFC, NFD), escaped or as it is."""
    return as_text(normalize("NFC", ESCAPE.sub(_unescaped, _with_bytes(name))))


def path_below(root: str, key: str) -> str:
    """The path of a key below a folder, as the system knows it."""
    path = f"{root}/{key}"
    if "\\" not in key or os.path.lexists(path):
        return path
    return f"{root}/{_with_bytes(key)}"


def _octal(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\{code - 0xDC00:03o}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _with_bytes(name: str) -> str:
    """A name with the bytes that stand in it in octal."""
    return OCTAL.sub(_bytes, name) if "\\" in name else name


def _bytes(found: re.Match[str]) -> str:
    return os.fsdecode(bytes(int(code, 8) for code in found[0].split("\\")[1:]))


def _shown(letter: str) -> str:
    if letter.isprintable() or category(letter) == "Zs" or letter in JOINERS:
        return letter
    return as_text(letter) if RAW.match(letter) else letter.encode("unicode_escape").decode()


def _unescaped(found: re.Match[str]) -> str:
    text = found[0]
    if text[1] in "xuU" and not 0 < int(text[2:], 16) < 0x110000:
        return text
    return text.encode().decode("unicode_escape")
