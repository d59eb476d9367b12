"""Pictures or documents: what a source holds, found by the names of its files."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import splitext

from aesearch.errors import ParameterError
from aesearch.modalities import IMAGES, TEXTS
from aesearch.sources.base import Entry, Source
from aesearch.wording import counted

# A few notes beside many photos, or a few figures beside many notes, leave no doubt.
CLEAR = 10
SUFFIXES = """
.jpg .jpeg .jpe .jfif .png .gif .webp .avif .bmp .dib .tif .tiff .heic .heif .ppm .pgm .pbm .pnm
.tga .jp2 .j2k .ico .icns .pcx .sgi .qoi
"""
PICTURES = frozenset(SUFFIXES.split())


def is_named_as_picture(name: str) -> bool:
    """Return whether a file has the name of a picture, whatever it holds."""
    return splitext(name)[1].lower() in PICTURES


def kind_of(source: Source, entries: Sequence[Entry], wanted: str) -> str:
    """Return 'images' or 'texts': what is wanted, or what most of the files are.

    Parameters
    ----------
    source : Source
        A table always holds documents.
    entries : sequence of Entry
        Of the source.
    wanted : {'auto', 'images', 'texts'}

    Raises
    ------
    ParameterError
        If it holds both, or if what is wanted cannot be.
    """
    from aesearch.modalities.texts.extract import is_document

    if source.plain:
        if wanted == IMAGES:
            raise ParameterError(f"{source.root} is a table of documents; leave out --kind images")
        return TEXTS
    if wanted != "auto":
        return wanted
    pictures = sum(is_named_as_picture(entry.key) for entry in entries)
    documents = sum(is_document(entry.key) for entry in entries)
    if pictures * CLEAR < documents:
        return TEXTS
    if documents * CLEAR < pictures:
        return IMAGES
    if pictures and documents:
        raise ParameterError(
            f"{source.root} holds {counted(pictures, 'picture')} and "
            f"{counted(documents, 'document')}; say which are meant with "
            "--kind images or --kind texts"
        )
    if pictures:
        return IMAGES
    return TEXTS if documents or _look_like_texts(source, entries) else IMAGES


def _look_like_texts(source: Source, entries: Sequence[Entry]) -> bool:
    """Return whether files whose names say nothing are texts: messages of a mail folder, say."""
    from aesearch.errors import ContentError
    from aesearch.modalities.texts.extract import extract

    for entry in entries[:: max(1, len(entries) // 8)][:8]:
        try:
            extract(source.read(entry.key), entry.key)
        except ContentError:
            continue
        return True
    return False
