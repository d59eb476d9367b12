"""Former names: modules that moved, classes, encoders and parameters that are called otherwise.

Importing a module that the documentation named before it moved warns, and works; nothing of this
runs before an import has failed everywhere else.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

RENAMED = {
    "encoders.agreement": "encoders.contrastive.encoder",
    "encoders.baselines": "encoders.linear",
    "encoders.conv": "encoders.autoencoders.conv",
    "encoders.cvae": "encoders.autoencoders.cvae",
    "encoders.dbn": "encoders.autoencoders.dbn",
    "encoders.mlp": "encoders.autoencoders.mlp",
    "encoders.neighbours": "encoders.autoencoders.neighbors",
    "encoders.text": "encoders.texts.encoder",
    "encoders.vae": "encoders.autoencoders.vae",
    "encoders.vaegan": "encoders.autoencoders.vaegan",
    "exporting": "export.index",
    "hits": "search.hits",
    "index": "search.index",
    "mapping": "maps.map",
    "pipelines": "integrations",
    "pipelines.estimators": "integrations.sklearn",
    "pipelines.haystack": "integrations.haystack",
    "pipelines.langchain": "integrations.langchain",
}
# Classes that are called otherwise now, in the modules above and in ``encoders``.
RENAMED_CLASSES = {"NeighbourEncoder": "NeighborEncoder"}


# Of encoders and parameters; commands, settings and indexes that are older have them.
FORMER_NAMES: Mapping[str, str] = {
    "neighbours": "neighbors",
    "normalise": "normalize",
    "body": "backbone",
}


def current_name(name: str, *, note: bool = False) -> str:
    """Name of today of an encoder, or a parameter; `note` tells the user where that is another."""
    current = FORMER_NAMES.get(name, name)
    if note and current != name:
        warnings.warn(f"{name} is called {current} now", stacklevel=2)
    return current


class OldPaths:
    """Finds the modules of a package under their old names, for ``sys.meta_path``.

    A module under an old name is a module of its own that takes everything from the one that it
    has become, so that classes are the same under both.

    Parameters
    ----------
    package : str
    renamed : mapping of str to str
        Old to new names inside the package.
    """

    def __init__(self, package: str, renamed: dict[str, str]) -> None:
        self._package = package
        self._renamed = {f"{package}.{old}": f"{package}.{new}" for old, new in renamed.items()}

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the protocol of importlib
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return how to make a module, if it is one of the old ones."""
        if name not in self._renamed:
            return None
        # A package, for modules that were inside; the empty path keeps the new ones out of it.
        return ModuleSpec(name, self, origin=self._renamed[name], is_package=True)  # type: ignore[arg-type]  # duck-typed

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:  # noqa: ARG002
        """Leave it to Python."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Import the new module and show it under the old name."""
        new = self._renamed[module.__name__]
        warnings.warn(
            f"{module.__name__} is now {new}; the old name will go",
            DeprecationWarning,
            stacklevel=2,  # of the frames that are not the import system's: whoever imports it
        )
        found = import_module(new)
        module.__dict__["__getattr__"] = partial(_taken_from, found)
        module.__dict__["__dir__"] = partial(_public_names, found)


def _taken_from(module: ModuleType, name: str) -> object:
    """What a module holds under a name, a former one too; for ``import *`` its public names."""
    if name == "__all__":
        return _public_names(module)
    return getattr(module, RENAMED_CLASSES.get(name, name))


def _public_names(module: ModuleType) -> list[str]:
    known = [name for name in dir(module) if not name.startswith("_")]
    return known + [old for old, new in RENAMED_CLASSES.items() if new in known]


def install() -> None:
    """Look for old names after everything else."""
    if not any(isinstance(finder, OldPaths) for finder in sys.meta_path):
        sys.meta_path.append(OldPaths("aesearch", RENAMED))
