"""How much at once: bodies that end, and queries in a bounded queue, for a limited time each."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aesearch.engines.threads import one_openmp_thread
from aesearch.service.options import Limits
from aesearch.service.problems import TellingError, of_error

Answer = TypeVar("Answer")


class Bodies:
    """Let through bodies that are not too large, and that arrive in time.

    Parameters
    ----------
    app : ASGI application
    limits : Limits
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on what counts the bytes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) > self._limits.body:
            await of_error(self._too_large())(scope, receive, send)
            return
        taken, whole = 0, False
        until = time.monotonic() + self._limits.seconds

        async def counted() -> Message:
            nonlocal taken, whole
            if whole:  # what comes now is that the client leaves, whenever that is
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(until - time.monotonic(), 0.001))
            except TimeoutError:
                raise TellingError(408, "the body of the request did not arrive in time") from None
            taken += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if taken > self._limits.body:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> TellingError:
        return TellingError(413, f"a body of at most {self._limits.body:,} bytes is taken")


class Queue:
    """Queries that are answered by threads, so many at once, and that wait for them.

    Parameters
    ----------
    limits : Limits
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.running, "query", initializer=one_openmp_thread)
        self._inside = 0
        self._of_client: Counter[str] = Counter()

    @property
    def running(self) -> int:
        """Queries that are being answered."""
        return min(self._inside, self._limits.running)

    @property
    def waiting(self) -> int:
        """Queries that wait."""
        return max(self._inside - self._limits.running, 0)

    async def run(self, client: str, work: Callable[[], Answer]) -> Answer:
        """Let a thread do something, and wait for it.

        Raises
        ------
        TellingError
            429 if this client has too much under way, 503 if all have, or if it takes too long.
        """
        limits = self._limits
        if self._inside >= limits.running + limits.waiting:
            raise TellingError(503, "too many queries wait; ask again", later=1)
        if self._of_client[client] >= limits.each:
            detail = f"{limits.each} queries of this client are under way; wait for one of them"
            raise TellingError(429, detail, later=1)
        self._inside += 1
        self._of_client[client] += 1
        loop, context = asyncio.get_running_loop(), copy_context()
        future = self._pool.submit(context.run, work)
        future.add_done_callback(lambda done: _soon(loop, lambda: self._left(client, done)))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), limits.seconds)
        except TimeoutError:
            if future.done() and not future.cancelled():
                raise  # it is the work's own
            detail = f"no answer within {limits.seconds:g} s: too much is asked for, or by too many"
            raise TellingError(503, detail, later=5) from None

    def _left(self, client: str, _: Future[Answer]) -> None:
        self._inside -= 1
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]

    def close(self) -> None:
        """Wait for what runs; what waits is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Call in the thread of the loop, if it still runs."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
