"""Codes in the form of OpenAI's API, which most clients of embeddings know: a model is an index."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import APIRouter, Request

from aesearch.errors import AesearchError, ParameterError, UnsupportedError
from aesearch.service import models
from aesearch.service.asking import decoded, file_of
from aesearch.service.problems import PROBLEMS
from aesearch.service.state import Service, ask, do

if TYPE_CHECKING:
    from aesearch.search.index import Index

router = APIRouter(prefix="/v1", tags=["embeddings"], responses=PROBLEMS)
MOST_INPUTS = 2048


@router.get("/models")
async def list_models(request: Request) -> models.Models:
    """Return the indexes whose encoders make embeddings."""
    service = Service.of(request)

    def look() -> list[models.Model]:
        found = []
        for name in service.shelf.places():
            try:
                with service.shelf.lease(name) as index:
                    found.append(models.Model(id=name, created=_created(index)))
            except (AesearchError, OSError):  # GET /v1/indexes says why
                continue
        return found

    return models.Models(data=await do(request, look))


def _created(index: Index) -> int:
    return int(index.folder.card.created_at)


@router.post("/embeddings")
async def embed(request: Request, asked: models.EmbeddingRequest) -> models.Embeddings:
    """Return the codes of texts, or of pictures as data: URLs, of unit length."""
    inputs = [asked.input] if isinstance(asked.input, str) else asked.input
    if not 1 <= len(inputs) <= MOST_INPUTS:
        raise ParameterError(f"input is 1 to {MOST_INPUTS:,} texts; got {len(inputs):,}")
    pixels = Service.of(request).options.limits.pixels

    def encode(index: Index) -> models.Embeddings:
        codes = index.encode([_content(index, one, pixels) for one in inputs])
        if asked.dimensions not in (None, codes.shape[1]):
            raise UnsupportedError(
                f"codes of {index.name} have {codes.shape[1]} dimensions, and not "
                f"{asked.dimensions}"
            )
        # As others count them: some four letters are a token.
        tokens = sum(-(-len(one) // 4) for one in inputs) if index.folder.modality.has_words else 0
        return models.Embeddings(
            data=[
                models.Embedding(index=n, embedding=_told(code, asked.encoding_format))
                for n, code in enumerate(codes)
            ],
            model=asked.model,
            usage=models.Usage(prompt_tokens=tokens, total_tokens=tokens),
        )

    return await ask(request, asked.model, encode)


def _content(index: Index, given: str, pixels: int) -> Any:
    modality = index.folder.modality
    if modality.has_words:
        return given
    if not given.startswith("data:"):
        raise UnsupportedError(
            f"{index.name} is an index of {modality.noun}s: an input is a data: URL of one"
        )
    return file_of(index, decoded(given), pixels)


def _told(code: Any, form: str) -> list[float] | str:
    """A code as numbers, or its little-endian 32-bit floats in base64."""
    if form == "base64":
        return base64.b64encode(np.asarray(code, dtype="<f4").tobytes()).decode("ascii")
    numbers: list[float] = np.asarray(code, dtype=np.float64).tolist()
    return numbers
