"""``aesearch query``: find what is similar. Every import here is paid by every query."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from aesearch.cli import DONE, ERROR, SOME_SKIPPED
from aesearch.cli.console import quiet_decoders
from aesearch.cli.format_hits import Answer, print_answer
from aesearch.cli.options import output_option, refuse_documents
from aesearch.errors import ContentError
from aesearch.modalities import IMAGES, TEXTS
from aesearch.search.index import Index, open_at
from aesearch.sources.detect import is_named_as_picture
from aesearch.storage.places import find


@click.command(short_help="Find what is similar to a picture or a text.")
@click.argument("words", nargs=-1, metavar="FILE... | TEXT")
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
@click.option("--file", "files", multiple=True, metavar="FILE", help="Search with a document.")
@click.option("--key", "keys", multiple=True, help="Search with an item of the index, by its key.")
@click.option("--among", metavar="GLOB", help="Look only at keys that match, 'holiday/**' say.")
@click.option("--threshold", type=float, metavar="SCORE", help="Leave out hits that score less.")
@click.option(
    "--explain",
    is_flag=True,
    help="Say why each document was found: words that both hold, and what both are about.",
)
@click.option(
    "--hybrid/--no-hybrid",
    default=None,
    help="Rank documents by codes and words (BM25) together; scores are then from 0 to 1. "
    "Default for a text without --threshold where the check found it clearly better.",
)
@click.option("--json", "form", flag_value="json", help="One JSON object per hit and line.")
@click.option("-0", "--print0", "form", flag_value="null", help="Paths only, each ended by NUL.")
@output_option("--sheet", "sheet", help="Also draw the query picture and its hits: .png or .html.")
def query(
    words: tuple[str, ...],
    files: tuple[str, ...],
    keys: tuple[str, ...],
    place: str | None,
    form: str | None,
    sheet: Path | None,
    *,
    explain: bool,
    hybrid: bool | None,
    top: int,
    **limits: Any,
) -> int:
    """Find the pictures most similar to each FILE, or the documents most similar to TEXT.

    In an index of pictures every argument is a file, and - is a picture on standard input. In an
    index of documents the arguments are one text, whatever files there are; --file names a
    document, and - is a text on standard input.

    Prints a table on a terminal, else one line per hit: score, tab, path (and, where several
    queries were asked, tab, the query). Higher is closer: a score is a cosine, 1 for the same; by
    codes and words together it is from 0 to 1, and 1 for what is best in both.
    """
    if not words and not files and not keys:
        raise click.UsageError("name a picture or a text to search with, or an item by --key")
    if sheet is not None and sheet.suffix.lower() not in (".png", ".jpg", ".webp", ".html"):
        raise click.UsageError(f"'{sheet}' must end in .png, .jpg, .webp or .html")
    if keys and hybrid:
        raise click.UsageError("--hybrid takes a text or --file; a --key is searched by its code")
    named = next((name for name in (*files, *words) if name != "-"), None)
    failed = False
    answers: list[Answer] = []
    near, kind = Path(named) if named else None, _kind(files, words)
    if explain or hybrid is not None:
        kind = TEXTS
    with open_at(find(place, near, kind)) as opened, quiet_decoders():
        index: Any = opened  # what only documents have is asked of those alone
        texts = index.kind == TEXTS
        _require_sense(index, words, files, sheet, explain=explain, hybrid=hybrid)
        for key in keys:
            found = index.similar(key, top, **limits)
            why = [index.explain_similar(key, hit.key) for hit in found] if explain else []
            answers.append(Answer(key, index.path_of(key), found, why))
        if texts:
            if limits["threshold"] is not None:  # a cosine, unless it is said otherwise
                hybrid = bool(hybrid)
            limits["hybrid"] = hybrid
        questions = list(_questions(words, files, texts=texts))
        for name, content in questions:
            try:
                found = index.search(content, top, **limits)
            except ContentError as error:
                failed = True
                about = "" if isinstance(content, str) else f"{name}: "
                click.echo(f"aesearch: {about}{error}", err=True)
                continue
            if isinstance(content, str):
                _tell_unknown(index, content, hybrid)
            why = [index.explain(content, hit.key) for hit in found] if explain else []
            answers.append(Answer(name, content, found, why))
        tabular = index.is_tabular
        kept = {item.key: png for item, png in index.store.kept()} if sheet is not None else {}
    among = limits["among"]
    empty = answers and not any(answer.hits for answer in answers)
    if empty and limits["threshold"] is not None:
        click.echo(f"aesearch: nothing scores {limits['threshold']:g} or more", err=True)
    elif empty and among is not None:
        click.echo(f"aesearch: nothing found among '{among}'; a folder is 'name/*'", err=True)
    several = len(keys) + len(questions) > 1
    for answer in answers:
        print_answer(answer, form, several=several, tabular=tabular)
    if sheet is not None and answers:
        _draw(answers, kept, sheet)
    if failed:
        return SOME_SKIPPED if answers else ERROR
    return DONE


def _require_sense(
    index: Index,
    words: tuple[str, ...],
    files: tuple[str, ...],
    sheet: Path | None,
    *,
    explain: bool,
    hybrid: bool | None,
) -> None:
    """Refuse what an index of pictures, or of documents, cannot be asked."""
    if index.kind == TEXTS:
        refuse_documents(sheet)
        shown = [name for name in (*files, *words) if _is_picture(name)]
        if shown and len(shown) == len(files) + len(words):
            raise click.UsageError(
                f"{shown[0]} is a picture, and {index.name} is an index of documents: give it a "
                "text, or choose an index of pictures with --index"
            )
        return
    if explain or hybrid is not None:
        name = "--explain" if explain else "--hybrid"
        raise click.UsageError(f"{name} is for documents; this is an index of pictures")
    if words and not any(name == "-" or Path(name).exists() for name in words):
        raise click.UsageError(
            f"{index.name} is an index of pictures and takes files, but there is no file "
            f"'{words[0]}'; a text is for an index of documents: choose one with --index"
        )


def _tell_unknown(index: Any, text: str, hybrid: bool | None) -> None:
    if unknown := index.unknown_words(text, hybrid=hybrid):
        click.echo(f"aesearch: note: not known here: {', '.join(unknown)}", err=True)


def _is_picture(name: str) -> bool:
    return is_named_as_picture(name) and Path(name).is_file()


def _kind(files: tuple[str, ...], words: tuple[str, ...]) -> str | None:
    """Return what is asked for, where it can be told: files named as pictures are, or a text.

    Whether they exist is asked later: a name mistyped is no text.
    """
    named = [name for name in (*files, *words) if name != "-"]
    if not named:
        return None
    return IMAGES if all(map(is_named_as_picture, named)) else TEXTS


def _questions(
    words: tuple[str, ...], files: tuple[str, ...], *, texts: bool
) -> Iterator[tuple[str, Any]]:
    """Yield the name of each query and its content: a path, bytes, or the text itself."""
    for name in files if texts else (*files, *words):
        yield name, sys.stdin.buffer.read() if name == "-" else Path(name)
    if texts and words == ("-",):
        yield "-", sys.stdin.buffer.read().decode(errors="replace")
    elif texts and words:
        yield " ".join(words), " ".join(words)


def _draw(answers: list[Answer], kept: dict[str, bytes], out: Path) -> None:
    """Draw queries and hits; of those without a file, the small picture that was kept."""
    from aesearch.modalities.images.pixels import open_picture
    from aesearch.reports.contact_sheet import Cell, Row, write_sheet

    rows = []
    for answer in answers:
        try:
            picture = open_picture(answer.content)  # type: ignore[arg-type]
        except ContentError:
            picture = None
        cells = [
            Cell(hit.score, hit.key, hit.path or kept.get(hit.key, b"")) for hit in answer.hits
        ]
        rows.append(Row(answer.name, picture, cells))
    write_sheet(rows, out)
    click.echo(f"wrote {out}", err=True)
