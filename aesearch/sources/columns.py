"""Which columns of a table, or arrays of a file, are used for what, and how it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Taken:
    """What was taken of a table at first: it holds, whatever stands in later rows.

    Attributes
    ----------
    text : tuple of str
    key, label, vector : str or None
    short : bool
        Whether several short columns make the text, in one line.
    delimiter : str
        Of a separated table.
    quoted : bool
        Whether quotation marks mean anything there.
    headed : bool
        Whether its first line names the columns.
    encoding : str
        Of what is not UTF-8; "" where all was.
    ends : bool
        Whether the last line of a separated table had an end.
    """

    text: tuple[str, ...] = ()
    key: str | None = None
    label: str | None = None
    vector: str | None = None
    short: bool = False
    delimiter: str = ""
    quoted: bool = True
    headed: bool = True
    encoding: str = ""
    ends: bool = False

    @property
    def plain(self) -> bool:
        """Whether it was lines without columns."""
        return not (self.text or self.vector)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Taken:
        """What ``index.json`` holds, also that of a later version, which may hold more."""
        known = {name: config[name] for name in cls.__dataclass_fields__ if name in config}
        return cls(**{**known, "text": tuple(known.get("text", ()))})

    def as_dict(self) -> dict[str, Any]:
        """The same as ``index.json`` holds it."""
        return asdict(self)


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are used; what is not named is found by its usual names.

    Attributes
    ----------
    text : tuple of str
        Joined in this order. What is within other values is named by its path: 'data.title'.
    key, label : str or None
        Of an .npy file: files with a line for each row.
    vector : str or None
        The one that holds vectors; of an .npz file, the array.
    header : bool or None
        Whether the first line of a separated table names its columns; without, they are 1, 2, 3
        and so on. None finds out.
    taken : Taken, optional
        What was taken before, and holds for all that is not named.
    """

    text: tuple[str, ...] = ()
    key: str | None = None
    label: str | None = None
    vector: str | None = None
    header: bool | None = None
    taken: Taken | None = field(default=None, compare=False)

    def __bool__(self) -> bool:
        return bool(self.is_chosen or self.taken)

    @property
    def is_chosen(self) -> bool:
        """Whether a user named any."""
        named = self.text or self.key or self.label or self.vector
        return bool(named) or self.header is not None

    @classmethod
    def of(
        cls, config: Mapping[str, Any] | None, taken: Mapping[str, Any] | None = None
    ) -> Columns:
        """The columns that ``index.json`` holds."""
        config = config or {}
        names = (config.get(name) for name in ("key", "label", "vector", "header"))
        key, label, vector, header = names
        text = tuple(config.get("text", ()))
        return cls(text, key, label, vector, header, Taken.of(taken) if taken else None)

    def as_dict(self) -> dict[str, Any]:
        """The columns as ``index.json`` holds them; rare ones only where they are chosen."""
        columns = {"text": self.text, "key": self.key, "label": self.label}
        rare = {"vector": self.vector, "header": self.header}
        return columns | {name: value for name, value in rare.items() if value is not None}

    def over(self, known: Columns | None) -> Columns:
        """These columns; of those that are not named, the known ones."""
        known = known or Columns()
        return Columns(
            self.text or known.text,
            self.key or known.key,
            self.label or known.label,
            self.vector or known.vector,
            known.header if self.header is None else self.header,
            self.taken or known.taken,
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
    why_no_key : str
        Why a column that is named like a key is none; "" where there is none, or that is not known.
    """

    text: tuple[str, ...]
    key: str | None
    label: str | None
    unused: tuple[str, ...] = ()
    vector: str | None = None
    fields: tuple[str, ...] = ()
    why_no_key: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON; what documents do not have only of vectors."""
        taken = asdict(self)
        del taken["why_no_key"]
        if self.vector is None:
            del taken["vector"], taken["fields"]
        return taken
