"""What ``query`` and ``list`` do where ``--index`` is the address of a service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any

from aesearch.cli import DONE, ERROR, SOME_SKIPPED
from aesearch.cli.console import print_json
from aesearch.cli.format_hits import Answer, print_answer
from aesearch.cli.given import look_at_all
from aesearch.cli.wrapping import complain, say
from aesearch.client.address import Address
from aesearch.client.receiving import Answer as Received
from aesearch.client.remote import TIMEOUT, RemoteIndex
from aesearch.client.service import Service
from aesearch.errors import ContentError
from aesearch.modalities import modality
from aesearch.search.hits import Limits
from aesearch.sources.names import escaped
from aesearch.wording import counted


def query_there(
    url: str,
    words: tuple[str, ...],
    files: tuple[str, ...],
    keys: tuple[str, ...],
    format: str | None,
    limits: Mapping[str, Any],
    *,
    explain: bool,
) -> int:
    """Search in an index of a service; what is found is printed as that of one that is here.

    Parameters
    ----------
    url, words, files, keys, format, explain
        As ``query`` has them.
    limits : mapping
        As `Limits.of` takes them.
    """
    failed = found = 0
    with RemoteIndex(url) as index:
        questions = list(_questions(index, words, files, keys, limits, explain=explain))
        for name, ask in questions:
            try:
                received = ask()
            except ContentError as error:
                complain(f"{escaped(name)}: {error}")
                failed += 1
                continue
            found += 1
            _note(received)
            answer = Answer(name, None, received.hits, received.reasons)
            several, tabular = len(questions) > 1, index.is_tabular
            print_answer(answer, format, several=several, tabular=tabular)
    return DONE if not failed else SOME_SKIPPED if found else ERROR


def _questions(
    index: RemoteIndex,
    words: tuple[str, ...],
    files: tuple[str, ...],
    keys: tuple[str, ...],
    limits: Mapping[str, Any],
    *,
    explain: bool,
) -> Iterator[tuple[str, Callable[[], Received]]]:
    """Name of each query, and what asks it."""
    from aesearch.cli.query import queries_of  # which imports this module

    by_key = Limits.of(**{**limits, "hybrid": None, "copies": None})
    for key in keys:
        yield key, partial(index.ask_similar, key, by_key, explain=explain)
    by_content = Limits.of(**limits)
    for one in queries_of(look_at_all(words), look_at_all(files), index.modality):
        yield one.name, partial(index.ask, one.content, by_content, explain=explain)


def _note(received: Received) -> None:
    for note in received.notes:
        complain(f"note: {note}")
    if received.unknown_words:
        complain(f"note: not known here: {', '.join(received.unknown_words)}")
    if not received.hits:
        complain("nothing found")


def list_there(url: str, *, as_json: bool) -> int:
    """Show the indexes of a service."""
    with closing(Service(Address.of(url), None, TIMEOUT)) as service:
        rows = service.get("v1", "indexes")["indexes"]
    for row in rows:
        if as_json:
            print_json({name: value for name, value in row.items() if value is not None})
            continue
        line = row.get("fault")
        if line is None:
            items = counted(row["items"], modality(row["kind"]).noun)
            line = f"{items:>18}  {row['encoder']}"
        say(escaped(line), escaped(f"{row['name']:<20} "))
    return SOME_SKIPPED if any(row.get("fault") for row in rows) else DONE
