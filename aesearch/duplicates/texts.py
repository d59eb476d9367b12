"""Candidate pairs of documents: nearest codes and shared shingles, then compared word by word.

Candidates have a high resemblance (Broder 1997): of the runs of words that either holds, both hold
many. One word changed breaks three runs, and a message that quotes half of another keeps half
of them, so candidates are aligned: the score is the share of the words that stand in
both, in the same order (their longest common subsequence).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

from aesearch.duplicates.pairs import NO_PAIRS, Candidates, Pairs, unique_pairs
from aesearch.duplicates.perturb import edited_copy
from aesearch.engines.faiss import exact_neighbors
from aesearch.modalities.texts.tokenizer import raw_tokens
from aesearch.search.index import Index
from aesearch.storage.schema import Item
from aesearch.types import Bools, Floats, Ids, Progress, silent

Hashes = NDArray[np.uint64]

SHINGLE = 3  # words that follow one another
LEAST_WORDS = 4  # a document with fewer cannot be told from another
BANDS, PER_BAND = 24, 2  # of MinHash: a pair of resemblance 0.4 collides in 98 of 100 cases
NEAREST = 8
COPIES = 1000
REPORTED = 2000  # pairs between two reports of progress
MOST_COLLISIONS = 40  # documents that share a band beyond this: boilerplate
OUTSIDE = 0.004  # share of edited copies that candidates may miss
MOST_WORDS = 8000  # that are aligned; of longer documents a sample of the words is
MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)


def find_candidates(index: Index, items: Sequence[Item], progress: Progress = silent) -> Candidates:
    """Find and score candidate pairs of the documents of an index, by their texts in the database.

    Parameters
    ----------
    index : Index
    items : sequence of Item
        To compare, no two of the same content. Rows of the result are positions in it.
    progress : callable
    """
    words, shingles, signatures, originals = _read(index, items, progress)
    good = np.array([row for row, own in enumerate(shingles) if len(own)], dtype=np.int64)

    def score(first: Ids, second: Ids, flipped: Bools) -> Floats:
        scores = np.full(len(first), -1, dtype=np.float32)  # texts have no mirror image
        for n in np.flatnonzero(~flipped).tolist():
            scores[n] = lcs_similarity(words[first[n]], words[second[n]])
        return scores

    if len(good) < 2:
        return Candidates(NO_PAIRS, np.empty(0, np.float32), score)
    copies, floor = _copies(originals, words, shingles, signatures)
    collisions = list(_band_collisions(signatures, good))
    collisions += list(_nearest_codes(index, items, good))
    first, second = (np.concatenate(part) for part in zip(*collisions, strict=True))
    first, second, flipped = unique_pairs(first, second, np.zeros(len(first), dtype=bool))
    scores = np.full(len(first), -1, dtype=np.float32)
    for n, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        if resemblance(shingles[a], shingles[b]) >= floor:
            scores[n] = lcs_similarity(words[a], words[b])
        if n % REPORTED == 0:
            progress("comparing", n, len(first))
    progress("comparing", len(first), len(first))
    return Candidates(Pairs(first, second, flipped, scores), copies, score)


def _read(
    index: Index, items: Sequence[Item], progress: Progress
) -> tuple[list[Hashes], list[Hashes], Hashes, dict[int, list[str]]]:
    """Words, shingles and signatures of the items by row, and the tokens of a sample."""
    rows = {item.id: row for row, item in enumerate(items)}
    shingles: list[Hashes] = [np.empty(0, np.uint64)] * len(items)
    signatures = np.zeros((len(items), BANDS), dtype=np.uint64)
    chosen = set(np.random.default_rng(0).permutation(len(items))[:COPIES].tolist())
    words: list[Hashes] = [np.empty(0, np.uint64)] * len(items)
    originals: dict[int, list[str]] = {}
    done = 0
    for text in index.folder.texts():
        row = rows.get(text.id)
        if row is None:
            continue
        tokens = raw_tokens(text.text)
        if len(tokens) >= LEAST_WORDS:
            words[row] = _hashed(tokens)
            shingles[row] = shingles_of(tokens)
            signatures[row] = _signature(shingles[row])
            if row in chosen:
                originals[row] = tokens
        done += 1
        if done % 500 == 0:
            progress("reading", done, len(items))
    progress("reading", len(items), len(items))
    return words, shingles, signatures, originals


def _hashed(tokens: Sequence[str]) -> Hashes:
    return np.array([xxhash.xxh3_64_intdigest(token.encode()) for token in tokens], np.uint64)


def lcs_similarity(one: Hashes, other: Hashes) -> float:
    """Share of the words that both texts have in the same order, from 0 to 1.

    Twice the length of their longest common subsequence, by the words of both; one bit for each
    word of the one, all of them moved on at once for each word of the other (Hyyrö 2004).

    Parameters
    ----------
    one, other : ndarray of uint64
        Hashes of the words. Above 8,000, those whose hash is divisible stand for all.
    """
    if max(len(one), len(other)) > MOST_WORDS:
        share = np.uint64(-(-max(len(one), len(other)) // MOST_WORDS))
        one, other = one[one % share == 0], other[other % share == 0]
    if not len(one) or not len(other):
        return 0.0
    positions: dict[int, int] = defaultdict(int)  # of each word of the one, as bits
    for n, word in enumerate(one.tolist()):
        positions[word] |= 1 << n
    everywhere = (1 << len(one)) - 1
    row = everywhere  # a bit is 0 where the subsequence grows
    for word in other.tolist():
        if word in positions:
            matches = row & positions[word]
            row = ((row + matches) | (row - matches)) & everywhere
    return 2 * (len(one) - row.bit_count()) / (len(one) + len(other))


def shingles_of(tokens: Sequence[str]) -> Hashes:
    """Hashes of all runs of three words, each once, in order."""
    runs = zip(*(tokens[n:] for n in range(SHINGLE)), strict=False)
    return np.unique(
        np.array([xxhash.xxh3_64_intdigest("\0".join(run).encode()) for run in runs], np.uint64)
    )


def resemblance(one: Hashes, other: Hashes) -> float:
    """Share of all shingles that both hold (Jaccard index): 1 for the same sets, 0 for disjoint."""
    both = len(np.intersect1d(one, other, assume_unique=True))
    total = len(one) + len(other) - both
    return both / total if total else 0.0


def _signature(shingles: Hashes) -> Hashes:
    """MinHash signature, one number for each band: similar documents share some of them."""
    count = BANDS * PER_BAND
    keys = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(MULTIPLIERS[0]) | np.uint64(1)
    least = np.empty(count, dtype=np.uint64)
    for n, key in enumerate(keys):
        mixed = (shingles ^ (shingles >> np.uint64(29))) * key
        least[n] = (mixed ^ (mixed >> np.uint64(32))).min()
    pairs = least.reshape(BANDS, PER_BAND)
    return np.asarray(pairs[:, 0] * np.uint64(MULTIPLIERS[1]) + pairs[:, 1], dtype=np.uint64)


def _band_collisions(signatures: Hashes, good: Ids) -> Iterator[tuple[Ids, Ids]]:
    """Pairs that share a band: neighbors in its order, or all where they are few."""
    for band in range(BANDS):
        values = signatures[good, band]
        order = np.argsort(values, kind="stable")
        ranked = values[order]
        for step in range(1, MOST_COLLISIONS):
            same = np.flatnonzero(ranked[step:] == ranked[:-step])
            if not len(same):
                break
            yield good[order[same]], good[order[same + step]]
    yield np.empty(0, np.int64), np.empty(0, np.int64)


def _nearest_codes(index: Index, items: Sequence[Item], good: Ids) -> Iterator[tuple[Ids, Ids]]:
    """Each document with those of the nearest codes, unlike pairs among them."""
    ids, codes = index.folder.store.codes([items[row].id for row in good.tolist()])
    rows = {item.id: row for row, item in enumerate(items)}
    positions = np.array([rows[id] for id in ids.tolist()], dtype=np.int64)
    k = min(NEAREST + 1, len(positions))
    nearest = exact_neighbors(codes, codes, k)
    yield np.repeat(positions, k), positions[nearest.ravel()]


def _copies(
    originals: dict[int, list[str]],
    words: Sequence[Hashes],
    shingles: Sequence[Hashes],
    signatures: Hashes,
) -> tuple[Floats, float]:
    """Scores of edited copies, and the least resemblance of a candidate.

    The score is -1 where the copy would have been no candidate.
    """
    vocabulary = sorted({word for own in originals.values() for word in own[:50]})
    scores, resemblances = [], []
    for row, own in originals.items():
        copy = edited_copy(own, vocabulary, [row])
        runs = shingles_of(copy)
        collides = len(runs) and bool((_signature(runs) == signatures[row]).any())
        resemblances.append(resemblance(shingles[row], runs) if collides else -1.0)
        scores.append(lcs_similarity(words[row], _hashed(copy)) if collides else -1.0)
    alike = np.array(resemblances)
    floor = float(np.quantile(alike[alike > 0], OUTSIDE)) if (alike > 0).any() else 1.0
    return np.where(alike >= floor, scores, -1).astype(np.float32), floor
