"""Vectors for the tests: groups around directions of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GROUPS = ("red", "green", "blue")
SIZE = 12
Rows = NDArray[Any]


def make_vectors(count: int, first: int = 0, size: int = SIZE) -> Rows:
    """Vectors number `first` to `first + count`; each third one is of the same group."""
    centres = np.random.default_rng(0).standard_normal((len(GROUPS), size)) * 3
    rows = [
        centres[n % len(GROUPS)] + np.random.default_rng([1, n]).standard_normal(size)
        for n in range(first, first + count)
    ]
    return np.array(rows, dtype=np.float32).reshape(count, size)


def groups_of(count: int) -> list[str]:
    """The group of each."""
    return [GROUPS[n % len(GROUPS)] for n in range(count)]


def make_rows(count: int, name: str = "vector") -> list[dict[str, Any]]:
    """Rows of a table: key, vector, label and a field."""
    vectors, groups = make_vectors(count), groups_of(count)
    return [
        {"id": f"r{n}", name: vectors[n].tolist(), "label": groups[n], "page": n}
        for n in range(count)
    ]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write a .jsonl file."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path
