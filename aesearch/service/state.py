"""What all routes of one server share, and how they ask an index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

from fastapi import Path, Request

from aesearch.search.index import Index
from aesearch.service.jobs import Jobs
from aesearch.service.limits import Queue
from aesearch.service.metrics import Metrics
from aesearch.service.options import Options
from aesearch.service.shelf import Shelf

Answer = TypeVar("Answer")
Name = Annotated[str, Path(min_length=1, max_length=255, description="Of an index.")]
Id = Annotated[int, Path(ge=0, lt=1 << 63, description="Of an item.")]


@dataclass
class Service:
    """One server.

    Attributes
    ----------
    options : Options
    shelf : Shelf
    queue : Queue
    metrics : Metrics
    jobs : Jobs
    """

    options: Options
    shelf: Shelf
    queue: Queue
    metrics: Metrics
    jobs: Jobs

    @classmethod
    def of(cls, request: Request) -> Service:
        """The one that a request is asked of."""
        return cast(Service, request.app.state.service)


async def ask(request: Request, name: str, question: Callable[[Index], Answer]) -> Answer:
    """Ask an index in a thread; the answer is of one revision.

    Raises
    ------
    AesearchError, TellingError
    """
    service = Service.of(request)

    def answer() -> Answer:
        with service.shelf.lease(name) as index:
            return index.consistent(lambda: question(index))

    return await service.queue.run(client_of(request), answer)


async def do(request: Request, work: Callable[[], Answer]) -> Answer:
    """Do something in a thread that is no question to one index."""
    return await Service.of(request).queue.run(client_of(request), work)


def client_of(request: Request) -> str:
    """The address that a request came from."""
    return request.client.host if request.client else ""
