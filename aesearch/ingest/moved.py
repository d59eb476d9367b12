"""A source that is at another place: the index goes on where the same items are."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from aesearch.errors import AesearchError, ContentError, IndexExistsError, SourceError
from aesearch.sources.base import IN_MEMORY, STANDARD_INPUT, Source, digest_of
from aesearch.sources.open import open_source
from aesearch.storage.folder import IndexFolder, refuse_inside
from aesearch.wording import counted

SAMPLE = 32  # items that are read
ENOUGH = 0.5  # of the items, and of those that are read


@dataclass(frozen=True)
class Agreement:
    """How far a source holds the items of an index.

    Attributes
    ----------
    items : int
        Of the index, without those that were added by hand.
    alike : int
        Those of which the source has the key, with the same size.
    read, same : int
        Those of a sample of these that can be read, and that have the same content.
    """

    items: int
    alike: int
    read: int
    same: int

    def __bool__(self) -> bool:
        alike = 0 < self.alike >= ENOUGH * self.items
        return alike and 0 < self.same >= ENOUGH * self.read  # none alike speak for nothing


def agreement(folder: IndexFolder, source: Source) -> Agreement:
    """Compare the items of an index with a source, by keys, sizes, and the content of a few."""
    known = folder.store.known()
    alike = [
        entry.key
        for entry in source.walk()
        if entry.key in known and entry.size == known[entry.key].size
    ]
    alike.sort()
    same = read = 0
    for key in alike[:: max(1, len(alike) // SAMPLE)]:
        try:
            same += digest_of(source.read(key)) == known[key].digest
        except ContentError:
            continue
        read += 1
    return Agreement(len(known), len(alike), read, same)


def move(folder: IndexFolder, place: str | Path, *, dry_run: bool = False) -> Agreement:
    """Let another place be the source of an index; see `Index.moved_to`."""
    card = folder.card
    source = open_source(place, card.columns or None, kind=card.kind)
    refuse_inside(folder.layout, source)
    with folder.writing():
        found = agreement(folder, source)
        if not found:
            things = counted(found.items, folder.modality.noun)
            of_those = f"; of {found.read} of those that were read {found.same} are the same"
            raise SourceError(
                f"{place} does not hold what {folder.layout.root} is the index of: of {things} "
                f"{found.alike:,} are there with the same size{of_those if found.read else ''}. "
                f"Nothing was changed: {_way_out(found, place)}"
            )
        if not dry_run:
            folder.write_card(replace(folder.card, source=str(source.root)))
    return found


def _way_out(found: Agreement, place: str | Path) -> str:
    """What to do where a place does not hold what an index is of."""
    new = f"make an index of this one: 'aesearch index {shlex.quote(str(place))} --index NAME'"
    if found.alike and found.same >= ENOUGH * found.read:
        return f"bring the others there, or name the place that holds all; without them, {new}"
    return f"name the place that holds them, or {new}"


def require_source(folder: IndexFolder, place: Path, source: Source | None = None) -> None:
    """Refuse another source than that of an index; offer to go on with one that agrees.

    Parameters
    ----------
    folder : IndexFolder
    place : Path
    source : Source, optional
        That at this place, where it is open.

    Raises
    ------
    IndexExistsError
    """
    try:
        folder.check_source(place)
    except IndexExistsError:
        in_no_place = str(place) in (STANDARD_INPUT, IN_MEMORY)
        if in_no_place or not _agrees(folder, place, source):
            raise
        root, card = folder.layout.root, folder.card
        command = f"aesearch index --index {shlex.quote(str(root))} --moved-to"
        raise IndexExistsError(
            f"{root} is the index of {card.source}, not of {place}, which holds the same "
            f"{folder.modality.noun}s: if they moved, '{command} {shlex.quote(str(place))}' goes "
            "on there; if not, name another place with --index"
        ) from None


def _agrees(folder: IndexFolder, place: Path, source: Source | None) -> bool:
    card = folder.card
    try:
        source = source or open_source(place, card.columns or None, kind=card.kind)
        return bool(agreement(folder, source))
    except AesearchError:
        return False
