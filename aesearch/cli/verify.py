"""``aesearch verify``: check everything that is on disk."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from aesearch.cli import DONE, ERROR, SOME_SKIPPED
from aesearch.cli.console import format_bytes, progress_bars, quiet_decoders
from aesearch.cli.options import INDEX_OPTION, Place
from aesearch.cli.wrapping import complain
from aesearch.errors import repair_command
from aesearch.search.index import Index
from aesearch.storage.places import find
from aesearch.wording import counted


def _repair(where: Path) -> None:
    """Mend an index, and say what was done."""
    from aesearch.indexing.repair import repair

    with quiet_decoders(), progress_bars(sys.stderr) as progress:
        done = repair(where, progress).done
    for line in done:
        complain(f"{line}")


def _tell(problems: list[str], where: Path) -> None:
    """Say what is wrong, and at the end what mends it."""
    *others, last = problems
    mends = "" if "--repair" in last else f"; {repair_command(where)} makes anew what is damaged"
    for problem in (*others, f"{last}{mends}"):
        complain(f"{problem}")


@click.command(short_help="Check everything that is on disk.")
@click.argument("place", type=Place(), required=False, metavar="[INDEX]")
@INDEX_OPTION
@click.option(
    "--repair", is_flag=True, help="Make anew what is damaged, from what is left and the source."
)
@click.option(
    "--compact", is_flag=True, help="Leave nothing in any file of what was removed or replaced."
)
def verify(place: str | None, named: str | None, repair: bool, compact: bool) -> int:
    """Check everything on disk: checksums, counts, fingerprint, codes, texts.

    With --repair, what is damaged is made anew: the metadata from their copy, the database from
    what can be read of it and the files of the source, the encoder from its weights or by training
    again, the FAISS file and the lexical index from the database. What may hold something that
    nothing else does is set aside, and never removed.
    """
    where = find(place or named, damaged=repair)
    if repair:
        _repair(where)
    with Index(where) as index:
        if problems := index.verify():
            _tell(problems, where)
            return ERROR
        if compact:
            before = index.folder.layout.bytes_on_disk()
            left = index.compact()
            for each in left:
                complain(f"{each}")
            if left:
                return SOME_SKIPPED
            after = index.folder.layout.bytes_on_disk()
            click.echo(
                f"compacted: {format_bytes(before)} on disk before, {format_bytes(after)} now"
            )
        items = counted(len(index), index.folder.modality.noun)
        click.echo(f"{index.name}: {items}, revision {index.revision.number}: good")
    return DONE
