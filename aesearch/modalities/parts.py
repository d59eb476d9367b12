"""Files that hold several items: ``scan.tif`` is the first page, ``scan.tif#2`` the second."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PART = re.compile(r"(.+\.tiff?)#([1-9]\d{0,6})", re.IGNORECASE | re.DOTALL)


def split_part(key: str) -> tuple[str, int]:
    """The key or path of the file that an item is in, and which of its items it is, from 1."""
    found = _PART.fullmatch(key)
    return (found[1], int(found[2])) if found else (key, 1)


def may_hold_parts(key: str) -> bool:
    """Whether a file of this name may hold several items."""
    return key.lower().endswith((".tif", ".tiff"))


def suffix_of(key: str) -> bytes:
    """What tells an item from the first of its file, beside the content; nothing of the first."""
    _, number = split_part(key)
    return f"#{number}".encode() if number > 1 else b""


def is_part(key: str) -> bool:
    """Whether a key names an item behind the first of its file."""
    return split_part(key)[1] > 1


def parts_by_file(keys: Iterable[str]) -> dict[str, list[str]]:
    """Those keys that name items behind the first, by the key of their file."""
    found: dict[str, list[str]] = {}
    for key in keys:
        if "#" in key and is_part(key):
            found.setdefault(split_part(key)[0], []).append(key)
    return found
