"""Encoders: numbers to codes, the training side.

A new encoder is one file and one line in :data:`ENCODERS`. The table holds dotted names, so that
the names can be listed, and offered on the command line, without importing torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from aesearch.errors import ParameterError

if TYPE_CHECKING:
    from aesearch.encoders.base import Encoder

ENCODERS: dict[str, str] = {
    "thumbnail": "aesearch.encoders.linear.thumbnail:ThumbnailEncoder",
    "pca": "aesearch.encoders.linear.pca:PCAEncoder",
    "raw": "aesearch.encoders.linear.raw:RawEncoder",
    "lsa": "aesearch.encoders.linear.lsa:LSAEncoder",
    "mlp": "aesearch.encoders.autoencoders.mlp:MLPEncoder",
    "conv": "aesearch.encoders.autoencoders.conv:ConvEncoder",
    "dbn": "aesearch.encoders.autoencoders.dbn:DBNEncoder",
    "neighbours": "aesearch.encoders.autoencoders.neighbours:NeighbourEncoder",
    "vae": "aesearch.encoders.autoencoders.vae:VAEEncoder",
    "cvae": "aesearch.encoders.autoencoders.cvae:CVAEEncoder",
    "vaegan": "aesearch.encoders.autoencoders.vaegan:VAEGANEncoder",
    "text": "aesearch.encoders.texts.encoder:TextEncoder",
    "agreement": "aesearch.encoders.contrastive.encoder:AgreementEncoder",
}

LEARNED = {"images": "agreement", "texts": "text"}  # what `auto` trains
UNTRAINED = ("thumbnail", "pca", "raw", "lsa")  # fitted in a moment: they need no budget


def encoder_class(name: str) -> type[Encoder]:
    """Return the class registered under ``name``.

    Raises
    ------
    ParameterError
        If no encoder has this name.
    """
    if name not in ENCODERS:
        raise ParameterError(f"unknown encoder '{name}'; choose one of {', '.join(ENCODERS)}")
    module, _, attribute = ENCODERS[name].partition(":")
    found: type[Encoder] = getattr(import_module(module), attribute)
    return found
