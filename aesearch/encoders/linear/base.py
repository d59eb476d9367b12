"""The shared form of linear encoders: pool, subtract, multiply; and the way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aesearch.encoders.base import BATCH, Encoder
from aesearch.encoders.linear.onnx import write_linear_decoder, write_linear_encoder
from aesearch.types import Array, Floats

RESOLUTION = 16
SMALLEST_SIDE = 8
MANY_FEATURES = 1024
SAMPLE = 10_000
MOST_NUMBERS = 25_000_000  # in a sample: 100 MB


class LinearEncoder(Encoder):
    """Shared form: pool, subtract `offset_`, multiply by `matrix_`; and the way back.

    Without a matrix (None) the numbers stay what they are.
    """

    offset_: Array
    matrix_: Array | None
    inverse_matrix_: Array | None
    inverse_offset_: Array
    pool_: int

    def _rows(self, X: Array) -> Array:
        """Average squares of `pool_` pixels and flatten: (n, features), float32 for pictures."""
        if self.image_shape_ is None:
            table: Array = X.astype(np.float64, copy=False)
            return table
        pool = self.pool_
        if pool == 1:
            return X.reshape(len(X), -1).astype(np.float32)
        # First whole lines, then within them: several times quicker than a mean over blocks.
        lines = X[:, ::pool].astype(np.uint16)
        for top in range(1, pool):
            lines += X[:, top::pool]
        sums = lines[:, :, ::pool].copy()
        for left in range(1, pool):
            sums += lines[:, :, left::pool]
        rows: Array = sums.reshape(len(X), -1) * np.float32(1 / pool**2)
        return rows

    def _encode(self, X: Array) -> Floats:
        centered = self._rows(X) - self.offset_
        codes = centered if self.matrix_ is None else centered @ self.matrix_
        return codes.astype(np.float32, copy=False)

    def _decode(self, latents: Floats) -> Floats:
        rows = latents if self.inverse_matrix_ is None else latents @ self.inverse_matrix_
        flat = rows + self.inverse_offset_
        if self.image_shape_ is None:
            return flat.astype(np.float32)
        height, width, channels = self.image_shape_
        small = flat.reshape(-1, height // self.pool_, width // self.pool_, channels)
        large = small.repeat(self.pool_, axis=1).repeat(self.pool_, axis=2)
        return large.astype(np.float32)

    def state(self) -> dict[str, Array]:
        """Return the offset of both directions, and the matrix where there is one."""
        arrays = {
            "offset": self.offset_,
            "matrix": self.matrix_,
            "inverse_offset": self.inverse_offset_,
            "inverse_matrix": self.inverse_matrix_,
        }
        kept = {name: array for name, array in arrays.items() if array is not None}
        return kept | self.prior_.state()

    def write_graphs(self, folder: Path) -> None:
        """Write ``encoder.onnx`` and ``decoder.onnx`` without torch."""
        shape, pool = self.image_shape_, self.pool_
        write_linear_encoder(
            folder / "encoder.onnx",
            image_shape=shape,
            pool=pool,
            offset=self.offset_,
            matrix=self.matrix_,
        )
        write_linear_decoder(
            folder / "decoder.onnx",
            image_shape=shape,
            pool=pool,
            offset=self.inverse_offset_,
            matrix=self.inverse_matrix_,
        )

    def _sample(self, X: Array, most: int) -> Array:
        """Return at most `most` rows, evenly spread over `X`."""
        sample = X[:: -(-X.shape[0] // most)]
        # In batches, which stay in the processor's cache: five times quicker.
        batches = range(0, len(sample), BATCH)
        return np.concatenate([self._rows(sample[i : i + BATCH]) for i in batches])

    def _choose_pool(self, largest_side: int | None, numbers: int = 1) -> int:
        """Return the smallest divisor of both sides that brings them down to `largest_side`.

        Sides without a fit one, such as 37 pixels, are left as they are. Where fewer than
        `numbers` would be left, the largest divisor that leaves so many is taken, or 1.
        """
        if self.image_shape_ is None or largest_side is None:
            return 1
        height, width, channels = self.image_shape_
        side = max(height, width)
        divisors = [p for p in range(1, side + 1) if height % p == 0 and width % p == 0]
        pool = next((p for p in divisors if SMALLEST_SIDE <= side // p <= largest_side), 1)
        enough = [p for p in divisors if p <= pool and height * width * channels // p**2 >= numbers]
        return max(enough, default=1)
