"""The indexes that are served."""

from __future__ import annotations

from fastapi import APIRouter, Request

from aesearch.errors import AesearchError
from aesearch.service import models, telling
from aesearch.service.problems import PROBLEMS
from aesearch.service.state import Name, Service, ask, do

router = APIRouter(prefix="/v1/indexes", tags=["indexes"], responses=PROBLEMS)


@router.get("")
async def list_indexes(request: Request) -> models.Indexes:
    """Return all indexes; one that cannot be opened is named with its fault."""
    service = Service.of(request)

    def look() -> list[models.IndexSummary]:
        return [_line(service, name) for name in service.shelf.places()]

    return models.Indexes(indexes=await do(request, look), writable=service.options.writable)


def _line(service: Service, name: str) -> models.IndexSummary:
    try:
        with service.shelf.lease(name) as index:
            return telling.summary(index, name)
    except (AesearchError, OSError) as error:
        return models.IndexSummary(name=name, fault=str(error))


@router.get("/{name}")
async def info(request: Request, name: Name) -> models.IndexInfo:
    """Return what there is to know about an index: encoder, check, sizes, drift, skipped files."""
    return await ask(request, name, telling.info)


@router.get("/{name}/check")
async def check(request: Request, name: Name) -> models.Check:
    """Return what the check of an index found: the table that `info` shows."""
    return await ask(
        request,
        name,
        lambda index: models.Check(
            index=name,
            revision=index.revision.number,
            check=dict(index.folder.manifest.check or {}) or None,
        ),
    )
