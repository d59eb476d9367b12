"""Whether the server lives, whether it is ready, and what it counts."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from aesearch.service.problems import PROBLEMS, problem
from aesearch.service.state import Service, do

router = APIRouter(tags=["health"])


@router.get("/", include_in_schema=False)
async def begin(request: Request) -> Response:
    """Lead to the description."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/docs", status_code=307)


@router.get("/livez", response_class=PlainTextResponse)
async def livez() -> str:
    """Answer: the process lives."""
    return "ok\n"


@router.get("/readyz", responses={503: PROBLEMS[503]})
async def readyz(request: Request) -> Response:
    """Answer when all indexes were looked at; how many cannot be opened is told."""
    faults = request.app.state.faults
    if faults is None:
        return problem(503, "the indexes are being opened", headers={"Retry-After": "1"})
    return JSONResponse({"ready": True, "faults": len(faults)})


@router.get("/metrics", response_class=PlainTextResponse, responses=PROBLEMS)
async def metrics(request: Request) -> Response:
    """Everything that is counted, in the text format of Prometheus."""
    text = await do(request, Service.of(request).metrics.text)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
