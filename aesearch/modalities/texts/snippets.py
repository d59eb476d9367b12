"""The part of a document that shows why it was found."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from aesearch.modalities.texts.passages import SPACE

WINDOW = 160


ELLIPSIS = "…"


class Snippet(NamedTuple):
    """A piece of a text, and where in the piece there are words of the query."""

    text: str
    marks: tuple[tuple[int, int], ...]


def snippet(
    text: str, matches: Sequence[tuple[int, float, int, int]], width: int = WINDOW
) -> Snippet:
    """Return the piece of a text that holds most of what was asked for.

    Parameters
    ----------
    text : str
    matches : sequence of (term, weight, start, end)
        Where words of the query are, in the order of the text. A term counts once in a window.
    width : int
        Characters, about.

    Returns
    -------
    Snippet
        Cut at words, in one line, without control characters; '…' stands where it was cut. Without
        a match it is the beginning.
    """
    first, last = _best_window(matches, width)
    begin = max(0, first - max(0, min(width // 5, width - (last - first))))
    if begin:
        begin = min(_word_start(text, begin), first)
    end = min(len(text), begin + width)
    if end < len(text):
        cut = text.rfind(" ", begin, end + 1)
        if cut > begin + width // 2 and not cut < last <= end:
            end = cut
    pieces: list[str] = [ELLIPSIS] if text[:begin].strip() else []
    marks: list[tuple[int, int]] = []
    place = begin
    for _, _, start, stop in matches:
        if start < place or stop > end:
            continue
        pieces.append(_clean(text[place:start], pieces))
        at = sum(map(len, pieces))
        pieces.append(_clean(text[start:stop], pieces))
        marks.append((at, at + len(pieces[-1])))
        place = stop
    pieces.append(_clean(text[place:end], pieces).rstrip())
    if text[end:].strip():
        pieces.append(ELLIPSIS)
    return Snippet("".join(pieces), tuple(marks))


def opening(text: str, width: int) -> str:
    """Return the first words of a text, in one line of at most `width` characters.

    It is cut between words where the script has spaces.
    """
    text = _clean(text[: 4 * width], ()).strip()
    if len(text) <= width:
        return text
    end = text.rfind(" ", width // 2, width)
    return text[: end if end > 0 else width - 1].rstrip() + ELLIPSIS


def _best_window(matches: Sequence[tuple[int, float, int, int]], width: int) -> tuple[int, int]:
    """Return where the matches begin and end whose distinct terms weigh most in one window."""
    best, place = 0.0, (0, 0)
    inside: dict[int, int] = {}
    weight, last = 0.0, 0
    for number, (term, value, _, end) in enumerate(matches):
        inside[term] = inside.get(term, 0) + 1
        weight += value * (inside[term] == 1)
        while end - matches[last][2] > width and last < number:
            gone, lost, _, _ = matches[last]
            inside[gone] -= 1
            weight -= lost * (not inside[gone])
            last += 1
        if weight > best + 1e-9:
            best, place = weight, (matches[last][2], end)
    return place


def _word_start(text: str, place: int) -> int:
    """Return the beginning of the next word, unless it is far."""
    found = SPACE.search(text, place, place + 30)
    return found.end() if found else place


def _clean(part: str, before: Sequence[str]) -> str:
    """Return a piece in one line, without what a terminal would obey."""
    kept = SPACE.sub(" ", part)
    if not kept.isprintable():
        kept = "".join(" " if _is_control(letter) else letter for letter in kept)
        kept = SPACE.sub(" ", kept)
    last = next((piece for piece in reversed(before) if piece), ELLIPSIS)
    return kept.lstrip() if last.endswith((" ", ELLIPSIS)) else kept


def _is_control(letter: str) -> bool:
    if " " <= letter <= "~":
        return False
    return unicodedata.category(letter) in ("Cc", "Cf", "Co", "Cs")
