"""``aesearch map``: a whole collection in two dimensions."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from aesearch.cli import DONE
from aesearch.cli.console import format_seconds, print_json, progress_bars, quiet_decoders
from aesearch.cli.options import INDEX_OPTION, Place, output_option
from aesearch.reports.base import encoded, fitted, opened
from aesearch.reports.map.figure import check_suffix, write_map
from aesearch.search.index import Index
from aesearch.storage.places import find
from aesearch.types import Progress

BY = ("auto", "code", "pca", "tsne", "umap")
MOST_THUMBNAILS, THUMBNAIL = 3_000, 96  # how many, and their longest side
MANY, SHORT = 20_000, 60  # documents from which on only so many characters of each are shown
LONG = 160


@click.command("map", short_help="Draw the whole collection in two dimensions.")
@click.argument("place", type=Place(), required=False, metavar="[INDEX]")
@INDEX_OPTION
@click.option(
    "--by",
    type=click.Choice(BY),
    default="auto",
    show_default=True,
    help="code: the index's own code if it has two dimensions, else one learned now; pca, tsne, "
    "umap of the codes (umap needs umap-learn).",
)
@output_option(
    default="map.html",
    help="Where to draw it: .html to look around in; .png, .pdf, .svg. Replaced if it exists.",
)
@click.option("--open", "show", is_flag=True, help="Open it when it is drawn.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as one JSON object.")
def map_(
    place: str | None, named: str | None, by: str, output: Path, show: bool, as_json: bool
) -> int:
    """Draw all items in a plane: on the left a learned code of two dimensions, on the right PCA.

    Of documents the right side is LSA. Items are colored by folder or label, and a figure says how
    often the five nearest items in the plane tell the group of an item. The page shows what is
    pointed at, and the pictures themselves where few are in view (of up to 3,000).
    """
    check_suffix(output)
    started = time.perf_counter()
    with Index(find(place or named)) as index, quiet_decoders():
        from aesearch.maps.map import map_of

        captions: list[str] = []
        pictures: dict[int, bytes] = {}
        with progress_bars(sys.stderr) as progress:
            found = map_of(index, by, progress)
            if output.suffix.lower() == ".html":
                if index.folder.modality.visual:
                    pictures = _thumbnails(index, found.keys, progress)
                else:
                    captions = _captions(index, found.ids.tolist())
        write_map(found, output, words=captions, pictures=pictures)
        encoder = index.encoder.manifest.kind
    seconds = time.perf_counter() - started
    if as_json:
        made = {
            "output": str(output),
            "index": str(index.folder.layout.root),
            "encoder": encoder,
            "items": len(found),
            "groups": len(set(found.groups) - {""}),
            "panels": [
                {"method": p.method, "title": p.title, "accuracy": p.accuracy} for p in found.panels
            ],
            "seconds": seconds,
        }
        print_json(made)
    else:
        for panel in found.panels:
            accuracy = "" if panel.accuracy is None else f": 5-NN accuracy {panel.accuracy:.3f}"
            click.echo(f"{panel.title}{accuracy}")
    click.echo(f"wrote {output} in {format_seconds(seconds)}", err=True)
    if show:
        click.launch(str(output))
    return DONE


def _thumbnails(index: Index, keys: Sequence[str], progress: Progress) -> dict[int, bytes]:
    """A small JPEG of each picture that can be read, where they are not too many."""
    thumbnails: dict[int, bytes] = {}
    if len(keys) > MOST_THUMBNAILS:
        return thumbnails
    added = index.folder.added_contents()
    for row, key in enumerate(keys):
        picture = opened(added.get(key) or index.path_of(key))
        if not isinstance(picture, str):
            small = fitted(picture, THUMBNAIL, enlarge=False)
            thumbnails[row] = encoded(small.convert("RGB"), "JPEG")
        progress("thumbnails", row + 1, len(keys))
    return thumbnails


def _captions(index: Index, ids: Sequence[int]) -> list[str]:
    """Title of each document, or its first words."""
    most = SHORT if len(ids) > MANY else LONG
    titles = {text.id: text.title or text.text[: 4 * most] for text in index.folder.store.texts()}
    return [" ".join(titles.get(id, "").split())[:most] for id in ids]
