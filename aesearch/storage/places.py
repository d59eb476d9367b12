"""Where indexes are: the home, names in it, and which one is meant."""

from __future__ import annotations

import os
import warnings
from difflib import get_close_matches
from pathlib import Path

from aesearch.errors import AesearchError, IndexNotFoundError, StorageError
from aesearch.sources.names import canonical, escaped
from aesearch.storage.card import Card
from aesearch.storage.database import Store
from aesearch.storage.layout import Layout

HOME_VARIABLE = "AESEARCH_HOME"
MOST_CLOSE = 3  # names that are suggested


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
        plain = home() / Path(os.path.abspath(source)).name
        # A name that cannot be shown cannot be typed, and is none to some libraries.
        return plain if Layout(plain).exists() else home() / escaped(plain.name)
    return _named(name)


def _named(name: str | Path) -> Path:
    text = str(name)
    if text.startswith(("http://", "https://")):
        raise IndexNotFoundError(
            f"{text} is the address of a service; only query, list and info take one"
        )
    if os.sep in text or "/" in text or text in (".", ".."):
        return Path(text)
    # A folder of this name here is more often the source than an index of it.
    here, there = Path(text), home() / text
    if Layout(here).exists() and not Layout(there).exists():
        return here
    if text.isascii() or Layout(there).exists():
        return there
    alike = (place for place in all_places() if canonical(place.name) == canonical(text))
    return next(alike, home() / escaped(text))


def card_of(place: Path) -> Card:
    """Metadata of an index, ``index.json``; raises as `Card.read` does."""
    return Card.read(Layout(place).card)


def all_places() -> list[Path]:
    """The folders in the home that are indexes, by name; those that cannot be looked into, too."""
    try:
        return sorted(path for path in home().iterdir() if _may_be_index(path))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(f"{home().absolute()} cannot be read: {error.strerror}") from error


def _may_be_index(path: Path) -> bool:
    return path.is_dir() and (Layout(path).exists() or not os.access(path, os.X_OK))


def find(
    name: str | Path | None = None,
    near: Path | None = None,
    kind: str | None = None,
    *,
    damaged: bool = False,
) -> Path:
    """The folder of the index that is meant.

    Where none is named, those that cannot be opened are passed over, with a note, if others can.

    Parameters
    ----------
    name : str or Path, optional
        A path, or a name in the home.
    kind : str, optional
        A modality; its indexes are preferred where there are several.
    near : Path, optional
        A file; likewise, and after that, the index whose source holds it.
    damaged : bool
        Whether one whose metadata are damaged may be meant, to be mended.

    Raises
    ------
    IndexNotFoundError
        If there is none, or if several fit.
    """
    if name is not None:
        path = _named(name)
        if not (damaged and Layout(path).exists()):
            try:
                card_of(path)
            except IndexNotFoundError as error:
                if path.parent != home() or not (close := _close_to(path.name)):
                    raise
                raise IndexNotFoundError(f"{error}; did you mean {' or '.join(close)}?") from error
        return path
    places = all_places()
    if not places:
        raise IndexNotFoundError(
            f"there is no index in {home().absolute()}; 'aesearch index SOURCE' makes one"
        )
    if len(places) == 1:
        return find(places[0].absolute(), damaged=damaged)
    return _one_of(_sound(places), near, kind)


def _close_to(name: str) -> list[str]:
    """The indexes in the home whose names are the closest: that of a table has its suffix."""
    names = {place.name: place.name.lower() for place in all_places()}
    stems = [one for one, small in names.items() if Path(small).stem == name.lower()]
    alike = get_close_matches(name.lower(), names.values(), MOST_CLOSE)
    close = [*stems, *(one for one, small in names.items() if small in alike)]
    return [escaped(one) for one in dict.fromkeys(close)][:MOST_CLOSE]


def _one_of(cards: dict[Path, Card], near: Path | None, kind: str | None) -> Path:
    """The one of several that fits best."""
    if kind is not None:
        of_kind = {place: card for place, card in cards.items() if card.kind == kind}
        cards = of_kind or cards
    if len(cards) > 1 and near is not None:
        near = near.resolve()
        containing = {p: card for p, card in cards.items() if near.is_relative_to(card.source)}
        cards = containing or cards
    if len(cards) > 1:
        names = ", ".join(escaped(path.name) for path in cards)
        raise IndexNotFoundError(f"several indexes fit: {names}; choose one with --index NAME")
    return next(iter(cards))


def _sound(places: list[Path]) -> dict[Path, Card]:
    """Those of some indexes that can be opened, with their metadata; the others are noted.

    Raises
    ------
    AesearchError
        Of the first, if none can.
    """
    cards: dict[Path, Card] = {}
    errors: list[AesearchError] = []
    for place in places:
        try:
            cards[place] = card_of(place)
            Store(Layout(place).database).close()
        except AesearchError as error:
            cards.pop(place, None)
            errors.append(error)
    if not cards:
        raise errors[0]
    for one in errors:
        warnings.warn(f"passed over: {one}", stacklevel=2)
    return cards
