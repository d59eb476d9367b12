"""Which columns of a table hold vectors, and what those hold that nearly do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aesearch.errors import ParameterError
from aesearch.sources.choosing import BODIES, KEYS, LABELS, folded_names
from aesearch.types import Array
from aesearch.wording import counted

# Names that vectors usually have.
VECTORS = ("vectors", "vector", "embeddings", "embedding", "emb", "features")


def refuse_lists(place: str, names: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> None:
    """Raise ParameterError where a column holds lists of numbers which are no vectors."""
    for name in names:
        numbers = [row[name] for row in sample if _is_number(row.get(name))]
        lengths = [len(v) for row in sample if (v := numbers_of(row.get(name))) is not None]
        if 2 * len(numbers) > len(sample) and name.strip().lower() in VECTORS:
            raise ParameterError(
                f"{place}: '{name}' holds one number a row; a vector is a list of at least 2"
            )
        if 2 * len(lengths) > len(sample):
            least, most = min(lengths), max(lengths)
            held = counted(most, "number") if least == most else f"{least} to {most:,} numbers"
            raise ParameterError(
                f"{place}: '{name}' holds lists of {held}; vectors are lists of one length, of at "
                "least 2"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def has_words(names: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> bool:
    """Whether some column beside keys and labels holds strings: it can be one of documents."""
    beside = {*KEYS, *LABELS}
    free = [name for name in names if name.strip().lower() not in beside]
    return any(isinstance(row.get(name), str) for name in free for row in sample)


def vector_columns(names: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns of which most rows hold a list of numbers, of one length."""
    return [name for name in names if width_of(name, sample)]


def width_of(name: str, sample: Sequence[Mapping[str, Any]]) -> int:
    """The length of most lists of numbers in a column; 0 where few rows have one."""
    found = Counter(len(v) for row in sample if (v := numbers_of(row.get(name))) is not None)
    width, count = found.most_common(1)[0] if found else (0, 0)
    return width if width > 1 and 2 * count >= len(sample) else 0


def has_text(names: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a column that usually holds the text of documents does."""
    folded = folded_names(names)
    usual = [folded[name] for name in BODIES if name in folded]
    return any(isinstance(row.get(name), str) for name in usual for row in sample)


def numbers_of(value: Any) -> Array | None:
    """A list of numbers as an array of shape (d,), or None where it is none."""
    if not isinstance(value, list | np.ndarray):
        return None
    try:
        found = np.asarray(value)
    except ValueError:  # lists of different lengths in it
        return None
    if found.ndim != 1 or found.dtype.kind not in "iuf" or not len(found):
        return None
    return found
