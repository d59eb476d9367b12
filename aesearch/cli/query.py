"""``aesearch query``: find what is similar. Every import here is paid by every query."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from aesearch.cli import DONE, ERROR, SOME_SKIPPED
from aesearch.cli.asked import Asked, CropType, Part, all_of
from aesearch.cli.console import quiet_decoders
from aesearch.cli.format_hits import Answer, print_answer
from aesearch.cli.given import STDIN, Given, kind_of_all, look_at, look_at_all, with_words
from aesearch.cli.options import Place, TakingText, output_option, refuse_undrawable
from aesearch.cli.wrapping import complain
from aesearch.client.address import is_address
from aesearch.client.opening import open_index
from aesearch.errors import AesearchError, ContentError, UnknownKeyError
from aesearch.modalities import Modality
from aesearch.modalities.notes import collected_notes
from aesearch.search.hits import Hit
from aesearch.search.index import Index
from aesearch.search.together import Example
from aesearch.sources.names import escaped
from aesearch.storage.folder import IndexFolder
from aesearch.storage.places import all_places, find
from aesearch.wording import counted

if TYPE_CHECKING:
    from PIL.Image import Image

    from aesearch.client.remote import RemoteIndex
    from aesearch.search.query import Query

MOST_NAMED = 8  # indexes in a message
WEAK = 0.1  # of the best score: hits below that which show no word of the query are said to


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
    "--offset",
    default=0,
    type=click.IntRange(0),
    metavar="N",
    help="Pass over the N best hits, which were seen already.",
)
@click.option(
    "--index",
    "place",
    type=Place(),
    metavar="PATH",
    help="The index: a path, a name in the home, or the address of one that 'aesearch serve' has. "
    "Needed only where several fit.",
)
@click.option(
    "--file", "files", multiple=True, type=Place(), metavar="FILE", help="Search with a document."
)
@click.option("--key", "keys", multiple=True, help="Search with an item of the index, by its key.")
@click.option(
    "--together",
    is_flag=True,
    help="Search with all FILEs and keys as one query: for what they have in common.",
)
@click.option(
    "--unlike",
    "unlikes",
    multiple=True,
    metavar="FILE|TEXT",
    help="Less like this: a file or, of documents, words; may be given several times.",
)
@click.option(
    "--unlike-key", "unlike_keys", multiple=True, metavar="KEY", help="Less like this item."
)
@click.option(
    "--crop",
    type=CropType(),
    metavar="X,Y,W,H",
    help="Search with this part of the picture: in pixels as it is shown, or in percent "
    "(10%,10%,50%,50%).",
)
@click.option(
    "--among",
    multiple=True,
    metavar="GLOB",
    help="Look only at keys that match, 'holiday/**' say, or one of several such.",
)
@click.option(
    "--not-among", multiple=True, metavar="GLOB", help="Leave out keys that match one of these."
)
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="CONDITION",
    help="Look only at what meets it: 'year < 1700 and place = Augsburg'; of several, all. Fields: "
    "label, path, size, date, exif.date, columns; info names them.",
)
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
@click.option(
    "--no-copies",
    is_flag=True,
    help="Do not look first for the picture that FILE was made from: cropped, mirrored, turned, "
    "in a page, photographed.",
)
@click.option("--json", "format", flag_value="json", help="One JSON object per hit and line.")
@click.option("-0", "--print0", "format", flag_value="null", help="Paths only, each ended by NUL.")
@output_option("--sheet", "sheet", help="Also draw the query picture and its hits: .png or .html.")
def query(
    words: tuple[str, ...],
    files: tuple[str, ...],
    keys: tuple[str, ...],
    unlikes: tuple[str, ...],
    unlike_keys: tuple[str, ...],
    conditions: tuple[str, ...],
    crop: tuple[float, ...] | None,
    place: str | None,
    format: str | None,
    sheet: Path | None,
    *,
    together: bool,
    explain: bool,
    hybrid: bool | None,
    no_copies: bool,
    top: int,
    **limits: Any,
) -> int:
    """Find the pictures most similar to each FILE, or the documents most similar to TEXT.

    In an index of pictures, or of vectors (.npy), every argument is a file, and - is one on
    standard input; each row of an array is a query. In an index of documents the arguments are one
    text, unless each of them is a file: then each is a query, as with --file; - is a text on
    standard input. What a file is, is looked at, and not told from its name.

    Of pictures the one that FILE was made from comes first, marked as the same.

    A TEXT, in single quotes for the shell, may hold "exact phrase", -word, NOT, OR, title:word and
    begin*: query 'jaguar -car'.

    With --together all of it is one query, and with --unlike what is found is less like that; a
    document that holds all words of an unlike TEXT comes behind all that do not.

    Prints a table on a terminal, else one line per hit: score, tab, path (and, where several
    queries were asked, tab, the query). Higher is closer: a score is a cosine, 1 for the same; by
    codes and words together it is from 0 to 1, and 1 for what is best in both.
    """
    limits |= {"among": limits["among"] or None, "not_among": limits["not_among"] or None}
    limits["where"] = all_of(conditions)
    unlike = bool(unlikes or unlike_keys)
    joint = together or unlike
    _check_query(words, files, keys, sheet, hybrid=hybrid and not joint, unlike=unlike)
    _check_joint(joint=joint, explain=explain)
    given, named = look_at_all(words), look_at_all(files)
    near = next((Path(one.name) for one in (*named, *given) if one.name != STDIN), None)
    kind = with_words() if explain or hybrid is not None else kind_of_all([*named, *given])
    with _opened(place, near, keys, kind, sheet) as index, quiet_decoders():
        _check_modality(index, given, named, sheet, explain=explain, hybrid=hybrid)
        if no_copies and "originals" not in index.modality.parts:
            noun = index.modality.noun
            raise click.UsageError(f"--no-copies is for pictures; this is an index of {noun}s")
        if index.modality.has_words:
            _note_readings(given)
        if limits["threshold"] is not None:  # a cosine, unless it is said otherwise
            hybrid = bool(hybrid)
        meant = {"hybrid": hybrid, "copies": False if no_copies else None}
        queries = list(_queries(given, named, index.modality))
        _check_crop(crop, queries, index.modality)
        parts = [_item(index, key) for key in keys] + queries
        less = _unlikes(index, unlikes, unlike_keys)
        examples = [_example(index, part, meant=False) for part in less]
        usable = [one for one in examples if isinstance(one, Example)]
        asked = [Asked(parts, less)] if together else [Asked([part], less) for part in parts]
        search = partial(
            _search, index, unlikes=usable, top=top, limits=limits, meant=meant, crop=crop
        )
        _note_unknown(index, usable, hybrid=hybrid)
        results: list[Answer | _Failure] = [one for one in examples if isinstance(one, _Failure)]
        results = results or [search(one, explain=explain) for one in asked]
        answers = [answer for answer in results if isinstance(answer, Answer)]
        tabular = index.is_tabular
        contents = _contents_of(index, answers, [*parts, *less]) if sheet is not None else {}
    _tell_failures([result for result in results if isinstance(result, _Failure)])
    _explain_no_hits(answers, limits)
    several = len(asked) > 1
    for answer in answers:
        print_answer(answer, format, several=several, tabular=tabular)
    if isinstance(index, Index):
        _note_missing_source(index.folder, answers)
    if sheet is not None and answers:
        _draw_sheet(answers, contents, sheet)
    if any(isinstance(result, _Failure) for result in results):
        return SOME_SKIPPED if answers else ERROR
    return DONE


def _opened(
    place: str | None,
    near: Path | None,
    keys: Sequence[str],
    kind: Modality | None,
    sheet: Path | None,
) -> Index | RemoteIndex:
    """The index that is meant, here or on a service."""
    if is_address(place):
        if sheet is not None:
            raise click.UsageError("-o draws files that are here, and those of a service are not")
        return open_index(place)
    found = _place_of(keys) if place is None and keys and kind is None else None
    return Index(found or find(place, near, kind.name if kind else None))


def _note_missing_source(folder: IndexFolder, answers: Sequence[Answer]) -> None:
    """Say once where the paths that were printed lead nowhere."""
    paths = any(hit.path for answer in answers for hit in answer.hits)
    if not paths or folder.is_tabular or folder.source.exists():
        return
    complain(
        f"note: {folder.source} is not there any more, and the paths of hits lead "
        "nowhere; if it moved: aesearch index --index "
        f"{shlex.quote(str(folder.layout.root))} --moved-to PLACE"
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
    unlike: bool,
) -> None:
    """Refuse queries that no index can answer."""
    if not words and not files and not keys:
        hint = "; --unlike alone says only what is not meant" if unlike else ""
        raise click.UsageError(
            f"name a picture or a text to search with, or an item by --key{hint}"
        )
    if sheet is not None and sheet.suffix.lower() not in (".png", ".jpg", ".webp", ".html"):
        raise click.UsageError(f"'{sheet}' must end in .png, .jpg, .webp or .html")
    if keys and hybrid:
        raise click.UsageError("--hybrid takes a text or --file; a --key is searched by its code")


def _check_joint(*, joint: bool, explain: bool) -> None:
    """Refuse what cannot be done with several queries as one."""
    if joint and explain:
        raise click.UsageError("--explain is for one query, without --together and --unlike")


def _check_crop(
    crop: tuple[float, ...] | None, queries: Sequence[Part], modality: Modality
) -> None:
    """Refuse a part of anything but one picture."""
    if crop is None:
        return
    if not modality.visual:
        noun = modality.noun
        raise click.UsageError(f"--crop is for pictures; this is an index of {noun}s")
    if len(queries) != 1:
        raise click.UsageError(f"--crop is of one FILE; got {len(queries)}")


def _item(index: Index | RemoteIndex, given: str) -> Part:
    """An item of the index as a query."""
    key = index.key_meant(given)
    return Part(key, index.path_of(key), key)


def _unlikes(
    index: Index | RemoteIndex, contents: Sequence[str], keys: Sequence[str]
) -> list[Part]:
    """What is not meant: files, or of documents words, and items."""
    modality = index.modality
    parts = []
    for one in map(look_at, contents):
        if modality.has_words and not one.is_file:
            parts.append(Part(one.name, one.name))
            continue
        if modality.has_words:
            _note_readings([one])
        parts += [Part(f"{one.name}{part}", own) for part, own in modality.questions(one.query)]
    return parts + [_item(index, key) for key in keys]


def _search(
    index: Index | RemoteIndex,
    asked: Asked,
    unlikes: Sequence[Example],
    top: int,
    limits: Mapping[str, Any],
    meant: Mapping[str, Any],
    crop: tuple[float, ...] | None,
    *,
    explain: bool,
) -> Answer | _Failure:
    """Search with a text, a file, an item, or with several as one."""
    first = asked.likes[0]
    offset = limits["offset"]
    if asked.is_one and first.key is not None:
        hits = index.similar(first.key, top, **limits)
        why = [index.explain_similar(first.key, hit.key) for hit in hits] if explain else []
        return Answer(first.name, asked, hits, why, offset)
    likes: list[Example] = []
    for part in asked.likes:
        one = _example(index, part, crop)
        if isinstance(one, _Failure):
            return one
        likes.append(one)
    try:
        hits = index.search(like=likes, unlike=unlikes, k=top, **limits, **meant)
    except ContentError as error:
        is_text = isinstance(first.content, str) or not asked.is_one
        return _Failure("" if is_text else first.name, str(error))
    typed = _note_unknown(index, likes, hybrid=meant["hybrid"])
    asks = [str(query.syntax) for query in typed if query.syntax.has_conditions]
    if not hits and asks and limits["threshold"] is None and not offset:
        complain(f"nothing found that holds what is asked for: {' '.join(asks)}")
    elif hits and typed and not asks and not offset:
        _note_weak(hits)
    why = [index.explain(likes[0].content, hit.key) for hit in hits] if explain else []
    return Answer(asked.name, asked, hits, why, offset)


def _example(
    index: Index | RemoteIndex,
    part: Part,
    crop: tuple[float, ...] | None = None,
    *,
    meant: bool = True,
) -> Example | _Failure:
    """Read one of the things that are searched with, and say what is to be said of it."""
    if part.key is not None:
        return Example(key=part.key)
    try:
        with collected_notes() as taken:
            query = index.prepare(part.content, crop=crop)
        for note in (*taken, *(index.notes(query) if query.typed and meant else ())):
            complain(f"note: {note}")
    except ContentError as error:
        return _Failure("" if isinstance(part.content, str) else part.name, str(error))
    return Example(query)


def _note_unknown(
    index: Index | RemoteIndex, examples: Sequence[Example], *, hybrid: bool | None
) -> list[Query]:
    """Say which typed words are passed over; returns the queries that were typed."""
    queries: list[Query] = [one.content for one in examples if one.key is None]
    typed = [query for query in queries if query.typed]
    for query in typed:
        if unknown := index.unknown_words(query, hybrid=hybrid):
            complain(f"note: not known here: {', '.join(unknown)}")
    return typed


def _note_weak(hits: Sequence[Hit]) -> None:
    """Say where hits do not hold what was typed, and are only what comes nearest."""
    held = [hit.snippet is not None and bool(hit.snippet.marks) for hit in hits]
    if not any(held):
        complain("note: no hit shows a word of the query: nothing may fit; these come nearest")
        return
    last = max(rank for rank, holds in enumerate(held, 1) if holds)
    if last < len(hits) and hits[last].score < WEAK * hits[0].score:
        complain(f"note: hits from {last + 1} on show no word of the query, and score little")


def _tell_failures(failures: Sequence[_Failure]) -> None:
    """Say which queries cannot be read: one line where rows of a file have the same fault."""
    alike: dict[tuple[str, str], list[str]] = {}
    for one in failures:
        alike.setdefault((re.sub(r"\[\d+\]$", "", one.name), one.reason), []).append(one.name)
    for (_, reason), names in alike.items():
        more = f" (and {counted(len(names) - 1, 'other row')})" if len(names) > 1 else ""
        about = f"{names[0]}: " if names[0] else ""
        complain(f"{about}{reason}{more}")


def _explain_no_hits(answers: list[Answer], limits: Mapping[str, Any]) -> None:
    """Say why there are no hits."""
    if not answers or any(answer.hits for answer in answers):
        return
    if limits["offset"]:
        complain(f"there are no hits behind the first {limits['offset']:,}")
    elif limits["threshold"] is not None:
        complain(f"nothing scores {limits['threshold']:g} or more")
    elif limits["where"] is not None:
        complain(f"nothing found where {limits['where']}; a missing value meets no condition")
    elif limits["among"] is not None:
        complain(f"nothing found among '{limits['among'][0]}'; a folder is 'name/*'")


def _check_modality(
    index: Index | RemoteIndex,
    words: Sequence[Given],
    files: Sequence[Given],
    sheet: Path | None,
    *,
    explain: bool,
    hybrid: bool | None,
) -> None:
    """Refuse queries that an index of this modality cannot answer."""
    modality = index.modality
    refuse_undrawable(sheet, modality)
    if modality.has_words:
        kinds = [one.kind for one in (*files, *words) if one.is_file]
        foreign = [kind.noun for kind in kinds if kind and kind is not modality]
        if foreign and len(foreign) == len(files) + len(words):
            raise click.UsageError(
                f"{escaped((*files, *words)[0].name)} is a {foreign[0]}, and {index.name} is an "
                f"index of {modality.noun}s: give it a text, or choose an index of {foreign[0]}s "
                "with --index"
            )
        return
    if explain or hybrid is not None:
        name = "--explain" if explain else "--hybrid"
        raise click.UsageError(f"{name} is for documents; this is an index of {modality.noun}s")
    if words and not any(one.is_file for one in words):
        raise click.UsageError(
            f"{index.name} is an index of {modality.noun}s and takes files, but there is no file "
            f"'{words[0].name}'; a text is for an index of documents: choose one with --index"
        )


def _queries(words: Sequence[Given], files: Sequence[Given], modality: Modality) -> Iterator[Part]:
    """Name and content of each query: a path, bytes, a vector, or the text itself."""
    typed = modality.has_words and not _are_files(words)
    for one in files if typed else (*files, *words):
        for part, own in modality.questions(one.query):
            yield Part(f"{one.name}{part}", own)
    if typed and words:
        text = " ".join(one.name for one in words)
        yield Part(text, _text_of(words[0].content) if text == STDIN else text)


def _are_files(words: Sequence[Given]) -> bool:
    """Whether all arguments of a query name files, which then are what is searched with."""
    return bool(words) and all(one.is_file and one.name != STDIN for one in words)


def _note_readings(words: Sequence[Given]) -> None:
    """Say what was taken for a file, or for words, where it could be the other."""
    if _are_files(words):
        for one in words:
            if isinstance(one.content, Path):
                complain(
                    f"note: searched with the file {escaped(one.name)}; for the words "
                    f"themselves put them into double quotes: '\"{escaped(one.name)}\"'"
                )
        return
    for one in words:
        if isinstance(one.content, Path) and re.search(r"[./]", one.name):
            noun = one.kind.noun if one.kind is not None else "file"
            complain(
                f"note: {escaped(one.name)} is a {noun} here, and was taken as a word "
                "beside the others; alone it is searched with as a file"
            )


def _text_of(content: Path | bytes | None) -> str:
    """The text on standard input, in whatever encoding, read as a file is."""
    from aesearch.modalities.texts.charset import GUESSED, read_text, refuse_binary

    assert isinstance(content, bytes)
    try:
        refuse_binary(content)
        text, guessed = read_text(content)
    except ContentError as error:
        raise ContentError(f"standard input: {error}") from error
    if guessed:
        complain(f"note: {GUESSED.format(guessed)}")
    return text


def _place_of(keys: Sequence[str]) -> Path | None:
    """The one index that has the first of these keys; None where several have it.

    Raises
    ------
    UnknownKeyError
        If there are several indexes, and none has it.
    """
    holding, places = [], all_places()
    for place in places:
        with suppress(AesearchError):
            folder = IndexFolder(place)
            with closing(folder):
                folder.key_meant(keys[0])
                holding.append(place)
    if not holding and len(places) > 1:
        named = escaped(", ".join(place.name for place in places[:MOST_NAMED]))
        raise UnknownKeyError(
            f"no index has an item '{escaped(keys[0])}'; there are {named}"
            f"{', ...' if len(places) > MOST_NAMED else ''}"
        )
    return holding[0] if len(holding) == 1 else None


def _contents_of(
    index: Index | RemoteIndex, answers: list[Answer], parts: Sequence[Part]
) -> dict[str, bytes]:
    """Pictures that are in no file of their own: in the database, or rows of an array."""
    if not isinstance(index, Index):
        return {}
    contents = index.folder.added_contents()
    if index.is_tabular:
        from aesearch.ingest.differences import source_of

        source = source_of(index.folder)
        keys = {hit.key for answer in answers for hit in answer.hits}
        keys |= {part.key for part in parts if part.key is not None}
        contents |= {key: source.read(key) for key in keys - contents.keys()}
    return contents


def _draw_sheet(answers: list[Answer], contents: dict[str, bytes], out: Path) -> None:
    """Draw queries and hits; items without a file as what `contents` has."""
    from aesearch.reports.contact_sheet import Cell, Row, joined, write_sheet

    rows = []
    for answer in answers:
        picture = joined(*(_pictures(side, contents) for side in answer.content))
        cells = [
            Cell(hit.score, hit.key, contents.get(hit.key) or hit.path or b"")
            for hit in answer.hits
        ]
        rows.append(Row(answer.name, picture, cells))
    write_sheet(rows, out)
    click.echo(f"wrote {out}", err=True)


def _pictures(parts: Sequence[Part], contents: Mapping[str, bytes]) -> list[Image]:
    """What a query is made of, as pictures, as far as there are such."""
    from aesearch.modalities.images.pixels import open_picture

    pictures = []
    for part in parts:
        with suppress(ContentError):
            pictures.append(open_picture(contents.get(part.key or "") or part.content))
    return pictures
