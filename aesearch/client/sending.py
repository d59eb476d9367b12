"""What is searched with as JSON: files are read here, and their content is sent."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.errors import ContentError, ParameterError
from aesearch.modalities import Modality
from aesearch.modalities.given import as_given
from aesearch.search.query import Query
from aesearch.sources.folder import read_file

Part = Mapping[str, Any]  # exactly one of text, image, document and vector


def query_of(modality: Modality, content: Any, *, literal: bool = False) -> Query:
    """Read what is searched with; `Query.content` is what is sent.

    Raises
    ------
    ContentError
        If a file cannot be read.
    ParameterError
        If it is nothing of this kind.
    """
    if isinstance(content, Query):
        if not isinstance(content.content, Mapping):
            raise ParameterError("a query of another index cannot be sent; prepare it by this one")
        return content
    part = part_of(modality, content)
    text = part.get("text")
    query = Query(None, b"", text=text, typed=text is not None, literal=literal, content=part)
    if literal and text is not None:
        query.content = {**part, "literal": True}
    return query


def part_of(modality: Modality, content: Any) -> Part:
    """One content as JSON, as `query_of` takes it."""
    given = as_given(content)
    if modality.has_words and isinstance(given, str):
        if not given.strip():
            raise ContentError("the text is empty; give it some words")
        return {"text": given}
    path = modality.path_of(given)
    if path is not None:
        return file_part(modality, read_file(path), path)
    if isinstance(given, bytes):
        return file_part(modality, given)
    if not modality.takes(given):
        raise ParameterError(f"a query is no {modality.noun}, but of type {type(content).__name__}")
    if modality.visual:
        return {"image": _base64(modality.as_content(given, ""))}
    return {"vector": _numbers(given)}


def file_part(modality: Modality, content: bytes, path: Path | None = None) -> Part:
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
        where = f" ({path})" if path else ""
        raise ContentError(f"it is of shape {rows.shape}; give one vector{where}")
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
