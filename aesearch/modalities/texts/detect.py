"""Which encoding bytes are in that nobody declared."""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import islice, pairwise
from operator import itemgetter

# Bytes that text hardly ever holds; of the others below 32, tab, line end and page end are text.
CONTROLS = bytes([*range(1, 9), *range(14, 32), 127])
LEAST_WIDE = 8  # bytes of a text in UTF-32
MOST_ZEROS = 0.02  # of the characters of a text in UTF-16 or UTF-32
WORD = re.compile(r"[^\W\d_]+")
# A sign within a word, or what no file holds: the page is not the one.
TORN = re.compile(
    r"(?<=[^\W\d_])[¡-©«-´¶-¹»-¿×÷\u02c7-\u02dd\u2018\u201a-\u201e\u2020-\u2122\u2190-\u25ff](?=[^\W\d_])"
    r"|[\x80-\x9f\ue000-\uf8ff\ufffd]"
)
EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "HANGUL", "BOPOMOFO"})
# Pages of few files, which chardet finds in short texts of others.
RARE = ("koi8-t", "kz1048", "ptcp154", "cp1006", "cp500", "cp1140", "cp273", "cp1026")
PRIOR = {"cp1252": 1.03, **dict.fromkeys(RARE, 0.75)}  # the commonest, where others are as likely
HALVED = frozenset(
    {"gb18030", "big5hkscs", "cp932", "shift_jis_2004", "euc_jis_2004", "cp949", "euc_kr", "johab"}
)
LOOKED_AT = 64  # words, and letters of each
TORN_COSTS = 4.0
TRIED = 12
# chardet has no model of Albanian, and takes its letters for Baltic ones.
UNSURE, WESTERN, ALBANIAN = 0.15, ("cp1252", "cp850", "mac_roman"), frozenset("ëçËÇ")
# Bytes that touch no letter and mean a sign in the commonest page, as in 5 €: no letters at all.
SIGN = re.compile(
    rb"(?<![A-Za-z\x80-\xff])[\x80\x91-\x97\xa7\xa9\xab\xae\xb0\xb1\xb7\xbb](?![A-Za-z\x80-\xff])"
    rb"|\xa3(?=\d)|(?<=\d)\xb0(?=[CF]\b)"
)
HIGH = re.compile(rb"[\x80-\xff]")
# What the characters of a text in UTF-16 are nearly all in one of: all but a third of what bytes
# of something else are read as is in none.
ALPHABETS = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874"),
    *("koi8_u", "big5", "gb2312", "shift_jis", "euc_kr"),
)
ALPHABETIC = re.compile("[\t\n\r -\u058f\u1e00-\u206f\u20a0-\u22ff]")
LATIN_WORD = re.compile(rb"[A-Za-z]{3}")
NOISE, NOISE_FROM = 0.02, 100  # a score, and bytes beyond ASCII: less is no text
WIDE_TORN, WIDE_WHEN_UNSURE = 0.3, 0.03


def guess(sample: bytes) -> str:
    """Return the likely encoding of bytes that are no UTF-8, or the empty string.

    Of the pages that chardet finds likely, that one in which words hold together.

    Parameters
    ----------
    sample : bytes
        It may end within a character; some 16 KiB are enough.
    """
    if is_all_signs(sample):
        return "cp1252"
    best, score = _best_page(sample)
    if score < UNSURE and sample[-1:] > b"\x7f":
        others = (_best_page(sample[: len(sample) - cut]) for cut in range(1, 4))
        others = (one for one in others if one[0] in HALVED)  # it ended within a character
        best, score = max([(best, score), *others], key=itemgetter(1))
    if score < WIDE_WHEN_UNSURE and not LATIN_WORD.search(sample):
        best = guess_wide(sample, least=1.0) or best
    if score < NOISE and len(HIGH.findall(sample)) > NOISE_FROM:
        return ""
    if score < UNSURE:
        best = next((page for page in WESTERN if _is_albanian(sample, page)), best)
    return codecs.lookup(best).name if best else ""


def _best_page(sample: bytes) -> tuple[str, float]:
    """Return the page in which the words of a sample hold together best, and how well."""
    best, best_score = "", 0.0
    for name, likely in _candidates(sample):
        if likely * PRIOR["cp1252"] <= best_score:
            break
        text = decoded(sample, name)
        if text is None:
            continue
        score = likely * PRIOR.get(name, 1) * math.exp(-TORN_COSTS * torn_share(text))
        if score > best_score:
            best, best_score = name, score
    return best, best_score


def _candidates(sample: bytes) -> Iterator[tuple[str, float]]:
    import chardet  # loaded only where it is needed: 60 ms

    found = chardet.detect_all(sample, ignore_threshold=True, compat_names=False)
    for one in found[:TRIED]:
        if one["encoding"] is not None:
            yield one["encoding"], one["confidence"]


def decoded(content: bytes, encoding: str) -> str | None:
    """Return the text of some bytes, or None where this is not their encoding."""
    try:
        return content.decode(encoding)
    except UnicodeError:
        return None


def is_all_signs(sample: bytes) -> bool:
    """Return whether every byte beyond ASCII stands alone, as signs do and letters do not."""
    signs = len(SIGN.findall(sample))
    return signs > 0 and signs == len(HIGH.findall(sample))


def torn_share(text: str) -> float:
    """Return how many words are torn by signs, or mixed, per letter beyond ASCII; 1 at most."""
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    words = (found[0][:LOOKED_AT] for found in WORD.finditer(text))
    strange = list(islice((word for word in words if not word.isascii()), LOOKED_AT))
    letters = sum(letter > "\x7f" for word in strange for letter in word)
    torn = len(TORN.findall(text)) / max(1, beyond)
    return min(1.0, torn + sum(map(_is_mixed, strange)) / max(1, letters))


def _is_mixed(word: str) -> bool:
    scripts = set(map(_script, word)) - {"COMBINING", "MODIFIER"}
    if len(scripts) > 1 and not scripts <= EAST_ASIAN:
        return True
    if word.islower() or word.isupper() or word.istitle():
        return False
    return any(a.islower() and b.isupper() for a, b in pairwise(word))


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "?").split(" ")[0].split("-")[0]


def _is_albanian(sample: bytes, page: str) -> bool:
    text = decoded(sample, page) or ""
    letters = [letter for letter in text if letter > "\x7f" and letter.isalpha()]
    return letters.count("ë") > 1 and ALBANIAN.issuperset(letters) and torn_share(text) < 1 / 3


def guess_wide(content: bytes, least: float = 0.9) -> str:
    """Return in which UTF-16 or UTF-32 a text without a byte order mark is, or the empty string."""
    if len(content) < 2 or len(content) % 2:
        return ""
    zeros = content.count(0)
    # Of fewer letters, what a program begins with, MZ and two zeros, would be one of Chinese.
    if len(content) % 4 == 0 and len(content) >= LEAST_WIDE and zeros * 4 >= len(content):
        for name in ("utf-32-le", "utf-32-be"):
            if _reads_well(decoded(content, name)) == 1:
                return name
    # A sample may end within a pair.
    texts = {
        name: decoded(content, name) or decoded(content[:-2], name)
        for name in ("utf-16-le", "utf-16-be")
    }
    shares = {name: _reads_well(text) for name, text in texts.items()}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= least else ""


def _reads_well(text: str | None) -> float:
    """Return which share of a text is in one alphabet or another; 0 of what holds controls."""
    if not text or text.isspace():
        return 0
    unreadable = sum(map(text.count, map(chr, (0, *CONTROLS))))
    if unreadable > MOST_ZEROS * len(text):
        return 0
    shares = [len(ALPHABETIC.findall(text))]
    shares += [len(text.encode(page, "ignore").decode(page, "ignore")) for page in ALPHABETS]
    return max(shares) / len(text) if torn_share(text) < WIDE_TORN else 0
