"""``aesearch duplicates``: groups of items that are the same, or nearly. Nothing is deleted."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from aesearch.cli import DONE, SOME_SKIPPED
from aesearch.cli.console import format_path, print_json, progress_bars, quiet_decoders
from aesearch.cli.options import INDEX_OPTION, Place, output_option, refuse_undrawable
from aesearch.cli.wrapping import complain, say
from aesearch.duplicates.groups import EXACT, MIRRORED, NEAR, Group, Member, Survey, survey
from aesearch.modalities import MODALITIES, modality
from aesearch.search.index import Index
from aesearch.sources.names import escaped
from aesearch.storage.places import find
from aesearch.wording import counted

TITLES = {
    EXACT: "the same, byte for byte",
    NEAR: "near-duplicates",
    MIRRORED: "mirrored",
}
# What set the threshold; nothing is added where it was the false-positive rate.
DECIDED = {
    "alarm": "",
    "share": " (below it more than a tenth of what is found would be false)",
    "copies": " (the false-positive rate would allow a lower one, which finds hardly any more)",
    "highest": " (the highest there is: the false-positive rate cannot be kept)",
    "given": " (given)",
}
MOST_NAMED = 3
LEAST_RECALL = 0.5  # share of the copies; a note is printed where fewer are found
DRAWN = 256  # pixels of a side at most, for screens with small pixels
PER_LINE = 8
RATES = ", ".join(
    f"{kind.false_positive_rate} of {kind.noun}s" for kind in map(modality, MODALITIES)
)


@click.command(short_help="Find copies: exact, near, mirrored. Deletes nothing.")
@click.argument("place", type=Place(), required=False, metavar="[INDEX]")
@INDEX_OPTION
@click.option(
    "--alarm",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="RATE",
    help="False-positive rate: false pairs allowed for each item. The threshold follows, measured "
    "on the collection. "
    f"[default: {RATES}]",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SCORE",
    help="Least agreement, from 0 to 1, instead of a measured one.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per group and line.")
@output_option(
    "--sheet", "sheet", help="Also draw the groups of pictures, a row for each: .png or .html."
)
def duplicates(
    place: str | None,
    named: str | None,
    alarm: float | None,
    threshold: float | None,
    *,
    as_json: bool,
    sheet: Path | None,
) -> int:
    """Find groups of items that are copies of one another; no file is changed or deleted.

    Exact copies have the same content. Near-duplicates were cropped, recompressed, resized, made
    darker or brighter, or got a caption; of documents, words were changed, cut off or added.
    Mirrored copies are listed apart. The first of each group is the largest; the others are scored
    against it.

    The threshold is measured: perturbed copies of the collection's own pictures say what copies
    score, and pairs that are merely alike how often one would be taken for a copy. It is the
    lowest by which, as is estimated, --alarm is kept and at most every tenth pair found is no copy.
    """
    if sheet is not None and sheet.suffix.lower() not in (".png", ".jpg", ".webp", ".html"):
        raise click.UsageError(f"'{sheet}' must end in .png, .jpg, .webp or .html")
    with Index(find(place or named)) as index:
        noun = index.folder.modality.noun
        refuse_undrawable(sheet, index.folder.modality)
        with quiet_decoders(), progress_bars(sys.stderr) as progress:
            found = survey(index, alarm=alarm, threshold=threshold, progress=progress)
        tabular = index.folder.is_tabular
    if as_json:
        for group in found.groups:
            print_json(group.as_dict())
    else:
        _print_groups(found, tabular=tabular)
    lines = _describe(found, noun)
    for line in lines:
        say(line, err=True)
    if sheet is not None:
        _draw(found, sheet, lines[-1])
    for key, reason in list(found.unread.items())[:MOST_NAMED]:
        complain(f"{escaped(key)}: {reason}")
    if len(found.unread) > MOST_NAMED:
        complain(f"and {len(found.unread) - MOST_NAMED:,} more")
    return SOME_SKIPPED if found.unread else DONE


def _print_groups(found: Survey, *, tabular: bool) -> None:
    """Print the groups: on a terminal under titles, else a line per item with tabs between."""
    terminal = sys.stdout.isatty()
    for kind, title in TITLES.items():
        groups = found.of(kind)
        if terminal and groups:
            click.secho(f"{title}: {counted(len(groups), 'group')}", bold=True)
        for number, group in enumerate(groups, 1):
            for member in group.members:
                place = escaped(member.key) if tabular else format_path(member.path)
                if terminal:
                    lead = f"{number:>4}" if member is group.members[0] else " " * 4
                    click.echo(f"{lead}  {_mark(group, member):>6}  {place}{_size(member)}")
                else:
                    click.echo(f"{kind}\t{number}\t{member.score:.4f}\t{place}")


def _mark(group: Group, member: Member) -> str:
    if member is group.members[0]:
        return "first"
    return "exact" if member.exact else f"{member.score:.3f}"


def _size(member: Member) -> str:
    return f"  {member.pixels[0]} x {member.pixels[1]}" if member.pixels else ""


def _describe(found: Survey, noun: str) -> list[str]:
    """Number of groups, and the threshold with its expected errors, in a line each."""
    parts = [f"{counted(len(found.of(kind)), 'group')} {title}" for kind, title in TITLES.items()]
    lines = [f"{counted(found.items, noun)}: {'; '.join(parts)}"]
    calibration = found.calibration
    if calibration is not None:
        false_pairs = (
            f"{_format_expected(calibration.false_pairs)} of the pairs that are found are no copies"
            if calibration.false_pairs is not None
            else f"it cannot be told of so few {noun}s how many pairs are no copies"
        )
        if calibration.found < LEAST_RECALL:
            lines.append(
                f"these {noun}s are too alike, or too small, for copies to be told from them: the "
                "threshold that keeps false pairs few finds hardly any copy"
            )
        lines.append(
            f"pairs that score {calibration.threshold:.3f} or more count"
            f"{DECIDED[calibration.decided]}; tried with {calibration.copies:,} perturbed copies "
            f"of your own {noun}s, this finds {calibration.found:.1%} of them; by estimate, "
            f"{false_pairs}"
        )
    return lines


def _format_expected(number: float) -> str:
    return "fewer than one" if number < 1 else f"about {number:,.0f}"


def _draw(found: Survey, out: Path, note: str) -> None:
    from aesearch.reports.base import opened
    from aesearch.reports.grid import Group as Drawn
    from aesearch.reports.grid import Tile, write_tiles

    drawn = []
    for kind, title in TITLES.items():
        for number, group in enumerate(found.of(kind), 1):
            tiles = []
            for member in group.members:
                picture = opened(member.path)
                if not isinstance(picture, str):
                    picture.thumbnail((DRAWN, DRAWN))  # thousands may be in memory at once
                caption = f"{_mark(group, member)} {Path(member.key).name}"
                tiles.append(Tile(picture, member.key, caption))
            drawn.append(Drawn(tiles, PER_LINE, f"{title} {number}"))
    if not drawn:
        click.echo("nothing to draw: there are no duplicates", err=True)
        return
    write_tiles("Duplicates", drawn, out, note=note)
    click.echo(f"wrote {out}", err=True)
