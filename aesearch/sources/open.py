"""A path becomes a source."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from aesearch.errors import SourceError
from aesearch.sources.base import STANDARD_INPUT, Source
from aesearch.sources.folder import Folder
from aesearch.sources.records import is_table
from aesearch.sources.table import Columns, Table


def open_source(
    place: str | Path, columns: Columns | None = None, stream: TextIO | None = None
) -> Source:
    """Return the source that a path means: a folder, a table, or '-' for standard input."""
    if str(place) == STANDARD_INPUT:
        return Table(None, columns, stream)
    path = Path(place)
    if path.is_file() and is_table(path.name):
        return Table(path, columns)
    if columns:
        raise SourceError(f"{path} is no table (.csv, .tsv, .jsonl), so it has no columns")
    return Folder(path)
