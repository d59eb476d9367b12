"""What all encoders that are torch modules share: running them, ONNX, their arrays."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from aesearch.encoders.base import Encoder
from aesearch.encoders.sparse import filled, is_sparse
from aesearch.encoders.torch_export import export
from aesearch.types import Array, Floats


class ModuleEncoder(Encoder):
    """An encoder whose two directions are modules; it decides how they are made and trained."""

    @abstractmethod
    def encoder_module(self) -> nn.Module:
        """Return the module from stored pictures (uint8), or rows (float32), to (code, latent)."""

    @abstractmethod
    def decoder_module(self) -> nn.Module:
        """Return the module from latents to pictures in 0..255, or to rows."""

    @torch.inference_mode()
    def _encode(self, X: Array) -> Floats:
        if is_sparse(X):
            rows: Array = filled(X)
        else:  # a copy: X may be read-only, which torch refuses
            rows = np.array(X) if self.picture_shape_ else np.array(X, dtype=np.float32)
        latents: Floats = self.encoder_module()(torch.from_numpy(rows))[1].numpy()
        return latents

    @torch.inference_mode()
    def _decode(self, latents: Floats) -> Floats:
        decoded: Floats = self.decoder_module()(torch.from_numpy(latents)).numpy()
        return decoded

    def write_graphs(self, folder: Path) -> None:
        """Write ``encoder.onnx`` (x -> code, latent) and ``decoder.onnx`` (latent -> x)."""
        if self.picture_shape_ is None:
            x = torch.zeros(2, self.n_features_in_)
        else:
            x = torch.zeros(2, *self.picture_shape_, dtype=torch.uint8)
        export(self.encoder_module(), x, folder / "encoder.onnx", "x", ["code", "latent"])
        latent = torch.zeros(2, self.code_size_)
        export(self.decoder_module(), latent, folder / "decoder.onnx", "latent", ["x"])


def arrays_of(**modules: nn.Module) -> dict[str, Array]:
    """Return the arrays of modules as ``name.parameter``, to be kept as safetensors."""
    return {
        f"{kind}.{name}": np.ascontiguousarray(value.numpy())
        for kind, module in modules.items()
        for name, value in module.state_dict().items()
    }


def load_arrays(state: Mapping[str, Array], **modules: nn.Module) -> None:
    """Give modules the arrays that `arrays_of` took from others of the same form."""
    for kind, module in modules.items():
        prefix = f"{kind}."
        module.load_state_dict(
            {
                name.removeprefix(prefix): torch.from_numpy(np.array(value))
                for name, value in state.items()
                if name.startswith(prefix)
            }
        )


def packed(layout: Mapping[str, Any]) -> Array:
    """Return what JSON can hold as bytes, for it must go where only arrays go."""
    return np.frombuffer(json.dumps(layout).encode(), dtype=np.uint8)


def unpacked(state: Mapping[str, Array]) -> dict[str, Any]:
    """Return what was packed as "layout"."""
    layout: dict[str, Any] = json.loads(bytes(state["layout"]))
    return layout
