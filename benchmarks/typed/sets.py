"""The collections that are asked: judged sets, titles for their texts, subjects for threads.

What is typed is taken out of all documents, and each collection is a table that `aesearch index`
reads: what is made here is written once into the cache folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aesearch.errors import ContentError
from aesearch.modalities.texts.extract import extract
from benchmarks.text_sets import Judged, judged, newsgroup_files, reuters_stories
from benchmarks.typed.threads import plain_subject, sampled, threads, without_subject

TITLES, THREADS = 500, 200  # questions


@dataclass(frozen=True)
class Source:
    """A collection by its name, and what counts in it.

    Attributes
    ----------
    language : str
        Whose stems and stop words a baseline takes.
    metrics : tuple of str
        The first one decides.
    key : str
        Column of the documents' names.
    depth : int
        Hits that count; all time goes into their snippets.
    read : callable
        From the data folder and a cache folder to the collection.
    """

    name: str
    language: str
    metrics: tuple[str, ...]
    key: str
    depth: int
    read: Callable[[Path | None, Path], Judged]


class Mail(NamedTuple):
    """A message as the product reads it."""

    key: str
    subject: str
    text: str


def mails(data: Path | None, split: str = "train") -> list[Mail]:
    """Return the messages of one part of 20 Newsgroups, without those that are no text."""
    found = []
    for part, group, number, content in newsgroup_files(data):
        if part == split:
            key = f"{group}/{number}"
            try:
                document = extract(content, key)
            except ContentError:
                continue
            found.append(Mail(key, document.title, document.text))
    return found


def of_threads(data: Path | None, cache: Path) -> Judged:
    """Return messages without subjects; 200 subjects find the other messages of their threads.

    The first message of each of these threads has asked, and is not in the collection.
    """
    found = mails(data)
    asked = sampled(threads([mail.subject for mail in found]), THREADS, 0)
    askers = {thread.asker for thread in asked}
    bodies = {
        place: body
        for place, mail in enumerate(found)
        if place not in askers and (body := without_subject(mail.text, mail.subject))
    }
    rows = {place: row for row, place in enumerate(bodies)}
    return _judged(
        [found[place].key for place in bodies],
        list(bodies.values()),
        [thread.subject for thread in asked],
        [[rows[place] for place in thread.others if place in rows] for thread in asked],
        cache / "newsgroups.jsonl",
    )


def of_titles(data: Path | None, cache: Path) -> Judged:
    """Return the stories of Reuters-21578 R8; 500 titles find their own stories."""
    stories = [story for story in reuters_stories(data, "train") if story.title and story.text]
    texts = [story.text.replace(story.title, "").strip() for story in stories]
    asked = np.random.default_rng(0).permutation(len(stories))[:TITLES].tolist()
    return _judged(
        [story.key for story in stories],
        texts,
        [stories[row].title for row in asked],
        [[row] for row in asked],
        cache / "r8.jsonl",
    )


def subjects(found: Sequence[Mail], count: int, seed: int) -> list[str]:
    """Return subjects of different threads: what people wrote to be found by."""
    names = {plain_subject(mail.subject).casefold(): mail for mail in found}
    kept = [plain_subject(mail.subject) for name, mail in sorted(names.items()) if name]
    drawn = np.random.default_rng(seed).permutation(len(kept))[:count]
    return [kept[n] for n in drawn]


def write_table(path: Path, keys: Sequence[str], texts: Sequence[str]) -> None:
    """Write documents as a table, unless just these are in it already."""
    lines = (json.dumps({"id": key, "text": text}) for key, text in zip(keys, texts, strict=True))
    content = "".join(f"{line}\n" for line in lines)
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")


def _judged(
    keys: list[str],
    texts: list[str],
    queries: list[str],
    relevant: Sequence[Sequence[int]],
    table: Path,
) -> Judged:
    write_table(table, keys, texts)
    grades = np.zeros((len(queries), len(texts)), dtype=np.int8)
    for row, wanted in enumerate(relevant):
        grades[row, list(wanted)] = 1
    return Judged(texts, queries, grades, keys, table)


def _of_judged(name: str, data: Path | None, cache: Path) -> Judged:
    del cache  # it is a table already
    return judged(data, name)


ADHOC, ONE = ("MAP", "nDCG@10"), ("MRR",)
SETS = {
    source.name: source
    for source in (
        *(
            Source(name, language, metrics, "_id", depth, partial(_of_judged, name))
            for name, language, metrics, depth in (
                ("med", "english", ADHOC, 1_000),
                ("cran", "english", ADHOC, 1_000),
                ("cacm", "english", ADHOC, 1_000),
                ("questions_en", "english", ONE, 30),
                ("questions_de", "german", ONE, 30),
                ("questions_zh", "chinese", ONE, 30),
            )
        ),
        Source("r8", "english", ONE, "id", 30, of_titles),
        Source("newsgroups", "english", ("MAP", "MRR"), "id", 100, of_threads),
    )
}
