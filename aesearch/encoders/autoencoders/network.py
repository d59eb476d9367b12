"""The network of an autoencoder: its loss, its training, and the graphs that search runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aesearch.encoders.layers.blocks import unit
from aesearch.encoders.layers.likelihood import Likelihood
from aesearch.encoders.training.augment import shifted
from aesearch.encoders.training.data import Batches, from_pixels, to_pixels
from aesearch.encoders.training.device import training_device
from aesearch.encoders.training.noise import Noise
from aesearch.encoders.training.task import Task
from aesearch.types import Array

UNSHIFTED_FROM = 0.9  # share of training

Labels = NDArray[np.int64]


class Network(nn.Module, ABC):
    """What is trained: from the scaled values of a collection to its codes, and back.

    Parameters
    ----------
    likelihood : Likelihood
    """

    def __init__(self, likelihood: Likelihood) -> None:
        super().__init__()
        self.likelihood = likelihood

    @abstractmethod
    def encode(self, inputs: Tensor) -> Tensor:
        """Return latent codes, (n, code_size), the same for the same inputs every time."""

    @abstractmethod
    def decode(self, latents: Tensor) -> Tensor:
        """Return the raw values of the last layer, (n, *shape)."""

    @abstractmethod
    def losses(self, inputs: Tensor, targets: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the terms that are minimized, by name, each a mean over the samples.

        Parameters
        ----------
        inputs : Tensor of shape (n, *shape)
            With noise, if there is any.
        targets : Tensor of shape (n, *shape)
            Clean.
        labels : Tensor of shape (n,)
            Number of the class, or -1.
        """

    def validation_loss(self, inputs: Tensor, targets: Tensor, labels: Tensor) -> Tensor:
        """Return one number by which the best state is known."""
        return torch.stack(list(self.losses(inputs, targets, labels).values())).sum()

    def on_progress(self, progress: float) -> None:
        """Do what the share of training done asks for."""

    def parameter_groups(self, task: Task) -> list[dict[str, Any]]:
        """Return the optimizer's groups of parameters; see `Task.optimizer`."""
        return [{"params": list(self.parameters())}]


class NetworkTask(Task):
    """Train a network on clean targets and, where wanted, noisy inputs."""

    def __init__(
        self,
        network: Network,
        source: Batches,
        rows: Array,
        held_out: Array,
        labels: Labels,
        noise: Noise,
        shift: int,
    ) -> None:
        self.module = self.network = network
        self.source, self.rows, self.held_out = source, rows, held_out
        self.labels, self.noise = torch.from_numpy(labels), noise
        self.shift = self.shift_now = shift
        self.samples = len(rows)
        self.device = training_device()

    def _stored(self, rows: Array) -> tuple[Tensor, Tensor]:
        """Return the samples of a batch and their labels, where the network is."""
        return self.source.batch(rows).to(self.device), self.labels[rows].to(self.device)

    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the terms of the network's loss."""
        stored, labels = self._stored(self.rows[rows.numpy()])
        if self.shift_now:
            stored = shifted(stored, self.shift_now)
        likelihood = self.network.likelihood
        inputs = self.noise(likelihood.inputs(stored))
        return self.network.losses(inputs, likelihood.targets(stored), labels)

    def validate(self) -> float | None:
        """Return the loss of clean samples that are not trained on."""
        if not len(self.held_out):
            return None
        total = 0.0
        for start in range(0, len(self.held_out), self.batch_size):
            rows = self.held_out[start : start + self.batch_size]
            stored, labels = self._stored(rows)
            likelihood = self.network.likelihood
            inputs, targets = likelihood.inputs(stored), likelihood.targets(stored)
            loss = self.network.validation_loss(inputs, targets, labels)
            total += float(loss) * len(rows)
        return total / len(self.held_out)

    def on_progress(self, progress: float) -> bool:
        """Tell the network; show pictures where they are in the last part of the training."""
        self.network.on_progress(progress)
        self.shift_now = self.shift if progress < UNSHIFTED_FROM else 0
        return False

    def optimizer(self) -> torch.optim.Optimizer:
        """Return AdamW over the network's groups."""
        return torch.optim.AdamW(
            self.network.parameter_groups(self),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            betas=(0.9, 0.99),
            fused=True,
        )


class EncoderModule(nn.Module):
    """From stored pictures (uint8), or rows, to ``(code, latent)``."""

    center: Tensor

    def __init__(self, network: Network, center: Tensor, *, images: bool) -> None:
        super().__init__()
        self.network, self.images = network, images
        self.register_buffer("center", center)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (code, latent), both (n, code_size): code is centered and of length 1."""
        stored = to_pixels(x) if self.images else x.float()
        latent = self.network.encode(self.network.likelihood.inputs(stored))
        return unit(latent - self.center), latent


class DecoderModule(nn.Module):
    """From latents to pictures, (n, height, width, channels) in 0..255, or to rows."""

    def __init__(self, network: Network, *, images: bool) -> None:
        super().__init__()
        self.network, self.images = network, images

    def forward(self, latent: Tensor) -> Tensor:
        """Decode latents, in the units of the input."""
        decoded = self.network.likelihood.outputs(self.network.decode(latent))
        return from_pixels(decoded) if self.images else decoded
