"""Folders and tables of small texts of clear topics, for the tests of text indexes."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from aesearch.errors import ContentError
from aesearch.indexing.build import build
from aesearch.modalities.texts.extract import extract
from aesearch.search.index import Index

TOPICS = {
    "cooking": "soup onion garlic butter flour oven recipe spoon pepper simmer",
    "sailing": "boat harbour anchor mast rudder sail tide wind captain deck",
    "music": "violin orchestra concert melody piano choir rhythm composer tenor flute",
    "gardens": "roses soil seeds compost pruning hedge orchard watering bulbs lawn",
}
NAMES = tuple(TOPICS)
RUSSIAN = "Искусственный интеллект меняет нашу жизнь. Вчера в Москве прошла конференция."
RARE = {"cooking": "paprika", "sailing": "spinnaker", "music": "oboe", "gardens": "wisteria"}


def make_text(topic: str, number: int, words: int = 24) -> str:
    """Text number `number` of a topic: sentences of its words, and one word of its own."""
    draw = np.random.default_rng([NAMES.index(topic), number])
    chosen = [str(word) for word in draw.choice(TOPICS[topic].split(), words)]
    parts = [" ".join(chosen[at : at + 8]).capitalize() for at in range(0, words, 8)]
    return f"{'. The '.join(parts)}. It was number x{NAMES.index(topic)}{number:02}."


def write_texts(root: Path, per_topic: int = 12) -> list[str]:
    """Write texts below `root`, in a folder for each topic; return their keys.

    The first of each topic also holds a word that no other text has, see `RARE`.
    """
    keys = []
    for topic in NAMES:
        (root / topic).mkdir(parents=True)
        for number in range(per_topic):
            rare = "" if number else f" A {RARE[topic]} was there."
            (root / topic / f"{number:02}.txt").write_text(make_text(topic, number) + rare)
            keys.append(f"{topic}/{number:02}.txt")
    return keys


def long_text(number_of_parts: int = 3, each: int = 260) -> str:
    """A text long enough for passages, which goes from one topic to the next."""
    return "\n\n".join(make_text(topic, 99, each) for topic in NAMES[:number_of_parts])


def table_rows(per_topic: int = 6) -> list[dict[str, str]]:
    """Rows with id, topic and body, as for `write_table`."""
    return [
        {"id": f"{topic[0]}{number}", "topic": topic, "body": make_text(topic, number)}
        for topic in NAMES
        for number in range(per_topic)
    ]


def write_table(path: Path, rows: Sequence[dict[str, str]], delimiter: str = ",") -> Path:
    """Write rows as CSV; return the path."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def word_table(documents: int = 200, terms: int = 160) -> tuple[csr_matrix, NDArray[np.int64]]:
    """Weighted words of documents of four topics, and their topics; number 7 holds no word."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(terms, 0.05), 4)
    shares = 0.7 * shares + 0.3 * shares.mean(axis=0)
    topics = rng.integers(0, 4, documents)
    counts = np.stack([rng.multinomial(rng.integers(15, 60), shares[topic]) for topic in topics])
    counts[7] = 0
    return csr_matrix(np.log1p(counts), dtype=np.float32), topics


def made(source: Path, place: Path, **options: Any) -> Index:
    """Index a source without training, and open it."""
    options.setdefault("budget", 0)
    return build(source, place, **options)


def feed(monkeypatch: pytest.MonkeyPatch, content: str | bytes) -> None:
    """Put something on standard input."""
    raw = content.encode() if isinstance(content, str) else content
    stream = io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stream)


def topics_of(keys: Sequence[str]) -> list[str]:
    """Return the folder of each key."""
    return [key.partition("/")[0] for key in keys]


def one_line(text: str) -> bool:
    """Return whether a message is one line, and no traceback."""
    return text.count("\n") == 1 and text.startswith("aesearch: ") and "Traceback" not in text


def text_of(content: bytes | str, name: str = "a.txt") -> str:
    return extract(content.encode() if isinstance(content, str) else content, name).text


def reason(content: bytes, name: str = "a.txt") -> str:
    with pytest.raises(ContentError) as caught:
        extract(content, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)
