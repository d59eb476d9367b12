"""Text to tokens: words, and pairs of letters where words are written without spaces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from operator import add
from unicodedata import normalize

from aesearch.modalities.texts.stemmer import stem
from aesearch.modalities.texts.stopwords import STOP_WORDS, TELLING

ENGLISH = "english"
LONGEST_WORD = 40  # longer are lines of encoded files, not words
LONGEST_NUMBER = 8  # a year, a price, a date; not a telephone or a serial number
# English prose has 15 to 20 in 100, its titles 10, other languages less than 1.
LEAST_TELLING = 0.04

# Letters of scripts that are written without spaces: Han, Kana, Thai, Lao, Myanmar, Khmer.
# Hangul is among them although it has spaces, because particles stick to its words: with pairs of
# syllables 학교 (school) is found in 학교에서 (at school), with whole words it is not.
UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u1780-\u17d3"
    "\u1100-\u11ff\u3005\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3131-\u318e"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7fb\uf900-\ufaff\uff66-\uffdc"
    "\U00020000-\U0003ffff"
)
# Accents and vowel signs that are part of a letter but, for Python, not of a word. The Indic
# blocks (0900 to 0dff) are given whole, but for the signs that end a sentence.
MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0"
    "\u07eb-\u07f3\u0816-\u082d\u0859-\u085b\u08d3-\u08ff\u0900-\u0963\u0966-\u096f\u0971-\u0df3"
    "\u0f18\u0f19\u0f35\u0f37\u0f39\u0f3e\u0f3f\u0f71-\u0f84\u0f86-\u0fbc\u1ab0-\u1aff\u1b00-\u1b4b"
    "\u1dc0-\u1dff\u20d0-\u20f0"
)
# To a text of ASCII: what is no letter or digit becomes a space. Splitting at spaces then takes
# half the time of a regular expression.
PLAIN = str.maketrans({chr(n): " " for n in range(128) if not chr(n).isalnum()})
# One letter of those scripts with what is written above, below or around it (Thai, Lao, Myanmar,
# Khmer); the others have no such signs once they are composed.
COMBINING = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059"
    "\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u17b4-\u17d3"
)


@dataclass(frozen=True)
class _Patterns:
    """Regular expressions that take 10 ms to compile: made when the first text needs them."""

    token: re.Pattern[str]
    unspaced: re.Pattern[str]
    letter: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    word = f"[^\\W_{UNSPACED}]"
    return _Patterns(
        # "don't" is one word; of "l'eau", "Moon's" and "O'Brien" parts of one letter fall away.
        re.compile(f"[{UNSPACED}]+|{word}+(?:(?:[{MARKS}]+|(?<=[nN])['\u2019](?=[tT])){word}*)*"),
        re.compile(f"[{UNSPACED}]"),
        re.compile(f".[{COMBINING}]*", re.DOTALL),
    )


def is_unspaced(letter: str) -> bool:
    """Whether a letter, or the first of a text, is of a script that is written without spaces."""
    return not letter.isascii() and _patterns().unspaced.match(letter) is not None


def tokenize(text: str) -> list[str]:
    """Return the tokens of a text in their order, in small letters.

    Words are runs of letters and digits of at least two; of a run of a script without spaces
    every two neighbouring letters are a token (a single one is itself). Words of more than 40
    letters and numbers of more than 8 digits are passed over. Full-width letters, ligatures and
    letters with separate accents are brought to their plain form (NFKC, case folding).
    """
    return [token for token in raw_tokens(text) if is_worth_keeping(token)]


def raw_tokens(text: str) -> list[str]:
    """Return what `tokenize` does and also what it passes over: for those who count first."""
    text = text.replace("\u2019", "'")  # the apostrophe of word processors
    if text.isascii():
        return text.lower().replace("n't", "nt").translate(PLAIN).split()
    tokens: list[str] = []
    for found in _patterns().token.findall(text):
        if found.isascii():
            tokens.append(found.lower().replace("'", ""))
        else:
            tokens += [token for token, _, _ in _folded(found)]
    return tokens


def spans(text: str) -> Iterator[tuple[str, int, int]]:
    """Go through the tokens of `tokenize`, each with where it stands: text[start:end].

    Tokens of a script without spaces overlap.
    """
    for match in _patterns().token.finditer(text):
        found, place = match[0], match.start()
        if found.isascii():
            if is_worth_keeping(token := found.lower().replace("'", "")):
                yield token, place, match.end()
            continue
        for token, start, end in _folded(found):
            if is_worth_keeping(token):
                yield token, place + start, place + end


def term_of(token: str, language: str = "") -> str:
    """Return what a token counts as: its stem in English, else itself; '' for a stop word."""
    if not is_worth_keeping(token):
        return ""
    return _english(token) if language == ENGLISH else token


def language_of(texts: Iterable[str]) -> str:
    """Return 'english' if the texts look like it, else ''; a sample of some hundred will do."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(raw_tokens(text))
    return language_of_counts(counts)


def language_of_counts(counts: Mapping[str, int]) -> str:
    """Return the language as `language_of` does, by how often each token occurs.

    What counts is the share of words that are common in English and in no other language, among
    all words of Latin letters: names in a Chinese text do not make it English, and Chinese
    comments do not hide that the rest is.
    """
    words = {word: count for word, count in counts.items() if word.isascii() and word.isalpha()}
    telling = sum(counts.get(word, 0) for word in TELLING)
    return ENGLISH if telling > LEAST_TELLING * sum(words.values()) else ""


def is_worth_keeping(token: str) -> bool:
    """Whether a token can be a word of a document: not too short, too long, or a long number."""
    length = len(token)
    if length <= LONGEST_NUMBER:
        return length > 1 or not token.isascii()  # a single Chinese letter is a word
    return length <= LONGEST_WORD and not token.isdigit()


@lru_cache(maxsize=1 << 16)
def _english(token: str) -> str:
    """Return the stem of a word that is no stop word; what is not of a to z stays as it is."""
    if token in STOP_WORDS:
        return ""
    return stem(token) if token.isascii() and token.isalpha() else token


def _folded(found: str) -> list[tuple[str, int, int]]:
    """Return the tokens of a match that is not ASCII alone, and where in it they stand."""
    plain = normalize("NFKC", found).casefold()
    plain = plain.replace("i\u0307", "i")  # the Turkish capital I
    whole = 0, len(found)
    if plain.isalnum() and not _patterns().unspaced.match(plain):
        return [(plain, *whole)] if len(plain) > 1 else []
    places: list[tuple[str, int, int]] = []
    for match in _patterns().token.finditer(plain):  # a sign can stand for several words
        if _patterns().unspaced.match(match[0]):
            places += _letters(match[0], match.start())
        elif match.end() - match.start() > 1:
            token = match[0].replace("'", "").replace("\u2019", "")
            places.append((token, match.start(), match.end()))
    if plain == found or _keeps_places(found, plain):
        return places
    return [(token, *whole) for token, _, _ in places]  # which letter became which is lost


def _keeps_places(found: str, plain: str) -> bool:
    """Return whether each letter became one, so that none has moved."""
    return len(plain) == len(found) and all(
        len(normalize("NFKC", letter).casefold()) == 1 for letter in found
    )


def _letters(run: str, at: int) -> list[tuple[str, int, int]]:
    """Return every two neighbouring letters of a run that begins at `at`, and where they are."""
    if run.isalnum():  # no letter has signs around it
        if len(run) == 1:
            return [(run, at, at + 1)]
        return [(pair, n, n + 2) for n, pair in enumerate(map(add, run, run[1:]), at)]
    letters = list(_patterns().letter.finditer(run))
    if len(letters) == 1:
        return [(run, at, at + len(run))]
    return [(one[0] + two[0], at + one.start(), at + two.end()) for one, two in pairwise(letters)]
