"""Noise for denoising autoencoders: the input is corrupted, the target stays clean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from aesearch.errors import ParameterError

NOISES = ("gaussian", "mask", "dropout")

Noise = Callable[[Tensor], Tensor]


def check_noise(kind: str | None, level: float) -> None:
    """Check that two parameters of every encoder that is trained fit together.

    Raises
    ------
    ParameterError
    """
    if kind in ("mask", "dropout") and level >= 1:
        raise ParameterError(
            f"noise_level is the share that is set to 0, below 1 for noise '{kind}'; got {level!r}"
        )


def noise_of(kind: str | None, level: float) -> Noise:
    """Return the corruption of a batch, (n, ...) -> the same shape.

    Parameters
    ----------
    kind : {"gaussian", "mask", "dropout"} or None
        "gaussian" adds normal noise; "mask" sets values to 0; "dropout" does, and enlarges the
        others, so that the mean stays what it was.
    level : float
        Standard deviation, or share of the values that become 0.

    References
    ----------
    P. Vincent et al., Stacked denoising autoencoders, JMLR 2010.
    N. Srivastava et al., Dropout, JMLR 2014.
    """
    if kind is None or level == 0:
        return lambda x: x
    if kind == "gaussian":
        return lambda x: x + level * torch.randn_like(x)
    kept = 1 - level
    factor = 1 / kept if kind == "dropout" else 1.0
    return lambda x: x * ((torch.rand_like(x) < kept).to(x.dtype) * factor)
