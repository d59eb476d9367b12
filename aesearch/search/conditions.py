"""Which documents hold what a typed query asks for, and nothing that it excludes.

Answered by the lexical index where it can be, and by reading the texts that are left where the
order of words, or their endings, decide.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aesearch.modalities.texts.phrases import Phrase, fold, is_unspaced, runs
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
# Of words: what a stem loses shows where a beginning is made a word by one of them.
ENDINGS = (
    *(
        "",
        "al",
        "ed",
        "en",
        "er",
        "es",
        "est",
        "ing",
        "ion",
        "ions",
        "ity",
        "ive",
        "ly",
        "on",
        "ung",
    ),
    *string.ascii_lowercase,
)


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
        if part.kind == "word" and (term := self._term_of(part, phrase)):
            found = self._with_any([term], among)
            return found, found
        *chunks, last = part.text.split()
        for chunk in chunks if phrase.open else [*chunks, last]:
            among = self._with_chunk(chunk, among)
        return self._with_beginning(last, phrase, among) if phrase.open else (among, among[:0])

    def _with_chunk(self, chunk: str, among: Ids) -> Ids:
        """Return the documents that may hold what is written between two spaces."""
        every = runs(chunk)
        own = [[term for form in run for term in self._terms(form)] for run in every]
        together = set(self._terms(chunk)).difference(*own)  # of AB-1234 as one, where it is
        for run, terms in zip(every, own, strict=True):
            if len(run[0]) == 1 and is_unspaced(run[0]):  # mostly a part of terms of two letters
                among = self._with_any({*terms, *self.words.terms_with(run[0])}, among)
            elif is_unspaced(run[0][0]):
                among = self._with_all(self._terms(run[0]), among)
            elif terms:  # a stop word has none
                among = self._with_any({*terms, *together}, among)
        return among

    def _with_beginning(self, chunk: str, phrase: Phrase, among: Ids) -> tuple[Ids, Ids]:
        """Return the documents that may hold a word that begins so, and those that do."""
        *before, last = runs(chunk)
        for run in before:
            among = self._with_chunk(run[0], among)
        begun = self._with_any(self._begun(chunk), among)
        stems = self._with_any(self._stems(last), among)
        certain = len(phrase.units) == 1 and not is_unspaced(last[0])
        return np.union1d(begun, stems), begun if certain else among[:0]

    def _terms(self, text: str) -> list[str]:
        return self.analyzer.index_terms(text)

    def _term_of(self, part: Part, phrase: Phrase) -> str:
        """Return the term that a document holds just where it holds a word, or "" if none tells.

        One tells of one word, and of two letters of a script without spaces.
        """
        unspaced = [is_unspaced(unit[0]) for unit in phrase.units]
        terms = self._terms(part.text) if unspaced in ([False], [True, True]) else []
        return next((term for term in terms if unspaced == [False] or len(term) == 2), "")

    def _begun(self, chunk: str) -> list[str]:
        """Return the terms that begin as something does that is written in one, without spaces."""
        forms = dict.fromkeys((*runs(chunk)[-1], fold(chunk)))
        return [term for form in forms for term in self.words.terms_from(form)]

    def _stems(self, beginning: tuple[str, ...]) -> Iterator[str]:
        """Go through the terms that may be stems of a word that begins so, but are shorter."""
        for form in beginning:
            terms = [self._terms(form + ending)[:1] for ending in ENDINGS]
            yield from dict.fromkeys(term for some in terms for term in some)

    def _expanded(self, syntax: Syntax) -> list[str]:
        """Return the terms that stand for the prefixes of a query, each once."""
        terms: list[str] = []
        for part in syntax.wanted:
            if part.kind == "prefix" and runs(part.text):
                own = self._begun(part.text.split()[-1])
                if not own:  # the longest that may be a stem of such words
                    stems = filter(self.words.holds, self._stems(runs(part.text)[-1]))
                    own = sorted(stems, key=len)[-1:]
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
        term = self._term_of(part, phrase) if part.kind == "word" else ""

        def holds(title: str) -> bool:
            return term in self._terms(title) if term else phrase.stands_in(title)

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
