"""What all encoders made of torch modules share: running, ONNX, their state, and training."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from aesearch.encoders.base import Encoder
from aesearch.encoders.parameters import AtLeast, Count, OneOf, Weight
from aesearch.encoders.sparse import densified, is_sparse
from aesearch.encoders.torch_export import export
from aesearch.encoders.training.data import Batches, signature_of, square_side
from aesearch.encoders.training.noise import NOISES, check_noise
from aesearch.encoders.training.session import Session
from aesearch.encoders.training.task import Task
from aesearch.inference.prior import Prior
from aesearch.types import Array, Floats

LOOKED_AT = 20_000  # samples for means, spreads and where the codes lie: more changes nothing
FEW = 2_000  # samples that tell what kind of pictures they are
FORMER_ARRAYS = {
    "network.body.": "network.backbone.",
    "network.units.": "network.likelihood.",
}


@dataclass(eq=False, repr=False)
class TorchEncoder(Encoder):
    """An encoder whose two directions are torch modules, however those were fitted."""

    def _finalize(self, latents: Tensor) -> None:
        """Keep where the codes of samples lie, once all is trained."""
        self.code_size_ = latents.shape[1]
        self.prior_ = self._prior(latents.numpy())

    def _prior(self, latents: Floats) -> Prior:
        """Where codes are drawn from, given those of the samples."""
        return Prior.fitted(latents)

    def _form(self) -> tuple[int, int, int | None]:
        """Channels and side of the pictures, and the columns of a table or None."""
        if self.image_shape_ is None:
            return 1, square_side(self.n_features_in_), self.n_features_in_
        height, _, channels = self.image_shape_
        return channels, height, None

    @abstractmethod
    def encoder_module(self) -> nn.Module:
        """Make the module from stored pictures (uint8), or rows (float32), to (code, latent)."""

    @abstractmethod
    def decoder_module(self) -> nn.Module:
        """Make the module from latents to pictures in 0..255, or to rows."""

    @abstractmethod
    def _modules(self) -> dict[str, nn.Module]:
        """Modules that hold what was learned, by the names of their arrays on disk."""

    def _arrays(self) -> dict[str, Array]:
        """Arrays beside those of the modules."""
        return {}

    def _layout(self) -> dict[str, Any]:
        """Facts that `load_state` needs beside arrays, as JSON holds them."""
        return {
            "picture_shape": self.image_shape_,
            "features": self.n_features_in_,
        }

    @abstractmethod
    def _rebuild(self, layout: Mapping[str, Any], state: Mapping[str, Array]) -> None:
        """Make the modules, untrained, and take back what `_layout` and `_arrays` gave."""

    def state(self) -> dict[str, Array]:
        """All learned arrays by name; "layout" holds the JSON that `load_state` needs."""
        return {
            **arrays_of(**self._modules()),
            **self.prior_.state(),
            **self._arrays(),
            "layout": packed(self._layout()),
        }

    def load_state(self, state: Mapping[str, Array]) -> Self:
        """Become the encoder that `state` was taken from; parameters must be the same."""
        layout = unpacked(state)
        shape = layout.get("picture_shape")
        self.image_shape_ = None if shape is None else tuple(shape)
        self.n_features_in_ = layout["features"]
        self._rebuild(layout, state)
        load_arrays(state, **self._modules())
        self.prior_ = Prior.from_state(state)
        return self

    @torch.inference_mode()
    def _encode(self, X: Array) -> Floats:
        if is_sparse(X):
            rows: Array = densified(X)
        else:  # a copy: X may be read-only, which torch refuses
            rows = np.array(X) if self.image_shape_ else np.array(X, dtype=np.float32)
        latents: Floats = self.encoder_module()(torch.from_numpy(rows))[1].numpy()
        return latents

    @torch.inference_mode()
    def _decode(self, latents: Floats) -> Floats:
        decoded: Floats = self.decoder_module()(torch.from_numpy(latents)).numpy()
        return decoded

    def write_graphs(self, folder: Path) -> None:
        """Write ``encoder.onnx`` (x -> code, latent) and ``decoder.onnx`` (latent -> x)."""
        if self.image_shape_ is None:
            x = torch.zeros(2, self.n_features_in_)
        else:
            x = torch.zeros(2, *self.image_shape_, dtype=torch.uint8)
        export(self.encoder_module(), x, folder / "encoder.onnx", "x", ["code", "latent"])
        latent = torch.zeros(2, self.code_size_)
        export(self.decoder_module(), latent, folder / "decoder.onnx", "latent", ["x"])


@dataclass(eq=False, repr=False)
class TrainedEncoder(TorchEncoder):
    """A torch encoder that is trained by gradient descent; it decides how.

    Parameters
    ----------
    code_size : int, default=64
        Dimensions of a code.
    noise : {"gaussian", "mask", "dropout"}, optional
        Distortion of the input, whose clean form is the target: a denoising autoencoder.
    noise_level : float, default=0.3
        Standard deviation of the Gaussian, in 0..1 or in standard deviations of the data, or the
        share of values set to 0.
    epochs : int, optional
        How often each sample is seen.
    random_state : int, default=0
        Seed; without a time budget the result is the same on the same machine.

    Attributes
    ----------
    history_ : list of dict
        Each term of the loss per epoch, as JSON holds them.
    """

    code_size: Count = 64
    _: KW_ONLY
    noise: Annotated[str | None, OneOf(*NOISES)] = None
    noise_level: Weight = 0.3
    epochs: Count | None = None
    random_state: Annotated[int, AtLeast(0)] = 0

    def check_parameters(self) -> None:
        """Check the parameters; see `Encoder.check_parameters`."""
        super().check_parameters()
        check_noise(self.noise, self.noise_level)

    def fit(self, X: Array, y: object = None, *, session: Session | None = None) -> Self:
        """Train on `X`.

        Parameters
        ----------
        X : ndarray, or CSR matrix where `accepts_sparse`
            uint8 pictures (n, height, width, 1 or 3), which may be a memory map and is read batch
            by batch, or a table of floats (n, features). Of a sparse one no more than a batch is
            ever densified.
        y : array-like of shape (n,), optional
            Classes; ignored by encoders that do not learn from them.
        session : Session, optional
            Time budget, progress, checkpoints; by default none of them.

        Raises
        ------
        ParameterError
            Before training begins, if a parameter is wrong or does not fit the data.
        """
        self.check_parameters()
        X = self._validated(X, reset=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self._fit(X, y, session or Session())
        return self

    @abstractmethod
    def _fit(self, X: Array, y: object, session: Session) -> None:
        """Train on validated samples; torch's generator is seeded, and put back afterwards."""

    def _configure(self, task: Task, source: Batches, epochs: int) -> None:
        """Set of a training what does not depend on the encoder."""
        task.epochs = epochs
        task.signature = f"{signature_of(self.get_params(), source)} {task.samples}"

    def _layout(self) -> dict[str, Any]:
        return {**super()._layout(), "history": self.history_}

    def load_state(self, state: Mapping[str, Array]) -> Self:
        """Become the encoder that `state` was taken from; parameters must be the same."""
        self.history_ = unpacked(state)["history"]
        return super().load_state(state)


def arrays_of(**modules: nn.Module) -> dict[str, Array]:
    """Arrays of modules as ``name.parameter``, to be kept as safetensors."""
    return {
        f"{kind}.{name}": np.ascontiguousarray(value.numpy())
        for kind, module in modules.items()
        for name, value in module.state_dict().items()
    }


def load_arrays(state: Mapping[str, Array], **modules: nn.Module) -> None:
    """Give modules the arrays that `arrays_of` took from others of the same form."""
    state = {_current(name): value for name, value in state.items()}
    for kind, module in modules.items():
        prefix = f"{kind}."
        module.load_state_dict(
            {
                name.removeprefix(prefix): torch.from_numpy(np.array(value))
                for name, value in state.items()
                if name.startswith(prefix)
            }
        )


def _current(name: str) -> str:
    """Name of today of an array that an older index may hold."""
    for former, current in FORMER_ARRAYS.items():
        if name.startswith(former):
            return current + name.removeprefix(former)
    return name


def packed(layout: Mapping[str, Any]) -> Array:
    """Write what JSON can hold as bytes, for it must go where only arrays go."""
    return np.frombuffer(json.dumps(layout).encode(), dtype=np.uint8)


def unpacked(state: Mapping[str, Array]) -> dict[str, Any]:
    """Read what was packed as "layout"."""
    layout: dict[str, Any] = json.loads(bytes(state["layout"]))
    return layout
