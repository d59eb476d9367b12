"""What a text is found by when it is searched by words: its terms, and those of a query."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from aesearch.errors import DamagedError
from aesearch.modalities.texts.analysis.chunks import (
    Binding,
    Chunk,
    Run,
    Whole,
    digits_of,
    grams,
    is_parted_number,
    joined_by,
    neighbors_in,
    placed_grams,
    quick_split,
    split,
    without_v,
)
from aesearch.modalities.texts.analysis.compounds import NO_COMPOUNDS, Compounds
from aesearch.modalities.texts.analysis.folding import CUT, folded, umlauts_written_out
from aesearch.modalities.texts.analysis.languages import (
    ENGLISH,
    STOPS,
    TURKISH,
    common_words,
    language_of,
    stemmer,
    stems_version,
)
from aesearch.modalities.texts.tokenizer import is_unspaced

VERSION = 2  # of the terms: a lexical index of another version is made anew
UNCOUNTED = "\x01"  # before a stop word: it is found, and makes no document longer
EXACT = "\x02"  # before a word that is found as it is spelled, and not by its stem
RARE = 2  # documents
SHARED = 10  # documents: among so few any is found by the stem
REMEMBERED = 1 << 18  # chunks and words of which the terms are remembered
LONGEST = 100  # letters of a term; a longer one is kept as a hash,
BEGINNING = 60  # behind these many of its letters
CHUNKS = 4_096  # of texts, of which the units are remembered where they are short,
QUERIES = 8  # and of queries,
LONG_QUERY = 1 << 17  # letters, up to which they are
SHORT = 48  # a chunk that is longer is rarely met again

# A word that the end of a line cuts is one chunk.
_BROKEN = re.compile(CUT)
_BROKEN_ASCII = re.compile("-(?<=[A-Za-z]-)[ \\t]*\\r?\\n[ \\t]*(?=[A-Za-z])")  # is quicker
_CHUNK = re.compile("(?:\\S*[^\\W\\d_][-\u00ad\u2010][ \\t]*\\r?\\n[ \\t]*(?=[^\\W\\d_]))*\\S+")
_EDGES = "".join(chr(n) for n in range(33, 127) if not chr(n).isalnum())
_PARTED = str.maketrans(dict.fromkeys('"()[]{}<>!?;`', " "))  # see `chunks.split`
_HUMPS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SAME_BEGINNING = ("", ENGLISH)
_WITH_UMLAUTS = ("", ENGLISH)  # German names in other texts; the German stemmer knows them


class Unit(NamedTuple):
    """A part of a text that is found by its terms: a word, or a whole that has parts.

    Attributes
    ----------
    text : str
        In small letters.
    terms : tuple of str
        It is indexed by.
    asked : tuple of str
        Those of them that a query asks for.
    parts : tuple of Unit
    others : tuple of str
        Terms of the same, written in another way: 1,000 for 1000, ab1234 for ab-1234.
    start, end : int
        Where it is in the plain form of its chunk.
    binding : Binding
        What makes a whole of the parts.
    """

    text: str
    terms: tuple[str, ...]
    asked: tuple[str, ...]
    parts: tuple[Unit, ...]
    start: int
    end: int
    binding: Binding = Binding.NONE
    others: tuple[str, ...] = ()

    @property
    def itself(self) -> tuple[str, ...]:
        """Terms of just this, not of what it begins or ends with, and not of its parts."""
        own = self.terms[:1] if self.is_exact else self.terms
        return (*own, *self.others)

    @property
    def is_exact(self) -> bool:
        """Whether who types it means just this: a number, an address, a path."""
        return self.binding in (Binding.CLOSE, Binding.PATH, Binding.WIDE)

    @property
    def is_stop_word(self) -> bool:
        """Whether it says nothing of what a text is about."""
        return bool(self.terms) and self.terms[0].startswith(UNCOUNTED)

    def all_terms(self) -> Iterator[str]:
        """Its terms and those of its parts."""
        yield from self.terms
        for part in self.parts:
            yield from part.all_terms()


class _Remembered(dict[str, tuple[str, ...]]):
    """Terms by chunk or word; each spelling is looked into once."""

    def __init__(self, find: Callable[[str], tuple[str, ...]]) -> None:
        self.find = find

    def __missing__(self, key: str) -> tuple[str, ...]:
        found = self.find(key)
        if len(key) <= SHORT:
            if len(self) >= REMEMBERED:
                self.clear()
            self[key] = found
        return found


@dataclass(frozen=True)
class Analyzer:
    """Text to terms, for one collection.

    A term is a word, or its stem where the language is known; what is typed as one (10.0.0.17,
    AB-1234, a@b.org, a path) is a term as a whole and by its parts. Case, accents, vowel signs
    of Hebrew and Arabic, and traditional and simplified Chinese letters count as one.

    Parameters
    ----------
    language : str
        By its English name in small letters; '' for none, without stems.
    compounds : Compounds
        What the words of the collection are made of.
    rare : frozenset of str
        Words of one or two documents whose stem many share: typed alone, they are found as they
        are spelled. To index by; who asks sees by the terms that there are which these were.
    """

    language: str = ""
    compounds: Compounds = NO_COMPOUNDS
    rare: frozenset[str] = frozenset()

    @classmethod
    def fit(cls, texts: Iterable[str], language: str = "") -> Analyzer:
        """Return the analyzer of a collection; its language is found out where none is named."""
        held: Counter[str] = Counter()
        documents = 0
        for text in texts:
            held.update(set(map(word_in, chunks_of(text))))
            documents += 1
        return cls.fit_words(held, documents, language)

    @classmethod
    def fit_words(cls, held: Mapping[str, int], documents: int, language: str = "") -> Analyzer:
        """Return what `fit` does, by how many of the documents hold each word, as `word_in`."""
        language = language or language_of(held)
        stem = stemmer(language)
        if stem is None:
            return cls(language)
        stems = {word: folded(stem(word)) for word in held if word.isalpha()}
        of_stem: Counter[str] = Counter()
        for word, term in stems.items():
            of_stem[term] += held[word]
        rare = frozenset(
            word
            for word, term in stems.items()
            if held[word] <= RARE and word != term and of_stem[term] > SHARED
        )
        return cls(language, Compounds.of(of_stem, documents, language), rare)

    @classmethod
    def load(cls, path: Path) -> Analyzer:
        """Read what `save` wrote.

        Raises
        ------
        DamagedError
            If it cannot be read, or was written for other terms than these.
        """
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            made_by, language = card["version"], str(card["language"])
            compounds = Compounds(language, dict(card["parts"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{path} cannot be read ({error})") from error
        if made_by != _version(language):
            raise DamagedError(f"{path} is of another version: {made_by}")
        return cls(language, compounds)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        card = {
            "version": _version(self.language),
            "language": self.language,
            "parts": self.compounds.parts,
        }
        path.write_text(json.dumps(card), encoding="utf-8")

    def index_terms(self, text: str) -> list[str]:
        """Return the terms that a text is found by, as often as they occur."""
        return list(chain.from_iterable(map(self._chunks.__getitem__, chunks_of(text))))

    def query_terms(self, text: str, holds: Callable[[str], bool] | None = None) -> list[str]:
        """Return the terms that a query asks for; of stop words only where it holds no others.

        Parameters
        ----------
        text : str
        holds : callable, optional
            Whether any document holds a term. What a document holds as a whole is asked for as
            a whole: an address alone, where it is in a document, and its parts where it is not.
        """
        units = self.units(text)
        telling = [unit for unit in units if not self._tells_nothing(unit)]
        alone = (telling or units)[0] if len(telling or units) == 1 else None
        asked = [term for unit in units for term in _asked(unit, unit is alone, holds)]
        return [term for term in asked if not term.startswith(UNCOUNTED)] or asked

    def spans(self, text: str, terms: Collection[str]) -> Iterator[tuple[str, int, int]]:
        """Go through the places of a text that hold one of some terms: (term, start, end).

        Of a whole and its parts the whole is named, of places that overlap the first.
        """
        terms = frozenset(terms)
        exact = frozenset(term.removeprefix(EXACT) for term in terms if term.startswith(EXACT))
        if not exact <= self.rare:  # those of a query, where an index was opened
            yield from replace(self, rare=exact).spans(text, terms)
            return
        letters = _pattern_of_letters(terms)
        for match in self._candidates(text, terms):
            chunk = _BROKEN.sub("-", match[0]) if "\n" in match[0] else match[0]
            if terms.isdisjoint(self._chunks[chunk]):
                continue
            if chunk != match[0]:
                found = next(term for term in self._chunks[chunk] if term in terms)
                yield found, match.start(), match.end()
                continue
            plain, parts = self._parts(chunk)
            for part in parts:
                for term, first, last in _places_in(part, plain, terms, letters):
                    start, end = plain.place(first, last)
                    yield term, match.start() + start, match.start() + end

    def _parts(self, chunk: str) -> tuple[Chunk, Sequence[Unit | Run]]:
        """Return a chunk taken apart; short ones that are asked for stand in many texts."""
        return self._short_parts(chunk) if len(chunk) <= SHORT else self._parts_of(chunk)

    @cached_property
    def _short_parts(self) -> Callable[[str], tuple[Chunk, Sequence[Unit | Run]]]:
        return lru_cache(maxsize=CHUNKS)(self._parts_of)

    def _parts_of(self, chunk: str) -> tuple[Chunk, Sequence[Unit | Run]]:
        """Take a chunk apart into units; what is written without spaces is left as it is."""
        plain, found = Chunk.of(chunk, self.language), list[Unit | Run]()
        for part in split(plain):
            if isinstance(part, Run) and part.unspaced:
                found.append(part)
            else:
                found.append(self._unit(part))
        return plain, found

    def _candidates(self, text: str, terms: Collection[str]) -> Iterator[re.Match[str]]:
        """Go through the chunks of a text in which some terms may be."""
        begins = self._beginnings(terms)
        if _BROKEN.search(text):
            return (match for match in _CHUNK.finditer(text) if re.search(begins, match[0]))
        # The chunks are told apart by the pattern itself, far quicker than by a loop over all.
        return re.finditer(f"(?<!\\S)\\S*?(?:{begins})\\S*", text)

    def _beginnings(self, terms: Collection[str]) -> str:
        """Return a pattern for where some terms may begin in chunks of ASCII, and for all others.

        It matches anywhere where stems may begin otherwise than their words, or words stand inside
        of others.
        """
        if self.language not in _SAME_BEGINNING:
            return "\\S"
        first = {term.lstrip(f"{UNCOUNTED}{EXACT},")[:1] for term in terms} - {""}
        small = "".join(sorted(letter for letter in first if "a" <= letter <= "z"))
        digits = "".join(sorted(letter for letter in first if "0" <= letter <= "9"))
        others = "".join(sorted(first.difference(small, digits)))
        parts = ["[^\\x00-\\x7f]"]
        # A letter begins a word, or is a capital within one; a digit may come behind the v of v1.
        parts += [f"(?<![A-Za-z])[{small}]|[{small.upper()}]"] * bool(small)
        parts += [f"(?<![A-UW-Za-uw-z0-9])[{digits}]"] * bool(digits)
        parts += [f"[{re.escape(others)}]"] * bool(others)
        return "|".join(parts)

    def units(self, text: str) -> Sequence[Unit]:
        """Return what is typed as one; that of a query is asked for several times."""
        return self._units(text) if len(text) <= LONG_QUERY else self._units_of(text)

    @cached_property
    def _units(self) -> Callable[[str], Sequence[Unit]]:
        return lru_cache(maxsize=QUERIES)(self._units_of)

    def _units_of(self, text: str) -> Sequence[Unit]:
        chunks = _BROKEN.sub("-", text).split()
        parts = (part for chunk in chunks for part in split(Chunk.of(chunk, self.language)))
        return list(map(self._unit, parts))

    def _tells_nothing(self, unit: Unit) -> bool:
        """Whether a unit is a word that most texts of the language hold."""
        return unit.is_stop_word or unit.text in common_words(self.language)

    # -- chunks ----------------------------------------------------------------------------------

    @cached_property
    def _chunks(self) -> _Remembered:
        return _Remembered(self.terms_of_chunk)

    @cached_property
    def _words(self) -> _Remembered:
        return _Remembered(self._terms_of_word)

    @cached_property
    def _indexed(self) -> _Remembered:
        is_more = self.compounds.parts or self.rare
        return _Remembered(self._terms_of_run) if is_more else self._words

    def _terms_of_run(self, word: str) -> tuple[str, ...]:
        """Return the terms of a word and of what it is made of."""
        exact = (EXACT + word,) if word in self.rare else ()
        return (*self._words[word], *self.compounds.split(word), *exact)

    def terms_of_chunk(self, chunk: str) -> tuple[str, ...]:
        """Return the terms of one of `chunks_of` a text."""
        core = chunk if chunk.isalnum() else chunk.strip(_EDGES)
        is_ascii = core.isascii() and not (self.language == TURKISH and "I" in core)
        if is_ascii and core.isalnum() and _is_plain(core, chunk):
            return self._indexed[core.lower()]
        low = chunk.lower()
        is_camel = low != chunk and not (core.istitle() or core.isupper())
        if is_ascii and not is_camel and (parts := quick_split(low)) is not None:
            return self._terms_of_parts(*parts)
        found: list[str] = []
        for part in split(Chunk.of(chunk, self.language)):
            if isinstance(part, Run) and part.unspaced:
                found += grams(part.text)
            else:
                found += dict.fromkeys(self._all_terms(part))
        return tuple(found)

    def _terms_of_parts(self, wholes: list[str], words: list[str]) -> tuple[str, ...]:
        """Return the terms of what `quick_split` gave."""
        found = [*map(_shortened, wholes)]
        for word in words:
            found += self._indexed[word]
        return tuple(dict.fromkeys(found))

    def _all_terms(self, part: Whole | Run) -> list[str]:
        """Return what `Unit.all_terms` does, without making units of them."""
        if isinstance(part, Run):
            found = list(self._indexed[part.text])
            for low in _humps(part.cased):
                found += self._words[low]
            return found
        found = list(self._whole(part))
        for inner in part.parts:
            found += self._all_terms(inner)
        return found

    def _whole(self, whole: Whole) -> tuple[str, ...]:
        """Return the terms of a whole itself."""
        if whole.binding is Binding.HYPHENS:
            return self._indexed[whole.spellings[0]]
        joined = joined_by(whole.text) if whole.binding is Binding.CLOSE else ""
        more = self._indexed[joined] if joined else ()
        return (*map(_shortened, whole.spellings), *more)

    def _unit(self, part: Whole | Run) -> Unit:
        if isinstance(part, Run):
            return _of_letters(part) if part.unspaced else self._of_run(part)
        parts = tuple(self._unit(inner) for inner in part.parts)
        terms = self._whole(part)
        place = part.start, part.end
        others = self._other_spellings(part.text, part.binding)
        return Unit(part.text, terms, terms[:1], parts, *place, part.binding, others)

    def _other_spellings(self, text: str, binding: Binding = Binding.NONE) -> tuple[str, ...]:
        """Return as what else it may be written: 1000 as 1,000, ab-1234 as ab1234, v1.2 as 1.2."""
        if binding is Binding.NONE:
            return (digits_of(text),) if len(text) > 3 and text.isdigit() else ()
        if is_parted_number(text):
            return digits_of(text)[1:], digits_of(text)
        if binding is not Binding.CLOSE:
            return ()
        joined = joined_by(text)
        return (*(self._words[joined] if joined else ()), *without_v(text))

    def _of_run(self, run: Run) -> Unit:
        terms = self._words[run.text]
        exact = (EXACT + run.text,) if run.text in self.rare else ()
        inner = [(low, self._words[low]) for low in _humps(run.cased)]
        inner += [(part, (part,)) for part in self.compounds.split(run.text)]
        parts = tuple(Unit(text, own, own, (), run.start, run.end) for text, own in inner)
        others = self._other_spellings(run.text)
        place = run.start, run.end
        return Unit(run.text, (*terms, *exact), terms, parts, *place, others=others)

    def _terms_of_word(self, word: str) -> tuple[str, ...]:
        """Return the terms of a word in small letters, the one that it is asked by first."""
        word = _shortened(word)
        plain = folded(word)
        if self.language == ENGLISH and plain in STOPS:
            return (UNCOUNTED + plain,)
        stem = stemmer(self.language)
        if stem is None:
            found = [plain]
        else:
            found = [folded(stem(word))]
            if plain != word:  # as someone types it who lacks the accents
                found.append(folded(stem(plain)))
        if self.language == "vietnamese" and plain != word:
            found.insert(0, word)
        if self.language in _WITH_UMLAUTS and plain != word:
            written_out = folded(umlauts_written_out(word))
            found.append(stem(written_out) if stem else written_out)
        return tuple(dict.fromkeys(found))


def _shortened(term: str) -> str:
    """Return a term, of a long one its beginning and a hash of all of it."""
    if len(term) <= LONGEST:
        return term
    from xxhash import xxh3_64_hexdigest  # which hardly any text needs

    return term[:BEGINNING] + xxh3_64_hexdigest(term.encode("utf-8", "surrogatepass"))


def _version(language: str) -> list[int | str]:
    """By what terms are made."""
    return [VERSION, stems_version(language)]


def _is_plain(core: str, chunk: str) -> bool:
    """Whether a chunk is one word of ASCII, with punctuation before or behind it."""
    if not (core.islower() or core.istitle() or core.isupper() or core.isdigit()):
        return False
    return len(core) == len(chunk) or not ("+" in chunk or "#" in chunk or "." + core in chunk)


def _humps(cased: str) -> list[str]:
    """Return the parts of a word in CamelCase of at least two letters; none of another word."""
    if cased.islower() or cased.istitle() or cased.isupper() or not cased.isalnum():
        return []
    return [part.lower() for part in _HUMPS.findall(cased) if 1 < len(part) < len(cased)]


def _of_letters(run: Run) -> Unit:
    """The unit of a run of a script without spaces: its letters, and every two neighbours."""
    parts = tuple(
        Unit(term, (term,), (term,) if is_asked else (), (), run.start + start, run.start + end)
        for term, start, end, is_asked in placed_grams(run.text)
    )
    return Unit(run.text, (), (), parts, run.start, run.end, Binding.LETTERS)


def _asked(unit: Unit, alone: bool, holds: Callable[[str], bool] | None) -> Iterator[str]:
    """Go through the terms that a query asks for by one unit; see `query_terms`."""
    if alone and holds is not None and holds(EXACT + unit.text):
        yield EXACT + unit.text
        return
    if unit.others:
        if holds is None:
            yield from unit.others
        elif not holds(unit.terms[0]) and (held := [term for term in unit.others if holds(term)]):
            yield held[0]
            return
    if not unit.parts:
        yield from unit.asked
        return
    if unit.terms and (holds is None or holds(unit.terms[0])):
        yield from unit.asked
        if holds is not None and (unit.is_exact or alone):
            return
    elif unit.binding is Binding.CLOSE and holds is not None:
        yield from filter(holds, neighbors_in(unit.text))
    for part in unit.parts:
        yield from _asked(part, False, holds)


def _pattern_of_letters(terms: Collection[str]) -> re.Pattern[str]:
    """What finds terms of scripts without spaces, long ones first; it finds none where none are."""
    unspaced = sorted((term for term in terms if is_unspaced(term)), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, unspaced)) or "(?!)")


def _places_in(
    part: Unit | Run, chunk: Chunk, terms: frozenset[str], letters: re.Pattern[str]
) -> Iterator[tuple[str, int, int]]:
    """Where a part of a chunk holds one of some terms; `letters` finds those without spaces."""
    if isinstance(part, Run):
        for match in letters.finditer(chunk.text, part.start, part.end):
            yield match[0], *match.span()
    else:
        yield from _places(part, terms)


def _places(unit: Unit, terms: frozenset[str]) -> Iterator[tuple[str, int, int]]:
    """Where a unit, or else its parts, holds one of some terms."""
    for term in unit.terms:
        if term in terms:
            yield term, *_place(term, unit)
            return
    for part in unit.parts:
        yield from _places(part, terms)


def _place(term: str, unit: Unit) -> tuple[int, int]:
    """Where a term of a unit stands: in a whole, only what it begins or ends with may be asked."""
    at = unit.text.find(term) if unit.is_exact else -1
    if at < 0 or len(unit.text) != unit.end - unit.start:
        return unit.start, unit.end
    return unit.start + at, unit.start + at + len(term)


def chunks_of(text: str) -> list[str]:
    """Return what stands between two spaces, or is of one word that the end of a line cuts."""
    if not text.isascii():
        return _BROKEN.sub("-", text).split()
    # With fewer signs there are fewer spellings to look into, and the terms are the same.
    return _BROKEN_ASCII.sub("-", text).translate(_PARTED).split()


def word_in(chunk: str) -> str:
    """Return the word that a chunk is, in small letters, without punctuation; '' for a long one."""
    return chunk.strip(_EDGES).lower() if len(chunk) <= SHORT else ""
