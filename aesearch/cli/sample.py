"""``aesearch sample``: new pictures out of codes."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from aesearch.cli import DONE
from aesearch.cli.console import print_json, quiet_decoders
from aesearch.cli.drawing import DRAWN_TO, check_suffix, drawable, drawn
from aesearch.cli.options import INDEX_OPTION, Place, output_option
from aesearch.inference.frechet import SampleDistance
from aesearch.inference.generate import MOST_STEPS, REACH
from aesearch.reports.grid import Group, Tile, picture_of, write_tiles
from aesearch.search.index import Index
from aesearch.storage.places import find
from aesearch.wording import counted

NUMBER, STEPS = 16, 8
MOST = 10_000
# Which options mean nothing beside which choice.
BESIDE: dict[str | None, tuple[str, ...]] = {
    "plane": ("between", "number", "seed"),
    "between": ("plane", "number", "seed", "groups"),
    None: ("steps",),
}


@click.command(short_help="Make new pictures, as the encoder has learned them.")
@click.argument("place", type=Place(), required=False, metavar="[INDEX]")
@INDEX_OPTION
@click.option(
    "--number",
    type=click.IntRange(1, MOST),
    metavar="N",
    help=f"Pictures drawn at random, of each group. Default: {NUMBER}.",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    help="Only of this class, where the encoder is conditional on classes. May be repeated.",
)
@click.option(
    "--plane",
    nargs=2,
    type=int,
    metavar="I J",
    help="Instead a grid over two dimensions of the code, counted from 0: I across, J down.",
)
@click.option(
    "--between",
    nargs=2,
    metavar="A B",
    help="Instead the way from one picture to another: files, or keys of items.",
)
@click.option(
    "--steps",
    type=click.IntRange(2, MOST_STEPS),
    metavar="N",
    help=f"Pictures along a side of the plane, or on the way. Default: {STEPS}.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="Another seed draws other pictures. Default: 0.",
)
@output_option(help=DRAWN_TO, default="samples.png")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as one JSON object.")
def sample(
    place: str | None, named: str | None, output: Path, as_json: bool, **options: Any
) -> int:
    """Draw pictures that the encoder generates: at random, by class, on a plane, on a way.

    Pictures drawn at random get a figure: the Fréchet distance between the codes of as many as
    1,000 samples, decoded and encoded again, and the codes of real pictures. Codes are the
    encoder's own features, so compare the figure only within one index. The floor is what as many
    real pictures have.
    """
    mode = _mode(options)
    check_suffix(output)
    with Index(find(place or named, kind=drawable())) as index, quiet_decoders():
        made: dict[str, Any] = {"output": str(output), "encoder": index.encoder.manifest.kind}
        if mode == "plane":
            heading, note, groups = _plane(index, options)
        elif mode == "between":
            heading, note, groups = _between(index, options)
        else:
            heading, note, groups = _random(index, options)
            if not options["groups"]:
                distance = index.generate.distance(seed=options["seed"] or 0)
                made["frechet"] = asdict(distance) if distance else None
                note = _describe_distance(index, distance)
    write_tiles(heading, groups, output, note=note)
    made["pictures"] = sum(len(group.tiles) for group in groups)
    if as_json:
        print_json(made)
    elif mode is None and note:
        click.echo(note)
    click.echo(f"wrote {output}", err=True)
    return DONE


def _describe_distance(index: Index, distance: SampleDistance | None) -> str:
    if distance is None:
        needed = 2 * index.encoder.code_size + 2
        return f"a Fréchet distance needs {needed:,} pictures; {index.name} holds {len(index):,}"
    return (
        f"Fréchet distance of {distance.count:,} samples {distance.samples:.4f}, of as many real "
        f"pictures {distance.floor:.4f} (the floor)"
    )


def _mode(options: dict[str, Any]) -> str | None:
    """The mode, plane, between or None; refuses options that do not go together."""
    mode = next((name for name in ("plane", "between") if options[name]), None)
    for other in BESIDE[mode]:
        if options[other] not in (None, ()):
            option = f"--{'group' if other == 'groups' else other}"
            beside = f"does not go with --{mode}" if mode else "needs --plane or --between"
            raise click.UsageError(f"{option} {beside}")
    return mode


def _random(index: Index, options: dict[str, Any]) -> tuple[str, str, list[Group]]:
    count, seed = options["number"] or NUMBER, options["seed"] or 0
    groups = []
    for name in options["groups"] or (None,):
        pictures = index.generate.sample(count, seed=seed, group=name)
        kind = f"sample of '{name}'" if name is not None else "sample"
        tiles = [Tile(picture_of(p), f"{kind} {n}") for n, p in enumerate(drawn(pictures), 1)]
        columns = max(min(count, 8), math.ceil(math.sqrt(count)))
        groups.append(Group(tiles, columns, title=name or ""))
    each = " of each group" if len(groups) > 1 else ""
    return f"{counted(count, 'sample')}{each} of {index.name}", "", groups


def _plane(index: Index, options: dict[str, Any]) -> tuple[str, str, list[Group]]:
    (across, down), steps = options["plane"], options["steps"] or STEPS
    offsets = np.linspace(-REACH, REACH, steps)
    groups = []
    for name in options["groups"] or (None,):
        grid = index.generate.plane(across, down, steps=steps, group=name)
        tiles = [
            Tile(picture_of(picture), f"dimension {across} at {x:+.2f}, {down} at {y:+.2f}")
            for y, row in zip(offsets, grid, strict=True)
            for x, picture in zip(offsets, drawn(row), strict=True)
        ]
        groups.append(Group(tiles, steps, title=name or ""))
    note = (
        f"dimension {across} across, {down} down, both from {-REACH:g} to {REACH:+g} standard "
        "deviations; all others at their mean"
    )
    return f"A plane through the codes of {index.name}", note, groups


def _between(index: Index, options: dict[str, Any]) -> tuple[str, str, list[Group]]:
    (first, second), steps = options["between"], options["steps"] or STEPS
    ends = [index.generate.pixels(name) for name in (first, second)]
    way = drawn(index.generate.interpolate(*ends, steps=steps))
    tiles = [Tile(picture_of(ends[0]), f"{first} itself", "the first")]
    for share, picture in zip(np.linspace(0, 1, steps), way, strict=True):
        tiles.append(Tile(picture_of(picture), f"{share:.0%} of the way", f"{share:.0%}"))
    tiles.append(Tile(picture_of(ends[1]), f"{second} itself", "the second"))
    columns = len(tiles) if len(tiles) <= 12 else math.ceil(math.sqrt(len(tiles)))
    note = "both pictures, and what is decoded in equal steps between their codes"
    return f"From {first} to {second}", note, [Group(tiles, columns)]
