"""The Fréchet distance of codes: how near generated pictures come to real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import ParameterError
from aesearch.inference.encoder import FrozenEncoder
from aesearch.inference.generate import sample
from aesearch.settings import require_seed
from aesearch.types import Doubles

SAMPLES = 1_000


def frechet_distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Fréchet distance between the normal distributions fitted to two sets of codes.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2): 0 for equal means and covariances, and in the
    squared unit of the codes. It is biased upwards for few codes, so compare only figures that
    were measured on equally many.

    Parameters
    ----------
    first, second : ndarray, shapes (n, d) and (m, d)
        At least two codes each; covariances need not have full rank.

    Raises
    ------
    ParameterError
        If the shapes do not fit, or a value is not finite.

    References
    ----------
    D. Dowson and B. Landau, The Fréchet distance between multivariate normal distributions,
    Journal of Multivariate Analysis 12, 1982. M. Heusel et al., GANs trained by a two time-scale
    update rule converge to a local Nash equilibrium, NeurIPS 2017 (there on Inception's features,
    as FID; here on whatever codes are given).
    """
    one, two = (np.asarray(codes, dtype=np.float64) for codes in (first, second))
    for codes in (one, two):
        if codes.ndim != 2 or len(codes) < 2 or codes.shape[1] != one.shape[1]:
            raise ParameterError(
                "codes must be two arrays (n, d) and (m, d) with n and m at least 2; "
                f"got {one.shape} and {two.shape}"
            )
        if not np.isfinite(codes).all():
            raise ParameterError("codes must be finite; got NaN or infinity")
    gap = one.mean(axis=0) - two.mean(axis=0)
    (root_one, trace_one), (root_two, trace_two) = _root(one), _root(two)
    # (C1 C2)^1/2 has the trace of the singular values of C1^1/2 C2^1/2, which are found without
    # the square root of a rounding error that eigenvalues of C1 C2 would bring.
    cross_trace = np.linalg.svd(root_one @ root_two, compute_uv=False).sum()
    return max(0.0, float(gap @ gap + trace_one + trace_two - 2 * cross_trace))


def _root(codes: Doubles) -> tuple[Doubles, float]:
    """Symmetric square root of the covariance, and the covariance's trace."""
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(codes.T)))
    values = np.maximum(values, 0)  # of a covariance without full rank some come out at -1e-17
    return (vectors * np.sqrt(values)) @ vectors.T, float(values.sum())


@dataclass(frozen=True)
class SampleDistance:
    """Fréchet distance of generated pictures to real ones, in an encoder's own codes.

    Attributes
    ----------
    samples : float
        Fréchet distance from the codes of generated pictures to those of real ones.
    floor : float
        The same of as many other real pictures: that of perfect samples.
    count : int
        Number of generated pictures.
    """

    samples: float
    floor: float
    count: int


def sample_distance(
    encoder: FrozenEncoder, codes: NDArray[Any], *, seed: int = 0
) -> SampleDistance | None:
    """Fréchet distance of samples, decoded and encoded again, to the codes of real pictures.

    The real ones are split at random. One half is the reference; as many as are sampled
    come out of the other, for the floor.

    Parameters
    ----------
    encoder : FrozenEncoder
    codes : ndarray of float32, shape (n, code_size)
        Normalized codes of real pictures, as the store has them.
    seed : int
        From 0 to 2**32 - 1.

    Returns
    -------
    SampleDistance or None
        None where a half has no more codes than a code has dimensions: the covariance of so few
        has not full rank.
    """
    require_seed(seed)
    half = len(codes) // 2
    if half <= encoder.code_size:
        return None
    order = np.random.default_rng(seed).permutation(len(codes))
    count = min(SAMPLES, half)
    real, others = codes[order[half:]], codes[order[:count]]
    made = encoder.encode(sample(encoder, count, seed=seed))
    return SampleDistance(frechet_distance(made, real), frechet_distance(others, real), count)
