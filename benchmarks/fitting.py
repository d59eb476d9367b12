"""One encoder, trained and timed: what the programs that reproduce the literature share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from aesearch.encoders.training.session import Session
from benchmarks.reporting import training_progress

# Name, encoder that is not fitted yet, samples -> the encoder, fitted, and the seconds it took.
Fit = Callable[[str, Any, Any], tuple[Any, float]]


def written(recipe: Mapping[str, Any]) -> str:
    """Return the parameters of an encoder as a table shows them."""
    return ", ".join(f"{name}={value}" for name, value in recipe.items())


def fitted(name: str, encoder: Any, X: Any, budget: float | None = None) -> tuple[Any, float]:
    """Fit an encoder, and tell now and then how far it is.

    Parameters
    ----------
    name : str
        What it is called in what is told.
    encoder : Encoder
    X : ndarray
    budget : float, optional
        Seconds, for an encoder that is trained.

    Returns
    -------
    encoder : Encoder
        The same.
    seconds : float
        What it took, wall clock.
    """
    started = time.perf_counter()
    if hasattr(encoder, "epochs"):
        encoder.fit(X, session=Session(budget_s=budget, progress=training_progress(name)))
    else:  # fitted in a moment: PCA
        encoder.fit(X)
    return encoder, time.perf_counter() - started
