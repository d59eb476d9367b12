"""From what a client sent to what `Index` takes: content alone, never a path of this machine."""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.errors import ContentError, UnsupportedError
from aesearch.search.together import Example
from aesearch.service.problems import TellingError

if TYPE_CHECKING:
    from aesearch.search.index import Index
    from aesearch.service.models import Part, Wanted


def content_of(index: Index, part: Part, pixels: int) -> Any:
    """What a part holds, as `Index.search` takes it.

    A str is a path to some kinds, so it is handed on to those alone that take it for text.

    Parameters
    ----------
    index : Index
    part : Part
        Of no key.
    pixels : int
        Most of a picture.

    Raises
    ------
    UnsupportedError
        If items of this kind are not searched so.
    ContentError
        If it cannot be read.
    """
    modality, noun = index.folder.modality, index.folder.modality.noun
    if part.text is not None:
        if not modality.has_words:
            raise UnsupportedError(f"{index.name} is an index of {noun}s; text finds none of them")
        return part.text
    if part.vector is not None:
        vector = np.asarray(part.vector, dtype=np.float64)
        if not modality.takes(vector):
            raise UnsupportedError(f"{index.name} is an index of {noun}s; a vector finds none")
        return vector
    if part.image is not None and not modality.visual:
        raise UnsupportedError(f"{index.name} is an index of {noun}s; an image finds none of them")
    if part.document is not None and not modality.has_words:
        raise UnsupportedError(f"{index.name} is an index of {noun}s; a document finds none")
    return file_of(index, decoded(part.image or part.document or ""), pixels)


def file_of(index: Index, content: bytes, pixels: int) -> bytes:
    """The content of a file that was sent.

    Raises
    ------
    TellingError
        413 of a picture of too many pixels, before any is decoded.
    """
    if not content:
        raise ContentError("the file is empty")
    if index.folder.modality.visual:
        require_pixels(content, pixels)
    return content


def require_pixels(content: bytes, pixels: int) -> None:
    """Raise TellingError (413) if a picture, by its header, has more pixels than that."""
    from aesearch.modalities.images.pixels import size_of

    size = size_of(io.BytesIO(content))
    if size is not None and size[0] * size[1] > pixels:
        raise TellingError(
            413, f"the picture has {size[0]} x {size[1]} pixels; {pixels:,} are taken"
        )


def decoded(text: str) -> bytes:
    """The bytes of base64, of the URL's alphabet too, or of a data: URL.

    Raises
    ------
    ContentError
    """
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise ContentError("a data: URL must be in base64")
    try:
        compact = "".join(text.split()).replace("-", "+").replace("_", "/")
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ContentError(f"the base64 cannot be read: {error}") from error


def limits_of(wanted: Wanted) -> dict[str, Any]:
    """Which hits are wanted, as keyword arguments of `Index.similar` and `Index.search`."""
    names = ("k", "offset", "among", "not_among", "where", "threshold")
    return {name: getattr(wanted, name) for name in names}


def example_of(index: Index, part: Part, pixels: int) -> Example:
    """One of the things that are searched with, read."""
    if part.key is not None:
        return Example(key=part.key, weight=part.weight)
    query = index.prepare(content_of(index, part, pixels), crop=part.crop)
    return Example(replace(query, literal=part.literal), weight=part.weight)
