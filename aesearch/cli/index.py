"""``aesearch index``: learn from a folder, or bring its index up to date."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aesearch.cli import DONE, SOME_SKIPPED
from aesearch.cli.terminal import amount, clock, counted, progress_bars, quiet_decoders
from aesearch.encoders import ENCODERS, UNTRAINED
from aesearch.encoders.making import parse_choices
from aesearch.engines.choose import ENGINES, FORMS
from aesearch.evaluation import Check
from aesearch.features import NOUNS
from aesearch.hybrid_check import WordsCheck
from aesearch.index import Index, open_at
from aesearch.layout import Layout, place_for
from aesearch.settings import KINDS, WEIGHTINGS, parse_memory

if TYPE_CHECKING:
    from aesearch.tabular import Columns


@click.command(short_help="Learn from pictures or documents, or bring their index up to date.")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--index",
    "place",
    metavar="PATH",
    help="Where the index lives: a path, or a name in the home. Default: indexes/NAME.",
)
@click.option("--budget", metavar="TIME", help="Time for training: 90s, 5m, 1h; 0 for none.")
@click.option("--retrain", is_flag=True, help="Train anew.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option(
    "--encoder",
    type=click.Choice(["auto", *ENCODERS]),
    help="Force an encoder; auto publishes the one that the check finds better.",
)
@click.option(
    "--set",
    "chosen",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter of the encoder, such as beta=2 or hidden=500,250; may be given repeatedly.",
)
@click.option(
    "--code-size", type=click.IntRange(1), metavar="N", help="Numbers in a code. Default: 64."
)
@click.option(
    "--bits",
    type=click.IntRange(8),
    metavar="N",
    help="Keep codes as so many bits: 64 bits take 8 bytes.",
)
@click.option("--form", type=click.Choice(FORMS), help="Keep codes as float, int8 or bits.")
@click.option("--engine", type=click.Choice(ENGINES), help="Kind of FAISS index.")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    help="What SOURCE holds: images or texts. Needed only where it holds both.",
)
@click.option(
    "--text",
    "text_columns",
    multiple=True,
    metavar="COLUMN",
    help="Of a table: a column of text; several are joined.",
)
@click.option("--key", "key_column", metavar="COLUMN", help="Of a table: what names a row.")
@click.option("--label", "label_column", metavar="COLUMN", help="Of a table: its classes.")
@click.option(
    "--weighting",
    type=click.Choice(WEIGHTINGS),
    help="How the words of documents are weighted; auto lets the check choose.",
)
@click.option(
    "--vocabulary",
    type=click.IntRange(2),
    metavar="N",
    help="Most terms of documents that are told apart. Default: 30000.",
)
@click.option("--max-memory", metavar="SIZE", help="Memory for the codes, such as 500M or 4G.")
@click.option(
    "--recall",
    type=float,
    metavar="R",
    help="Share of the exact nearest that an approximate index must find. Default: 0.95.",
)
@click.option("--seed", type=int, metavar="N", help="Seed of everything drawn at random.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def index(
    source: Path,
    place: str | None,
    budget: str | None,
    retrain: bool,
    dry_run: bool,
    as_json: bool,
    max_memory: str | None,
    chosen: tuple[str, ...],
    text_columns: tuple[str, ...],
    key_column: str | None,
    label_column: str | None,
    **choices: Any,
) -> int:
    """Learn from the pictures or documents in SOURCE and make them searchable.

    SOURCE is a folder, a table of documents (.csv, .tsv, .jsonl), or - for standard input: one
    JSON object, or one document, a line.

    Run it again to bring the index up to date: new, changed, renamed and removed files, without
    training. An interrupted training goes on from its last checkpoint. Nothing is written into
    SOURCE.
    """
    started = time.perf_counter()
    from aesearch.tabular import Columns

    columns = Columns(text_columns, key_column, label_column)
    if dry_run:
        return _foretell(source, place, columns, as_json, retrain=retrain)
    from aesearch.builder import update

    settings = {name: value for name, value in choices.items() if value is not None}
    if chosen:
        settings["parameters"] = parse_choices(chosen)
    if max_memory is not None:
        settings["max_memory"] = parse_memory(max_memory)
    with quiet_decoders(), progress_bars(sys.stderr) as progress:
        opened, done = update(
            source,
            place,
            settings,
            budget=budget,
            retrain=retrain,
            columns=columns or None,
            progress=progress,
        )
    with opened:
        skipped = opened.skipped()
        unreadable = sum(not file.ignored for file in skipped)
        summary = {
            "index": str(opened.layout.root),
            "items": len(opened),
            **done.counts,
            "skipped": unreadable,
            "ignored": len(skipped) - unreadable,
            "encoder": opened.encoder.manifest["kind"],
            "check": opened.encoder.manifest.get("check"),
            "bytes_on_disk": opened.layout.bytes_on_disk(),
            "seconds": time.perf_counter() - started,
        }
        if as_json:
            click.echo(json.dumps(summary))
        else:
            _tell(opened, summary, trained=done.trained)
    return SOME_SKIPPED if unreadable else DONE


def _foretell(
    source: Path, place: str | None, columns: Columns, as_json: bool, *, retrain: bool
) -> int:
    """Say what a run would do."""
    from aesearch.sync import differences
    from aesearch.tabular import STANDARD_INPUT, open_source

    if str(source) == STANDARD_INPUT:
        raise click.UsageError("standard input is read once; --dry-run is for files")
    layout = Layout(place_for(source, place))
    if not layout.exists():
        files = sum(1 for _ in open_source(source, columns).walk())
        counts = {"new": files, "changed": 0, "renamed": 0, "removed": 0, "unchanged": 0}
    else:
        with open_at(layout.root) as opened:
            opened.check_source(source)
            folder = open_source(source, columns.over(opened.card.get("columns")))
            counts = differences(opened, folder).counts()
    if as_json:
        facts = {"index": str(layout.root), "dry_run": True, "retrain": retrain}
        click.echo(json.dumps({**facts, **counts}))
    else:
        verb = "would be brought up to date" if layout.exists() else "would be made"
        if layout.exists() and (retrain or layout.plan.exists()):
            verb += " and trained anew" if retrain else ", its training gone on with"
        click.echo(f"{layout.root} {verb}: {_counted(counts)}; nothing was changed")
    return DONE


def _counted(counts: dict[str, int]) -> str:
    parts = [f"{number:,} {name}" for name, number in counts.items() if number]
    return ", ".join(parts) or "no files"


def _tell(opened: Index, summary: dict[str, Any], *, trained: bool) -> None:
    """Print the closing summary."""
    changes = {k: summary[k] for k in ("new", "changed", "renamed", "removed")}
    what = _counted(changes) if any(changes.values()) else "no file changed"
    kind, made = summary["encoder"], opened.encoder.manifest["trained"]
    if trained and "seconds" in made and kind not in UNTRAINED:
        what += ", trained"
    items = counted(summary["items"], NOUNS[opened.kind])
    click.echo(f"{opened.name}: {items} ({what}) in {clock(summary['seconds'])}")
    if summary["skipped"] or summary["ignored"]:
        click.echo(
            f"  left out: {counted(summary['skipped'], 'file')} that could not be read, "
            f"{counted(summary['ignored'], 'other file')} (no {NOUNS[opened.kind]}s, or removed); "
            f"'aesearch info {opened.layout.root}' lists them"
        )
    if trained and summary["check"]:
        click.echo(f"  {verdict(summary['check'], NOUNS[opened.kind])}")
        if "words" in summary["check"] and (words := WordsCheck(**summary["check"]["words"])).helps:
            click.echo(f"  {words}: use 'aesearch query --hybrid'")
    drift = opened.drift()
    if drift and drift.has_drifted:
        click.echo(f"  {drift}; --retrain would learn from them")
    plan = opened.revision.plan
    click.echo(
        f"  {amount(summary['bytes_on_disk'])} on disk, {plan['bytes_per_item']:.0f} bytes per "
        "code in memory"
    )


def verdict(check: dict[str, Any], noun: str) -> str:
    """Say in one line which encoder won, and by how much."""
    checks = {name: Check.from_dict(row) for name, row in check["candidates"].items()}
    measure, winner = check["measure"], check["winner"]
    values = {name: float(getattr(found, measure)) for name, found in checks.items()}
    tried = f"on {counted(check['questions'], noun)} kept out of training"
    baselines = [name for name in values if name.startswith(("pca", "lsa "))]
    best_base = max(baselines, key=values.__getitem__)
    learned = [name for name in values if name not in baselines]
    if not learned:
        return f"encoder {winner}: {_figures(checks[winner], measure)}, {tried}"
    best = max(learned, key=values.__getitem__)
    gain = values[best] / values[best_base] - 1 if values[best_base] else 0.0
    return (
        f"encoder {winner}: {best} has {_figures(checks[best], measure)}; "
        f"{best_base} has {_figures(checks[best_base], measure)} ({gain:+.0%}), {tried}"
    )


def _figures(found: Check, measure: str) -> str:
    if measure == "reciprocal_rank":
        return f"MRR {found.reciprocal_rank:.3f} of distorted copies"
    return f"P@10 {found.precision_at_10:.3f}, mAP {found.mean_average_precision:.3f}"
