"""An index: the folder on disk, opened for searching. Nothing here imports torch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from aesearch.errors import DamagedError, IndexExistsError, ParameterError, UnknownKeyError
from aesearch.inference.encoder import FrozenEncoder
from aesearch.modalities import IMAGES
from aesearch.search.hits import Hit
from aesearch.settings import Settings
from aesearch.sources.base import digest_of
from aesearch.sources.folder import read_file
from aesearch.storage.commit import Edit, nothing, publish
from aesearch.storage.database import Store
from aesearch.storage.info import Drift, drift_of, facts
from aesearch.storage.layout import Layout
from aesearch.storage.lock import hold
from aesearch.storage.places import find, key_for
from aesearch.storage.schema import Item, Revision, Skipped
from aesearch.storage.snapshot import Opened, open_revision
from aesearch.storage.verify import problem_of_cache, problems_of_truth
from aesearch.types import Floats, Progress, silent

if TYPE_CHECKING:
    from aesearch.modalities.images.pixels import Content
    from aesearch.search.generator import Generator

TRIES = 5


class Index:
    """A folder of items that can be searched by similarity.

    Safe to search from several threads, and while another process writes: a new revision is
    noticed at the next search. Use it as a context manager, or call :meth:`close`.

    Parameters
    ----------
    path : str or Path
        Folder of the index.

    Raises
    ------
    IndexNotFoundError, FormatError, DamagedError
        The message says what to do.

    Examples
    --------
    >>> with aesearch.open("indexes/images") as index:      # doctest: +SKIP
    ...     index.search("photo.png", k=3)
    """

    def __init__(self, path: str | Path) -> None:
        self.layout = Layout(Path(path))
        self.card = self.layout.read_card()
        self.store = Store(self.layout.database)
        self._lock = threading.RLock()
        self._opened: Opened | None = None
        self._seen = -1

    # -- what it is ------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.layout.root.resolve().name

    @property
    def kind(self) -> str:
        """'images' or 'texts'."""
        return str(self.card.get("kind", IMAGES))

    @property
    def source(self) -> Path:
        """Folder, or table, that was indexed."""
        return Path(self.card["source"])

    @property
    def is_tabular(self) -> bool:
        """Whether its items are rows of a table, or of standard input."""
        return "columns" in self.card

    @property
    def settings(self) -> Settings:
        """What was chosen when it was made."""
        try:
            return Settings(**self.card["settings"])
        except TypeError as error:
            raise DamagedError(f"{self.layout.card} holds settings unknown here: {error}") from None

    @property
    def revision(self) -> Revision:
        """The current revision."""
        return self.store.revision()[0]

    @property
    def encoder(self) -> FrozenEncoder:
        """The encoder that makes the codes."""
        return self._state().encoder

    @property
    def features(self) -> Any:
        """How pictures or documents are prepared for it."""
        return self._state().features

    def __len__(self) -> int:
        return self.store.count()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and bool(self.store.ids_of([key]))

    def __repr__(self) -> str:
        return f"<Index {self.name!r}: {len(self)} items>"

    def items(self) -> Iterator[Item]:
        """Yield all items: key, size, time, digest."""
        return self.store.items()

    def skipped(self) -> list[Skipped]:
        """Return the files that are not in the index, each with its reason."""
        return self.store.skipped()

    def drift(self) -> Drift | None:
        """Return how the collection has changed since training, or None if nothing came later."""
        return drift_of(self.store, self.encoder)

    def info(self) -> dict[str, Any]:
        """Return everything there is to know about the index, as JSON."""
        return facts(self, self._state())

    def check_source(self, source: Path) -> None:
        """Raise IndexExistsError if this is the index of another folder."""
        if self.source not in (source, source.resolve()):  # standard input has no path
            raise IndexExistsError(
                f"{self.layout.root} is the index of {self.source}, not of {source}; name another "
                "place with --index"
            )

    def path_of(self, key: str) -> Path:
        """Return where the file of a key is; of a row, the table."""
        return self.source if self.is_tabular else self.source / key

    def paths_of(self, keys: Mapping[int, str]) -> dict[int, Path | None]:
        """Return where the files of items are, by id; None of what was added without a file."""
        alone = {id for id in self.store.by_hand(keys) if not Path(keys[id]).is_absolute()}
        return {id: None if id in alone else self.path_of(key) for id, key in keys.items()}

    # -- searching -------------------------------------------------------------------------------

    def encode(self, contents: Sequence[Content]) -> Floats:
        """Return the codes of pictures, unit length, of shape (n, code_size)."""
        state = self._state()
        if not contents:
            return np.empty((0, state.encoder.code_size), dtype=np.float32)
        return state.encoder.encode(state.features.stack([self.taken(c)[0] for c in contents]))

    def taken(self, content: Any) -> tuple[Any, bytes, Path | None]:
        """Return what is kept of a picture, its bytes, and its path if it came from a file.

        Raises
        ------
        ContentError
            If it cannot be read.
        """
        path = Path(content) if isinstance(content, str | Path) else None
        content = content if path is None else read_file(path)
        sample = self.features.transform(content)
        return sample, content if isinstance(content, bytes) else sample.tobytes(), path

    def search(
        self,
        content: Content,
        k: int = 10,
        *,
        among: str | None = None,
        threshold: float | None = None,
    ) -> list[Hit]:
        """Find the items most similar to a picture.

        Parameters
        ----------
        content : path, bytes, PIL image or ndarray
            The picture. As an array (height, width[, channels]), uint8 or floats in [0, 1].
        k : int, default=10
            Hits wanted; fewer come back where there are fewer items.
        among : str, optional
            Glob on keys, such as 'holiday/**'; the search looks only at these.
        threshold : float, optional
            Lowest score of a hit.

        Returns
        -------
        list of Hit
            Best first. A picture that is in the index comes first, with score 1.

        Raises
        ------
        ContentError
            If it cannot be read as a picture.
        """
        key = None
        if isinstance(content, str | Path):
            key = key_for(self.source, Path(content))
            content = read_file(Path(content))

        def answer(state: Opened) -> list[Hit]:
            code = state.encoder.encode(state.features.transform(content)[None])
            exact = self._exact(content, key) if isinstance(content, bytes) else []
            return self._hits(state, code, k, among, threshold, exact)

        return self._of_one_revision(answer)

    def _exact(self, content: bytes, key: str | None) -> list[int]:
        """Return the items of just this content, that of `key` first."""
        same = self.store.same_content(digest_of(content))
        return [id for id, _ in sorted(same, key=lambda pair: (pair[1] != key, pair[0]))]

    def similar(
        self,
        key: str,
        k: int = 10,
        *,
        among: str | None = None,
        threshold: float | None = None,
    ) -> list[Hit]:
        """Find the items most similar to one that is in the index; its file is not read.

        Raises
        ------
        UnknownKeyError
            If there is no such item.
        """

        def answer(state: Opened) -> list[Hit]:
            id = self._id_of(key)
            code = self.store.codes([id])[1]
            return self._hits(state, code, k, among, threshold, [id])

        return self._of_one_revision(answer)

    def _of_one_revision(self, answer: Callable[[Opened], list[Hit]]) -> list[Hit]:
        """Ask again where a writer came in between: rows and codes must be of one revision."""
        for _ in range(TRIES):
            state = self._state()
            try:
                hits = answer(state)
            except Exception:  # a code of one encoder meets the engine of another
                if self.revision.number == state.revision.number:
                    raise
                continue
            if self.revision.number == state.revision.number:
                return hits
        with self._lock, self.store.reading():  # in this order, as everywhere
            self.forget()  # what this process has committed, but not opened yet
            return answer(self._state())

    def _hits(
        self,
        state: Opened,
        code: Floats,
        k: int,
        among: str | None,
        threshold: float | None,
        exact: list[int],
    ) -> list[Hit]:
        if k < 1:
            raise ParameterError(f"k must be at least 1; got {k}")
        allowed = None
        count = len(state.engine)
        if among is not None:
            allowed = self.store.matching(among)
            exact = [id for id in exact if id in set(allowed.tolist())]
            count = len(allowed)
        k = min(k, count)
        if not k:
            return []
        ids, scores = state.engine.search(code, k, among=allowed)
        first = exact[:k]
        ranked = [(id, 1.0) for id in first]
        ranked += [
            (int(id), float(np.clip(score, -1, 1)))
            for id, score in zip(ids[0], scores[0], strict=True)
            if id >= 0 and id not in first
        ]
        keys = self.store.keys_of(id for id, _ in ranked)
        paths = self.paths_of(keys)
        return [
            Hit(score, keys[id], paths[id])
            for id, score in ranked[:k]
            if id in keys and (threshold is None or score >= threshold)
        ]

    def _id_of(self, key: str) -> int:
        try:
            return self.store.ids_of([key])[key]
        except KeyError:
            what = "those of the rows of" if self.is_tabular else "paths relative to"
            raise UnknownKeyError(
                f"there is no item '{key}' in {self.name}; keys are {what} {self.source}"
            ) from None

    @property
    def generate(self) -> Generator:
        """What makes pictures: sample, plane, interpolate, decode, reconstruct."""
        from aesearch.search.generator import Generator

        return Generator(self)

    # -- the revision that is open ---------------------------------------------------------------

    def _state(self) -> Opened:
        with self._lock:
            seen = self.store.data_version()
            if self._opened is None or seen != self._seen:
                if self._opened is None or self.revision.number != self._opened.revision.number:
                    self._opened = open_revision(self.layout, self.store, self.settings)
                self._seen = seen
            return self._opened

    def forget(self) -> None:
        """Open anew at the next use: this process has written."""
        with self._lock:
            self._opened = None

    # -- changing --------------------------------------------------------------------------------

    def add(self, contents: Mapping[str, Content] | Iterable[str | Path]) -> list[str]:
        """Add pictures, encoded by the encoder that is there; returns their keys.

        Parameters
        ----------
        contents : mapping of key to picture, or iterable of paths
            A path inside the source gets its relative key, another one its absolute path. A key
            that exists is replaced.

        Raises
        ------
        ContentError
            If one cannot be read; then nothing is added.
        """
        from aesearch.ingest.update import add

        return add(self, contents)

    def remove(self, keys: Iterable[str]) -> int:
        """Remove items; files that are still in the source are not taken up again.

        Raises
        ------
        UnknownKeyError
            If one is not in the index; then nothing is removed.
        """
        from aesearch.ingest.update import remove

        return remove(self, list(keys))

    def sync(self, progress: Progress = silent) -> dict[str, int]:
        """Bring the index up to date with its source, without training; returns the counts."""
        from aesearch.ingest.update import synchronise

        return synchronise(self, progress).counts()

    def prepare_queries(self) -> None:
        """Do now what the first query after a change would do: of pictures, nothing."""

    def publish(self, edit: Edit, *, fingerprint: str | None = None) -> None:
        """Make one change of the rows the current revision; see `writer.publish`."""
        try:
            with hold(self.layout):
                publish(self.layout, self.store, edit, self.settings, fingerprint=fingerprint)
        finally:
            self.forget()

    def verify(self, *, repair: bool = False) -> list[str]:
        """Check everything that is on disk against everything else; returns what is wrong.

        Parameters
        ----------
        repair : bool
            Make the FAISS file anew from the store where it is wrong.
        """
        problems = problems_of_truth(self.layout, self.store)
        cache = problem_of_cache(self.layout, self.store)
        if cache and repair:
            self.publish(nothing, fingerprint=self.revision.fingerprint)
        elif cache:
            problems.append(cache)
        return problems

    def close(self) -> None:
        """Close the database."""
        self.store.close()
        self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_index(path: str | Path | None = None) -> Index:
    """Open an index by its path or its name in the home; the only one there is without either."""
    return open_at(find(path))


def open_at(path: Path) -> Index:
    """Open the index in a folder, as an index of pictures or of documents."""
    index = Index(path)
    if index.kind == IMAGES:
        return index
    from aesearch.search.text_index import TextIndex

    index.close()
    return TextIndex(path)
