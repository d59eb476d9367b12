"""What a URL names: a service, and one of its indexes."""

from __future__ import annotations

import re
from typing import NamedTuple, Self, TypeGuard
from urllib.parse import quote, unquote, urlsplit

from aesearch.errors import ParameterError

PORTS = {"http": 80, "https": 443}


def is_address(place: object) -> TypeGuard[str]:
    """Whether a place is on a service, and no folder here."""
    return isinstance(place, str) and re.match(r"https?://", place, re.IGNORECASE) is not None


class Address(NamedTuple):
    """A service, and an index of it.

    Attributes
    ----------
    scheme, host, port : str, str, int
    root : str
        The path below which a proxy shows the service, without a slash at its end.
    name : str
        Of the index; "" for the only one that there is.
    """

    scheme: str
    host: str
    port: int
    root: str = ""
    name: str = ""

    @classmethod
    def of(cls, url: str) -> Self:
        """Read ``http://HOST:PORT/INDEX``; what ends with a slash names a service and no index.

        Raises
        ------
        ParameterError
        """
        try:
            parts = urlsplit(url.strip())
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError as error:
            raise ParameterError(f"'{url}' is no address: {error}") from error
        if scheme not in PORTS or not host:
            raise ParameterError(f"'{url}' is no address; it is http://HOST:PORT/INDEX")
        if "@" in parts.netloc:
            raise ParameterError(
                f"an address with a password is not taken (of {host}): give a token, as token= or "
                "in AESEARCH_TOKEN"
            )
        if parts.query or parts.fragment:
            raise ParameterError(f"'{url}' has more than an address; it is http://HOST:PORT/INDEX")
        root, _, name = parts.path.rpartition("/")
        root = root.removesuffix("/v1/indexes")
        return cls(scheme, host, port or PORTS[scheme], root, unquote(name))

    @property
    def service(self) -> str:
        """URL of the service."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.root}"

    def __str__(self) -> str:
        return f"{self.service}/{quote(self.name, safe='')}"
