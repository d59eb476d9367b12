"""The tools of an assistant at ``/mcp`` of a server: behind its guards, by its queue."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from aesearch.service.mcp import Server
    from aesearch.service.state import Service

PATH = "/mcp"
CLIENT = "mcp"  # who asks, to the queue: all assistants together


class Assistants:
    """The endpoint; the package, which takes a second to load, is loaded when one first asks.

    Every request is answered for itself, in JSON: no session is kept, and no stream stays open. No
    path of a client is read. Host, Origin, token and size are checked by the guards of the
    application, as of every other request.

    Parameters
    ----------
    service : Service
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._serving: asyncio.Task[None] | None = None
        self._endpoint: asyncio.Future[ASGIApp]

    @property
    def routes(self) -> list[Route]:
        """Where they ask; nowhere without the extra ``mcp``."""
        # By other methods than POST one would wait for what never comes.
        there = find_spec("mcp") is not None
        return [Route(PATH, endpoint=self, methods=["POST"])] if there else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._serving is None or self._serving.done():
            self._endpoint = asyncio.get_running_loop().create_future()
            self._serving = asyncio.create_task(self._serve())
        endpoint = await asyncio.shield(self._endpoint)
        await endpoint(scope, receive, send)

    async def _serve(self) -> None:
        try:
            await asyncio.to_thread(import_module, "aesearch.service.mcp")
            server = self._server()
            async with server.session_manager.run():
                self._endpoint.set_result(server.session_manager.handle_request)
                await asyncio.Event().wait()  # until it is cancelled
        except Exception as error:
            self._endpoint.set_exception(error)

    def _server(self) -> Server:
        from mcp.server.transport_security import TransportSecuritySettings

        from aesearch.service.mcp import server_of

        limits = self._service.options.limits
        server = server_of(
            self._service.shelf,
            sources=False,
            pixels=limits.pixels,
            run=lambda work: self._service.queue.run(CLIENT, work),
        )
        server.streamable_http_app(
            json_response=True,
            stateless_http=True,
            max_request_body_size=limits.body,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        return server

    async def close(self) -> None:
        """Answer no more."""
        if self._serving is not None:
            self._serving.cancel()
            with suppress(asyncio.CancelledError):
                await self._serving
            self._serving = None
