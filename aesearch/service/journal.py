"""What is said of each request: an id, a line in the log, a count; and headers of every answer."""

from __future__ import annotations

import logging
import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aesearch.service.metrics import Metrics
from aesearch.service.problems import of_error, request_id

log = logging.getLogger("aesearch.requests")
TAKEN = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)  # ids of a proxy that are taken over
LEFT = 499  # nothing was answered: the client has gone
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Journal:
    """Number, time, count and log every request.

    Parameters
    ----------
    app : ASGI application
    metrics : Metrics
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        id = given if TAKEN.fullmatch(given) else uuid4().hex
        token, started, status = request_id.set(id), time.perf_counter(), LEFT
        # Any page can be asked for its headers alone; the server leaves its content out.
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = id
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(asked, receive, noted)
        except ClientDisconnect:
            pass  # in the middle of its body: there is nobody to be answered
        except Exception as error:
            if status != LEFT:  # an answer has begun, and only its end can be missing
                raise
            await of_error(error)(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(asked.get("route"), "path", "")
            self._metrics.count(scope["method"], route, status, seconds)
            client = (scope.get("client") or ("-",))[0]
            # The path as it was sent is percent-encoded: nothing in it can end the line.
            path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
            milliseconds = seconds * 1000
            log.info("%s %s %s %s %d %.1f", id, client, scope["method"], path, status, milliseconds)
            request_id.reset(token)
