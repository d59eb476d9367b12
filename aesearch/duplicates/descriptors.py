"""Short codes in which a picture is near its distorted copies: what finds candidates.

Gradients of 8 x 8 cells by direction (Dalal and Triggs 2005) and their brightness, projected by a
linear discriminant analysis whose one class is one picture with its copies: directions in which
copies differ count little, those in which pictures differ count much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aesearch.duplicates.registration import shrunk_grey
from aesearch.types import Floats, Pixels

SIDE = 64
CELLS = 8
DIRECTIONS = 8
LENGTH = 96
RIDGE = 0.1  # of the mean variance within a class
BLOCK = 256


def described(rows: Pixels) -> Floats:
    """Return gradients and brightness of packed pictures, of shape (n, 576)."""
    parts = [
        _described(shrunk_grey(rows[at : at + BLOCK], SIDE)) for at in range(0, len(rows), BLOCK)
    ]
    return np.concatenate(parts) if parts else np.empty((0, CELLS**2 * 9), dtype=np.float32)


def _described(grey: Floats) -> Floats:
    down, right = np.zeros_like(grey), np.zeros_like(grey)
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    right[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    strength = right * right + down * down + 1e-6
    gradients = np.empty((len(grey), DIRECTIONS, CELLS, CELLS), dtype=np.float32)
    for n in range(DIRECTIONS):
        angle = 2 * np.pi * n / DIRECTIONS
        along = np.float32(np.cos(angle)) * right + np.float32(np.sin(angle)) * down
        np.maximum(along, 0, out=along)
        gradients[:, n] = _cells(along * along * along / strength)
    flat = np.sqrt(gradients).reshape(len(grey), -1)
    level = _cells(grey).reshape(len(grey), -1)
    level = level - level.mean(axis=1, keepdims=True)
    return np.hstack([_unit(flat), _unit(level)])


def _cells(values: NDArray[np.floating]) -> Floats:
    cell = SIDE // CELLS
    rows = np.repeat(np.eye(CELLS, dtype=np.float32), cell, axis=1) / np.float32(cell)
    means: Floats = rows @ values @ rows.T
    return means


def _unit(values: Floats) -> Floats:
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / (norms + 1e-3), dtype=np.float32)


def mirrored_description(described: Floats) -> Floats:
    """Return what `described` would say of the pictures mirrored, left for right."""
    n, cells = len(described), CELLS * CELLS
    gradients = described[:, : DIRECTIONS * cells].reshape(n, DIRECTIONS, CELLS, CELLS)
    turned = [(DIRECTIONS // 2 - d) % DIRECTIONS for d in range(DIRECTIONS)]
    level = described[:, DIRECTIONS * cells :].reshape(n, CELLS, CELLS)[:, :, ::-1]
    flipped = gradients[:, turned, :, ::-1].reshape(n, -1)
    return np.hstack([flipped, level.reshape(n, -1)])


@dataclass(frozen=True)
class Sketcher:
    """The projection: `mean` of shape (576,), `axes` of shape (576, length)."""

    mean: Floats
    axes: Floats

    @classmethod
    def fit(cls, everything: Floats, originals: Floats, copies: Floats) -> Sketcher:
        """Learn it.

        Parameters
        ----------
        everything : ndarray of shape (n, 576)
            Descriptions of the collection, or of a sample of it.
        originals, copies : ndarray of shape (m, 576)
            Row by row, pictures and distorted copies of them.
        """
        change = (copies - originals).astype(np.float64)
        within = change.T @ change / (2 * len(change))
        within += np.eye(len(within)) * (RIDGE * np.trace(within) / len(within) + 1e-9)
        mean = everything.mean(axis=0)
        spread = (everything - mean).astype(np.float64)
        values, vectors = np.linalg.eigh(within)
        whitening = vectors / np.sqrt(values)
        between, turns = np.linalg.eigh(whitening.T @ (spread.T @ spread / len(spread)) @ whitening)
        kept = slice(None, -LENGTH - 1, -1)
        axes = whitening @ turns[:, kept] / np.sqrt(1 + np.maximum(between[kept], 0))
        return cls(mean, axes.astype(np.float32))

    def __call__(self, described: Floats) -> Floats:
        """Return sketches of unit length, of shape (n, length)."""
        codes = (described - self.mean) @ self.axes
        norms = np.linalg.norm(codes, axis=1, keepdims=True)
        return np.asarray(codes / (norms + 1e-9), dtype=np.float32)


def similarity(one: Floats, other: Floats) -> Floats:
    """Return the cosines of two arrays of sketches, row by row."""
    cosines: Floats = np.einsum("ij,ij->i", one, other)
    return cosines
