"""The two stages in which the text encoder is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from aesearch.encoders.texts.network import COSINE, TextNetwork, WordRows
from aesearch.encoders.training import losses
from aesearch.encoders.training.task import Task
from aesearch.types import Array

PLANE = 3  # dimensions of a code, up to which it is a map, where distance counts and not direction


class TextTask(Task):
    """Show each document with most of its words left out; it, or a neighbor, is the target.

    Parameters
    ----------
    network : TextNetwork
    X : CSR matrix
    pairs : Tensor of shape (n, neighbors)
        Rows of the nearest documents of each.
    noise : str or None
    noise_level : float
        What is done to the words, see `WordRows.batch`.
    shared : float
        How often the target is a neighbor.
    contrast, temperature : float
        Weight and temperature of the agreement between two remainders.
    """

    name = "textencoder"
    patience = None  # the loss of what has words left out is no measure of success

    def __init__(
        self,
        network: TextNetwork,
        X: Any,
        pairs: Tensor,
        *,
        noise: str | None,
        noise_level: float,
        shared: float = 1.0,
        contrast: float = 0.0,
        temperature: float = 0.2,
    ) -> None:
        self.module = self.network = network
        self.rows = WordRows(X, order=2)
        self.targets = WordRows(X, order=2 if network.loss == COSINE else 1)
        self.pairs, self.samples = pairs, X.shape[0]
        self.noise, self.noise_level, self.shared = noise, noise_level, shared
        self.contrast, self.temperature = contrast, temperature

    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the terms of the loss."""
        # Turning the large matrices to half precision would take longer than it saves.
        with torch.autocast(self.device.type, enabled=False):
            return self._terms(rows.numpy(), self._others(rows))

    def _others(self, rows: Tensor) -> Array:
        """Return a neighbor of each row, or the row itself."""
        picked = torch.randint(self.pairs.shape[1], (len(rows), 1))
        near = self.pairs[rows].gather(1, picked)[:, 0].numpy()
        chosen: Array = np.where(torch.rand(len(rows)).numpy() < self.shared, near, rows.numpy())
        return chosen

    def _terms(self, rows: Array, others: Array) -> dict[str, Tensor]:
        latents = self._seen(rows)
        target = self.targets.batch(others)
        terms = {"reconstruction": self.network.reconstruction(latents, target)}
        if self.contrast:
            views = self._seen(others)
            agreed = losses.agreement(latents, views, self.temperature)
            terms["agreement"] = self.contrast * agreed
        return terms

    def _seen(self, rows: Array) -> Tensor:
        """Return the latent codes of what the network is shown of some rows."""
        return self.network.encode_sparse(self.rows.batch(rows, self.noise, self.noise_level))


class RefiningTask(TextTask):
    """Give each document, and one that the first stage has next to it, the same code.

    The decoder learns to read the codes, and does not change them.
    """

    name = "textencoder-refined"

    def _terms(self, rows: Array, others: Array) -> dict[str, Tensor]:
        latents = self._seen(rows)
        near = self._seen(others)
        if latents.shape[1] <= PLANE:
            terms = {"neighborhood": losses.neighborhood(latents, near)}
        else:
            terms = {"agreement": losses.agreement(latents, near, self.temperature)}
        if self.network.loss != COSINE:  # with the cosine it is solved for in the end
            target = self.targets.batch(rows)
            terms["reconstruction"] = self.network.reconstruction(latents.detach(), target)
        return terms
