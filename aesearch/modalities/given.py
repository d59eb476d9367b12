"""What a program hands over: tensors, open files, buffers and the like become what is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.errors import ContentError, ParameterError

if TYPE_CHECKING:
    from aesearch.modalities.base import Modality


def as_given(content: Any) -> Any:
    """Return content as the modalities take it.

    Parameters
    ----------
    content : object
        A tensor, a Series or what else can be an array becomes one; an open file or a buffer
        becomes bytes. Everything else is returned as it is.

    Raises
    ------
    ContentError
        If an open file cannot be read, or is closed, or values of an array are masked.
    """
    if isinstance(content, np.ma.MaskedArray):
        return _unmasked(content)
    if isinstance(content, str | bytes | Path | np.ndarray | Mapping):
        return str(content) if isinstance(content, np.str_) else content
    if isinstance(content, bytearray | memoryview):
        return bytes(content)
    if callable(getattr(content, "read", None)):
        return _read(content)
    if callable(getattr(content, "detach", None)):  # a tensor, on whatever device
        return np.asarray(content.detach().cpu())
    if hasattr(content, "tobytes") and hasattr(content, "getexif"):  # a picture of Pillow
        return content
    if hasattr(content, "__array__"):
        return np.asarray(content)
    if isinstance(content, list | tuple) and content and all(map(_is_number, content)):
        return np.asarray(content)
    return content


def is_one(content: Any) -> bool:
    """Whether it is one item of whatever kind, and not several."""
    return isinstance(content, str | bytes | Path) or hasattr(content, "getexif")


def several(contents: Any, modality: Modality) -> list[Any]:
    """Contents one after the other; of one alone, its letters or lines are not meant.

    Raises
    ------
    ParameterError
        If it is one of this kind, and not several.
    """
    given = as_given(contents)
    one = is_one(given) or modality.takes(given)
    if one or isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise ParameterError(
            f"contents are several; put a single one into a list (got one "
            f"{type(contents).__name__})"
        )
    return list(given)


def _unmasked(array: np.ma.MaskedArray[Any, Any]) -> Any:
    """The array of one of which nothing is masked."""
    masked = int(np.count_nonzero(np.ma.getmask(array)))
    if masked:
        raise ContentError(
            f"{masked:,} of its {array.size:,} numbers are masked: leave out what holds them, or "
            "fill them, as array.filled(0) does"
        )
    return np.asarray(array)


def _read(file: Any) -> bytes | str:
    try:
        content: bytes | str = file.read()
    except (OSError, ValueError) as error:
        raise ContentError(f"the file cannot be read: {error}") from error
    return content


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
