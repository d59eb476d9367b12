"""Parts of a document: its sentences, passages of a long one, and the snippet that is shown."""

from __future__ import annotations

import random
import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

LONG = 400  # words, from which a document has passages
LENGTH = 240  # of a passage; about one idea, and enough words for a code
OVERLAP = 0.2
MOST = 1000  # passages of one document: those of a longer one are longer
LETTERS_PER_WORD = 2  # where words are not set apart

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff"
)
# A sentence ends at a full stop before a space and no small letter, at a CJK stop, at a blank line,
# or where a list goes on.
END = re.compile(
    r"""(?<![.!?…])[.!?…]++["'”’)\]]*+(?=\s++[^a-z]|\s*+$)|[。！？｡]++["'”’」』）]*+"""
    r"""|\n\s*\n|\n(?=\s*+(?:[-*•]|\d++[.)])\s)"""
)
ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|vs|etc|al|Fig|Figs|Eq|No|Vol|pp|cf|approx|e\.g|i\.e)\.)$"
)
SPACE = re.compile(r"\s+")


class Passage(NamedTuple):
    """A part of a document: characters from `start` up to `end`."""

    start: int
    end: int


@cache
def unit_pattern() -> re.Pattern[str]:
    """Words, or runs of two letters of scripts that do not set words apart; it compiles slowly."""
    return re.compile(f"[{UNSPACED}]{{1,{LETTERS_PER_WORD}}}|[^\\s{UNSPACED}]+")


def sentences(text: str) -> list[tuple[int, int]]:
    """Return where sentences, items of lists and paragraphs begin and end, without blank edges."""
    found: list[tuple[int, int]] = []
    begin = 0
    for stop in END.finditer(text):
        is_full_stop = stop[0].startswith(".")
        if is_full_stop and ABBREVIATION.search(text[max(begin, stop.start() - 8) : stop.end()]):
            continue
        _note(text, begin, stop.end(), found)
        begin = stop.end()
    _note(text, begin, len(text), found)
    return found


def _note(text: str, begin: int, end: int, found: list[tuple[int, int]]) -> None:
    part = text[begin:end]
    start = begin + len(part) - len(part.lstrip())
    stop = begin + len(part.rstrip())
    if start < stop:
        found.append((start, stop))


def passages_of(text: str) -> list[Passage]:
    """Return the passages of a long document, in their order; a short one has none.

    Each is about 240 words long and ends with a sentence where one ends near; neighbours share a
    fifth. Of scripts that do not set words apart, two letters count as a word.
    """
    if text.isascii() and len(text.split()) < LONG:  # ten times as quick
        return []
    units = [found.span() for found in unit_pattern().finditer(text)]
    if len(units) < LONG:
        return []
    length = max(LENGTH, -(-len(units) * 5 // (4 * MOST)))
    starts = [start for start, _ in units]
    ends = [bisect_left(starts, stop) for _, stop in sentences(text)]  # in units
    found: list[Passage] = []
    begin = 0
    while True:
        end = _good_end(ends, begin + length, int(length * OVERLAP), begin)
        if end >= len(units) - int(length * OVERLAP):  # too little would be left for one of its own
            found.append(Passage(units[begin][0], len(text.rstrip())))
            return found
        found.append(Passage(units[begin][0], units[end - 1][1]))
        begin = max(
            begin + 1, _good_end(ends, end - int(length * OVERLAP), int(length * 0.1), begin)
        )


def _good_end(ends: Sequence[int], wanted: int, slack: int, after: int) -> int:
    """Return the end of a sentence that is nearest to a place, if one is near enough."""
    place = bisect_left(ends, wanted)
    near = [end for end in ends[max(0, place - 1) : place + 1] if end > after]
    best = min(near, key=lambda end: abs(end - wanted), default=wanted)
    return best if abs(best - wanted) <= slack else wanted


def half_of(text: str, seed: int) -> str:
    """Return a random half of the sentences, in their order; of a single one, half of its words.

    Equal texts and seeds give equal halves.
    """
    draw = random.Random(f"{seed} {len(text)} {text[:200]}")
    parts = [text[start:end] for start, end in sentences(text)]
    if len(parts) < 2:
        units = [found.span() for found in unit_pattern().finditer(text)]
        if len(units) < 2:
            return text
        half = len(units) // 2
        first = draw.randrange(len(units) - half + 1)
        return text[units[first][0] : units[first + half - 1][1]]
    chosen = sorted(draw.sample(range(len(parts)), len(parts) // 2))
    return "\n".join(parts[number] for number in chosen)
