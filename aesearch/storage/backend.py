"""What a search needs of where an index is kept, be it a folder or an engine elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from aesearch.modalities import Modality
from aesearch.settings import Settings
from aesearch.storage.commit import Edit
from aesearch.storage.schema import Item, KeptText, Revision
from aesearch.storage.snapshot import Snapshot
from aesearch.types import Floats, Ids


class Backend(Protocol):
    """Rows by key, nearest rows of a code, and changes; `IndexFolder` is the local one."""

    @property
    def name(self) -> str:
        """What the index is called."""

    @property
    def modality(self) -> Modality:
        """Its kind of data."""

    @property
    def source(self) -> Path:
        """What was indexed."""

    @property
    def is_tabular(self) -> bool:
        """Whether items are rows of a table."""

    @property
    def settings(self) -> Settings:
        """What was chosen."""

    @property
    def revision(self) -> Revision:
        """The current revision."""

    def snapshot(self) -> Snapshot:
        """The current revision, opened: its engine gives the nearest rows of a code."""

    def settled(self) -> AbstractContextManager[None]:
        """See one state of rows and codes throughout."""

    def forget(self) -> None:
        """Open anew at the next use."""

    def count(self) -> int:
        """Number of items."""

    def items(self) -> Iterator[Item]:
        """All items."""

    def ids_of(self, keys: Iterable[str]) -> dict[str, int]:
        """The ids of keys; unknown keys are left out."""

    def id_of(self, key: str) -> int:
        """The id of a key; raises UnknownKeyError."""

    def keys_of(self, ids: Iterable[int]) -> dict[int, str]:
        """The keys of ids."""

    def codes_of(self, ids: Iterable[int]) -> Floats:
        """The codes of items, (n, code_size), in the order of their ids."""

    def matching(self, pattern: str) -> Ids:
        """The ids of keys that match a glob."""

    def same_content(self, digest: bytes) -> list[tuple[int, str]]:
        """Id and key of the items of just this content."""

    def texts(self) -> Iterator[KeptText]:
        """The texts of all items that have one."""

    def texts_of(self, ids: Iterable[int]) -> dict[int, KeptText]:
        """The texts of some items."""

    def passages_of(self, ids: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Where passages begin and stop."""

    def passages_in(self, documents: Iterable[int]) -> Ids:
        """The ids of all passages of some documents."""

    def kept(self) -> dict[str, bytes]:
        """What is kept of items that were added by hand."""

    def path_of(self, key: str) -> Path:
        """Where the file of a key is."""

    def paths_of(self, keys: Mapping[int, str]) -> dict[int, Path | None]:
        """Where the files of items are, by id."""

    def words_folder(self, number: int) -> Path:
        """Where the lexical index of a revision is cached."""

    def publish(self, edit: Edit, *, fingerprint: str | None = None) -> None:
        """Make one change of the rows the current revision."""

    def close(self) -> None:
        """Let go of everything."""
