"""What changes an index, and what takes long: jobs, their progress, and how they are stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse, Response, StreamingResponse

from aesearch.errors import ParameterError
from aesearch.search.index import Index
from aesearch.service import models
from aesearch.service.asking import content_of
from aesearch.service.contents import item_of
from aesearch.service.jobs import Jobs
from aesearch.service.problems import PROBLEMS, TellingError
from aesearch.service.state import Id, Name, Service, ask, do
from aesearch.storage.places import home
from aesearch.types import Progress

EVERY, QUIET = 0.2, 15.0  # seconds between looks at a job, and until a line that says nothing
JobId = Annotated[str, PathParameter(pattern="^[0-9a-f]{32}$", description="Of a job.")]


def require_writable(request: Request) -> None:
    """Refuse where clients only read."""
    if not Service.of(request).options.writable:
        raise TellingError(403, "this server only reads; 'aesearch serve --writable' lets it write")


router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=PROBLEMS)
changes = APIRouter(
    prefix="/v1/indexes",
    tags=["changing"],
    responses=PROBLEMS,
    dependencies=[Depends(require_writable)],
)
long = APIRouter(prefix="/v1/indexes", tags=["jobs"], responses=PROBLEMS)


def _jobs(request: Request) -> Jobs:
    return Service.of(request).jobs


@router.get("")
async def list_jobs(request: Request) -> models.Jobs:
    """Return the jobs that are remembered, the latest first."""
    return models.Jobs(jobs=_jobs(request).all())


@router.get("/{job}")
async def job(request: Request, job: JobId) -> models.Job:
    """Return one job."""
    return _jobs(request).get(job)


@router.delete("/{job}", status_code=202)
async def cancel(request: Request, job: JobId) -> models.Job:
    """Let a job stop; what it has done stays, and what it was about to do is not begun."""
    return _jobs(request).cancel(job)


BEGUN = {
    "description": "It is being made.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}},
}
EVENTS = {
    "description": "Events.",
    "content": {"text/event-stream": {}},
}


@router.get("/{job}/events", response_class=StreamingResponse, responses={200: EVENTS})
async def events(request: Request, job: JobId) -> StreamingResponse:
    """Tell of a job as it goes on: an event with the job whenever it changes, until it ends."""
    _jobs(request).get(job)
    return StreamingResponse(
        _events(request, job),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(request: Request, id: str) -> AsyncIterator[str]:
    known, quiet, jobs = -1, 0.0, _jobs(request)
    while not request.app.state.ending():
        version, now = jobs.seen(id)
        if version != known:
            known, quiet = version, 0.0
            yield f"event: {now.state}\nid: {version}\ndata: {now.model_dump_json()}\n\n"
        if now.ended_at is not None:
            return
        if quiet >= QUIET:
            quiet = 0.0
            yield ": still there\n\n"
        await asyncio.sleep(EVERY)
        quiet += EVERY


@changes.post("/{name}/items", status_code=202)
async def add(request: Request, name: Name, asked: models.Adding) -> models.Job:
    """Add items by their keys, or put them in the place of those that are there."""
    service = Service.of(request)
    contents: dict[str, Any] = await ask(
        request, name, lambda index: _contents(index, asked, service.options.limits.pixels)
    )

    def work(progress: Progress) -> dict[str, Any]:
        progress("adding", 0, len(contents))
        with service.shelf.lease(name) as index:
            keys = index.add(contents)
            ids = index.folder.ids_of(keys)
            return {"ids": ids, "revision": index.revision.number}

    return service.jobs.add("add", name, work)


def _contents(index: Index, asked: models.Adding, pixels: int) -> dict[str, Any]:
    """What is to be added, each as `Index.add` takes it."""
    found = {}
    for key, part in asked.items.items():
        if part.key is not None or part.crop is not None:
            raise ParameterError(f"'{key}' is added with text, image, document or vector")
        content = content_of(index, part, pixels)
        found[key] = part.text if part.text is not None else content
    return found


@changes.delete("/{name}/items/{id}", status_code=202)
async def remove(request: Request, name: Name, id: Id) -> models.Job:
    """Remove an item; its file stays, and no look at the source brings it back."""
    service = Service.of(request)
    key = await ask(request, name, lambda index: item_of(index, id).key)

    def work(progress: Progress) -> dict[str, Any]:
        progress("removing", 0, 1)
        with service.shelf.lease(name) as index:
            return {"removed": index.remove([key]), "revision": index.revision.number}

    return service.jobs.add("remove", name, work)


@changes.post("/{name}/sync", status_code=202)
async def sync(request: Request, name: Name, asked: models.Syncing | None = None) -> models.Job:
    """Bring an index up to date with its source, without training."""
    service = Service.of(request)
    place = await do(request, lambda: service.shelf.place_of(name))
    wanted = (asked or models.Syncing()).model_dump()
    return service.jobs.add_worker("sync", name, place=str(place), **wanted)


@changes.post("", status_code=202)
async def index(request: Request, asked: models.Indexing) -> models.Job:
    """Make the index of a folder, or a table, below --sources, or bring it up to date."""
    service = Service.of(request)
    source = await do(request, lambda: _source(service.options.sources, asked.source))
    name = asked.name or source.name
    if name in (".", "..") or not name.isprintable() or set(name) & set("/\\"):
        raise ParameterError("the name of an index is that of a folder: without / and \\")
    if service.options.places:
        raise TellingError(403, "this server has the indexes that it was given, and makes no other")
    return service.jobs.add_worker(
        "index",
        name,
        source=str(source),
        place=str((home() / name).absolute()),
        budget=asked.budget,
        settings=asked.settings,
    )


@long.post("/{name}/duplicates", status_code=202)
async def duplicates(
    request: Request, name: Name, asked: models.Duplicating | None = None
) -> models.Job:
    """Look for copies, exact, near and mirrored; its result has the groups. Nothing is deleted."""
    service = Service.of(request)
    place = await do(request, lambda: service.shelf.place_of(name))
    wanted = (asked or models.Duplicating()).model_dump()
    return service.jobs.add_worker("duplicates", name, place=str(place), **wanted)


@long.get("/{name}/map", response_model=models.Map, responses={202: BEGUN})
async def map_(request: Request, name: Name, by: models.Layout = "auto") -> Response:
    """Return all items in two dimensions: at once if that was made of this revision, else 202.

    Then it is the job that makes it; ask again when that is done.
    """
    jobs = _jobs(request)
    revision = await ask(request, name, lambda index: index.revision.number)
    about = f"{revision} {by}"
    found = jobs.find("map", name, about)
    if found is not None and found.state == "done":
        return JSONResponse(found.result)
    if found is None:
        place = Service.of(request).shelf.place_of(name)
        found = jobs.add_worker("map", name, about=about, place=str(place), by=by)
    told = found.model_dump(mode="json")
    where = f"{request.scope.get('root_path', '')}/v1/jobs/{found.id}"
    return JSONResponse(told, 202, headers={"Location": where, "Retry-After": "2"})


def _source(sources: Path | None, asked: str) -> Path:
    """What is to be indexed, which must lie below --sources, links followed.

    Raises
    ------
    TellingError
        403 if it does not, or if no --sources was named; 404 if it is not there.
    """
    if sources is None:
        raise TellingError(403, "this server indexes nothing new; --sources DIR lets it")
    below = sources.resolve()
    try:
        wanted = (below / asked).resolve()
        if not wanted.is_relative_to(below):
            raise TellingError(403, "it does not lie below --sources")
        if not wanted.exists():
            raise TellingError(404, "there is nothing of this name below --sources")
    except (ValueError, OSError, RuntimeError):  # a NUL in it, too long a name, a loop of links
        raise TellingError(404, "there is nothing of this name below --sources") from None
    return wanted
