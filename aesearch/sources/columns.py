"""Which columns of a table are used, and for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are used; what is not named is found by its usual names.

    Attributes
    ----------
    text : tuple of str
        Joined in this order.
    key, label : str or None
    """

    text: tuple[str, ...] = ()
    key: str | None = None
    label: str | None = None

    def __bool__(self) -> bool:
        return bool(self.text or self.key or self.label)

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> Columns:
        """Return the columns that ``index.json`` holds."""
        config = config or {}
        return cls(tuple(config.get("text", ())), config.get("key"), config.get("label"))

    def over(self, known: Columns | None) -> Columns:
        """Return these columns; of those that are not named, the known ones."""
        known = known or Columns()
        return Columns(self.text or known.text, self.key or known.key, self.label or known.label)


@dataclass(frozen=True)
class Taken:
    """Which columns of a table were taken for what, chosen or guessed.

    Attributes
    ----------
    text : tuple of str
    key, label : str or None
        None where rows are named by their numbers, and where they have no labels.
    unused : tuple of str
        All other columns.
    """

    text: tuple[str, ...]
    key: str | None
    label: str | None
    unused: tuple[str, ...] = ()
