"""``aesearch list``: the indexes in the home."""

from __future__ import annotations

from contextlib import closing

import click

from aesearch.cli import DONE, SOME_SKIPPED
from aesearch.cli.console import format_bytes, print_json
from aesearch.cli.wrapping import say
from aesearch.client.address import Address
from aesearch.errors import AesearchError
from aesearch.modalities import modality
from aesearch.search.index import Index
from aesearch.sources.names import escaped
from aesearch.storage.places import all_places, home
from aesearch.wording import counted


@click.command("list", short_help="Show the indexes that there are.")
@click.option("--index", "url", metavar="URL", help="Those of a service: http://HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per index and line.")
def list_(url: str | None, *, as_json: bool) -> int:
    """Show the indexes in the home: AESEARCH_HOME, or indexes/ in the working folder."""
    if url is not None:
        return _list_there(url, as_json=as_json)
    places, passed = all_places(), False
    for place in places:
        try:
            with Index(place) as index:
                folder = index.folder
                row = {
                    "name": index.name,
                    "kind": index.kind,
                    "items": len(index),
                    "encoder": folder.manifest.kind,
                    "bytes_on_disk": folder.layout.bytes_on_disk(),
                    "source": str(index.source),
                    "training": folder.layout.plan.exists(),
                }
                lead, line = _format_line(index)
        except AesearchError as error:
            row = {"name": place.name, "error": str(error)}
            lead, line = f"{place.name:<20} ", str(error)
            passed = True
        if as_json:
            print_json(row)
        else:
            say(escaped(line), escaped(lead))
    if not places:
        click.echo(f"no index in {home().absolute()}; 'aesearch index SOURCE' makes one", err=True)
    return SOME_SKIPPED if passed else DONE


def _format_line(index: Index) -> tuple[str, str]:
    """One line on an index: its name, and what there is to say of it."""
    folder = index.folder
    note = "  (training unfinished)" if folder.layout.plan.exists() else ""
    size = format_bytes(folder.layout.bytes_on_disk())
    items = counted(len(index), folder.modality.noun)
    encoder = folder.manifest.kind
    return f"{index.name:<20} ", f"{items:>18}  {encoder:<10} {size:>9}  {index.source}{note}"


def _list_there(url: str, *, as_json: bool) -> int:
    """Show the indexes of a service."""
    from aesearch.client.service import TIMEOUT, Service  # which those of the home never need

    with closing(Service(Address.of(url), None, TIMEOUT)) as service:
        rows = service.get("v1", "indexes")["indexes"]
    for row in rows:
        if as_json:
            print_json({name: value for name, value in row.items() if value is not None})
            continue
        line = row.get("fault")
        if line is None:
            items = counted(row["items"], modality(row["kind"]).noun)
            line = f"{items:>18}  {row['encoder']}"
        say(escaped(line), escaped(f"{row['name']:<20} "))
    return SOME_SKIPPED if any(row.get("fault") for row in rows) else DONE
