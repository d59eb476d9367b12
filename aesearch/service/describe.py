"""What the API says of itself: OpenAPI 3.1, with what is read by hand, and problems as they are."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic.json_schema import models_json_schema

from aesearch.reports.api import api_page
from aesearch.service import models

TEMPLATE = "#/components/schemas/{model}"
# Those that no route names as its own argument.
READ_BY_HAND = (models.Search, models.Wanted, models.Problem)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
router = APIRouter(include_in_schema=False)


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of an application, made once."""
    root = app.state.service.options.root_path
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            routes=app.routes,
            servers=[{"url": root}] if root else None,
            separate_input_output_schemas=False,
        )
        _, more = models_json_schema(
            [(model, "validation") for model in READ_BY_HAND], ref_template=TEMPLATE
        )
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(more["$defs"])
        schemas["Upload"] = _with_file(schemas["Wanted"])
        app.openapi_schema = found
    return app.openapi_schema


def _with_file(wanted: dict[str, Any]) -> dict[str, Any]:
    """What a form holds: the file, and what else is wanted."""
    file = {"type": "string", "format": "binary", "description": "One file to search with."}
    return {
        **wanted,
        "title": "Upload",
        "description": "A form: a file to search with, and which hits are wanted.",
        "properties": {"file": file, **wanted["properties"]},
        "required": ["file"],
    }


@router.get("/openapi.json")
async def data(request: Request) -> Response:
    """The description as data."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def page(request: Request) -> Response:
    """The description as a page."""
    return HTMLResponse(
        api_page(request.app.openapi()), headers={"Content-Security-Policy": POLICY}
    )
