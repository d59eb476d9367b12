"""What there is to know about an index of a service: facts, items, texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from numbers import Integral
from pathlib import Path, PurePath
from typing import Any, Self

from aesearch.client.address import Address
from aesearch.client.receiving import (
    info_of,
    item_of,
    text_of,
)
from aesearch.client.sending import narrowed
from aesearch.client.service import TIMEOUT, Service
from aesearch.errors import IndexNotFoundError, UnknownKeyError, UnsupportedError
from aesearch.modalities import Modality, modality
from aesearch.search.hits import Among, Limits, Wanted
from aesearch.search.together import Key
from aesearch.settings import Settings
from aesearch.sources.base import as_key, as_keys
from aesearch.sources.names import escaped
from aesearch.storage.info import IndexInfo, SkippedFile
from aesearch.storage.schema import Item, KeptText

PAGE = 1000  # rows that are asked for at once


class Described:
    """An index of a service, less its searching; see `RemoteIndex`.

    Parameters
    ----------
    url, token, timeout
        As `RemoteIndex` has them.
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = TIMEOUT) -> None:
        address = Address.of(url)
        self._service = Service(address, token, timeout)
        try:
            self.name = address.name or self._only(address)
            self.url = str(address._replace(name=self.name))
            self._about = self.info()
        except BaseException:
            self.close()
            raise

    def _only(self, address: Address) -> str:
        names = [one["name"] for one in self._service.get("v1", "indexes")["indexes"]]
        if len(names) == 1:
            return str(names[0])
        if not names:
            raise IndexNotFoundError(f"{address.service} has no index")
        listed = ", ".join(map(escaped, names))
        raise IndexNotFoundError(
            f"{address.service} has several indexes: {listed}; name one, as in "
            f"{address._replace(name=names[0])}"
        )

    def _path(self, *more: str) -> tuple[str, ...]:
        return ("v1", "indexes", self.name, *more)

    # -- what it is ------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """Name of the modality: 'images', 'texts' or 'vectors'."""
        return self._about.kind

    @cached_property
    def modality(self) -> Modality:
        """What differs for its kind of data."""
        return modality(self.kind)

    @property
    def source(self) -> Path:
        """Folder, or table, that was indexed, on the machine that serves."""
        return Path(self._about.source)

    @property
    def is_tabular(self) -> bool:
        """Whether its items are rows of a table, or of standard input."""
        return self._about.tabular

    @property
    def settings(self) -> Settings:
        """What was chosen when it was made."""
        return self._about.settings

    @property
    def is_hybrid(self) -> bool:
        """Whether typed words are searched by codes and words together, unless told otherwise."""
        return bool(self._service.get(*self._path())["hybrid"])

    def __len__(self) -> int:
        return self.count()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str | PurePath | Integral) and bool(self._rows(as_key(key)))

    def __repr__(self) -> str:
        return f"<RemoteIndex {self.url!r}>"

    def info(self) -> IndexInfo:
        """Everything there is to know about the index."""
        return info_of(self._service.get(*self._path()))

    def items(
        self,
        *,
        among: Among = None,
        not_among: Among = None,
        where: Wanted = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Iterator[Item]:
        """All items, or some, in the order of their ids; see `Index.items`."""
        chosen = narrowed(Limits.of(1, among, not_among=not_among, where=where))
        left, total = math.inf if limit is None else limit, math.inf
        while left > 0 and offset < total:
            size = int(min(PAGE, left))
            page = self._service.get(*self._path("items"), offset=offset, limit=size, **chosen)
            yield from map(item_of, page["items"])
            offset, left, total = offset + size, left - size, page["total"]

    def count(self, *, among: Among = None, not_among: Among = None, where: Wanted = None) -> int:
        """How many items there are, or how many of them meet conditions; see `Index.count`."""
        chosen = narrowed(Limits.of(1, among, not_among=not_among, where=where))
        return int(self._service.get(*self._path("items"), limit=1, **chosen)["total"])

    def fields_of(self, keys: Iterable[Key]) -> dict[str, dict[str, Any]]:
        """The fields of some items by key, of those that have any: columns, EXIF."""
        told = {key: self._details(key).get("fields") for key in as_keys(keys) if key in self}
        return {key: fields for key, fields in told.items() if fields}

    def skipped(self) -> list[SkippedFile]:
        """The files that are not in the index, each with its reason."""
        return self.info().skipped

    def path_of(self, key: Key) -> Path:
        """Where the file of a key is on the machine that serves; of a row, the table."""
        path = self._details(key)["path"]
        return self.source if path is None else Path(path)

    def key_meant(self, given: str) -> str:
        """The key of the item that is meant; raises UnknownKeyError where there is none."""
        self._id_of(given)
        return given

    def text_of(self, key: Key) -> KeptText:
        """The plain text of a document, as it is kept in the index, its title and its label.

        Raises
        ------
        UnknownKeyError, UnsupportedError
        """
        if not self.modality.has_words:
            raise UnsupportedError(
                f"{self.name} is an index of {self.modality.noun}s, which have no text"
            )
        return text_of(self._details(key))

    def _details(self, key: Key) -> dict[str, Any]:
        details: dict[str, Any] = self._service.get(*self._path("items", self._id_of(key)))
        return details

    def _rows(self, key: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._service.get(*self._path("items"), key=key)["items"]
        return rows

    def _id_of(self, key: Key) -> str:
        rows = self._rows(as_key(key))
        if not rows:
            raise UnknownKeyError(f"there is no item '{as_key(key)}' in {self.name}")
        return str(rows[0]["id"])

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
