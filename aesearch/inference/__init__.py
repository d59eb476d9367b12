"""A trained encoder without torch: ONNX graphs, prior, generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.inference.encoder import FrozenEncoder
    from aesearch.inference.prior import Prior

__all__ = ["FrozenEncoder", "Prior"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "FrozenEncoder": "encoder",
            "Prior": "prior",
        },
    )
