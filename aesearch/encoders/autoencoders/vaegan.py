"""The variational autoencoder whose decoder is also the generator of a GAN."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from aesearch.encoders.autoencoders.network import Labels, NetworkTask
from aesearch.encoders.autoencoders.vae import VAEEncoder, VariationalNetwork
from aesearch.encoders.layers.blocks import SMALLEST_MAP
from aesearch.encoders.layers.likelihood import SQUARED, Likelihood
from aesearch.encoders.layers.mlp import Backbone, initialize
from aesearch.encoders.parameters import OneOf, Weight
from aesearch.encoders.training.data import Batches
from aesearch.encoders.training.task import Task

NON_SATURATING, WASSERSTEIN = "non-saturating", "wasserstein"
ADVERSARIES = (NON_SATURATING, WASSERSTEIN)
LEAK = 0.2  # slope of the discriminator's rectifiers below 0
BETAS = (0.5, 0.99)  # of both players: a long memory of gradients makes them circle each other
# Of the learning rate, for the discriminator, which has to be ahead. Measured on digits: with 1 the
# decoder of "wasserstein" collapses to a few of them.
SHARE = 4.0
CALM = 0.25  # a slope that never ends drives the decoder in circles; measured on digits
SMALLEST_SPREAD = 1e-6


class Discriminator(nn.Module):
    """Tells samples from decoded codes.

    It has no batch normalization: a gradient penalty is about single samples.

    Parameters
    ----------
    trunk : nn.Module
        From samples, (n, *shape), to features, (n, numbers).
    numbers : int
    """

    def __init__(self, trunk: nn.Module, numbers: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(numbers, 1)

    def features(self, x: Tensor) -> Tensor:
        """Return the numbers from which a sample is judged, (n, numbers)."""
        found: Tensor = self.trunk(x)
        return found.float()

    def score(self, features: Tensor) -> Tensor:
        """Return how real samples look, (n,), given their features: any number, more is more."""
        found: Tensor = self.head(features)
        return found.float()[:, 0]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and score."""
        features = self.features(x)
        return features, self.score(features)


def dense_discriminator(numbers: int, hidden: tuple[int, ...]) -> Discriminator:
    """Return a discriminator of samples of so many numbers, with layers of these widths."""
    sizes = [numbers, *hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        layers += [initialize(nn.Linear(inputs, outputs), "relu"), nn.LeakyReLU(LEAK)]
    return Discriminator(nn.Sequential(*layers), sizes[-1])


def convolutional_discriminator(shape: tuple[int, ...], width: int) -> Discriminator:
    """Return a discriminator that halves pictures of `shape`, (channels, height, width)."""
    channels, *sides = shape
    layers: list[nn.Module] = []
    outputs = width
    while not layers or min(sides) > SMALLEST_MAP:
        convolution = nn.Conv2d(channels, outputs, 3, 2, 1)
        layers += [initialize(convolution, "relu"), nn.LeakyReLU(LEAK)]
        sides = [-(-side // 2) for side in sides]
        channels, outputs = outputs, 2 * outputs
    return Discriminator(nn.Sequential(*layers, nn.Flatten()), channels * sides[0] * sides[1])


class AdversarialNetwork(VariationalNetwork):
    """A variational network and the discriminator it plays against.

    Parameters
    ----------
    likelihood, backbone, beta, warm_up
        As for `VariationalNetwork`.
    discriminator : Discriminator
    adversary : str
        One of `ADVERSARIES`.
    adversary_weight, feature_weight, reconstruction, gradient_penalty : float
        See `VAEGANEncoder`.
    """

    def __init__(
        self,
        likelihood: Likelihood,
        backbone: Backbone,
        discriminator: Discriminator,
        *,
        beta: float,
        warm_up: float,
        adversary: str,
        adversary_weight: float,
        feature_weight: float,
        reconstruction: float,
        gradient_penalty: float,
    ) -> None:
        super().__init__(likelihood, backbone, beta=beta, warm_up=warm_up)
        self.discriminator = discriminator
        self.adversary, self.adversary_weight = adversary, adversary_weight
        self.feature_weight, self.reconstruction = feature_weight, reconstruction
        self.gradient_penalty = gradient_penalty

    def parameter_groups(self, task: Task) -> list[dict[str, Any]]:
        """Return encoder and decoder as one group, the discriminator as the other."""
        rivals = set(self.discriminator.parameters())
        players = [p for p in self.parameters() if p not in rivals]
        return [
            {"params": players, "betas": BETAS},
            {
                "params": list(self.discriminator.parameters()),
                "betas": BETAS,
                "share": SHARE,
            },
        ]

    def losses(self, inputs: Tensor, targets: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the terms of both players; each has gradients for its own parameters alone.

        "reconstruction", "divergence" and "features" train encoder and decoder, "generator" the
        decoder, "discriminator" and "penalty" the discriminator.
        """
        mean, log_variance = self.posterior(inputs)
        codes = self.sample_posterior(mean, log_variance)
        # Apart: in one batch its normalization would lead from "generator" back to the encoder.
        raw, sampled = self.decode(codes), self.decode(torch.randn_like(codes))
        likelihood = self.negative_log_likelihood(raw, targets).mean()
        made, seen = self._as_inputs(raw), self._as_inputs(sampled)
        real = targets if self.likelihood.loss == SQUARED else self.likelihood.inputs(targets)
        return {
            "reconstruction": self.reconstruction * likelihood,
            "divergence": self.weight * self.divergence(mean, log_variance, labels).mean(),
            **self.generator_losses(real, made, seen),
            **self.discriminator_losses(real, made.detach(), seen.detach()),
        }

    def _as_inputs(self, raw: Tensor) -> Tensor:
        """Return decoded values in the form in which the encoder would see them."""
        return self.likelihood.inputs(self.likelihood.outputs(raw.float()))

    def generator_losses(self, real: Tensor, decoded: Tensor, sampled: Tensor) -> dict[str, Tensor]:
        """Return "features" and "generator", for which the discriminator is fixed."""
        fixed = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        judged = functional_call(self.discriminator, fixed, (torch.cat([real, decoded, sampled]),))
        wanted, found, _ = judged[0].chunk(3)
        scores = judged[1].chunk(3)
        # In units of their spread, for a discriminator may scale its features as it likes.
        spread = (wanted - wanted.mean(dim=0)).square().mean().clamp(min=SMALLEST_SPREAD)
        missed = (wanted - found).square().mean() / spread
        values = real[0].numel()
        return {
            "features": 0.5 * self.feature_weight * values * missed,
            "generator": self.adversary_weight * self._generator_loss(scores[2], values),
        }

    def _generator_loss(self, score: Tensor, values: int) -> Tensor:
        """Return the generator's loss, as large as the likelihood of so many values."""
        if self.adversary == WASSERSTEIN:
            # Its slope is 1 for the whole sample; that of a likelihood is about 1 for each value.
            return -CALM * math.sqrt(values) * score.mean()
        return values * functional.softplus(-score).mean()

    def discriminator_losses(
        self, real: Tensor, decoded: Tensor, sampled: Tensor
    ) -> dict[str, Tensor]:
        """Return "discriminator" and, where it has a weight, "penalty"."""
        scores = self.discriminator(torch.cat([real, decoded, sampled]))[1].chunk(3)
        if self.adversary == WASSERSTEIN:
            wrong = 0.5 * (scores[1] + scores[2]) - scores[0]
        else:
            fooled = functional.softplus(scores[1]) + functional.softplus(scores[2])
            wrong = functional.softplus(-scores[0]) + 0.5 * fooled
        terms = {"discriminator": wrong.mean()}
        if self.gradient_penalty:
            # A gradient of a gradient needs more digits than bfloat16 has.
            with torch.autocast(real.device.type, enabled=False):
                terms["penalty"] = self.gradient_penalty * self.penalty(real, sampled)
        return terms

    def penalty(self, real: Tensor, sampled: Tensor) -> Tensor:
        """Return how far the slope of the score is from what it should be.

        "wasserstein": from 1, between samples and sampled ones. "non-saturating": from 0, at the
        samples.
        """
        wasserstein = self.adversary == WASSERSTEIN
        share = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
        between = torch.lerp(real.float(), sampled.float(), share)
        at = (between if wasserstein else real.float()).requires_grad_()
        score = self.discriminator(at)[1].sum()
        (slope,) = torch.autograd.grad(score, at, create_graph=True)
        squares = slope.flatten(1).square().sum(dim=1)
        # Of 0 the root has no slope.
        return (
            ((squares + 1e-12).sqrt() - 1).square().mean() if wasserstein else 0.5 * squares.mean()
        )


@dataclass(eq=False, repr=False)
class VAEGANEncoder(VAEEncoder):
    """Variational autoencoder with a discriminator: sharp samples, from the decoder alone.

    A second network learns to tell pictures from decoded codes. Its features are where decoding is
    compared with the original, besides pixel by pixel, and the decoder learns to deceive it: the
    decoder is the generator of a generative adversarial network, which works with the encoder left
    out. The discriminator is needed for training only.

    Parameters
    ----------
    adversary : {"non-saturating", "wasserstein"}, default="non-saturating"
        The game: Goodfellow's, or the distance of Wasserstein.
    adversary_weight : float, default=2
        Of deceiving the discriminator; what it multiplies grows with the size of a sample, as the
        likelihood does.
    feature_weight : float, default=1
        Of the squared error of the discriminator's features, in units of their spread, per value
        of a sample.
    reconstruction : float, default=1
        Weight of the likelihood of a VAE.
    gradient_penalty : float, default=10
        Of the discriminator's slope: for "wasserstein" its distance from 1, for "non-saturating"
        from 0 at the samples.

    References
    ----------
    A. Larsen et al., Autoencoding beyond pixels using a learned similarity metric, ICML 2016.
    I. Goodfellow et al., Generative adversarial nets, NeurIPS 2014. I. Gulrajani et al., Improved
    training of Wasserstein GANs, NeurIPS 2017 (slope of 1). L. Mescheder et al., Which training
    methods for GANs do actually converge?, ICML 2018 (slope of 0). M. Heusel et al., GANs trained
    by a two time-scale update rule, NeurIPS 2017.

    See Also
    --------
    VAEEncoder : the other parameters.
    """

    accepts_sparse: ClassVar[bool] = False  # its discriminator judges dense samples

    _: KW_ONLY
    adversary: Annotated[str, OneOf(*ADVERSARIES)] = NON_SATURATING
    adversary_weight: Weight = 2.0
    feature_weight: Weight = 1.0
    reconstruction: Weight = 1.0
    gradient_penalty: Weight = 10.0

    def _network(self, likelihood: Likelihood, shape: tuple[int, ...]) -> AdversarialNetwork:
        backbone = self._backbone(shape, 2 * self.code_size)
        # The rows of a table are no pictures to a discriminator, whatever they are to the backbone.
        if self.backbone == "conv" and len(shape) == 3:
            discriminator = convolutional_discriminator(shape, self.width)
        else:
            discriminator = dense_discriminator(math.prod(shape), self.hidden)
        return AdversarialNetwork(
            likelihood,
            backbone,
            discriminator,
            beta=self.beta,
            warm_up=self.warm_up,
            adversary=self.adversary,
            adversary_weight=self.adversary_weight,
            feature_weight=self.feature_weight,
            reconstruction=self.reconstruction,
            gradient_penalty=self.gradient_penalty,
        )

    def _task(self, source: Batches, labels: Labels) -> NetworkTask:
        task = super()._task(source, labels)
        # The bound is best long before samples are: it is recorded, and decides nothing.
        task.patience = None
        return task
