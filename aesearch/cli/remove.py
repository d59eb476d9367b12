"""``aesearch remove``: take items out of an index, for good or until they are restored."""

from __future__ import annotations

from collections.abc import Sequence

import click

from aesearch.cli import DONE
from aesearch.cli.options import Place
from aesearch.search.index import Index
from aesearch.sources.names import escaped
from aesearch.storage.places import find
from aesearch.wording import counted


@click.command(short_help="Take items out of an index.")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option(
    "--index",
    "place",
    type=Place(),
    metavar="PATH",
    help="The index: a path, or a name in the home.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and change nothing.")
@click.option(
    "--restore",
    is_flag=True,
    help="Let what was removed come back when the index is next brought up to date.",
)
def remove(keys: tuple[str, ...], place: str | None, *, dry_run: bool, restore: bool) -> int:
    """Remove items from an index; their files stay where they are.

    A KEY is that of an item, the path of its file as query prints it, or a glob in quotes:
    'holiday/*' is all that is below holiday. What was removed stays away under its key,
    also where its file changes, until --restore; so does a file that was only renamed.

    Codes, texts and pictures of what was removed are overwritten in the files of the index;
    verify --compact leaves nothing of them in any file.
    """
    from aesearch.ingest.by_hand import items_meant, removed_meant

    with Index(find(place)) as index:
        meant = (removed_meant if restore else items_meant)(index.folder, keys)
        noun = index.folder.modality.noun
        if dry_run:
            _print_forecast(meant, noun, "restored" if restore else "removed")
        elif restore:
            number = index.restore(meant)
            click.echo(
                f"restored {counted(number, noun)}; 'aesearch index' reads what is still there"
            )
        else:
            number = index.remove(meant)
            index.prepare_queries()
            remain = "remains" if len(index) == 1 else "remain"
            click.echo(f"removed {number:,}; {counted(len(index), noun)} {remain}")
    return DONE


def _print_forecast(keys: Sequence[str], noun: str, done: str) -> None:
    """Print what would be removed, or restored."""
    for key in keys:
        click.echo(escaped(key))
    click.echo(f"{counted(len(keys), noun)} would be {done}; nothing was changed", err=True)
