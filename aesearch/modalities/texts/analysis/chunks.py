"""What stands between two spaces, taken apart: words, and wholes such as an address or a path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from operator import add
from typing import NamedTuple

from aesearch.modalities.texts.analysis.folding import cleaned, lowered, simplified
from aesearch.modalities.texts.analysis.languages import TURKISH
from aesearch.modalities.texts.tokenizer import COMBINING, MARKS, UNSPACED

_CLOSE = frozenset("-._+#~·")
_PATH = _CLOSE | frozenset("/\\@\u2044")
_WIDE = _PATH | frozenset("=:&|%$*^")
DEEPEST = 12  # folders of a path that are found by their own paths
_SUFFIXES = frozenset(("s", "t", "d", "m", "ll", "re", "ve"))  # behind an apostrophe
MOST_PARTS = 8  # of what is bound closely and found by its neighbors, such as heise.de
_THOUSANDS = re.compile(r"\d{1,3}(?:[,.]\d{3})+")
_INNER = re.compile(r"[^-._+#~·]+")
_VERSION = re.compile(r"v\d")
# Single signs; regional letters, of which two are a flag, apart. What makes up one of several signs
# (skin tones, joiners) is not seen.
_EMOJI = "\u2600-\u2767\U0001f000-\U0001f0ff\U0001f18e\U0001f300-\U0001f3fa\U0001f400-\U0001faff"
_REGIONAL = "\U0001f1e6-\U0001f1ff"
_DIGIT = re.compile(r"\d")


class Binding(Enum):
    """What is between two words without a space, and so what whole they are."""

    NONE = auto()  # it parts them
    HYPHENS = auto()  # a word that has parts
    CLOSE = auto()  # AB-1234, 10.0.0.17
    PATH = auto()  # /usr/lib/libx.so, a@b.org: of such
    WIDE = auto()  # key=/usr/lib, 10.0.0.17:80: of such
    LETTERS = auto()  # nothing: of a script without spaces


class Run(NamedTuple):
    """Letters and digits without anything between them, in small letters.

    Attributes
    ----------
    text, cased : str
        `cased` as it was written.
    start, end : int
        In the plain form of the chunk.
    unspaced : bool
        Of a script without spaces.
    """

    text: str
    cased: str
    start: int
    end: int
    unspaced: bool = False


class Whole(NamedTuple):
    """Several parts that are written as one.

    Attributes
    ----------
    text : str
    spellings : tuple of str
        Terms of it as a whole.
    binding : Binding
    parts : tuple of Whole or Run
    start, end : int
        In the plain form of the chunk.
    """

    text: str
    spellings: tuple[str, ...]
    binding: Binding
    parts: tuple[Whole | Run, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Chunk:
    """What stands between two spaces, as it is and in plain form: small letters, none unseen."""

    original: str
    text: str
    cased: str
    language: str = ""

    @classmethod
    def of(cls, chunk: str, language: str) -> Chunk:
        """Bring a chunk to its plain form."""
        if chunk.isascii() and language != TURKISH:
            return cls(chunk, chunk.lower(), chunk)
        cased = cleaned(chunk)
        text = simplified(lowered(cased, language))
        return cls(chunk, text, cased if len(cased) == len(text) else text, language)

    @cached_property
    def _places(self) -> Sequence[int] | None:
        """Where each letter of the plain form comes from; None where that is lost."""
        sizes = [_size(letter, self.language) for letter in self.original]
        if sum(sizes) != len(self.text):
            return None
        return [at for at, size in enumerate(sizes) for _ in range(size)]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of the plain form stands in the original; the whole where that is lost."""
        if self.original.isascii() and len(self.original) == len(self.text):
            return start, end
        if self._places is None or start >= end:
            return 0, len(self.original)
        last = self._places[end - 1] + 1
        while last < len(self.original) and not cleaned(self.original[last]):
            last += 1
        return self._places[start], last


@lru_cache(maxsize=1 << 14)
def _size(letter: str, language: str) -> int:
    """How many letters one becomes in plain form."""
    return len(lowered(cleaned(letter), language))


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    word = f"[^\\W_{UNSPACED}]"
    return (
        # ".net", "don't", "c++" and "c#" are one run each.
        re.compile(
            f"([{UNSPACED}]+)|[{_REGIONAL}]{{2}}|[{_EMOJI}{_REGIONAL}]|(?:(?<![\\w.])\\.(?=[^\\W\\d_]))?{word}+"
            f"(?:(?:[{MARKS}]+|(?<=n)'(?=t)){word}*)*(?:(?:\\+\\+?|#)(?!\\w))?"
        ),
        re.compile(f".[{COMBINING}]*", re.DOTALL),
    )


@cache
def _run_of_ascii() -> re.Pattern[str]:
    """What finds the same in a text of ASCII: it is compiled in a tenth of the time."""
    word = "[^\\W_]"
    return re.compile(
        f"((?!))|(?:(?<![\\w.])\\.(?=[^\\W\\d_]))?{word}+(?:(?<=n)'(?=t){word}*)*"
        "(?:(?:\\+\\+?|#)(?!\\w))?"
    )


def split(chunk: Chunk) -> list[Whole | Run]:
    """Take a chunk apart at what parts words."""
    runs = list(_runs(chunk))
    if len(runs) == 1:
        return [_joined(chunk.text, runs)]
    gaps = [_gap(chunk.text, one, other) for one, other in pairwise(runs)]
    found: list[Whole | Run] = []
    first = 0
    for place, gap in enumerate([*gaps, Binding.NONE], 1):
        if gap == Binding.NONE and place <= len(runs):
            found.append(_whole(chunk.text, runs[first:place], gaps[first : place - 1]))
            first = place
    return found


def _runs(chunk: Chunk) -> Iterator[Run]:
    text, cased = chunk.text, chunk.cased
    has_apostrophe = "'" in text
    pattern = _run_of_ascii() if text.isascii() else _patterns()[0]
    for match in pattern.finditer(text):
        start, end = match.span()
        run = match[0]
        if has_apostrophe and not match[1]:  # "Moon's" is Moon, "l'eau" eau, "don't" dont
            if (
                run in _SUFFIXES
                and start > 1
                and text[start - 1] == "'"
                and text[start - 2].isalnum()
            ):
                continue
            if len(run) == 1 and text[end : end + 1] == "'" and text[end + 1 : end + 2].isalpha():
                continue
            run = run.replace("'", "")
        yield Run(run, cased[start:end], start, end, bool(match[1]))


def _gap(text: str, one: Run, other: Run) -> Binding:
    """Say how what is between two runs puts them together."""
    gap = text[one.end : other.start]
    if not gap or one.unspaced or other.unspaced or _is_dash(gap):
        return Binding.NONE
    if _CLOSE.issuperset(gap):
        return Binding.CLOSE
    is_number = gap == "," and one.text.isdigit() and other.text.isdigit()
    if is_number or _PATH.issuperset(gap):
        return Binding.PATH
    return Binding.WIDE if _WIDE.issuperset(gap) else Binding.NONE


def _is_dash(gap: str) -> bool:
    """Whether it is a dash or an ellipsis."""
    return len(gap) > 1 and gap in ("-" * len(gap), "." * len(gap))


def _whole(text: str, runs: Sequence[Run], gaps: Sequence[Binding]) -> Whole | Run:
    """The whole of runs, whose parts are wholes of what is bound closer."""
    widest = next((wide for wide in (Binding.WIDE, Binding.PATH) if wide in gaps), None)
    if widest is None:
        return _joined(text, runs)
    parts: list[Whole | Run] = []
    first = 0
    for place, gap in enumerate([*gaps, widest], 1):
        if gap is widest:
            parts.append(_whole(text, runs[first:place], gaps[first : place - 1]))
            first = place
    whole = text[runs[0].start : runs[-1].end]
    spellings = _spellings(whole) if widest is Binding.PATH else (whole,)
    return Whole(whole, spellings, widest, tuple(parts), runs[0].start, runs[-1].end)


def _joined(text: str, runs: Sequence[Run]) -> Whole | Run:
    """The whole of runs with hyphens, dots and the like between them."""
    start, end = runs[0].start, runs[-1].end
    if len(runs) == 1:
        run = runs[0]
        bare = run.text.strip(".+#")
        if bare == run.text:
            return run
        inner = run._replace(text=bare, cased=run.cased.strip(".+#"))
        return Whole(run.text, (run.text,), Binding.CLOSE, (inner,), start, end)
    gaps = {text[one.end : other.start] for one, other in pairwise(runs)}
    joined = "".join(run.text for run in runs)
    letters = all(run.text.isalpha() for run in runs)
    if letters and gaps == {"."} and len(joined) == len(runs):
        return Run(joined, joined, start, end)  # N.A.S.A.
    if letters and gaps == {"-"}:
        return Whole(text[start:end], (joined,), Binding.HYPHENS, tuple(runs), start, end)
    whole = text[start:end]
    return Whole(whole, _spellings(whole), Binding.CLOSE, tuple(runs), start, end)


# ASCII in small letters without apostrophes, commas and what else needs a closer look. A dot or a
# hyphen binds between letters only, and a hyphen not where it is a dash.
_SIMPLE = re.compile(
    r"(?:\W*[^\w.])?"
    r"((?:[a-z0-9]+(?:(?<=[a-z0-9])\.(?!\.)|-(?!-)|[_/\\=:&@|%$*^])+)*[a-z0-9]+)"
    r"[^\w+#]*"
)
_WIDE_TO_ONE = str.maketrans(dict.fromkeys(":&|%$*^", "="))
_PATH_TO_ONE = str.maketrans("\\@", "//")
_CLOSE_TO_ONE = str.maketrans("._", "--")


def quick_split(chunk: str) -> tuple[list[str], list[str]] | None:
    """Take a chunk of ASCII in small letters apart as `split` does, several times as fast.

    Returns
    -------
    (wholes, words) or None
        Wholes that are terms as they are, and words that they and the chunk are made of. None where
        `split` is needed.
    """
    match = _SIMPLE.fullmatch(chunk)
    if match is None:
        return None
    wholes: list[str] = []
    words: list[str] = []
    paths = match[1].translate(_WIDE_TO_ONE).split("=")
    for path in paths:
        pieces = path.translate(_PATH_TO_ONE).split("/")
        for piece in pieces:
            if piece.isalnum():
                words.append(piece)
            elif piece := piece.strip("-._"):
                _put_together(piece, wholes, words)
        if len(pieces) > 1:
            path = path.strip("-._/\\@")
            if path and not path.replace("-", "").replace(".", "").replace("_", "").isalnum():
                wholes += _spellings(path)
    if len(paths) > 1:
        wholes.append(match[1])
    return wholes, words


def _put_together(piece: str, wholes: list[str], words: list[str]) -> None:
    """Add what hyphens, dots and the like have bound."""
    runs = [run for run in piece.translate(_CLOSE_TO_ONE).split("-") if run]
    joined = "".join(runs)
    if len(runs) == 1 or (
        joined.isalpha() and len(joined) == len(runs) and piece == ".".join(runs)
    ):
        words.append(joined)  # N.A.S.A.
        return
    words += runs
    if joined.isalpha() and piece.replace("-", "") == joined:
        words.append(joined)
    else:
        wholes += _spellings(piece)
        if joined := joined_by(piece):
            words.append(joined)


def _spellings(whole: str) -> tuple[str, ...]:
    """A whole as it is; a number also by its digits, behind a comma; a path also by its folders.

    What is bound closely also by its parts that stand next to each other: www.heise.de as heise.de.
    """
    if is_parted_number(whole):
        return whole, digits_of(whole)
    if _is_close(whole):
        return whole, *neighbors_in(whole)
    if whole.count("/") < 2:
        return (whole,)
    ends = [place for place, letter in enumerate(whole) if letter == "/"][1 : DEEPEST + 1]
    folders = (whole[:end].rstrip("-._+#~·/\\@") for end in ends)
    return (whole, *dict.fromkeys(folder for folder in folders if "/" in folder))


def _is_close(whole: str) -> bool:
    """Whether nothing looser binds it than what is in `_CLOSE`."""
    return not any(sign in whole for sign in "/\\@\u2044,")


@lru_cache(maxsize=1 << 14)
def neighbors_in(whole: str) -> tuple[str, ...]:
    """Return the parts of a whole that is bound closely: two neighbors, its beginnings, its ends.

    Of v1.2.3 also 1.2.3, without its letter; of four numbers (10.0.0.17), of which logs are full,
    only the beginnings. Single ones are none.
    """
    runs = [match.span() for match in _INNER.finditer(whole)][:MOST_PARTS]
    last = len(runs) - 1
    begins = [1] * bool(_VERSION.match(whole))
    found = list(without_v(whole)) if last > 0 else []
    numbers = last > 2 and not any(map(str.isalpha, whole))
    for one in range(last):
        if not numbers:
            found.append(whole[runs[one][0] : runs[one + 1][1]])
            found.append(whole[runs[one][0] :])
        found += (whole[begin : runs[one + 1][1]] for begin in (runs[0][0], *begins))
    return tuple(dict.fromkeys(part for part in found if part != whole))


def without_v(whole: str) -> tuple[str, ...]:
    """Return 1.2.3 of v1.2.3; nothing of another."""
    return (whole[1:],) if _VERSION.match(whole) else ()


def joined_by(whole: str) -> str:
    """Return a whole with a digit without its hyphens, ab1234 for ab-1234; "" of another."""
    bare = whole.replace("-", "")
    return bare if bare != whole and bare.isalnum() and _DIGIT.search(bare) else ""


def is_parted_number(whole: str) -> bool:
    """Whether it is a number whose thousands are parted."""
    return _THOUSANDS.fullmatch(whole) is not None


def digits_of(number: str) -> str:
    """Return the term of a number whose thousands are parted, by a comma or by a dot."""
    return "," + number.replace(",", "").replace(".", "")


def grams(run: str) -> list[str]:
    """Return the terms of a run of a script without spaces."""
    return [term for term, _, _, _ in placed_grams(run)] if _is_joined(run) else _quick(run)


def _quick(run: str) -> list[str]:
    return [*map(add, run, run[1:]), *run]


def _is_joined(run: str) -> bool:
    """Whether letters of a run have signs around them, or are of a script with clusters."""
    return not (run.isalnum() and run[0] > "\u2e80" and run[-1] > "\u2e80")


def placed_grams(run: str) -> list[tuple[str, int, int, bool]]:
    """Return the terms of a run, where each stands, and whether a query asks for it.

    Every two neighboring letters are one, and in Chinese, Japanese and Korean every letter, in
    Thai, Lao, Khmer and Myanmar every three. Single ones are asked for where they are Chinese
    (a word as often as not) or alone.
    """
    if not _is_joined(run):
        letters = [(n, n + 1) for n in range(len(run))]
    else:
        letters = [match.span() for match in _patterns()[1].finditer(run)]
    found: list[tuple[str, int, int, bool]] = []
    for place, (start, _) in enumerate(letters):
        clustered = run[start] < "\u2e80" and not "\u1100" <= run[start] <= "\u11ff"
        longest = 3 if clustered else 2
        for length in range(min(longest, len(letters) - place), 0, -1):
            if length == 1 and clustered and len(letters) > 1:
                continue
            stop = letters[place + length - 1][1]
            is_asked = length > 1 or len(letters) == 1 or _is_chinese(run[start])
            found.append((run[start:stop], start, stop, is_asked))
    return found


def _is_chinese(letter: str) -> bool:
    return "\u3400" <= letter <= "\u9fff" or "\uf900" <= letter <= "\ufaff" or letter > "\uffff"
