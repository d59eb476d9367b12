"""Which items are meant: a key, a path as it was printed, or a glob, however it is written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aesearch.errors import UnknownKeyError
from aesearch.sources.names import as_text, canonical, escaped
from aesearch.storage.database import BRACKET, Store
from aesearch.storage.places import key_for
from aesearch.types import Ids

MOST_BRACKETS = 4  # of which each is tried both ways


class Keys(NamedTuple):
    """The keys of an index, as people name them.

    Attributes
    ----------
    store : Store
    source : Path
        Of the index.
    is_tabular : bool
        Whether its items are rows, whose keys are no paths.
    """

    store: Store
    source: Path
    is_tabular: bool

    def meant(self, given: str) -> str | None:
        """The key of the one item that is meant; None where there is none.

        Parameters
        ----------
        given : str
            A key; the path of its file, from the working folder or from the root; either of these
            as a command prints it, with control characters escaped, or composed in another way
            (NFC, NFD).

        Raises
        ------
        UnknownKeyError
            If several are written like it, and none just so.
        """
        candidates = self.candidates(as_text(given))
        known = self.store.ids_of(candidates)
        if found := next((key for key in candidates if key in known), None):
            return found
        wanted = set(map(canonical, candidates))
        if all(key.isascii() and "\\" not in key for key in candidates):
            return None  # then only itself is written like it
        alike = [item.key for item in self.store.items() if canonical(item.key) in wanted]
        if len(alike) > 1:
            raise UnknownKeyError(
                f"several items are written like '{escaped(given)}': {alike[0]!a} and "
                f"{alike[1]!a}; give the key of one just so"
            )
        return alike[0] if alike else None

    def matching(self, pattern: str) -> Ids:
        """The ids of the items that a glob means, ascending.

        A key just like it is meant alone. Brackets are taken as letters where keys hold them so
        (``Holiday [2019]/*``), and as one of some letters where none does. A glob of paths is one
        of keys; composed and decomposed letters are the same.
        """
        for own in self.candidates(as_text(pattern)):
            if exact := list(self.store.ids_of([own]).values()):
                return np.array(exact, dtype=np.int64)
            for glob in readings(own):
                found = self.store.matching(glob)
                if not glob.isascii() or "\\" in glob:
                    alike = self.store.matching(canonical(glob), by=canonical)
                    found = np.union1d(found, alike)
                if len(found):
                    return found
        return np.empty(0, dtype=np.int64)

    def candidates(self, given: str) -> list[str]:
        """What is given as a key, and where items are files as a path: the key of that."""
        if self.is_tabular or not given:
            return [given]
        path = os.path.abspath(given)
        keys = [given]
        for root in (str(self.source), escaped(str(self.source))):
            prefix = f"{root.rstrip('/')}/"
            if path.startswith(prefix):
                keys.append(path.removeprefix(prefix))
        keys += [key_for(self.source, Path(given)), path]
        return list(dict.fromkeys(map(as_text, keys)))


def readings(glob: str) -> Iterator[str]:
    """A glob with its brackets as letters, then as a choice of letters, each in turn."""
    parts = re.split(f"({re.sub('[(](?![?])', '(?:', BRACKET)})", glob)
    plain, brackets = parts[::2], parts[1::2]
    many = len(brackets) > MOST_BRACKETS
    for literal in product((True, False), repeat=min(len(brackets), 1) if many else len(brackets)):
        ways = literal * len(brackets) if many else literal
        own = (
            bracket.replace("[", "[[]") if way else bracket
            for bracket, way in zip(brackets, ways, strict=True)
        )
        yield plain[0] + "".join(
            f"{bracket}{text}" for bracket, text in zip(own, plain[1:], strict=True)
        )
