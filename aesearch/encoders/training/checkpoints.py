"""The state of a training: in memory to fall back to, and on disk to go on from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from aesearch.errors import StorageError


def _tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return weights, buffers and the optimizer's moments under flat names."""
    found = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            found[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
    return found


def snapshot(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return a copy of weights, buffers and moments."""
    return {name: value.clone() for name, value in _tensors(module, optimizer).items()}


def restore(module: nn.Module, optimizer: torch.optim.Optimizer, kept: dict[str, Tensor]) -> None:
    """Put a copy back."""
    prefix = "module."
    module.load_state_dict(
        {name.removeprefix(prefix): v for name, v in kept.items() if name.startswith(prefix)}
    )
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in kept.items():
        if not name.startswith(prefix):
            _, index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = value.clone()
    for number, parameter in enumerate(module.parameters()):
        # Laid out as the parameter is: the fused update walks both in memory order.
        for key, value in moments.get(number, {}).items():
            if value.shape == parameter.shape:
                moments[number][key] = torch.empty_like(parameter).detach().copy_(value)
    state = optimizer.state_dict()
    state["state"] = moments
    optimizer.load_state_dict(state)


def write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write one file, put in place by a rename, so that it is whole or the old one.

    The state of torch's generator goes with it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: tensor.contiguous() for name, tensor in tensors.items()}
    kept["generator"] = torch.get_rng_state()
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        save_file(kept, temporary, metadata=metadata)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except (SafetensorError, OSError) as error:  # the former is none of the latter
        temporary.unlink(missing_ok=True)
        raise StorageError(
            f"{path} cannot be written: {getattr(error, 'strerror', None) or error}"
        ) from error


def read(path: Path, signature: str) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """Return tensors and metadata, and set torch's generator; None where there are none to use.

    Parameters
    ----------
    path : Path
    signature : str
        What "signature" in the metadata must be: a checkpoint of something else is no use.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            metadata: dict[str, str] = stream.metadata() or {}
            if metadata.get("signature") != signature:
                return None
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (FileNotFoundError, SafetensorError):
        return None
    torch.set_rng_state(tensors.pop("generator"))
    return tensors, metadata
