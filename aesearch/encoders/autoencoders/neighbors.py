"""The autoencoder that keeps neighborhoods: for maps, and for codes of very few numbers."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from aesearch.encoders.autoencoders.mlp import MLPEncoder, PlainNetwork
from aesearch.encoders.autoencoders.network import Labels, Network, NetworkTask
from aesearch.encoders.layers.likelihood import Likelihood
from aesearch.encoders.layers.mlp import ACTIVATIONS, Backbone
from aesearch.encoders.layers.projection import principal
from aesearch.encoders.parameters import Count, OneOf, Weight, Widths
from aesearch.encoders.training import losses
from aesearch.encoders.training.augment import Augmenter, augmenter, family_of
from aesearch.encoders.training.data import Batches, blocks, spread_rows
from aesearch.encoders.training.neighbors import nearest
from aesearch.types import Array

COMPONENTS = 48  # in which neighbors are looked for: the rest is mostly noise
FITTED_ON = 10_000  # samples for these
LARGEST_SIDE = 28  # of pictures, when neighbors are looked for
REFERRED_TO = 2_000  # samples for the loss of the mean
SMALLEST = 1e-6


class NeighborNetwork(PlainNetwork):
    """A plain network for batches whose second half has a neighbor of each of the first.

    Parameters
    ----------
    weight : float
        Of the reconstruction.
    **parameters
        Of `PlainNetwork`.

    Attributes
    ----------
    reference : Tensor
        Loss of always decoding to the mean sample, by which the reconstruction is divided.
    """

    reference: Tensor

    def __init__(
        self, likelihood: Likelihood, backbone: Backbone, *, weight: float, **parameters: Any
    ) -> None:
        super().__init__(likelihood, backbone, **parameters)
        self.weight = weight
        self.register_buffer("reference", torch.ones(()))

    def losses(self, inputs: Tensor, targets: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return those of `PlainNetwork`, and "neighborhood"."""
        codes = self.encode(inputs)
        terms = self.terms(codes, self.decode(codes), targets)
        terms["reconstruction"] = self.weight * terms["reconstruction"] / self.reference
        return {"neighborhood": losses.neighborhood(*codes.chunk(2)), **terms}


class NeighborTask(NetworkTask):
    """Show each sample together with one of its neighbors, or with another view of itself.

    Attributes
    ----------
    pairs : Tensor of shape (samples of the source, neighbors)
        Of training samples among themselves, and of validation samples among themselves.
    view : callable
        Corruption of pictures; targets stay clean.
    """

    pairs: Tensor
    view: Augmenter

    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the terms of the network's loss."""
        stored, labels = self._stored(self.rows[rows.numpy()])
        likelihood = self.network.likelihood
        inputs = self.noise(likelihood.inputs(self.view(stored.cpu()).to(self.device)))
        return self.network.losses(inputs, likelihood.targets(stored), labels)

    def _stored(self, rows: Array) -> tuple[Tensor, Tensor]:
        known = self.pairs[torch.from_numpy(rows)]
        chosen = known.gather(1, torch.randint(known.shape[1], (len(rows), 1)))[:, 0].numpy()
        return super()._stored(np.concatenate([rows, chosen]))


@dataclass(eq=False, repr=False)
class NeighborEncoder(MLPEncoder):
    """Fully connected autoencoder whose codes keep who is next to whom: a parametric t-SNE.

    Before training, each sample's nearest neighbors are found in the leading principal
    components. The codes of a sample and of one of its neighbors should be nearer to each other
    than to all others of a batch, by a similarity with heavy tails, and decode to the samples.
    Best with codes of 2 or 3 numbers, as a map; unlike t-SNE it maps new samples too.

    Parameters
    ----------
    hidden : tuple of int, default=(1000, 500, 250)
    neighbors : int, default=15
        How many count; in a large collection fewer of an even sample, in proportion.
    views : bool, default=True
        Whether pictures are also augmented, as for the encoder agreement: what changes then should
        not move a picture on the map.
    reconstruction : float, default=0.2
        Weight of the reconstruction, which is 1 for always decoding to the mean sample.

    References
    ----------
    L. van der Maaten, Learning a parametric embedding by preserving local structure, AISTATS 2009.
    T. Sainburg, L. McInnes, T. Gentner, Parametric UMAP embeddings for representation and
    semisupervised learning, Neural Computation 2021 (with reconstruction). N. Böhm, P. Berens,
    D. Kobak, Unsupervised visualization of image datasets using contrastive learning, ICLR 2023.

    See Also
    --------
    MLPEncoder : the other parameters.
    """

    accepts_sparse: ClassVar[bool] = False  # neighbors are looked for among all rows, densified

    _: KW_ONLY
    task_type: ClassVar[type[NetworkTask]] = NeighborTask

    hidden: Widths = (1000, 500, 250)
    activation: Annotated[str, OneOf(*ACTIVATIONS)] = "silu"
    neighbors: Count = 15
    views: bool = True
    reconstruction: Weight = 0.2

    def _network(self, likelihood: Likelihood, shape: tuple[int, ...]) -> Network:
        return NeighborNetwork(
            likelihood, self._backbone(shape), weight=self.reconstruction, **self._code_kwargs()
        )

    def _view(self, source: Batches) -> Augmenter:
        """Return the augmentation of pictures, where they are square; rows stay as they are."""
        if not self.views or self.image_shape_ is None or source.shape[1] != source.shape[2]:
            return lambda x: x
        sample = source.batch(spread_rows(source.count, REFERRED_TO))
        family = family_of((sample.permute(0, 2, 3, 1) * 255).numpy())
        return augmenter(family, source.shape[1])

    def _task(self, source: Batches, labels: Labels) -> NetworkTask:
        task = super()._task(source, labels)
        assert isinstance(task, NeighborTask)
        # Neighbors among the few that are held out are far apart: their loss is only told.
        task.patience = None
        rows = spread_rows(source.count, FITTED_ON)
        mean, components = principal(_flat(source, rows), COMPONENTS, 0.0)
        # By default each is its own neighbor.
        task.pairs = torch.arange(source.count)[:, None].repeat(1, self.neighbors)
        task.view = self._view(source)
        for part in (task.rows, task.held_out):
            if len(part) > 1:
                parts = [(_flat(source, block) - mean) @ components for block in blocks(part)]
                found = nearest(torch.cat(parts), self.neighbors)
                task.pairs[part] = torch.from_numpy(part)[found]
        network = self.network_
        assert isinstance(network, NeighborNetwork)
        likelihood = network.likelihood
        targets = likelihood.targets(source.batch(rows[:REFERRED_TO]))
        always = likelihood.output_bias().expand_as(targets)
        network.reference.copy_(likelihood.errors(always, targets).mean().clamp(min=SMALLEST))
        return task


def _flat(source: Batches, rows: Array) -> Tensor:
    """Return samples as rows of numbers; large pictures averaged down, which changes no neighbor.

    The components of all pixels of a large picture would take minutes.
    """
    parts = []
    for block in blocks(rows):
        x = source.batch(block)
        if x.ndim == 4:
            height, width = (min(side, LARGEST_SIDE) for side in x.shape[2:])
            x = functional.adaptive_avg_pool2d(x, (height, width))
        parts.append(x.flatten(1))
    return torch.cat(parts)
