"""What training minimizes, one function per term."""

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
        Small values push nearest neighbors apart (fine rankings), large ones gather whole groups.

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
    return _paired_cross_entropy(views @ views.T / temperature)


def neighborhood(first: Tensor, second: Tensor) -> Tensor:
    """Return the loss of a map: two codes that belong together should be each other's nearest.

    Near is 1 / (1 + squared distance), whose heavy tail leaves room for clusters in two dimensions.

    Parameters
    ----------
    first, second : Tensor of shape (batch, size)
        Codes of samples, and of a neighbor of each.

    Returns
    -------
    Tensor
        Mean cross-entropy in nats over the 2 * batch codes.

    References
    ----------
    L. van der Maaten, Learning a parametric embedding by preserving local structure, AISTATS 2009.
    N. Böhm, P. Berens, D. Kobak, Unsupervised visualization of image datasets using contrastive
    learning, ICLR 2023.
    """
    codes = torch.cat([first, second]).float()
    return _paired_cross_entropy(-torch.log1p((codes[:, None] - codes).square().sum(dim=2)))


def _paired_cross_entropy(similarity: Tensor) -> Tensor:
    """Return the cross-entropy of finding row i + n/2, or i - n/2, by row i of logits (n, n)."""
    count = len(similarity) // 2
    hidden = torch.eye(2 * count, dtype=torch.bool, device=similarity.device)
    rows = torch.arange(count, device=similarity.device)
    target = torch.cat([rows + count, rows])
    return functional.cross_entropy(similarity.masked_fill(hidden, -FAR), target)


def reconstruction(decoded: Tensor, clean: Tensor, variance: float = 1.0) -> Tensor:
    """Return the mean squared error, as a share of the `variance` of the pictures.

    Parameters
    ----------
    decoded, clean : Tensor of equal shape
        What the decoder made, and the clean picture (a denoising autoencoder).
    variance : float
        Mean squared error of always answering with the mean picture; the loss is then 1 there.

    References
    ----------
    P. Vincent et al., Stacked denoising autoencoders, JMLR 2010.
    """
    return functional.mse_loss(decoded.float(), clean) / variance
