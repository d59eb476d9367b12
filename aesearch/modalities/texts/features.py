"""Texts to weighted terms: which terms count, how often each occurs, and how much it says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import DamagedError, ParameterError
from aesearch.modalities.texts.tokenizer import (
    ENGLISH,
    language_of_counts,
    raw_tokens,
    spans,
    term_of,
    tokenize,
)
from aesearch.sparse import SparseRows
from aesearch.types import Floats, Ints

if TYPE_CHECKING:
    from aesearch.modalities.texts.extract import Document


WEIGHTINGS = ("log-entropy", "tf-idf", "counts")
LANGUAGES = ("auto", ENGLISH, "")
TERMS, WEIGHTS = "terms.txt", "term-weights.f32"
RETRAIN = "'aesearch index SOURCE --retrain' makes a new encoder"
MIN_DOCUMENTS = 2  # a term of one document alone connects it to none
FEW_DOCUMENTS = 50  # among so few, such terms are most of what there is
FORGOTTEN = " "  # in the place of a term that only removed texts held: no token is like it
REMEMBERED = 1 << 20  # spellings of which the column is remembered
BLOCK = 256  # texts counted at once
MOST_SPELLINGS = 2**31 - 1
SIMILAR = 0.75  # how alike a suggestion must be, as difflib measures it


class _Columns(dict[str, int]):
    """Token -> column, or -1 where it is no known term; each spelling is looked into once."""

    def __init__(self, terms: Iterable[str], language: str) -> None:
        self.terms = {term: column for column, term in enumerate(terms)}
        self.language = language

    def __missing__(self, token: str) -> int:
        column = self.terms.get(term_of(token, self.language), -1)
        if len(self) < REMEMBERED:
            self[token] = column
        return column


@dataclass(frozen=True, eq=False)
class TextFeatures:
    """How a text becomes numbers: the terms it contains, weighted.

    Parameters
    ----------
    terms : tuple of str
        Of each column: a stem, a word or a pair of letters.
    words : tuple of str
        The commonest spelling of each term, for showing.
    weights : ndarray of shape (V,), float32
        How much each term says: its entropy or inverse document frequency, or ones.
    weighting : {'log-entropy', 'tf-idf', 'counts'}
    language : {'english', ''}
        In English, words are brought to their stems and stop words left out.

    Raises
    ------
    ParameterError
        If these are not all of one length, or the last two are none of those allowed.
    """

    terms: tuple[str, ...]
    words: tuple[str, ...]
    weights: Floats
    weighting: str
    language: str

    kind: ClassVar[str] = "texts"

    def __post_init__(self) -> None:
        _require("weighting", self.weighting, WEIGHTINGS)
        _require("language", self.language, LANGUAGES[1:])
        if not len(self.terms) == len(self.words) == len(self.weights):
            raise ParameterError(
                f"each term needs one word and one weight; got {len(self.terms)} terms, "
                f"{len(self.words)} words and {len(self.weights)} weights"
            )

    def config(self) -> dict[str, Any]:
        """Return the parameters as JSON; the terms themselves are in files."""
        return {
            "kind": self.kind,
            "weighting": self.weighting,
            "language": self.language,
            "terms": len(self.terms),
        }

    def save(self, folder: Path) -> list[str]:
        """Write the terms and their weights, and return the names of the files."""
        lines = (f"{term}\t{word}\n" for term, word in zip(self.terms, self.words, strict=True))
        (folder / TERMS).write_bytes("".join(lines).encode())
        (folder / WEIGHTS).write_bytes(self.weights.astype("<f4").tobytes())
        return [TERMS, WEIGHTS]

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> TextFeatures:
        """Make features from what `config` returned and `save` wrote.

        Raises
        ------
        DamagedError
            If a file cannot be read, or they do not fit together.
        """
        try:
            pairs = (folder / TERMS).read_bytes().decode().replace("\t", "\n").split("\n")
            content = (folder / WEIGHTS).read_bytes()
            expected = config["terms"]
            if len(pairs) != 2 * expected + 1 or len(content) != 4 * expected:
                raise DamagedError(
                    f"{folder} should hold {expected} terms; {TERMS} has {len(pairs) // 2} and "
                    f"{WEIGHTS} {len(content) / 4:g}; {RETRAIN}"
                )
            return cls(
                tuple(pairs[:-1:2]),
                tuple(pairs[1::2]),
                np.frombuffer(content, dtype="<f4").astype(np.float32, copy=False),
                config["weighting"],
                config["language"],
            )
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise DamagedError(
                f"the terms in {folder} cannot be read ({error}); {RETRAIN}"
            ) from error

    def read(self, content: bytes, name: str = "") -> Document:
        """Return the text of a file; raises ContentError with the reason."""
        from aesearch.modalities.texts.extract import extract

        return extract(content, name)

    def stack(self, samples: Sequence[Document]) -> SparseRows:
        """Return documents as an encoder takes them, one row each."""
        return self.transform(document.text for document in samples)

    @cached_property
    def _columns(self) -> _Columns:
        return _Columns(self.terms, self.language)

    def count(self, texts: Iterable[str]) -> SparseRows:
        """Return how often each known term occurs in each text, (n, V)."""
        if isinstance(texts, str):
            raise ParameterError("texts must be several; put a single one into a list")
        return _counted(texts, self._columns, len(self.terms))

    def count_tokens(self, texts: Iterable[Sequence[str]]) -> SparseRows:
        """Return how often each known term occurs in texts that are tokenized already, (n, V)."""
        return _counted_tokens(texts, self._columns, len(self.terms))

    def columns_of(self, tokens: Iterable[str]) -> list[int]:
        """Return the columns of those tokens that are known, in their order, each once."""
        columns = self._columns
        found = dict.fromkeys(columns[token] for token in tokens)
        return [column for column in found if column >= 0]

    def weigh(self, counts: SparseRows) -> SparseRows:
        """Return counts weighted, rows of unit length; a row without any stays so.

        What a row becomes does not depend, to the last bit, on the rows around it.
        """
        if counts.width != len(self.terms):
            raise ParameterError(
                f"counts have {counts.width} columns, these features {len(self.terms)} terms"
            )
        if self.weighting == "counts":
            return counts
        values = counts.values.astype(np.float64)
        local = np.log1p(values) if self.weighting == "log-entropy" else 1 + np.log(values)
        weighted = local * self.weights[counts.indices]
        norms = np.sqrt(counts.row_sums(weighted * weighted))
        norms[norms == 0] = 1
        return counts.with_values((weighted / norms[counts.rows()]).astype(np.float32))

    def transform(self, texts: Iterable[str]) -> SparseRows:
        """Return texts as weighted terms, (n, V)."""
        return self.weigh(self.count(texts))

    def reweighted(self, weighting: str, counts: SparseRows) -> TextFeatures:
        """Return features of the same terms with other weights, learned from these counts."""
        _require("weighting", weighting, WEIGHTINGS)
        if counts.width != len(self.terms):
            raise ParameterError(
                f"counts have {counts.width} columns, these features {len(self.terms)} terms"
            )
        return replace(self, weighting=weighting, weights=_global_weights(weighting, counts))

    def without_unused(self, texts: Iterable[str]) -> TextFeatures | None:
        """Features of the same columns without the terms that no text holds; None if all are held.

        Codes of the texts stay what they are: their columns say nothing of these terms.
        """
        used = np.zeros(len(self.terms), dtype=bool)
        used[self.count(texts).indices] = True
        used |= np.array([term == FORGOTTEN for term in self.terms], dtype=bool)
        if used.all():
            return None
        terms, words = (
            tuple(name if use else FORGOTTEN for name, use in zip(names, used, strict=True))
            for names in (self.terms, self.words)
        )
        return replace(self, terms=terms, words=words)

    def term_numbers(self, text: str) -> list[tuple[int, int, int]]:
        """Return (column, start, end) of each known term in a text: it is text[start:end]."""
        columns = self._columns
        found = ((columns[token], start, end) for token, start, end in spans(text))
        return [one for one in found if one[0] >= 0]

    def suggest(self, word: str, n: int = 3) -> list[str]:
        """Return up to `n` known words that are spelled similarly, the most similar first."""
        from difflib import get_close_matches

        # Pairs of letters of one word are all alike by half, so they are no suggestions.
        tokens = [token for token in tokenize(word) if len(token) > 2]
        near = (
            close for token in tokens for close in get_close_matches(token, self.words, n, SIMILAR)
        )
        return list(dict.fromkeys(near))[:n]


def fit_features(
    texts: Iterable[str],
    training: int,
    *,
    vocabulary: int = 30_000,
    weighting: str = "log-entropy",
    language: str = "auto",
) -> tuple[TextFeatures, SparseRows]:
    """Learn which terms count and how much, and count them; goes through the texts once.

    Parameters
    ----------
    texts : iterable of str
    training : int
        Terms and weights come from this many texts, the first ones, alone.
    vocabulary : int, default=30000
        At most so many terms are kept: those in most texts, and none that is in one text alone
        (unless there are fewer than 50, or no two share a term).
    weighting : {'log-entropy', 'tf-idf', 'counts'}
    language : {'auto', 'english', ''}
        'auto' takes English for what looks like it.

    Returns
    -------
    features : TextFeatures
        Without any term if there was no word to learn.
    counts : SparseRows of shape (n_texts, V)
        Of all texts, also of those behind the first.

    Raises
    ------
    ParameterError
        If a parameter is outside what is allowed.
    """
    _require("weighting", weighting, WEIGHTINGS)
    _require("language", language, LANGUAGES)
    for name, number in (("training", training), ("vocabulary", vocabulary)):
        if number < 1:
            raise ParameterError(f"{name} must be at least 1; got {number}")
    if isinstance(texts, str):
        raise ParameterError("texts must be several; put a single one into a list")
    rest = iter(texts)
    # A spelling gets the next number when it is first looked up.
    spellings: defaultdict[str, int] = defaultdict(count().__next__)
    found = _counted(islice(rest, training), spellings, MOST_SPELLINGS)
    totals = np.bincount(found.indices, weights=found.values, minlength=len(spellings))
    if language == "auto":
        language = language_of_counts(dict(zip(spellings, totals.tolist(), strict=True)))
    numbers: dict[str, int] = {"": -1}
    of_spelling = np.array(
        [numbers.setdefault(term_of(s, language), len(numbers) - 1) for s in spellings],
        dtype=np.int64,
    )
    terms = list(numbers)[1:]
    counts = _renumbered(found, of_spelling, len(terms))
    chosen = _choice(terms, counts, vocabulary)
    place = np.full(len(terms), -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    kept = _renumbered(counts, place, len(chosen))
    features = TextFeatures(
        tuple(terms[term] for term in chosen),
        _commonest(list(spellings), of_spelling, totals, chosen),
        _global_weights(weighting, kept),
        weighting,
        language,
    )
    others = features.count(rest)
    return features, SparseRows.stack([kept, others]) if len(others) else kept


def _counted(texts: Iterable[str], numbers: Mapping[str, int], width: int) -> SparseRows:
    """Count the tokens of texts by their numbers, which are below `width`; -1 is left out."""
    return _counted_tokens(map(raw_tokens, texts), numbers, width)


def _counted_tokens(
    texts: Iterable[Sequence[str]], numbers: Mapping[str, int], width: int
) -> SparseRows:
    rest = iter(texts)
    parts = []
    while block := list(islice(rest, BLOCK)):
        # The tokens of a block become one array that is sorted: no loop over them is in Python.
        lengths: list[int] = []
        tokens = chain.from_iterable(_noting(block, lengths))
        columns = np.fromiter(map(numbers.__getitem__, tokens), dtype=np.int64)
        rows = np.repeat(np.arange(len(block)), lengths)
        places = np.sort((rows * width + columns)[columns >= 0])
        first = np.flatnonzero(np.diff(places, prepend=-1))
        often = np.diff(first, append=len(places))
        parts.append(_sparse_rows(places[first], often, len(block), width))
    return (
        SparseRows.stack(parts)
        if parts
        else _sparse_rows(np.empty(0, np.int64), np.empty(0), 0, width)
    )


def _noting(lists: Iterable[Sequence[str]], lengths: list[int]) -> Iterator[Sequence[str]]:
    """Pass lists on, one at a time, and note how long each is."""
    for one in lists:
        lengths.append(len(one))
        yield one


def _renumbered(counts: SparseRows, numbers: Ints, width: int) -> SparseRows:
    """Return counts with other columns, below `width`; those of one number are added up."""
    columns = numbers[counts.indices]
    known = columns >= 0
    places = (counts.rows() * width + columns)[known]
    order = np.argsort(places)
    places, values = places[order], counts.values[known][order]
    first = np.flatnonzero(np.diff(places, prepend=-1))
    sums = np.add.reduceat(values, first) if len(first) else values
    return _sparse_rows(places[first], sums, len(counts), width)


def _sparse_rows(places: Ints, values: NDArray[Any], rows: int, width: int) -> SparseRows:
    """Sparse rows of values at places, row * width + column, which are sorted."""
    row, column = np.divmod(places, max(1, width))
    return SparseRows(
        np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))]).astype(np.int64),
        column.astype(np.int32),
        values.astype(np.float32, copy=False),
        width,
    )


def _choice(terms: Sequence[str], counts: SparseRows, vocabulary: int) -> list[int]:
    """Return the terms to keep, those in most texts first, then by the alphabet."""
    documents = np.bincount(counts.indices, minlength=len(terms))
    least = MIN_DOCUMENTS if len(counts) >= FEW_DOCUMENTS else 1
    possible = np.flatnonzero(documents >= least).tolist()
    if not possible:  # no two documents share a word: by words they are found all the same
        possible = np.flatnonzero(documents).tolist()
    return sorted(possible, key=lambda term: (-documents[term], terms[term]))[:vocabulary]


def _commonest(
    spellings: Sequence[str], of_spelling: Ints, totals: NDArray[Any], chosen: list[int]
) -> tuple[str, ...]:
    """Return the spelling of each chosen term that occurs most, the first of those alike."""
    order = np.lexsort((-np.arange(len(totals)), totals))
    best = np.zeros(of_spelling.max(initial=0) + 2, dtype=np.int64)
    best[of_spelling[order]] = order  # of several the last stays; -1 writes behind the terms
    return tuple(spellings[best[term]] for term in chosen)


def _global_weights(weighting: str, counts: SparseRows) -> Floats:
    """Return how much each term says about the texts that contain it, (V,)."""
    texts, width = counts.shape
    if weighting == "tf-idf":
        documents = np.bincount(counts.indices, minlength=width)
        return np.asarray(np.log((1 + texts) / (1 + documents)) + 1, dtype=np.float32)
    if weighting == "counts" or texts < 2:
        return np.ones(width, dtype=np.float32)
    values = counts.values.astype(np.float64)
    share = values / np.bincount(counts.indices, weights=values, minlength=width)[counts.indices]
    spread = np.bincount(counts.indices, weights=share * np.log(share), minlength=width)
    # 1 for a term of one text alone, 0 for one that is in all of them equally often.
    return np.asarray(np.clip(1 + spread / np.log(texts), 0, 1), dtype=np.float32)


def _require(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ParameterError(f"{name} must be one of {allowed}; got {value!r}")
