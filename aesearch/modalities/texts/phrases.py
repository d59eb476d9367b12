"""Where a phrase, or a word that begins in a given way, stands in a text.

A phrase is words in their order. Case, accents and what stands between two words do not count:
`"state of the art"` is found in 'State-of-the-Art', `"cafe creme"` in 'café crème'. Endings do:
what is compared are words, not stems. In scripts without spaces letters are compared. A word that
the end of a line cuts, initials and thousands are found in both spellings: 'inter-' and 'national'
as `"international"`, 'N.A.S.A.' as `"NASA"`, '1,000' as `"1000"`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from unicodedata import combining, normalize

from aesearch.modalities.texts.analysis.folding import CUT, cleaned, folded, lowered, simplified
from aesearch.modalities.texts.analysis.languages import TURKISH
from aesearch.modalities.texts.tokenizer import COMBINING, MARKS, UNSPACED, is_unspaced

# What is written in two ways: a word cut by the end of a line, initials, and thousands.
_TWO_WAYS = re.compile(
    CUT + r"|(?<![\w.])[^\W\d_](?:\.[^\W\d_])+(?![\w])"
    r"|(?<![\w.,])\d{1,3}(?:[,.]\d{3})+(?![.,]?\d)(?!\w)"
)


@dataclass(frozen=True)
class _Patterns:
    """Regular expressions that take some ms to compile: made when the first phrase needs them."""

    unit: re.Pattern[str]
    cut: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    word = f"[^\\W_{UNSPACED}]"
    return _Patterns(
        # ".net", "c++" and "c#" are words.
        re.compile(
            f"[{UNSPACED}][{COMBINING}]*"
            f"|(?:(?<!\\S)\\.(?=[^\\W\\d_]))?{word}(?:{word}|[{MARKS}])*(?:(?:\\+\\+|#)(?!\\w))?"
        ),
        re.compile(CUT),
    )


def fold(text: str, language: str = "") -> str:
    """Return a text as phrases are compared: as its words are in the lexical index, but for stems.

    Parameters
    ----------
    text : str
    language : str
        In Turkish, I is a capital \u0131.
    """
    if text.isascii() and language != TURKISH:
        return text.lower()
    return folded(simplified(lowered(cleaned(text), language)))


def joined(text: str) -> str:
    """Return a text with what is written in two ways as one: words cut, N.A.S.A., 1,000."""
    if "." not in text and "," not in text and "\n" not in text:
        return text
    return _TWO_WAYS.sub(lambda match: "".join(filter(str.isalnum, match[0])), text)


def units(text: str, language: str = "") -> list[str]:
    """Return the words of a text, and the single letters of scripts without spaces, folded."""
    return _units(fold(text, language))


def runs(text: str, language: str = "") -> list[tuple[str, ...]]:
    """Return the words of a text, and the letters of scripts without spaces that follow, as one.

    Each is given folded, and as it is written where that is something else.
    """
    plain = units(text, language)
    written = _units(normalize("NFKC", text).casefold())
    if len(written) != len(plain):
        written = plain
    found: list[tuple[str, str]] = []
    for one, own in zip(plain, written, strict=True):
        last = found[-1] if found else ("", "")
        if last[0] and is_unspaced(one[0]) and is_unspaced(last[0][0]):
            found[-1] = last[0] + one, last[1] + own
        else:
            found.append((one, own))
    return [tuple(dict.fromkeys(run)) for run in found]


def _units(plain: str) -> list[str]:
    # "don't" is one word, as for the tokenizer.
    return _patterns().unit.findall(plain.replace("\u2019", "'").replace("n't", "nt"))


@dataclass(frozen=True)
class Phrase:
    """Words in their order.

    Attributes
    ----------
    units : tuple of str
        The words, as `units` has them; at least one.
    open : bool
        Whether the last one may go on: the beginning of a word.
    language : str
        Of the texts, for `fold`.
    joined : tuple of str
        The words with what is written in two ways as one; see `joined`.
    """

    units: tuple[str, ...]
    open: bool = False
    language: str = ""
    joined: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str, *, open: bool = False, language: str = "") -> Phrase:
        """The phrase that a text is."""
        own = tuple(units(text, language))
        return cls(own, open, language, tuple(units(joined(text), language)))

    def stands_in(self, text: str) -> bool:
        """Whether a text holds it."""
        plain = fold(text, self.language)
        if _stands(self.units, plain, open=self.open):
            return True
        if not self._may_be_written_otherwise(text, plain):
            return False
        return _stands(self.joined, fold(joined(text), self.language), open=self.open)

    def _may_be_written_otherwise(self, text: str, plain: str) -> bool:
        """Whether a text may hold the words in other spellings: most do not, and are quicker."""
        return (
            self.joined != self.units
            or any(map(plain.__contains__, self._other_spellings))
            or _patterns().cut.search(text) is not None
        )

    @cached_property
    def _other_spellings(self) -> list[str]:
        """How words may be written, or begin, that are initials or thousands."""
        initials = [".".join(word) for word in self.joined if word.isalpha()]
        numbers = [word for word in self.joined if word.isascii() and word.isdigit()]
        if self.open and self.joined[-1].isdigit():
            return [*initials, ",", "."]
        long = [f"{int(word):,}" for word in numbers if 3 < len(word) < 25]
        return [*initials, *long, *(word.replace(",", ".") for word in long)]

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Go through the places where it stands in a text: text[start:end]."""
        found = {*self._places(text, self.units)}
        if self._may_be_written_otherwise(text, fold(text, self.language)):
            found.update(self._places(text, self.joined, _TWO_WAYS))
        yield from sorted(found)

    def _places(
        self, text: str, words: tuple[str, ...], two_ways: re.Pattern[str] | None = None
    ) -> Iterator[tuple[int, int]]:
        """Go through the places where some words stand, in a text with two spellings as one."""
        pattern = _pattern(words, open=self.open)
        if text.isascii() and two_ways is None and self.language != TURKISH:
            yield from (match.span() for match in pattern.finditer(text.lower()))
            return
        left_out = {
            place
            for match in (two_ways.finditer(text) if two_ways else ())
            for place in range(*match.span())
            if not text[place].isalnum()
        }
        plain, origins = _folded_with_origins(text, self.language, left_out)
        for match in pattern.finditer(plain):
            yield origins[match.start()], origins[match.end() - 1] + 1


def _stands(words: tuple[str, ...], plain: str, *, open: bool) -> bool:
    """Whether a folded text holds words in their order."""
    # Looking for each word first takes a fraction of the time; of "don't" see `_units`.
    sure = (word for word in words if "nt" not in word)
    return all(map(plain.__contains__, sure)) and bool(_pattern(words, open=open).search(plain))


@lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...], *, open: bool) -> re.Pattern[str]:
    """What finds words in their order in a folded text."""
    inside = f"(?:[^\\W_{UNSPACED}]|[{MARKS}])"
    between = f"(?:[^\\w{MARKS}]|_)"
    parts: list[str] = []
    spaced = False
    for unit in words:
        was, spaced = spaced, not is_unspaced(unit[0])
        if parts:
            parts.append(f"{between}+" if was and spaced else f"{between}*")
        written = re.escape(unit).replace("nt", "n['\u2019]?t")
        if not parts and spaced:  # a pattern is quicker that does not look back before all else
            first = re.escape(unit[0])
            written = f"{first}(?<!{inside}{first}){written.removeprefix(first)}"
        parts.append(written)
    if open:
        parts.append(f"{inside}*")
    elif spaced:
        # 'c' is not said where 'c++' is written.
        parts.append(f"(?!{inside})" + ("(?!\\+\\+|#)" if len(words[-1]) == 1 else ""))
    else:
        parts.append(f"(?![{COMBINING}])")
    return re.compile("".join(parts))


def _folded_with_origins(
    text: str, language: str, left_out: Collection[int]
) -> tuple[str, list[int]]:
    """Return a folded text, and from which letter each of its letters comes."""
    letters: list[str] = []
    origins: list[int] = []
    if text.isascii() and language != TURKISH:
        origins = [place for place in range(len(text)) if place not in left_out]
        return "".join(map(text.__getitem__, origins)).lower(), origins
    start = 0
    for place in range(1, len(text) + 1):
        if place < len(text) and combining(text[place]):
            continue  # a letter is folded with its signs
        if start not in left_out:
            found = fold(text[start:place], language)
            letters.append(found)
            origins += [start] * len(found)
        start = place
    return "".join(letters), origins
