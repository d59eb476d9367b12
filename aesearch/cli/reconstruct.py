"""``aesearch reconstruct``: pictures beside their reconstructions."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np

from aesearch.cli import DONE, ERROR, SOME_SKIPPED
from aesearch.cli.console import print_json, quiet_decoders
from aesearch.cli.drawing import DRAWN_TO, check_suffix, drawable, drawn
from aesearch.cli.options import Place, output_option
from aesearch.cli.wrapping import complain
from aesearch.errors import ContentError
from aesearch.inference.generate import reconstruct
from aesearch.modalities.images.pixels import open_picture
from aesearch.reports.grid import Group, Tile, picture_of, write_tiles
from aesearch.search.index import Index
from aesearch.sources.folder import read_file
from aesearch.sources.names import escaped
from aesearch.storage.places import find
from aesearch.types import Pixels


@click.command("reconstruct", short_help="Show what the encoder keeps of a picture.")
@click.argument("files", nargs=-1, type=Place(), required=True, metavar="FILE...")
@click.option(
    "--index",
    "place",
    type=Place(),
    metavar="PATH",
    help="The index: a path, or a name in the home. Needed only where several fit.",
)
@output_option(help=DRAWN_TO, default="reconstructions.png")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file and line.")
def reconstruct_(files: tuple[str, ...], place: str | None, output: Path, as_json: bool) -> int:
    """Encode each FILE, decode the code again, and draw both; - is a picture on standard input.

    Prints for each the mean squared error, of pixels between 0 and 1 in the size that the encoder
    works with, and the file.
    """
    check_suffix(output)
    near = Path(files[0]) if files[0] != "-" else None
    read: list[tuple[str, bytes, Pixels]] = []
    with Index(find(place, near, drawable())) as index, quiet_decoders():
        generate = index.generate
        for name in files:
            try:
                content = sys.stdin.buffer.read() if name == "-" else read_file(name)
                read.append((name, content, generate.pixels(content)))
            except ContentError as error:
                complain(f"{escaped(name)}: {error}")
        if not read:
            return ERROR
        pictures, errors = reconstruct(index.encoder, np.stack([seen for _, _, seen in read]))
        title = f"Reconstructions by the encoder of {index.name}"
        rows = zip(read, drawn(pictures), errors.tolist(), strict=True)
        groups = [_side_by_side(*one, picture, error) for one, picture, error in rows]
    for (name, _, _), gap in zip(read, errors.tolist(), strict=True):
        line = {"file": name, "error": gap, "output": str(output)}
        if as_json:
            print_json(line)
        else:
            click.echo(f"{gap:.6f}\t{escaped(name)}")
    write_tiles(title, groups, output, note=f"mean squared error {errors.mean():.4f} on average")
    click.echo(f"wrote {output}", err=True)
    return DONE if len(read) == len(files) else SOME_SKIPPED


def _side_by_side(name: str, content: bytes, seen: Pixels, picture: Pixels, error: float) -> Group:
    height, width = seen.shape[:2]
    tiles = [
        Tile(open_picture(content), f"{name}, original", "original"),
        Tile(picture_of(seen), f"{name} as the encoder sees it", f"seen, {width}x{height}"),
        Tile(picture_of(picture), f"{name}, reconstruction", "reconstruction"),
    ]
    return Group(tiles, len(tiles), title=name, note=f"mean squared error {error:.4f}")
