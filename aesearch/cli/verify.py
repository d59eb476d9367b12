"""``aesearch verify``: check everything that is on disk."""

from __future__ import annotations

import click

from aesearch.cli import DONE, ERROR, SOME_SKIPPED
from aesearch.cli.console import format_bytes
from aesearch.cli.options import INDEX_OPTION
from aesearch.search.index import Index
from aesearch.storage.places import find
from aesearch.wording import counted


@click.command(short_help="Check everything that is on disk.")
@click.argument("place", required=False, metavar="[INDEX]")
@INDEX_OPTION
@click.option("--repair", is_flag=True, help="Make the FAISS file anew from the store.")
@click.option(
    "--compact", is_flag=True, help="Leave nothing in any file of what was removed or replaced."
)
def verify(place: str | None, named: str | None, repair: bool, compact: bool) -> int:
    """Check everything on disk: checksums, counts, fingerprint, codes."""
    with Index(find(place or named)) as index:
        problems = index.verify(repair=repair)
        for problem in problems:
            click.echo(f"aesearch: {problem}", err=True)
        if problems:
            return ERROR
        if compact:
            before = index.folder.layout.bytes_on_disk()
            left = index.compact()
            for each in left:
                click.echo(f"aesearch: {each}", err=True)
            if left:
                return SOME_SKIPPED
            after = index.folder.layout.bytes_on_disk()
            click.echo(
                f"compacted: {format_bytes(before)} on disk before, {format_bytes(after)} now"
            )
        items = counted(len(index), index.folder.modality.noun)
        click.echo(f"{index.name}: {items}, revision {index.revision.number}: good")
    return DONE
