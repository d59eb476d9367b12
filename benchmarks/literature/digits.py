"""Digits: reconstructions, codes of two numbers, and digits that were never written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aesearch.encoders.autoencoders.mlp import MLPEncoder
from aesearch.encoders.linear.pca import PCAEncoder
from aesearch.inference.frechet import frechet_distance
from aesearch.maps.layouts import Panel
from aesearch.maps.map import Map
from aesearch.reports.map.figure import write_map
from benchmarks.data_sets import Array, Split
from benchmarks.literature import reconstruction, two_dimensions, vae
from benchmarks.literature.drawing import Square, Strip, first_of_each, small, squares, strips
from benchmarks.literature.work import Picture, Step, Work

NAMES = {
    "pca": "PCA",
    "mlp": "deep autoencoder, trained as today",
    "dbn": "the same, pretrained as RBMs",
}
LABELS = {"pca": "PCA", "mlp": "deep autoencoder,\nas today", "dbn": "deep autoencoder,\nRBMs"}
DRAWN = 10
MAPPED = 5_000  # codes on a map
NEAR = "from the nearest: {:.1f}"
STEPS, REACH = 15, 2.0  # of the grid over the codes: pictures a side, standard deviations
PENALTY, SMALL_STEPS = 1.0, 1e-3
LOOKED_THROUGH = 20_000  # pictures among which the nearest to a generated one is looked for
SAMPLED, NEAREST, SHOWN, COMPONENTS = 2_000, 500, 8, 40


def draw_reconstruction(work: Work) -> dict[str, Any]:
    """Draw test digits beside what 30 numbers keep of them."""
    split = work.digits()
    recipes = {n: work.recipe(r) for n, r in reconstruction.RECIPES["mnist"].items()}
    rows, encoders = reconstruction.measure(
        "mnist", recipes, split, work.seed, lambda n, e, X: work.fit(f"reconstruction {n}", e, X)
    )
    shown = split.test[first_of_each(split.test_labels)][:DRAWN]
    drawn = [Strip("test digit", shown[..., 0])]
    for row in sorted(rows, key=lambda row: row["test error"]):
        name = row["encoder"]
        copies = encoders[name].inverse_transform(encoders[name].transform(shown))
        drawn.append(Strip(LABELS[name], copies[..., 0], f"{row['test error']:.2f}"))
    strips(work.folder / "reconstruction.png", drawn)
    table = [
        {
            "code": NAMES[row["encoder"]],
            "error": row["test error"],
            "epochs": recipes[row["encoder"]].get("epochs", ""),
            "seconds": row["seconds"],
        }
        for row in rows
    ]
    return {"rows": table, "count": [len(split.train), len(split.test)]}


def reconstruction_verdict(found: Mapping[str, Any]) -> tuple[str, str]:
    """Compare the deep network with PCA."""
    pca, best = found["rows"][0]["error"], min(row["error"] for row in found["rows"][1:])
    held = "held" if best < 0.5 * pca else "held in part" if best < pca else "did not hold"
    return held, f"30 numbers lose {best:.2f} of a digit in the network and {pca:.2f} in PCA."


def plane_encoders(work: Work, split: Split, names: tuple[str, ...]) -> Any:
    """Fit encoders of two numbers; return the lines of the table, and the encoders."""
    recipes = {name: work.recipe(two_dimensions.RECIPES[name]) for name in names}
    return two_dimensions.measure(
        recipes, split, work.seed, lambda n, e, X: work.fit(f"plane {n}", e, X)
    )


def draw_two_dimensions(work: Work) -> dict[str, Any]:
    """Draw the test digits where two numbers put them."""
    split = work.digits()
    titles = {
        "mlp": "autoencoder 784-1000-500-250-2",
        "pca": "two principal components",
    }
    rows, encoders = plane_encoders(work, split, ("pca", "mlp"))
    shown = slice(MAPPED)
    panels = tuple(
        Panel(
            "code",
            titles[name],
            encoders[name].transform(split.test[shown]),
            next(row["5-NN accuracy"] for row in rows if row["encoder"] == name),
        )
        for name in ("mlp", "pca")
    )
    groups = [str(label) for label in split.test_labels[shown]]
    keys = [str(n) for n in range(len(groups))]
    out = work.folder / "two-dimensions.png"
    write_map(Map("MNIST test set", "images", np.arange(len(groups)), keys, groups, panels), out)
    small(out.read_bytes(), out)
    table = [
        {
            "code": titles[row["encoder"]],
            "accuracy": row["5-NN accuracy"],
            "seconds": row["seconds"],
        }
        for row in rows
    ]
    epochs = work.recipe(two_dimensions.RECIPES["mlp"])["epochs"]
    return {"rows": table, "epochs": epochs, "shown": len(groups)}


def two_dimensions_verdict(found: Mapping[str, Any]) -> tuple[str, str]:
    """Compare the autoencoder's plane with that of PCA."""
    pca, mlp = (row["accuracy"] for row in found["rows"])
    held = "held" if mlp > pca + 0.1 else "did not hold"
    return held, (
        f"of the test digits {mlp:.1%} lie among digits of their own class with the"
        f" autoencoder, {pca:.1%} with PCA."
    )


def generated(work: Work) -> dict[str, Any]:
    """Draw what a grid over the codes decodes to, with and without a penalty on the code."""
    split = work.digits()
    recipe = work.recipe(two_dimensions.RECIPES["mlp"])
    # That of the literature has no batch normalisation, and so needs smaller steps.
    simple = {**recipe, "normalize": False, "learning_rate": SMALL_STEPS}
    trials = {
        "without the L2 term": ("simple", {**simple, "code_penalty": 0.0}),
        "with the L2 term": ("simple penalty", {**simple, "code_penalty": PENALTY}),
        "without, batch normalisation": ("mlp", recipe),
        "with, batch normalisation": ("penalty", {**recipe, "code_penalty": PENALTY}),
    }
    table: list[dict[str, Any]] = []
    drawn: list[Square] = []
    for name, (kept, parameters) in trials.items():
        encoder, seconds = work.fit(
            f"plane {kept}", MLPEncoder(2, random_state=work.seed, **parameters), split.train
        )
        codes = encoder.transform(split.train)
        grid, extent = over(codes)
        pictures = encoder.inverse_transform(grid.reshape(-1, 2))
        copies = encoder.inverse_transform(encoder.transform(split.test[: len(pictures)]))
        table.append(
            {
                "network": name,
                "spread": float(codes.std(axis=0).mean()),
                "filled": filled(codes, extent),
                "nearest": nearest(pictures, split.train),
                "copies": nearest(copies, split.train),
                "seconds": seconds,
            }
        )
        if len(drawn) < 2:
            square = pictures[..., 0].reshape(STEPS, STEPS, *pictures.shape[1:3])
            note = f"codes in {table[-1]['filled']:.0%} of the cells"
            drawn.append(Square(name, square, note, extent))
    squares(work.folder / "generated.png", drawn, inches=4.2)
    return {"rows": table, "epochs": recipe["epochs"], "penalty": PENALTY}


def over(codes: Array) -> tuple[Array, tuple[float, float, float, float]]:
    """Return a grid over codes, (STEPS, STEPS, 2) from above downwards, and its outer edges."""
    mean, spread = codes.mean(axis=0), REACH * codes.std(axis=0)
    edges = [np.linspace(m - s, m + s, STEPS + 1) for m, s in zip(mean, spread, strict=True)]
    x, y = (0.5 * (edge[1:] + edge[:-1]) for edge in edges)
    grid = np.stack(np.meshgrid(x, y[::-1]), axis=-1).astype(np.float32)
    return grid, (edges[0][0], edges[0][-1], edges[1][0], edges[1][-1])


def filled(codes: Array, extent: tuple[float, float, float, float]) -> float:
    """Return the share of the grid's cells that hold the code of any picture."""
    left, right, low, high = extent
    x, y = codes.T
    counts = np.histogram2d(x, y, bins=STEPS, range=[[left, right], [low, high]])[0]
    return float((counts > 0).mean())


def nearest(pictures: Array, real: Array) -> float:
    """Return the mean squared error, summed over pixels, to the nearest real picture of each."""
    one, two = (
        a.reshape(len(a), -1).astype(np.float32) / 255 for a in (pictures, real[:LOOKED_THROUGH])
    )
    squared = np.square(one).sum(axis=1)[:, None] + np.square(two).sum(axis=1) - 2 * one @ two.T
    return float(np.maximum(squared.min(axis=1), 0).mean())


def generated_verdict(found: Mapping[str, Any]) -> tuple[str, str]:
    """Compare how much of the plane is used, and how the grid looks."""
    plain, penalised, normal, both = found["rows"]
    gathered = penalised["spread"] < plain["spread"]
    fuller = penalised["filled"] > plain["filled"] + 0.02
    closer = penalised["nearest"] < 0.98 * plain["nearest"]
    held = "held in part" if gathered or fuller or closer else "did not hold"
    held = "held" if gathered and fuller and closer else held
    said = "the grid is better for it" if closer else "the grid is no better for it"
    return held, (
        f"the term {'gathers' if gathered else 'does not gather'} the codes, and {said}. With it"
        f" they spread by {penalised['spread']:.2f} instead of"
        f" {plain['spread']:.2f} and lie in {penalised['filled']:.0%} of the cells instead of"
        f" {plain['filled']:.0%}; what the grid decodes to is {penalised['nearest']:.1f} from the"
        f" nearest real digit instead of {plain['nearest']:.1f} (reconstructed test digits:"
        f" {penalised['copies']:.1f} and {plain['copies']:.1f}). With batch normalisation, which"
        f" leaves the scale of the codes free, they spread by {both['spread']:.2f} instead of"
        f" {normal['spread']:.2f} and lie in {both['filled']:.0%} instead of"
        f" {normal['filled']:.0%} of the cells, and the grid is {both['nearest']:.1f} instead of"
        f" {normal['nearest']:.1f} from the nearest."
    )


def samples(work: Work) -> dict[str, Any]:
    """Draw new digits from two variational autoencoders, and from a plain one."""
    split = work.digits()
    recipes = {name: work.recipe(recipe) for name, recipe in vae.RECIPES.items()}
    rows, encoders = vae.measure(
        recipes, split, work.seed, lambda n, e, X: work.fit(f"vae {n}", e, X)
    )
    for row in rows:
        row["bound"] = row.pop("test ELBO")
    plain = work.recipe(vae.RECIPES["784-1000-500-20"])
    plain.pop("warm_up")
    encoders["plain autoencoder"], seconds = work.fit(
        "vae plain", MLPEncoder(20, random_state=work.seed, **plain), split.train
    )
    rows.append({"network": "plain autoencoder", "seconds": seconds})
    axes = PCAEncoder(COMPONENTS, whiten=0.0, resolution=None).fit(split.train)
    count = min(SAMPLED, len(split.test) // 2)
    # In another order: MNIST's first 5,000 test digits are of other writers than the last.
    test = split.test[np.random.default_rng(work.seed).permutation(len(split.test))]
    others, real = test[-count:], axes.transform(test[:count]) / 255
    floor = {
        "network": "other real test digits",
        "distance": frechet_distance(axes.transform(others) / 255, real),
        "nearest": nearest(others[:NEAREST], split.train),
    }
    drawn = [Square("real test digits", square(others), NEAR.format(floor["nearest"]))]
    for row in rows:
        found = encoders[row["network"]].sample(count, random_state=work.seed)
        row["distance"] = frechet_distance(axes.transform(found) / 255, real)
        row["nearest"] = nearest(found[:NEAREST], split.train)
        row["epochs"] = recipes.get(row["network"], plain)["epochs"]
        note = NEAR.format(row["nearest"])
        drawn.append(Square(title(row["network"]), square(found), note))
    squares(work.folder / "samples.png", drawn, inches=2.6)
    return {"rows": [*rows, floor]}


def title(network: str) -> str:
    """Say what a network is, in a few words."""
    return network if network.startswith("plain") else f"VAE {network}"


def square(pictures: Array) -> Array:
    """Return the first pictures as a square of them."""
    count = SHOWN * SHOWN
    return pictures[:count, ..., 0].reshape(SHOWN, SHOWN, *pictures.shape[1:3])


def samples_verdict(found: Mapping[str, Any]) -> tuple[str, str]:
    """Compare the bound with the published one, and samples with those of a plain network."""
    paper, large, plain, floor = found["rows"]
    bound = paper["bound"] > -105.5
    alike = max(paper["nearest"], large["nearest"]) < plain["nearest"]
    held = "held" if bound and alike else "held in part" if bound or alike else "did not hold"
    return held, (
        f"784-400-20 reaches {paper['bound']:.1f} nats, a larger network {large['bound']:.1f}."
        f" Their samples are {paper['nearest']:.1f} and {large['nearest']:.1f} from the nearest"
        f" training digit (real test digits {floor['nearest']:.1f}); those of a plain autoencoder,"
        f" drawn from a normal distribution fitted to its codes, {plain['nearest']:.1f}. The"
        f" Fréchet distance, which sees means and covariances of pixels alone, is"
        f" {paper['distance']:.1f}, {large['distance']:.1f} and {plain['distance']:.1f}, and"
        f" {floor['distance']:.1f} for other real digits."
    )


HINTON = "[Hinton and Salakhutdinov, Science 2006](https://doi.org/10.1126/science.1127647)"
MNIST = "MNIST, Y. LeCun, C. Cortes and C. Burges, CC BY-SA 3.0"

STEPS_OF_DIGITS = (
    Step(
        "reconstruction",
        "Digits from 30 numbers: PCA and a deep autoencoder",
        f"A 784-1000-500-250-30 autoencoder reconstructs digits it has not seen far better than"
        f" 30 principal components: squared errors of 3.00 and 13.87 a digit ({HINTON}, figure 2);"
        " trained without pretraining, 2.78 (Martens, ICML 2010).",
        draw_reconstruction,
        reconstruction_verdict,
        (
            Picture(
                "reconstruction.png",
                "Ten test digits, and what the deep autoencoders and PCA keep of them",
                "The first test digit of each class, and its reconstruction from 30 numbers; at the"
                f" right the squared error, a mean over all test digits. {MNIST}.",
            ),
        ),
        {"code": "30 numbers from", "error": "squared error, test", "epochs": "epochs",
         "seconds": "s"},
    ),
    Step(
        "two-dimensions",
        "Digits on a plane: two principal components and an autoencoder of two numbers",
        "A 784-1000-500-250-2 autoencoder keeps the classes apart on the plane, where the first two"
        f" principal components pile them up ({HINTON}, figure 3).",
        draw_two_dimensions,
        two_dimensions_verdict,
        (
            Picture(
                "two-dimensions.png",
                "Test digits on two planes, coloured by class",
                f"The first {MAPPED:,} test digits, which were not learned from, coloured by class;"
                " below each plane, how many of all test digits have the class of most of their"
                " five nearest training digits.",
            ),
        ),
        {"code": "two numbers from", "accuracy": "5-NN accuracy, test", "seconds": "s"},
    ),
    Step(
        "generated",
        "New digits from a grid over two numbers, with and without an L2 term",
        "Nothing keeps the codes of a plain autoencoder together: they lie far from 0 and leave"
        " gaps, and a grid over them decodes to shapes that are no digits. With half the squared"
        " length of the code added to the loss they gather around 0, and the grid becomes a table"
        " of digits that turn into one another (as tutorials on autoencoders draw it).",
        generated,
        generated_verdict,
        (
            Picture(
                "generated.png",
                "Two grids of digits decoded from codes of two numbers",
                "What the decoder makes of a grid over its own codes, two standard deviations to"
                " each side of their mean. The numbers at the axes are the codes.",
            ),
        ),
        {"network": "784-1000-500-250-2", "spread": "standard deviation of the codes",
         "filled": "cells that hold a code",
         "nearest": "squared error to the nearest real digit", "seconds": "s"},
    ),
    Step(
        "samples",
        "Samples of variational autoencoders",
        "Codes drawn from N(0, I) decode to new digits"
        " ([Kingma and Welling, ICLR 2014](https://arxiv.org/abs/1312.6114), figure 5); the bound"
        " of 784-400-20 is about -105 nats a digit, as its implementations report.",
        samples,
        samples_verdict,
        (
            Picture(
                "samples.png",
                "Real digits, samples of two variational autoencoders and of a plain one",
                "Real test digits, and the first 64 that each network draws: none was chosen. Below"
                " each, the squared error to the nearest training digit. In the table also the"
                f" Fréchet distance to real test digits on {COMPONENTS} principal components."
                f" {MNIST}.",
            ),
        ),
        {"network": "network", "bound": "bound, nats, test", "distance": "Fréchet distance",
         "nearest": "squared error to the nearest training digit",
         "epochs": "epochs", "seconds": "s"},
    ),
)  # fmt: skip
