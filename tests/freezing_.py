"""A fitted encoder frozen in a folder of its own, without an index."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from aesearch.encoders.base import Encoder
from aesearch.inference.encoder import WEIGHTS, FrozenEncoder, seal
from aesearch.inference.manifest import Manifest


def freeze(encoder: Encoder, folder: Path) -> FrozenEncoder:
    """Write its graphs and state into a folder, and open them."""
    encoder.write_graphs(folder)
    state = {name: np.ascontiguousarray(value) for name, value in encoder.state().items()}
    save_file(state, folder / WEIGHTS)
    features = {"kind": "images", "side": 16}
    manifest = Manifest("some", features, encoder.code_size_)
    fingerprint = seal(folder, manifest)
    opened = FrozenEncoder(folder)
    assert opened.fingerprint == fingerprint
    return opened
