"""Real data sets in the form that encoders take, read from the folder AESEARCH_DATA."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.folders import data_folder
from benchmarks.reporting import say

Array = NDArray[Any]

IDX = ("images-idx3-ubyte", "labels-idx1-ubyte")
PATCH = 25  # pixels; side of the patches of faces
LEARNED_PERSONS = 30  # of the 40: the others are what it is tested on
WINDOW = 72  # pixels of a face 92 wide, before it is enlarged
ENLARGED = (1.4, 1.8)


@dataclass
class Split:
    """What is learned from, and what the learning is judged on."""

    train: Array
    labels: Array
    test: Array
    test_labels: Array


def read_idx(path: Path) -> Array:
    """Read one of MNIST's files."""
    content = gzip.decompress(path.read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", dimensions, offset=4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    return values if dimensions > 1 else values.astype(np.int64)


def digits(data: Path | None, limit: int | None = None, name: str = "mnist") -> Split:
    """Return MNIST, or what has its form: 60,000 and 10,000 pictures (n, 28, 28, 1), uint8."""
    root = data_folder(data, name)
    train, labels = (read_idx(root / f"train-{name}.gz")[:limit] for name in IDX)
    test, test_labels = (read_idx(root / f"t10k-{name}.gz") for name in IDX)
    return Split(train[..., None], labels, test[..., None], test_labels)


def face_patches(data: Path | None, copies: int, seed: int) -> Split:
    """Return patches of faces, turned and enlarged at random: pictures (n, 25, 25, 1), uint8.

    As Hinton and Salakhutdinov made theirs from the same 400 photos: turned by -90 to 90 degrees,
    enlarged 1.4 to 1.8 times, cropped to the middle and scaled down to 25x25 pixels. Persons are
    either learned from or tested on.
    """
    root = data_folder(data, "faces")
    generator = np.random.default_rng(seed)
    parts: tuple[list[Array], list[Array]] = ([], [])
    persons = sorted({path.parent for path in root.rglob("*.pgm")})
    say(f"cutting {copies:,} patches from each face of {len(persons)} persons")
    for number, person in enumerate(persons):
        tested = number >= LEARNED_PERSONS
        for path in sorted(person.glob("*.pgm")):
            with Image.open(path) as face:
                face.load()
            for _ in range(copies):
                parts[tested].append(_patch(face, generator))
    train, test = (np.stack(part)[..., None] for part in parts)
    return Split(train, np.zeros(len(train)), test, np.zeros(len(test)))


def _patch(face: Image.Image, generator: np.random.Generator) -> Array:
    turned = face.rotate(generator.uniform(-90, 90), Image.Resampling.BILINEAR)
    half = WINDOW / generator.uniform(*ENLARGED) / 2
    x, y = face.width / 2, face.height / 2
    patch = turned.resize(
        (PATCH, PATCH), Image.Resampling.BOX, box=(x - half, y - half, x + half, y + half)
    )
    return np.asarray(patch)
