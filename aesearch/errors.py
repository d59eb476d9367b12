"""Every error that aesearch raises on purpose: what is wrong, the value, what to do."""

from __future__ import annotations

import re
import shlex
from copy import copy
from pathlib import Path
from typing import Self

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def repair_command(root: Path) -> str:
    """The command that mends an index, as messages name it."""
    return f"'aesearch verify {shlex.quote(str(root))} --repair'"


class AesearchError(Exception):
    """The root of the family; the command line prints it as one line and exits with 1."""

    def __str__(self) -> str:
        """In one line that can be printed, whatever a library or a key said that is told in it."""
        said = " ".join(self._said().splitlines()).strip()
        return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], said)

    def _said(self) -> str:
        """The message as it was made."""
        return super().__str__()


class ParameterError(AesearchError, ValueError):
    """A setting is outside what is allowed; the message names the value and the allowed ones."""


class SourceError(AesearchError):
    """The source cannot be indexed at all: missing, of no kind, or without one item."""


class ContentError(AesearchError):
    """One item cannot be read; the message says why."""

    def told(self, message: str) -> Self:
        """Return the same error with another message: which of several items it is, say."""
        error = copy(self)
        error.args = (message, *self.args[1:])
        return error


class EmptyContentError(ContentError, ParameterError):
    """One item that was handed over holds nothing."""


class UnreachableError(ContentError):
    """One item could not be looked at: rights are missing, or input failed.

    Nothing is known of it: what an index holds of it stays, and it is tried again each time.
    """


class MissingExtraError(ContentError):
    """One item needs an optional package; it is tried again once that is installed.

    Parameters
    ----------
    message : str
    extra : str
        Of aesearch, as in ``pip install aesearch[heif]``.
    """

    def __init__(self, message: str, extra: str) -> None:
        super().__init__(message, extra)
        self.extra = extra

    def _said(self) -> str:
        """The message alone."""
        return str(self.args[0])


class NotAPictureError(ContentError):
    """The file does not even claim to be a picture: passed over, and not counted as damage."""


class NotADocumentError(ContentError):
    """The file does not even claim to be a document: passed over, and not counted as damage."""


class PassedOverError(NotAPictureError, NotADocumentError):
    """It is no item of its own, whatever is meant: passed over, and not counted as damage."""


class IndexNotFoundError(AesearchError):
    """No index at this place, or several where one was meant."""


class IndexExistsError(AesearchError):
    """An index of another source stands where the new one was to be made."""


class FormatError(AesearchError):
    """The index was written by a newer aesearch, or is that of another program."""


class DamagedError(AesearchError):
    """A file of the index is missing or is not what was written; the message names what mends it.

    What only cannot be looked at, for want of rights say, is a `StorageError`.
    """


class EncoderMismatchError(DamagedError):
    """The codes were made by another encoder than the one that is there."""


class LockedError(AesearchError):
    """Another process is writing this index."""


class UnknownKeyError(AesearchError, LookupError):
    """No item of this key in the index."""


class StorageError(AesearchError, OSError):
    """The disk is full, or the place cannot be written."""


class ClosedError(StorageError):
    """The index was closed; open it again."""


class UnsupportedError(AesearchError):
    """What was asked means nothing for this kind of data, or cannot be done here."""


class ServiceError(AesearchError):
    """A service cannot be reached, refuses, or answers what cannot be understood.

    Parameters
    ----------
    message : str
    status : int, optional
        Of its answer, as HTTP has it; None where there was none.
    retry_after : float, optional
        Seconds after which it may be asked again, where it said so.
    """

    def __init__(
        self, message: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, status, retry_after)
        self.status, self.retry_after = status, retry_after

    def _said(self) -> str:
        """The message alone."""
        return str(self.args[0])
