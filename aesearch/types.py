"""Types that travel through the whole package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Ids = NDArray[np.int64]  # of items and of passages, as the database and the engines know them
Ints = NDArray[np.int64]
Pixels = NDArray[np.uint8]

# Called with the name of a stage, what is done of it, and the total.
Progress = Callable[[str, float, float], None]


def silent(stage: str, done: float, total: float) -> None:
    """Report progress to nobody."""
