"""Pictures out of latent codes: samples, planes through the latent space, interpolations.

The functions take a frozen encoder, so that generating needs neither torch nor scikit-learn.
"""

from __future__ import annotations

import numpy as np

from aesearch.errors import ParameterError
from aesearch.inference.encoder import FrozenEncoder
from aesearch.inference.prior import Prior
from aesearch.settings import require_within
from aesearch.types import Array, Floats, Pixels

REACH = 2.0  # standard deviations: 95 % of codes lie within it, and beyond it pictures dissolve
MOST_STEPS = 100


def decode(encoder: FrozenEncoder, latents: Array) -> Array:
    """Pictures decoded from latent codes.

    Parameters
    ----------
    encoder : FrozenEncoder
    latents : ndarray, shape (n, code_size)

    Returns
    -------
    ndarray of uint8, shape (n, height, width, channels)
        Or of float32, shape (n, columns), where the encoder was trained on a table.

    Raises
    ------
    ParameterError
        If the shape of `latents` is another one.
    """
    latents = np.asarray(latents)
    if latents.ndim != 2 or latents.shape[1] != encoder.code_size:
        raise ParameterError(
            f"latent codes must have shape (n, {encoder.code_size}); got {latents.shape}"
        )
    return _rounded(encoder.decode(latents))


def sample(
    encoder: FrozenEncoder, count: int = 1, *, seed: int = 0, group: str | None = None
) -> Array:
    """New pictures, decoded from latent codes drawn from the prior.

    Parameters
    ----------
    encoder : FrozenEncoder
    count : int
        At most 100,000 at once; another seed draws others.
    seed : int
        The same seed draws the same pictures.
    group : str, optional
        Only of this class, where the encoder is conditional on classes.

    Returns
    -------
    ndarray of uint8, shape (count, height, width, channels)

    Raises
    ------
    ParameterError
        If `count` is not 1 to 100,000, or there is no such group.
    """
    return decode(encoder, encoder.prior.draw(count, seed, group))


def plane(
    encoder: FrozenEncoder,
    across: int = 0,
    down: int = 1,
    *,
    steps: int = 8,
    group: str | None = None,
) -> Array:
    """A grid of pictures over two dimensions of the latent code, all others at their mean.

    Both go from -2 to +2 standard deviations around their mean, in equal steps.

    Parameters
    ----------
    encoder : FrozenEncoder
    across, down : int
        The two dimensions, counted from 0.
    steps : int
        Pictures along each side, 2 to 100.
    group : str, optional
        Around the mean of this class.

    Returns
    -------
    ndarray of uint8, shape (steps, steps, height, width, channels)
        ``grid[row, column]``: `down` grows with the row, `across` with the column.

    Raises
    ------
    ParameterError
        If a dimension is outside the code, both are the same, or there is no such group.
    """
    steps = require_within("steps", steps, 2, MOST_STEPS)
    dimension, last = "{}, one of the dimensions of a code,", encoder.code_size - 1
    across = require_within(dimension.format("across"), across, 0, last)
    down = require_within(dimension.format("down"), down, 0, last)
    if across == down:
        raise ParameterError(
            f"a plane needs two different dimensions of a code; got {across} twice"
        )
    mean, deviations = _center(encoder.prior, group)
    offsets = np.linspace(-REACH, REACH, steps)
    latents = np.tile(mean, (steps, steps, 1))
    latents[..., across] += offsets * deviations[across]
    latents[..., down] += offsets[:, None] * deviations[down]
    pictures = decode(encoder, latents.reshape(steps * steps, -1))
    return pictures.reshape(steps, steps, *pictures.shape[1:])


def _center(prior: Prior, group: str | None) -> tuple[Floats, Floats]:
    """Mean and standard deviations of a group, or of all together."""
    if group is not None:
        prior.draw(1, group=group)  # says what is wrong with a group that there is not
        return prior.means[prior.names.index(group)], prior.deviations
    shares = np.array(prior.shares or (1.0,), dtype=np.float64)
    mean = shares @ prior.means
    between = shares @ np.square(prior.means - mean)
    spread = np.sqrt(np.square(prior.deviations) + between)
    return mean.astype(np.float32), spread.astype(np.float32)


def interpolate(encoder: FrozenEncoder, first: Array, second: Array, *, steps: int = 8) -> Array:
    """Pictures on the straight line between the latent codes of two pictures.

    Parameters
    ----------
    encoder : FrozenEncoder
    first, second : ndarray of uint8, shape (height, width, channels)
        As the encoder takes them.
    steps : int
        At least 2, at most 100; both ends, which are reconstructions, are among them.

    Returns
    -------
    ndarray of uint8, shape (steps, height, width, channels)
    """
    steps = require_within("steps", steps, 2, MOST_STEPS)
    ends = encoder.encode_with_latents(np.stack([first, second]))[1]
    return decode(encoder, np.linspace(ends[0], ends[1], steps))


def reconstruct(encoder: FrozenEncoder, X: Array) -> tuple[Array, Floats]:
    """Reconstructions of pictures: encoded and decoded again.

    Parameters
    ----------
    encoder : FrozenEncoder
    X : ndarray of uint8, shape (n, height, width, channels)

    Returns
    -------
    pictures : ndarray of uint8, of the shape of `X`
    errors : ndarray of float32, shape (n,)
        Mean squared error of each, pixels 0..1, before rounding.
    """
    decoded, errors = encoder.reconstruct(X)
    return _rounded(decoded), errors


def _rounded(decoded: Floats) -> Array:
    if decoded.ndim == 2:  # rows of a table
        return decoded
    pictures: Pixels = np.clip(np.rint(decoded), 0, 255).astype(np.uint8)
    return pictures
