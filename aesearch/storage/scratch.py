"""Arrays larger than memory, in files that have no name."""

from __future__ import annotations

import os
import tempfile

import numpy as np
from numpy.typing import DTypeLike

from aesearch.errors import StorageError
from aesearch.types import Array


def scratch_array(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return zeros in an unnamed file, which is gone as soon as nobody maps it.

    Its room on the disk is taken at once: where there is less, writing into a mapped page would
    end the process.

    Raises
    ------
    StorageError
        If there is not so much room.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    with tempfile.TemporaryFile() as stream:
        try:
            if size and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, size)
        except OSError as error:
            raise StorageError(
                f"{tempfile.gettempdir()} cannot hold {size:,} bytes: {error.strerror}; name a "
                "folder with more room in TMPDIR"
            ) from error
        return np.memmap(stream, dtype=dtype, mode="r+" if size else "w+", shape=shape)
