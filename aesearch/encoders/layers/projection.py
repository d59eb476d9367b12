"""Principal components as a layer, fitted in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

SMALLEST_SHARE = 1e-6  # of the largest variance; directions below it are rounding errors


class Projection(nn.Module):
    """``(x - mean) @ matrix``, fitted elsewhere."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("matrix", torch.zeros(inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, outputs)."""
        return (x - self.mean) @ self.matrix


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch take one thread, for matrices of some hundred numbers.

    Two gain little there, and where another program has a core they wait for each other at every
    step: some thirty times as long (measured, 6.3 s for .2 s).
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def eigen(symmetric: Tensor) -> tuple[Tensor, Tensor]:
    """Return (values, vectors) of a symmetric matrix, ascending; on one thread."""
    with one_thread():
        values, vectors = torch.linalg.eigh(symmetric)
    return values, vectors


def principal(rows: Tensor, size: int, power: float) -> tuple[Tensor, Tensor]:
    """Return (mean, matrix) of the leading components, divided by their deviation ** `power`.

    At most `size` columns, fewer where the rows span fewer dimensions, and at least one.

    References
    ----------
    H. Jegou and O. Chum, Negative evidences and co-occurences in image retrieval: the benefit of
    PCA and whitening, ECCV 2012.
    """
    mean = rows.mean(dim=0)
    centered = (rows - mean).double()
    variance, vectors = eigen(centered.T @ centered / len(rows))
    variance, vectors = variance.flip(0)[:size], vectors.flip(1)[:, :size]
    kept = max(1, int((variance > SMALLEST_SHARE * variance[0].clamp(min=1e-12)).sum()))
    variance, vectors = variance[:kept].clamp(min=1e-12), vectors[:, :kept]
    # The sign of an eigenvector is arbitrary; fixed, so that results repeat.
    largest = vectors.abs().argmax(dim=0)
    vectors = vectors * vectors.gather(0, largest[None]).sign()
    return mean, (vectors / variance ** (power / 2)).float()
