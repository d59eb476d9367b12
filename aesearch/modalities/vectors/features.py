"""From what a vector is handed over as, to float32."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, Self

import numpy as np

from aesearch.errors import ContentError, NotADocumentError
from aesearch.types import Array, Floats

MAGIC = b"\x93NUMPY"  # how an .npy file begins
DTYPE = np.dtype("<f4")  # of a vector as bytes

# What numpy raises of an array that is damaged, or whose header states what cannot be.
UNREADABLE = (ValueError, OverflowError, EOFError, MemoryError, RuntimeError, TokenError)

# A vector itself, the bytes of a file that holds one, or its path.
Content = Array | Sequence[float] | bytes | str | Path


@dataclass(frozen=True)
class VectorFeatures:
    """Vectors of one width, brought to unit length: what is compared is their cosine.

    Parameters
    ----------
    size : int
        Dimensions.
    """

    size: int

    @property
    def kind(self) -> str:
        """Name of the modality."""
        return "vectors"

    def config(self) -> dict[str, Any]:
        """Return the parameters as JSON."""
        return {"kind": self.kind, **asdict(self)}

    def save(self, folder: Path) -> list[str]:
        """Write nothing: the parameters say it all."""
        return []

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> Self:  # noqa: ARG003 - Features's
        """Make features from what `config` returned."""
        return cls(int(config["size"]))

    def read(self, content: bytes, name: str = "") -> Floats:
        """Return the vector that a file holds.

        Raises
        ------
        ContentError
            If it holds none, or not one of this width.
        """
        if not content.startswith(MAGIC):
            raise NotADocumentError("it holds no array")
        return self.transform(content)

    def read_row(self, content: bytes, name: str = "") -> Floats:
        """Return the vector that bytes are; see `as_bytes`."""
        if len(content) % 4:
            raise ContentError(
                f"it has {len(content)} bytes, which are no numbers of four bytes each"
            )
        return self._checked(np.frombuffer(content, DTYPE))

    def transform(self, content: Content) -> Floats:
        """Return one vector as float32 of shape (size,), as it was given.

        Parameters
        ----------
        content : ndarray, sequence of float, or bytes
            Numbers of shape (size,) or (1, size), the content of an .npy file of such, or a list
            of them as JSON.

        Raises
        ------
        ContentError
            If it is none, has another width, or numbers that are none, or is all zeros.
        """
        array = array_of(content) if isinstance(content, bytes) else _numbers(content)
        if array.ndim == 2 and len(array) == 1:
            array = array[0]
        if array.ndim != 1:
            raise ContentError(
                f"it is of shape {array.shape}; give one vector, of shape ({self.size},)"
            )
        return self._checked(array)

    def _checked(self, array: Array) -> Floats:
        if len(array) != self.size:
            count, left = divmod(len(array), self.size)
            hint = f"; for {count} of them, reshape(-1, {self.size})" if count and not left else ""
            raise ContentError(
                f"it has {len(array)} numbers; the vectors here have {self.size}{hint}"
            )
        values = as_float32(array)
        good = np.isfinite(values)
        if not good.all():
            place = int(good.argmin())
            raise ContentError(f"number {place} of it is {array[place]}; all must be finite floats")
        if not values.any():
            raise ContentError("it is all zeros, which has no direction to be compared by")
        return values

    def stack(self, samples: Sequence[Floats]) -> Floats:
        """Return vectors of unit length as one array, (n, size)."""
        if not len(samples):
            return np.empty((0, self.size), dtype=np.float32)
        return unit_rows(np.stack(samples))


def unit_rows(rows: Floats) -> Floats:
    """Return rows of unit length."""
    scaled = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-38)  # no overflow
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    unit: Floats = (scaled / np.maximum(lengths, 1e-38)).astype(np.float32, copy=False)
    return unit


def as_bytes(values: Array) -> bytes:
    """Return the bytes of a vector, as they are kept and compared: little-endian float32.

    Raises
    ------
    ContentError
        If a number is too large for it.
    """
    return as_float32(values).astype(DTYPE, copy=False).tobytes()


def as_float32(array: Array) -> Floats:
    """Return numbers as float32.

    Raises
    ------
    ContentError
        If one is too large for it; one that is infinite stays so.
    """
    with np.errstate(over="ignore"):
        values: Floats = np.ascontiguousarray(array, dtype=np.float32)
    if array.dtype.itemsize > values.dtype.itemsize:
        lost = np.isinf(values) & np.isfinite(array)
        if lost.any():
            place = int(lost.argmax())
            raise ContentError(f"number {place} of it is {array[place]}, too large for float32")
    return values


def array_of(content: bytes) -> Array:
    """Return the array that the content of an .npy file, or JSON, holds.

    Raises
    ------
    ContentError
        If there is none; Python objects are never loaded.
    """
    if not content.startswith(MAGIC):
        try:
            return _numbers(json.loads(content))
        except (ValueError, RecursionError):  # no text, or no JSON
            raise ContentError("it holds no vector: give .npy, or a list of numbers") from None
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (OSError, *UNREADABLE) as error:
        if is_of_objects(error):
            raise ContentError("it holds Python objects, which are never loaded") from None
        raise ContentError(f"damaged: {str(error) or type(error).__name__}") from None
    return _numbers(array)


def is_of_objects(error: Exception) -> bool:
    """Whether numpy refused an array because it holds Python objects."""
    return "pickle" in str(error) or "Python objects" in str(error)  # the latter of ArrayFile


def rows_of(content: object) -> Array | None:
    """Return the vectors that a file holds, if it holds several, or None."""
    if isinstance(content, str | Path):
        try:
            content = Path(content).read_bytes()
        except OSError:  # told where it is searched with
            return None
    if not isinstance(content, bytes):
        return None
    try:
        found = array_of(content)
    except ContentError:
        return None
    return found if found.ndim == 2 and len(found) > 1 else None


def _numbers(content: Any) -> Array:
    try:
        array = np.asarray(content)
    except ValueError:
        raise ContentError("it is no vector: its rows have different lengths") from None
    if array.dtype.kind not in "fiub":
        raise ContentError(f"it is no vector of numbers, but {array.dtype}")
    return array
