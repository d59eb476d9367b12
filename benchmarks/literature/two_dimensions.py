"""Two numbers for a digit: how well classes keep apart on the plane.

    python -m benchmarks.literature.two_dimensions

The 60,000 training digits of MNIST are mapped to two numbers each without their labels; the figure
is the share of the 10,000 test digits whose class is that of most of their five nearest neighbours
on that plane, by Euclidean distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from sklearn.neighbors import KNeighborsClassifier

from aesearch.encoders import encoder_class
from benchmarks.data_sets import Split, digits
from benchmarks.fitting import Fit, fitted, written
from benchmarks.reporting import say, show

CODE_SIZE, NEIGHBOURS = 2, 5
NETWORK: dict[str, Any] = {
    "hidden": (1000, 500, 250),
    "activation": "silu",
    "learning_rate": 3e-3,
    "weight_decay": 0.05,
}
RECIPES: dict[str, dict[str, Any]] = {
    "pca": {"whiten": 0.0, "resolution": None},
    "mlp": {**NETWORK, "epochs": 16},
    "neighbors": {**NETWORK, "epochs": 16, "batch_size": 500, "reconstruction": 0.2},
}


def measure(
    recipes: Mapping[str, dict[str, Any]], split: Split, seed: int, fit: Fit = fitted
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Fit each encoder in turn; return a line for each, and the encoders by name."""
    rows, encoders = [], {}
    for name, recipe in recipes.items():
        encoder, seconds = fit(
            name, encoder_class(name)(CODE_SIZE, random_state=seed, **recipe), split.train
        )
        encoders[name] = encoder
        judge = KNeighborsClassifier(NEIGHBOURS).fit(encoder.transform(split.train), split.labels)
        accuracy = float(judge.score(encoder.transform(split.test), split.test_labels))
        say(f"{name}: {accuracy:.4f} in {seconds:.0f} s")
        rows.append(
            {
                "encoder": name,
                "5-NN accuracy": accuracy,
                "seconds": seconds,
                "parameters": written(recipe),
            }
        )
    return rows, encoders


@click.command()
@click.option("--encoder", "names", multiple=True, help="Only these; may be given repeatedly.")
@click.option("--seed", default=0)
@click.option("--data", type=click.Path(path_type=Path), help="Instead of AESEARCH_DATA.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(names: tuple[str, ...], seed: int, data: Path | None, as_json: bool) -> None:
    """Map with each encoder and print how well classes keep apart."""
    split = digits(data)
    rows, _ = measure({name: RECIPES[name] for name in names or RECIPES}, split, seed)
    show("MNIST on a plane", rows, {}, as_json=as_json)


if __name__ == "__main__":
    main()
