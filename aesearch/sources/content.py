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
    held, name, path = _held(modality, as_given(content))
    return Content(*modality.sample(features, held, name), path)


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
    held, name, _ = _held(modality, content)
    part = modality.cropped(features, held, crop, name)
    return content if part is None else part


def _held(modality: Modality, content: Any) -> tuple[Any, str, Path | None]:
    """What is to be read, of a file its bytes, with its name and path."""
    path = modality.path_of(content)
    return (content, "", None) if path is None else (read_file(path), path.name, path)
