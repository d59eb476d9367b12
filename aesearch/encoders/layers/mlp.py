"""Bodies of autoencoders: from a sample to numbers, and from a code back to a sample."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,
}


class Backbone(nn.Module, ABC):
    """Encoder and decoder without a loss.

    Attributes
    ----------
    last : nn.Parameter
        Bias of the last layer, of the shape of one sample or of its channels.
    """

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Return (n, outputs) of samples (n, *shape)."""

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Return the raw values of the last layer, (n, *shape), of codes (n, code_size)."""

    @abstractmethod
    def init_output_bias(self, bias: Tensor) -> None:
        """Set the bias of the last layer, given the wanted first output, (*shape)."""


def initialize(layer: nn.Module, activation: str) -> nn.Module:
    """Draw the weights of a linear layer or convolution as its activation wants them.

    References
    ----------
    X. Glorot and Y. Bengio, AISTATS 2010 (sigmoid, tanh). K. He et al., Delving deep into
    rectifiers, ICCV 2015 (relu and its kin). G. Klambauer et al., Self-normalizing neural
    networks, NeurIPS 2017 (selu).
    """
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    if activation in ("tanh", "sigmoid", "linear"):
        nn.init.xavier_uniform_(weight)
    else:
        nn.init.kaiming_normal_(weight, nonlinearity="linear" if activation == "selu" else "relu")
    if isinstance(bias, Tensor):
        nn.init.zeros_(bias)
    return layer


class Tied(nn.Module):
    """A linear layer whose weights are the transposes of another's; only the bias is its own.

    Parameters
    ----------
    of : nn.Linear
    """

    def __init__(self, of: nn.Linear) -> None:
        super().__init__()
        self._of = [of]  # in a list: its weights belong to the encoder, not to this module
        self.bias = nn.Parameter(of.weight.new_zeros(of.in_features))

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, in_features of the other) of (n, out_features of the other)."""
        return functional.linear(x, self._of[0].weight.T, self.bias)


class MLPBackbone(Backbone):
    """Fully connected layers, mirrored.

    Parameters
    ----------
    shape : tuple of int
        Of one sample.
    hidden : sequence of int
        Widths from the input to the code.
    code_size : int
    outputs : int
        Numbers that `encode` gives: the code, or the parameters of its distribution.
    activation : str
        A key of `ACTIVATIONS`, after each hidden layer.
    normalize : bool
        Batch normalization before each activation.
    tied : bool
        Whether the decoder's weights are the transposes of the encoder's.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        hidden: Sequence[int],
        code_size: int,
        outputs: int,
        *,
        activation: str,
        normalize: bool,
        tied: bool = False,
    ) -> None:
        super().__init__()
        self.shape, self.activation, self.normalize = shape, activation, normalize
        sizes = [math.prod(shape), *hidden]
        pairs = list(pairwise(sizes))
        down = [nn.Linear(i, o) for i, o in pairs] + [nn.Linear(sizes[-1], outputs)]
        up: list[nn.Module] = (
            [Tied(layer) for layer in reversed(down)]
            if tied
            else [nn.Linear(code_size, sizes[-1]), *(nn.Linear(o, i) for i, o in reversed(pairs))]
        )
        self.down = self._stack(down)
        self.up = self._stack(up)
        self.encoders, self.decoders = down, up  # in order, for pretraining

    def _stack(self, layers: Sequence[nn.Module]) -> nn.Sequential:
        parts: list[nn.Module] = []
        for layer in layers[:-1]:
            if isinstance(layer, nn.Linear):
                initialize(layer, self.activation)
            parts.append(layer)
            if self.normalize:
                bias = layer.bias
                assert isinstance(bias, Tensor)
                parts.append(nn.BatchNorm1d(len(bias)))
            parts.append(ACTIVATIONS[self.activation]())
        if isinstance(layers[-1], nn.Linear):
            initialize(layers[-1], "linear")
        return nn.Sequential(*parts, layers[-1])

    def encode(self, x: Tensor) -> Tensor:
        """Return (n, outputs)."""
        found: Tensor = self.down(x.flatten(1))
        return found

    def decode(self, codes: Tensor) -> Tensor:
        """Return raw values, (n, *shape)."""
        raw: Tensor = self.up(codes)
        return raw.view(-1, *self.shape)

    def init_output_bias(self, bias: Tensor) -> None:
        """Set the bias of the last layer."""
        last = self.decoders[-1].bias
        assert isinstance(last, Tensor)
        last.data.copy_(bias.flatten())
