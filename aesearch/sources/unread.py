"""Rows of a table that are there and could not be read: the items they may be are not gone."""

from __future__ import annotations

from collections.abc import Sequence

from aesearch.sources.record import Refused


class Unread:
    """What a walk over a table could not see."""

    def __init__(self) -> None:
        self._hides = False
        self._keys: set[str] = set()
        self._nameless = 0

    def note(self, row: Refused) -> None:
        """Take note of a row that was refused."""
        self._hides |= row.hides
        if row.unread and row.key:
            self._keys.add(row.key)
        elif row.unread:
            self._nameless += 1

    def among(self, keys: Sequence[str]) -> list[str]:
        """Those of some keys that were not found, and may yet be there.

        All of them where rows may be hidden behind the damage; else those of rows that could not be
        read, and all others where no more are missing than rows whose key cannot be told.
        """
        if self._hides:
            return list(keys)
        others = sum(key not in self._keys for key in keys)
        if others <= self._nameless:
            return list(keys)
        return [key for key in keys if key in self._keys]
