"""The convolutional autoencoder."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from aesearch.encoders.autoencoders.base import Autoencoder
from aesearch.encoders.autoencoders.mlp import PlainNetwork
from aesearch.encoders.autoencoders.network import Network
from aesearch.encoders.base import BATCH
from aesearch.encoders.layers.conv import POOLINGS, UNPOOLINGS, ConvBackbone, check_unpooling
from aesearch.encoders.layers.likelihood import Likelihood
from aesearch.encoders.layers.mlp import ACTIVATIONS
from aesearch.encoders.parameters import AtLeast, Count, OneOf, Weight
from aesearch.encoders.training.data import from_pixels, stored_values
from aesearch.types import Array


class ConvNetwork(PlainNetwork):
    """A plain network that learns to decode with the switches of a sample, and with the average.

    Parameters
    ----------
    likelihood : Likelihood
    backbone : ConvBackbone
    **parameters
        Of `PlainNetwork`.
    """

    backbone: ConvBackbone

    def losses(self, inputs: Tensor, targets: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the terms of `PlainNetwork`; half of a batch is decoded with its own switches."""
        if not (self.training and len(self.backbone.switches)):
            return super().losses(inputs, targets, labels)
        codes, indices = self.backbone.encode_with_switches(inputs)
        own = [of_stage[: len(inputs) // 2] for of_stage in indices]
        return self.terms(codes, self.backbone.decode(codes, own), targets)

    def reconstruct(self, inputs: Tensor) -> Tensor:
        """Return the raw values of the last layer, with the switches of each sample itself."""
        codes, indices = self.backbone.encode_with_switches(inputs)
        return self.backbone.decode(codes, indices)


@dataclass(eq=False, repr=False)
class ConvEncoder(Autoencoder):
    """Convolutional autoencoder; tables are laid out as square pictures.

    Parameters
    ----------
    width : int, default=32
        Channels of the first stage; each further stage has twice as many.
    depth : int, optional
        How often the maps are halved; by default as often as leaves about 4 pixels, and at most 3
        times.
    pooling : {"stride", "max"}, default="stride"
        How: by convolutions of stride 2, or by the maximum of 2x2 squares.
    unpooling : {"transposed", "switches", "repeat"}, default="transposed"
        How maps are doubled on the way back: by transposed convolutions; by putting each value
        where the maximum was, which needs pooling "max"; or by repeating each value.
    residual : int, default=0
        Residual blocks per stage, in the encoder and in the decoder.
    activation : {"relu", "selu", "silu", "gelu", "tanh", "sigmoid", "linear"}, default="relu"
        Of all layers but the code and the last.
    normalize : bool, default=True
        Batch normalization before each hidden activation.
    sparsity : float, default=0
        Weight of the L1 norm of the code.
    code_penalty : float, default=0
        Weight of half the squared L2 norm of the code.

    Notes
    -----
    Where the maxima were, the switches, is known of a picture, but not of a code. With unpooling
    "switches", `inverse_transform`, `sample` and the decoder that is frozen therefore use average
    switches: of each pixel of each map, the share of the training set for which it was the maximum
    of its square. `reconstruct` uses each picture's own. The network learns both: in each step,
    one half of the samples is decoded with its own switches and the other with the average.

    References
    ----------
    J. Masci et al., Stacked convolutional auto-encoders for hierarchical feature extraction,
    ICANN 2011. M. Zeiler, G. Taylor, R. Fergus, Adaptive deconvolutional networks for mid and high
    level feature learning, ICCV 2011, and H. Noh, S. Hong, B. Han, Learning deconvolution network
    for semantic segmentation, ICCV 2015 (switches). K. He et al., Deep residual learning for image
    recognition, CVPR 2016.

    See Also
    --------
    Autoencoder : the parameters that all trained encoders have.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = (load_digits().images[..., None] * 15).astype("uint8")
    >>> ConvEncoder(code_size=8, width=4, epochs=2).fit(X).transform(X).shape
    (1797, 8)
    """

    _: KW_ONLY
    width: Count = 32
    depth: Annotated[int | None, AtLeast(0)] = None
    pooling: Annotated[str, OneOf(*POOLINGS)] = "stride"
    unpooling: Annotated[str, OneOf(*UNPOOLINGS)] = "transposed"
    residual: Annotated[int, AtLeast(0)] = 0
    activation: Annotated[str, OneOf(*ACTIVATIONS)] = "relu"
    normalize: bool = True
    sparsity: Weight = 0.0
    code_penalty: Weight = 0.0

    def check_parameters(self) -> None:
        """Check the parameters; see `Encoder.check_parameters`."""
        super().check_parameters()
        check_unpooling(self.pooling, self.unpooling)

    def _network(self, likelihood: Likelihood, shape: tuple[int, ...]) -> Network:
        backbone = ConvBackbone(
            shape,
            self.code_size,
            self.code_size,
            width=self.width,
            depth=self.depth,
            activation=self.activation,
            normalize=self.normalize,
            pooling=self.pooling,
            unpooling=self.unpooling,
            residual=self.residual,
        )
        return ConvNetwork(
            likelihood, backbone, sparsity=self.sparsity, code_penalty=self.code_penalty
        )

    @torch.inference_mode()
    def reconstruct(self, X: Array) -> Array:
        """Return `X` through encoder and decoder, with the switches of each sample itself.

        Without unpooling "switches" this equals ``inverse_transform(transform(X))``.

        Parameters
        ----------
        X : ndarray of shape (n, height, width, channels) or (n, features)
            Pictures, uint8, or rows of a table, as for `transform`.

        Returns
        -------
        ndarray
            In the shape of `X`: pictures as uint8, rows as float32.

        Raises
        ------
        ValueError
            If `X` is not of the form that was seen in `fit`.
        """
        check_is_fitted(self, "code_size_")
        X = self._validated(X, reset=False)
        network = self.network_
        assert isinstance(network, ConvNetwork)
        found = []
        for start in range(0, max(1, len(X)), BATCH):
            inputs = network.likelihood.inputs(stored_values(X[start : start + BATCH]))
            decoded = network.likelihood.outputs(network.reconstruct(inputs))
            if self.image_shape_ is not None:
                decoded = from_pixels(decoded).round().to(torch.uint8)
            found.append(decoded.numpy())
        return np.concatenate(found)
