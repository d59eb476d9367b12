"""The convolutional backbone of autoencoders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from aesearch.encoders.layers.blocks import SMALLEST_MAP, Residual
from aesearch.encoders.layers.mlp import ACTIVATIONS, Backbone, initialize
from aesearch.encoders.training.data import square_side
from aesearch.errors import ParameterError

STRIDE, MAXIMA = "stride", "max"
POOLINGS = (STRIDE, MAXIMA)
TRANSPOSED, SWITCHES, REPEAT = "transposed", "switches", "repeat"
UNPOOLINGS = (TRANSPOSED, SWITCHES, REPEAT)
MOST_HALVINGS = 3  # by default: smaller maps hold no more than the linear layer at their end
MOMENTUM = 0.05  # of the average switches: the last 20 batches count


class Switches(nn.Module):
    """Pooling by the maximum of 2x2 squares, and unpooling to where the maximum was.

    Parameters
    ----------
    channels : int
    size : tuple of int
        Height and width of the maps that are pooled.

    Attributes
    ----------
    average : Tensor of shape (channels, height, width)
        How often each pixel was the maximum of its square: a running average over the batches of
        training. It stands in for the switches of a picture where only a code is known.

    References
    ----------
    M. Zeiler, G. Taylor, R. Fergus, Adaptive deconvolutional networks for mid and high level
    feature learning, ICCV 2011. M. Zeiler and R. Fergus, Visualizing and understanding
    convolutional networks, ECCV 2014. H. Noh, S. Hong, B. Han, Learning deconvolution network for
    semantic segmentation, ICCV 2015.
    """

    average: Tensor

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("average", torch.full((channels, *size), 0.25))

    def pool(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maxima of maps (n, c, height, width), and the number of each one's pixel."""
        pooled, indices = functional.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
        if self.training:
            self._count(indices)
        return pooled, indices

    @torch.no_grad()
    def _count(self, indices: Tensor) -> None:
        pixels = indices.transpose(0, 1).flatten(1)
        one = self.average.new_ones(()).expand_as(pixels)
        counts = torch.zeros_like(self.average).flatten(1).scatter_add_(1, pixels, one)
        # Not in place: the graph of a loss may still hold it.
        self.average = self.average.lerp(counts.view_as(self.average) / len(indices), MOMENTUM)

    def unpool(self, x: Tensor, indices: Tensor | None = None) -> Tensor:
        """Return maps (n, c, height, width) of the values `x` of their squares.

        Parameters
        ----------
        x : Tensor of shape (n, c, height / 2, width / 2)
        indices : Tensor of shape (m, c, height / 2, width / 2), optional
            From `pool`, for the first m samples; the others get the average.
        """
        height, width = self.average.shape[1:]
        own = 0 if indices is None else len(indices)
        if indices is not None:
            # MaxUnpool2d, which not every device has.
            flat = x.new_zeros(own, x.shape[1], height * width)
            flat = flat.scatter(2, indices.flatten(2), x[:own].flatten(2))
            placed = flat.view(own, x.shape[1], height, width)
            if own == len(x):
                return placed
        spread = functional.interpolate(x[own:], scale_factor=2.0)[..., :height, :width]
        spread = spread * self.average.to(x.dtype)
        return spread if indices is None else torch.cat([placed, spread])


def _conv(inputs: int, outputs: int, activation: str, *, stride: int = 1, bias: bool) -> nn.Module:
    return initialize(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=bias), activation)


def _residual(channels: int, activation: str, normalize: bool) -> Residual:
    parts = [
        _conv(channels, channels, activation, bias=not normalize),
        *_after(channels, activation, normalize),
        _conv(channels, channels, "linear", bias=not normalize),
    ]
    if normalize:
        parts.append(nn.BatchNorm2d(channels))
    return Residual(nn.Sequential(*parts), ACTIVATIONS[activation]())


def _after(channels: int, activation: str, normalize: bool) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(channels)] if normalize else []
    return [*norm, ACTIVATIONS[activation]()]


class ConvBackbone(Backbone):
    """Convolutions that halve the maps, a linear layer to the code, and the way back.

    Stages have `width`, 2 * `width`, 4 * `width` channels and so on. Sides need not be powers of
    two: an odd side is halved upwards, and cropped on the way back. A table's rows are padded with
    zeros to the smallest square picture.

    A code alone has no switches: with unpooling "switches" it is decoded with their averages, see
    `Switches`, unless `decode` is given those of the sample.

    Parameters
    ----------
    shape : tuple of int
        Of one sample: (channels, height, width), or (features,).
    code_size : int
        Numbers that `decode` takes.
    outputs : int
        Numbers that `encode` gives: the code, or the parameters of its distribution.
    width : int
        Channels of the first stage.
    depth : int, optional
        Halvings; by default as many as leave maps of about 4 pixels, and at most 3.
    activation : str
        A key of `ACTIVATIONS`.
    normalize : bool
        Batch normalization before each activation.
    pooling : {"stride", "max"}
        How maps are halved: by convolutions of stride 2, or by maxima.
    unpooling : {"transposed", "switches", "repeat"}
        How they are doubled: by transposed convolutions; by putting each value where the maximum
        was, which needs pooling "max"; or by repeating it.
    residual : int
        Residual blocks per stage, on both sides.

    Raises
    ------
    ParameterError
        If the samples are too small for so many halvings, or unpooling "switches" has none.

    References
    ----------
    J. Masci et al., Stacked convolutional auto-encoders, ICANN 2011 (maxima). M. Zeiler et al.,
    Deconvolutional networks, CVPR 2010 (transposed). A. Odena, V. Dumoulin, C. Olah,
    Deconvolution and checkerboard artifacts, Distill 2016 (repeating; kernels of side 4).
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        code_size: int,
        outputs: int,
        *,
        width: int = 32,
        depth: int | None = None,
        activation: str = "relu",
        normalize: bool = True,
        pooling: str = STRIDE,
        unpooling: str = TRANSPOSED,
        residual: int = 0,
    ) -> None:
        super().__init__()
        check_unpooling(pooling, unpooling)
        self.shape = shape
        self.image = shape if len(shape) == 3 else (1, *[square_side(shape[0])] * 2)
        self.pooling, self.unpooling = pooling, unpooling
        self.sizes = sizes_of_maps(shape, self.image[1:], depth)
        # Without a halving there still is one stage, at full size.
        strides = [2] * (len(self.sizes) - 1) or [1]
        if strides == [1]:
            self.sizes *= 2
        self.strides = strides
        channels = [self.image[0], *(width * 2**stage for stage in range(len(strides)))]
        self.first = (channels[-1], *self.sizes[-1])

        def rest(maps: int) -> list[nn.Module]:
            return [_residual(maps, activation, normalize) for _ in range(residual)]

        self.down, self.onwards = nn.ModuleList(), nn.ModuleList()
        self.switches, self.up = nn.ModuleList(), nn.ModuleList()
        for stage, (i, o) in enumerate(pairwise(channels)):
            halving = strides[stage] if pooling == STRIDE else 1
            layer = _conv(i, o, activation, stride=halving, bias=not normalize)
            norm, active = _after(o, activation, normalize)[:-1], ACTIVATIONS[activation]()
            self.down.append(nn.Sequential(layer, *norm))
            # Maxima are taken before the activation, which commutes with them where it rises: a
            # quarter of the work, and no ties between the zeros that a rectifier leaves.
            self.onwards.append(nn.Sequential(active, *rest(o)))
            if unpooling == SWITCHES and strides[stage] == 2:
                self.switches.append(Switches(o, self.sizes[stage]))
            # After the last one comes the bias of each pixel.
            back = self._back(
                o,
                i,
                activation if stage else "linear",
                stride=strides[stage],
                bias=stage > 0 and not normalize,
            )
            after = _after(i, activation, normalize) if stage else []
            self.up.append(nn.Sequential(*rest(o), *back, *after))
        numbers = math.prod(self.first)
        self.to_code = initialize(nn.Linear(numbers, outputs), "linear")
        self.from_code = initialize(nn.Linear(code_size, numbers), activation)
        self.unfolded = nn.Sequential(*_after(channels[-1], activation, normalize))
        # One per pixel: what the samples have in common is a picture, not a color, and decoding
        # starts there.
        self.last = nn.Parameter(torch.zeros(self.image))
        self.to(memory_format=torch.channels_last)

    def _back(
        self, inputs: int, outputs: int, activation: str, *, stride: int, bias: bool
    ) -> list[nn.Module]:
        """Return the layers that double the maps, where the switches do not, and convolve."""
        if stride == 2 and self.unpooling == TRANSPOSED:
            transposed = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)
            return [initialize(transposed, activation)]
        layer = _conv(inputs, outputs, activation, bias=bias)
        repeats = stride == 2 and self.unpooling == REPEAT
        return [nn.Upsample(scale_factor=2.0), layer] if repeats else [layer]

    def encode(self, x: Tensor) -> Tensor:
        """Return (n, outputs)."""
        return self._down(x, None)

    def encode_with_switches(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return (n, outputs), and of each stage the places of the maxima; see `Switches`."""
        indices: list[Tensor] = []
        return self._down(x, indices), indices

    def _down(self, x: Tensor, indices: list[Tensor] | None) -> Tensor:
        if len(self.shape) == 1:
            extra = math.prod(self.image) - self.shape[0]
            x = functional.pad(x, (0, extra)).view(-1, *self.image)
        x = x.contiguous(memory_format=torch.channels_last)
        for stage, (down, onwards) in enumerate(zip(self.down, self.onwards, strict=True)):
            x = down(x)
            if indices is not None and len(self.switches):
                x, own = self._switches(stage).pool(x)
                indices.append(own)
            elif self.pooling == MAXIMA and self.strides[stage] == 2:
                x = functional.max_pool2d(x, 2, ceil_mode=True)
            x = onwards(x)
        codes: Tensor = self.to_code(x.flatten(1))
        return codes

    def decode(self, codes: Tensor, indices: Sequence[Tensor] = ()) -> Tensor:
        """Return raw values, (n, *shape).

        Parameters
        ----------
        codes : Tensor of shape (n, code_size)
        indices : sequence of Tensor, optional
            Of each stage, from `encode_with_switches`, for the first samples or all; the others
            are decoded with the average switches.
        """
        x: Tensor = self.unfolded(self.from_code(codes).view(-1, *self.first))
        for stage in reversed(range(len(self.up))):
            if len(self.switches):
                x = self._switches(stage).unpool(x, indices[stage] if indices else None)
            x = x.contiguous(memory_format=torch.channels_last)
            height, width = self.sizes[stage]
            x = self.up[stage](x)[..., :height, :width]
        raw = (x + self.last).flatten(1)
        return raw[:, : math.prod(self.shape)].view(-1, *self.shape)

    def _switches(self, stage: int) -> Switches:
        found = self.switches[stage]
        assert isinstance(found, Switches)
        return found

    def init_output_bias(self, bias: Tensor) -> None:
        """Set the last bias, which has a number for each pixel."""
        flat = self.last.data.view(-1)
        flat[: bias.numel()].copy_(bias.flatten())


def check_unpooling(pooling: str, unpooling: str) -> None:
    """Require maxima where their places are to be remembered.

    Raises
    ------
    ParameterError
    """
    if unpooling == SWITCHES and pooling != MAXIMA:
        raise ParameterError(
            f"unpooling 'switches' puts values where the maxima were, so it needs pooling 'max'; "
            f"got pooling {pooling!r}"
        )


def sizes_of_maps(
    shape: tuple[int, ...], size: tuple[int, ...], depth: int | None
) -> list[tuple[int, int]]:
    """Return height and width of the maps, from the picture's on, through `depth` halvings.

    Raises
    ------
    ParameterError
        If there are more halvings than lead to a side of 1.
    """
    height, width = size
    sides = [min(height, width)]
    while sides[-1] > 1:
        sides.append(-(-sides[-1] // 2))
    most = len(sides) - 1
    if depth is None:
        depth = min(MOST_HALVINGS, sum(side >= SMALLEST_MAP for side in sides[1:]))
    if depth > most:
        what = f"pictures of {height}x{width}"
        if len(shape) == 1:
            what = f"rows of {shape[0]} numbers, laid out as {height}x{width},"
        raise ParameterError(f"{what} are too small for depth {depth}: at most {most}")
    sizes = [(height, width)]
    for _ in range(depth):
        height, width = -(-height // 2), -(-width // 2)
        sizes.append((height, width))
    return sizes
