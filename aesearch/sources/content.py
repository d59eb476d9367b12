"""One item handed over from outside a source: a file's path, or the content itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aesearch.modalities import Features, Modality
from aesearch.modalities.given import as_given
from aesearch.sources.folder import read_file


class Content(NamedTuple):
    """The content of an item that was handed over.

    Attributes
    ----------
    sample : object
        As the features take it.
    raw : bytes
        Bytes whose digest tells whether two items have the same content.
    path : Path or None
        Of the file, if it came from one.
    """

    sample: Any
    raw: bytes
    path: Path | None


def read_content(modality: Modality, features: Features, content: Any) -> Content:
    """Read one item.

    Raises
    ------
    ContentError
        If it cannot be read.
    """
    content = as_given(content)
    path = modality.path_of(content)
    if path is None:
        return Content(*modality.sample(features, content), None)
    return Content(*modality.sample(features, read_file(path), path.name), path)


def cropped(modality: Modality, features: Features, content: Any, crop: Sequence[float]) -> Any:
    """A part of a picture; the content as it is where that is all of it.

    Raises
    ------
    UnsupportedError
        If the kind has no parts.
    ParameterError
        If there is no such part.
    ContentError
        If it cannot be read.
    """
    content = as_given(content)
    path = modality.path_of(content)
    if path is None:
        part = modality.cropped(features, content, crop)
    else:
        part = modality.cropped(features, read_file(path), crop, path.name)
    return content if part is None else part
