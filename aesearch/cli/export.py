"""``aesearch export``: an index for use elsewhere, as arrays, a table, ONNX and FAISS."""

from __future__ import annotations

from pathlib import Path

import click

from aesearch.cli import DONE
from aesearch.cli.console import format_bytes
from aesearch.cli.options import INDEX_OPTION, Place
from aesearch.errors import ParameterError
from aesearch.export.index import FORMATS, PARTS, export
from aesearch.search.index import Index
from aesearch.storage.layout import Layout
from aesearch.storage.places import find, place_for


@click.command("export", short_help="Write codes, encoder and FAISS file for use elsewhere.")
@click.argument("given", type=Place(), required=False, metavar="DIR | [INDEX] -o DIR")
@INDEX_OPTION
@click.option("-o", "--output", metavar="DIR", help="The folder to write; or name it without -o.")
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(PARTS),
    help="Only this part; may be given repeatedly. Default: all.",
)
@click.option(
    "--format",
    "format",
    type=click.Choice(FORMATS),
    default="npy",
    show_default=True,
    help="Of the codes: arrays, or one table (needs pyarrow, aesearch[parquet]).",
)
@click.option("--force", is_flag=True, help="Replace an earlier export, all its folder holds.")
def export_(
    given: str | None,
    named: str | None,
    output: str | None,
    parts: tuple[str, ...],
    format: str,
    *,
    force: bool,
) -> int:
    """Write an index into DIR, in formats that numpy, pandas, onnxruntime and faiss read.

    codes: one code for each item, with keys and labels. encoder: ONNX graphs from a picture or a
    text to its code, and back, with what prepares their input. faiss: the file that is searched,
    with the key of each id. export.json says what each file holds: names, shapes, units.

    DIR must be new or empty. It is there complete or not at all. A name alone is DIR, unless
    there is an index of that name: then -o says where to.
    """
    if output is None and given is None:
        raise click.UsageError("name the folder to write: 'aesearch export DIR', or -o DIR")
    if output is None and named is None and Layout(place_for(Path(given or ""), given)).exists():
        raise ParameterError(
            f"'{given}' is an index: say where to with 'aesearch export {given} -o DIR'; "
            "nothing was written"
        )
    folder = Path(output or given or "")
    with Index(find(named if output is None else given or named)) as index:
        files = export(index, folder, parts=parts or PARTS, format=format, replace=force)
        name = index.name
    width = max(map(len, files))
    click.echo(f"exported {name} to {folder}")
    for file, what in files.items():
        size = sum(p.stat().st_size for p in [folder / file, *(folder / file).rglob("*")])
        click.echo(f"  {file:<{width}}  {format_bytes(size):>9}  {what}")
    return DONE
