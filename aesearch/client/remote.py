"""An index that a service has: the methods of `Index`, each a request."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, NoReturn, Self

import numpy as np

from aesearch.client.address import Address
from aesearch.client.changing import ended, portions
from aesearch.client.receiving import (
    Answer,
    answer_of,
    explanation_of,
    info_of,
    item_of,
    text_of,
)
from aesearch.client.sending import Part, as_input, narrowed, part_of, parts_of, query_of, wanted
from aesearch.client.service import Service
from aesearch.errors import IndexNotFoundError, UnknownKeyError, UnsupportedError
from aesearch.modalities import Modality, modality
from aesearch.modalities.given import several
from aesearch.search.explain import Explanation
from aesearch.search.hits import Among, Hit, Limits, Wanted
from aesearch.search.query import Query, numbered
from aesearch.search.together import Crop, Example, Key, examples
from aesearch.settings import Settings
from aesearch.sources.base import as_key, as_keys
from aesearch.sources.names import escaped
from aesearch.storage.info import IndexInfo, SkippedFile
from aesearch.storage.schema import Item, KeptText
from aesearch.types import Floats, Progress, silent

TIMEOUT = 60.0
PAGE = 1000  # rows that are asked for at once


class RemoteIndex:
    """An index that ``aesearch serve`` has, with the methods of `aesearch.Index`.

    Files to search with are read here, and their content is sent. The paths of hits are those of
    the machine that serves. Safe to use from several threads.

    Parameters
    ----------
    url : str
        ``http://HOST:PORT/INDEX``; without a name the only index that there is.
    token : str, optional
        By default the environment variable AESEARCH_TOKEN, if it is set.
    timeout : float, default=60
        Seconds that are waited for a connection, and for each part of an answer.

    Raises
    ------
    ServiceError
        If nothing can be reached there, or it refuses.
    IndexNotFoundError
        If it has no such index, or several and none was named.
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = TIMEOUT) -> None:
        self._token = token
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
        return isinstance(key, str | PurePath | int) and bool(self._rows(as_key(key)))

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

    # -- searching -------------------------------------------------------------------------------

    def prepare(self, content: Any, *, literal: bool = False, crop: Crop | None = None) -> Query:
        """Read what is searched with, once for several uses; see `Index.prepare`."""
        return query_of(self.modality, content, literal=literal, crop=crop)

    def encode(self, contents: Iterable[Any]) -> Floats:
        """The codes of pictures, texts or vectors, unit length, of shape (n, code_size).

        Raises
        ------
        UnsupportedError
            Of files of documents.
        ContentError
            If one cannot be read, or holds no word that the code knows.
        """
        inputs: dict[str, Part] = {}
        given = several(contents, self.modality)
        for number, content in enumerate(given):
            with numbered(number, len(given)):
                inputs[str(number)] = {"input": as_input(part_of(self.modality, content))}
        codes = []
        for portion in portions(inputs):
            body = {"model": self.name, "input": [one["input"] for one in portion.values()]}
            told = self._service.post("v1", "embeddings", body=body)["data"]
            codes += [one["embedding"] for one in told]
        return np.array(codes, dtype=np.float32).reshape(len(codes), self._about.code_size)

    def search(
        self,
        content: Any = None,
        k: int = 10,
        *,
        like: Any = None,
        unlike: Any = None,
        crop: Crop | None = None,
        offset: int = 0,
        among: Among = None,
        threshold: float | None = None,
        hybrid: bool | None = None,
        copies: bool | None = None,
        not_among: Among = None,
        where: Wanted = None,
    ) -> list[Hit]:
        """Find the items most similar to a picture, a text or a vector; see `Index.search`."""
        limits = Limits.of(k, among, threshold, hybrid, copies, not_among, where, offset)
        return self.ask(*examples(self.modality, content, like, unlike, crop), limits).hits

    def search_many(
        self,
        contents: Iterable[Any],
        k: int = 10,
        *,
        offset: int = 0,
        among: Among = None,
        threshold: float | None = None,
        hybrid: bool | None = None,
        copies: bool | None = None,
        not_among: Among = None,
        where: Wanted = None,
    ) -> list[list[Hit]]:
        """Search with several pictures, texts or vectors, one after the other."""
        limits = Limits.of(k, among, threshold, hybrid, copies, not_among, where, offset)
        given = several(contents, self.modality)
        found = []
        for number, content in enumerate(given):
            with numbered(number, len(given)):
                found.append(self.ask([Example.of(content)], [], limits).hits)
        return found

    def similar(
        self,
        key: Key,
        k: int = 10,
        *,
        offset: int = 0,
        among: Among = None,
        threshold: float | None = None,
        not_among: Among = None,
        where: Wanted = None,
    ) -> list[Hit]:
        """Find the items most similar to one that is in the index; see `Index.similar`."""
        limits = Limits.of(k, among, threshold, not_among=not_among, where=where, offset=offset)
        return self.ask([Example(key=key)], [], limits).hits

    def ask(
        self,
        likes: Sequence[Example],
        unlikes: Sequence[Example],
        limits: Limits,
        *,
        explain: bool = False,
    ) -> Answer:
        """Search, and return all that is answered: notes, words not known, reasons."""
        body = {
            "like": parts_of(self.modality, likes, "like"),
            "unlike": parts_of(self.modality, unlikes, "unlike"),
            "explain": explain,
            **wanted(limits),
        }
        return answer_of(self._service.post(*self._path("search"), body=body))

    def notes(self, text: str | Query) -> list[str]:
        """What is to be said of how a typed query is read; see `Index.notes`."""
        return self.ask([Example.of(text)], [], Limits.of(1)).notes

    def unknown_words(self, text: str | Query, *, hybrid: bool | None = None) -> list[str]:
        """The words of a query that a search passes over; see `Index.unknown_words`."""
        limits = Limits.of(1, hybrid=hybrid)
        return self.ask([Example.of(text)], [], limits).unknown_words

    def explain(self, content: Any, key: Key, top: int = 8) -> Explanation:
        """Say why a document is a hit for a text; see `Index.explain`.

        Raises
        ------
        UnsupportedError
            If this is no index of documents, or the content is no text.
        """
        query = self.prepare(content)
        if query.text is None:
            raise UnsupportedError(
                f"a service explains hits of a text; {self.name} is an index of "
                f"{self.modality.noun}s, and what was given is none"
            )
        return self._why(key, text=query.text, top=top)

    def explain_similar(self, key: Key, other: Key, top: int = 8) -> Explanation:
        """Say why two documents of the index are similar; see `explain`."""
        return self._why(other, other=self._id_of(key), top=top)

    def _why(self, key: Key, **query: str | int | None) -> Explanation:
        path = self._path("items", self._id_of(key), "explain")
        return explanation_of(self._service.get(*path, **query)["why"])

    # -- changing, where the service is writable -------------------------------------------------

    def add(
        self, contents: Mapping[str, Any] | Mapping[int, Any] | Iterable[str | Path]
    ) -> list[str]:
        """Add items by their keys; see `Index.add`. Many are sent, and added, in portions.

        Raises
        ------
        UnsupportedError
            Of paths without keys: those of this machine mean nothing to a service.
        ContentError
            If one cannot be read.
        """
        if not isinstance(contents, Mapping):
            raise UnsupportedError(
                "a service takes contents by their keys, as in {key: Path(file)}; paths of this "
                "machine mean nothing to it"
            )
        parts = {as_key(key): part_of(self.modality, one) for key, one in contents.items()}
        added: list[str] = []
        for portion in portions(parts):
            job = self._service.post(*self._path("items"), body={"items": portion}, writes=True)
            added += ended(self._service, job)["ids"]
        return added

    def remove(self, keys: Iterable[Key]) -> int:
        """Remove items; see `Index.remove`.

        Raises
        ------
        UnknownKeyError
            If one is not in the index; then nothing is removed.
        """
        ids = dict.fromkeys(map(self._id_of, as_keys(keys)))
        jobs = (self._service.delete(*self._path("items", id)) for id in ids)
        return sum(int(ended(self._service, job)["removed"]) for job in jobs)

    def sync(
        self,
        progress: Progress = silent,
        *,
        retry: bool = False,
        reread: bool = False,
        remove: bool = False,
    ) -> dict[str, int]:
        """Bring the index up to date with its source, without training; see `Index.sync`."""
        body = {"retry": retry, "reread": reread, "remove": remove}
        job = self._service.post(*self._path("sync"), body=body, writes=True)
        counts: dict[str, int] = ended(self._service, job, progress)["counts"]
        return counts

    # -- what a service cannot do ----------------------------------------------------------------

    def __getattr__(self, name: str) -> NoReturn:
        """Say of what only an `Index` has that it is not here, and why.

        Raises
        ------
        UnsupportedError
        """
        if name in HERE_ONLY:
            raise UnsupportedError(f"{HERE_ONLY[name]}: open the index where it lies ({self.url})")
        raise AttributeError(f"a RemoteIndex has no attribute '{name}'")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the address: it is opened again where it is unpickled, with the token of there."""
        return _opened_again, (self.url, self._service.timeout)

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


HERE_ONLY = {
    "folder": "the folder of an index is not served",
    "encoder": "an encoder stays where its index is; 'aesearch export' writes it",
    "features": "what prepares items stays where the encoder is",
    "ranker": "ranking is done by the service",
    "revision": "a service tells the number of its revision alone, in info().revision",
    "consistent": "each request is of one revision, and several are of several",
    "prepare_queries": "a service prepares itself",
    "generate": "pictures are made by /v1/indexes/NAME/sample, between and reconstruct",
    "drift": "a service tells drift in words alone, in info().drift",
    "restore": "a service restores nothing",
    "moved_to": "a service moves no source",
    "verify": "a service verifies nothing; 'aesearch verify' does",
    "compact": "a service compacts nothing; 'aesearch verify --compact' does",
}


def _opened_again(url: str, timeout: float) -> RemoteIndex:
    return RemoteIndex(url, timeout=timeout)
