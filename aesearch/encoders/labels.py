"""Labels as they are handed over: which are none, and whether there are groups to learn from."""

from __future__ import annotations

from sklearn.utils import column_or_1d

from aesearch.errors import ParameterError
from aesearch.evaluation.tasks import label_numbers
from aesearch.types import Array, Ints

UNLABELED = -1


def label_column(y: object, count: int) -> Array:
    """Return one label per sample as they were given, objects of shape (count,).

    Raises
    ------
    ParameterError
        If there are fewer or more than samples.
    """
    names: Array = column_or_1d(y, warn=True, dtype=object)
    if len(names) != count:
        raise ParameterError(
            f"y must have one label for each of the {count} samples; got {len(names)}"
        )
    return names


def is_missing(name: object) -> bool:
    """Return whether a label says that there is none: None, "", NaN or -1."""
    return name is None or name in ("", UNLABELED) or name != name


def label_groups(y: object, count: int) -> Ints | None:
    """Return the number of each sample's label, -1 for none; None without groups to tell apart.

    Parameters
    ----------
    y : array-like of shape (count,) or None
    count : int
    """
    if y is None:
        return None
    names = label_column(y, count)
    return label_numbers(["" if is_missing(name) else str(name) for name in names])
