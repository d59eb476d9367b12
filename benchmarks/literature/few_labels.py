"""Many pictures, few labels: what codes learned without labels are worth to a classifier.

    python -m benchmarks.literature.few_labels

Encoders learn from all 60,000 digits of MNIST without their labels. Then a classifier gets 100,
300 or 1,000 labels, some of each digit, and is judged on the 10,000 test digits: the same network
from scratch and from pretrained weights, and ridge regression on pixels, on principal
components and on frozen codes. Means over several draws of the labels.
"""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn import functional

from aesearch.encoders.autoencoders.mlp import MLPEncoder
from aesearch.encoders.contrastive.encoder import AgreementEncoder
from aesearch.encoders.linear.pca import PCAEncoder
from aesearch.encoders.training.session import Session
from benchmarks.data_sets import Array, Split, digits
from benchmarks.reporting import say, show

CLASSES, CODE_SIZE = 10, 30
STEPS, BATCH, RATE = 600, 100, 1e-3
NETWORK: dict[str, Any] = {
    "hidden": (1000, 500, 250),
    "activation": "silu",
    "learning_rate": 3e-3,
    "weight_decay": 0.05,
}


def pretrain(split: Split, budget: float, seed: int) -> dict[str, Any]:
    """Fit each encoder to all pictures, without labels."""
    denoising = {**NETWORK, "noise": "mask", "noise_level": 0.25, "epochs": 20}
    encoders = {
        "PCA": PCAEncoder(CODE_SIZE, whiten=0.0, resolution=None),
        "denoising mlp": MLPEncoder(CODE_SIZE, random_state=seed, **denoising),
        "agreement": AgreementEncoder(CODE_SIZE, random_state=seed),
    }
    for name, encoder in encoders.items():
        started = time.perf_counter()
        if isinstance(encoder, AgreementEncoder):
            encoder.fit(split.train, session=Session(budget_s=budget))
        else:
            encoder.fit(split.train)
        say(f"{name}: {time.perf_counter() - started:.0f} s")
    return encoders


def draw(labels: Array, count: int, seed: int) -> Array:
    """Return `count` rows, the same number of each digit."""
    generator = np.random.default_rng([seed, count])
    rows = [
        generator.choice(np.flatnonzero(labels == digit), count // CLASSES, replace=False)
        for digit in range(CLASSES)
    ]
    return np.concatenate(rows)


def classifier(encoder: MLPEncoder, *, pretrained: bool) -> nn.Module:
    """Return the encoder's layers with one more on top; drawn anew where not `pretrained`."""
    fresh = encoder._network(encoder.network_.likelihood, (1, 28, 28))
    backbone: Any = encoder.network_.backbone if pretrained else fresh.backbone
    return nn.Sequential(nn.Flatten(), copy.deepcopy(backbone.down), nn.Linear(CODE_SIZE, CLASSES))


def tune(model: nn.Module, x: Tensor, labels: Tensor) -> nn.Module:
    """Train on the labelled pictures alone."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    model.train()
    for _ in range(STEPS):
        rows = torch.randperm(len(x))[:BATCH]
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x[rows]), labels[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return model.eval()


def regression(codes: Array, labels: Array, test: Array, wanted: Array) -> float:
    """Return the error of ridge regression whose strength is chosen by leave-one-out."""
    model = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-2, 4, 13)))
    return 1 - float(model.fit(codes, labels).score(test, wanted))


@click.command()
@click.option("--labels", "counts", default="100,300,1000", help="Numbers of labels.")
@click.option("--draws", default=5, help="Of the labels.")
@click.option("--budget", default=300.0, help="Seconds for the encoder agreement.")
@click.option("--seed", default=0)
@click.option("--data", type=click.Path(path_type=Path), help="Instead of AESEARCH_DATA.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    counts: str, draws: int, budget: float, seed: int, data: Path | None, as_json: bool
) -> None:
    """Print test errors by number of labels."""
    split = digits(data)
    encoders = pretrain(split, budget, seed)
    flat = {
        "pixels": tuple(a.reshape(len(a), -1) / 255.0 for a in (split.train, split.test)),
        **{n: (e.transform(split.train), e.transform(split.test)) for n, e in encoders.items()},
    }
    network = encoders["denoising mlp"]
    x, test = (torch.from_numpy(np.float32(a[..., 0]) / 255) for a in (split.train, split.test))
    wanted = torch.from_numpy(split.test_labels)
    rows: list[dict[str, Any]] = []
    for count in map(int, counts.split(",")):
        errors: dict[str, list[float]] = {}
        for number in range(draws):
            chosen = draw(split.labels, count, seed + number)
            known = split.labels[chosen]
            for name, (codes, asked) in flat.items():
                found = regression(codes[chosen], known, asked, split.test_labels)
                errors.setdefault(f"ridge regression on {name}", []).append(found)
            for pretrained, name in ((False, "from scratch"), (True, "pretrained, fine-tuned")):
                torch.manual_seed(seed + number)
                model = classifier(network, pretrained=pretrained)
                tune(model, x[chosen], torch.from_numpy(known))
                with torch.no_grad():
                    wrong = float((model(test).argmax(dim=1) != wanted).float().mean())
                errors.setdefault(f"784-1000-500-250-30-10 {name}", []).append(wrong)
        rows.append({"labels": count, **{n: 100 * np.mean(e) for n, e in errors.items()}})
        say(str(rows[-1]))
    notes = {"figures": f"test error in percent, mean of {draws} draws of the labels"}
    table = [
        {"classifier": name, **{f"{r['labels']} labels": float(r[name]) for r in rows}}
        for name in rows[0]
        if name != "labels"
    ]
    show("MNIST with few labels", table, notes, as_json=as_json)


if __name__ == "__main__":
    main()
