"""Documents that are copies of one another: candidates by codes and rare words, then by shingles.

The score is the resemblance of Broder (1997): how many of the runs of words that either holds both
hold. Order counts, so two documents of one topic, full of the same words, are no copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

from aesearch.engines.faiss import exact_neighbours
from aesearch.features.tokens import raw_tokens
from aesearch.index import Index
from aesearch.ingest import Progress, silent
from aesearch.near import NO_PAIRS, Bools, Evidence, Floats, Ids, Pairs, unique_pairs
from aesearch.near.copies import edited_copy
from aesearch.records import Item

Hashes = NDArray[np.uint64]

SHINGLE = 3  # words that follow one another
LEAST_WORDS = 4  # a document with fewer says too little to be told from another
BANDS, PER_BAND = 24, 2  # a pair of resemblance 0.4 meets in 98 of 100 cases
NEAREST = 8
COPIES = 1000
MOST_MEETING = 40  # documents that share a band beyond this: boilerplate
MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)


def evidence(index: Index, items: Sequence[Item], progress: Progress = silent) -> Evidence:
    """Compare the documents of an index, by the texts that it keeps; no file is read.

    Parameters
    ----------
    index : Index
    items : sequence of Item
        To compare, no two of the same content. Rows of the result are places in it.
    progress : callable
    """
    rows = {item.id: row for row, item in enumerate(items)}
    shingles: list[Hashes] = [np.empty(0, np.uint64)] * len(items)
    signatures = np.zeros((len(items), BANDS), dtype=np.uint64)
    chosen = set(np.random.default_rng(0).permutation(len(items))[:COPIES].tolist())
    words: dict[int, list[str]] = {}
    done = 0
    for text in index.store.texts():
        row = rows.get(text.id)
        if row is None:
            continue
        tokens = raw_tokens(text.text)
        if len(tokens) >= LEAST_WORDS:
            shingles[row] = shingled(tokens)
            signatures[row] = _signature(shingles[row])
            if row in chosen:
                words[row] = tokens
        done += 1
        if done % 500 == 0:
            progress("reading", done, len(items))
    progress("reading", len(items), len(items))
    good = np.array([row for row, own in enumerate(shingles) if len(own)], dtype=np.int64)

    def score(first: Ids, second: Ids, flipped: Bools) -> Floats:
        pairs = zip(first.tolist(), second.tolist(), strict=True)
        found = [resemblance(shingles[a], shingles[b]) for a, b in pairs]
        scores = np.array(found, dtype=np.float32)
        scores[flipped] = -1  # texts have no mirror image
        return scores

    if len(good) < 2:
        return Evidence(NO_PAIRS, np.empty(0, np.float32), score)
    copies = _copies(words, shingles, signatures)
    met = list(_meeting(signatures, good))
    met += list(_near(index, items, good))
    first, second = (np.concatenate(part) for part in zip(*met, strict=True))
    first, second, flipped = unique_pairs(first, second, np.zeros(len(first), dtype=bool))
    progress("comparing", 0, 1)
    pairs = Pairs(first, second, flipped, score(first, second, flipped))
    progress("comparing", 1, 1)
    return Evidence(pairs, copies, score)


def shingled(tokens: Sequence[str]) -> Hashes:
    """Return the hashes of all runs of three words, each once, in order."""
    runs = zip(*(tokens[n:] for n in range(SHINGLE)), strict=False)
    return np.unique(
        np.array([xxhash.xxh3_64_intdigest("\0".join(run).encode()) for run in runs], np.uint64)
    )


def resemblance(one: Hashes, other: Hashes) -> float:
    """Return the share of all shingles that both hold: 1 for the same, 0 for nothing shared."""
    both = len(np.intersect1d(one, other, assume_unique=True))
    total = len(one) + len(other) - both
    return both / total if total else 0.0


def _signature(shingles: Hashes) -> Hashes:
    """Return one number for each band of least hashes: alike documents share some of them."""
    count = BANDS * PER_BAND
    keys = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(MULTIPLIERS[0]) | np.uint64(1)
    least = np.empty(count, dtype=np.uint64)
    for n, key in enumerate(keys):
        mixed = (shingles ^ (shingles >> np.uint64(29))) * key
        least[n] = (mixed ^ (mixed >> np.uint64(32))).min()
    pairs = least.reshape(BANDS, PER_BAND)
    return np.asarray(pairs[:, 0] * np.uint64(MULTIPLIERS[1]) + pairs[:, 1], dtype=np.uint64)


def _meeting(signatures: Hashes, good: Ids) -> Iterator[tuple[Ids, Ids]]:
    """Yield pairs that share a band: neighbours in its order, or all where they are few."""
    for band in range(BANDS):
        values = signatures[good, band]
        order = np.argsort(values, kind="stable")
        ranked = values[order]
        for step in range(1, MOST_MEETING):
            same = np.flatnonzero(ranked[step:] == ranked[:-step])
            if not len(same):
                break
            yield good[order[same]], good[order[same + step]]
    yield np.empty(0, np.int64), np.empty(0, np.int64)


def _near(index: Index, items: Sequence[Item], good: Ids) -> Iterator[tuple[Ids, Ids]]:
    """Yield each document with those of the nearest codes: unlike ones for the calibration too."""
    ids, codes = index.store.codes([items[row].id for row in good.tolist()])
    rows = {item.id: row for row, item in enumerate(items)}
    places = np.array([rows[id] for id in ids.tolist()], dtype=np.int64)
    k = min(NEAREST + 1, len(places))
    found = exact_neighbours(codes, codes, k)
    yield np.repeat(places, k), places[found.ravel()]


def _copies(words: dict[int, list[str]], shingles: Sequence[Hashes], signatures: Hashes) -> Floats:
    """Return what edited copies of documents score with them; -1 where none would have met."""
    scores = []
    vocabulary = sorted({word for own in words.values() for word in own[:50]})
    for row, own in words.items():
        copy = shingled(edited_copy(own, vocabulary, [row]))
        meets = len(copy) and bool((_signature(copy) == signatures[row]).any())
        scores.append(resemblance(shingles[row], copy) if meets else -1.0)
    return np.array(scores, dtype=np.float32)
