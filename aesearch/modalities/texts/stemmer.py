"""English words to their stems by Porter's second algorithm, so that 'wings' finds 'wing'.

It is written out here, and not taken from a library, because an index keeps stems for years: with
a library whose rules change between its versions (Snowball 3 changed them) words of a query would
silently stop to match. It is also ten times as quick, and a cold query saves 10 ms of imports.

The algorithm: M. F. Porter, "English (Porter2) stemming algorithm", snowballstem.org.
"""

from __future__ import annotations

import re

VOWELS = frozenset("aeiouy")
# To the end of the first consonant behind a vowel. A Y is a y that stands for a consonant.
REGION = re.compile("[^aeiouy]*[aeiouy]+[^aeiouy]")
CONSONANT_Y = re.compile("([aeiouy])y")
LONG_STARTS = ("arsen", "commun", "emerg", "gener", "inter", "later", "organ", "past", "univers")
# Words whose stems the rules would get wrong.
EXCEPTIONS = {
    "early": "earli",
    "gently": "gentl",
    "idly": "idl",
    "only": "onli",
    "singly": "singl",
    "skies": "sky",
    "skis": "ski",
    "ugly": "ugli",
} | {word: word for word in ("andes", "atlas", "bias", "cosmos", "howe", "news", "sky")}
NOT_DONE = frozenset(("even", "cann", "inn", "earr", "herr", "out"))  # evening is not to even
DOUBLES = frozenset(("bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt"))


def _by_last_two(endings: dict[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Return endings and what takes their place, by their last two letters, longest first."""
    table: dict[str, list[tuple[str, str]]] = {}
    for ending in sorted(endings, key=len, reverse=True):
        table.setdefault(ending[-2:], []).append((ending, endings[ending]))
    return table


SECOND = _by_last_two(
    {"tional": "tion", "enci": "ence", "anci": "ance", "abli": "able", "entli": "ent"}
    | {"izer": "ize", "ization": "ize", "ational": "ate", "ation": "ate", "ator": "ate"}
    | {"alism": "al", "aliti": "al", "alli": "al", "fulness": "ful", "ousli": "ous"}
    | {"ousness": "ous", "iveness": "ive", "iviti": "ive", "biliti": "ble", "bli": "ble"}
    | {"ogi": "og", "ogist": "og", "fulli": "ful", "lessli": "less", "li": ""}
)
THIRD = _by_last_two(
    {"tional": "tion", "ational": "ate", "alize": "al", "icate": "ic", "iciti": "ic"}
    | {"ical": "ic", "ful": "", "ness": "", "ative": ""}
)
FOURTH = _by_last_two(
    {"al": "", "ance": "", "ence": "", "er": "", "ic": "", "able": "", "ible": "", "ant": ""}
    | {"ement": "", "ment": "", "ent": "", "ism": "", "ate": "", "iti": "", "ous": "", "ive": ""}
    | {"ize": "", "ion": ""}
)


def stem(word: str) -> str:
    """Return the stem of a word in small letters a to z: 'relations' and 'related' to 'relat'."""
    if len(word) < 3:
        return word
    if word in EXCEPTIONS:
        return EXCEPTIONS[word]
    has_y = "y" in word
    if has_y:
        word = "Y" + word[1:] if word[0] == "y" else word
        word = CONSONANT_Y.sub(r"\1Y", word)
    first, second = _regions(word)
    if word[-1] in "sd":
        word = _without_plural(word)
    if word.endswith(("ed", "ing", "edly", "ingly")):
        word = _without_tense(word, first)
    if len(word) > 2 and word[-1] in "yY" and word[-2] not in VOWELS:
        word = word[:-1] + "i"
    word = _second(word, first)
    word = _third(word, first, second)
    word = _fourth(word, second)
    word = _fifth(word, first, second)
    return word.replace("Y", "y") if has_y else word


def _regions(word: str) -> tuple[int, int]:
    """Return where the parts begin from which endings may be taken."""
    if word.startswith(LONG_STARTS):
        first = next(len(start) for start in LONG_STARTS if word.startswith(start))
    else:
        found = REGION.match(word)
        if not found:
            return len(word), len(word)
        first = found.end()
    found = REGION.match(word, first)
    return first, found.end() if found else len(word)


def _has_vowel(part: str) -> bool:
    return not VOWELS.isdisjoint(part)


def _without_plural(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word[-1] == "s" and word[-2] not in "su" and _has_vowel(word[:-2]):
        return word[:-1]
    return word


def _without_tense(word: str, first: int) -> str:
    for ending in ("eedly", "eed"):
        if word.endswith(ending):
            start = word[: -len(ending)]
            keeps = len(start) < first or start in ("succ", "proc", "exc")
            return word if keeps else start + "ee"
    ending = next(e for e in ("ingly", "edly", "ing", "ed") if word.endswith(e))
    start = word[: -len(ending)]
    if ending == "ing":
        if len(start) == 2 and start[1] == "y" and start[0] not in VOWELS:
            return start[0] + "ie"  # dying, lying
        if start in NOT_DONE:
            return word
    if not _has_vowel(start):
        return word
    if start.endswith(("at", "bl", "iz")):
        return start + "e"
    if start[-2:] in DOUBLES:
        return start if len(start) == 3 and start[0] in "aeo" else start[:-1]
    return start + "e" if len(start) == first and _ends_short(start) else start


def _ends_short(word: str) -> bool:
    """Return whether a word ends in a short syllable, as 'rap', 'trap' and 'entrap' do."""
    if word.endswith("past"):
        return True
    if len(word) == 2:
        return word[0] in VOWELS and word[1] not in VOWELS
    return (
        len(word) > 2
        and word[-1] not in "aeiouywxY"
        and word[-2] in VOWELS
        and word[-3] not in VOWELS
    )


def _second(word: str, first: int) -> str:
    for ending, other in SECOND.get(word[-2:], ()):
        if word.endswith(ending):
            start = word[: -len(ending)]
            if (
                len(start) < first
                or (ending == "li" and start[-1:] not in tuple("cdeghkmnrt"))
                or (ending == "ogi" and start[-1:] != "l")
            ):
                return word
            return start + other
    return word


def _third(word: str, first: int, second: int) -> str:
    for ending, other in THIRD.get(word[-2:], ()):
        if word.endswith(ending):
            start = word[: -len(ending)]
            return word if len(start) < (second if ending == "ative" else first) else start + other
    return word


def _fourth(word: str, second: int) -> str:
    for ending, _ in FOURTH.get(word[-2:], ()):
        if word.endswith(ending):
            start = word[: -len(ending)]
            if len(start) < second or (ending == "ion" and start[-1:] not in ("s", "t")):
                return word
            return start
    return word


def _fifth(word: str, first: int, second: int) -> str:
    start = word[:-1]
    if word[-1:] == "e":
        taken = len(start) >= second or (len(start) >= first and not _ends_short(start))
        return start if taken else word
    return start if word[-2:] == "ll" and len(start) >= second else word
