"""The indexes that are served: opened when they are first asked for, followed as they change."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aesearch.errors import AesearchError, IndexNotFoundError, ParameterError
from aesearch.search.index import Index
from aesearch.sources.names import escaped
from aesearch.storage.places import all_places


@dataclass
class _Opened:
    """An index, and how many use it now."""

    index: Index
    users: int = 0
    retired: bool = False


class Shelf:
    """All indexes by name: those that were named, or those of the home, as they come and go.

    Safe to use from several threads.

    Parameters
    ----------
    places : sequence of Path
        Folders of indexes; none for all of the home.

    Raises
    ------
    ParameterError
        If two have the same name.
    """

    def __init__(self, places: Sequence[Path] = ()) -> None:
        self._places = {place.resolve().name: place for place in places}
        if len(self._places) < len(places):
            names = [place.resolve().name for place in places]
            twice = next(name for name in names if names.count(name) > 1)
            raise ParameterError(f"two indexes are called {twice!r}; a server has one of a name")
        self._opened: dict[str, _Opened] = {}
        self._lock = threading.Lock()

    def places(self) -> dict[str, Path]:
        """The folders by name, as they are now."""
        return dict(self._places) or {place.name: place for place in all_places()}

    def place_of(self, name: str) -> Path:
        """The folder of an index.

        Raises
        ------
        IndexNotFoundError
        """
        places = self.places()
        if name not in places:
            raise IndexNotFoundError(f"there is no index '{escaped(name)}' here")
        return places[name]

    @contextmanager
    def lease(self, name: str) -> Iterator[Index]:
        """Use an index; it is not closed meanwhile, also where another takes its place.

        Raises
        ------
        AesearchError
            If there is none of this name, or it cannot be opened.
        """
        opened = self._take(name)
        try:
            yield opened.index
        finally:
            self._give_back(opened)

    def _take(self, name: str) -> _Opened:
        with self._lock:
            opened = self._opened.get(name)
            if opened is not None:
                try:
                    opened.index.folder.require_same()
                except AesearchError:  # it was removed, or another took its place
                    self._retire(name)
                    opened = None
            if opened is None:
                opened = self._opened[name] = _Opened(Index(self.place_of(name)))
            opened.users += 1
            return opened

    def _give_back(self, opened: _Opened) -> None:
        with self._lock:
            opened.users -= 1
            if opened.retired and not opened.users:
                opened.index.close()

    def _retire(self, name: str) -> None:
        opened = self._opened.pop(name)
        opened.retired = True
        if not opened.users:
            opened.index.close()

    def faults(self) -> dict[str, str]:
        """Those that cannot be opened, and why."""
        found = {}
        for name in self.places():
            try:
                with self.lease(name):
                    pass
            except (AesearchError, OSError) as error:
                found[name] = str(error)
        return found

    def close(self) -> None:
        """Close all that nobody uses now, and the others when they are given back."""
        with self._lock:
            for name in list(self._opened):
                self._retire(name)
