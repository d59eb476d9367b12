"""Errors as problem documents (RFC 9457): the message of the library, and the status that fits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from aesearch import errors
from aesearch.service.models import Problem

MEDIA_TYPE = "application/problem+json"
REFERENCE = "#/components/schemas/Problem"
MOST_FAULTS = 20  # of one request that are listed
request_id: ContextVar[str] = ContextVar("request_id", default="")
log = logging.getLogger("aesearch.service")

# The first class that fits; all else is 500, which a client is told nothing of.
STATUS: tuple[tuple[type[Exception], int], ...] = (
    (errors.UnknownKeyError, 404),
    (errors.IndexNotFoundError, 404),
    (errors.IndexExistsError, 409),
    (errors.LockedError, 409),
    (errors.UnreachableError, 503),
    (errors.StorageError, 503),
    (errors.DamagedError, 503),
    (errors.FormatError, 503),
    (errors.AesearchError, 422),
    (OSError, 503),
    (MemoryError, 503),
)
LATER: dict[type[Exception], int] = {errors.LockedError: 5, errors.ClosedError: 1}
AGAIN = 30  # seconds after which what failed of the machine may be tried again

# What routes say of their errors in the description of the API.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE}}}}
    for status, text in {
        400: "The body or the Host header cannot be understood.",
        401: "A token is missing, or is another.",
        403: "Not allowed: of another origin, or of a server that only reads.",
        404: "No such index, item or job.",
        408: "The body took too long to arrive.",
        409: "Another process writes, or something of this name is there.",
        413: "The body, or a picture in it, is too large.",
        415: "The body is of no kind that is taken here.",
        422: "What was asked is not valid, cannot be read, or means nothing here.",
        429: "This client has too many queries, or too many jobs, under way.",
        503: "Too busy, too slow, or the index cannot be read; Retry-After says when to ask again.",
    }.items()
}


class TellingError(HTTPException):
    """An error of the service itself, with what to tell."""

    def __init__(self, status: int, detail: str, *, later: int | None = None) -> None:
        super().__init__(status, detail, None if later is None else {"Retry-After": str(later)})


def problem(
    status: int,
    detail: str,
    *,
    error: str | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """Make a problem document."""
    content = _document(status, detail, error, **more).model_dump(exclude_none=True)
    return JSONResponse(content, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _document(status: int, detail: str, error: str | None, **more: Any) -> Problem:
    return Problem(
        type=f"urn:aesearch:error:{error}" if error else "about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        error=error,
        request=request_id.get() or None,
        **more,
    )


def as_problem(error: Exception) -> Problem:
    """What is told of any error; what is no message of the library is only in the log."""
    told: Problem | None = getattr(error, "problem", None)  # by a process of its own
    if told is not None:
        return told
    if isinstance(error, HTTPException):
        return _document(error.status_code, str(error.detail), None)
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    if status == 500:
        log.error("a fault in request %s", request_id.get(), exc_info=error)
        return _document(500, "the server has a fault; its log has more on this request", None)
    if status == 503:
        log.warning("request %s: %s", request_id.get(), error)
    if isinstance(error, errors.AesearchError):
        return _document(status, str(error), type(error).__name__)
    return _document(status, "the system failed; the log of the server has more", None)


def of_error(error: Exception) -> Response:
    """The problem document of any error."""
    told = as_problem(error)
    headers = dict(getattr(error, "headers", None) or {})
    if told.status in (409, 503):
        headers.setdefault("Retry-After", str(_later(error)))
    content = told.model_dump(exclude_none=True)
    return JSONResponse(content, told.status, headers=headers, media_type=MEDIA_TYPE)


def _later(error: Exception) -> int:
    return next((s for kind, s in LATER.items() if isinstance(error, kind)), AGAIN)


def of_validation(faults: list[Any]) -> Response:
    """The problem document of a request that is not as described; what was sent is not repeated."""
    listed = [
        {"at": ".".join(map(str, one["loc"])), "says": _without_prefix(one["msg"])}
        for one in faults[:MOST_FAULTS]
    ]
    first = listed[0]
    detail = f"{first['at']}: {first['says']}" if first["at"] else first["says"]
    return problem(422, detail, error="ParameterError", faults=listed)


def _without_prefix(message: str) -> str:
    return message.removeprefix("Value error, ")


def install(app: FastAPI) -> None:
    """Let an application answer every error so; those that nobody foresaw are the journal's."""

    async def on_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return of_validation(list(error.errors()))

    async def on_error(_: Request, error: Exception) -> Response:
        return of_error(error)

    app.add_exception_handler(RequestValidationError, on_validation)
    for kind in (HTTPException, errors.AesearchError, OSError, MemoryError):
        app.add_exception_handler(kind, on_error)
