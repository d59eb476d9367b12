"""What a learned encoder has to beat: the baselines of each kind of collection, at their best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.encoders import ENCODERS
from aesearch.encoders.factory import make_encoder
from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.linear.pca import SMALLEST_VARIANCE, PCAEncoder
from aesearch.indexing.datasets.base import Dataset
from aesearch.indexing.selection import Candidate, Coded, Selection, Transform, as_csr, freeze, unit
from aesearch.settings import FEWEST_TO_FIT, Settings
from aesearch.storage.layout import Layout
from aesearch.types import Array, Floats

if TYPE_CHECKING:
    from aesearch.encoders.closed.described import Described

WHITENINGS: dict[str, float] = {"pca": 0.0, "pca half-whitened": 0.5, "pca whitened": 1.0}
LSA_WEIGHTINGS = ("log-entropy", "tf-idf")


def learned_from(dataset: Dataset, features: Any) -> Any:
    """Return the training set, as `fit` takes it."""
    rows = dataset.seen(dataset.samples, features)
    part = rows[: max(2, dataset.training)]
    if len(part) < 2:  # a single item: encoders want two, and there is nothing to learn
        part = rows[np.zeros(2, dtype=np.int64)]
    return as_csr(part)


def fit(
    encoder: Any, dataset: Dataset, features: Any, session: Any = None, use: str = "auto"
) -> None:
    """Fit an encoder on the training set; one that is trained, within its session.

    With "none" for `use`, one that can do without labels gets none.
    """
    rows, labels = learned_from(dataset, features), None
    if encoder.uses_labels or (encoder.may_use_labels and use == "auto"):
        # Of what is learned from, and of no other item.
        labels = np.array(dataset.labels[: dataset.training], dtype=str)
        labels = labels if len(labels) == rows.shape[0] else None  # a single item, shown twice
    encoder.fit(rows, labels, **({} if session is None else {"session": session}))


def first_encoder(dataset: Dataset, settings: Settings, layout: Layout) -> Candidate:
    """Fit what can be published at once: half-whitened PCA or LSA; of few items, the fallback."""
    few = len(dataset) < FEWEST_TO_FIT
    kind = dataset.modality.fallback if few else dataset.modality.baseline
    encoder = make_encoder(kind, {}, settings.code_size, settings.seed)
    fit(encoder, dataset, dataset.features, use=settings.labels)
    notes = {"trained": {"items": dataset.training}}
    return Candidate.of(encoder, kind, dataset.features, layout, notes)


def enter_baselines(selection: Selection, settings: Settings, layout: Layout, encoder: str) -> None:
    """Fit and check the baselines of a collection; `encoder` is the one that is wanted."""
    dataset = selection.dataset
    baseline = dataset.modality.baseline
    parameters = settings.parameters if encoder == baseline else {}
    if baseline == "pca":
        pca = PCAEncoder(settings.code_size, random_state=settings.seed, **parameters)
        _enter_pca(selection, pca, layout)
        return
    for weighting in LSA_WEIGHTINGS if settings.weighting == "auto" else (settings.weighting,):
        features = features_for(dataset, weighting)
        lsa = LSAEncoder(settings.code_size, random_state=settings.seed, **parameters)
        fit(lsa, dataset, features)
        selection.encode(f"lsa {weighting}", Candidate.of(lsa, "lsa", features, layout))


def enter_closed_form(
    selection: Selection, settings: Settings, layout: Layout, name: str
) -> Described:
    """Fit and check the encoder in closed form that stands beside the baseline.

    Returns
    -------
    Described
        What a network that is trained on the same samples need not find again.
    """
    from aesearch.encoders.closed.described import Described
    from aesearch.encoders.training.session import Session

    known = Described()
    dataset = selection.dataset
    size = dataset.code_size(settings.code_size)
    encoder = make_encoder(name, {}, size, settings.seed)
    fit(encoder, dataset, dataset.features, Session(described=known), settings.labels)
    selection.encode(name, Candidate.of(encoder, name, dataset.features, layout))
    return known


def _enter_pca(selection: Selection, pca: PCAEncoder, layout: Layout) -> None:
    """Check the whitenings of one PCA, from one pass over the pictures."""
    dataset = selection.dataset
    fit(pca, dataset, dataset.features)
    frozen = freeze(pca, "pca", dataset.features, layout, {})
    latents = frozen.encode_with_latents(dataset.samples)[1]
    asked = frozen.encode_with_latents(selection.known_item.queries.samples)[1]
    for name, one, whitened in whitenings(pca):
        candidate, codes = Candidate("pca", one, dataset.features, frozen), whitened(latents)
        selection.enter(name, candidate, Coded(codes, whitened(asked), codes[:0]))


def whitenings(pca: PCAEncoder) -> Iterator[tuple[str, PCAEncoder, Transform]]:
    """Yield the whitenings of a fitted PCA, without fitting or encoding again.

    Yields
    ------
    name, encoder, whitened : str, PCAEncoder, callable
        The last makes normalised codes of the latents of `pca`.
    """
    variance = np.maximum(pca.explained_variance_, SMALLEST_VARIANCE)
    for name, whiten in WHITENINGS.items():
        scale = variance ** ((pca.whiten - whiten) / 2)
        yield name, pca.rescaled(whiten), partial(_scaled, scale=scale)


def _scaled(latents: Floats, scale: Array) -> Floats:
    return unit(latents * scale)


def features_for(dataset: Dataset, weighting: str) -> Any:
    """Return the features of a collection with other weights, learned from its training part."""
    features = dataset.features
    if not dataset.modality.has_words or features.weighting == weighting:
        return features
    return features.reweighted(weighting, dataset.samples[: dataset.training])


def features_wanted(selection: Selection, settings: Settings, encoder: str) -> Any:
    """Return the features that a learned encoder gets: as chosen, or `learned_features`."""
    dataset = selection.dataset
    if settings.weighting != "auto":
        return features_for(dataset, settings.weighting)
    best = partial(best_weighting, selection)
    return learned_features(dataset, encoder, settings.parameters, best)


def learned_features(
    dataset: Dataset, encoder: str, parameters: Mapping[str, Any], weighting: Callable[[], str]
) -> Any:
    """Return the features that a learned encoder gets where none were chosen.

    Of documents: the counts, for encoders that model them; else what `weighting` gives, as a
    rule that with which LSA does best.
    """
    if not dataset.modality.has_words:
        return dataset.features
    models = encoder in ENCODERS and ENCODERS[encoder].takes_counts
    counts = models and parameters.get("loss", "auto") in ("auto", "multinomial")
    return features_for(dataset, "counts" if counts else weighting())


def best_weighting(selection: Selection) -> str:
    """Return the weighting of the best baseline of documents."""
    return str(selection.candidates[selection.decide().winner].features.weighting)
