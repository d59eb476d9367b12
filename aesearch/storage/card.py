"""``index.json``, the metadata of an index: its source and settings. It makes a folder an index.

Formats: 1 had pictures only, and called the kind of FAISS index ``kind``; 2 has documents too; 3
has vectors. An index is written in the first format that can hold its kind, so that older
versions go on reading what they can.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aesearch.errors import (
    AesearchError,
    DamagedError,
    FormatError,
    IndexNotFoundError,
    ParameterError,
    StorageError,
    repair_command,
)
from aesearch.modalities import Modality, modality
from aesearch.settings import LARGEST_SEED, Metadata, Settings
from aesearch.sources.columns import Columns
from aesearch.storage.layout import Layout, set_aside, write_atomically

FORMAT = 3  # the newest that can be read


@dataclass(frozen=True)
class Card:
    """The metadata of an index, the content of ``index.json``.

    Attributes
    ----------
    kind : str
        Name of the modality.
    source : str
        Folder or file that was indexed; '-' for standard input.
    settings : Settings
    columns : Columns or None
        Columns of a table that were chosen, and what was taken at first; None where the source is
        no table.
    created_at : float
        Seconds since 1970.
    version : str
        Of the aesearch that made it.
    metadata : Metadata or None
        A table that says something of the files.
    """

    kind: str
    source: str
    settings: Settings
    columns: Columns | None = None
    created_at: float = 0.0
    version: str = ""
    metadata: Metadata | None = None

    @property
    def modality(self) -> Modality:
        """What differs for this kind."""
        return modality(self.kind)

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read ``index.json``.

        Raises
        ------
        IndexNotFoundError, FormatError, DamagedError, StorageError
            There is none; it is of a newer version, or of another program; it is damaged; it
            cannot be looked at.
        """
        try:
            card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(card, dict) and not card.keys() & {"format", "settings", "aesearch"}:
                raise FormatError(f"{path} is of another program: {path.parent} is no index")
            version = int(card["format"])
            if version > FORMAT:
                raise FormatError(
                    f"{path.parent} has format {version}, this aesearch reads up to {FORMAT}; "
                    "upgrade with 'pip install --upgrade aesearch'"
                )
            return cls(
                str(card.get("kind", "images")),
                str(card["source"]),
                _settings(path, dict(card["settings"]), version),
                Columns.of(card["columns"], card.get("taken")) if "columns" in card else None,
                float(card.get("created_at", 0.0)),
                str(card.get("aesearch", "")),
                Metadata.of(card.get("metadata")),
            )
        except (FileNotFoundError, NotADirectoryError) as error:
            if Layout(path.parent).exists():
                raise _damaged(path, "it is missing") from error
            raise IndexNotFoundError(
                f"there is no index at {path.parent}; 'aesearch index SOURCE' makes one, "
                "'aesearch list' shows those that exist"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, DamagedError | ParameterError):
                raise
            if isinstance(error, OSError) and not isinstance(error, IsADirectoryError):
                raise StorageError(f"{path} cannot be read: {error.strerror}") from error
            raise _damaged(path, str(error)) from error

    def write(self, path: Path) -> None:
        """Write ``index.json`` in one step, and then a copy of it to restore it from."""
        card = {
            "format": self.modality.format,
            "aesearch": self.version,
            "kind": self.kind,
            "source": self.source,
            **({} if self.columns is None else {"columns": self.columns.as_dict()}),
            **(
                {"taken": self.columns.taken.as_dict()}
                if self.columns and self.columns.taken
                else {}
            ),
            **({} if self.metadata is None else {"metadata": self.metadata.as_dict()}),
            "created_at": self.created_at,
            "settings": self.settings.as_dict(),
        }
        content = json.dumps(card, indent=1).encode()
        write_atomically(path, content)
        write_atomically(Layout(path.parent).card_copy, content)

    def with_settings(self, settings: Settings) -> Card:
        """The same with other choices."""
        return replace(self, settings=settings)

    def with_metadata(self, metadata: Metadata | None) -> Card:
        """The same with a table that says something of the files."""
        return replace(self, metadata=metadata)

    def with_columns(self, columns: Columns) -> Card:
        """The same with other columns."""
        return replace(self, columns=columns)


def copy_problem(layout: Layout) -> str | None:
    """Fault of the copy of the metadata, or None; indexes of older versions have none.

    One that is only older than the metadata was left so by a writer that was killed.
    """
    copy, card = layout.card_copy, layout.card
    fault = f"{copy}, the copy of the metadata, is damaged"
    try:
        if copy.read_bytes() == card.read_bytes():
            return None
        Card.read(copy)
        stale = copy.stat().st_mtime_ns < card.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    except (OSError, AesearchError):
        return fault
    return None if stale else fault


def mend_copy(layout: Layout) -> None:
    """Make the copy of the metadata anew."""
    content = layout.card.read_bytes()
    if layout.card_copy.is_dir():
        set_aside(layout.card_copy)
    if not layout.card_copy.is_file() or layout.card_copy.read_bytes() != content:
        write_atomically(layout.card_copy, content)


def _damaged(path: Path, problem: str) -> DamagedError:
    """The error for metadata that are there, and are of no use."""
    root = path.parent
    if Layout(root).card_copy.is_file():
        return DamagedError(
            f"{path} cannot be read ({problem}); {repair_command(root)} restores it from its copy"
        )
    return DamagedError(
        f"{path} cannot be read ({problem}), and has no copy; restore it from a backup, or index "
        "its source at another place: 'aesearch index SOURCE --index PLACE'"
    )


def _settings(path: Path, settings: Mapping[str, Any], version: int) -> Settings:
    # Some cards of format 1 were rewritten with settings of format 2.
    if version == 1 and "kind" in settings and "engine" not in settings:
        settings = {**settings, "engine": settings["kind"], "kind": "auto"}
    if isinstance(seed := settings.get("seed"), int):  # earlier versions took any, of documents
        settings = {**settings, "seed": seed % (LARGEST_SEED + 1)}
    try:
        return Settings(**settings)
    except (TypeError, ParameterError) as error:
        raise _damaged(path, f"settings unknown here: {error}") from None
