"""Which directions of joined descriptions tell items apart, told from their nearest neighbors."""

from __future__ import annotations

import torch
from torch import Tensor

from aesearch.encoders.layers.blocks import unit
from aesearch.encoders.layers.projection import eigen, principal
from aesearch.encoders.training.data import spread_rows
from aesearch.encoders.training.neighbors import trusted_neighbors

LOOKED_AT = 8_000  # rows among which neighbors are looked for: their square is what it costs
NEIGHBORS = 5  # at most; in a small collection, one in twenty
RIDGE = 0.2  # of the mean variance within, added to each; more where there are few pairs
FLOOR = 1e-3  # of the mean variance in all: neighbors that are copies vary in nothing


def neighborhood_components(rows: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return (mean, matrix) of the leading components, where neighbors vary equally everywhere.

    Along some directions even what is alike differs: light, pose, noise. The differences between
    mutual nearest neighbors show them; they are divided by their spread before the components
    that vary most are taken. Nothing is labelled, for a neighbor stands for one of the same kind.

    Parameters
    ----------
    rows : Tensor of shape (n, numbers)
    size : int
        Most columns of the matrix.

    References
    ----------
    N. Shental, T. Hertz, D. Weinshall, M. Pavel, Adjustment learning and relevant component
    analysis, ECCV 2002. A. Hatch, S. Kajarekar, A. Stolcke, Within-class covariance normalization,
    Interspeech 2006 (both with given pairs).
    """
    equalizing = _equalizing(rows)
    _, matrix = principal(rows @ equalizing, size, 0.0)
    return rows.mean(dim=0), equalizing @ matrix


def _equalizing(rows: Tensor) -> Tensor:
    """Return the symmetric matrix after which the differences of neighbors are spread evenly."""
    numbers = rows.shape[1]
    if len(rows) < 2:
        return torch.eye(numbers)
    some = rows[torch.from_numpy(spread_rows(len(rows), LOOKED_AT))]
    wanted = max(1, min(NEIGHBORS, len(some) // 20))
    found = trusted_neighbors(unit(some), wanted, len(some)).long()
    own, column = (found >= 0).nonzero(as_tuple=True)
    if not len(own):
        return torch.eye(numbers)
    differences = (some[own] - some[found[own, column]]).double()
    variance, vectors = eigen(differences.T @ differences / len(own))
    ridge = RIDGE * (1 + numbers / len(own)) * variance.mean()
    floor = FLOOR * some.var(dim=0).mean().clamp(min=1e-12)
    scale = (variance.clamp(min=0) + ridge + floor).rsqrt()
    equalizing: Tensor = ((vectors * scale) @ vectors.T).float()
    return equalizing
