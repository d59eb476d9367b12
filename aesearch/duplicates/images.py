"""Candidate pairs of pictures: nearest descriptors, then each pair registered and compared."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import xxhash

from aesearch.duplicates.descriptors import (
    DescriptorProjection,
    gradient_features,
    mirrored_features,
    similarity,
)
from aesearch.duplicates.pairs import NO_PAIRS, Candidates, Pairs, joined, unique_pairs
from aesearch.duplicates.perturb import perturbed_copy
from aesearch.duplicates.registration import ROW, STEPS, agreement, mirrored, pack
from aesearch.engines.faiss import exact_neighbors
from aesearch.errors import ContentError, SourceError
from aesearch.ingest.decode import decode
from aesearch.ingest.differences import source_of
from aesearch.modalities.images.pixels import load_all_formats, open_picture, size_of
from aesearch.search.index import Index
from aesearch.sources.base import Entry, Source
from aesearch.sources.folder import Folder
from aesearch.storage.schema import Item
from aesearch.types import Bools, Floats, Ids, Pixels, Progress, silent

FINEST = max(STEPS)
IN_MEMORY = 2 << 30
LEARNED, EACH = 1000, 3  # pictures whose copies the descriptors are fitted to, and copies of each
MEASURED = 800  # copies to measure with, of other pictures where there are enough
SHRUNK = 256  # pixels of the longest side from which copies are made
FITTED = 20_000  # pictures of the covariance between pictures
FEWEST = 400  # copies, however few the pictures
NEAREST = 8  # candidates for each picture and for its mirror image; more where all are copies
LEAST_PAIRS = 20_000  # candidates at least: descriptors fitted to few pictures are weak
MOST_NEAREST = 1000
OUTSIDE = 0.004  # share of perturbed copies that each step may miss
CLEAR = 0.8  # agreement from which a pair counts as copies when more neighbors are taken
STRETCH = 4096  # pictures whose descriptors are made at a time
HELD = 50_000  # neighbors at a time
BATCH = 256  # pairs; most are rejected at the coarsest size
PER_THREAD = 4  # batches in flight


class _Files(Folder):
    """The files of an index; of one added manually, its contents in the database."""

    def __init__(self, root: Path, added: Mapping[str, bytes]) -> None:
        super().__init__(root)
        self.added = added

    def read(self, key: str) -> bytes:
        try:
            return super().read(key)
        except ContentError:
            if key in self.added:
                return self.added[key]
            raise


def find_candidates(index: Index, items: Sequence[Item], progress: Progress = silent) -> Candidates:
    """Find and score candidate pairs of the pictures of an index.

    Their files are read: the codes of an index tell what is similar, and too little of what is
    the same.

    Parameters
    ----------
    index : Index
    items : sequence of Item
        To compare, no two of the same content. Rows of the result are positions in it.
    progress : callable
    """
    load_all_formats()
    files: Source = (
        source_of(index.folder)
        if index.is_tabular
        else _Files(index.source, index.folder.added_contents())
    )
    with tempfile.TemporaryFile() as scratch:
        shape = (len(items), ROW)
        squares: Pixels = (
            np.zeros(shape, dtype=np.uint8)
            if len(items) * ROW <= IN_MEMORY
            else np.memmap(scratch, dtype=np.uint8, mode="w+", shape=shape)
        )
    unread = _read(files, items, squares, progress)
    good = np.array([n for n, item in enumerate(items) if item.key not in unread], dtype=np.int64)
    if len(good) < 2:
        return Candidates(NO_PAIRS, np.empty(0, np.float32), _scorer(squares), unread, size_of)
    mixed = np.random.default_rng(0).permutation(good)
    measured_on, learned_from = mixed[:MEASURED], mixed[MEASURED:][:LEARNED]
    if len(learned_from) < LEARNED:  # too few for two disjoint parts
        measured_on, learned_from = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
    each = max(EACH, -(-FEWEST // len(learned_from)))
    originals, copies = _perturbed(files, items, learned_from, each, 1, progress)
    finder = _Finder(squares, good, originals, copies)
    each = max(1, -(-MEASURED // 2 // len(measured_on)))
    originals, copies = _perturbed(files, items, measured_on, each, 2, progress)
    measured = _Measured(finder, squares, originals, copies)
    pairs = _all_pairs(finder, squares, measured, progress)
    return Candidates(pairs, measured.scores, _scorer(squares), unread, size_of)


def _read(
    files: Source, items: Sequence[Item], squares: Pixels, progress: Progress
) -> dict[str, str]:
    """Pack each picture into its row; those that cannot be compared, and why."""

    def read(content: bytes, _name: str) -> Pixels:
        return pack(open_picture(content))

    unread: dict[str, str] = {}
    decoded = decode(files, [Entry(i.key, i.size, i.mtime_ns) for i in items], read, progress)
    added = files.added if isinstance(files, _Files) else {}
    for row, (item, one) in enumerate(zip(items, decoded, strict=True)):
        if one.sample is None:
            unread[item.key] = one.reason
        elif one.digest != item.digest and item.key not in added:
            unread[item.key] = "changed since it was indexed: run 'aesearch index' again"
        else:
            squares[row] = one.sample
    return unread


def _perturbed(
    files: Source, items: Sequence[Item], rows: Ids, each: int, seed: int, progress: Progress
) -> tuple[Ids, Pixels]:
    """Rows, `each` times, and as many perturbed copies of them."""

    def read(content: bytes, name: str) -> list[Pixels]:
        own = [seed, xxhash.xxh3_64_intdigest(name.encode())]
        picture = open_picture(content)
        picture.thumbnail((SHRUNK, SHRUNK))
        changed = (perturbed_copy(picture, [*own, number]) for number in range(each))
        return [pack(copy) for copy in changed]

    def report(_stage: str, done: float, total: float) -> None:
        progress("perturbing", (seed - 1) * total + done, 2 * total)

    entries = [Entry(items[row].key, 0, 0) for row in rows.tolist()]
    perturbed = [one.sample for one in decode(files, entries, read, report)]
    present = [
        row for row, copies in zip(rows.tolist(), perturbed, strict=True) if copies is not None
    ]
    copies = [copy for own in perturbed if own is not None for copy in own]
    if not copies:
        raise SourceError(f"the files in {files.root} went away while they were compared")
    return np.repeat(np.array(present, dtype=np.int64), each), np.stack(copies)


class _Finder:
    """Descriptors of all pictures, and their nearest neighbors."""

    def __init__(self, squares: Pixels, good: Ids, originals: Ids, copies: Pixels) -> None:
        self.good = good
        self.rows = np.full(len(squares), -1, dtype=np.int64)
        self.rows[good] = np.arange(len(good))
        sample = np.random.default_rng(1).permutation(good)[:FITTED]
        self.projection = DescriptorProjection.fit(
            gradient_features(squares[np.sort(sample)]),
            gradient_features(squares[originals]),
            gradient_features(copies),
        )
        self.plain = np.empty((len(good), self.projection.axes.shape[1]), dtype=np.float32)
        self.flipped = np.empty_like(self.plain)
        for at in range(0, len(good), STRETCH):
            part = gradient_features(squares[good[at : at + STRETCH]])
            self.plain[at : at + STRETCH] = self.projection(part)
            self.flipped[at : at + STRETCH] = self.projection(mirrored_features(part))

    def near(
        self, queries: Ids, k: int, radius: float, *, flipped: bool
    ) -> Iterator[tuple[Ids, Ids]]:
        """Pairs of rows: of `queries`, and of the at most `k` nearest within the radius."""
        descriptors = self.flipped if flipped else self.plain
        k = min(k + 1, len(self.good))  # itself is among them
        step = max(1, HELD // k)
        for at in range(0, len(queries), step):
            own = self.rows[queries[at : at + step]]
            nearest = exact_neighbors(self.plain, descriptors[own], k)
            first, second = np.repeat(own, k), nearest.ravel()
            close = (second >= 0) & (second != first)
            first, second = first[close], second[close]
            inside = similarity(descriptors[first], self.plain[second]) >= radius
            yield self.good[first[inside]], self.good[second[inside]]


class _Measured:
    """Distances and scores of perturbed copies: limits of candidates, and what copies score."""

    def __init__(self, finder: _Finder, squares: Pixels, originals: Ids, copies: Pixels) -> None:
        descriptors = finder.projection(gradient_features(copies))
        cosines = similarity(descriptors, finder.plain[finder.rows[originals]])
        self.radius = float(np.quantile(cosines, OUTSIDE))
        parts = [
            agreement(squares[originals[at : at + BATCH]], copies[at : at + BATCH])
            for at in range(0, len(copies), BATCH)
        ]
        scores = {size: np.concatenate([part[size] for part in parts]) for size in STEPS}
        self.floors = {
            size: float(np.quantile(scores[size], OUTSIDE)) for size in STEPS if size != FINEST
        }
        k = min(_nearest(len(finder.good)), len(finder.good))
        near = exact_neighbors(finder.plain, descriptors, k)
        candidates = (finder.good[near] == originals[:, None]).any(axis=1)
        if _nearest(len(finder.good)) == NEAREST:
            candidates &= cosines >= self.radius
        for size, floor in self.floors.items():
            candidates &= scores[size] >= floor
        self.scores = np.where(candidates, scores[FINEST], -1).astype(np.float32)


def _nearest(pictures: int) -> int:
    return max(NEAREST, LEAST_PAIRS // pictures)


def _all_pairs(finder: _Finder, squares: Pixels, measured: _Measured, progress: Progress) -> Pairs:
    """All candidate pairs with scores; where most neighbors are copies, more of them are taken."""
    parts: list[Pairs] = []
    most = min(MOST_NEAREST, len(finder.good) - 1)
    queries, radius = finder.good, measured.radius
    k = min(_nearest(len(finder.good)), most)
    if _nearest(len(finder.good)) > NEAREST:
        radius = -1.0
    while len(queries):
        plain = _gathered(finder.near(queries, k, radius, flipped=False))
        turned = _gathered(finder.near(queries, k, radius, flipped=True))
        counts = np.bincount(plain[0], minlength=len(squares))
        first, second, flipped = unique_pairs(
            np.concatenate([plain[0], turned[0]]),
            np.concatenate([plain[1], turned[1]]),
            np.repeat([False, True], [len(plain[0]), len(turned[0])]),
        )
        scores = _scored(squares, first, second, flipped, measured.floors, progress)
        parts.append(Pairs(first, second, flipped, scores))
        alike = parts[-1][(scores >= CLEAR) & ~flipped]
        copies = np.bincount(np.concatenate([alike.first, alike.second]), minlength=len(squares))
        # Where most of the neighbors are copies, there may be more beyond them.
        queries = np.flatnonzero((counts >= k) & (copies > k // 2))
        if k >= most:
            break
        k = min(4 * k, most)
    return joined(parts)


def _gathered(parts: Iterator[tuple[Ids, Ids]]) -> tuple[Ids, Ids]:
    first, second = zip(*parts, strict=True)
    return np.concatenate(first), np.concatenate(second)


def _scorer(squares: Pixels) -> Callable[[Ids, Ids, Bools], Floats]:
    def score(first: Ids, second: Ids, flipped: Bools) -> Floats:
        return _scored(squares, first, second, flipped, None, silent)

    return score


def _scored(
    squares: Pixels,
    first: Ids,
    second: Ids,
    flipped: Bools,
    floors: dict[int, float] | None,
    progress: Progress,
) -> Floats:
    """Agreement of pairs of pictures at the finest size; -1 where they were rejected earlier."""

    def run(at: int) -> Floats:
        part = slice(at, at + BATCH)
        one, other = squares[first[part]], squares[second[part]]
        turned = flipped[part]
        if turned.any():
            other = np.array(other)
            other[turned] = mirrored(other[turned])
        return agreement(one, other, floors)[FINEST]

    scores = np.empty(len(first), dtype=np.float32)
    workers = os.cpu_count() or 1
    stretch = BATCH * PER_THREAD * workers
    with ThreadPoolExecutor(workers, thread_name_prefix="compare") as pool:
        for at in range(0, len(first), stretch):
            starts = range(at, min(at + stretch, len(first)), BATCH)
            for start, part in zip(starts, pool.map(run, starts), strict=True):
                scores[start : start + len(part)] = part
            progress("comparing", min(at + stretch, len(first)), len(first))
    return scores
