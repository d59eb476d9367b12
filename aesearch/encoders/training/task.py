"""What is trained: a module, and the loss of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Epochs:
    """How often samples are seen by default: fewer times where there are more of them.

    Attributes
    ----------
    shown : int
        Samples, in all epochs.
    fewest, most : int
        Epochs.
    """

    shown: int
    fewest: int
    most: int

    def of(self, count: int) -> int:
        """Epochs over so many samples."""
        return min(max(self.shown // count, self.fewest), self.most)


class Task(ABC):
    """One thing to train: a module and the loss of a batch.

    Attributes
    ----------
    name : str
        File name of the checkpoint.
    module : nn.Module
        Everything that is trained or must survive an interruption.
    samples, batch_size, epochs : int
        How many samples there are, how many go into a step, how often all are seen.
    learning_rate, weight_decay : float
        Peak rate and decoupled decay of AdamW.
    patience : int or None
        Epochs without a lower loss after which training ends; the loss is that of `validate` where
        there is one. None where the loss is no measure of success: of adversaries, for example.
    device : torch.device
        Where the module is while it is trained; it is brought back to the processor afterwards.
    signature : str
        What the checkpoint must agree with: parameters and data.
    """

    name: str = "training"
    module: nn.Module
    samples: int
    batch_size: int = 256
    epochs: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    patience: int | None = 30
    device: torch.device = torch.device("cpu")
    signature: str = ""

    @abstractmethod
    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Terms by name, whose sum is minimized, over the samples `rows`."""

    def validate(self) -> float | None:
        """Loss on held-out samples, or None where there are none."""
        return None

    def optimizer(self) -> torch.optim.Optimizer:
        """Optimizer that makes the steps; a group's "share" is its part of the learning rate."""
        return torch.optim.AdamW(
            self.module.parameters(),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            betas=(0.9, 0.99),
            fused=True,
        )

    def on_progress(self, progress: float) -> bool:
        """Do what the share of training done, 0..1, asks for; called before every step.

        Returns
        -------
        bool
            Whether the loss means something else from here on, so that its old values, which may
            be lower, are no reason to end early.
        """
        return False
