"""What training minimises, one function per term."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# exp(-FAR) underflows to nothing in float32 at any temperature that is used.
FAR = 1e9


def agreement(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the NT-Xent loss: two views of one picture should be each other's nearest code.

    Parameters
    ----------
    first, second : Tensor of shape (batch, size)
        Codes of the two views; row i of one belongs to row i of the other. Any length: only the
        direction counts.
    temperature : float
        Small values push nearest neighbours apart (fine rankings), large ones gather whole groups.

    Returns
    -------
    Tensor
        Mean cross-entropy in nats over the 2 * batch views.

    References
    ----------
    T. Chen, S. Kornblith, M. Norouzi, G. Hinton, A simple framework for contrastive learning of
    visual representations, ICML 2020.
    """
    views = functional.normalize(torch.cat([first, second]).float())
    similarity = views @ views.T / temperature
    count = len(first)
    hidden = torch.eye(2 * count, dtype=torch.bool, device=views.device)
    rows = torch.arange(count, device=views.device)
    target = torch.cat([rows + count, rows])
    return functional.cross_entropy(similarity.masked_fill(hidden, -FAR), target)


def reconstruction(decoded: Tensor, clean: Tensor, variance: float = 1.0) -> Tensor:
    """Return the mean squared error, as a share of the `variance` of the pictures.

    Parameters
    ----------
    decoded, clean : Tensor of equal shape
        What the decoder made, and the undistorted picture (a denoising autoencoder).
    variance : float
        Mean squared error of always answering with the mean picture; the loss is then 1 there.

    References
    ----------
    P. Vincent et al., Stacked denoising autoencoders, JMLR 2010.
    """
    return functional.mse_loss(decoded.float(), clean) / variance
