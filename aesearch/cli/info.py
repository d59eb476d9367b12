"""``aesearch info``: what an index holds, and how good it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from aesearch.cli import DONE
from aesearch.cli.console import format_bytes, format_seconds, print_json
from aesearch.cli.format_check import describe_limits, format_epochs
from aesearch.cli.format_skipped import sections, skipped_files_of
from aesearch.cli.options import INDEX_OPTION, Place, output_option
from aesearch.cli.wrapping import fits, say
from aesearch.client.address import is_address
from aesearch.client.opening import open_index
from aesearch.encoders import is_trained
from aesearch.search.index import Index
from aesearch.search.where import as_written
from aesearch.settings import format_parameters
from aesearch.sources.names import escaped
from aesearch.storage.info import IndexInfo
from aesearch.storage.places import find
from aesearch.wording import by_labels, clipped, counted

LONGEST_SHOWN = 24  # characters of a value
OTHERS = {"candidates": "references", "forms": ""}  # what is shown beside, and was not to choose
COLUMNS = {
    "precision_at_10": "P@10",
    "mean_average_precision": "mAP",
    "recall_at_1": "recall@1",
    "reciprocal_rank": "MRR",
    "opening_rank": "openings",
}


def _cell(value: float | None) -> str:
    return f"{'-':>10}" if value is None else f"{value:>10.3f}"


@click.command(short_help="Show what an index holds, and how good it is.")
@click.argument("place", type=Place(), required=False, metavar="[INDEX]")
@INDEX_OPTION
@output_option(
    "--plot",
    "plot",
    help="Also draw how the training went, loss by epoch: .png, .svg or .html.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def info(place: str | None, named: str | None, plot: Path | None, as_json: bool) -> int:
    """Show what an index holds: encoder, check, sizes, drift, skipped files with reasons."""
    facts = _facts_of(place or named, plot)
    noun = facts.modality.noun
    if as_json:
        print_json(facts.as_dict(), indent=1)
        return DONE
    click.echo(f"{facts.name}: {counted(facts.items, noun)} of {facts.source}")
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(facts.changed_at))
    engine, input_form = facts.engine, facts.modality.describe_input(facts.features)
    chosen = f" ({format_parameters(facts.chosen)})" if facts.chosen else ""
    lines = {
        "revision": f"{facts.revision}, {made}",
        "encoder": f"{facts.encoder}{chosen} {facts.fingerprint}, "
        f"{counted(facts.code_size, 'dimension')} from {input_form}",
        "trained on": _format_training(facts, noun),
        "codes": f"{engine['factory']}, {engine['bytes_per_item']:.0f} bytes per item in memory",
        "recall": f"{engine['recall']:.3f} of the exact ten nearest" + _format_effort(engine),
        "on disk": format_bytes(facts.bytes_on_disk),
        "drift": facts.drift or f"none: no {noun} came after training",
    }
    if facts.training:
        lines["training"] = "unfinished; 'aesearch index' goes on with it"
    for name, text in lines.items():
        say(text, f"  {name:<12} ")
    for line in describe_limits(facts, noun):
        say(line, "  ")
    _print_fields(facts)
    _print_check(facts.check, noun, facts.modality.perturbed)
    for heading, files in sections(skipped_files_of(facts), facts):
        say(f"\n{heading}")
        for file in files:
            say(f"{escaped(file.key)}: {escaped(file.reason)}", "  ")
    return DONE


def _facts_of(place: str | None, plot: Path | None) -> IndexInfo:
    """What an index here or on a service holds; that of one here is drawn where it is wanted."""
    if is_address(place):
        if plot is not None:
            raise click.UsageError("-o draws a training that is here, and a service shows none")
        with open_index(place) as index:
            return index.info()
    with Index(find(place)) as index:
        if plot is not None:
            _plot(index, plot)
        return index.info()


def _print_fields(facts: IndexInfo) -> None:
    """Print what --where can ask for, with values."""
    parts = []
    for name, values in facts.fields.items():
        shown = [clipped(escaped(value), LONGEST_SHOWN) for value in values]
        called = escaped(as_written(name))
        parts.append(f"{called} ({', '.join(shown)})" if shown else called)
    say(", ".join(parts), f"  {'fields':<12} ")


def _format_effort(engine: Mapping[str, Any]) -> str:
    if not engine["probes"]:
        return ""
    return f", {counted(engine['probes'], 'step' if 'HNSW' in engine['factory'] else 'probe')}"


def _plot(index: Index, out: Path) -> None:
    from aesearch.reports.training import write_history

    manifest = index.encoder.manifest
    # Where a baseline was better, the trained encoder is not the one of the index.
    check = manifest.check or {}
    trained = manifest.trained.get("encoder") or check.get("learned") or manifest.kind
    title = f"How the encoder of {index.name} was trained ({trained})"
    write_history(manifest.history or [], out, title=title)
    click.echo(f"wrote {out}", err=True)


def _format_training(facts: IndexInfo, noun: str) -> str:
    trained = facts.trained
    items = counted(trained.get("items", 0), noun)
    if "seconds" not in trained:
        return items
    ran = format_epochs(trained)
    took = (
        f"{ran} in {format_seconds(trained['seconds'])}"
        if ran
        else format_seconds(trained["seconds"])
    )
    loser = trained.get("encoder") or (facts.check or {}).get("learned")
    if loser and not is_trained(facts.encoder):
        return f"{items} (and {loser}, which did not win: {took})"
    return f"{items}, {took}"


def _print_check(check: Mapping[str, Any] | None, noun: str, perturbed: str) -> None:
    if not check:
        return
    click.echo(f"\ncheck on {counted(check['questions'], noun)} held out")
    for title, part in (("encoder", "candidates"), ("codes kept as", "forms")):
        rows = {**check[part], **check.get(OTHERS[part], {}), **check[part]}  # candidates first
        names = [c for c in COLUMNS if all(row.get(c) is not None for row in rows.values())]
        heads = "".join(f"{COLUMNS[c]:>10}" for c in names)
        wide = fits(20 + len(heads))
        click.echo(f"  {title:<18}{heads}" if wide else f"  {title}")
        for name, row in rows.items():
            label = f"{check['form_bits']} bits" if name == "bits" else name
            mark = "*" if part == "candidates" and name == check["winner"] else " "
            by = list(filter(None, [by_labels(row.get("weights_from", ""))]))
            if wide:
                cells = "".join(_cell(row.get(c)) for c in names)
                click.echo("  ".join([f"{mark} {label:<18}{cells}", *by]))
            else:
                said = [f"{COLUMNS[c]} {_cell(row.get(c)).strip()}" for c in names]
                say(", ".join(said + by), f"{mark} {label:<18}  ")
    notes = [f"recall@1, MRR: {perturbed} find their original"]
    candidates = check["candidates"].values()
    if any(row["precision_at_10"] is not None for row in candidates):
        notes.insert(0, "P@10, mAP: same folder or label")
    if any(row.get("opening_rank") is not None for row in candidates):
        notes.append("openings: rank at which first words find the rest")
    say("; ".join(notes), "  ")
