"""Interface between a search and the storage of an index, be it a folder or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from aesearch.modalities import Modality
from aesearch.settings import Settings
from aesearch.storage.commit import Edit
from aesearch.storage.fields import Comparison
from aesearch.storage.schema import Item, KeptText, Revision
from aesearch.storage.snapshot import Snapshot
from aesearch.types import Bools, Floats, Ids


class Backend(Protocol):
    """Rows by key, nearest rows of a code, and changes; `IndexFolder` is the local one."""

    @property
    def name(self) -> str:
        """Name of the index."""

    @property
    def modality(self) -> Modality:
        """Its kind of data."""

    @property
    def source(self) -> Path:
        """Folder, or table, that was indexed."""

    @property
    def is_tabular(self) -> bool:
        """Whether items are rows of a table."""

    @property
    def settings(self) -> Settings:
        """Settings of the index."""

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

    def ids(self) -> Ids:
        """The ids of all items, ascending."""

    def items_of(self, ids: Iterable[int]) -> list[Item]:
        """Some items in the order of their ids."""

    def meeting(self, combine: Callable[[Callable[[Comparison], Bools]], Bools]) -> Ids:
        """The ids of the items that meet a condition, combined of comparisons of fields."""

    def fields_of(self, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """The fields of those of some items that have any, by id."""

    def same_content(self, digest: bytes) -> list[tuple[int, str]]:
        """Id and key of the items of just this content."""

    def texts(self) -> Iterator[KeptText]:
        """The texts of all items that have one."""

    def texts_of(self, ids: Iterable[int]) -> dict[int, KeptText]:
        """The texts of some items."""

    def titles(self) -> Mapping[int, str]:
        """The titles of documents by id, of those that have one."""

    def passages_of(self, ids: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Start and stop of passages in their documents."""

    def passages_in(self, documents: Iterable[int]) -> Ids:
        """The ids of all passages of some documents."""

    def added_contents(self) -> dict[str, bytes]:
        """Contents of the items that were added manually, by key."""

    def path_of(self, key: str) -> Path:
        """Path of the file of a key."""

    def paths_of(self, keys: Mapping[int, str]) -> dict[int, Path | None]:
        """Paths of the files of items by id."""

    def lexical_folder(self, number: int) -> Path:
        """Folder of the lexical index (BM25) of a revision."""

    def publish(self, edit: Edit, *, fingerprint: str | None = None) -> None:
        """Make one change of the rows the current revision."""

    def close(self) -> None:
        """Release everything."""
