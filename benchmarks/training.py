"""Training time of the tutorials' networks, against the loop that the tutorials have.

    python -m benchmarks.training mlp | vae

The plain loop is PyTorch as its tutorials write it: Adam at 1e-3, batches of 128 from a shuffling
DataLoader, ten epochs. What counts is the wall time until the loss on the test pictures is what
the plain loop has after its tenth epoch, with the same layers, on the same machine, in turn.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from aesearch.encoders.autoencoders.mlp import MLPEncoder
from aesearch.encoders.autoencoders.vae import VAEEncoder
from benchmarks.data_sets import Split, digits
from benchmarks.reporting import say, show

PLAIN_EPOCHS, PLAIN_BATCH, PLAIN_RATE = 10, 128, 1e-3
WIDTHS = (784, 128, 64, 12, 3)
VAE_WIDTH, VAE_CODE = 400, 20


class Plain(nn.Module):
    """A network that says its own loss."""

    def loss(self, x: Tensor) -> Tensor:
        """Return the loss of a batch, a mean over its pictures."""
        raise NotImplementedError


class PlainMLP(Plain):
    """784-128-64-12-3 and back, rectified, with sigmoid outputs."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [*WIDTHS, *WIDTHS[-2::-1]]
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise(sizes)):
            layers.append(nn.Linear(inputs, outputs))
            if number not in (len(WIDTHS) - 2, len(sizes) - 2):
                layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers, nn.Sigmoid())

    def loss(self, x: Tensor) -> Tensor:
        """Return the mean squared error of a pixel."""
        return functional.mse_loss(self.layers(x), x)


class PlainVAE(Plain):
    """784-400-20 and back: the example of PyTorch's own repository."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, VAE_WIDTH)
        self.mean, self.log_variance = (nn.Linear(VAE_WIDTH, VAE_CODE) for _ in range(2))
        self.decoder = nn.Sequential(
            nn.Linear(VAE_CODE, VAE_WIDTH), nn.ReLU(), nn.Linear(VAE_WIDTH, 784)
        )

    def loss(self, x: Tensor) -> Tensor:
        """Return the negative evidence lower bound of a picture, in nats."""
        hidden = torch.relu(self.hidden(x))
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        raw = self.decoder(z)
        missed = functional.binary_cross_entropy_with_logits(raw, x, reduction="sum")
        divergence = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum()
        bound: Tensor = (missed + divergence) / len(x)
        return bound


@dataclass
class Result:
    """What one training took, and what it reached on the test pictures."""

    seconds: float
    loss: float


def plain(model: Plain, split: Split, seed: int) -> Result:
    """Train as the tutorials do."""
    torch.manual_seed(seed)
    rows, test = (
        torch.from_numpy(np.float32(a.reshape(len(a), -1)) / 255) for a in (split.train, split.test)
    )
    started = time.perf_counter()
    optimizer = torch.optim.Adam(model.parameters(), lr=PLAIN_RATE)
    loader = DataLoader(TensorDataset(rows), batch_size=PLAIN_BATCH, shuffle=True)
    for _ in range(PLAIN_EPOCHS):
        for (x,) in loader:
            optimizer.zero_grad()
            model.loss(x).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    seconds = time.perf_counter() - started
    with torch.no_grad():
        return Result(seconds, float(model.loss(test)))


def mlp(split: Split, seed: int) -> Result:
    """Train 784-128-64-12-3 with aesearch."""
    encoder = MLPEncoder(
        WIDTHS[-1],
        hidden=WIDTHS[1:-1],
        loss="squared",
        epochs=3,
        batch_size=256,
        learning_rate=0.01,
        validation=0.0,
        random_state=seed,
    )
    seconds = fit(encoder, split)
    latents = encoder.transform(split.test)
    gap = (encoder._decode(latents) - split.test.astype(np.float32)) / 255
    return Result(seconds, float(np.square(gap).mean()))


def vae(split: Split, seed: int) -> Result:
    """Train 784-400-20 with aesearch."""
    encoder = VAEEncoder(
        VAE_CODE,
        hidden=(VAE_WIDTH,),
        loss="bernoulli",
        epochs=3,
        batch_size=256,
        learning_rate=0.016,
        weight_decay=0.0,
        warm_up=0.0,
        validation=0.0,
        random_state=seed,
    )
    seconds = fit(encoder, split)
    return Result(seconds, -float(encoder.elbo(split.test).mean()))


def fit(encoder: Any, split: Split) -> float:
    """Return the seconds of a whole fit."""
    started = time.perf_counter()
    encoder.fit(split.train)
    return time.perf_counter() - started


PAIRS: dict[str, tuple[type[Plain], Callable[[Split, int], Result]]] = {
    "mlp": (PlainMLP, mlp),
    "vae": (PlainVAE, vae),
}


@click.command()
@click.argument("which", type=click.Choice(list(PAIRS)))
@click.option("--runs", default=3, help="Of both, in turn.")
@click.option("--data", type=click.Path(path_type=Path), help="Instead of AESEARCH_DATA.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(which: str, runs: int, data: Path | None, as_json: bool) -> None:
    """Train both in turn and print times and losses."""
    split = digits(data)
    make, ours = PAIRS[which]
    rows = []
    for seed in range(runs):
        slow, quick = plain(make(), split, seed), ours(split, seed)
        say(f"seed {seed}: {slow} against {quick}")
        rows.append(
            {
                "seed": seed,
                "plain s": slow.seconds,
                "plain test loss": slow.loss,
                "aesearch s": quick.seconds,
                "aesearch test loss": quick.loss,
                "times faster": slow.seconds / quick.seconds,
                "reached": quick.loss <= slow.loss,
            }
        )
    notes = {"median times faster": statistics.median(row["times faster"] for row in rows)}
    show(f"Training the tutorials' {which}", rows, notes, as_json=as_json)


if __name__ == "__main__":
    main()
