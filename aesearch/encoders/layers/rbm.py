"""The restricted Boltzmann machine."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from aesearch.encoders.layers.likelihood import SMALLEST_SHARE, log_shares

BINARY, GAUSSIAN, COUNTS = "binary", "gaussian", "counts"
BINARY_RATE, GAUSSIAN_RATE = 0.1, 0.02
FIRST_WEIGHTS = 0.01  # standard deviation


class RBM(nn.Module):
    """A restricted Boltzmann machine: two layers of units, and weights only between them.

    The energy of a state is E(v, h) = V(v) + H(h) - h'Wv, where a layer of binary units x with
    biases b adds -b'x, and one of Gaussian units of unit variance adds half of |x - b|^2.

    Visible units may also be the counts of words in a document. They are one group: given h, the
    words of a document are drawn, as many as it has, from one softmax over the vocabulary,
    softmax(b + W'h), so that their expectation is the document's length times their shares. The
    energy is that of binary units, -b'v, for the number of orders in which the same words can be
    drawn depends on no parameter; hidden biases are the same for all lengths.

    Parameters
    ----------
    visible, hidden : int
        Numbers of units.
    visible_units : {"binary", "gaussian", "counts"}, default="binary"
    hidden_units : {"binary", "gaussian"}, default="binary"
        The mean of a Gaussian hidden unit is linear in v, which makes a linear code.

    References
    ----------
    P. Smolensky, Information processing in dynamical systems, 1986. M. Welling, M. Rosen-Zvi and
    G. Hinton, Exponential family harmoniums, NIPS 2004 (Gaussian units). G. Hinton, A practical
    guide to training restricted Boltzmann machines, 2010. R. Salakhutdinov and G. Hinton, Semantic
    hashing, 2009 (counts: the constrained Poisson model) and Replicated softmax: an undirected
    topic model, NIPS 2009 (the same with hidden biases times the length).
    """

    def __init__(
        self,
        visible: int,
        hidden: int,
        *,
        visible_units: str = BINARY,
        hidden_units: str = BINARY,
    ) -> None:
        super().__init__()
        self.visible_units, self.hidden_units = visible_units, hidden_units
        self.weight = nn.Parameter(FIRST_WEIGHTS * torch.randn(hidden, visible))
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.words = 1.0  # in a document, where visible units are counts

    def init_visible_bias(self, sample: Tensor) -> None:
        """Set the visible biases so that v has the mean of a sample, (n, visible)."""
        mean = sample.mean(dim=0)
        if self.visible_units == BINARY:
            mean = torch.logit(mean.clamp(SMALLEST_SHARE, 1 - SMALLEST_SHARE))
        elif self.visible_units == COUNTS:
            self.words = max(float(mean.sum()), SMALLEST_SHARE)
            mean = log_shares(mean / self.words)
        self.visible_bias.data.copy_(mean)

    def hidden_mean(self, v: Tensor) -> Tensor:
        """Return the expectation of h given v, (n, hidden), of v, (n, visible)."""
        return _mean(functional.linear(v, self.weight, self.hidden_bias), self.hidden_units)

    def visible_mean(self, h: Tensor, lengths: Tensor | float = 1.0) -> Tensor:
        """Return the expectation of v given h, (n, visible), of h, (n, hidden).

        Parameters
        ----------
        h : Tensor of shape (n, hidden)
        lengths : Tensor of shape (n, 1), default=1
            Of documents, where visible units are counts; 1 gives the shares of the words.
        """
        raw = functional.linear(h, self.weight.T, self.visible_bias)
        if self.visible_units == COUNTS:
            return torch.softmax(raw.float(), dim=1) * lengths
        return _mean(raw, self.visible_units)

    def sample_hidden(self, v: Tensor) -> Tensor:
        """Return a sample of h given v."""
        return _drawn(self.hidden_mean(v), self.hidden_units)

    def sample_visible(self, h: Tensor, lengths: Tensor | float = 1.0) -> Tensor:
        """Return a sample of v given h; of counts, as many words as `lengths`, rounded, says."""
        mean = self.visible_mean(h, lengths)
        return _words(mean) if self.visible_units == COUNTS else _drawn(mean, self.visible_units)

    def gibbs(self, v: Tensor, steps: int, *, sampled: bool = False) -> Tensor:
        """Return where a Markov chain that begins at v is after so many steps, (n, visible).

        Parameters
        ----------
        v : Tensor of shape (n, visible)
        steps : int
        sampled : bool, default=False
            Draw the visible units too, as the true chain does. Otherwise they take their
            expectation, which is less noisy and right for shades between 0 and 1 (Hinton 2010,
            section 3.2). Hidden units are always drawn: they carry no more than their bits.
        """
        lengths = v.sum(dim=1, keepdim=True)  # which a chain of counts never changes
        for _ in range(steps):
            h = self.sample_hidden(v)
            v = self.sample_visible(h, lengths) if sampled else self.visible_mean(h, lengths)
        return v

    def free_energy(self, v: Tensor) -> Tensor:
        """Return F(v), (n,): exp(-F(v)) is the sum, or integral, of exp(-E(v, h)) over all h."""
        linear = functional.linear(v, self.weight).float()
        if self.hidden_units == BINARY:
            hidden = -functional.softplus(linear + self.hidden_bias).sum(dim=1)
        else:
            completed = 0.5 * linear.square() + linear * self.hidden_bias
            hidden = -completed.sum(dim=1) - 0.5 * len(self.hidden_bias) * math.log(2 * math.pi)
        if self.visible_units == GAUSSIAN:
            return hidden + 0.5 * (v - self.visible_bias).square().sum(dim=1)
        return hidden - v @ self.visible_bias


def _mean(raw: Tensor, units: str) -> Tensor:
    raw = raw.float()
    return torch.sigmoid(raw) if units == BINARY else raw


def _drawn(mean: Tensor, units: str) -> Tensor:
    return torch.bernoulli(mean) if units == BINARY else mean + torch.randn_like(mean)


def _words(mean: Tensor) -> Tensor:
    """Return counts of words drawn from shares in proportion to `mean`, as many as it sums to."""
    lengths = mean.sum(dim=1).round().long()
    drawn = torch.zeros_like(mean)
    most = int(lengths.max())
    if most:
        words = torch.multinomial(mean, most, replacement=True)
        counted = (torch.arange(most, device=mean.device) < lengths[:, None]).to(mean.dtype)
        drawn.scatter_add_(1, words, counted)
    return drawn


def learning_rate_for(rbm: RBM) -> float:
    """Return the peak learning rate: 0.1, or with Gaussian units 0.003 for a thousand of them.

    Each word of a document adds to the step, so that with counts it is divided by their number.

    Nothing bounds a Gaussian unit: its reconstruction grows with the units that feed it, and where
    both layers are Gaussian with the square of the weights, too.
    """
    gaussian = [rbm.visible_units, rbm.hidden_units].count(GAUSSIAN)
    most = 1 / rbm.words if rbm.visible_units == COUNTS else BINARY_RATE
    if not gaussian:
        return min(BINARY_RATE, most)
    return min(GAUSSIAN_RATE, most, (3 if gaussian == 1 else 0.3) / max(rbm.weight.shape))
