"""Requests to a service; what it refuses is an error of the library again.

`http.client` of the standard library: it keeps connections open (a search takes a millisecond, a
new connection as much), and nothing has to be installed to use an index from another program.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from aesearch import errors
from aesearch._version import __version__
from aesearch.client.address import Address
from aesearch.errors import AesearchError, ParameterError, ServiceError

TOKEN_VARIABLE = "AESEARCH_TOKEN"
LEFT = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
TIMEOUT = 60.0  # seconds
MOST_IDLE = 8  # connections that are kept open
MOST_SHOWN = 200  # characters of an answer that is none of a service


class Reply(NamedTuple):
    """An answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Service:
    """A service, asked by one or several threads.

    Parameters
    ----------
    address : Address
    token : str, optional
        By default AESEARCH_TOKEN.
    timeout : float
        Seconds that are waited for a connection, and for each part of an answer.

    Raises
    ------
    ParameterError
        If the token cannot be one.
    """

    def __init__(self, address: Address, token: str | None, timeout: float) -> None:
        token = os.environ.get(TOKEN_VARIABLE) if token is None else token
        if token and not (token.isascii() and token.isprintable() and " " not in token):
            raise ParameterError("a token has only visible letters of ASCII, and no blanks")
        self.address, self.timeout = address, timeout
        self._headers = {
            "Accept": "application/json",
            "User-Agent": f"aesearch/{__version__}",
            **({"Authorization": f"Bearer {token}"} if token else {}),
        }
        self._start()

    def _start(self) -> None:
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._process = os.getpid()

    def get(self, *path: str, **query: str | int | float | Sequence[str] | None) -> Any:
        """Ask for what stands at a path, whose parts may hold any letters; returns its JSON."""
        given = {name: value for name, value in query.items() if value is not None}
        tail = f"?{urlencode(given, doseq=True)}" if given else ""
        return self._asked("GET", path, tail)

    def post(self, *path: str, body: Mapping[str, Any], writes: bool = False) -> Any:
        """Send JSON; with `writes` it changes something, and is never sent twice."""
        return self._asked("POST", path, body=body, writes=writes)

    def delete(self, *path: str) -> Any:
        """Ask for something to be removed."""
        return self._asked("DELETE", path, writes=True)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def __del__(self) -> None:
        with suppress(AttributeError):  # it was refused before it had any
            self.close()

    def _asked(
        self,
        method: str,
        path: Sequence[str],
        tail: str = "",
        *,
        body: Mapping[str, Any] | None = None,
        writes: bool = False,
    ) -> Any:
        target = "/".join([self.address.root, *(quote(part, safe="") for part in path)]) + tail
        sent = None if body is None else json.dumps(body).encode()
        try:
            reply = self._sent(method, target, sent, writes=writes)
        except TimeoutError as error:
            raise ServiceError(
                f"{self.address.service} did not answer within {self.timeout:g} s"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(self._unreached(error)) from error
        return self._read(reply)

    def _sent(self, method: str, target: str, body: bytes | None, *, writes: bool) -> Reply:
        """Send by a connection that is open; where the service closed it meanwhile, by another.

        What writes goes by a new one: whether it arrived, a closed one would not tell.
        """
        while True:
            known = None if writes else self._taken()
            connection = known or self._connection()
            try:
                return self._exchanged(connection, method, target, body)
            except BaseException as error:
                connection.close()
                if known is None or not isinstance(error, LEFT):
                    raise

    def _exchanged(
        self, connection: http.client.HTTPConnection, method: str, target: str, body: bytes | None
    ) -> Reply:
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        with suppress(BrokenPipeError):  # it may have answered before it had all: too large, say
            connection.request(method, target, body, headers)
        response = connection.getresponse()
        reply = Reply(response.status, response.headers, response.read())
        with self._lock:
            if len(self._idle) < MOST_IDLE and not response.will_close:
                self._idle.append(connection)
            else:
                connection.close()
        return reply

    def _taken(self) -> http.client.HTTPConnection | None:
        if self._process != os.getpid():
            self._start()  # after a fork: the parent talks by those
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _connection(self) -> http.client.HTTPConnection:
        secure = self.address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self.address.host, self.address.port, timeout=self.timeout)
        connection.connect()
        # Headers and body go in two parts; the second must not wait until the first is confirmed.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _unreached(self, error: Exception) -> str:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        hint = ""
        if isinstance(error, ConnectionRefusedError):
            hint = "; is it running? 'aesearch serve' starts one"
        return f"{self.address.service} cannot be reached: {why}{hint}"

    def _read(self, reply: Reply) -> Any:
        kind = reply.headers.get("Content-Type", "").partition(";")[0].strip()
        try:
            answer = json.loads(reply.body) if kind.endswith("json") else None
        except ValueError:
            answer = None
        if 200 <= reply.status < 300 and answer is not None:
            return answer
        if isinstance(answer, dict) and "detail" in answer:
            raise problem(answer, reply.status, reply.headers.get("Retry-After"))
        raise ServiceError(
            f"{self.address.service} is no aesearch: it answered {reply.status} "
            f"{reply.body[:MOST_SHOWN].decode(errors='replace')}",
            reply.status,
        )


def problem(document: Mapping[str, Any], status: int, later: str | None = None) -> AesearchError:
    """The error that a problem document (RFC 9457) tells of."""
    detail, name = str(document["detail"]), str(document.get("error") or "")
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, AesearchError)):
        seconds = float(later) if later is not None and later.isdecimal() else None
        return ServiceError(detail, status, seconds)
    if issubclass(kind, errors.MissingExtraError):
        return kind(detail, "")
    return kind(detail)
