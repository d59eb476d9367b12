"""Who is next to whom, before and while a network is trained."""

from __future__ import annotations

import torch
from torch import Tensor

# Rows among which neighbors are looked for, which keeps the cost linear, and those at a time.
DATABASE, BLOCK = 60_000, 1_000
TRUSTED_DATABASE, TRUSTED_BLOCK = 20_000, 512
ROUNDING = 1e-6  # the score of two codes differs by so much with who asks: BLAS sums in any order


def nearest(rows: Tensor, neighbors: int) -> Tensor:
    """Return the nearest others of each row by Euclidean distance, (n, neighbors) row numbers.

    In a large collection they are looked for in an even sample, in proportion fewer of them. Rows
    that have fewer others get the same ones repeatedly.
    """
    step = -(-len(rows) // DATABASE)
    base = torch.arange(0, len(rows), step)
    wanted = min(max(1, round(neighbors / step)), len(base) - 1)
    database = rows[base]
    lengths = database.square().sum(dim=1)
    found = torch.empty(len(rows), wanted, dtype=torch.long)
    for own in torch.arange(len(rows)).split(BLOCK):
        distances = lengths - 2 * rows[own] @ database.T
        inside = own % step == 0
        distances[inside, own[inside] // step] = torch.inf
        found[own] = base[distances.topk(wanted, dim=1, largest=False).indices]
    return found.repeat(1, -(-neighbors // wanted))[:, :neighbors]


def trusted_neighbors(codes: Tensor, neighbors: int, samples: int) -> Tensor:
    """Return neighbors that hold both ways: (n, k) rows, -1 where there is none.

    For large collections only an even sample serves as neighbors, with `neighbors` lowered in
    proportion, so that the radius stays the same and the cost linear.

    Parameters
    ----------
    codes : Tensor of shape (samples, size)
        Unit length.
    neighbors : int
        Neighbors per sample in the whole collection.
    samples : int
        Number of codes.
    """
    step = -(-samples // TRUSTED_DATABASE)
    base = torch.arange(0, samples, step)
    wanted = min(max(1, round(neighbors / step)), len(base) - 1)
    database = codes[base]
    similarity = torch.empty(samples, wanted)
    found = torch.empty(samples, wanted, dtype=torch.long)
    # One buffer for all scores: while training keeps its memory, a fresh one for each block would
    # leave a hole that the next does not fit into, gigabytes in all.
    scores = torch.empty(min(TRUSTED_BLOCK, samples), len(base))
    for start in range(0, samples, TRUSTED_BLOCK):
        own = torch.arange(start, min(start + TRUSTED_BLOCK, samples))
        block = torch.mm(codes[own], database.T, out=scores[: len(own)])
        inside = own % step == 0
        block[inside, own[inside] // step] = -2.0
        best = block.topk(wanted, dim=1)
        similarity[own], found[own] = best.values, base[best.indices]
    reach = similarity[:, -1]  # of each sample: how close its last neighbor is
    found[similarity < reach[found] - ROUNDING] = -1
    out = torch.full((samples, neighbors), -1)
    # A row is repeated to the full width, so that choosing a column is choosing a neighbor.
    repeats = -(-neighbors // wanted)
    out[:] = found.repeat(1, repeats)[:, :neighbors]
    return out.int()
