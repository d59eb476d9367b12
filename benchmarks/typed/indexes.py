"""Indexes made once: as `aesearch index` makes them, kept by what they were made from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aesearch
from aesearch.sources.columns import Columns
from benchmarks.reporting import say, stage_progress


@dataclass(frozen=True)
class Shelf:
    """Where indexes are kept.

    Attributes
    ----------
    folder : Path
    budget : float
        Seconds of training.
    seed : int
    reuse : bool
        Take an index that another state of the code has made, if its options are the same: where
        only the search has changed.
    """

    folder: Path
    budget: float
    seed: int = 0
    reuse: bool = False

    def index(
        self, name: str, source: Path, content: str, columns: Columns | None = None
    ) -> aesearch.Index:
        """Open the index of a collection, made now if it is not there.

        Parameters
        ----------
        name : str
        source : Path
            Table, or folder of documents.
        content : str
            Checksum of what is in it.
        columns : Columns, optional
        """
        settings = {"seed": self.seed}
        options = {"budget": self.budget, **settings, "content": content}
        place = self.folder / f"{name}-{_digest(options)}-{code_version()}"
        if self.reuse and not _finished(place).exists():
            place = self._earlier(name, options) or place
        if not _finished(place).exists():
            shutil.rmtree(place, ignore_errors=True)
            say(f"indexing {name}, {self.budget:g} s of training")
            aesearch.build(
                source,
                place,
                settings,
                budget=self.budget,
                columns=columns,
                progress=stage_progress(),
            ).close()
            _finished(place).touch()
        say(f"{name}: index {place.name}")
        return aesearch.open(place)

    def _earlier(self, name: str, options: Mapping[str, object]) -> Path | None:
        marks = self.folder.glob(f"{name}-{_digest(options)}-*.finished")
        newest = max(marks, key=lambda mark: mark.stat().st_mtime, default=None)
        return newest.with_suffix("") if newest else None


def checksum(*texts: str) -> str:
    """Return a short checksum of texts."""
    found = hashlib.sha256()
    for text in texts:
        found.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()[:12]


def code_version() -> str:
    """Return a checksum of the package: of its version and of its program text."""
    root = Path(aesearch.__file__).parent
    programs = [path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.py"))]
    return checksum(aesearch.__version__, *programs)


def _digest(options: Mapping[str, object]) -> str:
    return checksum(json.dumps(options, sort_keys=True))


def _finished(place: Path) -> Path:
    return place.with_name(place.name + ".finished")
