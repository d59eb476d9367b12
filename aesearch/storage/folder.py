"""The folder of an index, opened: everything that is not searching."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.engines.threads import hold_at_fork
from aesearch.errors import IndexExistsError, SourceError, UnknownKeyError
from aesearch.inference.manifest import Manifest
from aesearch.modalities import Modality
from aesearch.settings import Settings
from aesearch.sources.base import IN_MEMORY, Source
from aesearch.sources.folder import folder_names, is_passed_over
from aesearch.sources.names import path_below
from aesearch.storage.card import Card, copy_problem, mend_copy
from aesearch.storage.commit import Edit, clean, nothing, publish
from aesearch.storage.database import Store
from aesearch.storage.keys import Keys
from aesearch.storage.layout import Layout, require_same
from aesearch.storage.lock import hold
from aesearch.storage.schema import DECIDED, Item, KeptText, Revision, Skipped
from aesearch.storage.snapshot import ReplacedError, Snapshot, open_snapshot
from aesearch.types import Bools, Floats, Ids

if TYPE_CHECKING:
    from aesearch.storage.fields import Comparison, Fields
    from aesearch.storage.info import Drift, IndexInfo, SkippedFile

TRIES = 5  # to open a revision, while a writer replaces one after the other


class IndexFolder:
    """One index on this machine: the local `Backend` of `aesearch.search.Index`.

    Safe to use from several threads, and while another process writes: a new revision is noticed
    at the next `snapshot`.

    Parameters
    ----------
    path : str or Path

    Attributes
    ----------
    layout : Layout
        Its paths.
    card : Card
        Its metadata, ``index.json``.
    store : Store
        The database.

    Raises
    ------
    IndexNotFoundError, FormatError, DamagedError
        The message says what to do.
    """

    def __init__(self, path: str | Path) -> None:
        self.layout = Layout(Path(path))
        self.card = Card.read(self.layout.card)
        self.store = Store(self.layout.database)
        self._lock = threading.RLock()
        hold_at_fork(self._lock, 1)
        self._opened: Snapshot | None = None
        self._seen = -1

    # -- what it is ------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.layout.root.resolve().name

    @cached_property
    def modality(self) -> Modality:
        """What differs for its kind of data."""
        return self.card.modality

    @property
    def source(self) -> Path:
        """Folder, or table, that was indexed."""
        return Path(self.card.source)

    @property
    def is_tabular(self) -> bool:
        """Whether its items are rows of a table, or of standard input."""
        return self.card.columns is not None

    @property
    def settings(self) -> Settings:
        """Settings of the index."""
        return self.card.settings

    def write_card(self, card: Card) -> None:
        """Replace the metadata. The caller holds the lock."""
        card.write(self.layout.card)
        self.card = card

    def check_source(self, source: Path) -> None:
        """Raise IndexExistsError if this is the index of another folder."""
        require_source(self.layout, self.card, source)

    # -- its rows --------------------------------------------------------------------------------

    def count(self) -> int:
        """Number of items."""
        return self.store.count()

    def items(self) -> Iterator[Item]:
        """All items: key, size, time, digest."""
        return self.store.items()

    def skipped(self) -> list[Skipped]:
        """The files that are not in the index, each with its reason."""
        return self.store.skipped()

    def ids_of(self, keys: Iterable[str]) -> dict[str, int]:
        """The ids of keys; unknown keys are left out."""
        return self.store.ids_of(keys)

    def id_of(self, key: str) -> int:
        """The id of a key.

        Raises
        ------
        UnknownKeyError
        """
        try:
            return self.store.ids_of([key])[key]
        except KeyError:
            what = "those of the rows of" if self.is_tabular else "paths relative to"
            raise UnknownKeyError(
                f"there is no item '{key}' in {self.name}; keys are {what} {self.source}"
            ) from None

    def keys_of(self, ids: Iterable[int]) -> dict[int, str]:
        """The keys of ids; unknown ids are left out."""
        return self.store.keys_of(ids)

    def codes_of(self, ids: Iterable[int]) -> Floats:
        """The codes of items, float32 of shape (n, code_size), in the order of the ids."""
        return self.store.codes(ids)[1]

    def matching(self, pattern: str) -> Ids:
        """The ids of the items that a glob means; see `Keys.matching`."""
        return self.keys.matching(pattern)

    def key_meant(self, given: str) -> str:
        """The key of the item that is meant, by a key or a path as commands print them.

        Raises
        ------
        UnknownKeyError
        """
        key = self.keys.meant(given)
        if key is None:
            self.id_of(given)  # which raises
        return key or given

    @property
    def keys(self) -> Keys:
        """Its keys, as people name them."""
        return Keys(self.store, self.source, self.is_tabular)

    def ids(self) -> Ids:
        """The ids of all items, ascending."""
        rows = self.store.select("SELECT id FROM items ORDER BY id")
        return np.fromiter((id for (id,) in rows), np.int64, len(rows))

    def items_of(self, ids: Iterable[int]) -> list[Item]:
        """Some items in the order of their ids; unknown ids are left out."""
        return self.store.items_of(ids)

    @cached_property
    def fields(self) -> Fields:
        """What can be asked of its items, beside what they look like."""
        from aesearch.storage.fields import Fields

        modality = self.modality
        tabular = self.is_tabular
        return Fields(
            self.store,
            exif=modality.visual and not tabular,
            dated=not tabular,
            labelled=modality.keeps_texts,
        )

    def meeting(self, combine: Callable[[Callable[[Comparison], Bools]], Bools]) -> Ids:
        """The ids of the items that meet a condition on fields; see `Fields.meeting`."""
        return self.fields.meeting(combine)

    def fields_of(self, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """The fields of those of some items that have any, by id."""
        # What reads fields takes time to load, and most indexes have none.
        return self.fields.of(ids) if self.store.has_fields() else {}

    def same_content(self, digest: bytes) -> list[tuple[int, str]]:
        """Id and key of the items of just this content."""
        return self.store.same_content(digest)

    def texts(self) -> Iterator[KeptText]:
        """The texts of all items that have one."""
        return self.store.texts()

    def texts_of(self, ids: Iterable[int]) -> dict[int, KeptText]:
        """The texts of items by id; those without one are left out."""
        return self.store.texts_of(ids)

    def titles(self) -> dict[int, str]:
        """The titles of documents by id, of those that have one."""
        return self.store.titles()

    def passages_of(self, ids: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Start and stop of passages in their documents, by the ids of the passages."""
        return self.store.passages_of(ids)

    def passages_in(self, documents: Iterable[int]) -> Ids:
        """The ids of all passages of some documents."""
        return self.store.passages_in(documents)

    def labels(self) -> dict[int, str]:
        """The label of each item by id: as its table says, else its folder; "" without one."""
        items = list(self.store.items())
        folders = folder_names([item.key for item in items])
        known = self.store.labels()
        if self.modality.keeps_texts:
            return {item.id: known.get(item.id, "") for item in items}
        return {item.id: folder for item, folder in zip(items, folders, strict=True)}

    def added_contents(self) -> dict[str, bytes]:
        """Contents of the items that were added manually, by key."""
        return {item.key: content for item, content in self.store.added_contents()}

    def path_of(self, key: str) -> Path:
        """Path of the file of a key; of a row, of the table; of a message, its key behind it."""
        if key.startswith(f"{self.source.name}#<"):  # the source is a mailbox
            return self.source.parent / key
        return self.source if self.is_tabular else Path(path_below(str(self.source), key))

    def paths_of(self, keys: Mapping[int, str]) -> dict[int, Path | None]:
        """Paths of the files of items by id; None of what was added without a file.

        Its key may be any path, and what lies there is another's.
        """
        added, in_memory = self.store.added_manually(keys), self.card.source == IN_MEMORY
        return {
            id: (self._path_of_added(key) if added[id] else None)
            if id in added
            else None
            if in_memory
            else self.path_of(key)
            for id, key in keys.items()
        }

    def _path_of_added(self, key: str) -> Path | None:
        """Path of an item that was added manually: None under a key of the user's own."""
        path = self.source / key  # of an absolute one, that
        if Path(key).is_absolute():
            return path
        by_path = not self.is_tabular and is_passed_over(key) and path.is_file()
        return path if by_path else None

    # -- the revision that is open ---------------------------------------------------------------

    @property
    def revision(self) -> Revision:
        """The current revision."""
        return self.store.revision()[0]

    @property
    def manifest(self) -> Manifest:
        """Metadata of the encoder, ``encoder.json``; neither it nor the engine is opened."""
        return Manifest.read(self.layout.encoder(self.revision.fingerprint))

    def reading(self) -> AbstractContextManager[None]:
        """See one state of the rows throughout, whatever another process writes meanwhile."""
        return self.store.reading()

    def snapshot(self) -> Snapshot:
        """The current revision, opened: encoder, features and engine."""
        with self._lock:
            for _ in range(TRIES - 1):
                with suppress(ReplacedError):
                    return self._current()
            return self._current()

    def _current(self) -> Snapshot:
        """The snapshot that is open, or that of a revision which is new since."""
        seen = self.store.data_version()
        if self._opened is None or seen != self._seen:
            if self._opened is None or self.revision.number != self._opened.revision.number:
                self._opened = open_snapshot(self.layout, self.store, self.settings)
            self._seen = seen
        return self._opened

    @contextmanager
    def settled(self) -> Iterator[None]:
        """See one state of rows and codes throughout; other threads wait."""
        with self._lock, ExitStack() as transaction:  # in this order, as everywhere
            for left in reversed(range(TRIES)):
                transaction.enter_context(self.store.reading())
                self._seen = -1  # what this process has committed may not be opened yet
                try:
                    self._current()
                    break
                except ReplacedError:
                    transaction.close()  # another one sees the revision that came meanwhile
                    if not left:
                        raise
            yield

    def forget(self) -> None:
        """Open anew at the next use: this process has written."""
        with self._lock:
            self._opened = None

    def lexical_folder(self, number: int) -> Path:
        """Folder of the lexical index (BM25) of a revision."""
        return self.layout.lexical_index(number)

    # -- changing and checking -------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock of this index; see `lock.hold`.

        Raises
        ------
        IndexNotFoundError, ClosedError
            If it was removed, or replaced, since it was opened: nothing is written there.
        """
        self.require_same()
        with hold(self.layout):
            yield

    def require_same(self) -> None:
        """Raise where another index has taken its place; see `layout.require_same`."""
        require_same(self.layout.database, self.store.identity)

    def publish(self, edit: Edit, *, fingerprint: str | None = None) -> None:
        """Make one change of the rows the current revision; see `commit.publish`."""
        try:
            with self.writing():
                self.card = Card.read(self.layout.card)  # another writer may have chosen anew
                publish(self.layout, self.store, edit, self.settings, fingerprint=fingerprint)
        finally:
            self.forget()

    def drift(self) -> Drift | None:
        """Change of the collection since training, or None if nothing came later."""
        from aesearch.storage.info import drift_of  # which searching never needs

        return drift_of(self.store, self.snapshot().encoder)

    def info(self) -> IndexInfo:
        """Everything there is to know about it, of one revision."""
        with self.settled():
            return self._info(self.snapshot())

    def _info(self, opened: Snapshot) -> IndexInfo:
        from aesearch.storage.info import IndexInfo, drift_of

        manifest, revision = opened.encoder.manifest, opened.revision
        drift = drift_of(self.store, opened.encoder)
        return IndexInfo(
            name=self.name,
            kind=self.card.kind,
            source=str(self.source),
            tabular=self.is_tabular,
            settings=self.settings,
            path=str(self.layout.root),
            items=self.count(),
            revision=revision.number,
            changed_at=revision.changed_at,
            encoder=manifest.kind,
            parameters=manifest.parameters,
            chosen=manifest.chosen,
            weights=manifest.weights,
            weights_from=manifest.weights_from,
            fingerprint=revision.fingerprint,
            features=manifest.features,
            code_size=manifest.code_size,
            trained=manifest.trained,
            training=self.layout.plan.exists(),
            engine=revision.plan,
            bytes_on_disk=self.layout.bytes_on_disk(),
            check=manifest.check,
            drift=str(drift) if drift else None,
            skipped=self._skipped_files(),
            fields=self.fields.examples(),
        )

    def _skipped_files(self) -> list[SkippedFile]:
        from aesearch.storage.info import SkippedFile

        files = self.skipped()
        kept = self.ids_of(file.key for file in files if file.reason not in DECIDED)
        return [SkippedFile(f.key, f.reason, f.ignored, f.key in kept) for f in files]

    def verify(self, *, repair: bool = False) -> list[str]:
        """Check everything that is on disk against everything else.

        Parameters
        ----------
        repair : bool
            Make the FAISS file anew from the store where it is wrong; all else is made anew by
            ``aesearch verify --repair``.

        Returns
        -------
        list of str
            Faults, a line each.
        """
        from aesearch.storage.verify import database_problems, engine_file_problem

        self.require_same()
        problems = database_problems(self.layout, self.store, self.modality)
        if len(problems) and any("items.db" in line for line in problems):
            repair = False  # a FAISS file made of wrong codes would be as wrong
        stale = engine_file_problem(self.layout, self.store)
        if stale and repair:
            with self.writing():  # or a training that ends now would get codes of this encoder
                self.publish(nothing, fingerprint=self.revision.fingerprint)
        elif stale:
            problems.append(stale)
        copy = copy_problem(self.layout)
        if copy and repair:
            with self.writing():
                mend_copy(self.layout)
        elif copy:
            problems.append(copy)
        return problems

    def compact(self) -> list[str]:
        """Write the database anew without what was removed, and remove files of no use.

        Returns
        -------
        list of str
            What could not be done, a line each.

        Raises
        ------
        StorageError
            If the disk is full, or cannot be written; nothing is lost.
        """
        with self.writing():  # which removes what a writer that was killed left
            left = clean(self.layout, self.revision)
            if not self.store.compact():
                left.append("the journal of items.db is held by a process that reads")
        return [f"{each}; stop what uses the index, and run again" for each in left]

    def close(self) -> None:
        """Close the database."""
        self.store.close()
        self._opened = None


def refuse_inside(layout: Layout, source: Source) -> None:
    """Raise SourceError if an index would lie inside its source."""
    if not source.plain and layout.root.resolve().is_relative_to(source.root):
        raise SourceError(
            f"the index {layout.root} would lie inside the source {source.root}, where nothing "
            "is written; name another place with --index"
        )


def require_source(layout: Layout, card: Card, source: Path) -> None:
    """Raise IndexExistsError if an index is that of another source."""
    if Path(card.source) not in (source, source.resolve()):  # standard input has no path
        raise IndexExistsError(
            f"{layout.root} is the index of {card.source}, not of {source}; name another place "
            "with --index"
        )
