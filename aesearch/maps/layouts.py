"""Layouts of codes in two dimensions: PCA, t-SNE, UMAP, and the 5-NN accuracy of a layout."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from aesearch.encoders.linear.pca import PCAEncoder
from aesearch.errors import UnsupportedError
from aesearch.evaluation.metrics import majority_label
from aesearch.evaluation.tasks import NEIGHBORS
from aesearch.types import Floats, Ids, Progress

PERPLEXITY = 30.0


@dataclass(frozen=True)
class Panel:
    """One layout of the items in two dimensions.

    Attributes
    ----------
    method : str
        "code" (the encoder's own), "learned", "tsne", "umap", "pca" or "lsa".
    title : str
        Title of the layout.
    coordinates : ndarray of float32, shape (n, 2)
        NaN of items that could not be read again.
    accuracy : float or None
        Leave-one-out accuracy of classifying the items by their five nearest neighbors in the
        layout; None where the groups cannot serve as classes.
    """

    method: str
    title: str
    coordinates: Floats
    accuracy: float | None = None


def neighbor_accuracy(coordinates: Floats, labels: Ids, k: int = NEIGHBORS) -> float | None:
    """Leave-one-out accuracy of the k-nearest-neighbor classifier.

    Parameters
    ----------
    coordinates : ndarray of float32, shape (n, d)
        Rows with NaN are ignored.
    labels : ndarray of int64, shape (n,)
        -1 for items without one, which are ignored too.
    k : int, default=5
        Neighbors that vote; of labels with equally many votes the nearest wins.

    Returns
    -------
    float or None
        None where fewer than two items are left.
    """
    usable = np.isfinite(coordinates).all(axis=1) & (labels >= 0)
    coordinates, labels = coordinates[usable], labels[usable]
    if len(coordinates) < 2:
        return None
    k = min(k, len(coordinates) - 1)
    nearest = cKDTree(coordinates).query(coordinates, k + 1)[1]
    # An item is its own nearest neighbor, but for others with the same coordinates.
    itself = nearest == np.arange(len(coordinates))[:, None]
    itself[~itself.any(axis=1), -1] = True
    votes = labels[nearest[~itself].reshape(len(coordinates), k)]
    return float((majority_label(votes) == labels).mean())


def layout_of(codes: Floats, by: str, seed: int, progress: Progress) -> Panel:
    """Layout of codes by PCA ("pca"), t-SNE ("tsne") or UMAP ("umap").

    Raises
    ------
    UnsupportedError
        If UMAP is not installed.
    """
    pca = coordinates_of(PCAEncoder(2, whiten=0, random_state=seed).fit(codes), codes)
    if by == "pca":
        return Panel("pca", "PCA of the codes, 2 components", pca)
    # Both are initialized by PCA, which keeps the global structure: Kobak and Berens,
    # The art of using t-SNE for single-cell transcriptomics, Nature Communications 2019.
    jitter = np.random.default_rng(seed).normal(0, 1e-3, pca.shape)
    init = pca / max(float(pca[:, 0].std()), 1e-12) + jitter
    progress(by, 0, 1)
    layout, title = (_tsne if by == "tsne" else _umap)(codes, init, seed)
    progress(by, 1, 1)
    return Panel(by, f"{title} of the codes", layout)


def _tsne(codes: Floats, init: Any, seed: int) -> tuple[Floats, str]:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(codes) - 1) / 3)
    tsne = TSNE(2, init=(1e-4 * init).astype(np.float32), perplexity=perplexity, random_state=seed)
    return np.asarray(tsne.fit_transform(codes), dtype=np.float32), "t-SNE"


def _umap(codes: Floats, init: Any, seed: int) -> tuple[Floats, str]:
    try:
        from umap import UMAP
    except ImportError:
        raise UnsupportedError("--by umap needs umap-learn: pip install 'aesearch[umap]'") from None
    neighbors = min(15, len(codes) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its own defaults
        umap = UMAP(n_neighbors=neighbors, init=10 * init, random_state=seed, n_jobs=1)
        return np.asarray(umap.fit_transform(codes), dtype=np.float32), "UMAP"


def coordinates_of(encoder: Any, X: Any) -> Floats:
    """The first two dimensions of the latent codes; zeros for the second where there is but one."""
    latents: Floats = encoder.transform(X)
    missing = max(0, 2 - latents.shape[1])
    coordinates: Floats = np.pad(latents[:, :2], ((0, 0), (0, missing))).astype(np.float32)
    return coordinates
