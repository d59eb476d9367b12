"""Which columns of a table, or arrays of a file, are used for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are used; what is not named is found by its usual names.

    Attributes
    ----------
    text : tuple of str
        Joined in this order.
    key, label : str or None
        Of an .npy file: files with a line for each row.
    vector : str or None
        The one that holds vectors; of an .npz file, the array.
    """

    text: tuple[str, ...] = ()
    key: str | None = None
    label: str | None = None
    vector: str | None = None

    def __bool__(self) -> bool:
        return bool(self.text or self.key or self.label or self.vector)

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> Columns:
        """The columns that ``index.json`` holds."""
        config = config or {}
        names = (config.get(name) for name in ("key", "label", "vector"))
        return cls(tuple(config.get("text", ())), *names)

    def as_dict(self) -> dict[str, Any]:
        """The columns as ``index.json`` holds them; documents have no vector there."""
        columns = asdict(self)
        if self.vector is None:
            del columns["vector"]
        return columns

    def over(self, known: Columns | None) -> Columns:
        """These columns; of those that are not named, the known ones."""
        known = known or Columns()
        return Columns(
            self.text or known.text,
            self.key or known.key,
            self.label or known.label,
            self.vector or known.vector,
        )


@dataclass(frozen=True)
class UsedColumns:
    """The columns of a table that are used, chosen or guessed.

    Attributes
    ----------
    text : tuple of str
    key, label : str or None
        None where rows are named by their numbers, and where they have no labels.
    unused : tuple of str
        All other columns.
    vector : str or None
        Of vectors: the one that holds them.
    fields : tuple of str
        Those that are kept beside, and given back with a hit.
    """

    text: tuple[str, ...]
    key: str | None
    label: str | None
    unused: tuple[str, ...] = ()
    vector: str | None = None
    fields: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON; what documents do not have only of vectors."""
        taken = asdict(self)
        if self.vector is None:
            del taken["vector"], taken["fields"]
        return taken
