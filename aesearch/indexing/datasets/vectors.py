"""Vectors of a collection in memory: rows of unit length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from aesearch.errors import SourceError
from aesearch.indexing.datasets.base import Dataset, Gathered, Reading, room
from aesearch.ingest.decode import decode_one
from aesearch.ingest.vectors import keep_fields
from aesearch.modalities.vectors import Vectors
from aesearch.modalities.vectors.features import VectorFeatures, array_of, unit_rows
from aesearch.settings import FEWEST_TO_FIT
from aesearch.sources.base import Entry, Source
from aesearch.types import Floats, Ids

if TYPE_CHECKING:
    from aesearch.storage.database import Store

PROBED = 64  # files from which the width is told
MIXED = 32  # vectors of which a random direction is made
MEASURED = 2000  # vectors between which distances are measured
COMPARED = 512 << 20  # bytes of vectors that are compared as they are
NOISE = 1.0  # length of the noise, in median distances of nearest neighbors


@dataclass
class VectorDataset(Dataset):
    """Vectors: `rows` is float32 of shape (n, size), of unit length."""

    kind: ClassVar[str] = Vectors.name
    fewest_to_fit: ClassVar[int] = FEWEST_TO_FIT
    rows: Floats = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))
    fields: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, reading: Reading) -> Self:
        """Read all vectors: a row of a file at a time, so that it is never held twice."""
        source = reading.source
        features: VectorFeatures = reading.features or features_of(source, reading.entries)
        rows = room((len(reading.entries) + len(reading.by_hand), features.size), np.float32)
        row = 0

        def keep(sample: Floats) -> None:
            nonlocal row
            rows[row] = unit_rows(sample[None])[0]
            row += 1

        for _, content in reading.by_hand:
            keep(features.read_row(content))
        read = Vectors().reader(features, plain=source.plain)
        found = reading.gather(read, keep, [item for item, _ in reading.by_hand], features)
        _require(found, source)
        keys = [item.key for item in found.items]
        labels, fields = source.labels(keys), source.fields(keys)
        return cls(*found, labels, features, rows[: len(keys)], fields)

    @property
    def samples(self) -> Floats:
        """The rows."""
        return self.rows

    def perturbed(self, rows: Ids, seed: int) -> Floats:
        """Return noisy copies, of unit length; see `noisy`."""
        return noisy(self.rows, rows, seed)

    def seen(self, samples: Floats, features: VectorFeatures) -> Floats:
        """Return the rows as they are."""
        return samples

    def own_codes(self, samples: Floats) -> Floats | None:
        """Return the rows as they are, whose cosine is what they are usually compared by.

        Of very many that would take longer than all the rest.
        """
        return samples if self.rows.nbytes <= COMPARED else None

    def keep(self, store: Store, ids: Ids) -> None:
        """Keep labels and fields."""
        keep_fields(store, ids.tolist(), self.labels, self.fields)


def _require(found: Gathered, source: Source) -> None:
    """Raise SourceError where nothing can be read, with the reason of the first item."""
    if not found.items:
        first = next(iter(found.skipped), None)
        reason = f": {first.key}: {first.reason}" if first else ""
        raise SourceError(f"{source.root} holds no vector that can be used{reason}")


def features_of(source: Source, entries: Sequence[Entry]) -> VectorFeatures:
    """Choose the width: that of most vectors, by a look at a few.

    Raises
    ------
    SourceError
        If none of them can be read.
    """
    sizes: Counter[int] = Counter()
    reason = ""
    for entry in entries[:: max(1, len(entries) // PROBED)][:PROBED]:
        one = decode_one(source, entry, _length_of_row if source.plain else _length_of_file)
        sizes[one.sample or 0] += 1
        reason = reason or (f"{entry.key}: {one.reason}" if one.reason else "")
    del sizes[0]
    if not sizes:
        hint = f": {reason}" if reason else "; name .npy files"
        raise SourceError(f"{source.root} holds no vector that can be read{hint}")
    return VectorFeatures(sizes.most_common(1)[0][0])


def _length_of_row(content: bytes, _: str) -> int:
    return len(content) // 4


def _length_of_file(content: bytes, _: str) -> int:
    array = array_of(content)
    is_one = array.ndim == 1 or (array.ndim == 2 and len(array) == 1)
    return array.size if is_one else 0


def noisy(vectors: Floats, rows: Ids, seed: int, share: float = NOISE) -> Floats:
    """Return copies of some vectors with noise that points where the vectors differ.

    The noise is normal, with the covariance of the vectors (a random combination of some of
    them), and as long as the median distance between nearest neighbors: noise of equal size in
    all dimensions would mostly lie where a code of fewer dimensions does not even look.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Of unit length.
    rows : ndarray of int64, shape (m,)
        Those that are copied.
    seed : int
    share : float
        Length of the noise, in these distances.

    Returns
    -------
    ndarray of float32, shape (m, d), of unit length
    """
    if not len(rows):
        return np.empty((0, vectors.shape[1]), dtype=np.float32)
    rng = np.random.default_rng(seed)
    count = len(vectors)
    sample = vectors[np.sort(rng.permutation(count)[:MEASURED])]
    centred = sample - sample.mean(axis=0)
    weights = rng.standard_normal((len(rows), MIXED), dtype=np.float32)
    chosen = rng.integers(len(sample), size=(len(rows), MIXED))
    noise = np.stack([w @ centred[c] for w, c in zip(weights, chosen, strict=True)])
    usual = float(np.sqrt(np.square(noise).sum(axis=1).mean()))
    length = share * neighbor_distance(sample)
    copies = vectors[rows] + noise * (length / max(usual, 1e-12))
    return unit_rows(copies.astype(np.float32))


def neighbor_distance(sample: Floats) -> float:
    """Return the median distance of unit vectors to the nearest other that differs."""
    if len(sample) < 2:
        return 0.0
    squares = np.maximum(2 - 2 * sample @ sample.T, 0)
    squares[squares < 1e-6] = np.inf  # itself, and copies
    nearest = np.sqrt(squares.min(axis=1))
    known = nearest[np.isfinite(nearest)]
    return float(np.median(known)) if len(known) else 0.0
