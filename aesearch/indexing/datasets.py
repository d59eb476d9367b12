"""All items of a collection in memory, those kept out of training last."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xxhash

from aesearch.errors import SourceError
from aesearch.evaluation.perturbations import perturbed
from aesearch.indexing.hybrid_weight import check_words, openings_of
from aesearch.ingest.decode import Decoded, decode, probe
from aesearch.ingest.passages import PassageCodes, encode_passages
from aesearch.modalities import IMAGES, TEXTS
from aesearch.modalities.texts.extract import Document
from aesearch.modalities.texts.passages import half_of
from aesearch.settings import FEWEST_TO_FIT
from aesearch.sources.base import Entry, Source
from aesearch.sources.table import document_reader
from aesearch.sparse import Bags
from aesearch.storage.schema import KeptText, NewItem, Skipped
from aesearch.types import Ids, Progress, silent
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.inference.encoder import FrozenEncoder
    from aesearch.modalities.images.pixels import ImageFeatures
    from aesearch.modalities.texts.features import TextFeatures
    from aesearch.settings import Settings
    from aesearch.storage.database import Store
    from aesearch.types import Pixels

# Above this the pictures lie in an unnamed file, which the system may push out of memory.
IN_MEMORY = 2 << 30
KEPT_OUT = 1000
FEW = 500


@dataclass
class Corpus(ABC):
    """What is learned from, and what the learning is checked on.

    Attributes
    ----------
    items : list of NewItem
    skipped : list of Skipped
        Files that are no item, or could not be read.
    training : int
        The first so many are learned from; the others are kept out.
    labels : list of str
        Of each item: its folder, or what its table says; "" where there is none.
    features : Features
        Those that the collection was read with.
    """

    kind: ClassVar[str]

    items: list[NewItem]
    skipped: list[Skipped]
    training: int
    labels: list[str]
    features: Any

    def __len__(self) -> int:
        return len(self.items)

    @property
    def kept_out(self) -> Ids:
        """Rows that were kept out."""
        return np.arange(self.training, len(self.items))

    @property
    @abstractmethod
    def samples(self) -> Any:
        """What was read of each item, before features weigh it."""

    @abstractmethod
    def distorted(self, rows: Ids, seed: int) -> Any:
        """Return distorted copies of some samples, in the form of `samples`."""

    @abstractmethod
    def seen(self, samples: Any, features: Any) -> Any:
        """Return samples as an encoder sees them: an array of pictures, or Bags."""

    def openings(self, rows: Ids) -> tuple[Ids, Any, Any] | None:
        """Return those of some items that a second check can ask about, or None without one.

        Returns
        -------
        rows, openings, rests : ndarray of int64, and two in the form of `samples`
            What each item begins with must find the rest of it.
        """
        return None

    def passages(self, features: Any, encoder: FrozenEncoder) -> PassageCodes:
        """Return the codes of the passages of those items that are long."""
        return encode_passages([], features, encoder)

    def notes(self, features: Any, encoder: FrozenEncoder, seed: int) -> dict[str, Any]:
        """Return what else the check finds out about the encoder that won."""
        return {}

    @abstractmethod
    def keep(self, store: Store, ids: Ids) -> None:
        """Write into the store what must be kept of the items beside their codes."""


@dataclass
class PictureCorpus(Corpus):
    """Pictures: `pixels` is uint8 of shape (n, side, side, channels)."""

    kind: ClassVar[str] = IMAGES
    pixels: Pixels = field(default_factory=lambda: np.empty((0, 0, 0, 0), dtype=np.uint8))

    @property
    def samples(self) -> Pixels:
        """The pixels."""
        return self.pixels

    def distorted(self, rows: Ids, seed: int) -> Pixels:
        """Return pictures with a border lost, other light, blurred or recompressed."""
        return perturbed(self.pixels[rows], seed)

    def seen(self, samples: Pixels, features: Any) -> Pixels:
        """Return the pixels as they are."""
        return samples

    def keep(self, store: Store, ids: Ids) -> None:
        """Keep nothing: pictures are in their files."""


@dataclass
class TextCorpus(Corpus):
    """Documents: `counts` says how often each term occurs in each, of shape (n, terms)."""

    kind: ClassVar[str] = TEXTS
    documents: list[Document] = field(default_factory=list)
    counts: Bags = field(default_factory=lambda: Bags.stack([]))

    @property
    def samples(self) -> Bags:
        """The counts."""
        return self.counts

    def distorted(self, rows: Ids, seed: int) -> Bags:
        """Return the counts of a random half of the sentences of each document."""
        halves = (half_of(self.documents[row].text, seed) for row in rows)
        counts: Bags = self.features.count(halves)
        return counts

    def openings(self, rows: Ids) -> tuple[Ids, Bags, Bags] | None:
        """Return the counts of the first words of long documents, and of the rests of them."""
        cut = openings_of(self.documents, rows, self.features.language)
        if cut is None:
            return None
        return cut.rows, self.features.count(cut.questions), self.features.count(cut.rests)

    def seen(self, samples: Bags, features: TextFeatures) -> Bags:
        """Return the counts, weighted."""
        return features.weigh(samples)

    def passages(self, features: TextFeatures, encoder: FrozenEncoder) -> PassageCodes:
        """Return the codes of the passages of long documents."""
        return encode_passages(self.documents, features, encoder)

    def notes(self, features: Any, encoder: FrozenEncoder, seed: int) -> dict[str, Any]:
        """Return "words", what `hybrid_check.check_words` finds out, and "hybrid", what follows."""
        found = check_words(self.documents, features, encoder, seed)
        return {"words": asdict(found), "hybrid": found.helps}

    def keep(self, store: Store, ids: Ids) -> None:
        """Keep the plain text: for snippets, and to learn from without the files."""
        store.keep_texts(
            KeptText(int(id), document.title, document.text, label)
            for id, document, label in zip(ids, self.documents, self.labels, strict=True)
        )


def is_kept_out(key: str, count: int) -> bool:
    """Return whether an item is kept out of training: by its key, so that a resumed run agrees.

    A tenth, or a fifth of a small collection, and about a thousand of a large one.
    """
    share = 5 if count < FEW else max(10, count // KEPT_OUT)
    return xxhash.xxh3_64_intdigest(key.encode()) % share == 0


def read_corpus(
    source: Source,
    entries: Sequence[Entry],
    kind: str,
    settings: Settings,
    *,
    features: Any = None,
    by_hand: Sequence[tuple[NewItem, bytes]] = (),
    progress: Progress = silent,
) -> Corpus:
    """Read a whole collection.

    Parameters
    ----------
    source : Source
    entries : sequence of Entry
        Of the source.
    kind : str
        'images' or 'texts'.
    settings : Settings
    features : Features, optional
        To read it with; by default they are chosen by a look at it.
    by_hand : sequence of (NewItem, bytes)
        Items without a file, with what was kept of them.
    progress : callable

    Raises
    ------
    SourceError
        If nothing in it can be read.
    """
    count = len(entries)
    ordered = [e for e in entries if not is_kept_out(e.key, count)]
    first_kept = len(ordered)
    ordered += [e for e in entries if is_kept_out(e.key, count)]
    read = _read_pictures if kind == IMAGES else _read_documents
    return read(source, ordered, first_kept, settings, features, by_hand, progress)


def _read_pictures(
    source: Source,
    entries: Sequence[Entry],
    first_kept: int,
    settings: Settings,
    features: ImageFeatures | None,
    by_hand: Sequence[tuple[NewItem, bytes]],
    progress: Progress,
) -> PictureCorpus:
    features = features or probe(source, entries)
    pixels = _room(len(entries) + len(by_hand), features)
    for row, (_, png) in enumerate(by_hand):
        pixels[row] = features.transform(png)
    place = len(by_hand)

    def keep(one: Decoded) -> None:
        nonlocal place
        pixels[place] = one.sample
        place += 1

    decoded = decode(source, entries, features.read, progress)
    items, skipped, training = _gather(decoded, by_hand, first_kept, keep)
    _require(items, skipped, source, "picture")
    labels = source.labels([item.key for item in items])
    return PictureCorpus(items, skipped, training, labels, features, pixels[: len(items)])


def _read_documents(
    source: Source,
    entries: Sequence[Entry],
    first_kept: int,
    settings: Settings,
    features: TextFeatures | None,
    by_hand: Sequence[tuple[NewItem, bytes]],
    progress: Progress,
) -> TextCorpus:
    documents: list[Document] = []
    decoded = decode(source, entries, document_reader(source), progress)
    items, skipped, training = _gather(
        decoded, [], first_kept, lambda one: documents.append(one.sample)
    )
    _require(items, skipped, source, "document")
    if len(items) < FEWEST_TO_FIT:  # nothing will be checked: no word has to stay unknown
        training = len(items)
    labels = source.labels([item.key for item in items])
    progress("counting words", 0, len(items))
    corpus = _counted(items, skipped, training, labels, documents, settings, features)
    progress("counting words", len(items), len(items))
    return corpus


def stored_corpus(store: Store, settings: Settings, features: TextFeatures | None) -> TextCorpus:
    """Return the documents of an index as they were kept; no file is read."""
    rows = store.documents()
    rows.sort(key=lambda row: is_kept_out(row[0].key, len(rows)))
    items = [item for item, _ in rows]
    training = sum(not is_kept_out(item.key, len(rows)) for item in items)
    training = min(training, max(1, len(items) - 1))
    labels = [kept.label for _, kept in rows]
    documents = [Document(kept.text, kept.title) for _, kept in rows]
    return _counted(items, [], training, labels, documents, settings, features)


def _counted(
    items: list[NewItem],
    skipped: list[Skipped],
    training: int,
    labels: list[str],
    documents: list[Document],
    settings: Settings,
    features: TextFeatures | None,
) -> TextCorpus:
    from aesearch.modalities.texts.features import fit_features

    texts = [document.text for document in documents]
    if features is None:
        weighting = "log-entropy" if settings.weighting == "auto" else settings.weighting
        features, counts = fit_features(
            texts, training, vocabulary=settings.vocabulary, weighting=weighting
        )
    else:
        counts = features.count(texts)
    if not features.terms:
        raise SourceError(
            f"no words to compare by (documents read: {len(texts)}): they hold stop words, single "
            "letters or nothing"
        )
    return TextCorpus(items, skipped, training, labels, features, documents, counts)


def _gather(
    decoded: Iterable[Decoded],
    by_hand: Sequence[tuple[NewItem, bytes]],
    first_kept: int,
    keep: Any,
) -> tuple[list[NewItem], list[Skipped], int]:
    """Return the items, the ledger, and how many are learned from; `keep` takes each sample."""
    items = [item for item, _ in by_hand]
    skipped: list[Skipped] = []
    training = -1
    for n, one in enumerate(decoded):
        if n == first_kept:
            training = len(items)
        if one.sample is None:
            skipped.append(one.skipped())
        else:
            keep(one)
            items.append(one.item())
    if training < 0:
        training = len(items)
    if training == len(items) > 1:  # a handful of keys may all fall on one side
        training -= 1
    return items, skipped, training


def _require(items: list[NewItem], skipped: list[Skipped], source: Source, noun: str) -> None:
    if not items:
        others = counted(len(skipped), "other file")
        raise SourceError(
            f"{source.root} holds no {noun} that can be read ({others}); name the folder that "
            f"holds the {noun}s"
        )


def _room(count: int, features: ImageFeatures) -> Pixels:
    shape = (count, *features.shape)
    if np.prod(shape, dtype=np.int64) <= IN_MEMORY:
        return np.empty(shape, dtype=np.uint8)
    with tempfile.TemporaryFile() as scratch:  # gone as soon as nobody maps it
        return np.memmap(scratch, dtype=np.uint8, mode="w+", shape=shape)
