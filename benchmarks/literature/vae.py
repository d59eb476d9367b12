"""How well variational autoencoders explain digits they have not seen.

    python -m benchmarks.literature.vae

The figure is the evidence lower bound of a test picture of MNIST, in nats: the mean over all
10,000, with pixels in 0..1 taken as probabilities, as the tutorials do. Higher is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from aesearch.encoders.autoencoders.vae import VAEEncoder
from benchmarks.data_sets import Split, digits
from benchmarks.fitting import Fit, fitted, written
from benchmarks.reporting import say, show

CODE_SIZE, DRAWS = 20, 5
# Found by trying; see docs/development/recipes.md.
RECIPES: dict[str, dict[str, Any]] = {
    "784-400-20": {
        "hidden": (400,),
        "epochs": 20,
        "learning_rate": 3e-3,
        "warm_up": 0.0,
        "validation": 0.0,
    },
    "784-1000-500-20": {
        "hidden": (1000, 500),
        "activation": "silu",
        "epochs": 20,
        "learning_rate": 3e-3,
        "weight_decay": 0.0,
        "warm_up": 0.0,
        "validation": 0.0,
    },
}


def measure(
    recipes: Mapping[str, dict[str, Any]], split: Split, seed: int, fit: Fit = fitted
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Train each network; return a line for each, and the encoders by name."""
    rows, encoders = [], {}
    for name, recipe in recipes.items():
        encoder, seconds = fit(
            name,
            VAEEncoder(CODE_SIZE, loss="bernoulli", random_state=seed, **recipe),
            split.train,
        )
        encoders[name] = encoder
        rows.append(
            {
                "network": name,
                "test ELBO": float(encoder.elbo(split.test, DRAWS).mean()),
                "training ELBO": float(encoder.elbo(split.train[:10_000], DRAWS).mean()),
                "seconds": seconds,
                "parameters": written(recipe),
            }
        )
        say(f"{name}: {rows[-1]['test ELBO']:.2f} in {seconds:.0f} s")
    return rows, encoders


@click.command()
@click.option("--network", "names", multiple=True, help="Only these; may be given repeatedly.")
@click.option("--seed", default=0)
@click.option("--data", type=click.Path(path_type=Path), help="Instead of AESEARCH_DATA.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(names: tuple[str, ...], seed: int, data: Path | None, as_json: bool) -> None:
    """Train each network and print its bound."""
    split = digits(data)
    rows, _ = measure({name: RECIPES[name] for name in names or RECIPES}, split, seed)
    notes = {"published": "about -105 for 784-400-20 after long training"}
    show(f"Evidence lower bound of MNIST, {CODE_SIZE} numbers", rows, notes, as_json=as_json)


if __name__ == "__main__":
    main()
