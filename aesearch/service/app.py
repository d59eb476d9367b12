"""The application: routes, behind what guards them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from aesearch._version import __version__
from aesearch.service import describe, problems
from aesearch.service.jobs import Jobs
from aesearch.service.journal import Journal
from aesearch.service.limits import Bodies, Queue
from aesearch.service.mcp_http import Assistants
from aesearch.service.metrics import Metrics
from aesearch.service.options import Options
from aesearch.service.routes import embeddings, generate, health, indexes, items, jobs, search
from aesearch.service.safety import Bearers, Origins
from aesearch.service.shelf import Shelf
from aesearch.service.state import Service
from aesearch.service.watcher import Watcher

TITLE = "aesearch"
ROUTERS = (
    describe.router,
    health.router,
    indexes.router,
    search.router,
    items.router,
    jobs.router,
    jobs.changes,
    jobs.long,
    generate.router,
    embeddings.router,
)


def create_app(options: Options | None = None) -> FastAPI:
    """Make the application that serves indexes.

    Parameters
    ----------
    options : Options, optional

    Returns
    -------
    FastAPI
        An ASGI application; `app.state.service` holds what its routes share.

    Raises
    ------
    ParameterError
        If the options are not safe, or mean nothing.
    """
    options = options or Options()
    options.check()
    shelf, queue = Shelf(options.places), Queue(options.limits)
    service = Service(options, shelf, queue, Metrics(shelf, queue), Jobs(options.limits.jobs))
    app = FastAPI(
        title=TITLE,
        version=__version__,
        summary="Similarity search in your own pictures, documents and vectors.",
        lifespan=_life,
        middleware=_guards(service),
        openapi_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service, app.state.faults, app.state.ending = service, None, lambda: False
    app.state.assistants = Assistants(service)
    app.router.routes.extend(app.state.assistants.routes)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = lambda: describe.describe(app)  # type: ignore[method-assign]
    return app


def _guards(service: Service) -> list[Middleware]:
    """What every request passes, the outermost first."""
    options = service.options
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(options.cors),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
        expose_headers=["X-Request-ID", "Retry-After"],
    )
    return [
        Middleware(Journal, metrics=service.metrics),
        Middleware(Origins, options=options),
        *([cors] if options.cors else []),
        Middleware(Bearers, options=options),
        Middleware(Bodies, limits=options.limits),
    ]


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    """Look at all indexes, serve, and let what runs come to its end."""
    service: Service = app.state.service

    async def look() -> None:
        app.state.faults = await asyncio.to_thread(_prepare, service)

    looking = asyncio.create_task(look())
    watcher = Watcher(service.shelf, service.jobs)
    if service.options.watch:
        await asyncio.to_thread(watcher.start)
    try:
        yield
    finally:
        await app.state.assistants.close()
        looking.cancel()
        await asyncio.to_thread(watcher.close)
        await asyncio.to_thread(service.queue.close)
        await asyncio.to_thread(service.jobs.close)
        service.shelf.close()


def _prepare(service: Service) -> dict[str, str]:
    """Load what the first search would load, and open all indexes; the faults of those damaged."""
    import aesearch.engines.faiss
    import aesearch.inference.encoder  # noqa: F401

    return service.shelf.faults()
