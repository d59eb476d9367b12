"""``aesearch compare``: every chosen encoder and baseline on one collection, in one table."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from aesearch.cli import DONE, SOME_SKIPPED
from aesearch.cli.console import (
    format_path,
    format_seconds,
    print_json,
    progress_bars,
    quiet_decoders,
)
from aesearch.cli.options import Place, output_option
from aesearch.cli.wrapping import complain, say
from aesearch.errors import ParameterError
from aesearch.modalities import modality
from aesearch.settings import KINDS
from aesearch.wording import counted


@click.command("compare", short_help="Compare encoders and baselines on one collection.")
@click.argument("place", type=Place(), metavar="SOURCE | INDEX")
@click.option(
    "--encoders",
    metavar="NAMES",
    help="What is compared, with commas: auto (what is learned by default, or the index's own "
    "encoder), any encoder, raw, phash, tf-idf, bm25. Default: the usual ones.",
)
@click.option("--code-sizes", metavar="N,N", default="64", show_default=True)
@click.option(
    "--set",
    "chosen",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter of every encoder that has it, or of one: vae.beta=2; may be given "
    "repeatedly.",
)
@click.option(
    "--forms",
    metavar="NAMES",
    default="",
    help="Data types of codes: float, int8, bits; of documents also hybrid, with BM25, and "
    "borrowed: BM25 with words of neighbors by these codes. Default: all.",
)
@click.option(
    "--judgements",
    type=Place(path_type=Path),
    metavar="FILE",
    help="Relevant items: TREC qrels, or a csv of query, item, grade.",
)
@click.option(
    "--queries",
    type=Place(path_type=Path),
    metavar="FILE",
    help="Texts of the queries that are judged: a table (.csv, .tsv, .jsonl).",
)
@click.option(
    "--budget", metavar="TIME", help="Time for each training: 90s, 5m. Default: at most 10 min."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all random numbers.")
@click.option("--kind", type=click.Choice(KINDS), default="auto", help="What SOURCE holds.")
@click.option(
    "--text", "text_columns", multiple=True, metavar="COLUMN", help="Of a table: a column of text."
)
@click.option("--vector", metavar="COLUMN", help="Of a table: what holds the vectors.")
@click.option("--key", "key_column", metavar="COLUMN", help="Of a table: what names a row.")
@click.option("--label", "label_column", metavar="COLUMN", help="Of a table: its classes.")
@click.option("--no-header", is_flag=True, help="Of a table: its first line is a row.")
@output_option(
    "--report",
    "report",
    metavar="OUT.html",
    help="Write a page with the table, curves, examples and a map; one file. Replaced if it "
    "exists.",
)
@click.option(
    "--work",
    type=Place(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where results are kept, to go on from. Default: a folder in the home.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def compare_(
    place: str,
    encoders: str | None,
    code_sizes: str,
    chosen: tuple[str, ...],
    forms: str,
    judgements: Path | None,
    queries: Path | None,
    budget: str | None,
    seed: int,
    kind: str,
    text_columns: tuple[str, ...],
    key_column: str | None,
    label_column: str | None,
    no_header: bool,
    vector: str | None,
    report: Path | None,
    work: Path | None,
    as_json: bool,
) -> int:
    """Compare encoders and baselines on the items of SOURCE, or of an INDEX.

    A part, a fifth or less, is held out and gives the queries; the rest is the training set and
    is searched. Relevant are items of the same folder or label, or those that a file of qrels
    names; without either, the original of a perturbed copy. Figures stand with their 95 %
    intervals over the queries.

    A comparison that is stopped goes on where it was when the same command is run again, and what
    was compared before is not done again.
    """
    if report is not None and report.suffix.lower() != ".html":
        raise ParameterError(f"the report is a page: name it .html; got {report.name!r}")
    sizes = _numbers(code_sizes)
    started = time.perf_counter()
    from aesearch.compare.results import written
    from aesearch.compare.run import compare
    from aesearch.compare.tasks import JUDGEMENTS
    from aesearch.encoders.factory import parse_choices
    from aesearch.sources.columns import Columns

    with quiet_decoders(), progress_bars(sys.stderr) as progress:
        found = compare(
            place,
            encoders=_names(encoders or ""),
            code_sizes=sizes,
            forms=_names(forms),
            parameters=parse_choices(chosen),
            judgements=judgements,
            queries=queries,
            budget=budget,
            seed=seed,
            kind=kind,
            columns=Columns(
                text_columns, key_column, label_column, vector, False if no_header else None
            )
            or None,
            work=work,
            mapped=report is not None,
            progress=progress,
        )
        try:
            if report is not None:
                from aesearch.reports.comparison.page import write_comparison

                progress("writing the report", 0, 1)
                write_comparison(found, report)
                progress("writing the report", 1, 1)
        finally:
            found.close()
    if as_json:
        print_json(found.as_dict())
    else:
        noun = modality(found.kind).noun
        items = counted(len(found.keys), noun)
        click.echo(f"{found.name}: {items}, {found.training:,} in the training set")
        say(found.verdict().text)
        click.echo()
        click.echo(written(found))
        if found.unknown:
            what = counted(found.unknown, "judgement")
            click.echo(f"\n{what} of items that are not in the collection: left out")
    judged = found.tasks.get(JUDGEMENTS)
    if judged is not None and queries is None and modality(found.kind).has_words:
        keys = sum(row >= 0 for row in judged.rows)
        complain(
            f"without --queries, items of the same key ask {keys:,} of "
            f"{counted(len(judged.rows), 'query', 'queries')}; the others are asked by name"
        )
    if found.skipped:
        what = counted(found.skipped, "item")
        complain(f"{what} that could not be used took no part")
    where = f"wrote {format_path(report)}, " if report is not None else ""
    kept = f"results in {format_path(found.work)}"
    click.echo(f"{where}{kept}; {format_seconds(time.perf_counter() - started)}", err=True)
    return SOME_SKIPPED if found.skipped else DONE


def _names(text: str) -> list[str]:
    return [name.strip().lower() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> Sequence[int]:
    try:
        found = [int(part) for part in _names(text)]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise ParameterError(
            f"--code-sizes takes whole numbers of at least 1, as 16,64; got '{text}'"
        )
    return found
