"""Where a phrase, or a word that begins in a given way, stands in a text.

A phrase is words in their order. Case, accents and what stands between two words do not count:
`"state of the art"` is found in 'State-of-the-Art', `"cafe creme"` in 'café crème'. Endings do:
what is compared are words, not stems. In scripts without spaces letters are compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from unicodedata import normalize

from aesearch.modalities.texts.tokenizer import COMBINING, MARKS, UNSPACED

# Accents of Latin, Greek and Cyrillic letters, and vowel signs of Hebrew and Arabic, which are
# often left out; and what is not seen at all: soft hyphens, spaces without width.
UNCOUNTED = (
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u00ad\u200b-\u200f\u2060\ufeff"
)


@dataclass(frozen=True)
class _Patterns:
    """Regular expressions that take some ms to compile: made when the first phrase needs them."""

    unspaced: re.Pattern[str]
    unit: re.Pattern[str]
    uncounted: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    word = f"[^\\W_{UNSPACED}]"
    return _Patterns(
        re.compile(f"[{UNSPACED}]"),
        # ".net", "c++" and "c#" are words.
        re.compile(
            f"[{UNSPACED}][{COMBINING}]*"
            f"|(?:(?<!\\S)\\.(?=[^\\W\\d_]))?{word}(?:{word}|[{MARKS}])*(?:(?:\\+\\+|#)(?!\\w))?"
        ),
        re.compile(f"[{UNCOUNTED}]"),
    )


def is_unspaced(letter: str) -> bool:
    """Whether a letter is of a script that is written without spaces."""
    return _patterns().unspaced.match(letter) is not None


def fold(text: str) -> str:
    """Return a text in small letters and without accents, as phrases are compared."""
    if text.isascii():
        return text.lower()
    bare = _patterns().uncounted.sub("", normalize("NFKD", text))
    return normalize("NFKC", bare.casefold())


def units(text: str) -> list[str]:
    """Return the words of a text, and the single letters of scripts without spaces, folded."""
    return _units(fold(text))


def runs(text: str) -> list[tuple[str, ...]]:
    """Return the words of a text, and the letters of scripts without spaces that follow, as one.

    Each is given folded, and as it is written where that is something else.
    """
    folded = units(text)
    written = _units(normalize("NFKC", text).casefold())
    if len(written) != len(folded):
        written = folded
    found: list[tuple[str, str]] = []
    for one, own in zip(folded, written, strict=True):
        last = found[-1] if found else ("", "")
        if last[0] and is_unspaced(one[0]) and is_unspaced(last[0][0]):
            found[-1] = last[0] + one, last[1] + own
        else:
            found.append((one, own))
    return [tuple(dict.fromkeys(run)) for run in found]


def _units(folded: str) -> list[str]:
    # "don't" is one word, as for the tokenizer.
    return _patterns().unit.findall(folded.replace("\u2019", "'").replace("n't", "nt"))


@dataclass(frozen=True)
class Phrase:
    """Words in their order.

    Attributes
    ----------
    units : tuple of str
        The words, as `units` has them; at least one.
    open : bool
        Whether the last one may go on: the beginning of a word.
    """

    units: tuple[str, ...]
    open: bool = False

    @classmethod
    def of(cls, text: str, *, open: bool = False) -> Phrase:
        """The phrase that a text is."""
        return cls(tuple(units(text)), open)

    @cached_property
    def _sure(self) -> list[str]:
        """Words that stand in any text that holds it just as they are here; see `_units`."""
        return [unit for unit in self.units if "nt" not in unit]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What finds it in a folded text."""
        return _pattern(self)

    def stands_in(self, text: str) -> bool:
        """Whether a text holds it."""
        folded = fold(text)
        # Looking for each word first takes a fraction of the time.
        return all(map(folded.__contains__, self._sure)) and bool(self.pattern.search(folded))

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Go through the places where it stands in a text: text[start:end]."""
        if text.isascii():
            yield from (match.span() for match in self.pattern.finditer(text.lower()))
            return
        folded, origins = _folded_with_origins(text)
        for match in self.pattern.finditer(folded):
            yield origins[match.start()], origins[match.end() - 1] + 1


@lru_cache(maxsize=256)
def _pattern(phrase: Phrase) -> re.Pattern[str]:
    inside = f"(?:[^\\W_{UNSPACED}]|[{MARKS}])"
    between = f"(?:[^\\w{MARKS}]|_)"
    parts: list[str] = []
    spaced = False
    for unit in phrase.units:
        was, spaced = spaced, not is_unspaced(unit[0])
        if parts:
            parts.append(f"{between}+" if was and spaced else f"{between}*")
        written = re.escape(unit).replace("nt", "n['\u2019]?t")
        if not parts and spaced:  # a pattern is quicker that does not look back before all else
            first = re.escape(unit[0])
            written = f"{first}(?<!{inside}{first}){written.removeprefix(first)}"
        parts.append(written)
    if phrase.open:
        parts.append(f"{inside}*")
    elif spaced:
        # 'c' is not said where 'c++' is written.
        parts.append(f"(?!{inside})" + ("(?!\\+\\+|#)" if len(phrase.units[-1]) == 1 else ""))
    else:
        parts.append(f"(?![{COMBINING}])")
    return re.compile("".join(parts))


def _folded_with_origins(text: str) -> tuple[str, list[int]]:
    """Return a folded text, and from which letter each of its letters comes."""
    letters: list[str] = []
    origins: list[int] = []
    for place, letter in enumerate(text):
        found = fold(letter)
        letters.append(found)
        origins += [place] * len(found)
    return "".join(letters), origins
