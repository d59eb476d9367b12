"""Keeping the indexes of a server up to date: a job where a source changed."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from aesearch.errors import AesearchError
from aesearch.ingest.watching import changed
from aesearch.service.jobs import Jobs
from aesearch.service.problems import TellingError
from aesearch.service.shelf import Shelf

log = logging.getLogger("aesearch.service")


class Watcher:
    """A thread that watches the sources of all indexes.

    Parameters
    ----------
    shelf : Shelf
    jobs : Jobs
    """

    def __init__(self, shelf: Shelf, jobs: Jobs) -> None:
        self._shelf, self._jobs, self._stop = shelf, jobs, threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Bring all up to date, and watch from now on."""
        for name in self._sources():
            self._sync(name)
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _sources(self) -> dict[str, Path]:
        """The sources by name of index, of those that have one on this machine."""
        found = {}
        for name in self._shelf.places():
            try:
                with self._shelf.lease(name) as index:
                    if index.source.exists():
                        found[name] = index.source
            except (AesearchError, OSError):  # it is listed with its fault
                continue
        return found

    def _run(self) -> None:
        try:
            for names in changed(self._sources, self._stop):
                for name in sorted(names):
                    self._sync(name)
        except Exception:
            log.exception("sources are watched no more")

    def _sync(self, name: str) -> None:
        if not self._jobs.waits("sync", name):
            try:
                place = self._shelf.place_of(name)
                self._jobs.add_worker("sync", name, place=str(place.absolute()))
            except (AesearchError, TellingError) as error:
                log.warning("%s is not synchronized: %s", ascii(name), error)
