"""Pictures or documents in memory as a source: texts, opened pictures, bytes, files, by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from aesearch.errors import ContentError, ParameterError
from aesearch.modalities import MODALITIES, modality
from aesearch.modalities.given import as_given, is_one
from aesearch.sources.arrays import ArraySource, as_lines, open_array
from aesearch.sources.base import IN_MEMORY, Entry, as_key, require_key
from aesearch.sources.columns import Columns, UsedColumns
from aesearch.sources.folder import read_file
from aesearch.types import Array


class MemorySource:
    """Contents in memory, by key; compared by what they hold, as the rows of a table are.

    Parameters
    ----------
    contents : mapping of str to bytes
        As files of this kind hold them; of documents, their plain text.
    kind : str
        Name of the modality.
    labels : mapping of str to str
        By key; those without one are left out.
    refused : list of (str, str)
        Keys of what is not in it, each with the reason.

    Attributes
    ----------
    numbered : bool
        Whether keys are the places of the contents in a list.
    """

    plain = True
    encoding = ""

    def __init__(
        self,
        contents: Mapping[str, bytes],
        kind: str,
        labels: Mapping[str, str],
        refused: list[tuple[str, str]],
    ) -> None:
        self.numbered = False
        self.root = Path(IN_MEMORY)
        self.kind: str | None = kind
        self.columns: Columns | None = Columns()
        self.used_columns: UsedColumns | None = None
        self.unreadable = refused
        self._contents, self._labels = contents, labels

    def walk(self) -> Iterator[Entry]:
        """Yield every item."""
        for key, content in self._contents.items():
            digest = xxhash.xxh3_64(content)
            digest.update(b"\0" + self._labels.get(key, "").encode(errors="replace"))
            yield Entry(key, len(content), digest.intdigest() >> 1)

    def unseen(self, keys: Sequence[str]) -> list[str]:
        """Those of some keys that are there, and could not be read."""
        refused = {key for key, _ in self.unreadable}
        return [key for key in keys if key in refused]

    def read(self, key: str) -> bytes:
        """The content of a key; raises ContentError."""
        if key not in self._contents:
            raise ContentError("there is no such item any more")
        return self._contents[key]

    def labels(self, keys: Sequence[str]) -> list[str]:
        """The label of each; "" where it has none."""
        return [self._labels.get(key, "") for key in keys]

    def fields(self, keys: Sequence[str]) -> list[str]:
        """Of each "", for no fields."""
        return [""] * len(keys)


def open_given(
    given: Any,
    keys: Sequence[object] | None = None,
    labels: Sequence[object] | None = None,
    kind: str = "auto",
) -> ArraySource | MemorySource:
    """What was handed over as it is in memory, as a source.

    Parameters
    ----------
    given : ndarray, mapping or iterable
        An array, or tensor, of rows; or contents by their keys, or one after the other: texts,
        pictures, vectors, bytes, open files, or the Paths of files.
    keys, labels : sequence, optional
        One for each, where `given` has no keys of its own; by default the numbers from 0.
    kind : str
        Name of the modality; 'auto' finds out.

    Raises
    ------
    ParameterError
        If it is no collection, or of several kinds.
    SourceError
        If an array is of no kind, or there are more or fewer keys or labels than rows.
    """
    contents = dict(given.items()) if _is_series(given) else as_given(given)
    if isinstance(contents, Mapping):
        if keys is not None:
            raise ParameterError("a mapping has keys of its own: leave out keys")
        keys, contents = list(contents), list(contents.values())
    elif is_one(contents) or not isinstance(contents, Iterable):
        raise ParameterError(
            f"source is one {type(given).__name__}; what is indexed are several: put it into a list"
        )
    if not isinstance(contents, np.ndarray):
        contents = [as_given(content) for content in contents]
    if isinstance(contents, np.ndarray) and _is_of_rows(contents):
        contents = _as_pictures(contents)
        if not (contents.ndim == 4 and contents.dtype.kind == "f"):
            return open_array(contents, keys, labels)
    if all(map(_is_row, contents)):
        return open_array(_rows(list(contents)), keys, labels)
    contents = list(contents)
    names = list(map(str, range(len(contents)))) if keys is None else as_keys(keys)
    _require_one_each(len(contents), keys=names, labels=labels)
    source = _opened(dict(zip(names, contents, strict=True)), names, labels, kind)
    source.numbered = keys is None
    return source


def _is_series(given: Any) -> bool:
    """Whether it is a Series of pandas: values by an index."""
    has_index = not callable(getattr(given, "index", callable))
    return has_index and hasattr(given, "items") and not hasattr(given, "columns")


def as_keys(keys: Sequence[object]) -> list[str]:
    """Keys as they are looked up.

    Raises
    ------
    ParameterError
        If one is empty, given twice, or no text.
    """
    if isinstance(keys, str | bytes) or not isinstance(keys, Iterable):
        raise ParameterError(f"keys are several, one for each item; got '{keys!s}'")
    found = list(map(as_key, keys.tolist() if isinstance(keys, np.ma.MaskedArray) else keys))
    for key in found:
        require_key(key, "keys")
    twice = [key for key, often in Counter(found).items() if often > 1]
    if twice:
        raise ParameterError(f"each item has a key of its own; '{twice[0]}' is given twice in keys")
    return found


def _opened(
    contents: Mapping[str, Any], keys: Sequence[str], labels: Sequence[object] | None, kind: str
) -> MemorySource:
    held: dict[str, bytes] = {}
    refused: list[tuple[str, str]] = []
    for key, content in contents.items():
        name = content.name if isinstance(content, Path) else key
        try:
            raw = read_file(content) if isinstance(content, Path) else content
            kind = _kind_of(raw, name) if kind == "auto" else kind
            held[key] = modality(kind).as_content(raw, name)
        except ContentError as error:
            refused.append((key, str(error)))
    named = {} if labels is None else dict(zip(keys, as_lines(labels), strict=True))
    return MemorySource(held, modality("texts" if kind == "auto" else kind).name, named, refused)


def _kind_of(content: Any, name: str) -> str:
    """The modality of the first item: what it is, or else what its name or its bytes say."""
    for kind in map(modality, MODALITIES):
        if kind.takes(content) or (isinstance(content, bytes) and kind.claims(name)):
            return kind.name
    for kind in map(modality, MODALITIES):
        if isinstance(content, bytes) and kind.looks_like(content, name):
            return kind.name
    is_array = isinstance(content, np.ndarray)
    what = f"an array of {content.dtype}" if is_array else type(content).__name__
    what = "bytes of no kind that is known" if isinstance(content, bytes) else what
    raise ParameterError(
        f"'{name}' is {what}; what is indexed are texts, pictures, vectors, bytes, open files or "
        "Paths"
    )


def _is_of_rows(array: Array) -> bool:
    """Whether it is one array, of numbers if any, and not a row of things such as texts."""
    kind = array.dtype.kind
    return kind not in "OUSTV" or (kind != "O" and array.ndim != 1)


def _is_row(content: Any) -> bool:
    """Whether it is a vector."""
    return isinstance(content, np.ndarray) and content.ndim == 1 and content.dtype.kind in "fiub"


def _rows(contents: Sequence[Array]) -> Array:
    widths = {len(row) for row in contents}
    if len(widths) > 1:
        raise ParameterError(
            f"vectors have {min(widths)} to {max(widths)} dimensions; all must have as many"
        )
    return np.stack(contents) if contents else np.empty((0, 0))


def _as_pictures(array: Array) -> Array:
    """An array of pictures with channels last; grey ones without, and other arrays, as they are."""
    if array.ndim == 4 and array.shape[1] in (1, 3, 4) and array.shape[3] not in (1, 3, 4):
        return np.moveaxis(array, 1, 3)
    if array.ndim == 3 and array.dtype == np.uint8:
        return array[..., None]
    return array


def _require_one_each(count: int, **several: Sequence[object] | None) -> None:
    for name, values in several.items():
        if values is not None and len(values) != count:
            raise ParameterError(f"{count:,} items, and {len(values):,} {name}; give one for each")
