"""One item that a person or a program hands over: a file's path, or the content itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from aesearch.modalities import Features, Modality
from aesearch.sources.folder import read_file


class Content(NamedTuple):
    """What was handed over, read.

    Attributes
    ----------
    sample : object
        As the features take it.
    raw : bytes
        By which it is known whether two are the same.
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
    path = modality.path_of(content)
    if path is None:
        return Content(*modality.sample(features, content), None)
    return Content(*modality.sample(features, read_file(path), path.name), path)
