"""What a server was told: what it serves, to whom, and how much of it at once."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aesearch.engines.threads import workers
from aesearch.errors import ParameterError

READ_VARIABLE, WRITE_VARIABLE = "AESEARCH_TOKEN", "AESEARCH_WRITE_TOKEN"
SHORTEST = 16  # letters of a token


@dataclass(frozen=True)
class Limits:
    """How much one request, one client and all of them may ask for.

    Attributes
    ----------
    body : int
        Bytes of a request.
    pixels : int
        Of a picture that is sent.
    running, waiting : int
        Queries that are answered at once, and that wait behind them.
    each : int
        Of one client, running and waiting.
    jobs : int
        Jobs that wait.
    seconds : float
        For a query from its arrival on, and for a body to arrive.
    """

    body: int = 64 << 20
    pixels: int = 100_000_000
    running: int = field(default_factory=workers)
    waiting: int = 128
    each: int = 96
    jobs: int = 16
    seconds: float = 30.0


@dataclass(frozen=True)
class Tokens:
    """Digests of the tokens that a client must have; the tokens themselves are kept nowhere.

    Attributes
    ----------
    read, write : bytes or None
        What writes reads, too. None where none is asked for.
    """

    read: bytes | None = None
    write: bytes | None = None

    @classmethod
    def of(cls, read: str | None, write: str | None) -> Self:
        """Take tokens as they were written.

        Raises
        ------
        ParameterError
            If one is short, or both are the same.
        """
        for token in filter(None, (read, write)):
            if len(token) < SHORTEST or not token.isascii() or not token.isprintable():
                raise ParameterError(
                    f"a token has at least {SHORTEST} letters of ASCII; 'openssl rand -hex 32' "
                    "makes one"
                )
        if read and read == write:
            raise ParameterError("the tokens for reading and for writing must differ")
        return cls(_digest(read), _digest(write))

    @classmethod
    def found(cls, file: Path | None = None) -> Self:
        """Read them from a file, that for reading on its first line, or from the environment.

        Raises
        ------
        ParameterError
            If the file cannot be read, or holds none.
        """
        if file is None:
            return cls.of(os.environ.get(READ_VARIABLE), os.environ.get(WRITE_VARIABLE))
        try:
            lines = file.read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise ParameterError(f"the tokens in {file} cannot be read: {error}") from error
        if not 1 <= len(lines) <= 2:
            raise ParameterError(
                f"{file} must hold the token for reading on its first line, and that for writing, "
                f"if there is one, on its second; it has {len(lines)}"
            )
        return cls.of(lines[0], lines[1] if len(lines) > 1 else None)

    def __bool__(self) -> bool:
        return self.read is not None or self.write is not None

    def allows(self, token: str, *, writing: bool) -> bool:
        """Whether a token that was sent is one that may; compared in constant time."""
        sent = _digest(token) or b""
        may_write = hmac.compare_digest(sent, self.write or bytes(32))
        may_read = hmac.compare_digest(sent, self.read or bytes(32))
        return may_write or (may_read and not writing)


def _digest(token: str | None) -> bytes | None:
    return hashlib.sha256(token.encode(errors="replace")).digest() if token else None


@dataclass(frozen=True)
class Options:
    """Everything that a server was told.

    Attributes
    ----------
    places : tuple of Path
        Folders of the indexes; none for all in the home, as they come and go.
    host, port : str, int
        Where it listens.
    hosts : tuple of str
        Further names by which clients call it, behind a proxy say.
    cors : tuple of str
        Origins of pages of others that may ask, such as ``https://example.org``.
    root_path : str
        Below which path a proxy shows it.
    tokens : Tokens
    writable : bool
        Whether clients may add, remove, synchronize and index.
    sources : Path or None
        Below which folder they may index.
    watch : bool
        Whether the indexes are kept up to date with their sources.
    limits : Limits
    """

    places: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8080
    hosts: tuple[str, ...] = ()
    cors: tuple[str, ...] = ()
    root_path: str = ""
    tokens: Tokens = field(default_factory=Tokens)
    writable: bool = False
    sources: Path | None = None
    watch: bool = False
    limits: Limits = field(default_factory=Limits)

    def check(self) -> None:
        """Refuse what would not be safe, or means nothing.

        Raises
        ------
        ParameterError
        """
        if not is_loopback(self.host) and not self.tokens:
            raise ParameterError(
                f"{self.host} can be reached by other machines: give a token, in "
                f"{READ_VARIABLE} or by --token-file ('openssl rand -hex 32' makes one)"
            )
        if self.writable and self.tokens and self.tokens.write is None:
            raise ParameterError(
                f"--writable needs a token for writing beside that for reading: in "
                f"{WRITE_VARIABLE}, or on the second line of --token-file"
            )
        if self.sources is not None and not self.sources.is_dir():
            raise ParameterError(f"--sources {self.sources} is no folder")
        if self.sources is not None and not self.writable:
            raise ParameterError("--sources says what may be indexed, and needs --writable")
        if self.root_path and not self.root_path.startswith("/"):
            raise ParameterError(f"--root-path begins with /; got {self.root_path!r}")


def is_loopback(host: str) -> bool:
    """Whether an address is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
