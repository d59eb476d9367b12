"""Write what numpy, scipy and scikit-learn say of themselves as text files: no download needed."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click

MODULES = """
numpy numpy.fft numpy.linalg numpy.polynomial numpy.random

scipy.cluster.hierarchy scipy.fft scipy.integrate scipy.interpolate scipy.io scipy.linalg
scipy.ndimage scipy.optimize scipy.signal scipy.sparse scipy.sparse.linalg scipy.spatial
scipy.special scipy.stats

sklearn.calibration sklearn.cluster sklearn.covariance sklearn.cross_decomposition
sklearn.datasets sklearn.decomposition sklearn.discriminant_analysis sklearn.ensemble
sklearn.feature_extraction sklearn.feature_selection sklearn.gaussian_process sklearn.impute
sklearn.inspection sklearn.kernel_approximation sklearn.linear_model sklearn.manifold
sklearn.metrics sklearn.mixture sklearn.model_selection sklearn.naive_bayes sklearn.neighbors
sklearn.neural_network sklearn.pipeline sklearn.preprocessing sklearn.svm sklearn.tree
"""
SHORTEST = 400  # characters: less says too little


def documents() -> Iterator[tuple[str, str, str]]:
    """Yield module, name and documentation of each class and function, each once."""
    seen = set()
    for name in MODULES.split():
        module = import_module(name)
        for member in sorted(getattr(module, "__all__", dir(module))):
            try:
                thing = getattr(module, member)
            except (AttributeError, ImportError):  # what is still tried out in scikit-learn
                continue
            if member.startswith("_") or not callable(thing) or id(thing) in seen:
                continue
            seen.add(id(thing))
            text = inspect.getdoc(thing) or ""
            if len(text) >= SHORTEST:
                yield name, member, text


@click.command()
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
def main(target: Path) -> None:
    """Write a file for each class and function into TARGET, a folder for each module."""
    warnings.simplefilter("ignore")  # of what is going to be renamed
    count = 0
    for module, name, text in documents():
        folder = target / module
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
        count += 1
    click.echo(f"wrote {count:,} documents into {target}")


if __name__ == "__main__":
    main()
