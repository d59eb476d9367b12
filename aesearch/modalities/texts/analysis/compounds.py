"""Words made of words, taken apart by the words of the collection itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from aesearch.modalities.texts.analysis.folding import folded
from aesearch.modalities.texts.analysis.languages import common_words, stemmer

LANGUAGES = frozenset(("german", "dutch", "swedish", "danish", "norwegian"))
SHORTEST = 4  # letters of a part
LONGEST = 50  # letters of a word that is taken apart
FEWEST = 2  # documents that hold a part as a word of its own
OFTEN = 0.2  # of the documents: such a word says too little to be a part
MOST = 30_000  # parts that are kept, those in most documents


@dataclass(frozen=True)
class Compounds:
    """What the words of a collection are made of.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`.
    parts : mapping of str to int
        Stems that can be parts, and how many documents hold each; 0 for what too many hold: it
        is no part, and has none.

    References
    ----------
    P. Koehn and K. Knight, Empirical methods for compound splitting, EACL 2003.
    """

    language: str
    parts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, held: Mapping[str, int], documents: int, language: str) -> Compounds:
        """Learn which words can be parts.

        Parameters
        ----------
        held : mapping of str to int
            How many documents hold each stem.
        documents : int
            All of them.
        language : str
            Of one that is not among `LANGUAGES` nothing is learned.
        """
        if language not in LANGUAGES:
            return cls(language)
        stem = _stem(language)
        common = {stem(word) for word in common_words(language)}
        most = max(FEWEST, OFTEN * documents)
        possible = [
            (-count, term)
            for term, count in held.items()
            if count >= FEWEST
            and len(term) >= SHORTEST - 1
            and term.isalpha()
            and term not in common
        ]
        kept = sorted(possible)[:MOST]
        return cls(language, {term: -count if -count <= most else 0 for count, term in kept})

    def split(self, word: str) -> tuple[str, ...]:
        """Return the stems of the two or three parts of a word; none of a word that has none.

        Of several ways the one whose parts are in most documents (their geometric mean) counts,
        if they are in more than the word itself.
        """
        if not (self.parts and 2 * SHORTEST <= len(word) <= LONGEST and word.isalpha()):
            return ()
        stem = _stem(self.language)
        least: float = self.parts.get(stem(word), -1)
        if least == 0:
            return ()
        best: tuple[str, ...] = ()
        for stems in self._ways(word, stem, 3):
            mean = prod(self.parts[part] for part in stems) ** (1 / len(stems))
            if len(stems) > 1 and mean > least:
                best, least = stems, mean
        return best

    def _ways(self, word: str, stem: Callable[[str], str], most: int) -> Iterator[tuple[str, ...]]:
        """Go through the ways to make a word of at most so many parts."""
        if self.parts.get(last := stem(word)):
            yield (last,)
        if most == 1:
            return
        for place in range(SHORTEST, len(word) - SHORTEST + 1):
            if self.parts.get(first := stem(word[:place])):
                for rest in self._ways(word[place:], stem, most - 1):
                    yield (first, *rest)


NO_COMPOUNDS = Compounds("")


def _stem(language: str) -> Callable[[str], str]:
    """What gives the stem of a part: it takes letters that bind parts away as it does endings."""
    found = stemmer(language)
    assert found is not None
    return lambda word: folded(found(word))
