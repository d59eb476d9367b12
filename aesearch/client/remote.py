"""An index that a service has: the methods of `Index`, each a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from aesearch.client.changing import ended, portions
from aesearch.client.described import Described
from aesearch.client.receiving import (
    Answer,
    answer_of,
    explanation_of,
)
from aesearch.client.sending import Part, as_input, part_of, parts_of, query_of, wanted
from aesearch.errors import UnsupportedError
from aesearch.modalities.given import several
from aesearch.search.explain import Explanation
from aesearch.search.hits import Among, Hit, Limits, Wanted
from aesearch.search.query import Query, numbered
from aesearch.search.together import Crop, Example, Key, examples
from aesearch.sources.base import as_key, as_keys
from aesearch.types import Floats, Progress, silent


class RemoteIndex(Described):
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
