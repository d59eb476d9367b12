"""A path becomes a source."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from aesearch.errors import SourceError
from aesearch.modalities import MODALITIES, modality
from aesearch.modalities.notes import collected_notes
from aesearch.sources.base import IN_MEMORY, STANDARD_INPUT, Source
from aesearch.sources.columns import Columns
from aesearch.sources.folder import Folder
from aesearch.sources.mailbox import Mailbox, may_be_mailbox
from aesearch.sources.packed import unpacked
from aesearch.sources.replayed import Replayed


def open_source(
    place: str | Path,
    columns: Columns | None = None,
    stream: IO[Any] | None = None,
    kind: str = "auto",
    encoding: str = "",
) -> Source:
    """The source that a path means: a folder, one file, or '-' for standard input.

    Parameters
    ----------
    place : str or Path
    columns : Columns, optional
        What was chosen of a table, or of an array.
    stream : text file, optional
        Standard input.
    kind : str
        Name of the modality that it holds; 'auto' finds out.
    encoding : str
        Of what is not UTF-8; '' finds out.

    Raises
    ------
    SourceError, ParameterError
    """
    if str(place) == IN_MEMORY:
        raise SourceError(
            "the index was made of an array in memory, which is gone; give it again: "
            "aesearch.build(array, path)"
        )
    path = None if str(place) == STANDARD_INPUT else Path(place)
    if (path is None or path.is_file()) and (
        found := _opened(path, columns, stream, kind, encoding)
    ):
        return found
    chosen = columns is not None and columns.is_chosen
    if path and path.is_file() and not chosen and may_be_mailbox(str(path), path.name):
        mailbox = Mailbox(path)
        mailbox.encoding = encoding
        return mailbox
    if chosen:
        raise SourceError(
            f"{place} is no table (.csv, .tsv, .jsonl, .json, .parquet) or array, so it has no "
            "columns"
        )
    folder = Folder(Path(place))
    folder.encoding = encoding
    return folder


def _opened(
    path: Path | None, columns: Columns | None, stream: IO[Any] | None, kind: str, encoding: str
) -> Source | None:
    """Sources that the kinds which can be in one file make of it: those of the latest kind first.

    A table that holds vectors may be one of documents as well, but not the other way round.
    """
    if path is None and stream is not None:
        stream = unpacked(stream)
        stream = Replayed.of(stream) if kind == "auto" else stream
    able = [name for name in reversed(MODALITIES) if "source" in modality(name).parts]
    asked = [name for name in able if name == kind]
    for name in dict.fromkeys([*asked, *able]):
        with collected_notes():  # what is looked at is read again
            opened: Source | None = modality(name).part("source")(
                path, columns or Columns(), stream, wanted=kind == name, encoding=encoding
            )
        if opened is not None:
            return opened
    return None
