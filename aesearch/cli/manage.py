"""``aesearch list``, ``info``, ``remove`` and ``verify``: looking after indexes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from aesearch.cli import DONE, ERROR
from aesearch.cli.console import amount, clock
from aesearch.cli.format_check import epochs, reasons
from aesearch.cli.format_skipped import left_out_of, listed
from aesearch.cli.options import output_option
from aesearch.encoders import is_trained
from aesearch.errors import AesearchError
from aesearch.modalities import NOUNS, TEXTS
from aesearch.search.index import Index, open_at
from aesearch.settings import spelled
from aesearch.storage.places import all_places, find, home
from aesearch.wording import counted

COLUMNS = {
    "precision_at_10": "P@10",
    "mean_average_precision": "mAP",
    "recall_at_1": "recall@1",
    "reciprocal_rank": "MRR",
    "opening_rank": "openings",
}


INDEX_OPTION = click.option(
    "--index", "named", metavar="PATH", help="The index, as for query; or name it without --index."
)


def _cell(value: float | None) -> str:
    return f"{'-':>10}" if value is None else f"{value:>10.3f}"


@click.command("list", short_help="Show the indexes that there are.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per index and line.")
def list_(as_json: bool) -> int:
    """Show the indexes in the home: AESEARCH_HOME, or indexes/ in the working folder."""
    places = all_places()
    for place in places:
        try:
            with Index(place) as index:
                row = {
                    "name": index.name,
                    "kind": index.kind,
                    "items": len(index),
                    "encoder": index.encoder.manifest["kind"],
                    "bytes_on_disk": index.layout.bytes_on_disk(),
                    "source": str(index.source),
                    "training": index.layout.plan.exists(),
                }
        except AesearchError as error:
            row = {"name": place.name, "error": str(error)}
        if as_json:
            click.echo(json.dumps(row))
        elif "error" in row:
            click.echo(f"{row['name']:<20} {row['error']}")
        else:
            note = "  (training unfinished)" if row["training"] else ""
            click.echo(
                f"{row['name']:<20} {counted(row['items'], NOUNS[row['kind']]):>18}  "
                f"{row['encoder']:<10} "
                f"{amount(float(str(row['bytes_on_disk']))):>9}  {row['source']}{note}"
            )
    if not places:
        click.echo(f"no index in {home().absolute()}; 'aesearch index SOURCE' makes one", err=True)
    return DONE


@click.command(short_help="Show what an index holds, and how good it is.")
@click.argument("place", required=False, metavar="[INDEX]")
@INDEX_OPTION
@output_option(
    "--plot",
    "plot",
    help="Also draw how the training went, loss by epoch: .png, .svg or .html.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def info(place: str | None, named: str | None, plot: Path | None, as_json: bool) -> int:
    """Show what an index holds: encoder, check, sizes, drift, skipped files with reasons."""
    with Index(find(place or named)) as index:
        if plot is not None:
            _plot(index, plot)
        facts, noun = index.info(), NOUNS[index.kind]
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return DONE
    click.echo(f"{facts['name']}: {counted(facts['items'], noun)} of {facts['source']}")
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(facts["changed_at"]))
    engine = facts["engine"]
    chosen = f" ({spelled(facts['chosen'])})" if facts["chosen"] else ""
    lines = {
        "revision": f"{facts['revision']}, {made}",
        "encoder": f"{facts['encoder']}{chosen} {facts['fingerprint']}, "
        f"{counted(facts['code_size'], 'number')} from {_input(facts['features'])}",
        "trained on": _trained(facts, noun),
        "codes": f"{engine['factory']}, {engine['bytes_per_item']:.0f} bytes per item in memory",
        "recall": f"{engine['recall']:.3f} of the exact ten nearest" + _effort(engine),
        "on disk": amount(facts["bytes_on_disk"]),
        "drift": facts["drift"] or f"none: no {noun} came after training",
    }
    if facts["training"]:
        lines["training"] = "unfinished; 'aesearch index' goes on with it"
    for name, text in lines.items():
        click.echo(f"  {name:<12} {text}")
    for line in reasons(facts, noun):
        click.echo(f"  {line}")
    _show_check(facts["check"], noun)
    for heading, files in listed(left_out_of(facts), facts):
        click.echo(f"\n{heading}")
        for file in files:
            click.echo(f"  {file['key']}: {file['reason']}")
    return DONE


def _effort(engine: dict[str, Any]) -> str:
    if not engine["probes"]:
        return ""
    return f", {counted(engine['probes'], 'step' if 'HNSW' in engine['factory'] else 'probe')}"


def _plot(index: Index, out: Path) -> None:
    from aesearch.reports.plots import write_history

    manifest = index.encoder.manifest
    # Where a baseline was better, what was trained is not what is searched with.
    trained = (manifest.get("check") or {}).get("learned") or manifest["kind"]
    title = f"How the encoder of {index.name} was trained ({trained})"
    write_history(manifest.get("history") or [], out, title=title)
    click.echo(f"wrote {out}", err=True)


def _input(features: dict[str, Any]) -> str:
    if features["kind"] == TEXTS:
        language = f", {features['language']}" if features["language"] else ""
        return f"{counted(features['terms'], 'term')} ({features['weighting']}{language})"
    return f"{features['side']}x{features['side']} pixels"


def _trained(facts: dict[str, Any], noun: str) -> str:
    trained = facts["trained"]
    told = counted(trained.get("items", 0), noun)
    if "seconds" not in trained:
        return told
    ran = epochs(trained)
    took = f"{ran} in {clock(trained['seconds'])}" if ran else clock(trained["seconds"])
    loser = (facts["check"] or {}).get("learned")
    if loser and not is_trained(facts["encoder"]):
        return f"{told} (and {loser}, which did not win: {took})"
    return f"{told}, {took}"


def _show_check(check: dict[str, Any] | None, noun: str) -> None:
    if not check:
        return
    click.echo(f"\ncheck on {counted(check['questions'], noun)} kept out of training")
    for title, part in (("encoder", "candidates"), ("codes kept as", "forms")):
        rows = check[part]
        names = [c for c in COLUMNS if all(row.get(c) is not None for row in rows.values())]
        heads = "".join(f"{COLUMNS[c]:>10}" for c in names)
        click.echo(f"  {title:<18}{heads}")
        for name, row in rows.items():
            label = f"{check['form_bits']} bits" if name == "bits" else name
            mark = "*" if part == "candidates" and name == check["winner"] else " "
            click.echo(f"{mark} {label:<18}" + "".join(_cell(row.get(c)) for c in names))
    meant = ["recall@1, MRR: distorted copies find their original"]
    candidates = check["candidates"].values()
    if any(row["precision_at_10"] is not None for row in candidates):
        meant.insert(0, "P@10, mAP: same folder or label")
    if any(row.get("opening_rank") is not None for row in candidates):
        meant.append("openings: rank at which first words find the rest")
    click.echo(f"  {'; '.join(meant)}")


@click.command(short_help="Take items out of an index.")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--index", "place", metavar="PATH", help="The index: a path, or a name in the home.")
def remove(keys: tuple[str, ...], place: str | None) -> int:
    """Remove items from an index; their files stay where they are."""
    with open_at(find(place)) as index:
        number = index.remove(keys)
        index.prepare_queries()
        remain = "remains" if len(index) == 1 else "remain"
        items = counted(len(index), NOUNS[index.kind])
        click.echo(f"removed {number:,}; {items} {remain}")
    return DONE


@click.command(short_help="Check everything that is on disk.")
@click.argument("place", required=False, metavar="[INDEX]")
@INDEX_OPTION
@click.option("--repair", is_flag=True, help="Make the FAISS file anew from the store.")
def verify(place: str | None, named: str | None, repair: bool) -> int:
    """Check everything on disk: checksums, counts, fingerprint, codes."""
    with Index(find(place or named)) as index:
        problems = index.verify(repair=repair)
        for problem in problems:
            click.echo(f"aesearch: {problem}", err=True)
        if problems:
            return ERROR
        items = counted(len(index), NOUNS[index.kind])
        click.echo(f"{index.name}: {items}, revision {index.revision.number}: good")
    return DONE
