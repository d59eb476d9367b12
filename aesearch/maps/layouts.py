"""Ways of laying codes out in a plane, and how well a layout keeps groups together."""

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
    """One way of laying the items out in a plane.

    Attributes
    ----------
    method : str
        "code" (the encoder's own), "learned", "tsne", "umap", "pca" or "lsa".
    title : str
        What it is, for a reader.
    places : ndarray of float32, shape (n, 2)
        NaN where an item could not be read again.
    accuracy : float or None
        Share of the items whose group is that of most of their five nearest others in the plane;
        None where the groups cannot serve as classes.
    """

    method: str
    title: str
    places: Floats
    accuracy: float | None = None


def neighbour_accuracy(places: Floats, labels: Ids, k: int = NEIGHBORS) -> float | None:
    """Return how often the nearest others of an item tell its label, each item left out in turn.

    Parameters
    ----------
    places : ndarray of float32, shape (n, d)
        Rows that are not numbers are passed over.
    labels : ndarray of int64, shape (n,)
        -1 for items without one, which are passed over too.
    k : int, default=5
        Others that vote; of labels with equally many votes the nearest wins.

    Returns
    -------
    float or None
        None where fewer than two items are left.
    """
    usable = np.isfinite(places).all(axis=1) & (labels >= 0)
    places, labels = places[usable], labels[usable]
    if len(places) < 2:
        return None
    k = min(k, len(places) - 1)
    found = cKDTree(places).query(places, k + 1)[1]
    # Oneself comes first, but for others at just the same place.
    itself = found == np.arange(len(places))[:, None]
    itself[~itself.any(axis=1), -1] = True
    votes = labels[found[~itself].reshape(len(places), k)]
    return float((majority_label(votes) == labels).mean())


def laid_out(codes: Floats, by: str, seed: int, progress: Progress) -> Panel:
    """Lay out codes by PCA ("pca"), t-SNE ("tsne") or UMAP ("umap").

    Raises
    ------
    UnsupportedError
        If UMAP is not installed.
    """
    pca = plane_of(PCAEncoder(2, whiten=0, random_state=seed).fit(codes), codes)
    if by == "pca":
        return Panel("pca", "PCA of the codes, 2 components", pca)
    # Both begin at the components, so that the map as a whole means something: Kobak and Berens,
    # The art of using t-SNE for single-cell transcriptomics, Nature Communications 2019.
    jitter = np.random.default_rng(seed).normal(0, 1e-3, pca.shape)
    start = pca / max(float(pca[:, 0].std()), 1e-12) + jitter
    progress(by, 0, 1)
    found, title = (_tsne if by == "tsne" else _umap)(codes, start, seed)
    progress(by, 1, 1)
    return Panel(by, f"{title} of the codes", found)


def _tsne(codes: Floats, start: Any, seed: int) -> tuple[Floats, str]:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(codes) - 1) / 3)
    tsne = TSNE(2, init=(1e-4 * start).astype(np.float32), perplexity=perplexity, random_state=seed)
    return np.asarray(tsne.fit_transform(codes), dtype=np.float32), "t-SNE"


def _umap(codes: Floats, start: Any, seed: int) -> tuple[Floats, str]:
    try:
        from umap import UMAP
    except ImportError:
        raise UnsupportedError("--by umap needs umap-learn: pip install 'aesearch[umap]'") from None
    near = min(15, len(codes) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells what its own defaults are
        umap = UMAP(n_neighbors=near, init=10 * start, random_state=seed, n_jobs=1)
        return np.asarray(umap.fit_transform(codes), dtype=np.float32), "UMAP"


def plane_of(encoder: Any, X: Any) -> Floats:
    """Return the latent codes, and zeros for the second number where there is but one."""
    latents: Floats = encoder.transform(X)
    missing = max(0, 2 - latents.shape[1])
    places: Floats = np.pad(latents[:, :2], ((0, 0), (0, missing))).astype(np.float32)
    return places
