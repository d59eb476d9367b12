"""What is searched with as JSON: files are read here, and their content is sent."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from aesearch.errors import ContentError, ParameterError, UnsupportedError
from aesearch.modalities import Modality
from aesearch.modalities.given import as_given
from aesearch.search.hits import Limits
from aesearch.search.query import Query
from aesearch.search.together import Crop, Example, named
from aesearch.sources.base import as_key
from aesearch.sources.folder import read_file

Part = Mapping[str, Any]  # exactly one of text, image, document and vector


def query_of(
    modality: Modality, content: Any, *, literal: bool = False, crop: Crop | None = None
) -> Query:
    """Read what is searched with; `Query.content` is what is sent.

    Raises
    ------
    ContentError
        If a file cannot be read.
    ParameterError
        If it is nothing of this kind.
    UnsupportedError
        If there is a crop, and the kind has no parts.
    """
    if isinstance(content, Query):
        if not isinstance(content.content, Mapping):
            raise ParameterError("a query of another index cannot be sent; prepare it by this one")
        return content
    if isinstance(content, Example):
        content, crop = content.content, crop if content.crop is None else content.crop
    part = part_of(modality, content, crop)
    text = part.get("text")
    query = Query(None, b"", text=text, typed=text is not None, literal=literal, content=part)
    if literal and text is not None:
        query.content = {**part, "literal": True}
    return query


def parts_of(modality: Modality, given: Sequence[Example], side: str) -> list[Part]:
    """Examples as JSON; of several, say which cannot be read."""
    parts: list[Part] = []
    for number, one in enumerate(given):
        weight = {"weight": float(one.weight)}
        if one.key is not None:
            parts.append({"key": as_key(one.key), **weight})
            continue
        with named(side, number) if len(given) > 1 else nullcontext():
            content = one.content if isinstance(one.content, Query) else one
            parts.append({**query_of(modality, content).content, **weight})
    return parts


def part_of(modality: Modality, content: Any, crop: Crop | None = None) -> Part:
    """One content as JSON, as `query_of` takes it."""
    given, name = as_given(content), ""
    if crop is not None and not modality.visual:
        raise UnsupportedError(f"crop is for pictures; this is an index of {modality.noun}s")
    if modality.has_words and isinstance(given, str):
        if not given.strip():
            raise ContentError("the text is empty; give it some words")
        return {"text": given}
    path = modality.path_of(given)
    if path is not None:
        given, name = read_file(path), path.name
    if crop is not None:
        given = _cropped(given, crop, name)
    if isinstance(given, bytes):
        return file_part(modality, given)
    if not modality.takes(given):
        raise ParameterError(f"a query is no {modality.noun}, but of type {type(content).__name__}")
    if modality.visual:
        return {"image": _base64(modality.as_content(given, name))}
    return {"vector": _numbers(given)}


def as_input(part: Part) -> str:
    """One content as the text that embeddings are asked of: a picture, or a vector, as data URL.

    Raises
    ------
    UnsupportedError
        Of the file of a document.
    """
    if "text" in part:
        return str(part["text"])
    if "document" in part:
        raise UnsupportedError("a service encodes texts, and no files of documents")
    if "image" in part:
        return f"data:application/octet-stream;base64,{part['image']}"
    stream = io.BytesIO()
    np.save(stream, np.asarray(part["vector"]))
    return f"data:application/octet-stream;base64,{_base64(stream.getvalue())}"


def _cropped(given: Any, crop: Crop, name: str) -> Any:
    from aesearch.modalities.images.cropping import cropped

    part = cropped(given, crop, name)
    return given if part is None else part


def narrowed(limits: Limits) -> dict[str, Any]:
    """What items may be found, as JSON; what is not asked for is left out."""
    among, left = limits.among, limits.not_among
    return {
        **({} if among is None else {"among": list(among)}),
        **({} if left is None else {"not_among": list(left)}),
        **({} if limits.where is None else {"where": limits.where.text}),
    }


def wanted(limits: Limits) -> dict[str, Any]:
    """How many hits are wanted, and which, as JSON."""
    more = {name: getattr(limits, name) for name in ("threshold", "hybrid", "copies")}
    given = {name: value for name, value in more.items() if value is not None}
    return {"k": limits.k, "offset": limits.offset, **narrowed(limits), **given}


def file_part(modality: Modality, content: bytes) -> Part:
    """The content of a file as JSON."""
    if not content:
        raise ContentError("the file is empty")
    if modality.visual:
        return {"image": _base64(content)}
    if modality.has_words:
        return {"document": _base64(content)}
    from aesearch.modalities.vectors.features import array_of

    rows = array_of(content)
    row = rows[0] if rows.ndim == 2 and len(rows) == 1 else rows
    if row.ndim != 1:
        raise ContentError(f"it is of shape {rows.shape}; give one vector")
    return {"vector": _numbers(row)}


def _numbers(row: Any) -> list[float]:
    """Numbers as JSON has them; it has none that are not finite."""
    values = np.asarray(row, dtype=np.float64)
    good = np.isfinite(values)
    if not good.all():
        place = int(good.argmin())
        raise ContentError(f"number {place} of it is {values[place]}; all must be finite floats")
    numbers: list[float] = values.tolist()
    return numbers


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
