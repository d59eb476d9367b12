"""The map of a collection: all its items in a plane, learned, beside the linear baseline."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.encoders.autoencoders.neighbors import NeighborEncoder
from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.linear.pca import PCAEncoder
from aesearch.encoders.sparse import csr_of
from aesearch.encoders.texts.encoder import TextEncoder
from aesearch.encoders.training.session import Session
from aesearch.errors import (
    ContentError,
    DamagedError,
    LockedError,
    ParameterError,
    SourceError,
    UnsupportedError,
)
from aesearch.evaluation.check import label_numbers
from aesearch.indexing.baselines import features_for
from aesearch.indexing.datasets import stored_corpus
from aesearch.ingest.decode import decode
from aesearch.ingest.passages import DOCUMENT
from aesearch.maps.layouts import Panel, laid_out, neighbour_accuracy, plane_of
from aesearch.modalities import IMAGES, NOUNS
from aesearch.settings import FEWEST_TO_FIT
from aesearch.sources.base import Entry
from aesearch.sources.folder import Folder, folder_names
from aesearch.types import Floats, Ids, Progress, silent
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.search.index import Index
    from aesearch.storage.schema import Item
    from aesearch.types import Pixels

METHODS = ("auto", "code", "pca", "tsne", "umap")
FEWEST = 4  # items: fewer have no shape
MOST_PICTURES = 10_000  # read again for the components of their pixels
# Documents whose words the map is learned from, and not from their codes (LSA-64 here): of 2,000 in
# 5 groups .974 in 22 s against .965 in 15 s; of 11,314 in 20 groups .805 in 5 min against .699 in
# 45 s (5-NN accuracy; one core).
MOST_LEARNED = 10_000
MOST_COUNTED = 100_000  # documents whose words are counted again for their latent semantics
BATCH = 512
# Of the map that is learned from codes. On 1,646 photos of 14 classes, the share of items whose
# group their neighbours tell: .567 with 15 neighbours and the encoder's defaults in 15 s, .674
# with these in 12 s, and .720 by the codes themselves.
QUICK: dict[str, Any] = {
    "hidden": (256, 64),
    "neighbors": 5,
    "reconstruction": 0.0,
    "batch_size": 512,
    "learning_rate": 5e-3,
}
SHOWN, FEWEST_EPOCHS, MOST_EPOCHS = 600_000, 10, 200  # samples, in all epochs of it


@dataclass(frozen=True)
class Map:
    """All items of an index in a plane.

    Attributes
    ----------
    name : str
        Of the index.
    kind : str
        'images' or 'texts'.
    ids : ndarray of int64, shape (n,)
    keys : list of str
        Of the items, in the order of the rows of all places.
    groups : list of str
        Folder or label of each; "" where it has none.
    panels : tuple of Panel
        The layout that was asked for, then the linear baseline, unless it is the same.
    """

    name: str
    kind: str
    ids: Ids
    keys: list[str]
    groups: list[str]
    panels: tuple[Panel, ...]

    @property
    def places(self) -> Floats:
        """Where the items are in the first panel, of shape (n, 2)."""
        return self.panels[0].places

    @property
    def accuracy(self) -> float | None:
        """The accuracy of the first panel."""
        return self.panels[0].accuracy

    @property
    def method(self) -> str:
        """The method of the first panel."""
        return self.panels[0].method

    def __len__(self) -> int:
        return len(self.keys)


def map_of(index: Index, by: str = "auto", progress: Progress = silent) -> Map:
    """Lay out all items of an index in a plane, beside a linear baseline.

    Equal for equal indexes: what is drawn at random has the seed of the index.

    Parameters
    ----------
    index : Index
        Of pictures, or of documents.
    by : {"auto", "code", "pca", "tsne", "umap"}
        "code" is the index's own encoder where its codes have two numbers, else an encoder to two
        numbers that is trained now: on the words of up to 10,000 documents, on the codes of all
        else. The others lay out the codes; "auto" is "pca" for fewer than 32 items, else "code".
    progress : callable
        Told the stage, how much of it is done, and how much there is.

    Returns
    -------
    Map

    Raises
    ------
    ParameterError
        If `by` is none of these.
    UnsupportedError
        If there are fewer than 4 items, or "umap" is not installed.
    ContentError
        If the encoder's own codes are wanted and the pictures cannot be read again.

    References
    ----------
    G. Hinton and R. Salakhutdinov, Reducing the dimensionality of data with neural networks,
    Science 2006 (figures 3 and 4: a code of two numbers beside PCA, and beside LSA).
    L. van der Maaten and G. Hinton, Visualizing data using t-SNE, JMLR 2008.
    L. McInnes, J. Healy, J. Melville, UMAP: uniform manifold approximation and projection for
    dimension reduction, 2018.

    Examples
    --------
    >>> with aesearch.open("indexes/images") as index:      # doctest: +SKIP
    ...     map_of(index, "tsne").places
    """
    if by not in METHODS:
        raise ParameterError(f"by must be one of {', '.join(METHODS)}; got {by!r}")
    material = (_Pictures if index.kind == IMAGES else _Documents)(index, progress)
    count = len(material.items)
    if count < FEWEST:
        raise UnsupportedError(
            f"{index.name} holds {counted(count, NOUNS[index.kind])}; a map needs at least {FEWEST}"
        )
    own = material.encoder.code_size == 2
    if by == "auto":
        by = "code" if own or count >= FEWEST_TO_FIT else "pca"
    if by == "code":
        first = material.own() if own else material.learned()
    else:
        first = laid_out(material.codes, by, material.seed, progress)
    panels, baseline = [first], material.baseline()
    if (first.method, first.title) != (baseline.method, baseline.title):
        panels.append(baseline)
    groups = material.groups
    numbers = label_numbers(groups)
    if numbers is not None:
        panels = [
            Panel(p.method, p.title, p.places, neighbour_accuracy(p.places, numbers))
            for p in panels
        ]
    keys = [item.key for item in material.items]
    return Map(index.name, index.kind, material.ids, keys, groups, tuple(panels))


class _Material(ABC):
    """The items of an index, and what can be had of them."""

    groups: list[str]  # folder or label of each item, "" where it has none

    def __init__(self, index: Index, progress: Progress) -> None:
        self.index, self.progress = index, progress
        self.seed = index.settings.seed
        self.encoder, self.features = index.encoder, index.features
        with index.store.reading():
            self._read_store()

    def _read_store(self) -> None:
        """Read what must be of one state of the index; the rest takes long."""
        store = self.index.store
        self.items: list[Item] = list(store.items())
        ids, codes = store.codes()
        documents = ids <= DOCUMENT  # and not passages
        self.ids, self.codes = ids[documents], codes[documents]
        if self.ids.tolist() != [item.id for item in self.items]:
            raise DamagedError(
                f"{store.path} lacks the codes of some items; 'aesearch index SOURCE --retrain' "
                "makes them anew"
            )

    @abstractmethod
    def own(self) -> Panel:
        """Return the latent codes of the index's own encoder, which have two numbers."""

    @abstractmethod
    def baseline(self) -> Panel:
        """Return the linear layout."""

    def learned(self) -> Panel:
        """Train an encoder to two numbers, on the codes."""
        epochs = int(np.clip(SHOWN // len(self.codes), FEWEST_EPOCHS, MOST_EPOCHS))
        encoder = NeighborEncoder(2, epochs=epochs, random_state=self.seed, **QUICK)
        encoder.fit(self.codes, session=self._session())
        return Panel("learned", "autoencoder, code of 2 numbers", plane_of(encoder, self.codes))

    def _session(self) -> Session:
        return Session(progress=lambda done, _: self.progress("learning the map", done, 1.0))

    def _own_panel(self, latents: Floats) -> Panel:
        kind = self.encoder.manifest["kind"]
        return Panel("code", f"{kind}, the code of 2 numbers of this index", latents)


class _Pictures(_Material):
    """Pictures, read again where their pixels are needed."""

    def _read_store(self) -> None:
        super()._read_store()
        self.groups = folder_names([item.key for item in self.items])
        self.by_hand = {item.key: png for item, png in self.index.store.kept()}

    def own(self) -> Panel:
        latents = np.full((len(self.items), 2), np.nan, dtype=np.float32)
        for rows, pixels in self._read():
            latents[rows] = self.encoder.encode_with_latents(pixels)[1]
        present = int(np.isfinite(latents[:, 0]).sum())
        if present < FEWEST:
            raise ContentError(
                f"{present} of {len(self.items):,} pictures in {self.index.source} can be read "
                "again, and the index keeps no codes before they are brought to unit length; "
                "bring the pictures back, or choose another layout: --by pca"
            )
        return self._own_panel(latents)

    def baseline(self) -> Panel:
        if len(self.items) <= MOST_PICTURES:
            parts = list(self._read())
            rows = np.concatenate([np.empty(0, dtype=np.int64), *(rows for rows, _ in parts)])
            if len(rows) > len(self.items) // 2:
                pixels = np.concatenate([pixels for _, pixels in parts])
                pca = PCAEncoder(2, whiten=0, random_state=self.seed).fit(pixels)
                places = np.full((len(self.items), 2), np.nan, dtype=np.float32)
                places[rows] = plane_of(pca, pixels)
                return Panel("pca", "PCA of the pixels, 2 components", places)
        return laid_out(self.codes, "pca", self.seed, self.progress)

    def _read(self) -> Iterator[tuple[Ids, Pixels]]:
        """Yield the rows and pixels of the pictures that can be read, in batches."""
        rows: list[int] = []
        samples: list[Pixels] = []
        read = 0
        for row, sample in self._samples():
            rows.append(row)
            samples.append(sample)
            if len(rows) == BATCH:
                yield np.array(rows), self.features.stack(samples)
                read, rows, samples = read + BATCH, [], []
        if rows:
            yield np.array(rows), self.features.stack(samples)
        if gone := len(self.items) - read - len(rows):
            warnings.warn(
                f"{gone:,} of {len(self.items):,} pictures cannot be read again and are not drawn "
                "where their pixels are needed",
                stacklevel=2,
            )

    def _samples(self) -> Iterator[tuple[int, Pixels]]:
        numbers = {item.key: row for row, item in enumerate(self.items)}
        for key, png in self.by_hand.items():
            yield numbers[key], self.features.transform(png)
        walked = [item for item in self.items if item.key not in self.by_hand]
        entries = [Entry(item.key, item.size, item.mtime_ns) for item in walked]
        try:
            source = Folder(self.index.source)
        except SourceError:
            return
        for one in decode(source, entries, self.features.read, self.progress):
            if one.sample is not None:
                yield numbers[one.entry.key], one.sample


class _Documents(_Material):
    """Documents, whose texts the index keeps."""

    def _read_store(self) -> None:
        super()._read_store()
        labels = self.index.store.labels()
        self.groups = [labels.get(item.id, "") for item in self.items]

    @cached_property
    def words(self) -> Any:
        """The weighted words of all documents, a row each: a CSR matrix."""
        self.progress("counting words", 0, len(self.items))
        features = self.features
        corpus = stored_corpus(self.index.store, self.index.settings, features)
        if features.weighting == "counts":  # how often a word occurs says little by itself
            features = features_for(corpus, "log-entropy")
        numbers = {item.key: row for row, item in enumerate(corpus.items)}
        order = np.array([numbers.get(item.key, -1) for item in self.items])
        if order.min() < 0:
            raise self._changed()
        self.progress("counting words", len(self.items), len(self.items))
        return csr_of(corpus.seen(corpus.samples, features)[order])

    def own(self) -> Panel:
        parts = []
        items = self.items
        for start in range(0, len(items), BATCH):
            ids = [item.id for item in items[start : start + BATCH]]
            kept = self.index.store.texts_of(ids)
            if len(kept) < len(ids):
                raise self._changed()
            rows = self.features.transform([kept[id].text for id in ids])
            parts.append(self.encoder.encode_with_latents(rows)[1])
            self.progress("encoding", start + len(ids), len(items))
        return self._own_panel(np.concatenate(parts))

    def learned(self) -> Panel:
        """Train an encoder to two numbers on the words, or of very many documents on the codes."""
        if len(self.items) > MOST_LEARNED:
            return super().learned()
        encoder = TextEncoder(2, random_state=self.seed)
        encoder.fit(self.words, session=self._session())
        return Panel("learned", "autoencoder, code of 2 numbers", plane_of(encoder, self.words))

    def _changed(self) -> LockedError:
        return LockedError(f"{self.index.name} was changed while it was read; try again")

    def baseline(self) -> Panel:
        if len(self.items) > MOST_COUNTED:
            return laid_out(self.codes, "pca", self.seed, self.progress)
        lsa = LSAEncoder(2, random_state=self.seed).fit(self.words)
        return Panel("lsa", "LSA, 2 components", plane_of(lsa, self.words))
