"""The content of an item, as a client may have it: from below its source, or from the database."""

from __future__ import annotations

import io
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from aesearch.errors import UnknownKeyError, UnsupportedError
from aesearch.modalities.parts import split_part
from aesearch.service.asking import require_pixels
from aesearch.service.problems import TellingError

if TYPE_CHECKING:
    from aesearch.search.index import Index
    from aesearch.storage.folder import IndexFolder
    from aesearch.storage.schema import Item

# What a browser may show in its window; a page that is an item could act as one of this server.
SHOWN = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"}
PLAIN, UNKNOWN = "text/plain; charset=utf-8", "application/octet-stream"


class Content(NamedTuple):
    """The content of an item.

    Attributes
    ----------
    data : bytes
    media_type : str
    name : str
        Of a file to keep it in.
    """

    data: bytes
    media_type: str
    name: str

    @property
    def disposition(self) -> str:
        """The header Content-Disposition, whatever letters the name has."""
        kind = "inline" if self.media_type in (*SHOWN, PLAIN) else "attachment"
        plain = "".join(
            c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in self.name
        )
        return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(self.name, safe='')}"


def item_of(index: Index, id: int) -> Item:
    """One item by its id.

    Raises
    ------
    UnknownKeyError
    """
    found = index.folder.items_of([id]) if 0 <= id < 1 << 63 else []
    if not found:
        raise UnknownKeyError(f"there is no item {id} in {index.name}")
    return found[0]


def content_of(index: Index, row: Item) -> Content:
    """The file of an item, or what the index keeps of one that has none.

    Raises
    ------
    TellingError
        403 if its file lies outside of the source, 410 if there is none.
    ContentError
        If it cannot be read.
    """
    folder = index.folder
    data = _data_of(folder, row)
    name = Path(row.key).name[-200:] or "item"
    if isinstance(data, str):
        return Content(data.encode(errors="replace"), PLAIN, f"{name.removesuffix('.txt')}.txt")
    return Content(data, _media_type(data, row.key, visual=folder.modality.visual), name)


def _data_of(folder: IndexFolder, row: Item) -> bytes | str:
    from aesearch.ingest.differences import source_of

    path = None if folder.is_tabular else folder.paths_of({row.id: row.key})[row.id]
    if path is not None and folder.source.is_dir():
        inside = _below(folder.source, path)
        if inside is not None:
            return _read(inside, row.key)
    if kept := folder.store.kept_of(row.id):
        return kept
    if folder.modality.has_words and (text := folder.texts_of([row.id]).get(row.id)):
        return text.whole
    if path is not None and folder.source.is_dir():
        raise TellingError(403, f"'{row.key}' lies outside of {folder.source}, and is not served")
    return source_of(folder).read(row.key)


def _below(source: Path, path: Path) -> Path | None:
    """Where a file is, links followed; None if that is not below its source."""
    try:
        file = path if path.exists() else Path(split_part(str(path))[0])
        real = file.resolve()
    except (OSError, RuntimeError):  # a link that leads to itself, or a key that is no name
        return None
    return real if real.is_relative_to(source.resolve()) else None


def _read(path: Path, key: str) -> bytes:
    from aesearch.sources.folder import read_file

    if not path.is_file():
        raise TellingError(410, f"the file of '{key}' is not there any more")
    return read_file(path, regular=True)


def _media_type(data: bytes, key: str, *, visual: bool) -> str:
    if not visual:
        return mimetypes.guess_type(key, strict=True)[0] or UNKNOWN
    from PIL import Image

    from aesearch.modalities.images.formats import identified

    try:
        return Image.MIME.get(identified(io.BytesIO(data)).format or "", UNKNOWN)
    except Exception:  # of a damaged one, or of a format that is decoded elsewhere
        return UNKNOWN


def thumbnail_of(index: Index, row: Item, size: int, pixels: int) -> bytes:
    """A picture in a square of `size` pixels, as JPEG.

    Raises
    ------
    UnsupportedError
        If items of this kind cannot be drawn.
    ContentError, TellingError
        If it cannot be read, or has too many pixels.
    """
    if not index.folder.modality.visual:
        noun = index.folder.modality.noun
        raise UnsupportedError(f"{index.name} is an index of {noun}s, which have no thumbnail")
    from aesearch.modalities.images.pixels import open_picture

    data = content_of(index, row).data
    require_pixels(data, pixels)
    picture = open_picture(data, row.key, (size, size))
    picture.thumbnail((size, size))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=85)
    return stream.getvalue()
