"""Where an index lives, and what its folder holds: the format, as one value."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aesearch.errors import DamagedError, FormatError, IndexNotFoundError

FORMAT = 2  # 1: pictures only, and the kind of FAISS index was called `kind`
JOURNALS = ("-shm", "-wal")


@dataclass(frozen=True)
class Layout:
    """The paths below one index's folder."""

    root: Path

    @property
    def card(self) -> Path:
        """``index.json``: format, source, settings. Its presence makes a folder an index."""
        return self.root / "index.json"

    @property
    def database(self) -> Path:
        """``items.db``."""
        return self.root / "items.db"

    @property
    def lock(self) -> Path:
        """Held by the one writer."""
        return self.root / "write.lock"

    @property
    def holder(self) -> Path:
        """Who holds the lock; beside it, because locking empties the lock file."""
        return self.root / "write.json"

    @property
    def training(self) -> Path:
        """Folder of a training that is not finished."""
        return self.root / "training"

    @property
    def plan(self) -> Path:
        """``training/plan.json``: there from when a training is asked for until it is done."""
        return self.training / "plan.json"

    def encoder(self, fingerprint: str) -> Path:
        """Folder of a frozen encoder."""
        return self.root / f"encoder-{fingerprint}"

    def codes(self, number: int) -> Path:
        """FAISS file of a revision."""
        return self.root / f"codes-{number}.faiss"

    def words(self, number: int) -> Path:
        """Folder of BM25 of a revision."""
        return self.root / f"words-{number}"

    def exists(self) -> bool:
        """Return whether there is an index here."""
        return self.card.is_file()

    def read_card(self) -> dict[str, Any]:
        """Return ``index.json``.

        Raises
        ------
        IndexNotFoundError, FormatError, DamagedError
        """
        try:
            card: dict[str, Any] = json.loads(self.card.read_text(encoding="utf-8"))
            version = int(card["format"])
            if version <= FORMAT:
                settings = dict(card["settings"])
                if version == 1 and "kind" in settings:
                    settings = {**settings, "engine": settings["kind"], "kind": "auto"}
                card["settings"], card["source"] = settings, str(card["source"])
        except (FileNotFoundError, NotADirectoryError) as error:
            raise IndexNotFoundError(
                f"there is no index at {self.root}; 'aesearch index SOURCE' makes one, "
                "'aesearch list' shows those that exist"
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedError(
                f"{self.card} cannot be read ({error}); restore it, or remove {self.root} and "
                "index again"
            ) from error
        if version > FORMAT:
            raise FormatError(
                f"{self.root} has format {version}, this aesearch reads up to {FORMAT}; "
                "upgrade with 'pip install --upgrade aesearch'"
            )
        return card

    def write_card(self, card: Mapping[str, Any]) -> None:
        """Write ``index.json`` in one step."""
        write_atomically(self.card, json.dumps({"format": FORMAT, **card}, indent=1).encode())

    def bytes_on_disk(self) -> int:
        """Return the size of all files below the folder, less what SQLite has while it is open."""
        files = (path for path in self.root.rglob("*") if not path.name.endswith(JOURNALS))
        return sum(path.stat().st_size for path in files if path.is_file())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    if os.name == "nt" and path.is_dir():  # pragma: no cover
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
