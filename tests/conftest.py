"""Small collections, made on the spot."""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

# The networks of the tests are too small for a second thread, and threads that wait for one
# another in turns make a busy machine ten times slower. Before numpy and torch are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Where the indexes of the person who runs the tests lie is no part of them, theirs of module scope
# and their subprocesses included.
os.environ.pop("AESEARCH_HOME", None)

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray
from PIL import Image

# The properties (test_properties_*.py) are tried on the same examples in every run, however slow
# the machine is. AESEARCH_EXAMPLES=2000 tries so many, other ones each time, and keeps those that
# fail in .hypothesis/, to be tried first the next time.
EXAMPLES = int(os.environ.get("AESEARCH_EXAMPLES", "0"))
settings.register_profile(
    "aesearch",
    max_examples=EXAMPLES or 100,
    derandomize=not EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("aesearch")

# As the command does it: what is traced for a graph are many small objects, and no garbage.
gc.set_threshold(100_000, 50, 100)

CLASSES = ("disks", "stripes", "squares")
Pixels = NDArray[np.uint8]


def pytest_collection_finish() -> None:
    """Let torch's exporter read its table of operators once, and not for each graph.

    That takes as long as all else that it does. Where torch has it elsewhere, tests only take
    longer.
    """
    if "torch" in sys.modules:
        with suppress(ImportError, AttributeError):
            from torch.onnx._internal.exporter._registration import ONNXRegistry

            registry: Any = ONNXRegistry
            registry.from_torchlib = classmethod(
                functools.cache(registry.from_torchlib.__func__)  # type: ignore[arg-type]
            )


def make_picture(kind: str, seed: int, side: int = 40) -> Pixels:
    """One picture of a class: its shape is the class, its colour, place and size are the seed's."""
    rng = np.random.default_rng([CLASSES.index(kind), seed])
    down, right = np.mgrid[:side, :side] / side
    middle, size = rng.uniform(0.35, 0.65, 2), rng.uniform(0.15, 0.3)
    if kind == "disks":
        mask = np.hypot(down - middle[0], right - middle[1]) < size
    elif kind == "stripes":
        mask = np.sin(2 * np.pi * (right * rng.uniform(3, 6) + rng.uniform())) > 0
    else:
        mask = np.maximum(abs(down - middle[0]), abs(right - middle[1])) < size
    front, back = rng.uniform(128, 255, 3), rng.uniform(0, 127, 3)
    pixels = np.where(mask[..., None], front, back) + rng.normal(0, 4, (side, side, 3))
    drawn: Pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    return drawn


def make_pictures(count: int, side: int, channels: int = 3) -> Pixels:
    """(count, side, side, channels), the classes by turns."""
    colour = np.stack([make_picture(CLASSES[i % 3], i, side) for i in range(count)])
    if channels == 3:
        return colour
    grey: Pixels = colour.mean(axis=3, keepdims=True).astype(np.uint8)
    return grey


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes `per_class` distinct PNG files into a folder for each class."""

    def make(per_class: int = 4, name: str = "pictures", side: int = 40) -> Path:
        root = tmp_path / name
        for kind in CLASSES:
            folder = root / kind
            folder.mkdir(parents=True)
            for seed in range(per_class):
                Image.fromarray(make_picture(kind, seed, side)).save(folder / f"{seed:03}.png")
        return root

    return make


@pytest.fixture
def pictures(make_folder: Callable[..., Path]) -> Path:
    """A folder with twelve distinct pictures, four in each of three sub-folders."""
    return make_folder()


@pytest.fixture(scope="session")
def digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """scikit-learn's 1,797 digits, a table of 64 numbers, and their labels."""
    from sklearn.datasets import load_digits

    found: tuple[NDArray[np.float64], NDArray[np.int64]] = load_digits(return_X_y=True)
    return found


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data, where there is one."""
    folder = Path(os.environ.get("AESEARCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}; AESEARCH_DATA names the folder of real data")
    return folder
