"""``aesearch mcp``: the search as the tools of an assistant."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from aesearch.cli import DONE
from aesearch.cli.options import Place
from aesearch.errors import MissingExtraError
from aesearch.service.shelf import Shelf
from aesearch.storage.places import find


@click.command("mcp", short_help="Serve indexes to an assistant, by MCP on standard input.")
@click.argument("places", nargs=-1, type=Place(), metavar="[INDEX]...")
@click.option(
    "--allow",
    multiple=True,
    type=Place(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Pictures to search with may lie below this folder, too.",
)
def mcp_(places: tuple[str, ...], allow: tuple[Path, ...]) -> int:
    """Serve indexes to an assistant, by the Model Context Protocol on standard input and output.

    An assistant starts this command itself: docs/mcp.md says how to put it into its configuration.
    It gets the indexes named, or all of the home, also those that are made later. Its tools only
    read: list_indexes, search_images, search_documents, similar, explain.

    A picture to search with is read from a path only where that lies below an indexed folder or one
    of --allow, and pictures come back of items of an index alone.
    """
    try:
        from aesearch.service.mcp import serve_stdio
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in (
            "fastapi",
            "mcp",
            "pydantic",
            "starlette",
        ):
            raise
        raise MissingExtraError("mcp needs pip install 'aesearch[mcp]'", "mcp") from error
    with closing(Shelf([find(place) for place in places])) as shelf:
        serve_stdio(shelf, allow)
    return DONE
