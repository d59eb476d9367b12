"""Descriptions of one collection, found once for all encoders that are fitted to it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from aesearch.encoders.closed.fusion import Projected, descriptions, projected
from aesearch.encoders.training.data import Source
from aesearch.types import Array


class Described:
    """What descriptions give of the samples of one collection.

    Some 300 numbers are kept of each sample that is looked at, and none of its descriptions as
    they were before they were projected.
    """

    def __init__(self) -> None:
        self._found: dict[object, tuple[dict[str, nn.Module], dict[str, Projected]]] = {}

    def of(
        self, source: Source, names: Sequence[str], seed: int, rows: Array
    ) -> tuple[dict[str, nn.Module], dict[str, Projected]]:
        """Return the layers of descriptions, and the samples `rows` by them.

        Parameters
        ----------
        source : Source
            The same collection at each call.
        names : sequence of str
        seed : int
            Of the patches that are drawn.
        rows : ndarray of int
            Told by their number alone.
        """
        asked = source.count, source.shape, tuple(names), seed, len(rows)
        if asked not in self._found:
            layers = descriptions(source, names, seed)
            self._found[asked] = layers, projected(layers, source, rows)
        return self._found[asked]
