"""Whether what stands in one or two documents is found by typing it alone.

Regular expressions find candidates in the texts that an index keeps; a candidate counts where, of
all texts, one or two hold it, by looking through them all. It is found where one of these is among
the first ten hits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import aesearch
from aesearch.sources.columns import Columns
from benchmarks.reporting import say
from benchmarks.text_sets import newsgroup_files
from benchmarks.typed.indexes import Shelf, checksum
from benchmarks.typed.logs import log_lines
from benchmarks.typed.sets import write_table
from benchmarks.typed.ways import check_of, found_keys

ASKED, FIRST, MOST_DOCUMENTS = 50, 10, 2
LOG_LINES = 8_000
TRIED = 2_000  # candidates, at most, of each kind: most occur once or twice
SHOWN = 5  # of those that are not found

Kinds = Mapping[str, re.Pattern[str]]

MESSAGES: Kinds = {
    # Of people; a message id, such as 1993Apr20.031840.18636@host, looks much the same.
    "mail addresses": re.compile(
        r"(?<![\w.+-])[A-Za-z][a-z._-]*\d{0,4}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?![\w-])"
    ),
    "numbers": re.compile(
        r"(?<![\w.,:/-])(?:\d{1,3}(?:,\d{3})+|\d{3,})(?:\.\d+)?(?![\w:/-]|[.,]\d)"
    ),
    "part names": re.compile(r"(?<![\w-])[A-Z]{2,5}-\d{2,6}[A-Z]{0,2}(?![\w-])"),
    "paths": re.compile(r"(?<![\w/.:-])(?:/[A-Za-z][\w.+-]*){2,}(?<![.])(?![\w/-])"),
    "hexadecimal": re.compile(
        r"(?<![\w-])(?:0[xX][0-9a-fA-F]{2,16}"
        r"|(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{6,16}"
        r"|(?=[0-9A-F]*\d)(?=[0-9A-F]*[A-F])[0-9A-F]{6,16})(?![\w-])"
    ),
    # Who is quoted: "someone@somewhere (Ada King) writes:".
    "personal names": re.compile(
        r"(?<=\()[A-Z][a-z]+ (?:[A-Z]\. |[A-Z][a-z]+ )?[A-Z][a-z]+(?=\)\s+(?:writes|wrote))"
    ),
}
LOGS: Kinds = {
    "addresses (10.0.0.17)": re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"),
    "ids (blk_-1608, user-42)": re.compile(r"(?<![\w-])(?:blk_-?|user-)\d+(?!\w)"),
    "hexadecimal": re.compile(r"(?<![\w-])(?=\d*[a-f])[0-9a-f]{8}(?![\w-])"),
    "paths": re.compile(r"(?<![\w/])(?:/[\w.-]+){2,}"),
    "numbers": re.compile(r"(?<![\w.:/_-])\d{4,}(?![\w.:/-])"),
    "names": re.compile(r"(?<!\w)[A-Z][a-z]+ [A-Z][a-z]+(?!\w)"),
}


class Texts:
    """The texts of an index by key, to be looked through."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = {key: text.casefold() for key, text in texts.items()}
        self.raw = texts

    def holders(self, wanted: str, most: int) -> list[str]:
        """Return the keys of up to `most` + 1 texts that hold this, case aside, as a whole."""
        wanted = wanted.casefold()
        whole = re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)")
        found = []
        for key, text in self.texts.items():
            if wanted in text and whole.search(text):
                found.append(key)
                if len(found) > most:
                    break
        return found

    def rare(self, pattern: re.Pattern[str], count: int, seed: int = 0) -> dict[str, list[str]]:
        """Return matches that one or two texts hold, drawn at random, each with those texts."""
        matches = sorted({found for text in self.raw.values() for found in pattern.findall(text)})
        rare: dict[str, list[str]] = {}
        for n in np.random.default_rng(seed).permutation(len(matches))[:TRIED]:
            holders = self.holders(matches[n], MOST_DOCUMENTS)
            if 0 < len(holders) <= MOST_DOCUMENTS:
                rare[matches[n]] = holders
            if len(rare) == count:
                break
        return rare


def rare(
    data: Path | None, cache: Path, shelf: Shelf
) -> Iterator[tuple[str, list[dict[str, Any]], dict[str, Any]]]:
    """Yield a table of 20 Newsgroups and one of logs: how many of 50 are found, of each kind."""
    notes = {"training": f"{shelf.budget:g} s for each index"}
    source, content = _messages(data, cache)
    with shelf.index("messages", source, content) as index:
        yield (
            "20 Newsgroups: what one or two documents hold, typed alone",
            *_asked(index, MESSAGES, notes),
        )
    lines = log_lines(LOG_LINES)
    keys, table = [str(n) for n in range(len(lines))], cache / "logs.jsonl"
    write_table(table, keys, lines)
    with shelf.index("logs", table, checksum(*lines), Columns(("text",), "id")) as index:
        yield f"{LOG_LINES:,} lines of logs: likewise", *_asked(index, LOGS, notes)


def _messages(data: Path | None, cache: Path) -> tuple[Path, str]:
    """Write the messages of the training part as files, once; return their folder and checksum."""
    source, written = cache / "messages", []
    for split, group, number, content in newsgroup_files(data):
        if split == "train":
            path = source / group / number
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            written.append(f"{group}/{number} {len(content)}")
    return source, checksum(*written)


def _asked(
    index: aesearch.Index, kinds: Kinds, notes: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a row for each kind, and notes with some of what was not found."""
    texts = Texts({item.key: index.text_of(item.key).text for item in index.items()})
    say(f"{len(texts.raw):,} texts")
    rows, notes = [], notes | {"the check": check_of(index)}
    for kind, pattern in kinds.items():
        rare = texts.rare(pattern, ASKED)
        lost = [
            wanted
            for wanted, holders in rare.items()
            if not set(holders) & set(found_keys(index, wanted, FIRST))
        ]
        rows.append({"kind": kind, "asked": len(rare), "in the first ten": len(rare) - len(lost)})
        say(f"{kind}: {len(rare) - len(lost)} of {len(rare)}")
        if lost:
            notes[f"not found, {kind}"] = ", ".join(map(repr, lost[:SHOWN]))
    return rows, notes
