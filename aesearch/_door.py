"""The door of a room: its public names, each imported when it is first used (PEP 562)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def door(
    room: str, homes: Mapping[str, str], former: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make ``__getattr__`` and ``__dir__`` of a package.

    Importing the package then costs nothing, and a query never pays for what only training needs.
    Where types are checked it is not called: a checker that sees a ``__getattr__`` takes any name
    for one of the package.

    Parameters
    ----------
    room : str
        ``__name__`` of the package.
    homes : mapping of str to str
        The module inside the package, or ``module:name`` where it is called otherwise there, of
        each public name.
    former : mapping of str to str, optional
        Former names, which work with a warning, to those of today.
    """
    former = former or {}

    def resolve(name: str) -> Any:
        if name in former:
            warnings.warn(
                f"{room}.{name} is now {former[name]}; the old name will go",
                DeprecationWarning,
                stacklevel=2,
            )
            name = former[name]
        if name not in homes:
            raise AttributeError(f"module '{room}' has no attribute '{name}'")
        module, _, attribute = homes[name].partition(":")
        return getattr(import_module(f"{room}.{module}"), attribute or name)

    return resolve, lambda: sorted(homes)
