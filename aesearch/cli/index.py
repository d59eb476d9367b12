"""``aesearch index``: learn from a folder, or bring its index up to date."""

from __future__ import annotations

import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from aesearch._renamed import current_name
from aesearch.cli import DONE, SOME_SKIPPED
from aesearch.cli.console import (
    format_bytes,
    format_seconds,
    print_json,
    printable,
    progress_bars,
    quiet_decoders,
)
from aesearch.cli.format_check import describe_encoder, describe_untrained
from aesearch.cli.format_skipped import (
    SkippedFiles,
    describe_columns,
    describe_skipped,
    skipped_files_of,
)
from aesearch.cli.options import Place
from aesearch.cli.wrapping import complain, say
from aesearch.encoders import ENCODERS, is_trained
from aesearch.encoders.factory import parse_choices
from aesearch.engines.plan import DTYPES, ENGINES
from aesearch.errors import AesearchError
from aesearch.modalities.notes import collected_notes
from aesearch.search.index import Index
from aesearch.settings import KINDS, LABELS, WEIGHTINGS, parse_memory
from aesearch.sources.base import STANDARD_INPUT
from aesearch.sources.names import escaped
from aesearch.storage.folder import IndexFolder
from aesearch.storage.info import IndexInfo
from aesearch.storage.places import find
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.indexing.build import Summary
    from aesearch.indexing.preflight import Forecast
    from aesearch.storage.info import Drift


CHANGES = ("new", "changed", "renamed", "removed", "missing", "unread")


class EncoderName(click.Choice):  # type: ignore[type-arg]  # generic since 8.2 only
    """An encoder of the registry, or 'auto'; by its former name, too."""

    def __init__(self) -> None:
        super().__init__(["auto", *ENCODERS])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name of today."""
        name: str = super().convert(current_name(value, note=True), param, ctx)
        return name


@click.command(short_help="Learn from what you have, or bring its index up to date.")
@click.argument("source", type=Place(path_type=Path), required=False)
@click.option(
    "--index",
    "place",
    type=Place(),
    metavar="PATH",
    help="Where the index lives: a path, or a name in the home. Default: indexes/NAME.",
)
@click.option("--budget", metavar="TIME", help="Time for training: 90s, 5m, 1h; 0 for none.")
@click.option("--retrain", is_flag=True, help="Train anew.")
@click.option(
    "--retry", is_flag=True, help="Try every file again that was left out, whatever the reason."
)
@click.option(
    "--reread", is_flag=True, help="Read every file again, also where size and time are as before."
)
@click.option(
    "--yes",
    "remove",
    is_flag=True,
    help="Remove what is gone, even if it is more than 20 items and a tenth of them all.",
)
@click.option("--append", is_flag=True, help="Of standard input: add it to what was read before.")
@click.option("--replace", is_flag=True, help="Of standard input: put it in the place of that.")
@click.option(
    "--moved-to",
    type=Place(path_type=Path),
    metavar="PLACE",
    help="Instead of SOURCE: where it is now. Its items must be there.",
)
@click.option(
    "--metadata",
    type=Place(path_type=Path),
    metavar="TABLE",
    help="Of a folder: a table that says something of its files, such as inventory.csv; --key is "
    "then its column that names them. Later runs look at it again.",
)
@click.option(
    "--watch", is_flag=True, help="Then go on: bring it up to date whenever SOURCE changes."
)
@click.option("--no-metadata", is_flag=True, help="Let go of that table, and of what it said.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option(
    "--encoder",
    type=EncoderName(),
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
    "--code-size", type=click.IntRange(1), metavar="N", help="Dimensions of a code. Default: 64."
)
@click.option(
    "--bits",
    type=click.IntRange(8),
    metavar="N",
    help="Keep codes as so many bits: 64 bits take 8 bytes.",
)
@click.option("--form", type=click.Choice(DTYPES), help="Keep codes as float, int8 or bits.")
@click.option("--engine", type=click.Choice(ENGINES), help="Kind of FAISS index.")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    help="What SOURCE holds: images, texts or vectors. Needed only where that is not plain.",
)
@click.option(
    "--text",
    "text_columns",
    multiple=True,
    metavar="COLUMN",
    help="Of a table: a column of text; several are joined.",
)
@click.option(
    "--vector", metavar="COLUMN", help="Of a table, or an .npz file: what holds the vectors."
)
@click.option(
    "--key",
    "key_column",
    metavar="COLUMN",
    help="Of a table, or an .npz file: what names a row; of .npy, a file with a line for each.",
)
@click.option(
    "--label",
    "label_column",
    metavar="COLUMN",
    help="Of a table or .npz: classes; of .npy, a file.",
)
@click.option(
    "--labels",
    type=click.Choice(LABELS),
    help="none: folders and classes choose nothing, and the check does not ask for them.",
)
@click.option(
    "--no-header",
    is_flag=True,
    help="Of a .csv or .tsv: the first line is a row; columns are called 1, 2, 3 and so on.",
)
@click.option(
    "--encoding",
    metavar="NAME",
    help="Of texts that are not UTF-8: cp1251, latin-1, ... Default: it is found out.",
)
@click.option(
    "--weighting",
    type=click.Choice(WEIGHTINGS),
    help="Term weighting of documents; auto lets the check choose.",
)
@click.option(
    "--vocabulary",
    type=click.IntRange(2),
    metavar="N",
    help="Most terms of documents. Default: 30000.",
)
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    metavar="N",
    help="Most pixels of a picture, as it is decoded. Default: 178000000.",
)
@click.option("--max-memory", metavar="SIZE", help="Memory for the codes, such as 500M or 4G.")
@click.option(
    "--recall",
    type=float,
    metavar="R",
    help="Recall at 10 that an approximate index must reach. Default: 0.95.",
)
@click.option("--seed", type=int, metavar="N", help="Seed of all random numbers.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def index(
    source: Path | None,
    place: str | None,
    moved_to: Path | None,
    metadata: Path | None,
    no_metadata: bool,
    budget: str | None,
    retrain: bool,
    retry: bool,
    reread: bool,
    remove: bool,
    append: bool,
    replace: bool,
    watch: bool,
    dry_run: bool,
    as_json: bool,
    max_memory: str | None,
    chosen: tuple[str, ...],
    text_columns: tuple[str, ...],
    key_column: str | None,
    label_column: str | None,
    no_header: bool,
    vector: str | None,
    **choices: Any,
) -> int:
    """Learn from the pictures, documents or vectors in SOURCE and make them searchable.

    SOURCE is a folder of pictures, documents or .npy files, a table of documents or vectors (.csv,
    .tsv, .jsonl, .json, .parquet), an array of vectors or pictures (.npy, .npz), or - for standard
    input: one JSON object, or one document, a line.

    Run it again to bring the index up to date: new, changed, renamed and removed files, without
    training. What cannot be read now stays as it was, and is tried again the next time. An
    interrupted run goes on where it was. Nothing is written into SOURCE.
    """
    started = time.perf_counter()
    _check(source, moved_to, watch=watch, dry_run=dry_run, append=append, replace=replace)
    if moved_to is not None:
        place = _moved(place, moved_to, dry_run=dry_run)
        if dry_run:
            return DONE
    source = source or moved_to or Path()
    from aesearch.sources.columns import Columns

    header = False if no_header else None
    if metadata and no_metadata:
        raise click.UsageError("--metadata names a table, --no-metadata lets go of it: name one")
    metadata_key, key_column = (key_column, None) if metadata else (None, key_column)
    columns = Columns(text_columns, key_column, label_column, vector, header)
    settings = {name: value for name, value in choices.items() if value is not None}
    if chosen:
        settings["parameters"] = parse_choices(chosen)
    if max_memory is not None:
        settings["max_memory"] = parse_memory(max_memory)
    if dry_run:
        from aesearch.indexing.preflight import foretell
        from aesearch.ingest.differences import SyncOptions

        found = foretell(
            source,
            place,
            settings,
            budget=budget,
            retrain=retrain,
            columns=columns or None,
            sync=SyncOptions(retry, reread, remove),
        )
        return _print_forecast(found, as_json=as_json)
    from aesearch.indexing.build import update

    with quiet_decoders(), progress_bars(sys.stderr) as progress, collected_notes() as notes:
        opened, done = update(
            source,
            place,
            settings,
            budget=budget,
            retrain=retrain,
            columns=columns or None,
            progress=progress,
            retry=retry,
            reread=reread,
            remove=remove,
            append=(not replace) if append or replace else None,
            metadata="" if no_metadata else metadata,
            metadata_key=metadata_key,
        )
    with opened:
        facts, drift = opened.info(), opened.drift()
    skipped = skipped_files_of(facts)
    unreadable = len(skipped.repeated) + len(skipped.unreadable) + len(skipped.kept)
    summary = {
        "index": str(opened.folder.layout.root),
        "items": facts.items,
        **dict.fromkeys(CHANGES, 0),
        **done.counts,
        "skipped": unreadable,
        "repeated_keys": len(skipped.repeated),
        "ignored": len(skipped.ignored),
        "columns": done.columns.as_dict() if done.columns else None,
        **({"metadata": done.metadata.as_dict()} if done.metadata else {}),
        "notes": dict(notes),
        "encoder": facts.encoder,
        "check": facts.check,
        "trained": facts.trained,
        "bytes_on_disk": opened.folder.layout.bytes_on_disk(),  # without the journal
        "seconds": time.perf_counter() - started,
    }
    if as_json:
        print_json(summary)
    else:
        _print_summary(facts, summary, drift, done, skipped)
    if watch:
        return _watched(opened.folder.layout.root, as_json=as_json)
    return SOME_SKIPPED if unreadable or done.partial or _is_partial(done.counts) else DONE


def _check(
    source: Path | None,
    moved_to: Path | None,
    *,
    watch: bool,
    dry_run: bool,
    append: bool,
    replace: bool,
) -> None:
    """Refuse options that do not go together."""
    if (source is None) == (moved_to is None):
        raise click.UsageError("name the SOURCE, or by --moved-to where that of an index is now")
    if watch and (dry_run or str(source or moved_to) == STANDARD_INPUT):
        raise click.UsageError("--watch is for a SOURCE that stays: neither - nor with --dry-run")
    if append and replace:
        raise click.UsageError(
            "--append adds to what was read before, --replace takes its place: name one of them"
        )


def _watched(place: Path, *, as_json: bool) -> int:
    """Bring an index up to date whenever its source changes, until Ctrl-C."""
    from aesearch.ingest.watching import changed

    with Index(place) as opened, suppress(KeyboardInterrupt):
        for _ in changed(lambda: {"": opened.source}, Event()):
            try:
                with quiet_decoders(), progress_bars(sys.stderr) as progress:
                    counts = opened.sync(progress)
            except AesearchError as error:  # a disk that is away comes back
                complain(escaped(str(error)))
                continue
            changes = {name: counts.get(name, 0) for name in CHANGES}
            if not any(changes.values()):
                continue
            if as_json:
                print_json({"index": str(place), "items": len(opened), **changes})
            else:
                items = counted(len(opened), opened.folder.modality.noun)
                say(f"{opened.name}: {items} ({_format_counts(changes, 'file')})")
    return DONE


def _is_partial(counts: dict[str, int]) -> bool:
    """Whether items stay of which it is not known how they are."""
    return "missing" in counts or "unread" in counts


def _moved(place: str | None, source: Path, *, dry_run: bool) -> str:
    """Let a source be where it was moved to; the place of the index."""
    from aesearch.ingest.moved import move

    with closing(IndexFolder(find(place))) as folder:
        found = move(folder, source, dry_run=dry_run)
        items = counted(found.items, folder.modality.noun)
        be = "would be" if dry_run else "is"
        complain(
            f"note: {found.alike:,} of {items} are in {source}, which {be} the source of "
            f"{folder.name} now"
        )
        return str(folder.layout.root.absolute())


def _print_forecast(found: Forecast, *, as_json: bool) -> int:
    """Print what a run would do."""
    root, exists = found.layout.root, found.layout.exists()
    code = SOME_SKIPPED if _is_partial(found.counts) else DONE
    if as_json:
        facts = {"index": str(root), "dry_run": True, "retrain": found.trains == "anew"}
        columns = found.columns.as_dict() if found.columns else None
        print_json({**facts, **dict.fromkeys(CHANGES, 0), **found.counts, "columns": columns})
        return code
    verb = "would be brought up to date" if exists else "would be made"
    if found.trains is not None:
        verb += " and trained anew" if found.trains == "anew" else ", its training gone on with"
    things = _format_counts(found.counts, "row" if found.columns else "file")
    click.echo(f"{root} {verb}: {things}; nothing was changed")
    if found.columns:
        say(describe_columns(found.columns), "  ")
    return code


def _format_counts(counts: dict[str, int], thing: str) -> str:
    parts = [f"{number:,} {name}" for name, number in counts.items() if number]
    return ", ".join(parts) or f"no {thing}s"


def _print_summary(
    facts: IndexInfo,
    summary: dict[str, Any],
    drift: Drift | None,
    done: Summary,
    skipped: SkippedFiles,
) -> None:
    """Print the closing summary."""
    noun, thing = facts.modality.noun, facts.thing
    changes = {k: summary[k] for k in CHANGES}
    what = _format_counts(changes, thing) if any(changes.values()) else f"no {thing} changed"
    if done.trained and "seconds" in facts.trained and is_trained(facts.encoder):
        what += ", trained"
    items = counted(summary["items"], noun)
    say(f"{facts.name}: {items} ({what}) in {format_seconds(summary['seconds'])}")
    if done.columns:
        say(describe_columns(done.columns), "  ")
    if done.metadata:
        say(f"fields: {done.metadata.told(noun)}", "  ")
    if skipped:
        say(describe_skipped(skipped, facts), "  ")
    for text, times in summary["notes"].items():
        many = f" ({counted(times, thing)})" if times > 1 else ""
        say(f"{printable(text)}{many}", "  note: ")
    for line in describe_encoder(facts, noun) if done.trained else describe_untrained(facts, noun):
        say(line, "  ")
    if drift and drift.has_drifted:
        say(f"{drift}; --retrain would learn from them", "  ")
    say(
        f"{format_bytes(summary['bytes_on_disk'])} on disk, "
        f"{facts.engine['bytes_per_item']:.0f} bytes per code in memory",
        "  ",
    )
