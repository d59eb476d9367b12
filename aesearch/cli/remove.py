"""``aesearch remove``: take items out of an index."""

from __future__ import annotations

import click

from aesearch.cli import DONE
from aesearch.search.index import Index
from aesearch.storage.places import find
from aesearch.wording import counted


@click.command(short_help="Take items out of an index.")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--index", "place", metavar="PATH", help="The index: a path, or a name in the home.")
def remove(keys: tuple[str, ...], place: str | None) -> int:
    """Remove items from an index; their files stay where they are."""
    with Index(find(place)) as index:
        number = index.remove(keys)
        index.prepare_queries()
        remain = "remains" if len(index) == 1 else "remain"
        items = counted(len(index), index.folder.modality.noun)
        click.echo(f"removed {number:,}; {items} {remain}")
    return DONE
