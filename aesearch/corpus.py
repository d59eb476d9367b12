"""All pictures of a collection in memory, those kept out of training last."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from aesearch.errors import SourceError
from aesearch.features.images import ImageFeatures, Pixels
from aesearch.ingest import Progress, decode, silent
from aesearch.records import NewItem, Skipped
from aesearch.sources import Entry

# Above this the pictures lie in an unnamed file, which the system may push out of memory.
IN_MEMORY = 2 << 30
KEPT_OUT = 1000
FEW = 500


@dataclass
class Corpus:
    """What is learned from, and what the learning is checked on.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n, side, side, channels)
    items : list of NewItem
        One for each picture.
    skipped : list of Skipped
        Files that are no picture, or could not be read.
    training : int
        The first so many are learned from; the others are kept out.
    """

    pixels: Pixels
    items: list[NewItem]
    skipped: list[Skipped]
    training: int

    def __len__(self) -> int:
        return len(self.items)

    @property
    def kept_out(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Rows that were kept out."""
        return np.arange(self.training, len(self.items))


def is_kept_out(key: str, count: int) -> bool:
    """Return whether an item is kept out of training: by its key, so that a resumed run agrees.

    A tenth, or a fifth of a small collection, and about a thousand of a large one.
    """
    share = 5 if count < FEW else max(10, count // KEPT_OUT)
    return xxhash.xxh3_64_intdigest(key.encode()) % share == 0


def read_corpus(
    root: Path,
    entries: Sequence[Entry],
    features: ImageFeatures,
    *,
    by_hand: Sequence[tuple[NewItem, bytes]] = (),
    progress: Progress = silent,
) -> Corpus:
    """Decode a whole collection.

    Parameters
    ----------
    root : Path
        Folder of the files.
    entries : sequence of Entry
    features : ImageFeatures
    by_hand : sequence of (NewItem, bytes)
        Items without a file, with their kept pictures.
    progress : callable

    Raises
    ------
    SourceError
        If not one file is a picture.
    """
    count = len(entries)
    ordered = [e for e in entries if not is_kept_out(e.key, count)]
    first_kept = len(ordered)
    ordered += [e for e in entries if is_kept_out(e.key, count)]
    pixels = _room(count + len(by_hand), features)
    items: list[NewItem] = []
    skipped: list[Skipped] = []
    for item, png in by_hand:
        pixels[len(items)] = features.transform(png)
        items.append(item)
    training = 0
    for n, one in enumerate(decode(root, ordered, features, progress)):
        if n == first_kept:
            training = len(items)
        if one.pixels is None:
            skipped.append(one.skipped())
        else:
            pixels[len(items)] = one.pixels
            items.append(one.item())
    if first_kept == len(ordered):
        training = len(items)
    if training == len(items) > 1:  # a handful of keys may all fall on one side
        training -= 1
    if not items:
        raise SourceError(
            f"{root} holds no picture that can be read ({len(skipped)} other files); name the "
            "folder that holds the pictures"
        )
    return Corpus(pixels[: len(items)], items, skipped, training)


def _room(count: int, features: ImageFeatures) -> Pixels:
    shape = (count, *features.shape)
    if np.prod(shape, dtype=np.int64) <= IN_MEMORY:
        return np.empty(shape, dtype=np.uint8)
    with tempfile.TemporaryFile() as scratch:  # gone as soon as nobody maps it
        return np.memmap(scratch, dtype=np.uint8, mode="w+", shape=shape)
