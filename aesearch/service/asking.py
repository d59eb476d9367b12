"""From what a client sent to what `Index` takes: content alone, never a path of this machine."""

from __future__ import annotations

import base64
import binascii
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.errors import ContentError, UnsupportedError
from aesearch.service.problems import TellingError

if TYPE_CHECKING:
    from aesearch.search.index import Index
    from aesearch.service.models import Part, Search, Wanted

LATER = ("not_among", "where")  # what this version does not know yet


def content_of(index: Index, part: Part, pixels: int) -> Any:
    """What a part holds, as `Index.search` takes it; of a key, its own text.

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
        return index.prepare(part.text, literal=part.literal)
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
    """The keyword arguments of a search that were given, but for the number of hits.

    Raises
    ------
    UnsupportedError
        If one is not known yet.
    """
    for name in LATER:
        if getattr(wanted, name) is not None:
            raise UnsupportedError(f"{name} is not known to this version of the service yet")
    return {"among": wanted.among, "threshold": wanted.threshold}


def only_part(search: Search) -> Part:
    """The one thing that is searched with.

    Raises
    ------
    UnsupportedError
        If there are several, or what asks for several.
    """
    part = search.like[0]
    if len(search.like) > 1 or search.unlike:
        raise UnsupportedError("several queries as one are not known to this version yet")
    if part.crop is not None:
        raise UnsupportedError("crop is not known to this version yet")
    return part
