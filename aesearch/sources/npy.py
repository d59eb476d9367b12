"""The array in an .npy file, read in blocks and never mapped.

A map of a file that another program shortens kills the process (SIGBUS). What is read is a copy,
and a file that has changed meanwhile is an error.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from io import FileIO
from math import prod
from pathlib import Path
from threading import Lock
from typing import BinaryIO, overload

import numpy as np

from aesearch.errors import SourceError
from aesearch.types import Array

VERSIONS = ((1, 0), (2, 0), (3, 0))  # the third differs in the names of fields alone
KEPT = 4  # blocks that are kept, as rows are read one after the other by several threads
BLOCK = 1 << 20  # bytes of such a block


class ArrayFile:
    """An array in a file: rows are copied from it when they are asked for.

    Parameters
    ----------
    path : Path
        An .npy file, in C or Fortran order.

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype

    Raises
    ------
    OSError, ValueError
        If it cannot be read, is damaged, or holds Python objects.
    SourceError
        From rows: if the file is not what it was any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as stream:
            self.shape, self._is_fortran, self.dtype = _header(stream)
            self._offset = stream.tell()
            self._state = _state(stream.fileno())
        if self.dtype.hasobject:
            raise ValueError("it holds Python objects")
        expected, held = self._offset + self.nbytes, self._state[1]
        if min(self.shape, default=0) < 0 or held < expected:
            raise ValueError(f"its header tells of {expected:,} bytes, and it has {held:,}")
        self._blocks: OrderedDict[int, Array] = OrderedDict()
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def form(self) -> Array:
        """An array of the same shape and type, which takes no memory and says nothing."""
        return np.broadcast_to(np.empty((), self.dtype), self.shape)

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 0

    @overload
    def __getitem__(self, rows: int) -> Array: ...
    @overload
    def __getitem__(self, rows: slice) -> Array: ...
    def __getitem__(self, rows: int | slice) -> Array:
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
            return self._read(start, max(start, stop))
        step = max(1, BLOCK * len(self) // max(1, self.nbytes))
        row: Array = self._block(rows // step, step)[rows % step]
        return row

    def _block(self, number: int, step: int) -> Array:
        """One of the blocks of `step` rows, read once as long as it is kept."""
        with self._lock:
            found = self._blocks.get(number)
            if found is None:
                found = self._read(number * step, min(len(self), (number + 1) * step))
                self._blocks[number] = found
                while len(self._blocks) > KEPT:
                    self._blocks.popitem(last=False)
            return found

    def _read(self, start: int, stop: int) -> Array:
        """Rows from the file, and the error where it changed since its header was read."""
        inner = self.shape[1:]
        # In Fortran order the rows of one column stand side by side: a strip for each column.
        strips = prod(inner) if self._is_fortran else 1
        width = 1 if self._is_fortran else prod(inner)
        block = np.empty((strips, (stop - start) * width), self.dtype)
        try:
            with FileIO(self.path) as stream:
                for strip, values in enumerate(block):
                    first = strip * len(self) + start * width
                    stream.seek(self._offset + first * self.dtype.itemsize)
                    if _fill(stream, values) < values.nbytes:
                        raise self._changed()
                if _state(stream.fileno()) != self._state:  # after reading, or it says nothing
                    raise self._changed()
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror or error}") from None
        if self._is_fortran:
            return block.reshape(*inner[::-1], stop - start).T
        return block.reshape(stop - start, *inner)

    def _changed(self) -> SourceError:
        return SourceError(f"{self.path} changed while it was read; run again")


def _header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Shape, order and type of an array, as its file begins with them."""
    version = np.lib.format.read_magic(stream)
    if version not in VERSIONS:
        raise ValueError(f"its format is {version[0]}.{version[1]}, which is not known")
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    return np.lib.format.read_array_header_2_0(stream)


def _state(descriptor: int) -> tuple[int, int, int]:
    """What tells one state of a file from another: which it is, its size, when it was written."""
    status = os.fstat(descriptor)
    return status.st_ino, status.st_size, status.st_mtime_ns


def _fill(stream: FileIO, values: Array) -> int:
    """Read until an array is full or the file ends; how many bytes there were."""
    room = values.view(np.uint8).data
    done = 0
    while done < len(room) and (count := stream.readinto(room[done:])):
        done += count
    return done
