"""The collection of a comparison: a source, or an index with the encoder that it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from aesearch.errors import ContentError, SourceError
from aesearch.indexing.datasets.base import Dataset, read_dataset
from aesearch.inference.encoder import FrozenEncoder
from aesearch.modalities import Sampled, modality
from aesearch.modalities.texts.extract import Document
from aesearch.modalities.texts.snippets import opening as first_words
from aesearch.search.index import Index
from aesearch.settings import Settings
from aesearch.sources.base import NONE, Entry, Source
from aesearch.sources.columns import Columns
from aesearch.sources.detect import kind_of
from aesearch.sources.folder import Folder
from aesearch.sources.open import open_source
from aesearch.storage.layout import Layout
from aesearch.storage.places import home
from aesearch.types import Progress
from aesearch.wording import counted


@dataclass
class Collection:
    """What is compared on; open it with `open_collection`.

    Attributes
    ----------
    name, kind : str
    entries : list of Entry
        By key, so that equal collections are read in one order.
    source : Source or None
        None where the texts are in the index.
    index : Index or None
    """

    name: str
    kind: str
    entries: list[Entry]
    source: Source | None
    index: Index | None = None
    _texts: dict[str, Document] = field(default_factory=dict)

    @property
    def own(self) -> FrozenEncoder | None:
        """The encoder of the index."""
        return None if self.index is None else self.index.encoder

    @property
    def own_features(self) -> Any:
        """What that encoder takes, or None."""
        return None if self.index is None else self.index.features

    @property
    def use_of_labels(self) -> str:
        """Whether the index, if there is one, makes use of labels."""
        return "auto" if self.index is None else self.index.folder.settings.labels

    @property
    def digest(self) -> str:
        """What tells this collection, as it is now, from others."""
        sums = xxhash.xxh3_128()
        for entry in self.entries:
            sums.update(f"{entry.key}\0{entry.size}\0{entry.mtime_ns}\n".encode())
        if self.own is not None:
            sums.update(self.own.fingerprint.encode())
        return sums.hexdigest()

    def labels(self) -> list[str]:
        """Return the label of each entry."""
        if self.source is None:
            assert self.index is not None
            return list(self.index.folder.labels().values())
        return self.source.labels([entry.key for entry in self.entries])

    def read(self, settings: Settings, progress: Progress) -> Dataset:
        """Read all items, with the features of the index where there is one."""
        features = self.own_features
        if self.source is None:
            assert self.index is not None
            kind: type[Dataset] = self.index.folder.modality.part("dataset")
            return kind.again(self.index.folder, features, progress)
        modality(self.kind).warm_up()
        return read_dataset(
            self.source, self.entries, self.kind, settings, features=features, progress=progress
        )

    def content(self, key: str) -> bytes | str:
        """Return the bytes of an item's file, or in a few words why there are none."""
        assert self.source is not None
        try:
            return self.source.read(key)
        except ContentError as error:
            return str(error)

    def document(self, key: str) -> Document:
        """Return an item's text, or its fields; empty where it cannot be read any more."""
        if self.source is not None:
            if not modality(self.kind).has_words:
                return Document(self.source.fields([key])[0].removeprefix(NONE))
            try:
                source = self.source
                read = modality(self.kind).reader(
                    None, plain=source.plain, encoding=source.encoding
                )
                made = read(self.source.read(key), key)
            except (ContentError, KeyError):
                return Document("")
            found: Document = made.sample if isinstance(made, Sampled) else made
            return found
        if not self._texts:
            assert self.index is not None
            pairs = self.index.folder.store.documents()
            self._texts = {item.key: Document(kept.text, kept.title) for item, kept in pairs}
        return self._texts.get(key, Document(""))

    def close(self) -> None:
        """Close the index."""
        if self.index is not None:
            self.index.close()


def opening(document: Document, width: int) -> str:
    """Return the title of a document, or its first words, in a line of at most `width` letters."""
    return first_words(document.title or document.text, width)


def open_collection(place: str | Path, kind: str, columns: Columns | None) -> Collection:
    """Open a source, or an index by its path or its name in the home.

    Raises
    ------
    SourceError, ParameterError, DamagedError, FormatError
    """
    path = Path(place)
    here = Layout(path) if path.exists() else Layout(home() / path)
    if here.exists() and not columns:
        return _of_index(Index(here.root))
    source = open_source(place, columns, kind=kind)
    entries = _sorted(list(source.walk()), source.root)
    return Collection(source.root.name, kind_of(source, entries, kind), entries, source)


def _of_index(index: Index) -> Collection:
    try:
        entries = [Entry(i.key, i.size, i.mtime_ns) for i in index.items() if not i.added]
        source = None if index.folder.modality.keeps_texts else Folder(index.source)
        return Collection(index.name, index.kind, _sorted(entries, index.source), source, index)
    except BaseException:
        index.close()
        raise


def _sorted(entries: Sequence[Entry], root: Path) -> list[Entry]:
    if len(entries) < 2:
        raise SourceError(
            f"{root} holds {counted(len(entries), 'item')}; there is nothing to compare on"
        )
    return sorted(entries)
