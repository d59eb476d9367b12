"""Hits printed as a table, as JSON lines, or as paths alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from aesearch.cli.console import format_path, print_exactly, print_json, printable
from aesearch.cli.wrapping import complain, say
from aesearch.search.hits import UNCHANGED, Hit
from aesearch.sources.names import escaped

if TYPE_CHECKING:
    from aesearch.modalities.texts.snippets import Snippet
    from aesearch.search.explain import Explanation

INDENT = " " * 14
FIELDS_WIDTH = 120  # characters of the fields of a vector
LEAST_SHOWN = 0.005  # of a term's weight: lighter terms are not printed


@dataclass
class Answer:
    """The hits of one query.

    Attributes
    ----------
    name : str
        The query as typed: a text, or the name of a file; several as one: "A.jpg + B.jpg - C.jpg".
    content : object
        What it is made of, as the command has it.
    hits : list of Hit
    reasons : list of Explanation
        One for each hit, where they were asked for.
    offset : int
        So many better ones were passed over.
    """

    name: str
    content: Any
    hits: list[Hit]
    reasons: list[Explanation] = field(default_factory=list)
    offset: int = 0

    @property
    def ranked(self) -> Iterator[tuple[int, Hit, Explanation | None]]:
        """Each hit with its rank, from 1, and the reason for it."""
        for number, hit in enumerate(self.hits):
            why = self.reasons[number] if self.reasons else None
            yield self.offset + number + 1, hit, why


def print_answer(answer: Answer, format: str | None, *, several: bool, tabular: bool) -> None:
    """Print one answer.

    Parameters
    ----------
    answer : Answer
    format : {None, 'json', 'null'}
    several : bool
        Whether there are other queries, so that each line must say which it answers.
    tabular : bool
        Whether hits are rows of a table, which keys name and paths do not.
    """
    if format == "json":
        for line in _as_json(answer):
            print_json(line)
    elif format == "null":
        _print_paths(answer, tabular=tabular)
    else:
        _print_table(answer, several=several, tabular=tabular)


def _print_paths(answer: Answer, *, tabular: bool) -> None:
    for hit in answer.hits:
        if not tabular and hit.path is None:
            complain(f"note: '{escaped(hit.key)}' has no file")
        else:
            print_exactly(f"{hit.key if tabular else hit.path}\0")


def _print_table(answer: Answer, *, several: bool, tabular: bool) -> None:
    terminal = sys.stdout.isatty()
    if terminal and several:
        click.secho(escaped(answer.name), bold=True)
    tail = f"\t{escaped(answer.name)}" if several else ""
    for rank, hit, why in answer.ranked:
        place = escaped(hit.key) if tabular or hit.path is None else format_path(hit.path)
        if terminal:
            click.echo(f"{rank:>4}  {hit.score:z6.3f}  {place}")  # whole, to be copied
            _print_text(hit)
        else:
            click.echo(f"{hit.score:z.4f}\t{place}{tail}")
        if why is not None:
            _print_reasons(why)
    if terminal and not answer.hits:
        click.echo("      nothing found")


def _as_json(answer: Answer) -> Iterator[dict[str, Any]]:
    for rank, hit, why in answer.ranked:
        line: dict[str, Any] = {
            "query": answer.name,
            "rank": rank,
            "score": round(hit.score, 6),
            "key": hit.key,
            "path": None if hit.path is None else str(hit.path),
        }
        if hit.same is not None:
            line["same"] = hit.same
        if hit.snippet is not None:
            line |= {"title": hit.title, "snippet": hit.snippet.text}
            line["passage"] = list(hit.passage) if hit.passage else None
        if hit.fields is not None:
            line["fields"] = dict(hit.fields)
        if why is not None:
            line["why"] = why.as_dict()
        yield line


def same_in_words(same: str) -> str:
    """How a hit is marked that the query was made from."""
    return "the same picture" if same == UNCHANGED else f"the same picture, {same}"


def _print_text(hit: Hit) -> None:
    """Print the title and the snippet, or the fields, of a hit that has them."""
    if hit.same is not None:
        say(same_in_words(hit.same), INDENT)
    if hit.fields and hit.snippet is None:
        from aesearch.storage.fields import EXIF  # which few indexes need

        shown = {name: value for name, value in hit.fields.items() if name not in EXIF}
        fields = ", ".join(f"{name}: {value}" for name, value in shown.items() if value != "")
        if fields:
            say(printable(fields)[:FIELDS_WIDTH], INDENT)
    if hit.snippet is None:
        return
    from aesearch.modalities.texts.snippets import ELLIPSIS

    title, text = printable(hit.title or ""), hit.snippet.text
    begins = 0  # where the text goes on behind a title that it begins with
    if title and not title.endswith(ELLIPSIS) and text.startswith(f"{title} "):
        begins = len(title) + 1
        say(_marked(hit.snippet, 0, len(title)), INDENT, bold=True)
    elif title and not text.startswith(title.removesuffix(ELLIPSIS)):
        say(title, INDENT, bold=True)
    if text:
        say(_marked(hit.snippet, begins, len(text)), INDENT)


def _marked(snippet: Snippet, begin: int, end: int) -> str:
    """A part of a snippet, with each word underlined that was found."""
    parts, last = [], begin
    for start, stop in snippet.marks:
        if start >= begin and stop <= end:
            found = re.sub(r"\S+", _underlined, snippet.text[start:stop])
            parts += [snippet.text[last:start], found]
            last = stop
    return "".join([*parts, snippet.text[last:end]])


def _underlined(word: re.Match[str]) -> str:
    return f"\x1b[4m{word[0]}\x1b[24m"  # and bold stays bold, where that is around it


def _print_reasons(why: Explanation) -> None:
    for name, terms in (("both say", why.shared), ("both are about", why.code)):
        known = [f"{t.word} {t.weight:.2f}" for t in terms if t.weight >= LEAST_SHOWN]
        words = ", ".join([*known, *(t.word for t in terms if not t.weight)])
        if words:
            say(f"{name}: {words}", INDENT, dim=True)
    if why.borrowed:
        say(f"by words of similar documents: {', '.join(why.borrowed)}", INDENT, dim=True)
