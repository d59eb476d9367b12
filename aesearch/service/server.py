"""The process that serves: a socket, uvicorn, an orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from aesearch.errors import StorageError
from aesearch.service.options import Options

MOST_OPEN = 4096  # connections and files
BACKLOG = 512
GRACE = 10  # seconds beyond those of a query, for what runs to end


class Protocol(H11Protocol):
    """HTTP in which the head of a request arrives in time: half of one holds no connection."""

    patience = 30.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._deadline: asyncio.TimerHandle | None = None
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on, unless a request has begun."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._stop()

    def _wait(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._deadline is None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(self.patience, self._end)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


class _Server(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()


def bound(options: Options) -> socket.socket:
    """A socket at the address where a server is to listen.

    Raises
    ------
    StorageError
        If the port is taken, or the address is none of this machine.
    """
    host = options.host.strip("[]")
    try:
        family = socket.getaddrinfo(host, options.port, type=socket.SOCK_STREAM)[0][0]
        # With its protocol named, asyncio sends small answers at once (TCP_NODELAY).
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, options.port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StorageError(
            f"cannot listen at {options.host}, port {options.port}: {reason}; --port takes another"
        ) from error
    sock.set_inheritable(False)
    return sock


def address_of(sock: socket.socket) -> str:
    """Where a browser finds the server."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(
    app: FastAPI,
    options: Options,
    sock: socket.socket,
    ready: Callable[[], None],
    *,
    proxies: str = "127.0.0.1",
) -> None:
    """Serve until SIGTERM or SIGINT; what runs then comes to its end.

    Parameters
    ----------
    app : FastAPI
    options : Options
    sock : socket
        That listens there.
    ready : callable
        Called when requests are answered.
    proxies : str
        Addresses whose X-Forwarded-For and -Proto are believed, with commas between; * for all.
    """
    patient = type("Patient", (Protocol,), {"patience": options.limits.seconds})
    config = uvicorn.Config(
        app,
        http=patient,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        proxy_headers=True,
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=int(options.limits.seconds) + GRACE,
    )
    server = _Server(config, ready)
    app.state.ending = lambda: server.should_exit
    _allow_many_files()
    with _quiet_signals():
        server.run([sock])


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """Let uvicorn, which raises the signals that ended it once more, raise them at nobody."""
    those = (signal.SIGINT, signal.SIGTERM)
    before: dict[signal.Signals, Any] = {one: signal.signal(one, _nothing) for one in those}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _nothing(*_: object) -> None:
    """Do nothing."""


def _allow_many_files() -> None:
    """Let the process have as many connections as it may, up to some thousands."""
    with suppress(ImportError, ValueError, OSError):  # not on Windows
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_OPEN if hard == resource.RLIM_INFINITY else min(MOST_OPEN, hard)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def log_to(stream: Any, level: int = logging.INFO) -> None:
    """Write a line on each request, and what goes wrong, to a stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, least in (("aesearch", level), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(least)
