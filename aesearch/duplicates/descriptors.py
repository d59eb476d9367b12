"""Descriptors of pictures, near for a picture and its perturbed copies: they find candidate pairs.

Gradients of 8 x 8 cells by direction (Dalal and Triggs 2005) and their brightness, projected by a
linear discriminant analysis (LDA) in which a class is one picture with its copies: it weakens the
directions in which copies differ, and keeps those in which pictures differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aesearch.duplicates.packing import downsampled_gray
from aesearch.types import Floats, Pixels

SIDE = 64
CELLS = 8
DIRECTIONS = 8
LENGTH = 96  # dimensions of a descriptor
RIDGE = 0.1  # regularization, of the mean variance within a class
BLOCK = 256


def gradient_features(rows: Pixels) -> Floats:
    """Gradients and brightness of packed pictures, of shape (n, 576)."""
    parts = [
        _gradient_features(downsampled_gray(rows[at : at + BLOCK], SIDE))
        for at in range(0, len(rows), BLOCK)
    ]
    return np.concatenate(parts) if parts else np.empty((0, CELLS**2 * 9), dtype=np.float32)


def _gradient_features(gray: Floats) -> Floats:
    down, right = np.zeros_like(gray), np.zeros_like(gray)
    down[:, 1:-1] = gray[:, 2:] - gray[:, :-2]
    right[:, :, 1:-1] = gray[:, :, 2:] - gray[:, :, :-2]
    strength = right * right + down * down + 1e-6
    gradients = np.empty((len(gray), DIRECTIONS, CELLS, CELLS), dtype=np.float32)
    for n in range(DIRECTIONS):
        angle = 2 * np.pi * n / DIRECTIONS
        along = np.float32(np.cos(angle)) * right + np.float32(np.sin(angle)) * down
        np.maximum(along, 0, out=along)
        gradients[:, n] = _cells(along * along * along / strength)
    flat = np.sqrt(gradients).reshape(len(gray), -1)
    brightness = _cells(gray).reshape(len(gray), -1)
    brightness = brightness - brightness.mean(axis=1, keepdims=True)
    return np.hstack([_unit(flat), _unit(brightness)])


def _cells(values: NDArray[np.floating]) -> Floats:
    cell = SIDE // CELLS
    rows = np.repeat(np.eye(CELLS, dtype=np.float32), cell, axis=1) / np.float32(cell)
    means: Floats = rows @ values @ rows.T
    return means


def _unit(values: Floats) -> Floats:
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / (norms + 1e-3), dtype=np.float32)


def mirrored_features(features: Floats) -> Floats:
    """The `gradient_features` of the same pictures mirrored, left for right."""
    n, cells = len(features), CELLS * CELLS
    gradients = features[:, : DIRECTIONS * cells].reshape(n, DIRECTIONS, CELLS, CELLS)
    turned = [(DIRECTIONS // 2 - d) % DIRECTIONS for d in range(DIRECTIONS)]
    brightness = features[:, DIRECTIONS * cells :].reshape(n, CELLS, CELLS)[:, :, ::-1]
    flipped = gradients[:, turned, :, ::-1].reshape(n, -1)
    return np.hstack([flipped, brightness.reshape(n, -1)])


@dataclass(frozen=True)
class DescriptorProjection:
    """Gradient features to descriptors: `mean` of shape (576,), `axes` of shape (576, length)."""

    mean: Floats
    axes: Floats

    @classmethod
    def fit(cls, everything: Floats, originals: Floats, copies: Floats) -> DescriptorProjection:
        """Fit the discriminant analysis.

        Parameters
        ----------
        everything : ndarray of shape (n, 576)
            Features of the collection, or of a sample of it.
        originals, copies : ndarray of shape (m, 576)
            Features, row by row, of pictures and of perturbed copies of them.
        """
        difference = (copies - originals).astype(np.float64)
        within = difference.T @ difference / (2 * len(difference))
        within += np.eye(len(within)) * (RIDGE * np.trace(within) / len(within) + 1e-9)
        mean = everything.mean(axis=0)
        centered = (everything - mean).astype(np.float64)
        values, vectors = np.linalg.eigh(within)
        whitening = vectors / np.sqrt(values)
        variances, rotation = np.linalg.eigh(
            whitening.T @ (centered.T @ centered / len(centered)) @ whitening
        )
        largest = slice(None, -LENGTH - 1, -1)
        axes = whitening @ rotation[:, largest] / np.sqrt(1 + np.maximum(variances[largest], 0))
        return cls(mean, axes.astype(np.float32))

    def __call__(self, features: Floats) -> Floats:
        """Descriptors of unit length, of shape (n, length)."""
        descriptors = (features - self.mean) @ self.axes
        norms = np.linalg.norm(descriptors, axis=1, keepdims=True)
        return np.asarray(descriptors / (norms + 1e-9), dtype=np.float32)


def similarity(one: Floats, other: Floats) -> Floats:
    """Cosines of two arrays of descriptors, row by row."""
    cosines: Floats = np.einsum("ij,ij->i", one, other)
    return cosines
