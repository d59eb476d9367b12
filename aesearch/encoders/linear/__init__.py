"""Encoders in closed form: PCA, LSA, thumbnails, raw pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.encoders.linear.lsa import LSAEncoder
    from aesearch.encoders.linear.pca import PCAEncoder
    from aesearch.encoders.linear.raw import RawEncoder
    from aesearch.encoders.linear.thumbnail import ThumbnailEncoder

__all__ = ["LSAEncoder", "PCAEncoder", "RawEncoder", "ThumbnailEncoder"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "LSAEncoder": "lsa",
            "PCAEncoder": "pca",
            "RawEncoder": "raw",
            "ThumbnailEncoder": "thumbnail",
        },
    )
