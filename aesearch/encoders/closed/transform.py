"""Fitting the sparse manifold transform: a dictionary of patches, one generalized eigenproblem."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from aesearch.encoders.layers.blocks import unit
from aesearch.encoders.layers.descriptors import PatchTransform
from aesearch.encoders.layers.projection import eigen
from aesearch.encoders.training.data import Source, blocks, spread_rows

ENTRIES = 1024
DIMENSIONS = 128
FITTED_ON = 3_000  # pictures: more changes nothing (measured on photos: 2,000 as good as 5,000)
MOST_PATCHES = 60_000
PATCHES_OF_A_PICTURE = 10  # whose covariance is that within pictures
PATCHES_PER_ENTRY = 4  # a smaller dictionary where there are fewer
WHITENING = 0.1  # of the mean variance, added to each
RIDGE = 0.01  # likewise


@torch.inference_mode()
def fit_transform(source: Source, seed: int) -> PatchTransform:
    """Learn the transform of a collection.

    Parameters
    ----------
    source : Source
        Square pictures.
    seed : int
        Of the patches that are drawn.

    References
    ----------
    Y. Chen et al., Minimalistic unsupervised representation learning with the sparse manifold
    transform, ICLR 2023. A. Coates and A. Ng, Learning feature representations with k-means, 2012
    (whitening and dictionary).
    """
    generator = torch.Generator().manual_seed(seed)
    rows = spread_rows(source.count, FITTED_ON)
    patches = _patches(source, rows, generator)
    entries = max(2, min(ENTRIES, len(patches) // PATCHES_PER_ENTRY))
    layer = PatchTransform(source.side, source.channels, entries, min(DIMENSIONS, entries - 1))
    _learn_dictionary(layer, patches, entries, seed)
    _learn_embedding(layer, source, rows, generator)
    return layer.eval()


def _patches(source: Source, rows: np.ndarray, generator: torch.Generator) -> Tensor:
    """Draw patches from the pictures `rows`, evenly."""
    layer = PatchTransform(source.side, source.channels, 2, 1)
    each = max(1, min(layer.places, MOST_PATCHES // len(rows)))
    drawn = []
    for part in blocks(rows):
        found = layer.patches(source.batch(part)).view(len(part), layer.places, -1)
        places = torch.rand(len(part), layer.places, generator=generator).argsort(dim=1)
        drawn.append(found[torch.arange(len(part))[:, None], places[:, :each]].flatten(0, 1))
    return torch.cat(drawn)


def _learn_dictionary(layer: PatchTransform, patches: Tensor, entries: int, seed: int) -> None:
    mean = patches.mean(dim=0)
    centered = (patches - mean).double()
    variance, vectors = eigen(centered.T @ centered / len(patches))
    scale = (variance.clamp(min=0) + WHITENING * variance.mean().clamp(min=1e-9)).rsqrt()
    white = ((vectors * scale) @ vectors.T).float()
    directions = unit((patches - mean) @ white)
    means = MiniBatchKMeans(
        entries, init="random", n_init=1, max_iter=8, batch_size=4096, random_state=seed
    )
    means.fit(directions.numpy())
    numbers = white.shape[0]
    # Filters of patches that are not centered yet: what is constant in a patch is taken out here.
    centering = torch.eye(numbers) - 1 / numbers
    layer.filters.copy_((white @ centering).view(layer.filters.shape))
    layer.shift.copy_((mean @ white).view(layer.shift.shape))
    dictionary = unit(torch.from_numpy(means.cluster_centers_).float())
    layer.dictionary.copy_(dictionary.view(layer.dictionary.shape))


def _learn_embedding(
    layer: PatchTransform, source: Source, rows: np.ndarray, generator: torch.Generator
) -> None:
    """Solve for the directions that vary most between pictures, and least within one."""
    entries, dimensions = layer.dictionary.shape[0], layer.embedding.shape[0]
    means, within, total, count = [], torch.zeros(entries, entries), torch.zeros(entries), 0
    for part in np.array_split(rows, -(-len(rows) // 128)):
        fired = layer.fired(source.batch(part)).unflatten(0, (-1, layer.places))
        means.append(fired.mean(dim=1))
        places = torch.randint(layer.places, (len(part), PATCHES_OF_A_PICTURE), generator=generator)
        single = fired[torch.arange(len(part))[:, None], places].flatten(0, 1)
        within += single.T @ single
        total += single.sum(dim=0)
        count += len(single)
    average = (total / count).double()
    spread = within.double() / count - torch.outer(average, average)
    spread += RIDGE * spread.diagonal().mean().clamp(min=1e-9) * torch.eye(entries)
    of_pictures = torch.cat(means).double()
    centered = of_pictures - of_pictures.mean(dim=0)
    root = torch.linalg.cholesky(spread)
    half = torch.linalg.solve_triangular(root, centered.T, upper=False)
    _, vectors = eigen(half @ half.T / len(half))
    leading = torch.linalg.solve_triangular(root.T, vectors[:, -dimensions:].flip(1), upper=True)
    # The sign of an eigenvector is arbitrary; fixed, so that results repeat.
    leading = leading * leading.gather(0, leading.abs().argmax(dim=0)[None]).sign()
    layer.embedding.copy_(leading.T.float().view(layer.embedding.shape))
    layer.offset.copy_((of_pictures.mean(dim=0) @ leading).float().view(layer.offset.shape))
