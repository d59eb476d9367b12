"""Encoders: numbers to codes, the training side.

    >>> from aesearch.encoders import PCAEncoder

A new encoder is one file and one line in :data:`ENCODERS`. The table holds names and facts, and
classes are imported when they are first used, so that all encoders can be listed, and offered on
the command line, without importing torch.

Of the rooms inside each imports only those before it: ``sparse`` and ``parameters``, ``training``
(the loop and what it needs), ``layers``, ``base`` and ``torch_encoder``, ``linear``, and then the
families ``closed``, ``autoencoders``, ``contrastive`` and ``texts``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door
from aesearch._renamed import RENAMED_CLASSES, current_name
from aesearch.encoders.info import CHOSEN_ELSEWHERE, ROOM, EncoderInfo
from aesearch.errors import ParameterError

if TYPE_CHECKING:
    from aesearch.encoders.autoencoders.conv import ConvEncoder
    from aesearch.encoders.autoencoders.cvae import CVAEEncoder
    from aesearch.encoders.autoencoders.dbn import DBNEncoder
    from aesearch.encoders.autoencoders.mlp import MLPEncoder
    from aesearch.encoders.autoencoders.neighbors import NeighborEncoder
    from aesearch.encoders.autoencoders.vae import VAEEncoder
    from aesearch.encoders.autoencoders.vaegan import VAEGANEncoder
    from aesearch.encoders.base import Encoder
    from aesearch.encoders.closed.encoder import DescriptionsEncoder, SMTEncoder
    from aesearch.encoders.contrastive.encoder import AgreementEncoder
    from aesearch.encoders.linear.lsa import LSAEncoder
    from aesearch.encoders.linear.pca import PCAEncoder
    from aesearch.encoders.linear.raw import RawEncoder
    from aesearch.encoders.linear.thumbnail import ThumbnailEncoder
    from aesearch.encoders.texts.encoder import TextEncoder
    from aesearch.encoders.training.session import Session

__all__ = [
    "ENCODERS",
    "AgreementEncoder",
    "CVAEEncoder",
    "ConvEncoder",
    "DBNEncoder",
    "DescriptionsEncoder",
    "Encoder",
    "EncoderInfo",
    "LSAEncoder",
    "MLPEncoder",
    "NeighborEncoder",
    "PCAEncoder",
    "RawEncoder",
    "SMTEncoder",
    "Session",
    "TextEncoder",
    "ThumbnailEncoder",
    "VAEEncoder",
    "VAEGANEncoder",
    "encoder_class",
    "encoder_info",
    "is_trained",
]

ROWS, ALL = ("images", "vectors"), ("images", "texts", "vectors")
WHITENED = {"whiten": "is chosen by the check, which tries three; leave it out"}

ENCODERS: dict[str, EncoderInfo] = {
    info.name: info
    for info in (
        EncoderInfo("thumbnail", ".linear.thumbnail:ThumbnailEncoder", trains=False),
        EncoderInfo(
            "pca",
            ".linear.pca:PCAEncoder",
            ROWS,
            trains=False,
            hidden_parameters={**CHOSEN_ELSEWHERE, **WHITENED},
        ),
        EncoderInfo("raw", ".linear.raw:RawEncoder", ROWS, trains=False, sized=False),
        EncoderInfo("lsa", ".linear.lsa:LSAEncoder", ALL, trains=False),
        EncoderInfo("smt", ".closed.encoder:SMTEncoder", ROWS, trains=False),
        EncoderInfo("descriptions", ".closed.encoder:DescriptionsEncoder", ROWS, trains=False),
        EncoderInfo("mlp", ".autoencoders.mlp:MLPEncoder", ALL, takes_counts=True),
        EncoderInfo("conv", ".autoencoders.conv:ConvEncoder"),
        EncoderInfo("dbn", ".autoencoders.dbn:DBNEncoder", ALL, takes_counts=True),
        EncoderInfo("neighbors", ".autoencoders.neighbors:NeighborEncoder", ROWS),
        EncoderInfo("vae", ".autoencoders.vae:VAEEncoder", ALL, takes_counts=True),
        EncoderInfo(
            "cvae", ".autoencoders.cvae:CVAEEncoder", ALL, uses_labels=True, takes_counts=True
        ),
        EncoderInfo("vaegan", ".autoencoders.vaegan:VAEGANEncoder", ROWS),
        EncoderInfo("agreement", ".contrastive.encoder:AgreementEncoder", ROWS),
        EncoderInfo("text", ".texts.encoder:TextEncoder", ("texts",)),
    )
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        ROOM,
        {
            **{info.class_name: info.path.removeprefix(".") for info in ENCODERS.values()},
            "Encoder": "base",
            "Session": "training.session",
        },
        RENAMED_CLASSES,
    )


def encoder_info(name: str) -> EncoderInfo:
    """What is known of an encoder, by its name or a former name.

    Raises
    ------
    ParameterError
        If no encoder has this name.
    """
    name = current_name(name)
    if name not in ENCODERS:
        raise ParameterError(f"unknown encoder '{name}'; choose one of {', '.join(ENCODERS)}")
    return ENCODERS[name]


def encoder_class(name: str) -> type[Encoder]:
    """Import the class registered under a name, or a former name; raises as `encoder_info`."""
    return encoder_info(name).load()


def is_trained(name: str) -> bool:
    """Whether an encoder, or what `auto` stands for, needs a budget; else it takes a moment."""
    name = current_name(name)
    return name not in ENCODERS or ENCODERS[name].trains
