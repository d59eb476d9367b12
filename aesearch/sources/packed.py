"""Bytes of a file that may be compressed, as they come; what breaks off says so."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, cast

from aesearch.errors import ContentError, SourceError, UnreachableError
from aesearch.modalities.notes import note
from aesearch.modalities.texts.charset import refuse_binary

CHUNK = 1 << 20
PACKED = (".gz", ".bz2", ".xz", ".zst")
BEGIN = {
    ".gz": re.compile(rb"\x1f\x8b"),
    ".bz2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    ".xz": re.compile(rb"\xfd7zXZ\0"),
    ".zst": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
}
LOOKED_AT = 4096


def unpacked_name(name: str) -> str:
    """A file's name in small letters, without the suffix that tells how it is compressed."""
    name = name.lower()
    return next((name.removesuffix(end) for end in PACKED if name.endswith(end)), name)


def open_packed(path: Path) -> tuple[IO[bytes], bool]:
    """Open a file to read its bytes, unpacked as it is, whatever its name says.

    Returns
    -------
    stream : file
    packed : bool
        Whether it is compressed.

    Raises
    ------
    SourceError
        If that takes a package which is not installed.
    OSError
    """
    with path.open("rb") as stream:
        head = stream.read(LOOKED_AT)
    named = next((end for end in PACKED if path.name.lower().endswith(end)), "")
    found = _suffix_of(head)
    if named and not found and not _is_text(head):  # a damaged one, which then says so
        found = named
    if named != found:
        how = f"compressed as {found}" if found else f"not compressed, as {named} says,"
        note(f"{path.name} is {how} and read as that", once=True)
    return _opened(path, found, str(path)) if found else path.open("rb"), bool(found)


def unpacked(stream: IO[Any]) -> IO[Any]:
    """Standard input, unpacked where its first bytes say that it is compressed.

    Raises
    ------
    SourceError
        If that takes a package which is not installed.
    """
    rest = getattr(stream, "buffer", stream)
    head = b""
    with suppress(OSError):  # whoever reads it will say so
        if isinstance(rest, io.BufferedReader):
            head = rest.peek(1)
        elif isinstance(rest, io.BytesIO):
            head = rest.getbuffer()[rest.tell() :][:LOOKED_AT].tobytes()
    found = _suffix_of(head)
    return _opened(rest, found, "standard input") if found else stream


def _suffix_of(head: bytes) -> str:
    """How a file is compressed that begins so; "" if it is not."""
    return next((end for end in PACKED if BEGIN[end].match(head)), "")


def _is_text(head: bytes) -> bool:
    try:
        refuse_binary(head)
    except ContentError:
        return False
    return True


def _opened(packed: Path | IO[bytes], suffix: str, place: str) -> IO[bytes]:
    if suffix == ".gz":
        return cast(IO[bytes], gzip.open(packed, "rb"))
    if suffix == ".bz2":
        return cast(IO[bytes], bz2.open(packed, "rb"))
    if suffix == ".xz":
        return cast(IO[bytes], lzma.open(packed, "rb"))
    return _open_zstd(packed, place)


def _open_zstd(packed: Path | IO[bytes], place: str) -> IO[bytes]:
    if sys.version_info >= (3, 14):
        from compression import zstd
    elif find_spec("backports.zstd") if find_spec("backports") else None:
        from backports import zstd
    else:
        raise SourceError(f"{place}: .zst needs backports.zstd: pip install 'aesearch[zst]'")
    return cast(IO[bytes], zstd.open(packed, "rb"))


def chunks_of(stream: IO[bytes], packed: bool = False) -> Iterator[bytes]:
    """Yield what is there, about 1 MiB at a time.

    Raises
    ------
    UnreachableError
        If it cannot be read just now.
    ContentError
        If what was compressed is damaged, or breaks off.
    """
    # What is there is taken at once: the beginning of a damaged archive, or of what is typed.
    some = getattr(stream, "read1", stream.read)
    try:
        while chunk := some(CHUNK):
            yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
        raise _damaged(error) from error
    except OSError as error:
        if packed and error.errno is None:  # bz2 says so what is no bz2
            raise _damaged(error) from error
        raise UnreachableError(f"cannot be read: {error.strerror or error}") from error
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise _damaged(error) from error


def _damaged(error: Exception) -> ContentError:
    return ContentError(f"damaged: {error}; what follows cannot be read")
