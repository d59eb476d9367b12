"""An index, opened for searching. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from numbers import Integral
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from aesearch.errors import ClosedError, ContentError, ParameterError, UnsupportedError
from aesearch.inference.encoder import FrozenEncoder
from aesearch.modalities.given import several
from aesearch.search.hits import Among, Hit, Limits, Wanted
from aesearch.search.query import Query, numbered
from aesearch.search.ranker import Ranker
from aesearch.search.together import Asked, Crop, Example, Joint, Key, examples, named
from aesearch.sources.base import as_key, as_keys
from aesearch.sources.content import cropped
from aesearch.storage.folder import IndexFolder
from aesearch.storage.places import find
from aesearch.types import Floats, Ids, Progress, silent

if TYPE_CHECKING:
    from aesearch.modalities import Features, Modality
    from aesearch.search.explain import Explanation
    from aesearch.search.generator import Generator
    from aesearch.settings import Settings
    from aesearch.storage.info import Drift, IndexInfo
    from aesearch.storage.schema import Item, KeptText, Revision, Skipped
    from aesearch.storage.snapshot import Snapshot

TRIES = 5
AT_ONCE = 5_000  # items read together
Answer = TypeVar("Answer")


class Index:
    """A collection that can be searched by similarity.

    Safe to search from several threads, and while another process writes: a new revision is
    noticed at the next search. Use it as a context manager, or call :meth:`close`.

    Parameters
    ----------
    path : str or Path
        Folder of the index.

    Attributes
    ----------
    folder : IndexFolder
        Where it is kept: rows, revision, everything on disk.

    Raises
    ------
    IndexNotFoundError, FormatError, DamagedError
        The message says what to do.

    Examples
    --------
    >>> with aesearch.open("indexes/images") as index:      # doctest: +SKIP
    ...     index.search("photo.png", k=3)
    >>> with aesearch.open("indexes/papers") as index:      # doctest: +SKIP
    ...     index.search("heat transfer in laminar flow", k=3)
    """

    def __init__(self, path: str | Path) -> None:
        self.folder = IndexFolder(path)

    # -- what it is ------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def kind(self) -> str:
        """Name of the modality: 'images', 'texts' or 'vectors'."""
        return self.folder.card.kind

    @property
    def modality(self) -> Modality:
        """What differs for its kind of data."""
        return self.folder.modality

    @property
    def source(self) -> Path:
        """Folder, or table, that was indexed."""
        return self.folder.source

    @property
    def is_tabular(self) -> bool:
        """Whether its items are rows of a table, or of standard input."""
        return self.folder.is_tabular

    @property
    def settings(self) -> Settings:
        """What was chosen when it was made."""
        return self.folder.settings

    @property
    def revision(self) -> Revision:
        """The current revision."""
        return self.folder.revision

    @property
    def encoder(self) -> FrozenEncoder:
        """The encoder that makes the codes."""
        return self.folder.snapshot().encoder

    @property
    def features(self) -> Features:
        """How items are prepared for it."""
        return self.folder.snapshot().features

    def __len__(self) -> int:
        return self.folder.count()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str | PurePath | Integral) and bool(
            self.folder.ids_of([as_key(key)])
        )

    def __repr__(self) -> str:
        try:
            return f"<Index {self.name!r}: {len(self)} items>"
        except ClosedError:
            return f"<Index {self.name!r}: closed>"
        except Exception as error:  # a program that logs it must not fail of it
            return f"<Index: {type(error).__name__}>"

    def items(
        self,
        *,
        among: Among = None,
        not_among: Among = None,
        where: Wanted = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Iterator[Item]:
        """All items, or some, in the order of their ids: key, size, time, digest.

        Parameters
        ----------
        among, not_among, where
            As in `search`.
        offset : int, default=0
            So many are passed over.
        limit : int, optional
            So many at most.
        """
        limits = Limits.of(1, among, not_among=not_among, where=where)
        for name, number in (("offset", offset), ("limit", 0 if limit is None else limit)):
            if not isinstance(number, Integral) or isinstance(number, bool) or number < 0:
                raise ParameterError(f"{name} must be a whole number of at least 0; got {number!r}")
        if limits.are_open and not offset and limit is None:
            return self.folder.items()
        ids = self._ids(limits)
        end = len(ids) if limit is None else offset + limit
        return self._items_of(ids[offset:end])

    def _ids(self, limits: Limits) -> Ids:
        matching = self.ranker.matching(limits)
        return self.folder.ids() if matching is None else matching

    def _items_of(self, ids: Ids) -> Iterator[Item]:
        for start in range(0, len(ids), AT_ONCE):
            yield from self.folder.items_of(ids[start : start + AT_ONCE].tolist())

    def count(self, *, among: Among = None, not_among: Among = None, where: Wanted = None) -> int:
        """How many items there are, or how many of them meet conditions, as `search` has them."""
        return len(self._ids(Limits.of(1, among, not_among=not_among, where=where)))

    def fields_of(self, keys: Iterable[Key]) -> dict[str, dict[str, Any]]:
        """The fields of some items by key, of those that have any: columns, EXIF."""
        ids = self.folder.ids_of(as_keys(keys))
        found = self.folder.fields_of(ids.values())
        return {key: found[id] for key, id in ids.items() if id in found}

    def skipped(self) -> list[Skipped]:
        """The files that are not in the index, each with its reason."""
        return self.folder.skipped()

    def drift(self) -> Drift | None:
        """How the collection has changed since training, or None if nothing came later."""
        return self.folder.drift()

    def info(self) -> IndexInfo:
        """Everything there is to know about the index."""
        return self.folder.info()

    def path_of(self, key: Key) -> Path:
        """Where the file of a key is; of a row, the table."""
        return self.folder.path_of(as_key(key))

    def key_meant(self, given: str) -> str:
        """The key of the item that is meant, by a key or a path as commands print them.

        Raises
        ------
        UnknownKeyError
        """
        return self.folder.key_meant(given)

    # -- searching -------------------------------------------------------------------------------

    @cached_property
    def ranker(self) -> Ranker:
        """How items of this kind are found."""
        kind: type[Ranker] = self.folder.modality.part("ranker")
        return kind(self.folder)

    @property
    def is_hybrid(self) -> bool:
        """Whether typed words are searched by codes and words together, unless told otherwise."""
        return self.ranker.is_hybrid

    def prepare(self, content: Any, *, literal: bool = False, crop: Crop | None = None) -> Query:
        """Read what is searched with, once for several uses.

        Parameters
        ----------
        content : object
            As `search` takes it, or an `Example` of such.
        literal : bool, default=False
            Search a str as it stands: quotes, -, NOT, OR, * and title: in it ask for nothing.
        crop : sequence of four numbers, optional
            As `search` takes it.

        Returns
        -------
        Query
            Taken by `search`, `search_many`, `explain` and `unknown_words`.
        """
        if isinstance(content, Example):
            if content.key is not None:
                raise ParameterError(
                    "an item of the index is searched with by similar(key), or by search(like=...)"
                )
            content, crop = content.content, crop if content.crop is None else content.crop
        if crop is not None:
            if isinstance(content, Query):
                raise ParameterError("crop is for what is not read yet: give it to prepare")
            content = cropped(self.folder.modality, self.features, content, crop)
        query = content if isinstance(content, Query) else self.ranker.query(content)
        return replace(query, literal=True) if literal else query

    def encode(self, contents: Iterable[Any]) -> Floats:
        """The codes of pictures, documents or vectors, unit length, of shape (n, code_size).

        Raises
        ------
        ParameterError
            If it is one, and not several.
        ContentError
            If one of them cannot be read, or holds no word that the code knows.
        """
        snapshot = self.folder.snapshot()
        queries = list(self._prepared(several(contents, self.folder.modality)))
        rows = snapshot.features.stack([query.sample for query in queries])
        empty = np.flatnonzero(self.folder.modality.is_empty(rows))
        if len(empty):
            with numbered(int(empty[0]), len(queries)):
                raise ContentError("it holds no word that the code knows, so it has no code")
        return snapshot.encoder.encode(rows)

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
        """Find the items most similar to a picture, a text or a vector.

        Parameters
        ----------
        content : object
            Of pictures: path, bytes, PIL image, or array (height, width[, channels]), uint8 or
            floats in [0, 1]. Of documents: a str is always text, even where a file has this name;
            a Path names a document, and bytes are the content of one. In a str, and nowhere else,
            "exact phrase", -word, NOT, OR, title:word and begin* are read as such;
            ``index.prepare(text, literal=True)`` searches it as it stands. Of vectors: numbers of
            shape (size,), or the path or content of an .npy file of such.
        k : int, default=10
            Hits wanted; fewer come back where there are fewer items.
        like, unlike : object, Example, or sequence of these, optional
            What is meant, `content` first of all, and what is not, searched with as one query: the
            mean of the codes of what is like, less a quarter of that of what is unlike. Each is a
            content, or an `aesearch.Example` of a content or of the key of an item, with its
            weight. Items given by key are not among the hits. Of documents all words that are
            typed as like count together, and what holds all words of a text that is typed as
            unlike comes behind all that does not.
        crop : sequence of four numbers, optional
            Of the one picture that is searched with, the part that is meant: x, y, width and height
            in pixels of the picture as it is shown; where none is above 1, in shares of its size.
        offset : int, default=0
            So many of the best are passed over: the hits are those of `offset` + `k`, less the
            first `offset`.
        among : str, Path or sequence of these, optional
            Globs on keys, such as 'holiday/**'; the search looks only at what one of them matches.
        threshold : float, optional
            Lowest score of a hit.
        hybrid : bool, optional
            Of documents: rank by the codes and by the words (BM25) together, weighted as the check
            found best. Scores are then in [0, 1], 1 for what is best in both. By default so where
            `is_hybrid`, for a str without `threshold`: that is what the check has asked, and a
            threshold is a cosine. By default too, a str of which the code knows no word is
            searched by words alone.
        copies : bool, optional
            Of pictures: look first for the one that the query was made from, cropped, mirrored,
            turned, in a page, photographed; it comes first, with score 1, and its `Hit.same` says
            what was done to it. By default so, for pictures.
        not_among : str, Path or sequence of these, optional
            Globs on keys of what is not to be found.
        where : str, optional
            A condition on fields, such as ``"year < 1700 and place = Augsburg"``: on label, path,
            size, date (of the file), exif.date and exif.place of pictures, and the columns of
            tables; `info().fields` names them. ``= != < <= > >= in like and or not ( )``; values
            are numbers, dates (1650, 1650-03, 1650-03-12), or text, in quotes where it has spaces;
            text is compared without regard to case, and ``like`` takes * and ?. A missing value
            meets no condition. The search looks only at what meets it.

        Returns
        -------
        list of Hit
            Best first. What is in the index comes first, with score 1.

        Raises
        ------
        ContentError
            If it cannot be read, holds no word that the index knows, or only says what to leave
            out.
        ParameterError
            If there is unlike and nothing that is like, or the crop is none of the picture; if
            `where` cannot be read, or there is no such field: the message names those there are.
        UnknownKeyError
            If an example is no item of the index.
        """
        limits = Limits.of(k, among, threshold, hybrid, copies, not_among, where, offset)
        if content is None and like is None and unlike is None:
            return self._answers([content], limits)[0]  # which says what is taken
        likes, unlikes = examples(self.folder.modality, content, like, unlike, crop)
        if len(likes) == 1 and not unlikes and likes[0].key is None:
            return self._answers(likes, limits)[0]
        return self._together(likes, unlikes, limits)

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
        """Search with several pictures, texts or vectors, encoded and searched together.

        Parameters
        ----------
        contents : iterable of object
            Each as `search` takes it.
        k, offset, among, threshold, hybrid, copies, not_among, where
            As in `search`.

        Returns
        -------
        list of list of Hit
            The hits of each, as `search` finds them one by one.
        """
        limits = Limits.of(k, among, threshold, hybrid, copies, not_among, where, offset)
        return self._answers(several(contents, self.folder.modality), limits)

    def _answers(self, contents: Sequence[Any], limits: Limits) -> list[list[Hit]]:
        if not contents:
            return []
        read: dict[str, list[Query]] = {}  # once, unless another encoder comes meanwhile

        def answer(snapshot: Snapshot) -> list[list[Hit]]:
            ranker = self.ranker
            fingerprint = snapshot.revision.fingerprint
            if fingerprint not in read:
                read[fingerprint] = list(self._prepared(contents))
            queries = read[fingerprint]
            ranked = ranker.rank(snapshot, queries, limits.whole)
            return [
                ranker.hits(snapshot, limits.page(found), query, limits)
                for query, found in zip(queries, ranked, strict=True)
            ]

        return self._of_one_revision(answer)

    def _prepared(self, contents: Sequence[Any]) -> Iterator[Query]:
        """Read what is searched with; of several, say which cannot be read."""
        for number, content in enumerate(contents):
            with numbered(number, len(contents)):
                query = self.prepare(content)
            yield query

    def _together(
        self, likes: Sequence[Example], unlikes: Sequence[Example], limits: Limits
    ) -> list[Hit]:
        read: dict[str, dict[Example, Query]] = {}  # once, as in `_answers`

        def answer(snapshot: Snapshot) -> list[Hit]:
            own = read.setdefault(snapshot.revision.fingerprint, {})
            asked = [
                tuple(self._asked(snapshot, side, name, own))
                for side, name in ((likes, "like"), (unlikes, "unlike"))
            ]
            joint, wanted = Joint(*asked), limits.whole
            if wanted.k > 0:
                wanted = wanted._replace(k=wanted.k + len(joint.ids))
            ranked = self.ranker.together(snapshot, joint, wanted)
            found = [one for one in ranked if one.id not in joint.ids]
            return self.ranker.hits(snapshot, limits.page(found), joint.words, limits)

        return self._of_one_revision(answer)

    def _asked(
        self,
        snapshot: Snapshot,
        examples: Sequence[Example],
        side: str,
        read: dict[Example, Query],
    ) -> Iterator[Asked]:
        """Read the examples of one side; of several, say which cannot be read."""
        for number, one in enumerate(examples):
            if one.key is not None:
                key = as_key(one.key)
                id = self.folder.id_of(key)
                query = self.ranker.query_of(snapshot, key) or Query(None, b"")
                yield Asked(one.weight, query, id)
                continue
            if one not in read:
                with named(side, number):
                    read[one] = self.prepare(one)
            yield Asked(one.weight, read[one])

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
        """Find the items most similar to one that is in the index; its file is not read.

        Parameters
        ----------
        key : str
            Of the item; the number of a row may be given as it is, 7 for '7'.
        k, offset, among, threshold, not_among, where
            As in `search`.

        Raises
        ------
        UnknownKeyError
            If there is no such item.
        """
        limits = Limits.of(k, among, threshold, not_among=not_among, where=where, offset=offset)
        wanted = as_key(key)

        def answer(snapshot: Snapshot) -> list[Hit]:
            id = self.folder.id_of(wanted)
            code = self.folder.codes_of([id])
            found = limits.page(self.ranker.nearest(snapshot, code, limits.whole, [[id]])[0])
            return self.ranker.hits(snapshot, found, self.ranker.query_of(snapshot, wanted), limits)

        return self._of_one_revision(answer)

    def consistent(self, answer: Callable[[], Answer]) -> Answer:
        """Call what asks several things until no writer came in between: all is of one revision."""
        return self._of_one_revision(lambda _: answer())

    def _of_one_revision(self, answer: Callable[[Snapshot], Answer]) -> Answer:
        """Ask again where a writer came in between: rows and codes must be of one revision."""
        for _ in range(TRIES):
            snapshot = self.folder.snapshot()
            try:
                found = answer(snapshot)
            except Exception:  # a code of one encoder meets the engine of another
                if self.revision.number == snapshot.revision.number:
                    raise
                continue
            if self.revision.number == snapshot.revision.number:
                return found
        with self.folder.settled():
            return answer(self.folder.snapshot())

    # -- words -----------------------------------------------------------------------------------

    def notes(self, text: str | Query) -> list[str]:
        """What is to be said of how a typed query is read, a line each; mostly nothing.

        What was not understood (``author:smith``, ``*ing``); what is left out, or that nothing is
        because a document holds just what was typed (``tar -xzf archive.tgz``); and phrases of a
        sentence that no document holds, which then are searched by their words.
        """
        query = self.prepare(text)
        return self._of_one_revision(lambda _: self.ranker.notes(query))

    def unknown_words(self, text: str | Query, *, hybrid: bool | None = None) -> list[str]:
        """The words of a query that a search passes over: no document has taught them.

        Stop words are not among them. With `hybrid`, as in `search`, they are in no document at
        all; without, they may be in a few, too few to be learned.
        """
        query = self.prepare(text)
        return self._of_one_revision(lambda _: self.ranker.unknown_words(query, hybrid=hybrid))

    def text_of(self, key: Key) -> KeptText:
        """The plain text of a document, as it is kept in the index, its title and its label.

        Raises
        ------
        UnknownKeyError
            If there is no such document.
        UnsupportedError
            If this is no index of documents.
        """
        text_of: Callable[[str], KeptText] | None = getattr(self.ranker, "text_of", None)
        if text_of is None:
            raise UnsupportedError(
                f"{self.name} is an index of {self.folder.modality.noun}s, which have no text"
            )
        return text_of(as_key(key))

    def explain(self, content: Any, key: Key, top: int = 8) -> Explanation:
        """Say why a document is a hit for a text.

        Parameters
        ----------
        content : str, Path, bytes or Query
            As in `search`.
        key : str
            Of the document.
        top : int
            Terms wanted of each kind.

        Returns
        -------
        Explanation
            Terms that both hold, and terms that the decoder puts in both.

        Raises
        ------
        UnsupportedError
            If this is no index of documents.
        ParameterError
            If `top` is no whole number of at least 0.
        """
        query = self.prepare(content)
        return self._of_one_revision(lambda _: self.ranker.explain(query, as_key(key), top))

    def explain_similar(self, key: Key, other: Key, top: int = 8) -> Explanation:
        """Say why two documents of the index are similar; see `explain`."""

        def answer(snapshot: Snapshot) -> Explanation:
            query = self.ranker.query_of(snapshot, as_key(key)) or Query(None, b"")
            return self.ranker.explain(query, as_key(other), top)

        return self._of_one_revision(answer)

    def prepare_queries(self) -> None:
        """Do now what the first query after a change would do, so that none waits for it."""
        self.ranker.prepare()

    @property
    def generate(self) -> Generator:
        """What makes pictures: sample, plane, interpolate, decode, reconstruct.

        Raises
        ------
        UnsupportedError
            If this is no index of pictures.
        """
        from aesearch.search.generator import Generator

        if not self.folder.modality.visual:
            raise UnsupportedError(
                f"{self.name} is an index of {self.folder.modality.noun}s; only pictures are "
                "sampled and reconstructed"
            )
        return Generator(self.folder)

    # -- changing --------------------------------------------------------------------------------

    def add(
        self, contents: Mapping[str, Any] | Mapping[int, Any] | Iterable[str | Path]
    ) -> list[str]:
        """Add items, encoded by the encoder that is there; returns their keys.

        Parameters
        ----------
        contents : mapping of key to content, or iterable of paths
            What is added under a key is kept in the index, and stays whatever the source has under
            this key. A path inside the source gets its relative key, another one its absolute path;
            a file that the source finds itself is kept up to date with it, all others stay as they
            are. A key that exists is replaced. Keys of rows are lines of text, as `build` makes
            them: 7 is '7'.

        Raises
        ------
        ParameterError
            If there is one path where several were meant, or content without a key.
        ContentError
            If one cannot be read; then nothing is added.
        """
        from aesearch.ingest.by_hand import add

        return add(self.folder, contents)

    def remove(self, keys: Iterable[Key]) -> int:
        """Remove items; what the source has under these keys stays away until `restore`.

        Raises
        ------
        UnknownKeyError
            If one is not in the index; then nothing is removed.
        """
        from aesearch.ingest.by_hand import remove

        return remove(self.folder, as_keys(keys))

    def restore(self, keys: Iterable[Key]) -> int:
        """Let items that were removed come back: the next `sync` reads them anew.

        Raises
        ------
        UnknownKeyError
            If one was not removed manually; then nothing is restored.
        """
        from aesearch.ingest.by_hand import restore

        return restore(self.folder, as_keys(keys))

    def moved_to(self, place: str | Path) -> None:
        """Let the folder or the file at another place be the source: where it was moved to.

        Raises
        ------
        SourceError
            If that does not hold the same items, by their keys, sizes and the content of a few;
            then nothing is changed.
        """
        from aesearch.ingest.moved import move

        move(self.folder, place)

    def sync(
        self,
        progress: Progress = silent,
        *,
        retry: bool = False,
        reread: bool = False,
        remove: bool = False,
    ) -> dict[str, int]:
        """Bring the index up to date with its source, without training.

        Parameters
        ----------
        progress : callable
        retry, reread, remove : bool
            As `aesearch.build` has them.

        Returns
        -------
        dict of str to int
            new, changed, renamed, removed and unchanged items; where there are any, missing: those
            that stay although they seem to be gone, and unread: those that could not be looked at,
            and stay as they were.
        """
        from aesearch.ingest.differences import SyncOptions, source_of
        from aesearch.ingest.fields import keep
        from aesearch.ingest.update import synchronize

        self.folder.require_same()
        options, source = SyncOptions(retry, reread, remove), source_of(self.folder)
        counts = synchronize(self.folder, progress, source, options).counts()
        keep(self.folder, source, progress)
        if "keep" in self.folder.modality.parts:
            self.folder.modality.part("keep")(self.folder, progress)
        return counts

    def verify(self, *, repair: bool = False) -> list[str]:
        """Check everything that is on disk against everything else; returns what is wrong.

        Parameters
        ----------
        repair : bool
            Make the FAISS file and the lexical index anew from the store where they are wrong.
            The command ``aesearch verify --repair`` also makes anew what needs the source.
        """
        problems = self.folder.verify(repair=repair)
        return problems or self._of_one_revision(lambda _: self.ranker.faults(repair=repair))

    def compact(self) -> list[str]:
        """Let nothing of what was removed stay in any file; returns what could not be done.

        The vocabulary of the encoder is that of the documents that are left; its weights, which
        learned from others too, stay until it is trained anew.

        Raises
        ------
        LockedError, StorageError
        """
        from aesearch.ingest.compact import compact

        return compact(self.folder)

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        """Pickle the place: it is opened again where it is unpickled."""
        return type(self), (self.folder.layout.root.resolve(),)

    def close(self) -> None:
        """Close the database."""
        self.folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_index(path: str | Path | None = None) -> Index:
    """Open an index by its path or its name in the home; the only one there is without either."""
    return Index(find(path))
