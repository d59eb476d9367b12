"""The prior: a normal distribution of latent codes, from which new ones are drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import ParameterError
from aesearch.settings import require_seed, require_within
from aesearch.types import Floats

LARGEST_FULL = 512  # dimensions up to which the covariance is not diagonal
MOST_SAMPLES = 100_000  # at once: decoded, pictures of 64 x 64 in color take 5 GB meanwhile
NAME = "prior."  # prefix of the names of its arrays in the weights


@dataclass(frozen=True)
class Prior:
    """A normal distribution over latent codes, or one for each group, all of one shape.

    Parameters
    ----------
    means : ndarray of shape (groups, code_size)
        One row for each group, or a single row.
    factor : ndarray of shape (code_size, code_size) or (code_size,)
        Cholesky factor of the covariance, or the standard deviations where codes are independent.
    names : tuple of str
        Names of the groups; empty where there is only one.
    shares : tuple of float
        How often each group occurs; empty where there is only one.
    """

    means: Floats
    factor: Floats
    names: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()

    @classmethod
    def standard(cls, code_size: int) -> Self:
        """N(0, I), which a variational autoencoder is trained towards."""
        return cls(np.zeros((1, code_size), np.float32), np.ones(code_size, np.float32))

    @classmethod
    def fitted(cls, latents: NDArray[Any]) -> Self:
        """The normal distribution with the mean and covariance of `latents`, (n, d)."""
        latents = np.asarray(latents, dtype=np.float64)
        mean, size = latents.mean(axis=0), latents.shape[1]
        deviations = latents.std(axis=0)
        factor = deviations
        if 1 < size <= LARGEST_FULL and len(latents) > size:
            scale = np.maximum(deviations, 1e-12)
            correlation = np.cov(((latents - mean) / scale).T, bias=True)
            # Columns that depend on each other would have no Cholesky factor.
            factor = scale[:, None] * np.linalg.cholesky(correlation + 1e-6 * np.eye(size))
        return cls(mean[None].astype(np.float32), factor.astype(np.float32))

    @property
    def code_size(self) -> int:
        """Dimensions of a code."""
        return int(self.means.shape[1])

    @property
    def deviations(self) -> Floats:
        """Standard deviation of each dimension, within one group."""
        if self.factor.ndim == 1:
            return self.factor
        deviations: Floats = np.sqrt(np.square(self.factor).sum(axis=1))
        return deviations

    def draw(self, count: int, seed: int = 0, group: str | None = None) -> Floats:
        """Draw `count` latent codes, float32 of shape (count, code_size).

        Parameters
        ----------
        count : int
        seed : int
        group : str, optional
            Only from this group; by default each has its share.

        Raises
        ------
        ParameterError
            If there is no group of this name, `count` is not 1 to 100,000, or it is no seed.
        """
        count = require_within("count", count, 1, MOST_SAMPLES)
        generator = np.random.default_rng(require_seed(seed))
        if group is not None:
            which = np.full(count, self._number(group))
        elif self.names:
            which = generator.choice(len(self.means), count, p=np.array(self.shares))
        else:
            which = np.zeros(count, dtype=np.int64)
        noise = generator.standard_normal((count, self.code_size)).astype(np.float32)
        spread = noise * self.factor if self.factor.ndim == 1 else noise @ self.factor.T
        drawn: Floats = self.means[which] + spread
        return drawn

    def _number(self, group: str) -> int:
        if not self.names:
            raise ParameterError(
                f"no group '{group}' to draw from: this encoder has not learned any; cvae learns "
                "one for each folder or label (--encoder cvae --retrain)"
            )
        if group not in self.names:
            known = ", ".join(self.names)
            raise ParameterError(f"no group '{group}' to draw from; known groups: {known}")
        return self.names.index(group)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays, to be saved beside the weights."""
        groups = json.dumps({"names": self.names, "shares": self.shares}).encode()
        return {
            f"{NAME}means": self.means,
            f"{NAME}factor": self.factor,
            f"{NAME}groups": np.frombuffer(groups, dtype=np.uint8),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]]) -> Self:
        """The prior that `state` holds.

        Raises
        ------
        KeyError
            If there is none in it.
        """
        groups: dict[str, Sequence[Any]] = json.loads(bytes(state[f"{NAME}groups"]))
        return cls(
            state[f"{NAME}means"],
            state[f"{NAME}factor"],
            tuple(groups["names"]),
            tuple(groups["shares"]),
        )
