"""The variational autoencoder."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from aesearch.encoders.autoencoders.base import Autoencoder
from aesearch.encoders.autoencoders.network import Network
from aesearch.encoders.base import BATCH, rows_at_once
from aesearch.encoders.layers.conv import ConvBackbone
from aesearch.encoders.layers.likelihood import SQUARED, Likelihood
from aesearch.encoders.layers.mlp import ACTIVATIONS, Backbone, MLPBackbone
from aesearch.encoders.parameters import Count, OneOf, Share, Weight, Widths
from aesearch.encoders.training.data import stored_values
from aesearch.inference.prior import Prior
from aesearch.types import Array, Floats

BACKBONES = ("mlp", "conv")
LARGEST_LOG = 10.0  # of a variance: beyond it bfloat16 overflows, and no code is that uncertain


class VariationalNetwork(Network):
    """A backbone that gives the mean and log-variance of a normal distribution over codes.

    Parameters
    ----------
    likelihood : Likelihood
    backbone : Backbone
        `encode` gives 2 * code_size numbers.
    beta : float
        Weight of the divergence.
    warm_up : float
        Share of training over which the weight rises from 0 to `beta`.
    """

    weight: Tensor

    def __init__(
        self, likelihood: Likelihood, backbone: Backbone, *, beta: float, warm_up: float
    ) -> None:
        super().__init__(likelihood)
        self.backbone, self.beta, self.warm_up = backbone, beta, warm_up
        self.register_buffer("weight", torch.tensor(beta))
        # Variance of the Gaussian likelihood, one for all values and learned with the rest.
        self.log_variance = nn.Parameter(torch.zeros(())) if likelihood.loss == SQUARED else None
        backbone.init_output_bias(likelihood.output_bias())

    def on_progress(self, progress: float) -> None:
        """Raise the weight of the divergence."""
        share = min(1.0, progress / self.warm_up) if self.warm_up else 1.0
        self.weight.fill_(self.beta * share)

    def posterior(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z | x), (n, code_size) each."""
        mean, log_variance = self.backbone.encode(inputs).float().chunk(2, dim=1)
        return mean, LARGEST_LOG * torch.tanh(log_variance / LARGEST_LOG)

    def encode(self, inputs: Tensor) -> Tensor:
        """Return the means."""
        return self.posterior(inputs)[0]

    def decode(self, latents: Tensor) -> Tensor:
        """Return the raw values of the last layer."""
        return self.backbone.decode(latents)

    def sample_posterior(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Return a code from each posterior, such that gradients pass (reparameterization)."""
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)

    def negative_log_likelihood(self, raw: Tensor, targets: Tensor) -> Tensor:
        """Return -log p(x | z) of each sample, (n,), in nats; constants of a density left out."""
        errors = self.likelihood.errors(raw, targets)
        if self.log_variance is None:
            return errors
        values = targets[0].numel()
        return errors / self.log_variance.exp() + 0.5 * values * self.log_variance

    def divergence(self, mean: Tensor, log_variance: Tensor, labels: Tensor) -> Tensor:
        """Return KL(q(z | x) || p(z)) of each sample, (n,), in closed form."""
        return normal_divergence(mean, log_variance)

    def bound(
        self, posterior: tuple[Tensor, Tensor], targets: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the two parts of the negative ELBO of each sample: reconstruction and KL."""
        raw = self.decode(self.sample_posterior(*posterior))
        return self.negative_log_likelihood(raw, targets), self.divergence(*posterior, labels)

    def terms(
        self,
        posterior: tuple[Tensor, Tensor],
        targets: Tensor,
        labels: Tensor,
        weight: Tensor | float,
    ) -> dict[str, Tensor]:
        """Return "reconstruction" and "divergence", the latter times `weight`."""
        reconstruction, divergence = self.bound(posterior, targets, labels)
        return {
            "reconstruction": reconstruction.mean(),
            "divergence": weight * divergence.mean(),
        }

    def losses(self, inputs: Tensor, targets: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the terms at the weight that the divergence has at present."""
        return self.terms(self.posterior(inputs), targets, labels, self.weight)

    def validation_loss(self, inputs: Tensor, targets: Tensor, labels: Tensor) -> Tensor:
        """Return the loss at the full weight, so that epochs can be compared."""
        terms = self.terms(self.posterior(inputs), targets, labels, self.beta)
        return torch.stack(list(terms.values())).sum()


def normal_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) || N(0, I)) over the last axis.

    References
    ----------
    D. Kingma and M. Welling, Auto-encoding variational Bayes, ICLR 2014, appendix B.
    """
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=-1)


@dataclass(eq=False, repr=False)
class VAEEncoder(Autoencoder):
    """Variational autoencoder: codes are normally distributed, so that new samples can be drawn.

    The code of a sample is the mean of its posterior: the same every time.

    Parameters
    ----------
    code_size : int, default=64
        Dimensions of a code.
    loss : str, default="auto"
        The likelihood: "cross-entropy" is Bernoulli, "squared" is Gaussian with one learned
        variance, "multinomial" is for counts.
    backbone : {"mlp", "conv"}, default="mlp"
        Layers of encoder and decoder: fully connected, or convolutions.
    hidden : tuple of int, default=(512, 256)
        Widths of the layers of "mlp".
    width : int, default=32
        Channels of the first layer of "conv".
    activation : str, default="relu"
        Of the hidden layers.
    normalize : bool, default=True
        Batch normalization before each hidden activation.
    beta : float, default=1
        Weight of the divergence from N(0, I): above 1 codes disentangle and blur.
    warm_up : float, default=0.1
        Share of training over which this weight rises from 0.

    References
    ----------
    D. Kingma and M. Welling, Auto-encoding variational Bayes, ICLR 2014. I. Higgins et al.,
    beta-VAE, ICLR 2017. O. Rybkin et al., Simple and effective VAE training with calibrated
    decoders, ICML 2021 (learned variance). D. Liang et al., Variational autoencoders for
    collaborative filtering, WWW 2018 (multinomial).

    See Also
    --------
    Autoencoder : the parameters that all trained encoders have.
    """

    accepts_sparse: ClassVar[bool] = True

    _: KW_ONLY
    backbone: Annotated[str, OneOf(*BACKBONES)] = "mlp"
    hidden: Widths = (512, 256)
    width: Count = 32
    activation: Annotated[str, OneOf(*ACTIVATIONS)] = "relu"
    normalize: bool = True
    beta: Weight = 1.0
    warm_up: Share = 0.1

    def _backbone(self, shape: tuple[int, ...], outputs: int) -> Backbone:
        """Make the backbone; `outputs` is what its encoder gives."""
        if self.backbone == "mlp":
            return MLPBackbone(
                shape,
                self.hidden,
                self.code_size,
                outputs,
                activation=self.activation,
                normalize=self.normalize,
            )
        return ConvBackbone(
            shape,
            self.code_size,
            outputs,
            width=self.width,
            activation=self.activation,
            normalize=self.normalize,
        )

    def _network(self, likelihood: Likelihood, shape: tuple[int, ...]) -> VariationalNetwork:
        backbone = self._backbone(shape, 2 * self.code_size)
        return VariationalNetwork(likelihood, backbone, beta=self.beta, warm_up=self.warm_up)

    def _prior(self, latents: Floats) -> Prior:
        return Prior.standard(self.code_size)

    @torch.inference_mode()
    def elbo(self, X: Array, draws: int = 1) -> Floats:
        """Return a lower bound of log p(x) of each sample, in nats, (n,).

        Parameters
        ----------
        X : ndarray
            As for `transform`.
        draws : int
            Codes drawn for each sample, whose bounds are averaged.
        """
        X = self._validated(X, reset=False)
        network = self.network_
        assert isinstance(network, VariationalNetwork)
        found = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            step = BATCH if self.image_shape_ else rows_at_once(self.n_features_in_)
            for start in range(0, X.shape[0], step):
                stored = stored_values(X[start : start + step])
                likelihood = network.likelihood
                inputs, targets = likelihood.inputs(stored), likelihood.targets(stored)
                labels = torch.full((len(stored),), -1)
                posterior = network.posterior(inputs)
                bounds = [sum(network.bound(posterior, targets, labels)) for _ in range(draws)]
                found.append(-torch.stack([torch.as_tensor(b) for b in bounds]).mean(dim=0))
        values: Floats = np.concatenate([part.numpy() for part in found])
        return values
