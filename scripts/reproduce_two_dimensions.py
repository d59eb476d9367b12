"""Two numbers for a digit: how well classes keep apart on the plane.

    python scripts/reproduce_two_dimensions.py

The 60,000 training digits of MNIST are mapped to two numbers each without their labels; the figure
is the share of the 10,000 test digits whose class is that of most of their five nearest neighbours
on that plane, by Euclidean distance.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from benchmarking import say, show, telling
from data_sets import digits
from sklearn.neighbors import KNeighborsClassifier

from aesearch.encoders import UNTRAINED, encoder_class
from aesearch.encoders.training import Session

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
    "neighbours": {**NETWORK, "epochs": 16, "batch_size": 500, "reconstruction": 0.2},
}


@click.command()
@click.option("--encoder", "names", multiple=True, help="Only these; may be given repeatedly.")
@click.option("--seed", default=0)
@click.option("--data", type=click.Path(path_type=Path), help="Instead of AESEARCH_DATA.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(names: tuple[str, ...], seed: int, data: Path | None, as_json: bool) -> None:
    """Map with each encoder and print how well classes keep apart."""
    split = digits(data)
    rows = []
    for name in names or tuple(RECIPES):
        recipe = RECIPES[name]
        encoder: Any = encoder_class(name)(CODE_SIZE, random_state=seed, **recipe)
        started = time.perf_counter()
        if name in UNTRAINED:
            encoder.fit(split.train)
        else:
            encoder.fit(split.train, session=Session(progress=telling(name)))
        seconds = time.perf_counter() - started
        judge = KNeighborsClassifier(NEIGHBOURS).fit(encoder.transform(split.train), split.labels)
        accuracy = float(judge.score(encoder.transform(split.test), split.test_labels))
        say(f"{name}: {accuracy:.4f} in {seconds:.0f} s")
        rows.append(
            {
                "encoder": name,
                "5-NN accuracy": accuracy,
                "seconds": seconds,
                "parameters": ", ".join(f"{k}={v}" for k, v in recipe.items()),
            }
        )
    show("MNIST on a plane", rows, {}, as_json=as_json)


if __name__ == "__main__":
    main()
