"""What networks restore: unpooling with switches, and noise taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aesearch.encoders.autoencoders.conv import ConvEncoder
from aesearch.encoders.autoencoders.mlp import MLPEncoder
from aesearch.encoders.linear.pca import PCAEncoder
from benchmarks.data_sets import Array
from benchmarks.literature.drawing import Strip, first_of_each, strips
from benchmarks.literature.reconstruction import RECIPES, squared_error
from benchmarks.literature.work import Picture, Step, Work

LEARNED, JUDGED = 10_000, 2_000  # convolutions take their time
CONV: dict[str, Any] = {"pooling": "max", "epochs": 12}
CODE_SIZE, CONV_CODE = 30, 32
NOISE = 0.5  # standard deviation of what is added to pixels in 0..1


def unpooling(work: Work) -> dict[str, Any]:
    """Draw what is restored with switches, and by repeating."""
    split = work.digits()
    train, test = split.train[:LEARNED], split.test[:JUDGED]
    shown = test[first_of_each(split.test_labels[:JUDGED])]
    recipe = work.recipe(CONV)
    rows, drawn = [], [Strip("test digit", shown[..., 0])]
    for kind in ("repeat", "switches"):
        encoder, seconds = work.fit(
            f"unpooling {kind}",
            ConvEncoder(CONV_CODE, unpooling=kind, random_state=work.seed, **recipe),
            train,
        )
        error = squared_error(encoder, test, 255.0)
        code = encoder.inverse_transform(encoder.transform(shown))[..., 0]
        name = "repeating" if kind == "repeat" else "switches, of the average digit"
        rows.append({"unpooling": name, "error": error, "seconds": seconds})
        drawn.append(Strip(name.replace(", ", ",\n"), code, f"{error:.2f}"))
        if kind == "switches":
            error = squared(encoder.reconstruct(test), test)
            rows.append({"unpooling": "switches, of the digit itself", "error": error})
            own = encoder.reconstruct(shown)[..., 0]
            drawn.append(Strip("switches,\nof the digit itself", own, f"{error:.2f}"))
    strips(work.folder / "unpooling.png", drawn)
    return {"rows": rows, "epochs": recipe["epochs"], "count": [len(train), len(test)]}


def squared(copies: Array, pictures: Array) -> float:
    """Return the mean squared error, summed over pixels in 0..1."""
    gaps = (copies.astype(np.float32) - pictures) / 255
    return float(np.square(gaps).reshape(len(gaps), -1).sum(axis=1).mean())


def unpooling_verdict(found: Mapping[str, Any]) -> tuple[str, str]:
    """Compare both ways of unpooling, and what the switches know by themselves."""
    repeat, average, own = (row["error"] for row in found["rows"])
    claims = [own < repeat, repeat < average]
    held = "held" if all(claims) else "held in part" if any(claims) else "did not hold"
    return held, (
        f"with each digit's own switches the error is {own:.2f} against {repeat:.2f} by repeating."
        f" But switches are information beside the code, and from the code alone, with those of"
        f" the average digit, it is {average:.2f}."
    )


def denoising(work: Work) -> dict[str, Any]:
    """Draw digits with noise, and what is restored of them."""
    split = work.digits()
    recipe = work.recipe(RECIPES["mnist"]["mlp"])
    generator = np.random.default_rng(work.seed)
    noise = generator.normal(0, 255 * NOISE, split.test.shape)
    noisy = np.clip(np.rint(split.test + noise), 0, 255).astype(np.uint8)
    makers = {
        "PCA": PCAEncoder(CODE_SIZE, whiten=0.0, resolution=None),
        "autoencoder": MLPEncoder(CODE_SIZE, random_state=work.seed, **recipe),
        "denoising autoencoder": MLPEncoder(
            CODE_SIZE, random_state=work.seed, noise="gaussian", noise_level=NOISE, **recipe
        ),
    }
    # The plain one is that of the step "reconstruction".
    kept = {"PCA": "denoising pca", "autoencoder": "reconstruction mlp"}
    rows = [{"code": "nothing done", "noisy": squared(noisy, split.test), "clean": 0.0}]
    shown = first_of_each(split.test_labels)
    drawn = [
        Strip("test digit", split.test[shown, ..., 0]),
        Strip("with noise", noisy[shown, ..., 0], f"{rows[0]['noisy']:.1f}"),
    ]
    for name, maker in makers.items():
        encoder, seconds = work.fit(kept.get(name, "denoising mlp"), maker, split.train)
        copies = encoder.inverse_transform(encoder.transform(noisy))
        clean = encoder.inverse_transform(encoder.transform(split.test))
        row = {"code": name, "noisy": squared(copies, split.test)}
        rows.append({**row, "clean": squared(clean, split.test), "seconds": seconds})
        label = name.replace("denoising ", "denoising\n")
        drawn.append(Strip(label, copies[shown, ..., 0], f"{row['noisy']:.1f}"))
    strips(work.folder / "denoising.png", drawn)
    return {"rows": rows, "epochs": recipe["epochs"], "noise": NOISE}


def denoising_verdict(found: Mapping[str, Any]) -> tuple[str, str]:
    """Compare what is left of the noise."""
    noisy, pca, plain, trained = (row["noisy"] for row in found["rows"])
    held = "held" if trained < min(noisy, pca, plain) else "did not hold"
    return held, (
        f"the error against the clean digit falls from {noisy:.1f} to {trained:.1f}; the same"
        f" network trained without noise leaves {plain:.1f}, PCA {pca:.1f}."
    )


STEPS_OF_RESTORING = (
    Step(
        "unpooling",
        "Unpooling with switches and by repeating",
        "Max pooling forgets where in its square a maximum was. Putting each value back there, by"
        " remembered switches, restores more than repeating it (Zeiler, Taylor and Fergus, ICCV"
        " 2011; [Noh, Hong and Han, ICCV 2015](https://arxiv.org/abs/1505.04366)); but the code is"
        " better where the decoder has no switches"
        " ([Turchenko, Chalmers and Luczak 2017](https://arxiv.org/abs/1701.04949), on MNIST).",
        unpooling,
        unpooling_verdict,
        (
            Picture(
                "unpooling.png",
                "Ten test digits restored by repeating and with switches",
                "A convolutional autoencoder with max pooling and 32 numbers; at the right the"
                " squared error, a mean over test digits.",
            ),
        ),
        {"unpooling": "unpooling", "error": "squared error, test", "seconds": "s"},
    ),
    Step(
        "denoising",
        "Noise taken away",
        "A network that is shown distorted digits and must restore the clean ones learns what"
        " digits look like, and so removes the noise from digits it has not seen, which a plain"
        " autoencoder does not"
        " ([Vincent et al., JMLR 2010](https://jmlr.org/papers/v11/vincent10a.html)).",
        denoising,
        denoising_verdict,
        (
            Picture(
                "denoising.png",
                "Ten test digits with noise, and what PCA and two autoencoders make of them",
                "Gaussian noise with a standard deviation of half the range of grey, cut to that"
                " range; at the right the squared error against the clean digit, a mean over all"
                " test digits.",
            ),
        ),
        {"code": "30 numbers from", "noisy": "squared error, noisy digit",
         "clean": "squared error, clean digit", "seconds": "s"},
    ),
)  # fmt: skip
