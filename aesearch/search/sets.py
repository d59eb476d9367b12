"""Sets of ids, ascending and without repeats, as arrays.

numpy's own hash or sort the larger of two sets, of which only the smaller one counts here.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Whole = TypeVar("Whole", np.int32, np.int64)


def either(first: NDArray[Whole], second: NDArray[Whole]) -> NDArray[Whole]:
    """Return what is in one of two arrays or in both; these may be in any order."""
    ids = np.sort(np.concatenate([first, second]))
    is_new = np.ones(len(ids), dtype=bool)
    is_new[1:] = ids[1:] != ids[:-1]
    found: NDArray[Whole] = ids[is_new]
    return found


def common(first: NDArray[Whole], second: NDArray[Whole]) -> NDArray[Whole]:
    """Return what is in both of two sets."""
    few, many = (first, second) if len(first) <= len(second) else (second, first)
    if not len(few):
        return few
    places = np.minimum(np.searchsorted(many, few), len(many) - 1)
    found: NDArray[Whole] = few[many[places] == few]
    return found
