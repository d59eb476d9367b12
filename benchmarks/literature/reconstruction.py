"""The table of Hinton and Salakhutdinov (2006): how well 30 numbers keep a picture.

    python -m benchmarks.literature.reconstruction mnist | faces

The error is the squared error summed over the pixels of a picture, and its mean over pictures that
were not learned from. Pixels of MNIST are in 0..1; those of faces are standardised. The data are
read from the folder AESEARCH_DATA.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from aesearch.encoders import encoder_class
from benchmarks.data_sets import Array, Split, digits, face_patches
from benchmarks.fitting import Fit, fitted, written
from benchmarks.reporting import say, show

CODE_SIZE = 30
# Found by trying; see docs/development/recipes.md.
RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "mnist": {
        "pca": {"whiten": 0.0, "resolution": None},
        "mlp": {
            "hidden": (1000, 500, 250),
            "activation": "silu",
            "loss": "cross-entropy",
            "learning_rate": 3e-3,
            "weight_decay": 0.05,
            "shift": 1,
            "epochs": 50,
            "validation": 0.0,
        },
        "dbn": {
            "hidden": (1000, 500, 250),
            "loss": "cross-entropy",
            "learning_rate": 2e-3,
            "weight_decay": 0.0,
            "pretraining_epochs": 5,
            "epochs": 50,
            "validation": 0.0,
        },
    },
    "faces": {
        "pca": {"whiten": 0.0},
        "mlp": {
            "hidden": (1000, 300),
            "activation": "silu",
            "learning_rate": 3e-3,
            "shift": 1,
            "noise": "gaussian",
            "noise_level": 0.5,
            "epochs": 60,
            "validation": 0.0,
        },
    },
}
PUBLISHED = {
    "mnist": {
        "PCA": "13.87",
        "logistic PCA": "8.01",
        "Hinton & Salakhutdinov 2006": "3.00",
        "Martens 2010": "2.78",
    },
    "faces": {"PCA": "135", "Hinton & Salakhutdinov 2006": "126"},
}
COPIES = 100  # patches cut from each of the 400 faces


def measure(
    which: str,
    recipes: Mapping[str, dict[str, Any]],
    split: Split,
    seed: int,
    fit: Fit = fitted,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Fit each encoder in turn; return a line for each, and the encoders by name."""
    rows, encoders = [], {}
    for name, recipe in recipes.items():
        # Faces are judged by standardised pixels, which PCA is also fitted to: its best case.
        standardised = which == "faces" and name == "pca"
        spread: Array | float = split.train.std(axis=0) if which == "faces" else 255.0
        train, test = split.train, split.test
        if standardised:
            train, test = ((a / spread).reshape(len(a), -1) for a in (train, test))
            spread = 1.0
        encoder, seconds = fit(
            name, encoder_class(name)(CODE_SIZE, random_state=seed, **recipe), train
        )
        encoders[name] = encoder
        rows.append(
            {
                "encoder": name,
                "test error": squared_error(encoder, test, spread),
                "training error": squared_error(encoder, train[: len(test)], spread),
                "seconds": seconds,
                "parameters": written(recipe),
            }
        )
        say(f"{name}: {rows[-1]['test error']:.3f} in {seconds:.0f} s")
    return rows, encoders


def squared_error(encoder: Any, X: Array, unit: Array | float) -> float:
    """Return the mean over samples of the squared error summed over their values.

    Values are divided by `unit`. What is decoded is not rounded to whole levels of grey.
    """
    latents = encoder.transform(X)
    total = 0.0
    for start in range(0, len(X), 1000):
        part = slice(start, start + 1000)
        total += float(np.square((encoder._decode(latents[part]) - X[part]) / unit).sum())
    return total / len(X)


@click.command()
@click.argument("which", type=click.Choice(list(RECIPES)))
@click.option("--encoder", "names", multiple=True, help="Only these; may be given repeatedly.")
@click.option("--seed", default=0)
@click.option("--data", type=click.Path(path_type=Path), help="Instead of AESEARCH_DATA.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(which: str, names: tuple[str, ...], seed: int, data: Path | None, as_json: bool) -> None:
    """Fit encoders of 30 numbers and print what of the pictures is lost."""
    split = digits(data) if which == "mnist" else face_patches(data, COPIES, seed)
    chosen = {name: RECIPES[which][name] for name in names or RECIPES[which]}
    rows, _ = measure(which, chosen, split, seed)
    published = "; ".join(f"{name} {value}" for name, value in PUBLISHED[which].items())
    notes = {
        "learned from, judged on": f"{len(split.train):,}, {len(split.test):,} pictures",
        "published": published,
    }
    show(f"Squared error of {which} from {CODE_SIZE} numbers", rows, notes, as_json=as_json)


if __name__ == "__main__":
    main()
