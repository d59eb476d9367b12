"""What can be compared: each fitted on the training set, in every form of its codes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.compare.baselines import Searcher, perceptual_hash, raw_pixels, weighted_words
from aesearch.compare.plan import BORROWED, HYBRID, OWN, Step
from aesearch.encoders import is_trained
from aesearch.encoders.factory import make_encoder
from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.linear.pca import PCAEncoder
from aesearch.engines.faiss import FaissEngine, measure_recall
from aesearch.engines.plan import choose
from aesearch.evaluation.tasks import Queries
from aesearch.indexing.baselines import (
    LSA_WEIGHTINGS,
    features_for,
    fit,
    learned_features,
    whitenings,
)
from aesearch.indexing.datasets.base import Dataset
from aesearch.indexing.hybrid import Fusion, LexicalIndex
from aesearch.indexing.selection import Candidate, Selection, Transform, freeze, stored_as
from aesearch.indexing.train import MOST_TURNED
from aesearch.inference.encoder import FrozenEncoder
from aesearch.search.counting import counts_of
from aesearch.search.counts import TermCounts
from aesearch.search.expansion import PLAIN, USUAL, Expansion
from aesearch.search.fusion import WordsCheck
from aesearch.search.lexical import searched_text
from aesearch.storage.layout import Layout
from aesearch.types import Floats, Ids, Pixels
from aesearch.wording import by_labels

REBUILT = 8  # pictures whose reconstructions are kept

Session = Any  # aesearch.encoders.training.session.Session, which needs torch


@dataclass
class Encoding:
    """A collection in the codes of one encoder, before they are stored in one form or another.

    Attributes
    ----------
    title : str
    codes : ndarray of float32, shape (n + p, code_size)
        Of the items, then of the passages of those that are long.
    encode : callable
        Gives the codes of queries.
    fit_s : float
        Seconds to learn, and to encode all items.
    learned : bool
        Whether a network was trained.
    error, rebuilt : float, ndarray of uint8 or None
        Of reconstructions; see `Searcher`.
    words : callable
        Gives how much words count beside these codes, and what they make documents borrow.
    """

    title: str
    codes: Floats
    encode: Callable[[Queries], Floats]
    fit_s: float
    learned: bool = False
    error: float | None = None
    rebuilt: Pixels | None = None
    words: Callable[[], WordsCheck] = WordsCheck


@dataclass
class Stage:
    """What the methods of one comparison share.

    Attributes
    ----------
    dataset : Dataset
    seed : int
    forms : sequence of str
        Of 'float', 'int8', 'bits', 'hybrid', 'borrowed'.
    place : Path
        Folder for what is needed for a while.
    session : callable
        Gives the session of a training.
    own : FrozenEncoder or None
        The encoder of an index, and
    own_features : Features or None
        what it takes.
    weighting : callable
        Gives the weighting of words for learned encoders.
    labels : str
        'none' where an index makes no use of them.
    shown, mapped : ndarray of int64
        Items whose reconstructions are kept, and those whose codes are.
    """

    dataset: Dataset
    seed: int
    forms: Sequence[str]
    place: Path
    session: Callable[[Step], Session]
    own: FrozenEncoder | None = None
    own_features: Any = None
    weighting: Callable[[], str] = lambda: "log-entropy"
    labels: str = "auto"
    shown: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    mapped: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @cached_property
    def selection(self) -> Selection:
        """Model selection as an index has it: its tasks, and which weighting of words is best."""
        return Selection(self.dataset, self.seed, self.labels)

    def searchers(self, step: Step) -> Iterator[Searcher]:
        """Fit what a step says, and yield a row of the table for each form of it."""
        dataset: Any = self.dataset
        started = time.perf_counter()
        made: list[Searcher]
        if step.method == "raw" and dataset.modality.visual:
            made = [raw_pixels(dataset.pixels, dataset.training, cosine=c) for c in (False, True)]
        elif step.method == "phash":
            made = [perceptual_hash(dataset.pixels)]
        elif step.method == "tf-idf":
            made = [weighted_words(dataset, features_for(dataset, "tf-idf"))]
        elif step.method == "bm25":
            made = [_by_words("BM25", "words", *self._lexical())]
        else:
            for encoding in self._codes(step):
                yield from self._stored(encoding)
            return
        for one in made:
            one.fit_s = one.fit_s or (time.perf_counter() - started) / len(made)
            yield one

    def _codes(self, step: Step) -> Iterator[Encoding]:
        if step.method == "pca":
            yield from self._pca(step)
        elif step.method == "lsa" and self.dataset.modality.has_words:
            for weighting in LSA_WEIGHTINGS:
                yield from self._lsa(step, weighting)
        elif step.method == OWN and self.own is not None:
            own, kind = self.own, self.own.manifest.kind
            trained = float(own.manifest.trained.get("seconds", 0.0))
            title, started = f"this index's {kind}", time.perf_counter() - trained
            title = ", ".join(filter(None, [title, by_labels(own.manifest.weights_from)]))
            learned = is_trained(kind)
            yield self._of(title, own, self.own_features, started, learned=learned)
        else:
            parameters, started = dict(step.parameters), time.perf_counter()
            encoder = make_encoder(
                step.method, parameters, self.dataset.code_size(step.size), self.seed
            )
            features = learned_features(self.dataset, step.method, parameters, self.weighting)
            session = self.session(step) if step.learned else None
            fit(encoder, self.dataset, features, session, self.labels)
            with self._frozen(encoder, step, features) as frozen:
                said = [step.titled(step.method), by_labels(encoder.weights_from_)]
                title = ", ".join(filter(None, said))
                yield self._of(title, frozen, features, started, learned=step.learned)

    def _pca(self, step: Step) -> Iterator[Encoding]:
        """Yield the three whitenings of one PCA, from one pass over the pictures."""
        dataset, started = self.dataset, time.perf_counter()
        pca = PCAEncoder(step.size, random_state=self.seed, **dict(step.parameters))
        fit(pca, dataset, dataset.features)
        with self._frozen(pca, step, dataset.features) as frozen:
            latents = frozen.encode_with_latents(dataset.samples)[1]
            seconds = time.perf_counter() - started
            error, rebuilt = self._reconstructions(frozen, dataset.features)
            for name, one, whitened in whitenings(pca):

                def encode(queries: Queries, whitened: Transform = whitened) -> Floats:
                    return whitened(frozen.encode_with_latents(queries.samples)[1])

                title = step.titled(name.replace("pca", "PCA"))
                drawn = rebuilt if one.whiten == 0.5 else None
                yield Encoding(title, whitened(latents), encode, seconds, False, error, drawn)

    def _lsa(self, step: Step, weighting: str) -> Iterator[Encoding]:
        """Yield LSA of a weighting; which is best is found out as an index does."""
        started = time.perf_counter()
        features = features_for(self.dataset, weighting)
        lsa = LSAEncoder(step.size, random_state=self.seed, **dict(step.parameters))
        fit(lsa, self.dataset, features)
        with self._frozen(lsa, step, features) as frozen:
            candidate = Candidate("lsa", lsa, features, frozen)
            coded = self.selection.coded(candidate.codes, features)
            one = self._of(step.titled(f"LSA {weighting}"), frozen, features, started, coded.rows)
            self.selection.enter(f"lsa {weighting}", candidate, coded)
            yield one

    def _of(
        self,
        title: str,
        frozen: FrozenEncoder,
        features: Any,
        started: float,
        codes: Floats | None = None,
        *,
        learned: bool = False,
    ) -> Encoding:
        """Return the codes of a frozen encoder, which was `started` to be made then."""
        dataset = self.dataset
        if codes is None:
            codes = self.selection.coded(frozen.encode, features).rows
        seconds = time.perf_counter() - started

        def encode(queries: Queries) -> Floats:
            return frozen.encode(dataset.seen(queries.samples, features))

        @cache
        def words() -> WordsCheck:
            """Return how much words count beside these codes, as an index finds it out."""
            found = WordsCheck.of(frozen.manifest.check)
            if not found.questions:
                found = WordsCheck.of(
                    dataset.notes(codes[: len(dataset)], features, frozen, self.seed)
                )
            return found

        rebuilt = self._reconstructions(frozen, features)
        return Encoding(title, codes, encode, seconds, learned, *rebuilt, words)

    def _stored(self, encoding: Encoding) -> Iterator[Searcher]:
        """Yield searchers of codes as floats, 8-bit integers and bits, and of floats with words."""
        size, rows = encoding.codes.shape[1], len(encoding.codes) / len(self.dataset)
        bits = size - size % 8 if size <= MOST_TURNED else 0
        mapped: Floats | None = encoding.codes[self.mapped]  # of the first form alone
        for form in self.forms:
            if form == "bits" and not bits:
                continue
            if form == HYBRID:
                one = self._hybrid(encoding, 4 * size * rows)
            elif form == BORROWED:
                one = self._borrowed(encoding)
            else:
                stored, fit_to = stored_as(encoding.codes, form, bits, self.dataset.training)

                def prepare(queries: Queries, fit_to: Transform = fit_to) -> Floats:
                    return fit_to(encoding.encode(queries))

                taken = rows * {"float": 4 * size, "int8": size, "bits": bits / 8}[form]
                width = bits if form == "bits" else size
                score = self._ranking(stored)
                one = Searcher(encoding.title, prepare, score, taken, form, width)
            if form == "float":  # of the others nothing is decoded
                one.error, one.rebuilt = encoding.error, encoding.rebuilt
                one.ann_recall = _ann_recall(encoding.codes)
            one.learned, one.fit_s = encoding.learned, one.fit_s + encoding.fit_s
            one.mapped, mapped = mapped, None
            yield one

    def _ranking(self, stored: Floats) -> Callable[[Floats], Floats]:
        """Return what scores all items by these codes of them and of their passages."""

        def score(queries: Floats) -> Floats:
            return self.selection.passages.scores(queries, stored)

        return score

    def _hybrid(self, encoding: Encoding, taken: float) -> Searcher:
        started, found = time.perf_counter(), encoding.words()
        items, score = encoding.codes[: len(self.dataset)], self._ranking(encoding.codes)
        seconds = time.perf_counter() - started
        lexical, more = self._lexical(items, found.expansion)
        fusion = Fusion(lexical, items, score, found.mixture)
        return Searcher(
            f"{encoding.title} + BM25",
            lambda queries: fusion.prepare(queries, encoding.encode(queries)),
            fusion.ranked,
            taken + lexical.bytes_per_item,
            HYBRID,
            items.shape[1],
            fit_s=seconds + more,
        )

    def _borrowed(self, encoding: Encoding) -> Searcher:
        """Return what ranks by BM25 alone, with words of neighbors by these codes."""
        expansion = encoding.words().expansion
        lexical = self._lexical(
            encoding.codes[: len(self.dataset)], USUAL if expansion.is_plain else expansion
        )
        return _by_words(f"{encoding.title} (borrowed words in BM25)", BORROWED, *lexical)

    def _lexical(
        self, codes: Floats | None = None, expansion: Expansion = PLAIN
    ) -> tuple[LexicalIndex, float]:
        """Return a lexical index, and how many seconds it took."""
        (counts, seconds), started = self._counts, time.perf_counter()
        lexical = LexicalIndex.weigh(counts, codes, expansion)
        return lexical, seconds + time.perf_counter() - started

    @cached_property
    def _counts(self) -> tuple[TermCounts, float]:
        """The terms of all documents, and how many seconds they took."""
        started, language = time.perf_counter(), self.dataset.features.language
        dataset: Any = self.dataset
        texts = map(searched_text, dataset.documents)
        counts = counts_of(enumerate(texts), language)
        return counts, time.perf_counter() - started

    def _reconstructions(
        self, frozen: FrozenEncoder, features: Any
    ) -> tuple[float | None, Pixels | None]:
        """Return the mean error of held-out items, and some pictures as they come back."""
        dataset: Any = self.dataset
        kept = dataset.samples[dataset.held_out]
        error = float(frozen.errors(dataset.seen(kept, features))[1].mean())
        if not dataset.modality.visual or not len(self.shown):
            return error, None
        decoded = frozen.reconstruct(dataset.pixels[self.shown])[0]
        return error, np.clip(np.rint(decoded), 0, 255).astype(np.uint8)

    def _frozen(self, encoder: Any, step: Step, features: Any) -> _Borrowed:
        place = self.place / f"frozen-{step.name}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return _Borrowed(freeze(encoder, step.method, features, Layout(place), {}), place)


def _by_words(title: str, form: str, lexical: LexicalIndex, seconds: float) -> Searcher:
    """Return what ranks by BM25 alone."""
    size, width = lexical.bytes_per_item, len(lexical.words.term_ends)
    return Searcher(title, attrgetter("texts"), lexical.scores, size, form, width, fit_s=seconds)


@dataclass
class _Borrowed:
    """A frozen encoder whose folder goes when it is no longer needed."""

    frozen: FrozenEncoder
    place: Path

    def __enter__(self) -> FrozenEncoder:
        return self.frozen

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.place, ignore_errors=True)


def _ann_recall(codes: Floats) -> float | None:
    """Return the recall of inverted lists with 8 probes; None where there are too few codes."""
    plan = choose(len(codes), codes.shape[1], kind="ivf")
    if not plan.probes:
        return None
    ids = np.arange(len(codes))
    return measure_recall(FaissEngine.build(plan, ids, codes, None), ids, codes)
