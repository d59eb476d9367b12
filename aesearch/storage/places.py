"""Where indexes are: the home, names in it, and which one is meant."""

from __future__ import annotations

import os
from pathlib import Path

from aesearch.errors import IndexNotFoundError
from aesearch.storage.card import Card
from aesearch.storage.layout import Layout

HOME_VARIABLE = "AESEARCH_HOME"


def key_for(source: Path, path: Path) -> str:
    """Key of a file: relative inside the source, else absolute."""
    # A link to a file is that file's place in the source; one to a folder is the folder.
    absolute = path.parent.resolve() / path.name if path.name.strip(".") else path.resolve()
    inside = absolute.is_relative_to(source)
    return (absolute.relative_to(source) if inside else absolute).as_posix()


def home() -> Path:
    """Folder that holds indexes: AESEARCH_HOME, or ``indexes`` in the working folder."""
    return Path(os.environ.get(HOME_VARIABLE) or "indexes")


def place_for(source: Path, name: str | Path | None = None) -> Path:
    """Place of the index of `source`: `name` as a path or a name in the home.

    By default it has the name of the source as the user wrote it, also where that is a link.
    """
    if name is None:
        return home() / Path(os.path.abspath(source)).name
    return _named(name)


def _named(name: str | Path) -> Path:
    text = str(name)
    if os.sep in text or "/" in text or text in (".", ".."):
        return Path(text)
    # A folder of this name here is more often the source than an index of it.
    here, there = Path(text), home() / text
    return here if Layout(here).exists() and not Layout(there).exists() else there


def card_of(place: Path) -> Card:
    """Metadata of an index, ``index.json``; raises as `Card.read` does."""
    return Card.read(Layout(place).card)


def all_places() -> list[Path]:
    """The folders in the home that are indexes, by name."""
    if not home().is_dir():
        return []
    return sorted(path for path in home().iterdir() if Layout(path).exists())


def find(name: str | Path | None = None, near: Path | None = None, kind: str | None = None) -> Path:
    """The folder of the index that is meant.

    Parameters
    ----------
    name : str or Path, optional
        A path, or a name in the home.
    near : Path, optional
        A file; the index whose source holds it is preferred where there are several.
    kind : str, optional
        Likewise, those of this modality.

    Raises
    ------
    IndexNotFoundError
        If there is none, or if several fit.
    """
    if name is not None:
        path = _named(name)
        card_of(path)
        return path
    places = all_places()
    if not places:
        raise IndexNotFoundError(
            f"there is no index in {home().absolute()}; 'aesearch index SOURCE' makes one"
        )
    if len(places) > 1 and near is not None:
        near = near.resolve()
        containing = [p for p in places if near.is_relative_to(card_of(p).source)]
        places = containing or places
    if len(places) > 1 and kind is not None:
        of_kind = [p for p in places if card_of(p).kind == kind]
        places = of_kind or places
    if len(places) > 1:
        names = ", ".join(path.name for path in places)
        raise IndexNotFoundError(f"several indexes fit: {names}; choose one with --index NAME")
    return places[0]
