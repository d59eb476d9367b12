"""Which documents hold what a typed query asks for, and nothing that it excludes.

Answered by the lexical index where it can be, and by reading the texts that are left where the
order of words, or their endings, decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aesearch.modalities.texts.phrases import Phrase, fold, is_unspaced
from aesearch.search.lexical import terms_in
from aesearch.search.syntax import TITLE, Part, Syntax

if TYPE_CHECKING:
    from aesearch.search.bm25 import Words
    from aesearch.storage.backend import Backend
    from aesearch.storage.schema import KeptText
    from aesearch.types import Ids

AT_ONCE = 500  # texts read together
LONGEST_TITLE = 200  # characters of the first line of a document that has no title
EXPANSIONS = 50  # terms that a prefix counts as in the ranking: those of the most documents


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
    language : str
        Of its terms.
    backend : Backend
        Which keeps the texts, and the titles.
    """

    words: Words
    language: str
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
        phrase = Phrase.of(part.text, open=part.kind == "prefix")
        if not phrase.units:
            return among[:0]
        if part.field == TITLE:
            return self._titled(part, phrase, among)
        candidates, certain = self._candidates(part, phrase, among)
        rest = np.setdiff1d(candidates, certain, assume_unique=True)
        read = self._read(rest, lambda own: phrase.stands_in(own.text))
        return np.union1d(certain, read)

    # -- by the lexical index --------------------------------------------------------------------

    def _with_all(self, terms: Iterable[str], among: Ids) -> Ids:
        for term in dict.fromkeys(terms):
            among = np.intersect1d(among, self.words.documents_with(term), assume_unique=True)
        return among

    def _with_any(self, terms: Iterable[str], among: Ids) -> Ids:
        return np.intersect1d(among, _union(map(self.words.documents_with, terms)))

    def _candidates(self, part: Part, phrase: Phrase, among: Ids) -> tuple[Ids, Ids]:
        """Return the documents that may hold a part, and those of them that do for certain."""
        runs = list(_runs(phrase))
        if part.kind == "word" and (terms := self._terms_of(part, phrase)):
            found = self._with_all(terms, among)
            return found, found
        for run in runs[: len(runs) - phrase.open]:
            among = self._with_run(run, among)
        certain = among[:0]
        if phrase.open:
            begun = self._with_any(self.words.terms_from(runs[-1]), among)
            if len(phrase.units) == 1 and not is_unspaced(runs[-1][0]):
                certain = begun
            among = np.union1d(begun, self._with_any(self._stems(runs[-1]), among))
        return among, certain

    def _terms_of(self, part: Part, phrase: Phrase) -> list[str]:
        """Return the terms that a document holds just where it holds a word, or none.

        There are such for one word, or two letters of a script without spaces.
        """
        if len(phrase.units) == 1 and not is_unspaced(phrase.units[0][0]):
            return terms_in(part.text, self.language)
        terms = terms_in(part.text, self.language)
        return terms if len(phrase.units) == 2 and len(terms) == 1 else []

    def _with_run(self, run: str, among: Ids) -> Ids:
        """Return the documents that may hold one word, or letters without spaces."""
        if len(run) == 1 and is_unspaced(run):  # its terms are those of two letters
            return self._with_any(self.words.terms_with(run), among)
        terms = terms_in(run, self.language)
        if not terms:  # a stop word, say, of which the index knows nothing
            return among
        return self._with_all(terms, among) if is_unspaced(run[0]) else self._with_any(terms, among)

    def _stems(self, beginning: str) -> Iterator[str]:
        """Go through the terms that may be stems of a word that begins so, but are shorter."""
        yield from terms_in(beginning, self.language)
        yield from (beginning[:end] for end in range(2, len(beginning)))

    def _expanded(self, syntax: Syntax) -> list[str]:
        """Return the terms that stand for the prefixes of a query, each once."""
        terms: dict[str, int] = {}
        for part in syntax.wanted:
            if part.kind == "prefix":
                run = list(_runs(Phrase.of(part.text)))[-1]
                own = {term: len(self.words.documents_with(term)) for term in self._begun(run)}
                terms |= dict(sorted(own.items(), key=lambda one: -one[1])[:EXPANSIONS])
        return list(terms)

    def _begun(self, beginning: str) -> list[str]:
        """Return the terms that begin so, or else the longest that may be a stem of such words."""
        found = self.words.terms_from(beginning)
        return found or sorted(filter(self.words.holds, self._stems(beginning)), key=len)[-1:]

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
        terms = set(self._terms_of(part, phrase)) if part.kind == "word" else set()

        def holds(title: str) -> bool:
            if terms:
                return terms <= set(terms_in(title, self.language))
            return phrase.stands_in(title)

        begins = phrase.units[0][:2]  # which a word and its stem have in common
        of_title = [id for id, name in self.titles.items() if begins in fold(name) and holds(name)]
        untitled = np.setdiff1d(among, np.array(list(self.titles), dtype=np.int64))
        candidates, _ = self._candidates(part, phrase, untitled)
        of_line = self._read(candidates, lambda own: holds(_first_line(own.text)))
        return np.union1d(np.intersect1d(among, np.array(of_title, dtype=np.int64)), of_line)

    def _is_quotation(self, group: tuple[Part, ...]) -> bool:
        """Whether these are phrases of which no document at all holds one."""
        return all(part.kind == "phrase" and not part.field for part in group) and not any(
            len(self.holding(part, self.words.ids)) for part in group
        )


def _first_line(text: str) -> str:
    """The first line of a text: the title of a table's row is there."""
    return text[: 2 * LONGEST_TITLE].lstrip().partition("\n")[0][:LONGEST_TITLE]


def _is_read(part: Part) -> bool:
    """Whether texts must be read to know what holds a part."""
    return part.kind == "phrase" or bool(part.field)


def _union(several: Iterable[Ids]) -> Ids:
    found = list(several)
    return np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)


def _runs(phrase: Phrase) -> Iterator[str]:
    """Go through the words of a phrase; letters without spaces that follow are one."""
    run = ""
    for unit in phrase.units:
        if run and is_unspaced(unit[0]) and is_unspaced(run[0]):
            run += unit
        else:
            if run:
                yield run
            run = unit
    if run:
        yield run
