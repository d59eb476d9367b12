"""``aesearch query``: find what is similar. Every import here is paid by every query."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from aesearch.cli import DONE, ERROR, SOME_SKIPPED
from aesearch.cli.console import quiet_decoders
from aesearch.cli.format_hits import Answer, print_answer
from aesearch.cli.options import TakingText, output_option, refuse_undrawable
from aesearch.errors import ContentError
from aesearch.modalities import MODALITIES, Modality
from aesearch.modalities import modality as modality_of
from aesearch.search.index import Index
from aesearch.storage.folder import IndexFolder
from aesearch.storage.places import find
from aesearch.wording import counted


@click.command(cls=TakingText, short_help="Find what is similar to a picture, a text or a vector.")
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
    "Default for a text without --threshold, unless the check found that words do harm.",
)
@click.option("--json", "format", flag_value="json", help="One JSON object per hit and line.")
@click.option("-0", "--print0", "format", flag_value="null", help="Paths only, each ended by NUL.")
@output_option("--sheet", "sheet", help="Also draw the query picture and its hits: .png or .html.")
def query(
    words: tuple[str, ...],
    files: tuple[str, ...],
    keys: tuple[str, ...],
    place: str | None,
    format: str | None,
    sheet: Path | None,
    *,
    explain: bool,
    hybrid: bool | None,
    top: int,
    **limits: Any,
) -> int:
    """Find the pictures most similar to each FILE, or the documents most similar to TEXT.

    In an index of pictures, or of vectors (.npy), every argument is a file, and - is one on
    standard input; each row of an array is a query. In an index of documents the arguments are one
    text, whatever files there are; --file names a document, and - is a text on standard input.

    A TEXT, in single quotes for the shell, may hold "exact phrase", -word, NOT, OR, title:word and
    begin*: query 'jaguar -car'.

    Prints a table on a terminal, else one line per hit: score, tab, path (and, where several
    queries were asked, tab, the query). Higher is closer: a score is a cosine, 1 for the same; by
    codes and words together it is from 0 to 1, and 1 for what is best in both.
    """
    _check_query(words, files, keys, sheet, hybrid=hybrid)
    named = next((name for name in (*files, *words) if name != "-"), None)
    near, kind = Path(named) if named else None, _kind(files, words)
    if explain or hybrid is not None:
        kind = _with_words().name
    with Index(find(place, near, kind)) as index, quiet_decoders():
        folder = index.folder
        _check_modality(index, words, files, sheet, explain=explain, hybrid=hybrid)
        answers = [_search_by_key(index, key, top, limits, explain=explain) for key in keys]
        if limits["threshold"] is not None:  # a cosine, unless it is said otherwise
            hybrid = bool(hybrid)
        limits["hybrid"] = hybrid
        queries = list(_queries(words, files, folder.modality))
        results = [_search(index, *one, top, limits, explain=explain) for one in queries]
        answers += [answer for answer in results if isinstance(answer, Answer)]
        tabular = folder.is_tabular
        contents = _contents_of(index, answers) if sheet is not None else {}
    _tell_failures([result for result in results if isinstance(result, _Failure)])
    _explain_no_hits(answers, limits["threshold"], limits["among"])
    several = len(keys) + len(queries) > 1
    for answer in answers:
        print_answer(answer, format, several=several, tabular=tabular)
    _note_missing_source(folder, answers)
    if sheet is not None and answers:
        _draw_sheet(answers, contents, sheet)
    if any(isinstance(result, _Failure) for result in results):
        return SOME_SKIPPED if answers else ERROR
    return DONE


def _note_missing_source(folder: IndexFolder, answers: Sequence[Answer]) -> None:
    """Say once where the paths that were printed lead nowhere."""
    paths = any(hit.path for answer in answers for hit in answer.hits)
    if not paths or folder.is_tabular or folder.source.exists():
        return
    click.echo(
        f"aesearch: note: {folder.source} is not there any more, and the paths of hits lead "
        "nowhere; if it moved: aesearch index --index "
        f"{shlex.quote(str(folder.layout.root))} --moved-to PLACE",
        err=True,
    )


class _Failure(NamedTuple):
    """A query that cannot be read: its name, "" of a text, and why."""

    name: str
    reason: str


def _check_query(
    words: tuple[str, ...],
    files: tuple[str, ...],
    keys: tuple[str, ...],
    sheet: Path | None,
    *,
    hybrid: bool | None,
) -> None:
    """Refuse queries that no index can answer."""
    if not words and not files and not keys:
        raise click.UsageError("name a picture or a text to search with, or an item by --key")
    if sheet is not None and sheet.suffix.lower() not in (".png", ".jpg", ".webp", ".html"):
        raise click.UsageError(f"'{sheet}' must end in .png, .jpg, .webp or .html")
    if keys and hybrid:
        raise click.UsageError("--hybrid takes a text or --file; a --key is searched by its code")


def _search_by_key(
    index: Index, key: str, top: int, limits: Mapping[str, Any], *, explain: bool
) -> Answer:
    """Search with an item of the index."""
    hits = index.similar(key, top, **limits)
    why = [index.explain_similar(key, hit.key) for hit in hits] if explain else []
    return Answer(key, index.path_of(key), hits, why)


def _search(
    index: Index,
    name: str,
    content: Any,
    top: int,
    limits: Mapping[str, Any],
    *,
    explain: bool,
) -> Answer | _Failure:
    """Search with a text, a file, or what was on standard input."""
    try:
        query = index.prepare(content)
        for note in index.notes(query) if query.typed else ():
            click.echo(f"aesearch: note: {note}", err=True)
        hits = index.search(query, top, **limits)
    except ContentError as error:
        return _Failure("" if isinstance(content, str) else name, str(error))
    if query.typed and (unknown := index.unknown_words(query, hybrid=limits["hybrid"])):
        click.echo(f"aesearch: note: not known here: {', '.join(unknown)}", err=True)
    if not hits and query.typed and query.syntax.has_conditions and limits["threshold"] is None:
        click.echo(
            f"aesearch: nothing found that holds what is asked for: {query.syntax}", err=True
        )
    why = [index.explain(query, hit.key) for hit in hits] if explain else []
    return Answer(name, content, hits, why)


def _tell_failures(failures: Sequence[_Failure]) -> None:
    """Say which queries cannot be read: one line where rows of a file have the same fault."""
    alike: dict[tuple[str, str], list[str]] = {}
    for one in failures:
        alike.setdefault((re.sub(r"\[\d+\]$", "", one.name), one.reason), []).append(one.name)
    for (_, reason), names in alike.items():
        more = f" (and {counted(len(names) - 1, 'other row')})" if len(names) > 1 else ""
        about = f"{names[0]}: " if names[0] else ""
        click.echo(f"aesearch: {about}{reason}{more}", err=True)


def _explain_no_hits(answers: list[Answer], threshold: float | None, among: str | None) -> None:
    """Say why there are no hits."""
    if not answers or any(answer.hits for answer in answers):
        return
    if threshold is not None:
        click.echo(f"aesearch: nothing scores {threshold:g} or more", err=True)
    elif among is not None:
        click.echo(f"aesearch: nothing found among '{among}'; a folder is 'name/*'", err=True)


def _check_modality(
    index: Index,
    words: tuple[str, ...],
    files: tuple[str, ...],
    sheet: Path | None,
    *,
    explain: bool,
    hybrid: bool | None,
) -> None:
    """Refuse queries that an index of this modality cannot answer."""
    modality = index.folder.modality
    refuse_undrawable(sheet, modality)
    if modality.has_words:
        foreign = [name for name in (*files, *words) if _is_foreign(name)]
        if foreign and len(foreign) == len(files) + len(words):
            noun = _claimed_by(foreign[0]).noun
            raise click.UsageError(
                f"{foreign[0]} is a {noun}, and {index.name} is an index of {modality.noun}s: give "
                f"it a text, or choose an index of {noun}s with --index"
            )
        return
    if explain or hybrid is not None:
        name = "--explain" if explain else "--hybrid"
        raise click.UsageError(f"{name} is for documents; this is an index of {modality.noun}s")
    if words and not any(name == "-" or Path(name).exists() for name in words):
        raise click.UsageError(
            f"{index.name} is an index of {modality.noun}s and takes files, but there is no file "
            f"'{words[0]}'; a text is for an index of documents: choose one with --index"
        )


def _with_words() -> Modality:
    """The kind that typed words search."""
    return next(kind for name in MODALITIES if (kind := modality_of(name)).has_words)


def _claimed_by(name: str) -> Modality:
    """The kind that a file's name is of; typed words search the one that has words."""
    kinds = map(modality_of, MODALITIES)
    return next((kind for kind in kinds if not kind.has_words and kind.claims(name)), _with_words())


def _is_foreign(name: str) -> bool:
    """Whether this is a file of a kind that has no words."""
    return not _claimed_by(name).has_words and Path(name).is_file()


def _kind(files: tuple[str, ...], words: tuple[str, ...]) -> str | None:
    """The modality of the query, where it is known: that of the files' names, or a text.

    Whether they exist is checked later: a name mistyped is no text.
    """
    named = [name for name in (*files, *words) if name != "-"]
    if not named:
        return None
    kinds = {_claimed_by(name).name for name in named}
    return kinds.pop() if len(kinds) == 1 else _with_words().name


def _queries(
    words: tuple[str, ...], files: tuple[str, ...], modality: Modality
) -> Iterator[tuple[str, Any]]:
    """Name and content of each query: a path, bytes, a vector, or the text itself."""
    typed = modality.has_words
    for name in files if typed else (*files, *words):
        content = sys.stdin.buffer.read() if name == "-" else Path(name)
        for part, own in modality.questions(content):
            yield f"{name}{part}", own
    if typed and words == ("-",):
        yield "-", _text_on_stdin()
    elif typed and words:
        yield " ".join(words), " ".join(words)


def _text_on_stdin() -> str:
    """The text on standard input, in whatever encoding."""
    from aesearch.modalities.texts.charset import decode, refuse_binary

    content = sys.stdin.buffer.read()
    try:
        refuse_binary(content)
        return decode(content)
    except ContentError as error:
        raise ContentError(f"standard input: {error}") from error


def _contents_of(index: Index, answers: list[Answer]) -> dict[str, bytes]:
    """Pictures that are in no file of their own: in the database, or rows of an array."""
    contents = index.folder.added_contents()
    if index.is_tabular:
        from aesearch.ingest.differences import source_of

        source = source_of(index.folder)
        keys = {hit.key for answer in answers for hit in answer.hits} - contents.keys()
        contents |= {key: source.read(key) for key in keys}
    return contents


def _draw_sheet(answers: list[Answer], contents: dict[str, bytes], out: Path) -> None:
    """Draw queries and hits; of those without a file of their own, what `contents` has."""
    from aesearch.modalities.images.pixels import open_picture
    from aesearch.reports.contact_sheet import Cell, Row, write_sheet

    rows = []
    for answer in answers:
        try:
            picture = open_picture(answer.content)  # type: ignore[arg-type]
        except ContentError:
            picture = None
        cells = [
            Cell(hit.score, hit.key, contents.get(hit.key) or hit.path or b"")
            for hit in answer.hits
        ]
        rows.append(Row(answer.name, picture, cells))
    write_sheet(rows, out)
    click.echo(f"wrote {out}", err=True)
