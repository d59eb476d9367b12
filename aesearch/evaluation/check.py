"""How well codes retrieve: metrics (arrays in, numbers out) and the check that needs no labels.

The definitions are those of trec_eval. Scores are inner products, higher is closer.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from aesearch.errors import ParameterError
from aesearch.types import Bools, Doubles, Floats, Ints, Pixels

K = 10
BLOCK = 2_000_000  # scores held at once; a ranking takes about 30 bytes for each
# Equal codes may differ in the last bits of their scores: BLAS sums edge rows in another order.
TIE = 1e-6
# Up to this many equal scores are taken for duplicates. More, and the code tells nothing apart: a
# code that has collapsed to one point must not pass for one that finds everything.
MOST_DUPLICATES = 10

CROP = (0.80, 0.92)
BRIGHTNESS = (0.70, 1.35)
BLUR = (0.6, 1.2)
QUALITY = (30, 50)

SMALLEST_FOLDER = 5
SIGNAL = 1.5


def precision_at(relevant: Bools, k: int) -> Doubles:
    """Return the share of relevant items among the first `k`, for each query.

    Parameters
    ----------
    relevant : ndarray of bool, shape (queries, ranked items)
        Whether the item at each rank is relevant, best rank first.
    k : int
        Cut-off. A ranking shorter than this is divided by `k` all the same.

    Returns
    -------
    ndarray of float64, shape (queries,)
    """
    if k < 1:
        raise ParameterError(f"k must be at least 1; got {k}")
    return np.asarray(_judged(relevant)[:, :k].sum(axis=1) / k, dtype=np.float64)


def average_precision(relevant: Bools, total: Ints | int | None = None) -> Doubles:
    """Return the mean of the precisions at the rank of each relevant item, for each query.

    Parameters
    ----------
    relevant : ndarray of bool, shape (queries, ranked items)
        Whether the item at each rank is relevant, best rank first.
    total : int or ndarray of int64, shape (queries,), optional
        Relevant items that exist, where the ranking was cut off before all of them; those not
        ranked count as never found. By default all are taken to be in the ranking.

    Returns
    -------
    ndarray of float64, shape (queries,); 0 for a query without relevant items
    """
    relevant = _judged(relevant)
    counts = relevant.sum(axis=1)
    queries, ranks = np.nonzero(relevant)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    precisions = (np.arange(len(queries)) - before + 1) / (ranks + 1)
    sums = np.bincount(queries, weights=precisions, minlength=len(relevant))
    divisor = np.broadcast_to(counts if total is None else np.asarray(total), counts.shape)
    means: Doubles = np.divide(sums, divisor, out=np.zeros(len(relevant)), where=divisor > 0)
    return means


def reciprocal_rank(relevant: Bools) -> Doubles:
    """Return 1 / rank of the first relevant item, for each query; 0 where there is none.

    `relevant` and the result are shaped as in `precision_at`.
    """
    relevant = _judged(relevant)
    first = relevant.argmax(axis=1) + 1 if relevant.shape[1] else np.ones(len(relevant))
    return np.asarray(relevant.any(axis=1) / first, dtype=np.float64)


def _judged(relevant: Bools) -> Bools:
    relevant = np.asarray(relevant, dtype=bool)
    if relevant.ndim != 2:
        raise ParameterError(f"relevant must be (queries, ranked items); got {relevant.shape}")
    return relevant


def ranked_relevance(
    queries: Floats, codes: Floats, query_labels: Ints, labels: Ints
) -> Iterator[Bools]:
    """Rank all codes for each query and yield, in blocks of queries, which share its label.

    Parameters
    ----------
    queries : ndarray of float32, shape (m, d)
    codes : ndarray of float32, shape (n, d)
    query_labels : ndarray of int64, shape (m,)
    labels : ndarray of int64, shape (n,)

    Yields
    ------
    ndarray of bool, shape (block, n)
        Best first. Equal scores are ranked by row, whatever their labels; scores that are not a
        number come last.
    """
    # One 64-bit number holds score, row and relevance: a plain sort of it is stable, several
    # times quicker than a stable argsort, and leaves nothing to look up.
    rows = np.arange(len(codes), dtype=np.uint64) << np.uint64(1)
    for start, scores in _scores(queries, codes):
        ranking = sortable(scores)
        ranking |= rows
        ranking |= query_labels[start : start + len(scores), None] == labels
        ranking.sort(axis=1)
        yield (ranking & np.uint64(1)).astype(bool)


def sortable(scores: Floats) -> NDArray[np.uint64]:
    """Return numbers that ascend where scores descend, their lower 32 bits free for a payload.

    Scores that are not a number come last; `scores` is changed there.
    """
    scores[np.isnan(scores)] = -np.inf
    bits = (0.0 - scores).view(np.uint32)  # ascending; and 0 - 0 has no negative zero
    bits = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    ranking: NDArray[np.uint64] = bits.astype(np.uint64) << np.uint64(32)
    return ranking


def ranks_of(queries: Floats, codes: Floats, targets: Ints) -> Ints:
    """Return the rank, from 1, at which each query finds its one target among all codes.

    A few rows that score the same as the target are duplicates of it, and any of them will do:
    the best of their ranks counts. Of more than `MOST_DUPLICATES` the worst does.

    Parameters
    ----------
    queries : ndarray of float32, shape (m, d)
    codes : ndarray of float32, shape (n, d)
    targets : ndarray of int64, shape (m,)
        Row of `codes` that each query should find.
    """
    ranks = np.empty(len(queries), dtype=np.int64)
    for start, scores in _scores(queries, codes):
        block = slice(start, start + len(scores))
        ranks[block] = ranks_among(scores, targets[block])
    return ranks


def ranks_among(scores: Floats, targets: Ints) -> Ints:
    """Return the ranks of one target of each query, as `ranks_of` does, from scores (m, n)."""
    own = np.take_along_axis(scores, targets[:, None], axis=1)
    # Counted from below, so that a score that is not a number makes the rank bad, not good.
    reached = (scores <= own + TIE).sum(axis=1)
    below = (scores < own - TIE).sum(axis=1)
    count = scores.shape[1]
    best = count - reached + 1
    ranks: Ints = np.where(reached - below <= MOST_DUPLICATES, best, count - below)
    return ranks


def _scores(queries: Floats, codes: Floats) -> Iterator[tuple[int, Floats]]:
    step = max(1, BLOCK // max(1, len(codes)))
    for start in range(0, len(queries), step):
        yield start, queries[start : start + step] @ codes.T


def distorted(pictures: Pixels, seed: int = 0) -> Pixels:
    """Return a distorted copy of each picture, uint8 of the same shape; equal for equal seeds.

    Each loses a border (80 to 92 % of the side stays, and is enlarged again), becomes darker or
    brighter (x 0.7 to 1.35), and is then blurred or recompressed as a poor JPEG.

    Parameters
    ----------
    pictures : ndarray of uint8, shape (n, side, side, channels)
        With 1 or 3 channels.
    seed : int, default=0
    """
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3) or pictures.dtype != np.uint8:
        raise ParameterError(
            "pictures must be uint8 of shape (n, side, side, 1 or 3); "
            f"got {pictures.dtype} of {pictures.shape}"
        )
    rng = np.random.default_rng(seed)
    copies = np.empty_like(pictures)
    for copy, picture in zip(copies, pictures, strict=True):
        copy[...] = _distorted(picture, rng.random(6)).reshape(picture.shape)
    return copies


def _distorted(picture: Pixels, chances: Doubles) -> Pixels:
    crop, left, upper, light, strength, which = chances.tolist()
    height, width, channels = picture.shape
    kept = _between(CROP, crop)
    x, y = left * (1 - kept) * width, upper * (1 - kept) * height
    image = Image.fromarray(picture[:, :, 0] if channels == 1 else picture).resize(
        (width, height),
        Image.Resampling.BICUBIC,
        box=(x, y, x + kept * width, y + kept * height),
    )
    lit = np.rint(np.asarray(image, dtype=np.float32) * _between(BRIGHTNESS, light))
    image = Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
    if which < 0.5:
        return np.asarray(image.filter(ImageFilter.GaussianBlur(_between(BLUR, strength))))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=round(_between(QUALITY, strength)))
    with Image.open(stream) as recompressed:
        return np.asarray(recompressed)


def _between(limits: tuple[float, float], chance: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * chance


def label_numbers(folders: Sequence[str]) -> Ints | None:
    """Return the folder of each item as a number, or None where folders cannot serve as labels.

    Parameters
    ----------
    folders : sequence of str
        The folder of each item, or another label of it; "" where it has none.

    Returns
    -------
    ndarray of int64, shape (n,), or None
        Folders are numbered from 0 by name, those of one parent apart from each other; -1 marks
        items that lie in no folder. None with fewer than two folders of at least 5 items.
    """
    counts = Counter(folder for folder in folders if folder)
    if sum(count >= SMALLEST_FOLDER for count in counts.values()) < 2:
        return None
    numbers = {folder: number for number, folder in enumerate(sorted(counts))}
    return np.array([numbers.get(folder, -1) for folder in folders], dtype=np.int64)


@dataclass(frozen=True)
class Check:
    """What a code reached on items kept out of training; the shares are means over queries.

    Parameters
    ----------
    items : int
        Items kept out.
    recall_at_1 : float
        Share of distorted copies whose nearest neighbour is their original.
    reciprocal_rank : float
        Of the original, searched with the distorted copy.
    precision_at_10, mean_average_precision : float or None
        Of items with the same label; None without labels.
    chance : float or None
        The precision at 10 to be expected of a random ranking.
    opening_rank : float or None
        Geometric mean of the ranks at which openings of documents find the rest of them; None
        without documents long enough for both.
    values : dict of str to ndarray of float64
        By question, and higher is better: "reciprocal_rank", "by_folder" and "opening_rank", as far
        as they were measured. Not kept on disk.
    """

    items: int
    recall_at_1: float
    reciprocal_rank: float
    precision_at_10: float | None = None
    mean_average_precision: float | None = None
    chance: float | None = None
    opening_rank: float | None = None
    values: dict[str, Doubles] = field(default_factory=dict, compare=False, repr=False)

    @property
    def by_folder(self) -> float | None:
        """Geometric mean of precision at 10 and mAP: the top of the ranking and all of it."""
        if self.precision_at_10 is None or self.mean_average_precision is None:
            return None
        return float(np.sqrt(self.precision_at_10 * self.mean_average_precision))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON, without the values of each question."""
        return {own.name: getattr(self, own.name) for own in fields(self) if own.name != "values"}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Check:
        """Make a check from what `as_dict` returned."""
        return cls(**fields)


def check(
    codes: Floats,
    kept: Ints,
    distorted_codes: Floats,
    labels: Ints | None = None,
    opening_ranks: Ints | None = None,
) -> Check:
    """Measure how well codes find distorted copies and, with labels, items of the same label.

    Parameters
    ----------
    codes : ndarray of float32, shape (n, d)
        Codes of all items, unit length.
    kept : ndarray of int64, shape (m,)
        Rows of the items that were kept out of training.
    distorted_codes : ndarray of float32, shape (m, d)
        Codes of their distorted copies. Each searches for its original among all `n` items.
    labels : ndarray of int64, shape (n,), optional
        -1 for items without one. Kept-out items search among the rows not kept; those without a
        label, and those with nothing of their label to be found there, are left out.
    opening_ranks : ndarray of int64, optional
        Ranks at which openings of kept-out documents found the rest of them.
    """
    if not len(kept) or len(kept) != len(distorted_codes):
        raise ParameterError(
            "check needs at least one kept-out item, and a distorted copy of each; "
            f"got {len(kept)} items and {len(distorted_codes)} copies"
        )
    ranks = ranks_of(distorted_codes, codes, kept)
    values: dict[str, Doubles] = {"reciprocal_rank": 1 / ranks}
    measured = {} if labels is None else _label_measures(codes, kept, labels, values)
    if opening_ranks is not None:
        values["opening_rank"] = -np.log(opening_ranks)
        measured["opening_rank"] = float(np.exp(-values["opening_rank"].mean()))
    return Check(
        items=len(kept),
        recall_at_1=float((ranks == 1).mean()),
        reciprocal_rank=float(values["reciprocal_rank"].mean()),
        **measured,
        values=values,
    )


def _label_measures(
    codes: Floats, kept: Ints, labels: Ints, values: dict[str, Doubles]
) -> dict[str, float]:
    others = np.ones(len(codes), dtype=bool)
    others[kept] = False
    searched, answers = codes[others], labels[others]
    sharing = Counter(answers.tolist())
    queries = kept[[label >= 0 and sharing[label] > 0 for label in labels[kept].tolist()]]
    if not len(queries):
        return {}
    precisions, averages = [], []
    for relevant in ranked_relevance(codes[queries], searched, labels[queries], answers):
        precisions.append(precision_at(relevant, K))
        averages.append(average_precision(relevant))
    share = np.mean([sharing[label] for label in labels[queries].tolist()]) / len(searched)
    precision, average = np.concatenate(precisions), np.concatenate(averages)
    both = np.array([precision, average])
    means = both.mean(axis=1, keepdims=True)
    # To first order what each query adds to the geometric mean of both; their mean is just that.
    values["by_folder"] = np.sqrt(means.prod()) * (both / np.maximum(means, 1e-12)).mean(axis=0)
    return {
        "precision_at_10": float(precision.mean()),
        "mean_average_precision": float(average.mean()),
        "chance": float(share * min(K, len(searched)) / K),
    }
