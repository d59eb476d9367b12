"""What can be compared: each fitted on the learning part, in every form of its codes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.compare.baselines import Searcher, perceptual_hash, raw_pixels, weighted_words
from aesearch.compare.hybrid import Fusion, Long, Spoken
from aesearch.compare.plan import HYBRID, OWN, Step
from aesearch.compare.tasks import Asked
from aesearch.encoders import UNTRAINED
from aesearch.encoders.factory import make_encoder
from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.linear.pca import SMALLEST_VARIANCE, PCAEncoder
from aesearch.engines.faiss import FaissEngine, learn_rotation, measure_recall, quantized
from aesearch.engines.plan import choose
from aesearch.indexing.baselines import COUNTING, FORMS, LSA_WEIGHTINGS, features_for, learned_from
from aesearch.indexing.datasets.base import Dataset
from aesearch.indexing.selection import freeze, unit
from aesearch.indexing.train import MOST_TURNED
from aesearch.inference.encoder import FrozenEncoder
from aesearch.modalities import IMAGES, TEXTS
from aesearch.search.fusion import WordsCheck
from aesearch.storage.layout import Layout
from aesearch.types import Floats, Ids, Pixels

REBUILT = 8  # pictures whose reconstructions are kept

Session = Any  # aesearch.encoders.training.loop.Session, which needs torch


@dataclass
class Stage:
    """What the methods of one comparison share.

    Attributes
    ----------
    corpus : Dataset
    seed : int
    forms : sequence of str
        Of 'float', 'int8', 'bits', 'hybrid'.
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
    shown, mapped : ndarray of int64
        Items whose reconstructions are kept, and those whose codes are.
    """

    corpus: Dataset
    seed: int
    forms: Sequence[str]
    place: Path
    session: Callable[[Step], Session]
    own: FrozenEncoder | None = None
    own_features: Any = None
    weighting: Callable[[], str] = lambda: "log-entropy"
    shown: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    mapped: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def searchers(self, step: Step) -> Iterator[Searcher]:
        """Fit what a step says, and yield a row of the table for each form of it."""
        corpus: Any = self.corpus
        started = time.perf_counter()
        made: list[Searcher]
        if step.method == "raw" and corpus.kind == IMAGES:
            made = [raw_pixels(corpus.pixels, corpus.training, cosine=c) for c in (False, True)]
        elif step.method == "phash":
            made = [perceptual_hash(corpus.pixels)]
        elif step.method == "tf-idf":
            made = [weighted_words(corpus, features_for(corpus, "tf-idf"))]
        elif step.method == "bm25":
            made = [self._spoken.searcher()]
        else:
            yield from self._codes(step)
            return
        for one in made:
            one.fit_s = one.fit_s or (time.perf_counter() - started) / len(made)
            yield one

    def _codes(self, step: Step) -> Iterator[Searcher]:
        if step.method == "pca":
            yield from self._pca(step)
        elif step.method == "lsa" and self.corpus.kind == TEXTS:
            for weighting in LSA_WEIGHTINGS:
                features = features_for(self.corpus, weighting)
                lsa = LSAEncoder(step.size, random_state=self.seed, **dict(step.parameters))
                yield from self._encoder(step, lsa, step.titled(f"LSA {weighting}"), features)
        elif step.method == OWN and self.own is not None:
            kind = self.own.manifest.kind
            trained = float(self.own.manifest.trained.get("seconds", 0.0))
            learned = kind not in UNTRAINED
            title = f"this index's {kind}"
            yield from self._forms(title, self.own, self.own_features, trained, learned=learned)
        else:
            encoder = make_encoder(step.method, dict(step.parameters), step.size, self.seed)
            title = step.titled(step.method)
            yield from self._encoder(step, encoder, title, self._features_for(step))

    def _features_for(self, step: Step) -> Any:
        if self.corpus.kind == IMAGES:
            return self.corpus.features
        counts = dict(step.parameters).get("loss", "auto") in ("auto", "multinomial")
        weighting = "counts" if step.method in COUNTING and counts else self.weighting()
        return features_for(self.corpus, weighting)

    def _pca(self, step: Step) -> Iterator[Searcher]:
        """Yield the three whitenings of one PCA, from one pass over the pictures."""
        started = time.perf_counter()
        corpus: Any = self.corpus
        pca = PCAEncoder(step.size, random_state=self.seed, **dict(step.parameters))
        pca.fit(learned_from(corpus, corpus.features))
        with self._frozen(pca, step, corpus.features) as frozen:
            latents = frozen.encode_with_latents(corpus.samples)[1]
            fit_s = time.perf_counter() - started
            error, rebuilt = self._reconstructions(frozen, corpus.features)
            variance = np.maximum(pca.explained_variance_, SMALLEST_VARIANCE)
            for name, whiten in FORMS.items():
                scale = variance ** ((pca.whiten - whiten) / 2)

                def encode(asked: Asked, scale: Any = scale) -> Floats:
                    return unit(frozen.encode_with_latents(asked.samples)[1] * scale)

                title = step.titled(name.replace("pca", "PCA"))
                for one in self._stored(title, unit(latents * scale), encode):
                    one.fit_s = fit_s
                    if one.form == "float":  # of the others nothing is decoded
                        one.error, one.rebuilt = error, rebuilt if whiten == 0.5 else None
                    yield one

    def _encoder(self, step: Step, encoder: Any, title: str, features: Any) -> Iterator[Searcher]:
        """Fit an encoder, freeze it as an index does, and yield its forms."""
        started = time.perf_counter()
        rows = learned_from(self.corpus, features)
        if step.learned:
            labels = None
            if encoder.uses_labels:
                labels = np.array(self.corpus.labels[: self.corpus.training], dtype=str)
            encoder.fit(rows, labels, session=self.session(step))
        else:
            encoder.fit(rows)
        del rows
        with self._frozen(encoder, step, features) as frozen:
            seconds = time.perf_counter() - started
            yield from self._forms(title, frozen, features, seconds, learned=step.learned)

    def _forms(
        self, title: str, frozen: FrozenEncoder, features: Any, fit_s: float, *, learned: bool
    ) -> Iterator[Searcher]:
        corpus, long = self.corpus, self._long
        started = time.perf_counter()
        codes = frozen.encode(corpus.seen(corpus.samples, features))
        codes = np.concatenate([codes, long.codes(corpus, features, frozen)])
        fit_s += time.perf_counter() - started
        error, rebuilt = self._reconstructions(frozen, features)

        def encode(asked: Asked) -> Floats:
            return frozen.encode(corpus.seen(asked.samples, features))

        def weight() -> float:
            """Return how much words count beside these codes, as an index finds it out."""
            found = WordsCheck.of(frozen.manifest.check)
            if not found.questions:
                found = WordsCheck.of(
                    corpus.notes(codes[: len(corpus)], features, frozen, self.seed)
                )
            return found.weight

        for one in self._stored(title, codes, encode, weight):
            one.fit_s += fit_s
            one.learned = learned
            if one.form == "float":  # of the others nothing is decoded
                one.error, one.rebuilt = error, rebuilt
            yield one

    def _stored(
        self,
        title: str,
        codes: Floats,
        encode: Callable[[Asked], Floats],
        weight: Callable[[], float] = lambda: 0.0,
    ) -> Iterator[Searcher]:
        """Yield searchers of codes as floats, 8-bit integers and bits, and of floats with words.

        Parameters
        ----------
        title : str
        codes : ndarray of float32, shape (n + p, code_size)
            Of the items, then of the passages of those that are long.
        encode : callable
            Gives the codes of questions.
        weight : callable
            Gives the weight of words beside these codes.
        """
        size, items = codes.shape[1], len(self.corpus)
        bits = size - size % 8 if size <= MOST_TURNED else 0
        rows = len(codes) / items
        mapped: Floats | None = codes[self.mapped]  # of the first form alone
        for form in self.forms:
            if form == "bits" and not bits:
                continue
            if form == HYBRID:
                one = self._hybrid(title, codes, encode, weight, 4 * size * rows)
            else:
                # Learned without what is kept out, as the encoder was.
                part = codes[: max(2, self.corpus.training)]
                rotation = learn_rotation(part, bits) if form == "bits" else None
                stored = quantized(codes, form, rotation)

                def prepare(asked: Asked, form: str = form, rotation: Any = rotation) -> Floats:
                    found = encode(asked)  # 8-bit codes are searched with floats
                    return quantized(found, form, rotation) if form == "bits" else found

                taken = rows * {"float": 4 * size, "int8": size, "bits": bits / 8}[form]
                width = bits if form == "bits" else size
                one = Searcher(title, prepare, self._ranking(stored), taken, form, width)
            if form == "float":
                one.ann_recall = _ann_recall(codes)
            one.mapped, mapped = mapped, None
            yield one

    def _ranking(self, stored: Floats) -> Callable[[Floats], Floats]:
        """Return what scores all items by these codes of them and of their passages."""

        def score(queries: Floats) -> Floats:
            return self._long.best(queries @ stored.T)

        return score

    def _hybrid(
        self,
        title: str,
        codes: Floats,
        encode: Callable[[Asked], Floats],
        weight: Callable[[], float],
        taken: float,
    ) -> Searcher:
        started = time.perf_counter()
        share = weight()
        seconds = time.perf_counter() - started + self._spoken.seconds
        of_items = codes[: len(self.corpus)]
        fusion = Fusion(self._spoken, of_items, encode, self._ranking(codes), share)
        one = fusion.searcher(title, taken)
        one.fit_s = seconds
        return one

    @cached_property
    def _long(self) -> Long:
        return Long.of(self.corpus)

    @cached_property
    def _spoken(self) -> Spoken:
        corpus: Any = self.corpus
        return Spoken.of(corpus)

    def _reconstructions(
        self, frozen: FrozenEncoder, features: Any
    ) -> tuple[float | None, Pixels | None]:
        """Return the mean error of what was kept out, and some pictures as they come back."""
        corpus: Any = self.corpus
        kept = corpus.samples[corpus.kept_out]
        error = float(frozen.errors(corpus.seen(kept, features))[1].mean())
        if corpus.kind != IMAGES or not len(self.shown):
            return error, None
        decoded = frozen.reconstruct(corpus.pixels[self.shown])[0]
        return error, np.clip(np.rint(decoded), 0, 255).astype(np.uint8)

    def _frozen(self, encoder: Any, step: Step, features: Any) -> _Borrowed:
        place = self.place / f"frozen-{step.name}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return _Borrowed(freeze(encoder, step.method, features, Layout(place), {}), place)


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
