"""``aesearch query``: find what is similar. Every import here is paid by every query."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from aesearch.cli import DONE, ERROR
from aesearch.cli.terminal import quiet_decoders, shown
from aesearch.errors import ContentError
from aesearch.index import Hit, Index
from aesearch.layout import find


@click.command(short_help="Find what is similar to a picture.")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option(
    "-k",
    "--top",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Hits wanted.",
)
@click.option(
    "--index",
    "place",
    metavar="PATH",
    help="The index: a path, or a name in the home. Needed only where several fit.",
)
@click.option("--key", "keys", multiple=True, help="Search with an item of the index, by its key.")
@click.option("--among", metavar="GLOB", help="Look only at keys that match, 'holiday/**' say.")
@click.option("--threshold", type=float, metavar="SCORE", help="Leave out hits that score less.")
@click.option("--json", "form", flag_value="json", help="One JSON object per hit and line.")
@click.option("-0", "--print0", "form", flag_value="null", help="Paths only, each ended by NUL.")
@click.option(
    "--sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT",
    help="Also draw the query and its hits: .png or .html.",
)
def query(
    files: tuple[str, ...],
    top: int,
    place: str | None,
    keys: tuple[str, ...],
    among: str | None,
    threshold: float | None,
    form: str | None,
    sheet: Path | None,
) -> int:
    """Find the pictures most similar to each FILE; - is a picture on standard input.

    Prints a table on a terminal, else one line per hit: score, tab, path (and, where several
    files were asked for, tab, the file). A score is a cosine: 1 is the same, higher is closer.
    """
    if not files and not keys:
        raise click.UsageError("name a picture to search with, or an item by --key")
    if sheet is not None and sheet.suffix.lower() not in (".png", ".jpg", ".webp", ".html"):
        raise click.UsageError(f"'{sheet}' must end in .png, .jpg, .webp or .html")
    several = len(files) + len(keys) > 1
    near = Path(files[0]) if files and files[0] != "-" else None
    failed = False
    answers: list[tuple[str, object, list[Hit]]] = []
    with Index(find(place, near)) as index, quiet_decoders():
        for key in keys:
            hits = index.similar(key, top, among=among, threshold=threshold)
            answers.append((key, index.path_of(key), hits))
        for name in files:
            content = sys.stdin.buffer.read() if name == "-" else Path(name)
            try:
                hits = index.search(content, top, among=among, threshold=threshold)
            except ContentError as error:
                failed = True
                click.echo(f"aesearch: {name}: {error}", err=True)
                continue
            answers.append((name, content, hits))
    if among is not None and answers and not any(hits for _, _, hits in answers):
        click.echo(f"aesearch: nothing found among '{among}'; a folder is 'name/*'", err=True)
    for name, _, hits in answers:
        _print(name, hits, form, several=several)
    if sheet is not None and answers:
        _draw(answers, sheet)
    return ERROR if failed else DONE


def _print(name: str, hits: list[Hit], form: str | None, *, several: bool) -> None:
    if form == "json":
        for rank, hit in enumerate(hits, 1):
            line = {
                "query": name,
                "rank": rank,
                "score": round(hit.score, 6),
                "key": hit.key,
                "path": str(hit.path),
            }
            click.echo(json.dumps(line, ensure_ascii=False))
    elif form == "null":
        for hit in hits:
            click.echo(f"{hit.path}\0", nl=False)
    elif sys.stdout.isatty():
        if several:
            click.secho(name, bold=True)
        for rank, hit in enumerate(hits, 1):
            click.echo(f"{rank:>4}  {hit.score:6.3f}  {shown(hit.path)}")
        if not hits:
            click.echo("      nothing found")
    else:
        tail = f"\t{name}" if several else ""
        for hit in hits:
            click.echo(f"{hit.score:.4f}\t{shown(hit.path)}{tail}")


def _draw(answers: list[tuple[str, object, list[Hit]]], out: Path) -> None:
    from aesearch.features.images import open_picture
    from aesearch.reports.sheet import Cell, Row, write_sheet

    rows = []
    for name, content, hits in answers:
        try:
            picture = open_picture(content)  # type: ignore[arg-type]
        except ContentError:
            picture = None
        rows.append(Row(name, picture, [Cell(hit.score, hit.key, hit.path) for hit in hits]))
    write_sheet(rows, out)
    click.echo(f"wrote {out}", err=True)
