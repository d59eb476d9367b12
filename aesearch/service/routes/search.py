"""The search: by JSON, or by a file that is uploaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from aesearch.errors import ParameterError
from aesearch.modalities.notes import collected_notes
from aesearch.service import models, telling
from aesearch.service.asking import content_of, file_of, limits_of, only_part
from aesearch.service.problems import PROBLEMS, TellingError
from aesearch.service.state import Name, Service, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from aesearch.search.explain import Explanation
    from aesearch.search.index import Index

router = APIRouter(prefix="/v1/indexes", tags=["search"], responses=PROBLEMS)
Asked = TypeVar("Asked", bound=BaseModel)
SEVERAL = {"among", "not_among"}  # fields of a form that may be repeated
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Search"}},
            "multipart/form-data": {"schema": {"$ref": "#/components/schemas/Upload"}},
        },
    }
}


@router.post("/{name}/search", openapi_extra=BODY, response_model=models.Answer)
async def search(request: Request, name: Name) -> Response:
    """Find the items most similar to what is sent: JSON, or a form with one file."""
    pixels = Service.of(request).options.limits.pixels
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        wanted, content = await _uploaded(request)

        def find(index: Index) -> models.Answer:
            return _by_content(index, name, file_of(index, content, pixels), wanted)
    elif kind == "application/json":
        asked = read(models.Search, await request.body())
        part = only_part(asked)

        def find(index: Index) -> models.Answer:
            if part.key is not None:
                return _by_key(index, name, part.key, asked)
            return _by_content(index, name, content_of(index, part, pixels), asked)
    else:
        raise TellingError(415, "application/json or multipart/form-data is taken")
    found = await ask(request, name, find)
    return Response(found.model_dump_json(), media_type="application/json")


def read(model: type[Asked], body: bytes) -> Asked:
    """Read JSON; raises RequestValidationError."""
    return _checked(lambda: model.model_validate_json(body))


def _checked(make: Callable[[], Asked]) -> Asked:
    try:
        return make()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(faults) from error


async def _uploaded(request: Request) -> tuple[models.Wanted, bytes]:
    """What a form asks for, and the content of its file."""
    async with request.form(max_files=1, max_fields=64, max_part_size=64 << 10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise TellingError(422, "the form has no file; it is called 'file'")
        fields: dict[str, Any] = {
            field: form.getlist(field) if field in SEVERAL else form[field]
            for field in form
            if field != "file"
        }
        return _checked(lambda: models.Wanted.model_validate(fields)), await file.read()


def _by_key(index: Index, name: str, key: str, wanted: models.Wanted) -> models.Answer:
    if wanted.hybrid or wanted.copies:
        raise ParameterError("a key is searched by its code: leave out hybrid and copies")
    found = index.similar(key, wanted.k + wanted.offset, **limits_of(wanted))[wanted.offset :]
    why = [index.explain_similar(key, hit.key) for hit in found] if wanted.explain else []
    return _answer(index, name, found, why)


def _by_content(index: Index, name: str, content: Any, wanted: models.Wanted) -> models.Answer:
    with collected_notes() as taken:
        query = index.prepare(content)
    limits = limits_of(wanted) | {"hybrid": wanted.hybrid, "copies": wanted.copies}
    found = index.search(query, wanted.k + wanted.offset, **limits)[wanted.offset :]
    why = [index.explain(query, hit.key) for hit in found] if wanted.explain else []
    notes = [*taken, *(index.notes(query) if query.typed else ())]
    unknown = index.unknown_words(query, hybrid=wanted.hybrid) if query.typed else []
    return _answer(index, name, found, why, notes=notes, unknown_words=unknown)


def _answer(
    index: Index, name: str, found: list[Any], why: list[Explanation], **more: list[str]
) -> models.Answer:
    return models.Answer(
        index=name, revision=index.revision.number, hits=telling.hits(index, found, why), **more
    )
