"""Which documents hold what a typed query asks for, and nothing that it excludes.

Answered by the lexical index where it can be, and by reading the texts that are left where the
order of words, or their endings, decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aesearch.modalities.texts.analysis.analyzer import EXACT, UNCOUNTED
from aesearch.modalities.texts.analysis.chunks import Binding, digits_of
from aesearch.modalities.texts.phrases import Phrase, fold, joined, runs, units
from aesearch.modalities.texts.tokenizer import is_unspaced
from aesearch.search.sets import common, either
from aesearch.search.syntax import TITLE, Part, Syntax

if TYPE_CHECKING:
    from aesearch.modalities.texts.analysis import Analyzer
    from aesearch.search.bm25 import Words
    from aesearch.storage.backend import Backend
    from aesearch.storage.schema import KeptText
    from aesearch.types import Ids

AT_ONCE = 500  # texts read together
LONGEST_TITLE = 200  # characters of the first line of a document that has no title
EXPANSIONS = 50  # terms that a prefix counts as in the ranking: those of the most documents
ALIKE = 3  # letters that a beginning and the stem of a word that begins so have in common
ENDING = 2  # letters at most that a stem changes at its end, before it ends: happy, happi
IRREGULAR = ("dying", "lying", "tying", "skies")  # English words whose stems begin otherwise
# What stands alone beside an apostrophe, and is no term there.
LOOSE = frozenset(("ll", "re", "ve"))


MARKS_OF_TERMS = ("", UNCOUNTED, EXACT, ",")  # "," before a number; see `digits_of`
MARKED = "".join(MARKS_OF_TERMS)


class Chosen(NamedTuple):
    """What the conditions of a query leave.

    Attributes
    ----------
    ids : ndarray of int64
        The documents that may be found, ascending.
    terms : list of str
        Those that stand for prefixes in the ranking.
    quotations : tuple of Part
        Phrases of a sentence that no document holds: they are passed over, but for their words.
    """

    ids: Ids
    terms: list[str]
    quotations: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Conditions:
    """The documents of one revision, asked what they hold.

    Only their own words count, never those that an index adds to them.

    Parameters
    ----------
    words : Words
        The lexical index.
    analyzer : Analyzer
        Of its terms.
    backend : Backend
        Which keeps the texts, and the titles.
    """

    words: Words
    analyzer: Analyzer
    backend: Backend

    @cached_property
    def titles(self) -> Mapping[int, str]:
        """The titles of documents by id, of those that have one."""
        return self.backend.titles()

    def choose(self, syntax: Syntax, among: Ids | None = None) -> Chosen:
        """Return the documents that meet all conditions.

        Parameters
        ----------
        syntax : Syntax
        among : ndarray of int64, optional
            Only these.
        """
        left = self.words.ids if among is None else np.intersect1d(self.words.ids, among)
        quotations: list[Part] = []
        # What is found in the index is asked first: less is left to be read.
        for group in sorted(syntax.required, key=lambda group: any(map(_is_read, group))):
            found = _union(self.holding(part, left) for part in group)
            if not len(found) and syntax.is_sentence and self._is_quotation(group):
                quotations += group
            else:
                left = found
        for part in sorted(syntax.excluded, key=_is_read):
            left = np.setdiff1d(left, self.holding(part, left), assume_unique=True)
        return Chosen(left, self._expanded(syntax), tuple(quotations))

    def holding(self, part: Part, among: Ids) -> Ids:
        """Return those of some documents that hold a part, ascending."""
        phrase = Phrase.of(part.text, open=part.kind == "prefix", language=self.analyzer.language)
        if not phrase.units:
            return among[:0]
        if part.field == TITLE:
            return self._titled(part, phrase, among)
        candidates, certain = self._candidates(part, phrase, among)
        rest = np.setdiff1d(candidates, certain, assume_unique=True)
        read = self._read(rest, lambda own: phrase.stands_in(own.whole))
        return either(certain, read)

    def holding_all(self, syntax: Syntax) -> Ids:
        """Return the documents that meet the conditions of a text, or hold every word of it.

        Stop words aside; a text of nothing else is held by none.
        """
        if syntax.has_conditions:
            return self.choose(syntax).ids
        units_of_it = self.analyzer.units(syntax.plain)
        parts = [Part(unit.text) for unit in units_of_it if not unit.is_stop_word]
        left = self.words.ids if parts else self.words.ids[:0]
        for part in parts:
            left = self.holding(part, left)
        return left

    def quotes(self, text: str) -> bool:
        """Whether a text stands in a document just as it was typed, but for case and spaces.

        Looked for in at most `AT_ONCE` of the documents that hold its words.
        """
        wanted = r"\s+".join(map(re.escape, fold(text).split()))
        stands = re.compile(rf"(?<!\w){wanted}(?!\w)").search
        ids = self._with_words(text.split(), self.words.ids)[:AT_ONCE]
        return len(self._read(ids, lambda own: stands(fold(own.whole)) is not None)) > 0

    # -- by the lexical index --------------------------------------------------------------------

    def _with_all(self, terms: Iterable[str], among: Ids) -> Ids:
        for term in dict.fromkeys(terms):
            among = common(among, self.words.documents_with(term))
        return among

    def _with_any(self, terms: Iterable[str], among: Ids) -> Ids:
        return common(among, _union(map(self.words.documents_with, terms)))

    def _candidates(self, part: Part, phrase: Phrase, among: Ids) -> tuple[Ids, Ids]:
        """Return the documents that may hold a part, and those of them that do for certain.

        All that hold it are among them: what is read decides, and nothing else is read.
        """
        if part.kind == "word":
            own = self._own_terms(part)
            certain = self._with_any(own, among)
            if own and len(phrase.units) == 1:
                return certain, certain
            return either(certain, self._with_words(part.text.split(), among)), certain
        *chunks, last = part.text.split()
        if phrase.open:
            *before, _ = runs(last, phrase.language)
            if "'" not in fold(last) and joined(last) == last:
                chunks += [run[0] for run in before]
            return self._with_beginning(last, phrase, self._with_words(chunks, among))
        return self._with_words([*chunks, last], among), among[:0]

    def _with_words(self, chunks: Iterable[str], among: Ids) -> Ids:
        """Return the documents that may hold what is written between spaces.

        A single letter, or what follows an apostrophe, may be in a text without being a term of it
        (I'm, N.A.S.A.): by such alone nothing is left out, where there is more to go by.
        """
        loose: list[set[str]] = []
        certain = False
        for chunk in chunks:
            for terms, is_loose in self._needed(chunk):
                if is_loose:
                    loose.append(terms)
                else:
                    certain = True
                    among = self._with_any(terms, among)
        for terms in () if certain else loose:
            among = self._with_any(terms, among) if terms else among
        return among

    def _needed(self, chunk: str) -> Iterator[tuple[set[str], bool]]:
        """Go through the terms of which a text holds one that holds a chunk; see `_with_words`."""
        language = self.analyzer.language
        every = runs(chunk, language)
        own = [{term for form in run for term in self._terms(form)} for run in every]
        # AB-1234 is a term as one; 1,000 is found as 1000, and N.A.S.A. as NASA.
        together = {*self._terms(chunk), *self._terms(joined(chunk))}.difference(*own)
        for run, terms in zip(every, own, strict=True):
            if is_unspaced(run[0][0]):
                yield from ((letters, False) for letters in self._letters(run[0]))
            elif len(run[0]) == 1 or run[0] in LOOSE:
                yield set() if "'" in fold(chunk) else terms | together, True
            elif terms:
                numbers = {digits_of(run[0])} if run[0].isdigit() else set()
                yield terms | together | numbers, False

    def _letters(self, run: str) -> Iterator[set[str]]:
        """Go through the terms of which a text holds one that holds letters written without spaces.

        Spaces, or the end of a line, may part them there.
        """
        letters = units(run)
        for one, after in zip(letters, [*letters[1:], ""], strict=True):
            if self.words.holds(one):  # a term, as every letter of such a script
                yield {one, one + after}
            elif len(letters) == 1:
                yield {one, *self.words.terms_with(one)}
            elif after:
                yield {one + after, *self.words.terms_with(one + after)}

    def _with_beginning(self, chunk: str, phrase: Phrase, among: Ids) -> tuple[Ids, Ids]:
        """Return the documents that may hold a word that begins so, and those that do."""
        beginning = runs(chunk, phrase.language)[-1]
        if is_unspaced(beginning[0][0]):
            return self._with_words([beginning[0]], among), among[:0]
        terms = self._alike(chunk)
        begun = [term for term in terms if _unmarked(term)[:-ENDING].startswith(beginning)]
        certain = self._with_any(begun, among) if len(phrase.units) == 1 else among[:0]
        return self._with_any(terms, among), certain

    def _alike(self, chunk: str) -> list[str]:
        """Return the terms of words that may begin so: they go on, or are stems that are shorter.

        A stem is a word but for its ending, whose last letters it may change.
        """
        language = self.analyzer.language
        beginning = runs(chunk, language)[-1]
        forms = {*beginning, *runs(joined(chunk), language)[-1]}
        forms |= {fold(chunk).replace("'", ""), *map(_unmarked, self._terms(beginning[0]))}
        irregular = (word for word in IRREGULAR if word.startswith(beginning))
        forms |= {term for word in irregular for term in self._terms(word)}
        short = (form[:length] for form in sorted(forms) for length in range(1, ALIKE))
        found = dict.fromkeys(stem + end for stem in short for end in ("", "e", "i"))  # "fli"
        for form in sorted(forms):
            for mark in MARKS_OF_TERMS:
                for term in self.words.terms_from(mark + form[:ALIKE]):
                    own = len(term) - len(mark)
                    alike = min(max(own - ENDING, min(own, ALIKE)), len(form))
                    # What has a mark is no stem.
                    if term.startswith(form if mark else form[:alike], len(mark)):
                        found[term] = None
        return list(found)

    def _terms(self, text: str) -> list[str]:
        return self.analyzer.index_terms(text)

    def _own_terms(self, part: Part) -> list[str]:
        """Return the terms of which a document that holds one holds a word; none if none tells.

        One tells of one word, of a whole such as AB-1234, and of two letters of a script without
        spaces.
        """
        units_of_it = list(self.analyzer.units(part.text))
        if len(units_of_it) != 1:
            return []
        unit = units_of_it[0]
        if unit.binding is Binding.LETTERS:
            own = [term for inner in unit.parts for term in inner.terms]
            return [unit.text] if unit.text in own and len(units(part.text)) == 2 else []
        numbers = [digits_of(unit.text)] if unit.text.isdigit() else []
        numbers += [term[1:] for term in unit.terms if term.startswith(",")]
        return [*unit.asked, *numbers]

    def _begun(self, beginning: tuple[str, ...]) -> list[str]:
        """Return the terms that begin so."""
        return [
            term
            for form in beginning
            for mark in MARKS_OF_TERMS
            for term in self.words.terms_from(mark + form)
        ]

    def _expanded(self, syntax: Syntax) -> list[str]:
        """Return the terms that stand for the prefixes of a query, each once."""
        terms: list[str] = []
        for part in syntax.wanted:
            if part.kind == "prefix" and runs(part.text):
                last = part.text.split()[-1]
                beginning = runs(last, self.analyzer.language)[-1]
                own = self._begun((*beginning, fold(last)))
                if not own:  # the one that is most like a stem of such words
                    stems = filter(self.words.holds, self._alike(last))
                    own = sorted(stems, key=lambda term: _likeness(term, beginning[0]))[-1:]
                own.sort(key=lambda term: -len(self.words.documents_with(term)))
                terms += own[:EXPANSIONS]
        return list(dict.fromkeys(terms))

    # -- by reading ------------------------------------------------------------------------------

    def _read(self, ids: Ids, holds: Callable[[KeptText], bool]) -> Ids:
        """Return the documents of which something is true once they are read."""
        found: list[int] = []
        for start in range(0, len(ids), AT_ONCE):
            texts = self.backend.texts_of(ids[start : start + AT_ONCE].tolist())
            found += [id for id, own in texts.items() if holds(own)]
        return np.array(sorted(found), dtype=np.int64)

    def _titled(self, part: Part, phrase: Phrase, among: Ids) -> Ids:
        """Return the documents whose title, or first line where there is none, holds a part."""
        own = frozenset(self._own_terms(part) if part.kind == "word" else ())

        def holds(title: str) -> bool:
            return not own.isdisjoint(self._terms(title)) or phrase.stands_in(title)

        # Which a word, its stem, and a whole of it have in common.
        begins = {phrase.units[0][:1], *(term[:1] for term in map(_unmarked, own))}
        of_title = [
            id
            for id, name in self.titles.items()
            if any(map(fold(name, phrase.language).__contains__, begins)) and holds(name)
        ]
        untitled = np.setdiff1d(among, np.array(list(self.titles), dtype=np.int64))
        candidates, _ = self._candidates(part, phrase, untitled)
        of_line = self._read(candidates, lambda own: holds(_first_line(own.text)))
        return either(common(among, np.array(sorted(of_title), dtype=np.int64)), of_line)

    def _is_quotation(self, group: tuple[Part, ...]) -> bool:
        """Whether these are phrases of which no document at all holds one."""
        return all(part.kind == "phrase" and not part.field for part in group) and not any(
            len(self.holding(part, self.words.ids)) for part in group
        )


def _unmarked(term: str) -> str:
    return term.lstrip(MARKED)


def _likeness(term: str, beginning: str) -> tuple[int, int]:
    """How many letters a term shares with a beginning, and how few others it has."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(term, beginning, strict=False))
    return len(list(alike)), -len(term)


def _first_line(text: str) -> str:
    """The first line of a text: the title of a table's row is there."""
    return text[: 2 * LONGEST_TITLE].lstrip().partition("\n")[0][:LONGEST_TITLE]


def _is_read(part: Part) -> bool:
    """Whether texts must be read to know what holds a part."""
    return part.kind == "phrase" or bool(part.field)


def _union(several: Iterable[Ids]) -> Ids:
    found = list(several)
    return np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)
