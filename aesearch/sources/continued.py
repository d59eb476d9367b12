"""Rows that come after others of the same index: their numbers go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from aesearch.sources.base import Entry, Source
from aesearch.sources.columns import Columns, UsedColumns


class Continued:
    """A source whose rows have the numbers after those that there are; keys of their own stay.

    Parameters
    ----------
    source : Source
        Rows of standard input.
    last : callable
        Gives the highest number that is the key of a row so far, or None.
    """

    def __init__(self, source: Source, last: Callable[[], int | None]) -> None:
        self.root: Path = source.root
        self.plain: bool = source.plain
        self.kind: str | None = source.kind
        self.columns: Columns | None = source.columns
        self.encoding = source.encoding
        self.unreadable: list[tuple[str, str]] = []
        self.used_columns: UsedColumns | None = None
        self._source, self._last, self._shift = source, last, 0

    def walk(self) -> Iterator[Entry]:
        """Yield every row under its new key."""
        rows, self._shift = self._source.walk(), 0
        for place, entry in enumerate(rows):
            if not place:
                self._begin(entry)
            yield entry._replace(key=self._moved(entry.key, self._shift))
        self.unreadable, self.columns = self._source.unreadable, self._source.columns

    def _begin(self, first: Entry) -> None:
        used, last = self._source.used_columns, self._last()
        self.used_columns = used
        if (used is None or used.key is None) and last is not None:
            self._shift = last + 1 - int(first.key)

    @staticmethod
    def _moved(key: str, shift: int) -> str:
        return str(int(key) + shift) if shift and key.isdecimal() else key

    def _own(self, keys: Sequence[str]) -> list[str]:
        return [self._moved(key, -self._shift) for key in keys]

    def unseen(self, keys: Sequence[str]) -> list[str]:
        """Those of some keys, which the last walk did not find, that may yet be there."""
        own = dict(zip(self._own(keys), keys, strict=True))
        return [own[key] for key in self._source.unseen(list(own))]

    def read(self, key: str) -> bytes:
        """Content of a row."""
        return self._source.read(self._own([key])[0])

    def labels(self, keys: Sequence[str]) -> list[str]:
        """Label of each row."""
        return self._source.labels(self._own(keys))

    def fields(self, keys: Sequence[str]) -> list[str]:
        """Fields of each row."""
        return self._source.fields(self._own(keys))
