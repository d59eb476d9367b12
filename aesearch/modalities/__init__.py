"""Content to numbers: what is read of a picture or a document, and what an encoder sees of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from aesearch.errors import DamagedError

IMAGES, TEXTS = "images", "texts"
NOUNS = {IMAGES: "picture", TEXTS: "document"}
FEATURES = {
    IMAGES: "aesearch.modalities.images.pixels:ImageFeatures",
    TEXTS: "aesearch.modalities.texts.features:TextFeatures",
}

# From the bytes of a file, and its name, to what is kept of it: pixels, or a Document.
Read = Callable[[bytes, str], Any]


class Features(Protocol):
    """How the files of one index become what its encoder takes."""

    @property
    def kind(self) -> str:
        """'images' or 'texts'."""

    def config(self) -> dict[str, Any]:
        """Return the parameters as JSON."""

    def save(self, folder: Path) -> list[str]:
        """Write what does not fit into JSON, and return the names of the files."""

    def read(self, content: bytes, name: str) -> Any:
        """Return what is kept of one file; raises ContentError with the reason."""

    def stack(self, samples: Sequence[Any]) -> Any:
        """Return samples as an encoder takes them, one row each."""


def load_features(folder: Path, config: Mapping[str, Any]) -> Any:
    """Return the features that an encoder's folder was made with.

    Raises
    ------
    DamagedError
        If they are of a kind unknown here, or their files are not what was written.
    """
    try:
        module, _, attribute = FEATURES[config["kind"]].partition(":")
    except KeyError:
        raise DamagedError(
            f"{folder} holds features of an unknown kind; 'aesearch index SOURCE --retrain' makes "
            "a new encoder"
        ) from None
    return getattr(import_module(module), attribute).load(folder, config)
