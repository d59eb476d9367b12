"""The autoencoder that keeps neighbourhoods: for maps, and for codes of very few numbers."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from aesearch.encoders import losses
from aesearch.encoders.base import Array
from aesearch.encoders.batches import Batches, spread_rows
from aesearch.encoders.bodies import Body
from aesearch.encoders.fusion import blocks, principal
from aesearch.encoders.layers import unit
from aesearch.encoders.mlp import MLPEncoder, PlainNetwork
from aesearch.encoders.network import Labels, Network, NetworkTask
from aesearch.encoders.parameters import require_number, require_whole
from aesearch.encoders.units import Units
from aesearch.encoders.views import trusted_neighbours

COMPONENTS = 48  # in which neighbours are looked for: the rest is mostly noise
FITTED_ON = 20_000  # samples for these
REFERRED_TO = 2_000  # samples for the loss of the mean
SMALLEST = 1e-6


class NeighbourNetwork(PlainNetwork):
    """A plain network for batches whose second half has a neighbour of each of the first.

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

    def __init__(self, units: Units, body: Body, *, weight: float, **parameters: Any) -> None:
        super().__init__(units, body, **parameters)
        self.weight = weight
        self.register_buffer("reference", torch.ones(()))

    def losses(self, inputs: Tensor, targets: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return those of `PlainNetwork`, and "neighbourhood"."""
        codes = self.encode(inputs)
        terms = self.terms(codes, self.decode(codes), targets)
        terms["reconstruction"] = self.weight * terms["reconstruction"] / self.reference
        return {"neighbourhood": losses.neighbourhood(*codes.chunk(2)), **terms}


class NeighbourTask(NetworkTask):
    """Show each sample together with one of its neighbours.

    Attributes
    ----------
    pairs : Tensor of shape (samples of the source, neighbours)
        Of training samples among themselves, and of validation samples among themselves.
    """

    pairs: Tensor

    def _with_neighbours(self, rows: Array) -> Array:
        """Return the rows, and as many again: a neighbour of each, or itself where it has none."""
        known = self.pairs[torch.from_numpy(rows)]
        chosen = known.gather(1, torch.randint(known.shape[1], (len(rows), 1)))[:, 0].numpy()
        return np.concatenate([rows, np.where(chosen >= 0, chosen, rows)])

    def _batch(self, rows: Array, shift: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        return super()._batch(self._with_neighbours(rows), shift)


@dataclass(eq=False, repr=False)
class NeighbourEncoder(MLPEncoder):
    """Fully connected autoencoder whose codes keep who is next to whom: a parametric t-SNE.

    Before training, each sample's nearest neighbours are found in the leading principal
    components. The codes of a sample and of one of its neighbours should be nearer to each other
    than to all others of a batch, by a similarity with heavy tails, and decode to the samples.
    Best with codes of 2 or 3 numbers, as a map; unlike t-SNE it maps new samples too.

    Parameters
    ----------
    hidden : tuple of int, default=(1000, 500, 250)
    neighbours : int, default=15
        How many count; in a large collection fewer of an even sample, in proportion.
    reconstruction : float, default=0.5
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

    _: KW_ONLY
    task_type: ClassVar[type[NetworkTask]] = NeighbourTask

    hidden: tuple[int, ...] = (1000, 500, 250)
    activation: str = "silu"
    neighbours: int = 15
    reconstruction: float = 0.5

    def check_parameters(self) -> None:
        """Check the parameters; see `Encoder.check_parameters`."""
        super().check_parameters()
        require_whole(self, 1, "neighbours")
        require_number(self, "reconstruction", least=0)

    def _network(self, units: Units, shape: tuple[int, ...]) -> Network:
        return NeighbourNetwork(
            units, self._body(shape), weight=self.reconstruction, **self._of_code()
        )

    def _task(self, source: Batches, labels: Labels) -> NetworkTask:
        task = super()._task(source, labels)
        assert isinstance(task, NeighbourTask)
        # Neighbours among the few that are kept out are far apart: their loss is only told.
        task.patience = None
        rows = spread_rows(source.count, FITTED_ON)
        mean, components = principal(_flat(source, rows), COMPONENTS, 0.0)
        task.pairs = torch.full((source.count, self.neighbours), -1)
        for part in (task.rows, task.validated):
            if len(part) > 1:
                parts = [(_flat(source, block) - mean) @ components for block in blocks(part)]
                found = trusted_neighbours(unit(torch.cat(parts)), self.neighbours, len(part))
                known = torch.from_numpy(part)[found.clamp(min=0).long()]
                task.pairs[part] = torch.where(found >= 0, known, -1)
        network = self.network_
        assert isinstance(network, NeighbourNetwork)
        targets = network.units.targets(source.batch(rows[:REFERRED_TO]))
        always = network.units.first_bias().expand_as(targets)
        network.reference.copy_(network.units.errors(always, targets).mean().clamp(min=SMALLEST))
        return task


def _flat(source: Batches, rows: Array) -> Tensor:
    """Return samples as rows of numbers."""
    return source.batch(rows).flatten(1)
