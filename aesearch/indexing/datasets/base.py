"""All items of a collection in memory, those held out of training last."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import xxhash
from numpy.typing import DTypeLike

from aesearch.errors import SourceError
from aesearch.ingest.decode import decode
from aesearch.ingest.passages import PassageCodes, encode_passages
from aesearch.modalities import Modality, Read, modality
from aesearch.sources.base import Entry, Source
from aesearch.sources.open import open_source
from aesearch.storage.schema import NewItem, Skipped
from aesearch.types import Array, Floats, Ids, Progress, silent
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.inference.encoder import FrozenEncoder
    from aesearch.ingest.spool import Spool
    from aesearch.modalities.texts.passages import Passage
    from aesearch.settings import Settings
    from aesearch.storage.database import Store
    from aesearch.storage.folder import IndexFolder

KEPT_OUT = 1000
# Bytes above which samples lie in an unnamed file, which the system may push out of memory.
IN_MEMORY = 2 << 30
FEW = 500


@dataclass
class Dataset(ABC):
    """What is learned from, and what the learning is checked on.

    Attributes
    ----------
    items : list of NewItem
    skipped : list of Skipped
        Files that are no item, or could not be read.
    training : int
        The first so many are learned from; the others are held out.
    labels : list of str
        Of each item: its folder, or what its table says; "" where there is none.
    features : Features
        Those that the collection was read with.
    """

    kind: ClassVar[str]
    fewest_to_fit: ClassVar[int] = 0  # items; with fewer the baseline is not even fitted

    items: list[NewItem]
    skipped: list[Skipped]
    training: int
    labels: list[str]
    features: Any

    @classmethod
    @abstractmethod
    def read(cls, reading: Reading) -> Self:
        """Read a whole collection.

        Raises
        ------
        SourceError
            If nothing in it can be read.
        """

    @classmethod
    def again(
        cls,
        folder: IndexFolder,
        features: Any,
        progress: Progress = silent,
        source: Source | None = None,
    ) -> Self:
        """Read all items of an index once more: for a training that goes on, or was asked for.

        Parameters
        ----------
        folder : IndexFolder
        features : Features or None
            To read them with; None chooses them anew.
        progress : callable
        source : Source, optional
            Where they are, if it is open; what was in memory cannot be opened again.
        """
        folder.modality.warm_up()
        entries = [Entry(i.key, i.size, i.mtime_ns) for i in folder.items() if not i.added]
        if source is None:
            columns = folder.card.columns or None
            source = open_source(folder.source, columns, kind=folder.card.kind)
        by_hand = folder.store.added_contents()
        return cls.read(Reading.of(source, entries, folder.settings, features, by_hand, progress))

    def __len__(self) -> int:
        return len(self.items)

    @property
    def modality(self) -> Modality:
        """What differs for this kind."""
        return modality(self.kind)

    def code_size(self, wanted: int) -> int:
        """Return the dimensions of a code, where so many are wanted."""
        return min(wanted, self.modality.most_dimensions(self.features) or wanted)

    @property
    def held_out(self) -> Ids:
        """Rows that were held out."""
        return np.arange(self.training, len(self.items))

    @property
    @abstractmethod
    def samples(self) -> Any:
        """What was read of each item, before features weigh it."""

    @abstractmethod
    def perturbed(self, rows: Ids, seed: int) -> Any:
        """Return perturbed copies of some samples, in the form of `samples`."""

    def perturbed_texts(self, rows: Ids, seed: int) -> list[str]:
        """Return the texts of what `perturbed` returns; none where items have no texts."""
        return []

    def texts(self, rows: Ids | None = None) -> list[str]:
        """Return the texts of some items, or of all; none where items have no texts."""
        return []

    def described(self, row: int, length: int) -> str:
        """Return the key of an item, and in about `length` characters what it is about."""
        return self.items[row].key

    def spans(self) -> list[tuple[int, Passage]]:
        """Return the passages of those items that are long, each with the row of its item."""
        return []

    @abstractmethod
    def seen(self, samples: Any, features: Any) -> Any:
        """Return samples as an encoder sees them: an array of pictures, or SparseRows."""

    def own_codes(self, samples: Any) -> Floats | None:
        """Return what samples would be compared by without an encoder, if they can be."""
        return None

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

    def notes(
        self, codes: Floats, features: Any, encoder: FrozenEncoder, seed: int
    ) -> dict[str, Any]:
        """Return what else the check finds out about the encoder that won, and gave the codes."""
        return {}

    @abstractmethod
    def keep(self, store: Store, ids: Ids) -> None:
        """Write into the store what must be kept of the items beside their codes."""


def is_held_out(key: str, count: int) -> bool:
    """Return whether an item is held out of training: by its key, so that a resumed run agrees.

    A tenth, or a fifth of a small collection, and about a thousand of a large one.
    """
    share = 5 if count < FEW else max(10, count // KEPT_OUT)
    return xxhash.xxh3_64_intdigest(key.encode()) % share == 0


@dataclass(frozen=True)
class Reading:
    """What is to be read, and how.

    Attributes
    ----------
    source : Source
    entries : list of Entry
        Of the source; those held out of training are last.
    first_held_out : int
        Place of the first of these.
    settings : Settings
    features : Features or None
        To read it with; None chooses them by a look at it.
    by_hand : sequence of (NewItem, bytes)
        Items without a file, with what was kept of them.
    progress : callable
    spool : Spool or None
        Keeps what is read, so that an interrupted reading goes on.
    """

    source: Source
    entries: list[Entry]
    first_held_out: int
    settings: Settings
    features: Any = None
    by_hand: Sequence[tuple[NewItem, bytes]] = ()
    progress: Progress = silent
    spool: Spool | None = None

    @classmethod
    def of(
        cls,
        source: Source,
        entries: Sequence[Entry],
        settings: Settings,
        features: Any = None,
        by_hand: Sequence[tuple[NewItem, bytes]] = (),
        progress: Progress = silent,
        spool: Spool | None = None,
    ) -> Reading:
        """Hold some entries out of training, and put these last.

        Both parts are in the order of their keys: what is drawn at random in a training, and the
        sums of a decomposition, do not depend on the order in which a folder is listed.
        """
        count = len(entries)
        held_out = {e.key for e in entries if is_held_out(e.key, count)}
        ordered = sorted(entries, key=lambda e: (e.key in held_out, e.key))
        first = sum(e.key not in held_out for e in ordered)
        return cls(source, ordered, first, settings, features, by_hand, progress, spool)

    def gather(
        self,
        read: Read,
        keep: Callable[[Any], None],
        by_hand: Sequence[NewItem] = (),
        features: Any = None,
    ) -> Gathered:
        """Decode all entries; `keep` takes each sample, which `read` makes with these features.

        Raises
        ------
        SourceError
            If none can be read.
        """
        items = list(by_hand)
        skipped: list[Skipped] = []
        training = -1
        spool = self.spool and self.spool.begin(features)
        for n, one in enumerate(decode(self.source, self.entries, read, self.progress, spool)):
            if n == self.first_held_out:
                training = len(items)
            if one.sample is None:
                skipped.append(one.skipped())
            else:
                keep(one.sample)
                items.append(one.item())
        if training < 0:
            training = len(items)
        if training == len(items) > 1:  # a handful of keys may all fall on one side
            training -= 1
        return Gathered(items, skipped, training)


class Gathered(NamedTuple):
    """What was read: items, the ledger, and how many are learned from."""

    items: list[NewItem]
    skipped: list[Skipped]
    training: int

    def require(self, source: Source, noun: str) -> None:
        """Raise SourceError if nothing could be read."""
        if not self.items:
            others = counted(len(self.skipped), "other file")
            raise SourceError(
                f"{source.root} holds no {noun} that can be read ({others}); name the folder that "
                f"holds the {noun}s"
            )


def room(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return an empty array for samples; of very many, in an unnamed file."""
    if np.prod(shape, dtype=np.int64) * np.dtype(dtype).itemsize <= IN_MEMORY:
        return np.empty(shape, dtype=dtype)
    with tempfile.TemporaryFile() as scratch:  # gone as soon as nobody maps it
        return np.memmap(scratch, dtype=dtype, mode="w+", shape=shape)


def read_dataset(
    source: Source,
    entries: Sequence[Entry],
    kind: str,
    settings: Settings,
    *,
    features: Any = None,
    progress: Progress = silent,
    spool: Spool | None = None,
) -> Dataset:
    """Read a whole collection.

    Parameters
    ----------
    source : Source
    entries : sequence of Entry
        Of the source.
    kind : str
        Name of the modality.
    settings : Settings
    features : Features, optional
        To read it with; by default they are chosen by a look at it.
    progress : callable
    spool : Spool, optional
        Keeps what is read.

    Raises
    ------
    SourceError
        If nothing in it can be read.
    """
    dataset: type[Dataset] = modality(kind).part("dataset")
    return dataset.read(Reading.of(source, entries, settings, features, (), progress, spool))
