"""What can be compared: each fitted on the learning part, in every form of its codes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.candidates import freeze, unit
from aesearch.comparing.baselines import (
    Searcher,
    bm25,
    perceptual_hash,
    raw_pixels,
    weighted_words,
)
from aesearch.comparing.tasks import Asked
from aesearch.contenders import COUNTING, FORMS, LSA_WEIGHTINGS, features_for, learned_from
from aesearch.corpus import Corpus
from aesearch.encoders import ENCODERS, LEARNED, UNTRAINED
from aesearch.encoders.baselines import LSAEncoder
from aesearch.encoders.linear import SMALLEST_VARIANCE, PCAEncoder
from aesearch.encoders.making import encoders_for, make_encoder, require_kind
from aesearch.engines import Floats
from aesearch.engines.choose import FORMS as CODE_FORMS
from aesearch.engines.choose import choose
from aesearch.engines.faiss import FaissEngine, as_stored, learn_rotation, measure_recall
from aesearch.errors import ParameterError
from aesearch.evaluation import Pixels
from aesearch.features import IMAGES, NOUNS, TEXTS
from aesearch.frozen import FrozenEncoder
from aesearch.layout import Layout
from aesearch.trainer import FEWEST_TO_TRAIN, MOST_TURNED

OWN = "index"  # the encoder of the index that is compared
SIZELESS = {IMAGES: ("raw", "phash"), TEXTS: ("tf-idf", "bm25")}
DEFAULTS = {
    IMAGES: ("raw", "phash", "thumbnail", "pca", "auto"),
    TEXTS: ("tf-idf", "bm25", "lsa", "auto"),
}
REBUILT = 8  # pictures whose reconstructions are kept

Session = Any  # aesearch.encoders.training.Session, which needs torch


@dataclass(frozen=True)
class Step:
    """One method at one size of code: what is fitted once, and compared in several forms.

    Attributes
    ----------
    method : str
        'raw', 'phash', 'tf-idf', 'bm25', 'index', or an encoder's name.
    size : int
        Numbers in a code; 0 where that is no choice.
    """

    method: str
    size: int = 0

    @property
    def learned(self) -> bool:
        """Whether a network is trained within a budget."""
        return self.method in ENCODERS and self.method not in UNTRAINED

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"{self.method}-{self.size}" if self.size else self.method


@dataclass
class Stage:
    """What the methods of one comparison share.

    Attributes
    ----------
    corpus : Corpus
    seed : int
    forms : sequence of str
        Of 'float', 'int8', 'bits'.
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
    """

    corpus: Corpus
    seed: int
    forms: Sequence[str]
    place: Path
    session: Callable[[Step], Session]
    own: FrozenEncoder | None = None
    own_features: Any = None
    weighting: Callable[[], str] = lambda: "log-entropy"
    shown: Any = field(default_factory=lambda: np.empty(0, dtype=np.int64))

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
            made = [bm25(corpus)]
        else:
            yield from self._codes(step)
            return
        for one in made:
            one.fit_s = (time.perf_counter() - started) / len(made)
            yield one

    def _codes(self, step: Step) -> Iterator[Searcher]:
        if step.method == "pca":
            yield from self._pca(step)
        elif step.method == "lsa" and self.corpus.kind == TEXTS:
            for weighting in LSA_WEIGHTINGS:
                features = features_for(self.corpus, weighting)
                lsa = LSAEncoder(step.size, random_state=self.seed)
                yield from self._encoder(step, lsa, f"LSA {weighting}", features)
        elif step.method == OWN and self.own is not None:
            kind = self.own.manifest["kind"]
            trained = float(self.own.manifest.get("trained", {}).get("seconds", 0.0))
            learned = kind not in UNTRAINED
            title = f"this index's {kind}"
            yield from self._forms(title, self.own, self.own_features, trained, learned=learned)
        else:
            encoder = make_encoder(step.method, {}, step.size, self.seed)
            yield from self._encoder(step, encoder, step.method, self._features_for(step))

    def _features_for(self, step: Step) -> Any:
        if self.corpus.kind == IMAGES:
            return self.corpus.features
        weighting = "counts" if step.method in COUNTING else self.weighting()
        return features_for(self.corpus, weighting)

    def _pca(self, step: Step) -> Iterator[Searcher]:
        """Yield the three whitenings of one PCA, from one pass over the pictures."""
        started = time.perf_counter()
        corpus: Any = self.corpus
        pca = PCAEncoder(step.size, random_state=self.seed)
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

                for one in self._stored(name.replace("pca", "PCA"), unit(latents * scale), encode):
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
        corpus = self.corpus
        started = time.perf_counter()
        codes = frozen.encode(corpus.seen(corpus.samples, features))
        fit_s += time.perf_counter() - started
        error, rebuilt = self._reconstructions(frozen, features)

        def encode(asked: Asked) -> Floats:
            return frozen.encode(corpus.seen(asked.samples, features))

        for one in self._stored(title, codes, encode):
            one.fit_s, one.learned = fit_s, learned
            if one.form == "float":  # of the others nothing is decoded
                one.error, one.rebuilt = error, rebuilt
            yield one

    def _stored(
        self, title: str, codes: Floats, encode: Callable[[Asked], Floats]
    ) -> Iterator[Searcher]:
        """Yield searchers of codes as floats, 8-bit integers and bits."""
        size = codes.shape[1]
        bits = size - size % 8 if size <= MOST_TURNED else 0
        for form in self.forms:
            if form == "bits" and not bits:
                continue
            # Learned without what is kept out, as the encoder was.
            part = codes[: max(2, self.corpus.training)]
            rotation = learn_rotation(part, bits) if form == "bits" else None
            stored = as_stored(codes, form, rotation)

            def prepare(asked: Asked, form: str = form, rotation: Any = rotation) -> Floats:
                found = encode(asked)  # 8-bit codes are searched with floats
                return as_stored(found, form, rotation) if form == "bits" else found

            def score(queries: Floats, stored: Floats = stored) -> Floats:
                product: Floats = queries @ stored.T
                return product

            taken = {"float": 4 * size, "int8": size, "bits": bits / 8}[form]
            one = Searcher(title, prepare, score, taken, form, bits if form == "bits" else size)
            if form == "float":
                one.ann_recall = _ann_recall(codes)
            yield one

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


def choose_steps(
    wanted: Sequence[str], sizes: Sequence[int], kind: str, *, has_own: bool = False
) -> list[Step]:
    """Return what is to be compared, baselines first.

    Parameters
    ----------
    wanted : sequence of str
        Methods by name; 'auto' is what is learned by default, or the index's own encoder where
        there is one. Empty for the usual ones.
    sizes : sequence of int
        Numbers in a code.
    kind : str
        'images' or 'texts'.
    has_own : bool
        Whether an index is compared.

    Raises
    ------
    ParameterError
        If a name is unknown, or cannot learn from such a collection.
    """
    steps: dict[Step, None] = {}
    for name in wanted or DEFAULTS[kind]:
        method = (OWN if has_own else LEARNED[kind]) if name == "auto" else name
        if method in SIZELESS[kind] or (method == OWN and has_own):
            steps[Step(method)] = None
            continue
        if method not in ENCODERS:
            able = ["auto", *SIZELESS[kind], *encoders_for(kind)]
            raise ParameterError(
                f"'{name}' is nothing that {NOUNS[kind]}s can be compared by; choose of "
                f"{', '.join(dict.fromkeys(able))}" + (f", {OWN}" if has_own else "")
            )
        require_kind(method, kind)
        for size in (0,) if method == "raw" else sizes:
            steps[Step(method, size)] = None
    return sorted(steps, key=lambda step: step.learned)


def require_enough(steps: Sequence[Step], count: int, kind: str) -> None:
    """Refuse to train on fewer items than there is anything to learn from."""
    learned = [step.method for step in steps if step.learned]
    if learned and count < FEWEST_TO_TRAIN:
        raise ParameterError(
            f"{count} {NOUNS[kind]}s are too few to train {learned[0]}, which needs "
            f"{FEWEST_TO_TRAIN}; name baselines with --encoders"
        )


def check_forms(forms: Sequence[str]) -> None:
    """Refuse a form of codes that does not exist."""
    for form in forms:
        if form not in CODE_FORMS:
            raise ParameterError(f"unknown code form '{form}'; choose {', '.join(CODE_FORMS)}")
