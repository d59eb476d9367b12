"""From stored values to the numbers a network sees, and back; and the loss that fits them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from aesearch.encoders.sparse import Moments, are_counts, extremes, is_sparse
from aesearch.encoders.training.augment import family_of
from aesearch.errors import ParameterError

SQUARED, CROSS_ENTROPY, MULTINOMIAL = "squared", "cross-entropy", "multinomial"
# Each loss is the negative log-likelihood of a distribution, by whose name it may be called too.
LOSSES = {
    SQUARED: SQUARED,
    "gaussian": SQUARED,
    CROSS_ENTROPY: CROSS_ENTROPY,
    "bernoulli": CROSS_ENTROPY,
    MULTINOMIAL: MULTINOMIAL,
}
SMALLEST_SPREAD = 1e-6
SMALLEST_SHARE = 1e-4  # of a pixel or word, where its logarithm is taken
SMALLEST_PART = 0.01  # likewise, of the share of a word where all words are as frequent


class Likelihood(nn.Module):
    """The scale of one collection, and the likelihood of its values.

    Stored values are pixels in 0..1, (n, channels, side, side), or rows of a table. "squared"
    centers them and divides all by one standard deviation, so that what is minimized is
    proportional to the squared error in the units of the input; "cross-entropy" takes shares as
    they are; "multinomial" takes counts, and shows the network their logarithms.

    Parameters
    ----------
    loss : str
        A value of `LOSSES`.
    shape : tuple of int
        Of one sample.
    """

    mean: Tensor
    scale: Tensor
    total: Tensor

    def __init__(self, loss: str, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.loss = loss
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("total", torch.ones(()))

    def fit(self, sample: Any) -> Likelihood:
        """Take mean, spread and total from a sample of stored values, or from a sparse table."""
        if is_sparse(sample):
            moments = Moments.of(sample)
            mean, total = torch.from_numpy(moments.mean), torch.tensor(moments.total)
            spread = torch.tensor(moments.spread)
        else:
            mean = sample.mean(dim=0)
            # In place: a sample may be as large as memory allows.
            spread = (sample - mean).square_().mean().sqrt()
            total = mean.sum()
        self.mean.copy_(mean)
        if self.loss == SQUARED:
            # Equal samples have no spread to divide by.
            self.scale.copy_(1 / spread if spread > SMALLEST_SPREAD else torch.ones(()))
        elif self.loss == MULTINOMIAL:
            self.total.copy_(total.clamp(min=SMALLEST_SPREAD))
        return self

    def inputs(self, stored: Tensor) -> Tensor:
        """Scale stored values to the inputs of the network."""
        if self.loss == SQUARED:
            return (stored - self.mean) * self.scale
        if self.loss == MULTINOMIAL:
            # Rows of one length, whatever the length of the document, about 1 in each entry.
            logs: Tensor = functional.normalize(torch.log1p(stored), dim=1)
            return logs * float(np.sqrt(stored.shape[1]))
        return stored

    def targets(self, stored: Tensor) -> Tensor:
        """Scale stored values to the targets of the decoder."""
        return self.inputs(stored) if self.loss == SQUARED else stored

    def outputs(self, raw: Tensor) -> Tensor:
        """Return the decoder's expectation, in stored values, from its last layer."""
        if self.loss == SQUARED:
            return raw / self.scale + self.mean
        if self.loss == MULTINOMIAL:
            return functional.softmax(raw, dim=1) * self.total
        return torch.sigmoid(raw)

    def output_bias(self) -> Tensor:
        """Output of the last layer before anything is learned: the mean sample."""
        if self.loss == SQUARED:
            return torch.zeros_like(self.mean)
        if self.loss == CROSS_ENTROPY:
            return torch.logit(self.mean.clamp(SMALLEST_SHARE, 1 - SMALLEST_SHARE))
        return log_shares(self.mean / self.total)

    def errors(self, raw: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample, (n,): in nats, or for "squared" half the squared error.

        References
        ----------
        C. Bishop, Pattern Recognition and Machine Learning, 2006, chapter 5.2. R. Salakhutdinov
        and G. Hinton, Semantic hashing, 2009 (multinomial for counts).
        """
        raw = raw.float()
        if self.loss == SQUARED:
            found = 0.5 * (raw - target).square()
        elif self.loss == CROSS_ENTROPY:
            found = functional.binary_cross_entropy_with_logits(raw, target, reduction="none")
        else:
            found = -target * functional.log_softmax(raw, dim=1)
        return found.flatten(1).sum(dim=1)


def log_shares(shares: Tensor) -> Tensor:
    """Return the logarithms of the shares of words, (n,); one that never occurs gets a little.

    In a large vocabulary most words have a share below 0.0001, and what they get is less still.
    """
    return shares.clamp(min=min(SMALLEST_SHARE, SMALLEST_PART / len(shares))).log()


def loss_for(wanted: str, sample: Any, *, images: bool) -> str:
    """Return the loss for a collection: the one wanted, or for "auto" the one that fits.

    Drawings and digits, whose pixels are ink or ground, get "cross-entropy"; a sparse table of
    counts, whole numbers of at least 0, gets "multinomial"; all else "squared".

    Parameters
    ----------
    wanted : str
        "auto" or a key of `LOSSES`.
    sample : Tensor or CSR matrix
        Stored values.
    images : bool

    Raises
    ------
    ParameterError
        If the values do not allow the wanted one.
    """
    if wanted == "auto":
        if is_sparse(sample):
            return MULTINOMIAL if are_counts(sample) else SQUARED
        drawn = images and family_of((sample.permute(0, 2, 3, 1) * 255).numpy()) != "photo"
        return CROSS_ENTROPY if drawn else SQUARED
    loss = LOSSES[wanted]
    low, high = extremes(sample) if is_sparse(sample) else map(float, sample.aminmax())
    if loss == CROSS_ENTROPY and (low < 0 or high > 1):
        raise ParameterError(
            f"loss {wanted!r} needs values within 0..1; got {low:g}..{high:g}: "
            "scale them, or choose loss 'squared'"
        )
    if loss == MULTINOMIAL and (images or low < 0):
        what = "pictures" if images else f"values down to {low:g}"
        raise ParameterError(
            f"loss {wanted!r} needs a table of counts; got {what}: choose loss 'squared'"
        )
    return loss
