"""The network of the text encoder: sparse rows in and out, never densified while it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aesearch.encoders.layers.blocks import unit
from aesearch.encoders.layers.mlp import ACTIVATIONS
from aesearch.types import Array

COSINE, MULTINOMIAL = "cosine", "multinomial"
SMALLEST = 1e-9
FAINT = 0.001  # spread of weights beside those taken over


@dataclass(frozen=True)
class WordBatch:
    """Some rows of a sparse table, as `torch.nn.functional.embedding_bag` takes them.

    Attributes
    ----------
    columns, offsets : Tensor of int64
        Columns of all entries, and where each row begins.
    values : Tensor of float32
    rows : Tensor of int64
        The row of each entry.
    """

    columns: Tensor
    offsets: Tensor
    values: Tensor
    rows: Tensor

    def matmul(self, matrix: Tensor) -> Tensor:
        """Return the product with a matrix of a row per column, (n, width)."""
        return functional.embedding_bag(
            self.columns, matrix, self.offsets, mode="sum", per_sample_weights=self.values
        )


class WordRows:
    """A sparse table whose rows are taken out in batches, some of their words left out.

    Parameters
    ----------
    X : CSR matrix of scipy, shape (n, features)
    order : int
        Of the length that rows are brought to: 2 for unit vectors, 1 for shares that sum to one.
    """

    def __init__(self, X: Any, order: int) -> None:
        self.starts, self.columns = X.indptr.astype(np.int64), X.indices
        self.values = np.asarray(X.data, dtype=np.float32)
        self.order = order

    def lengths(self, rows: Array, order: int) -> NDArray[np.float64]:
        """Return the length of each row, as it is in the table."""
        taken = [self.values[self.starts[row] : self.starts[row + 1]] for row in rows]
        return np.array([np.linalg.norm(values, order) if len(values) else 0.0 for values in taken])

    def batch(self, rows: Array, noise: str | None = None, level: float = 0.0) -> WordBatch:
        """Return some rows, of unit length.

        Parameters
        ----------
        rows : ndarray of int64
        noise : {"gaussian", "mask", "dropout"}, optional
            "mask" leaves words out, and brings what is left to unit length; "dropout" divides it
            by the share that is kept instead; "gaussian" adds noise to the words that occur.
        level : float
            Share of the words that are left out, though no row loses all; or the standard
            deviation of the noise, in those of the words' weights.
        """
        lengths = self.starts[rows + 1] - self.starts[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        owner = np.repeat(np.arange(len(rows)), lengths)
        places = np.arange(offsets[-1]) + np.repeat(self.starts[rows] - offsets[:-1], lengths)
        if noise in ("mask", "dropout") and level and len(places):
            chance = torch.rand(len(places) + len(rows)).numpy()
            stays = chance[: len(places)] < 1 - level
            full = lengths > 0
            one = offsets[:-1][full] + (chance[-len(rows) :][full] * lengths[full]).astype(np.int64)
            stays[one] = True
        else:
            stays = np.ones(len(places), dtype=bool)
        measured = np.ones_like(stays) if noise == "dropout" else stays
        entries = np.abs(self.values[places[measured]]) ** self.order
        sizes = np.bincount(owner[measured], entries, minlength=len(rows)) ** (1 / self.order)
        places, owner = places[stays], owner[stays]
        lengths = np.bincount(owner, minlength=len(rows))
        values = self.values[places] / np.maximum(sizes, SMALLEST)[owner]
        if noise == "dropout":
            values = values / (1 - level)
        elif noise == "gaussian" and len(values):
            values = values + level * values.std() * torch.randn(len(values)).numpy()
        return WordBatch(
            torch.from_numpy(self.columns[places].astype(np.int64)),
            torch.from_numpy(np.cumsum(lengths) - lengths),
            torch.from_numpy(values.astype(np.float32)),
            torch.from_numpy(owner),
        )


class TextNetwork(nn.Module):
    """Words to a code and back: an encoder of any depth, a decoder of one layer.

    Parameters
    ----------
    features : int
        Columns of the table.
    sizes : sequence of int
        Units of the hidden layers, and of the code.
    activation : str
        Of the hidden layers.
    bounded : bool
        Whether the code is a hyperbolic tangent, else linear.
    loss : {'cosine', 'multinomial'}
    """

    def __init__(
        self, features: int, sizes: Sequence[int], activation: str, *, bounded: bool, loss: str
    ) -> None:
        super().__init__()
        self.loss, self.bounded = loss, bounded
        self.sizes, self.activation = list(sizes), activation
        self.words = nn.Parameter(torch.randn(features, sizes[0]) * 0.01)
        self.bias = nn.Parameter(torch.zeros(sizes[0]))
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [ACTIVATIONS[activation](), nn.Linear(before, after)]
        self.above = nn.Sequential(*layers)
        self.output = nn.Parameter(torch.randn(features, sizes[-1]) * 0.05)
        self.frequency = nn.Parameter(torch.zeros(features))

    def init_directions(self, directions: Tensor, gain: float, out: float) -> None:
        """Take leading singular vectors, (features, k), as first weights; `out` is of the output.

        They begin the first layer, and the output where there is no layer in between.
        """
        with torch.no_grad():
            width = min(directions.shape[1], self.words.shape[1])
            self.words[:, :width] = gain * directions[:, :width]
            if not len(self.above):
                self.output[:, :width] = out * directions[:, :width]

    def load_first_layer(self, other: TextNetwork) -> None:
        """Take over the first layer of a network, as far as it goes, and its output's bias."""
        width = min(other.words.shape[1], self.words.shape[1])
        with torch.no_grad():
            self.words.normal_(0, FAINT)
            self.words[:, :width] = other.words[:, :width]
            self.bias[:width] = other.bias[:width]
            self.frequency.copy_(other.frequency)
        self.frequency.requires_grad_(other.frequency.requires_grad)

    @property
    def is_linear(self) -> bool:
        """Whether the code is a linear map of the words."""
        return not len(self.above) and not self.bounded

    def encode_sparse(self, batch: WordBatch) -> Tensor:
        """Return the latent codes of sparse rows."""
        return self._upwards(batch.matmul(self.words))

    def encode(self, x: Tensor) -> Tensor:
        """Return the latent codes of dense rows of unit length, (n, features)."""
        return self._upwards(x @ self.words)

    def _upwards(self, sums: Tensor) -> Tensor:
        latent: Tensor = self.above(sums + self.bias)
        return torch.tanh(latent) if self.bounded else latent

    def decode(self, latents: Tensor) -> Tensor:
        """Return the direction of the row, or the share of each word in it, (n, features)."""
        raw = latents @ self.output.T + self.frequency
        return functional.normalize(raw, dim=1) if self.loss == COSINE else raw.softmax(dim=1)

    def fit_output(self, latents: Tensor, rows: Any) -> None:
        """Make the output the linear map from codes to rows with the least squared error.

        Parameters
        ----------
        latents : Tensor of shape (n, code_size)
        rows : CSR matrix of shape (n, features)
            Of unit length.
        """
        codes = np.concatenate([latents.numpy(), np.ones((len(latents), 1))], axis=1)
        squares = codes.T @ codes
        squares += 1e-6 * np.trace(squares) * np.eye(len(squares))
        solved = np.linalg.solve(squares, np.asarray(rows.T @ codes).T)
        with torch.no_grad():
            self.output.copy_(torch.from_numpy(solved[:-1].T.astype(np.float32)))
            self.frequency.copy_(torch.from_numpy(solved[-1].astype(np.float32)))

    def reconstruction(self, latents: Tensor, target: WordBatch) -> Tensor:
        """Return the mean loss: 1 less the cosine, or nats per word of a multinomial.

        The cosine is had without the decoded rows: their products with the targets need only the
        words that occur, and their lengths the products of the output's columns.
        """
        reached = (latents * target.matmul(self.output)).sum(dim=1)
        if self.loss == COSINE:
            products = self.output.T @ self.output
            lengths = ((latents @ products) * latents).sum(dim=1).clamp(min=SMALLEST).sqrt()
            return 1 - (reached / lengths).mean()
        frequent = torch.zeros_like(reached).index_add(
            0, target.rows, self.frequency[target.columns] * target.values
        )
        total: Tensor = _LogSumExp.apply(latents, self.output, self.frequency)
        return (total - reached - frequent).mean()


class _LogSumExp(torch.autograd.Function):
    """The logarithm of the sum of exponentials over all words: one large array, not five."""

    @staticmethod
    def forward(ctx: Any, latents: Tensor, output: Tensor, frequency: Tensor) -> Tensor:
        shares = torch.addmm(frequency, latents, output.T)
        most = shares.amax(dim=1, keepdim=True)
        shares.sub_(most).exp_()
        total = shares.sum(dim=1, keepdim=True)
        shares.div_(total)
        ctx.save_for_backward(latents, output, shares)
        return (most + total.log()).squeeze(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        latents, output, shares = ctx.saved_tensors
        gradient = gradients[0][:, None]
        return (
            (shares @ output) * gradient,
            shares.T @ (latents * gradient),
            gradient.squeeze(1) @ shares,
        )


class TextEncoderModule(nn.Module):
    """From rows to ``(code, latent)``."""

    center: Tensor

    def __init__(self, network: TextNetwork, center: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("center", center)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (code, latent), both (n, code_size): code is of length 1."""
        latent = self.network.encode(functional.normalize(x.float(), dim=1))
        return unit(latent - self.center), latent


class TextDecoderModule(nn.Module):
    """From latents to rows of the usual length."""

    def __init__(self, network: TextNetwork, length: float) -> None:
        super().__init__()
        self.network, self.length = network, length

    def forward(self, latent: Tensor) -> Tensor:
        """Decode latents to rows."""
        return self.network.decode(latent) * self.length
