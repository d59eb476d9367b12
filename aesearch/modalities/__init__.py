"""What an item is: pictures, documents, vectors, one folder each; all that differs by kind.

A new kind is a folder with a `Modality` and a line in :data:`MODALITIES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from aesearch.errors import DamagedError, ParameterError, repair_command
from aesearch.modalities.base import Features, Modality, Read, Sampled, loaded

MODALITIES = {
    "images": "aesearch.modalities.images:Images",
    "texts": "aesearch.modalities.texts:Texts",
    "vectors": "aesearch.modalities.vectors:Vectors",
}

__all__ = ["MODALITIES", "Features", "Modality", "Read", "Sampled", "load_features", "modality"]


@cache
def modality(name: str) -> Modality:
    """The kind of data of this name.

    Raises
    ------
    ParameterError
        If there is none.
    """
    if name not in MODALITIES:
        raise ParameterError(f"unknown kind '{name}'; choose auto, {', '.join(MODALITIES)}")
    return cast(Modality, loaded(MODALITIES[name])())


def load_features(folder: Path, config: Mapping[str, Any]) -> Features:
    """The features that an encoder's folder was made with.

    Raises
    ------
    DamagedError
        If they are of a kind unknown here, or their files are not what was written.
    """
    name = config.get("kind")
    if name not in MODALITIES:
        raise DamagedError(
            f"{folder} holds features of an unknown kind; {repair_command(folder.parent)} makes "
            "the encoder anew"
        )
    features: type[Features] = loaded(modality(name).features)
    return features.load(folder, config)
