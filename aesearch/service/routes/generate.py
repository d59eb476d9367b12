"""Pictures out of codes: reconstructions, the way between two, samples."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request

from aesearch.errors import UnknownKeyError, UnsupportedError
from aesearch.service import models
from aesearch.service.asking import content_of
from aesearch.service.contents import content_of as content_of_item
from aesearch.service.contents import item_of
from aesearch.service.problems import PROBLEMS
from aesearch.service.state import Name, Service, ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aesearch.search.index import Index
    from aesearch.types import Array

router = APIRouter(prefix="/v1/indexes", tags=["generating"], responses=PROBLEMS)


@router.post("/{name}/reconstruct")
async def reconstruct(request: Request, name: Name, asked: models.Reconstruct) -> models.Pictures:
    """Encode pictures and decode the codes again: what the encoder keeps of each."""
    pixels = Service.of(request).options.limits.pixels

    def make(index: Index) -> models.Pictures:
        made, errors = index.generate.reconstruct(
            [_picture(index, part, pixels) for part in asked.like]
        )
        return _pictures(index, name, made, errors.tolist())

    return await ask(request, name, make)


@router.post("/{name}/between")
async def between(request: Request, name: Name, asked: models.Between) -> models.Pictures:
    """Return pictures in equal steps from one picture to another."""
    pixels = Service.of(request).options.limits.pixels

    def make(index: Index) -> models.Pictures:
        ends = [_picture(index, part, pixels) for part in (asked.first, asked.second)]
        return _pictures(index, name, index.generate.interpolate(*ends, steps=asked.steps))

    return await ask(request, name, make)


@router.post("/{name}/sample")
async def sample(request: Request, name: Name, asked: models.Sample) -> models.Pictures:
    """Return new pictures, drawn at random as the encoder has learned them."""

    def make(index: Index) -> models.Pictures:
        made = index.generate.sample(asked.count, seed=asked.seed, group=asked.group)
        return _pictures(index, name, made)

    return await ask(request, name, make)


def _picture(index: Index, part: models.Part, pixels: int) -> bytes:
    """The content of a picture that was sent, or of an item, which may be served."""
    if part.crop is not None:
        raise UnsupportedError("crop is for searching; send the part that is meant")
    if part.key is None:
        content: Any = content_of(index, part, pixels)
        if not isinstance(content, bytes):
            raise UnsupportedError("pictures are made of an image, or of the key of an item")
        return content
    ids = index.folder.ids_of([part.key])
    if part.key not in ids:
        raise UnknownKeyError(f"there is no item '{part.key}' in {index.name}")
    return content_of_item(index, item_of(index, ids[part.key])).data


def _pictures(
    index: Index, name: str, made: Array, errors: Sequence[float] = ()
) -> models.Pictures:
    from aesearch.reports.grid import picture_of

    told = []
    for number, pixels in enumerate(made):
        stream = io.BytesIO()
        picture_of(pixels).save(stream, "PNG")
        error = errors[number] if errors else None
        image = base64.b64encode(stream.getvalue()).decode("ascii")
        told.append(models.Picture(image=image, error=error))
    return models.Pictures(index=name, revision=index.revision.number, pictures=told)
