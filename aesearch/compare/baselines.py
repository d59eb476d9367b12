"""Baselines that learn nothing: pixels as they are, a perceptual hash, weighted words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from aesearch.encoders.base import BATCH
from aesearch.encoders.sparse import csr_of
from aesearch.evaluation.tasks import Queries
from aesearch.indexing.datasets.texts import TextDataset
from aesearch.types import Floats, Pixels

HASHED = 32  # pixels to a side, of which the cosine transform is taken
KEPT = 8  # frequencies in each direction


@dataclass
class Searcher:
    """What answers: one row of the table.

    Attributes
    ----------
    title : str
    prepare : callable
        Makes of the queries what `score` takes, one row each; its time counts.
    score : callable
        Gives, for some prepared queries, the scores of all items, (b, n), higher is closer.
    bytes_per_item : float
    form : str
        'float', 'int8' or 'bits'; 'hybrid' of floats and words; 'bytes' of pixels, 'words' of
        terms, 'borrowed' of terms that neighbors by these codes lend each other.
    size : int
        Numbers in a code; 0 where there is no code.
    learned : bool
        Whether a network was trained.
    fit_s : float
        Seconds to learn, and to encode all items.
    error : float or None
        Of reconstructions.
    rebuilt : ndarray of uint8 or None
        Some of them.
    mapped : ndarray of float32 or None
        The codes of those items that a map shows.
    ann_recall : float or None
        Share of the exact ten nearest that inverted lists return.
    """

    title: str
    prepare: Callable[[Queries], Any]
    score: Callable[[Any], Floats]
    bytes_per_item: float
    form: str = "float"
    size: int = 0
    learned: bool = False
    fit_s: float = 0.0
    error: float | None = None
    rebuilt: Pixels | None = None
    mapped: Floats | None = None
    ann_recall: float | None = None


def raw_pixels(pixels: Pixels, training: int, *, cosine: bool) -> Searcher:
    """Compare pixels as they are: by Euclidean distance, or by cosine once their mean is off.

    Items stay uint8, and become floats block by block. The mean is that of the first `training`.
    """
    mean = np.zeros(pixels[0].size, dtype=np.float32)
    if cosine:
        total = sum(
            _flat(pixels[i : min(i + BATCH, training)]).sum(axis=0, dtype=np.float64)
            for i in range(0, training, BATCH)
        )
        mean = np.asarray(total / training, dtype=np.float32)

    def prepare(queries: Queries) -> Floats:
        return _flat(queries.samples) - mean

    def score(queries: Floats) -> Floats:
        found = np.empty((len(queries), len(pixels)), dtype=np.float32)
        own = np.square(queries).sum(axis=1, keepdims=True)
        for start in range(0, len(pixels), BATCH):
            items = _flat(pixels[start : start + BATCH]) - mean
            squares = np.square(items).sum(axis=1)
            products = queries @ items.T
            if cosine:
                part = products / np.maximum(np.sqrt(own * squares), 1e-12)
            else:  # per pixel, in 0..1
                part = -np.sqrt(np.maximum(own + squares - 2 * products, 0) / items.shape[1])
            found[:, start : start + BATCH] = part
        return found

    way = "cosine" if cosine else "Euclidean"
    return Searcher(f"raw pixels, {way}", prepare, score, pixels[0].size, "bytes", pixels[0].size)


def _flat(pixels: Pixels) -> Floats:
    return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)


def perceptual_hash(pixels: Pixels) -> Searcher:
    """Compare 64 bits of each picture's cosine transform by Hamming distance."""
    codes = np.where(hash_bits(pixels), 1, -1).astype(np.float32)

    def prepare(queries: Queries) -> Floats:
        return np.where(hash_bits(queries.samples), 1, -1).astype(np.float32)

    def score(queries: Floats) -> Floats:
        product: Floats = queries @ codes.T / np.float32(KEPT * KEPT)
        return product

    return Searcher("perceptual hash", prepare, score, KEPT * KEPT / 8, "bits", KEPT * KEPT)


def hash_bits(pixels: Pixels) -> Any:
    """Return the 64 bits of pHash: frequencies of the discrete cosine transform over their median.

    Pictures are brought to 32x32 grey pixels; of the transform the 8x8 lowest frequencies are
    kept, without those that are constant along an axis. The squares that pictures are read as are
    means over their pixels already, which stands for the mean filter of the definition.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, side, side, 1 or 3)

    Returns
    -------
    ndarray of bool, shape (n, 64)

    References
    ----------
    C. Zauner, Implementation and benchmarking of perceptual image hash functions, 2010.
    """
    small = np.empty((len(pixels), HASHED, HASHED), dtype=np.float32)
    for row, picture in enumerate(pixels):
        image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
        grey = image.convert("L").resize((HASHED, HASHED), Image.Resampling.BOX)
        small[row] = np.asarray(grey)
    places = (2 * np.arange(HASHED) + 1) * np.pi / (2 * HASHED)
    waves = np.cos(np.arange(1, KEPT + 1)[:, None] * places).astype(np.float32)
    frequencies = (waves @ small @ waves.T).reshape(len(pixels), -1)
    return frequencies > np.median(frequencies, axis=1, keepdims=True)


def weighted_words(dataset: TextDataset, features: Any) -> Searcher:
    """Compare weighted words by cosine: the vector space model."""
    rows = csr_of(features.weigh(dataset.counts))
    turned = rows.T.tocsc()

    def prepare(queries: Queries) -> Any:
        return csr_of(features.weigh(queries.samples))

    def score(queries: Any) -> Floats:
        product: Floats = (queries @ turned).toarray()
        return product

    size = rows.nnz * 8 / max(1, rows.shape[0])  # a column and a value for each
    return Searcher(f"{features.weighting}, cosine", prepare, score, size, "words", rows.shape[1])
