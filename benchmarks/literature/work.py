"""The folder that steps work in, and the form of a step: what was trained or finished is kept."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data_sets import Array, Split, digits
from benchmarks.fitting import fitted
from benchmarks.reporting import machine, say

QUICK_HIDDEN = (64, 32)
QUICK_TRAINED = 1_400  # of scikit-learn's 1,797 digits


@dataclass(frozen=True)
class Picture:
    """One of a step's pictures: name of its file, what it shows, and the line below it."""

    name: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Step:
    """One figure or table of the literature.

    Attributes
    ----------
    name, title : str
    claim : str
        What the literature says, with its source, as markdown.
    run : callable
        Trains, writes the pictures into the work folder, and returns the figures as JSON holds
        them: "rows", the table, and "training", what it took, are there always.
    verdict : callable
        From these figures to whether the claim held, and a sentence that says so.
    pictures : sequence of Picture
    columns : mapping of str to str
        Of the table: key in the rows, and how its values are written.
    """

    name: str
    title: str
    claim: str
    run: Callable[[Work], dict[str, Any]]
    verdict: Callable[[Mapping[str, Any]], tuple[str, str]]
    pictures: Sequence[Picture]
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Work:
    """Where and how steps are run.

    Attributes
    ----------
    folder : Path
        For results, pictures and trained networks. Nobody else's files.
    share : float
        Of the epochs of each recipe.
    seed : int
    data : Path or None
        Instead of AESEARCH_DATA.
    quick : bool
        Small networks and collections: to try the steps, not to measure anything.
    """

    folder: Path
    share: float = 1.0
    seed: int = 0
    data: Path | None = None
    quick: bool = False

    def recipe(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters with the share of the epochs that is wanted."""
        found = dict(parameters)
        for name in ("epochs", "pretraining_epochs"):
            if name in found:
                found[name] = max(2, round(self.share * found[name]))
        if self.quick and "hidden" in found:
            found["hidden"] = QUICK_HIDDEN[: len(found["hidden"])]
        return found

    def digits(self) -> Split:
        """Return MNIST; for a quick try scikit-learn's digits, uint8 (n, 8, 8, 1)."""
        if not self.quick:
            return digits(self.data)
        from sklearn.datasets import load_digits

        found = load_digits()
        pixels = np.rint(found.images[..., None] * 255 / 16).astype(np.uint8)
        cut = QUICK_TRAINED
        return Split(pixels[:cut], found.target[:cut], pixels[cut:], found.target[cut:])

    def fit(
        self, name: str, encoder: Any, X: Any, budget: float | None = None
    ) -> tuple[Any, float]:
        """Return the encoder fitted to `X`, and the seconds it took: as it was kept, if it was.

        Parameters
        ----------
        name : str
            The file it is kept in. A kept one serves only where its parameters are the same.
        encoder : Encoder
            Not fitted yet.
        X : ndarray
            What it is fitted to must follow from `name`, `seed` and `quick`.
        budget : float, optional
            Seconds of training.
        """
        if not hasattr(encoder, "load_state"):  # fitted in a moment: PCA
            return fitted(name, encoder, X)
        signature = f"{type(encoder).__name__} {encoder.get_params()} {np.shape(X)} {budget}"

        def make() -> tuple[dict[str, Array], float]:
            seconds = fitted(name, encoder, X, budget)[1]
            return encoder.state(), seconds

        arrays, seconds, loaded = self.kept(name, signature, make)
        return (encoder.load_state(arrays) if loaded else encoder), seconds

    def kept(
        self, name: str, signature: str, make: Callable[[], tuple[dict[str, Array], float]]
    ) -> tuple[dict[str, Array], float, bool]:
        """Return arrays, the seconds that making them took, and whether they were there before."""
        path = self.folder / "kept" / f"{name.replace(' ', '-').replace('/', '-')}.npz"
        if path.is_file():
            with np.load(path) as found:
                arrays = {key: found[key] for key in found.files}
            about = json.loads(bytes(arrays.pop("about")))
            if about["signature"] == signature:
                say(f"{name}: as kept")
                return arrays, about["seconds"], True
        arrays, seconds = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        about = json.dumps({"signature": signature, "seconds": seconds}).encode()
        entries: dict[str, Any] = {"about": np.frombuffer(about, np.uint8), **arrays}
        write(path, lambda draft: np.savez(draft, **entries))
        return arrays, seconds, False

    def result(self, step: str) -> Path:
        """Return the file that holds a step's figures once it is finished."""
        return self.folder / f"{step}.json"

    def read(self, step: str) -> dict[str, Any] | None:
        """Return the figures of a step, or None where it has not been run."""
        path = self.result(step)
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def finished(self, step: str) -> bool:
        """Return whether a step was run as it would be run now."""
        found = self.read(step)
        return found is not None and (found["share"], found["seed"]) == (self.share, self.seed)

    def finish(self, step: str, figures: Mapping[str, Any]) -> None:
        """Keep the figures of a step."""
        document = {
            **figures,
            "step": step,
            "share": self.share,
            "seed": self.seed,
            "quick": self.quick,
            "machine": machine(),
        }
        text = json.dumps(document, indent=1) + "\n"
        write(self.result(step), lambda draft: draft.write_text(text, encoding="utf-8"))


def write(path: Path, writer: Callable[[Path], object]) -> None:
    """Write a file whole or not at all."""
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        draft = Path(place) / path.name
        writer(draft)
        draft.replace(path)
