"""The items of an index: rows, content, thumbnails, what is similar, and why."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from aesearch.errors import ParameterError
from aesearch.search.occlusion import occlusion
from aesearch.service import models, telling
from aesearch.service.asking import content_of as content_of_part
from aesearch.service.asking import require_pixels
from aesearch.service.contents import Content, content_of, item_of, thumbnail_of
from aesearch.service.problems import PROBLEMS
from aesearch.service.state import Id, Name, Service, ask

if TYPE_CHECKING:
    from aesearch.search.index import Index
    from aesearch.storage.schema import Item

router = APIRouter(prefix="/v1/indexes/{name}/items", tags=["items"], responses=PROBLEMS)
Globs = Annotated[list[str] | None, Query(description="Globs on keys.", max_length=100)]
Condition = Annotated[str | None, Query(max_length=10_000, description="year < 1700, say.")]
Top = Annotated[int, Query(ge=1, le=models.MOST_HITS)]
Offset = Annotated[int, Query(ge=0, le=1 << 53)]
BYTES = {"schema": {"type": "string", "format": "binary"}}
ANY = {"description": "The file.", "content": {"*/*": BYTES}}
JPEG = {"description": "The picture.", "content": {"image/jpeg": BYTES}}
UNCHANGED = {"description": "It is as it was."}
# Of content that anybody may have made: it runs nothing, wherever it is opened.
BOXED = {"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private"}


@router.get("")
async def list_items(
    request: Request,
    name: Name,
    key: Annotated[str | None, Query(max_length=8192, description="Only the item of it.")] = None,
    among: Globs = None,
    not_among: Globs = None,
    where: Condition = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=models.MOST_ITEMS)] = 100,
) -> models.ItemPage:
    """Return items in the order of their ids, a page at a time."""
    chosen: dict[str, Any] = {"among": among, "not_among": not_among, "where": where}

    def look(index: Index) -> models.ItemPage:
        total, rows = _rows(index, key, offset, limit, chosen)
        return models.ItemPage(
            index=name,
            revision=index.revision.number,
            total=total,
            offset=offset,
            items=[telling.item(row) for row in rows],
        )

    return await ask(request, name, look)


def _rows(
    index: Index, key: str | None, offset: int, limit: int, chosen: Any
) -> tuple[int, list[Item]]:
    if key is None:
        return index.count(**chosen), list(index.items(**chosen, offset=offset, limit=limit))
    rows = index.folder.items_of(index.folder.ids_of([key]).values())
    return len(rows), rows[offset : offset + limit]


@router.get("/{id}")
async def item(request: Request, name: Name, id: Id) -> models.ItemDetails:
    """Return one item and what is kept of it: of a document the text, of a vector the fields."""
    return await ask(request, name, lambda index: telling.details(index, name, item_of(index, id)))


@router.get("/{id}/content", response_class=Response, responses={200: ANY})
async def content(request: Request, name: Name, id: Id) -> Response:
    """Return the file of an item, or what the index keeps of one that has none."""
    found: Content = await ask(request, name, lambda index: content_of(index, item_of(index, id)))
    headers = {**BOXED, "Content-Disposition": found.disposition}
    return Response(found.data, media_type=found.media_type, headers=headers)


@router.get("/{id}/thumbnail", response_class=Response, responses={200: JPEG, 304: UNCHANGED})
async def thumbnail(
    request: Request,
    name: Name,
    id: Id,
    size: Annotated[int, Query(ge=16, le=1024, description="Pixels of the longer side.")] = 256,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return a picture in a square of so many pixels, as JPEG."""
    pixels = Service.of(request).options.limits.pixels

    def draw(index: Index) -> tuple[str, bytes]:
        row = item_of(index, id)
        tag = f'"{row.digest.hex()}-{size}"'
        return tag, b"" if if_none_match == tag else thumbnail_of(index, row, size, pixels)

    tag, drawn = await ask(request, name, draw)
    headers = {**BOXED, "ETag": tag, "Cache-Control": "private, max-age=3600"}
    if not drawn:
        return Response(status_code=304, headers=headers)
    return Response(drawn, media_type="image/jpeg", headers=headers)


@router.get("/{id}/similar")
async def similar(
    request: Request,
    name: Name,
    id: Id,
    k: Top = 10,
    offset: Annotated[int, Query(ge=0, le=10 * models.MOST_HITS)] = 0,
    among: Globs = None,
    not_among: Globs = None,
    where: Condition = None,
    threshold: Annotated[float | None, Query(allow_inf_nan=False)] = None,
) -> models.Answer:
    """Return the items most similar to one of the index; its file is not read."""
    chosen: dict[str, Any] = {"among": among, "not_among": not_among, "where": where}

    def find(index: Index) -> models.Answer:
        key = item_of(index, id).key
        found = index.similar(key, k, offset=offset, threshold=threshold, **chosen)
        hits = telling.hits(index, found)
        return models.Answer(index=name, revision=index.revision.number, hits=hits)

    return await ask(request, name, find)


@router.get("/{id}/explain")
async def explain(
    request: Request,
    name: Name,
    id: Id,
    text: Annotated[str | None, Query(min_length=1, max_length=models.MOST_TEXT)] = None,
    other: Annotated[int | None, Query(ge=0, lt=1 << 63, description="Id of an item.")] = None,
    top: Annotated[int, Query(ge=0, le=100)] = 8,
) -> models.Reason:
    """Say why a document is a hit for a text, or why two documents, or pictures, are similar."""
    pixels = Service.of(request).options.limits.pixels
    return await ask(request, name, partial(_reason, name, id, text, other, top, pixels))


def _reason(
    name: str, id: int, text: str | None, other: int | None, top: int, pixels: int, index: Index
) -> models.Reason:
    key = item_of(index, id).key
    if (text is None) == (other is None):
        raise ParameterError("explain takes either a text or other, the id of another item")
    compared = None if other is None else item_of(index, other).key
    if compared is not None and index.folder.modality.visual:
        data = content_of(index, item_of(index, id)).data
        require_pixels(data, pixels)
        return models.Reason(
            index=name,
            revision=index.revision.number,
            key=key,
            other=compared,
            occlusion=occlusion(index, data, compared).tolist(),
        )
    if compared is not None:
        why = index.explain_similar(compared, key, top)
    else:  # to some kinds a str is a path, and is not handed on to them
        why = index.explain(content_of_part(index, models.Part(text=text), 0), key, top)
    return models.Reason(
        index=name,
        revision=index.revision.number,
        key=key,
        other=compared,
        why=telling.explanation(why),
    )
