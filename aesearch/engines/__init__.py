"""Engines: codes to nearest ids.

Every engine ranks by inner product of unit-length codes, or by Hamming distance where the plan
says bits; no engine knows another metric, and a higher score is closer, always.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol, Self

from aesearch.engines.plan import Plan
from aesearch.errors import ParameterError
from aesearch.types import Floats, Ids

ENGINES: dict[str, str] = {"faiss": "aesearch.engines.faiss:FaissEngine"}


class Engine(Protocol):
    """What an engine does. Codes are float32 of shape (n, code_size), ids int64 of shape (n,)."""

    plan: Plan

    @classmethod
    def build(cls, plan: Plan, ids: Ids, codes: Floats, rotation: Floats | None) -> Self:
        """Build an engine of these codes; `rotation` makes them binary where the plan does."""

    @classmethod
    def load(cls, path: Path, plan: Plan, rotation: Floats | None, *, writable: bool) -> Self:
        """Open what `save` wrote; mapped into memory and read-only unless `writable`."""

    def save(self, path: Path) -> None:
        """Write everything but the plan and the rotation, which the caller keeps."""

    @property
    def can_remove(self) -> bool:
        """Whether `remove` works; where it does not, build a new one."""

    def __len__(self) -> int:
        """Codes held."""

    def add(self, ids: Ids, codes: Floats) -> None:
        """Add codes under new ids."""

    def remove(self, ids: Ids) -> None:
        """Remove codes by id."""

    def tune(self, ids: Ids, codes: Floats, recall: float) -> None:
        """Set the least effort (nprobe, efSearch) that reaches this recall on these codes."""

    def search(self, codes: Floats, k: int, *, among: Ids | None = None) -> tuple[Ids, Floats]:
        """Ids and scores, both (n, k), best first; -1, of score -inf, pads short rows.

        With `among`, only these ids are looked at, and min(k, len(among)) of them come back.
        """

    def differing(self, ids: Ids, codes: Floats) -> Ids:
        """Those of some ids under which it holds none of these codes, or other ones."""


def engine_class(name: str = "faiss") -> type[Engine]:
    """The class registered under ``name``."""
    if name not in ENGINES:
        raise ParameterError(f"unknown engine '{name}'; choose one of {', '.join(ENGINES)}")
    module, _, attribute = ENGINES[name].partition(":")
    found: type[Engine] = getattr(import_module(module), attribute)
    return found
