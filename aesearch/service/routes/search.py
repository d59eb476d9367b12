"""The search: by JSON, or by a file that is uploaded."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from aesearch.errors import ParameterError
from aesearch.modalities.notes import collected_notes
from aesearch.search.together import Example, named
from aesearch.service import models, telling
from aesearch.service.asking import example_of, file_of, limits_of
from aesearch.service.problems import PROBLEMS, TellingError
from aesearch.service.state import Name, Service, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from aesearch.search.explain import Explanation
    from aesearch.search.hits import Hit
    from aesearch.search.index import Index
    from aesearch.search.query import Query

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
            return _by_file(index, name, file_of(index, content, pixels), wanted)
    elif kind == "application/json":
        asked = read(models.Search, await request.body())

        def find(index: Index) -> models.Answer:
            return _by_parts(index, name, asked, pixels)
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


def _by_parts(index: Index, name: str, asked: models.Search, pixels: int) -> models.Answer:
    """Search with one thing, or with several as one."""
    first = asked.like[0]
    if first.key is not None and len(asked.like) == 1 and not asked.unlike:
        return _by_key(index, name, first.key, asked)
    with collected_notes() as notes:
        likes = list(_examples(index, "like", asked.like, pixels))
        unlikes = list(_examples(index, "unlike", asked.unlike, pixels))
    return _by_examples(index, name, likes, unlikes, asked, notes)


def _by_file(index: Index, name: str, content: bytes, wanted: models.Wanted) -> models.Answer:
    with collected_notes() as notes:
        query = index.prepare(content)
    return _by_examples(index, name, [Example(query)], [], wanted, notes)


def _examples(
    index: Index, side: str, parts: Sequence[models.Part], pixels: int
) -> Iterator[Example]:
    for number, part in enumerate(parts):
        with named(side, number) if len(parts) > 1 else nullcontext():
            yield example_of(index, part, pixels)


def _by_key(index: Index, name: str, key: str, wanted: models.Wanted) -> models.Answer:
    if wanted.hybrid or wanted.copies:
        raise ParameterError("a key is searched by its code: leave out hybrid and copies")
    found = index.similar(key, **limits_of(wanted))
    why = [index.explain_similar(key, hit.key) for hit in found] if wanted.explain else []
    return _answer(index, name, found, why)


def _by_examples(
    index: Index,
    name: str,
    likes: Sequence[Example],
    unlikes: Sequence[Example],
    wanted: models.Wanted,
    notes: Iterable[str],
) -> models.Answer:
    if wanted.explain and (len(likes) > 1 or unlikes):
        raise ParameterError("explain is for one query alone, without unlike")
    queries: list[Query] = [one.content for one in likes if one.key is None]
    typed = [query for query in queries if query.typed]
    limits = {**limits_of(wanted), "hybrid": wanted.hybrid, "copies": wanted.copies}
    found = index.search(like=likes, unlike=unlikes or None, **limits)
    why = [index.explain(queries[0], hit.key) for hit in found] if wanted.explain else []
    said = [*notes, *(note for query in typed for note in index.notes(query))]
    unknown = [w for query in typed for w in index.unknown_words(query, hybrid=wanted.hybrid)]
    return _answer(index, name, found, why, notes=said, unknown_words=unknown)


def _answer(
    index: Index, name: str, found: list[Hit], why: list[Explanation], **more: list[str]
) -> models.Answer:
    return models.Answer(
        index=name, revision=index.revision.number, hits=telling.hits(index, found, why), **more
    )
