"""Faces: those of the same person, found by pixels and by codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from baselines import for_distance, unit
from benchmarking import data_folder
from data_sets import Array
from PIL import Image

from aesearch.encoders.agreement import AgreementEncoder
from aesearch.encoders.linear import PCAEncoder
from aesearch.encoders.mlp import MLPEncoder
from aesearch.evaluation import average_precision, precision_at, ranked_relevance
from literature.drawing import Strip, strips
from literature.work import Picture, Step, Work

SIDE, CODE_SIZE = 64, 64
ASKED = 2  # pictures of each person; the other eight are learned from and searched
MOVED = 4  # pixels
BUDGET = 150.0  # seconds for the encoder agreement
NETWORK: dict[str, Any] = {
    "hidden": (1000, 300),
    "activation": "silu",
    "learning_rate": 2e-3,
    "weight_decay": 0.05,
    "shift": 4,
    "noise": "mask",
    "noise_level": 0.2,
    "epochs": 150,
    "validation": 0.0,
}
HITS, QUERIES = 4, 2


def faces(work: Work) -> tuple[Array, Array]:
    """Return ORL's faces, uint8 (n, 64, 64, 1), cut to their middle square, and the persons."""
    root = data_folder(work.data, "faces")
    pixels, persons = [], []
    for number, person in enumerate(sorted({path.parent for path in root.rglob("*.pgm")})):
        for path in sorted(person.glob("*.pgm"), key=lambda path: int(path.stem)):
            with Image.open(path) as face:
                above = (face.height - face.width) / 2
                box = (0, above, face.width, above + face.width)
                pixels.append(np.asarray(face.resize((SIDE, SIDE), box=box)))
                persons.append(number)
    return np.stack(pixels)[..., None], np.array(persons)


def moved(pictures: Array, seed: int) -> Array:
    """Return pictures moved by up to a few pixels each way; the border is repeated."""
    offsets = np.random.default_rng(seed).integers(0, 2 * MOVED + 1, (len(pictures), 2))
    around = ((0, 0), (MOVED, MOVED), (MOVED, MOVED), (0, 0))
    padded = np.pad(pictures, around, mode="edge")
    return np.stack(
        [p[y : y + SIDE, x : x + SIDE] for p, (y, x) in zip(padded, offsets, strict=True)]
    )


def retrieval(work: Work) -> dict[str, Any]:
    """Measure how many of the nearest are of the same person, and draw them for some queries."""
    pictures, persons = faces(work)
    asked = np.arange(len(pictures)) % 10 >= 10 - ASKED
    train, labels, wanted = pictures[~asked], persons[~asked], persons[asked]
    queries = {"as taken": pictures[asked], "moved": moved(pictures[asked], work.seed)}
    makers: dict[str, tuple[Any, float | None]] = {
        f"PCA-{CODE_SIZE}": (PCAEncoder(CODE_SIZE, whiten=0.0, resolution=None), None),
        "autoencoder": (
            MLPEncoder(CODE_SIZE, random_state=work.seed, **work.recipe(NETWORK)),
            None,
        ),
        "agreement": (
            AgreementEncoder(CODE_SIZE, random_state=work.seed),
            10.0 if work.quick else BUDGET * work.share,
        ),
    }
    ways = {"pixels": (lambda X: X.reshape(len(X), -1) / 255.0, 0.0)}
    for name, (maker, budget) in makers.items():
        encoder, seconds = work.fit(f"faces {name}", maker, train, budget)
        centre = encoder.transform(train).mean(axis=0)
        ways[name] = (lambda X, e=encoder, c=centre: unit(e.transform(X) - c), seconds)
    rows, found = [], {}
    for name, (code, seconds) in ways.items():
        row: dict[str, Any] = {"way": TITLES[name], "seconds": seconds or None}
        for kind, shown in queries.items():
            ends = for_distance(code(shown), code(train))
            relevant = np.concatenate(list(ranked_relevance(*ends, wanted, labels)))
            row[f"first, {kind}"] = float(precision_at(relevant, 1).mean())
            row[f"five, {kind}"] = float(precision_at(relevant, 5).mean())
            row[f"mAP, {kind}"] = float(average_precision(relevant).mean())
            if kind == "as taken":
                found[name] = np.argsort(-(ends[0] @ ends[1].T), axis=1, kind="stable")[:, :HITS]
        rows.append(row)
    draw(work, queries["as taken"], train, wanted, labels, found)
    return {"rows": rows, "count": [len(train), len(wanted)]}


def draw(
    work: Work, asked: Array, train: Array, wanted: Array, labels: Array, found: dict[str, Array]
) -> None:
    """Draw the first queries, one of a person, for which pixels and autoencoder disagree."""
    right = {name: labels[hits] == wanted[:, None] for name, hits in found.items()}
    differ = (right["pixels"].sum(axis=1) != right["autoencoder"].sum(axis=1)).nonzero()[0]
    rows = []
    for query in differ[np.unique(wanted[differ], return_index=True)[1]][:QUERIES]:
        for name in ("pixels", "autoencoder"):
            tiles = np.concatenate([asked[query][None], train[found[name][query]]])[..., 0]
            wrong = [False, *(~right[name][query]).tolist()]
            label = "pixel distance" if name == "pixels" else "autoencoder"
            note = f"{right[name][query].sum()} of {HITS}"
            rows.append(Strip(label, tiles, note, wrong))
    heads = {0: "query", 1: "the nearest"}
    strips(work.folder / "faces.png", rows, dark=True, side=0.85, heads=heads)


def verdict(found: Mapping[str, Any]) -> tuple[str, str]:
    """Compare codes with pixels, for queries as taken and moved."""
    pixels, pca, deep, agreed = found["rows"]
    better = [deep[f"mAP, {kind}"] > pixels[f"mAP, {kind}"] for kind in ("as taken", "moved")]
    held = "held" if all(better) else "held in part" if any(better) else "did not hold"
    return held, (
        f"mAP is {deep['mAP, as taken']:.3f} with the codes of a plain autoencoder and"
        f" {pixels['mAP, as taken']:.3f} with pixels ({pca['mAP, as taken']:.3f} with PCA); where"
        f" queries are moved by up to {MOVED} pixels, {deep['mAP, moved']:.3f} and"
        f" {pixels['mAP, moved']:.3f}. aesearch's default, `agreement`, has"
        f" {agreed['mAP, as taken']:.3f} and {agreed['mAP, moved']:.3f}."
    )


TITLES = {
    "pixels": f"{SIDE}x{SIDE} pixels, Euclidean distance",
    f"PCA-{CODE_SIZE}": f"{CODE_SIZE} principal components, cosine",
    "autoencoder": f"autoencoder 4096-1000-300-{CODE_SIZE}, cosine",
    "agreement": f"`agreement`, {CODE_SIZE} numbers, cosine",
}

STEPS_OF_FACES = (
    Step(
        "faces",
        "Faces: pixel distance and codes",
        "The codes of a deep autoencoder find pictures that show the same, where the distance of"
        " pixels finds those that are bright and dark in the same places"
        " ([Krizhevsky and Hinton, ESANN 2011]"
        "(https://www.cs.toronto.edu/~hinton/absps/esann-deep-final.pdf), who drew it for small"
        " colour pictures and 256-bit codes).",
        retrieval,
        verdict,
        (
            Picture(
                "faces.png",
                "Faces, and the four nearest by pixels and by code",
                "At the left the query, then the four nearest; a frame marks another person. The"
                " first queries, one of a person, for which the two find different numbers of the"
                " right person. ORL database of faces, AT&T Laboratories Cambridge.",
            ),
        ),
        {"way": "compared by", "first, as taken": "nearest is right", "five, as taken": "P@5",
         "mAP, as taken": "mAP", "first, moved": "moved: nearest is right",
         "mAP, moved": "moved: mAP", "seconds": "s"},
    ),
)  # fmt: skip
