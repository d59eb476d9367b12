"""What was removed by hand stays removed where its file was renamed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from aesearch.modalities.parts import parts_by_file
from aesearch.sources.base import Entry, Known
from aesearch.sources.parts import moved_part
from aesearch.storage.schema import REMOVED, Skipped

CONTENT = "content "


def cause_of_removal(digest: bytes) -> str:
    """What a note of a removal keeps of the content: its digest, by which it is known again."""
    return CONTENT + digest.hex() if digest else ""


def renamed_removals(
    notes: Iterable[Skipped],
    new: Sequence[Entry],
    listed: Collection[str],
    digest: Callable[[str], bytes | None],
) -> list[tuple[Skipped, Entry]]:
    """Pair what was removed by hand with new files of its content.

    Where its own file is still there, another one is a copy, of which nobody decided.

    Parameters
    ----------
    notes : iterable of Skipped
    new : sequence of Entry
        Files that the index does not know.
    listed : collection of str
        Keys removed by hand that the source has, or may have where it could not look.
    digest : callable
        Of the file of a key; None where it cannot be read.

    Returns
    -------
    list of (Skipped, Entry)
        The note, and the file that has its content now.
    """
    gone = {
        bytes.fromhex(note.cause.removeprefix(CONTENT)): note
        for note in notes
        if note.reason == REMOVED and note.cause.startswith(CONTENT) and note.key not in listed
    }
    sizes = {note.size for note in gone.values()}
    found = []
    for entry in new:
        content = digest(entry.key) if entry.size in sizes else None
        if content is not None and (note := gone.pop(content, None)):
            found.append((note, entry))
    return found


def removed_parts(notes: Iterable[Skipped], moved: dict[str, Entry]) -> list[tuple[str, Entry]]:
    """Keys of pages removed by hand whose file has another name now, each with its own there.

    Parameters
    ----------
    notes : iterable of Skipped
    moved : dict of str to Entry
        Files by the keys that they had.
    """
    removed = parts_by_file(note.key for note in notes if note.reason == REMOVED)
    return [
        (part, moved_part(part, moved[file]))
        for file, parts in removed.items()
        if file in moved
        for part in parts
    ]


def moved_rows(
    notes: Iterable[Skipped], entries: Iterable[Entry], items: Mapping[str, Known]
) -> list[tuple[Skipped, Entry]]:
    """Pair rows removed by hand, whose keys are their numbers, with where they are now.

    Another row has the number of each, because rows were inserted above it, or taken out. Where
    its content is nowhere else, the row itself was changed, and stays removed under its number.

    Parameters
    ----------
    notes : iterable of Skipped
    entries : iterable of Entry
        All rows.
    items : mapping of str to Known
        What the index knows: a row that was there before is a copy, of which nobody decided.
    """
    rows = {entry.key: entry for entry in entries}
    places: dict[tuple[int, int], list[Entry]] = {}
    for entry in reversed(rows.values()):
        known = items.get(entry.key)
        if known is None or (known.size, known.mtime_ns) != (entry.size, entry.mtime_ns):
            places.setdefault((entry.size, entry.mtime_ns), []).append(entry)
    found = []
    for note in notes:
        stamp, own = (note.size, note.mtime_ns), rows.get(note.key)
        same = own is not None and (own.size, own.mtime_ns) == stamp
        if note.reason == REMOVED and not same and places.get(stamp):
            found.append((note, places[stamp].pop()))
    return found
