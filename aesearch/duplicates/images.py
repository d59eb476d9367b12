"""Candidate pairs of pictures: nearest descriptors, then each pair registered and compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aesearch.duplicates.descriptors import (
    DescriptorProjection,
    gradient_features,
    mirrored_features,
    similarity,
)
from aesearch.duplicates.pairs import NO_PAIRS, Candidates, Pairs, chains, joined, unique_pairs
from aesearch.duplicates.registration import STEPS, Album
from aesearch.duplicates.threshold import LOST
from aesearch.duplicates.twins import find_twins, twin_scores
from aesearch.duplicates.views import Views
from aesearch.engines.faiss import exact_neighbors
from aesearch.engines.threads import pool, workers
from aesearch.modalities.images.pixels import load_all_formats, size_of
from aesearch.search.index import Index
from aesearch.storage.schema import Item
from aesearch.types import Bools, Floats, Ids, Progress, silent

FINE, FINEST = sorted(STEPS)[-2:]
FEWEST, MOST = 600, 1000  # perturbed copies
MEASURED = 0.3  # share of them to measure with; descriptors are fitted to the others
FITTED = 20_000  # pictures of the covariance between pictures
NEAREST = 8  # candidates for each picture and for its mirror image
LEAST_PAIRS = 8_000  # candidates at least: descriptors fitted to few pictures are weak
OUTSIDE = 0.01  # share of perturbed copies that each step may miss
CLEAR = 0.8  # agreement from which a pair counts as copies when more neighbors are taken
STRETCH = 4096  # pictures whose descriptors are made at a time
HELD = 50_000  # neighbors at a time
BATCH = 512  # pairs; most are rejected at the coarsest size
PER_THREAD = 4  # batches in flight


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
    wanted = min(max(FEWEST, len(items)), MOST)
    chosen = np.random.default_rng(0).permutation(len(items))[:wanted]
    copies = np.zeros(len(items), dtype=np.int64)
    copies[chosen] = -(-wanted // max(1, len(chosen)))
    views = Views(index, items, copies.tolist(), progress)
    comparer = _Comparer(views)
    scores = np.empty(0, np.float32)
    if len(views.good) < 2:
        return Candidates(NO_PAIRS, scores, comparer.score, views.unread, size_of)
    leader = find_twins(views.squares, views.good, progress)[: len(items)]
    followers = np.flatnonzero(leader != np.arange(len(items)))
    twins = Pairs(
        leader[followers],
        followers,
        np.zeros(len(followers), dtype=bool),
        twin_scores(views.squares, leader[followers], followers),
    )
    pairs = NO_PAIRS
    if len(views.good) - len(followers) > 1:
        finder = _Finder(views, leader)
        measured = _Measured(finder, comparer)
        pairs, scores = _all_pairs(finder, comparer, measured, progress), measured.scores
    return Candidates(pairs, scores, comparer.score, views.unread, size_of, twins)


def _parts(views: Views) -> tuple[Ids, Ids]:
    """Copies to fit descriptors to, and copies of other pictures to measure with."""
    pictures = np.random.default_rng(1).permutation(views.good[np.isin(views.good, views.original)])
    copies = len(views.second) - len(views.original) + np.arange(len(views.original))
    tried = max(1, round(MEASURED * len(pictures)))
    measured = copies[np.isin(views.original, pictures[:tried])]
    return copies[np.isin(views.original, pictures[tried:])], measured


class _Finder:
    """Descriptors of the pictures that stand for themselves, and their nearest neighbors."""

    def __init__(self, views: Views, leader: Ids) -> None:
        self.leader = leader
        self.items = views.good[leader[views.good] == views.good]
        rows, places = views.rows_of(self.items)
        self.rows, self.owner = rows, self.items[places]
        learned, self.measured = _parts(views)
        inner, own = views.second[learned], views.original[learned - len(leader)]
        # A border that was added is off again where what it encloses is compared.
        both = (inner >= 0) & (views.second[own] >= 0)
        originals = np.where(both, views.second[own], own)
        changed = np.where(inner >= 0, inner, learned)
        sample = np.sort(np.random.default_rng(1).permutation(self.rows)[:FITTED])
        self.projection = DescriptorProjection.fit(
            gradient_features(views.squares[sample]),
            gradient_features(views.squares[originals]),
            gradient_features(views.squares[changed]),
        )
        length = self.projection.axes.shape[1]
        self.plain = np.empty((len(rows), length), dtype=np.float32)
        self.flipped = np.empty_like(self.plain)
        for at in range(0, len(rows), STRETCH):
            part = gradient_features(views.squares[rows[at : at + STRETCH]])
            self.plain[at : at + STRETCH] = self.projection(part)
            self.flipped[at : at + STRETCH] = self.projection(mirrored_features(part))

    def near(
        self, asking: Ids, among: Ids, k: int, radius: float, *, flipped: bool
    ) -> tuple[Ids, Ids]:
        """Pairs of positions of `rows`: of `asking`, and of the `k` nearest `among` some.

        Those beyond the radius are left out.
        """
        descriptors = (self.flipped if flipped else self.plain)[asking]
        base = self.plain[among]
        k = min(k + 1, len(among))  # itself is among them
        step = max(1, HELD // k)
        first, second = [], []
        for at in range(0, len(asking), step):
            own = descriptors[at : at + step]
            nearest = exact_neighbors(base, own, k)
            near = similarity(np.repeat(own, k, axis=0), base[nearest.ravel()]) >= radius
            first.append(np.repeat(asking[at : at + step], k)[near])
            second.append(among[nearest.ravel()[near]])
        return np.concatenate(first), np.concatenate(second)


class _Comparer:
    """Scores of pairs of pictures by all their views, registered; in threads."""

    def __init__(self, views: Views) -> None:
        self.views = views
        self.album = Album(views.squares)

    def score(self, first: Ids, second: Ids, flipped: Bools) -> Floats:
        """The higher agreement, of the whole pictures or within borders."""
        scores = np.where(flipped, -1, twin_scores(self.views.squares, first, second))
        rest = np.flatnonzero(scores < 0)
        scores[rest] = self.by_size(first[rest], second[rest], flipped[rest])[FINEST]
        return scores.astype(np.float32)

    def by_size(self, first: Ids, second: Ids, flipped: Bools) -> dict[int, Floats]:
        """At each size, the higher agreement, of the whole pictures or within borders."""
        second_views = [self.views.second[pictures] for pictures in (first, second)]
        bordered = np.flatnonzero(np.maximum(*second_views) >= 0)
        inner = [
            np.where(view >= 0, view, whole)[bordered]
            for view, whole in zip(second_views, (first, second), strict=True)
        ]
        pair = np.concatenate([np.arange(len(first)), bordered])
        found = self.of_rows(
            np.concatenate([first, inner[0]]),
            np.concatenate([second, inner[1]]),
            flipped[pair],
            None,
            silent,
        )
        best = {}
        for size, scores in found.items():
            best[size] = np.full(len(first), -1, dtype=np.float32)
            np.maximum.at(best[size], pair, scores)
        return best

    def of_rows(
        self,
        first: Ids,
        second: Ids,
        flipped: Bools,
        floors: dict[int, float] | None,
        progress: Progress,
    ) -> dict[int, Floats]:
        """Agreement of pairs of views at each size; -1 where they were rejected earlier."""

        def run(at: int) -> dict[int, Floats]:
            part = slice(at, at + BATCH)
            return self.album.agreement(first[part], second[part], flipped[part], floors)

        scores = {size: np.empty(len(first), dtype=np.float32) for size in STEPS}
        stretch = BATCH * PER_THREAD * workers()
        with pool("compare") as threads:
            for at in range(0, len(first), stretch):
                starts = range(at, min(at + stretch, len(first)), BATCH)
                for start, part in zip(starts, threads.map(run, starts), strict=True):
                    for size, own in part.items():
                        scores[size][start : start + len(own)] = own
                progress("comparing", min(at + stretch, len(first)), len(first))
        return scores


class _Measured:
    """Distances and scores of perturbed copies: limits of candidates, and what copies score."""

    def __init__(self, finder: _Finder, comparer: _Comparer) -> None:
        views = comparer.views
        copies = finder.measured
        originals = views.original[copies - len(finder.leader)]
        rows, place = views.rows_of(copies)
        descriptors = finder.projection(gradient_features(views.squares[rows]))
        k = min(_nearest(len(finder.rows)), len(finder.rows))
        near = exact_neighbors(finder.plain, descriptors, k)
        wanted = finder.leader[originals[place]]
        cosines = np.einsum("id,ijd->ij", descriptors, finder.plain[near])
        cosines[finder.owner[near] != wanted[:, None]] = -1
        closest = np.full(len(copies), -1, dtype=np.float32)
        np.maximum.at(closest, place, cosines.max(axis=1))
        scores = comparer.by_size(copies, originals, np.zeros(len(copies), dtype=bool))
        # A copy that would not count in the end limits no step before it.
        sound = scores[FINEST] >= np.quantile(scores[FINEST], LOST)
        self.floors = {
            size: float(np.quantile(scores[size][sound], OUTSIDE))
            for size in STEPS
            if size != FINEST
        }
        met = closest > -1
        few = _nearest(len(finder.rows)) > NEAREST or not (sound & met).any()
        self.radius = -1.0 if few else float(np.quantile(closest[sound & met], OUTSIDE))
        candidates = met & (closest >= self.radius)
        for size, floor in self.floors.items():
            candidates &= scores[size] >= floor
        self.scores = np.where(candidates, scores[FINEST], -1).astype(np.float32)


def _nearest(pictures: int) -> int:
    return max(NEAREST, LEAST_PAIRS // pictures)


def _all_pairs(
    finder: _Finder, comparer: _Comparer, measured: _Measured, progress: Progress
) -> Pairs:
    """All candidate pairs of pictures with scores.

    Where most neighbors of a picture are copies, there may be more beyond them: one stays of each
    chain of copies, and looks again among those that are left.
    """
    parts: list[Pairs] = []
    k = _nearest(len(finder.rows))
    among = asking = np.arange(len(finder.rows))
    while len(asking):
        plain = finder.near(asking, among, k, measured.radius, flipped=False)
        turned = finder.near(asking, among, k, measured.radius, flipped=True)
        first, second, flipped = unique_pairs(
            np.concatenate([plain[0], turned[0]]),
            np.concatenate([plain[1], turned[1]]),
            np.repeat([False, True], [len(plain[0]), len(turned[0])]),
        )
        own = finder.owner[first] != finder.owner[second]
        first, second, flipped = first[own], second[own], flipped[own]
        by_size = comparer.of_rows(
            finder.rows[first], finder.rows[second], flipped, measured.floors, progress
        )
        # Unlike pairs score alike at both sizes; the threshold is told by how these are spread.
        scores = np.where(by_size[FINEST] > -1, by_size[FINEST], by_size[FINE])
        found = finder.owner[first], finder.owner[second]
        parts.append(joined([Pairs(np.minimum(*found), np.maximum(*found), flipped, scores)]))
        alike = parts[-1][(parts[-1].scores >= CLEAR) & ~parts[-1].flipped]
        copies = np.bincount(
            np.concatenate([alike.first, alike.second]), minlength=len(finder.leader)
        )
        crowded = np.flatnonzero(copies > k // 2)
        earliest = chains(alike.first, alike.second, len(finder.leader))
        full = np.isin(earliest, earliest[crowded])
        stays = ~full | (earliest == np.arange(len(earliest)))
        among = among[stays[finder.owner[among]]]
        asking = among[full[finder.owner[among]]]
    return joined(parts)
