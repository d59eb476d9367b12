"""How well codes of few and of many numbers retrieve: raw pixels, PCA, a plain autoencoder, ours.

    python -m benchmarks.sizes mnist | fashion_mnist

The 60,000 training pictures are learned from without their labels and searched; test pictures ask,
and what has the same label is right. AESEARCH_DATA names the data folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from sklearn.decomposition import PCA

from aesearch.encoders import encoder_class
from aesearch.evaluation.metrics import average_precision, precision_at, ranked_relevance
from aesearch.indexing.selection import unit
from benchmarks.baselines import FORMS, Array, for_distance
from benchmarks.data_sets import Split, digits
from benchmarks.fitting import fitted
from benchmarks.reporting import say, show

SIZES = (2, 4, 8, 10, 16, 32, 64)
DEEP, VOTERS = 1_000, 5
CLASSES = 10
PLAIN: dict[str, Any] = {"hidden": (1000, 500, 250), "activation": "silu", "learning_rate": 3e-3}
Row = dict[str, Any]


def measure(split: Split, asked: Array, codes: Array) -> Row:
    """Return P@10, mAP over the first 1,000 and 5-NN accuracy, ranked by inner product.

    Average precision is divided by the most that the first 1,000 can hold.
    """
    labels, wanted = split.labels, split.test_labels[: len(asked)]
    precise, average, told = [], [], []
    for relevant in ranked_relevance(asked, codes, wanted, labels):
        total = np.minimum(relevant.sum(axis=1), DEEP)
        precise.append(precision_at(relevant, 10))
        average.append(average_precision(relevant[:, :DEEP], total))
    for start in range(0, len(asked), 500):
        scores = asked[start : start + 500] @ codes.T
        nearest = np.argpartition(-scores, VOTERS, axis=1)[:, :VOTERS]
        votes = np.stack([(labels[nearest] == c).sum(axis=1) for c in range(CLASSES)], axis=1)
        told.append(votes.argmax(axis=1) == wanted[start : start + 500])
    return {
        "P@10": float(np.concatenate(precise).mean()),
        "mAP@1000": float(np.concatenate(average).mean()),
        "5-NN": float(np.concatenate(told).mean()),
    }


def by_both(split: Split, asked: Array, codes: Array) -> Row:
    """Return the better of cosine and Euclidean distance, for each measure."""
    ways = [measure(split, unit(asked), unit(codes))]
    ways.append(measure(split, *for_distance(asked, codes)))
    return {name: max(way[name] for way in ways) for name in ways[0]}


def raw(split: Split) -> Row:
    """Measure the pixels themselves."""
    rows, asked = (np.float32(a).reshape(len(a), -1) / 255 for a in (split.train, split.test))
    return {"encoder": "raw pixels", "numbers": rows.shape[1], **by_both(split, asked, rows)}


def components(split: Split, sizes: tuple[int, ...], seed: int) -> Iterator[Row]:
    """Measure PCA, of its three forms and two distances the best for each measure and size."""
    rows, asked = (np.float32(a).reshape(len(a), -1) / 255 for a in (split.train, split.test))
    pca = PCA(max(sizes), random_state=seed).fit(rows)
    codes, answers = pca.transform(rows), pca.transform(asked)
    for size in sizes:
        forms = []
        for whiten in FORMS.values():
            scale = pca.explained_variance_[:size] ** (whiten / 2)
            forms.append(by_both(split, answers[:, :size] / scale, codes[:, :size] / scale))
        best = {name: max(form[name] for form in forms) for name in forms[0]}
        yield {"encoder": "best PCA", "numbers": size, **best}


def plain(split: Split, sizes: tuple[int, ...], seed: int, budget: float | None) -> Iterator[Row]:
    """Measure a plain deep autoencoder, trained for each size."""
    for size in sizes:
        encoder = encoder_class("mlp")(size, random_state=seed, **PLAIN)
        encoder, seconds = fitted(f"mlp, {size} numbers", encoder, split.train, budget)
        found = by_both(split, encoder.transform(split.test), encoder.transform(split.train))
        yield {"encoder": "plain autoencoder", "numbers": size, **found, "s": seconds}


def default(
    split: Split, sizes: tuple[int, ...], seed: int, budget: float | None, epochs: int | None
) -> Iterator[Row]:
    """Measure the default encoder, as it is searched: by cosine.

    It is trained once: what it learns does not depend on the size of the code, and a smaller code
    is the leading numbers of a larger one.
    """
    encoder = encoder_class("agreement")(max(sizes), epochs=epochs, random_state=seed)
    encoder, seconds = fitted("agreement", encoder, split.train, budget)
    codes, asked = encoder.transform(split.train), encoder.transform(split.test)
    middle = codes.mean(axis=0)
    for size in sizes:
        a, c = (unit((latents - middle)[:, :size]) for latents in (asked, codes))
        found = measure(split, a, c)
        yield {"encoder": "agreement, the default", "numbers": size, **found, "s": seconds}


@click.command()
@click.argument("name", type=click.Choice(["mnist", "fashion_mnist"]))
@click.option("--sizes", default=",".join(map(str, SIZES)), help="Numbers in a code.")
@click.option("--encoder", "wanted", multiple=True, help="raw, pca, plain, default; all of them.")
@click.option("--budget", type=float, help="Seconds for each training; by default by epochs.")
@click.option("--epochs", type=int, help="Of the default encoder, instead of its own choice.")
@click.option("--queries", default=1_000)
@click.option("--limit", type=int, help="Only so many pictures: to try the script.")
@click.option("--seed", default=0)
@click.option("--data", type=click.Path(path_type=Path), help="Instead of AESEARCH_DATA.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    name: str,
    sizes: str,
    wanted: tuple[str, ...],
    budget: float | None,
    epochs: int | None,
    queries: int,
    limit: int | None,
    seed: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """Measure codes of several sizes."""
    split = digits(data, limit, name)
    split.test, split.test_labels = split.test[:queries], split.test_labels[:queries]
    numbers = tuple(int(size) for size in sizes.split(","))
    ways: dict[str, Callable[[], Iterator[Row]]] = {
        "raw": lambda: iter([raw(split)]),
        "pca": lambda: components(split, numbers, seed),
        "plain": lambda: plain(split, numbers, seed, budget),
        "default": lambda: default(split, numbers, seed, budget, epochs),
    }
    rows = []
    for way in wanted or ways:
        for row in ways[way]():
            say(str(row))
            rows.append(row)
    title = f"{name}: {len(split.train):,} searched, {len(split.test):,} queries, seed {seed}"
    show(title, rows, {}, as_json=as_json)


if __name__ == "__main__":
    main()
