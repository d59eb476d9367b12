"""What a learned encoder has to beat: the baselines of each kind of collection, at their best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aesearch.encoders.factory import make_encoder
from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.linear.pca import SMALLEST_VARIANCE, PCAEncoder
from aesearch.encoders.sparse import csr_of
from aesearch.indexing.datasets.base import Dataset
from aesearch.indexing.selection import Contest, Finalist, freeze, unit
from aesearch.settings import FEWEST_TO_FIT, Settings
from aesearch.sparse import Bags
from aesearch.storage.layout import Layout

FORMS: dict[str, float] = {"pca": 0.0, "pca half-whitened": 0.5, "pca whitened": 1.0}
LSA_WEIGHTINGS = ("log-entropy", "tf-idf")
# Encoders that model how often a word occurs (a multinomial), and so take the counts themselves.
COUNTING = frozenset({"mlp", "vae", "cvae", "dbn"})


def learned_from(corpus: Dataset, features: Any) -> Any:
    """Return the items that are learned from, as `fit` takes them."""
    rows = corpus.seen(corpus.samples, features)
    part = rows[: max(2, corpus.training)]
    if len(part) < 2:  # a single item: encoders want two, and there is nothing to learn
        part = rows[np.zeros(2, dtype=np.int64)]
    return csr_of(part) if isinstance(part, Bags) else part


def first_encoder(corpus: Dataset, settings: Settings, layout: Layout) -> Finalist:
    """Fit what can be published at once: half-whitened PCA or LSA; of few items, the fallback."""
    few = len(corpus) < FEWEST_TO_FIT
    kind = corpus.modality.fallback if few else corpus.modality.baseline
    encoder = make_encoder(kind, {}, settings.code_size, settings.seed)
    encoder.fit(learned_from(corpus, corpus.features))
    notes = {"trained": {"items": corpus.training}}
    frozen = freeze(encoder, kind, corpus.features, layout, notes)
    return Finalist(kind, encoder, corpus.features, frozen)


def enter_baselines(contest: Contest, settings: Settings, layout: Layout, encoder: str) -> None:
    """Fit and check the baselines of a collection; `encoder` is the one that is wanted."""
    baseline = contest.corpus.modality.baseline
    parameters = settings.parameters if encoder == baseline else {}
    {"pca": _enter_pca, "lsa": _enter_lsa}[baseline](contest, settings, layout, parameters)


def _enter_pca(
    contest: Contest, settings: Settings, layout: Layout, parameters: Mapping[str, Any]
) -> None:
    """Check the three forms of one PCA, from one pass over the pictures."""
    features = contest.corpus.features
    pca = PCAEncoder(settings.code_size, random_state=settings.seed, **parameters)
    pca.fit(learned_from(contest.corpus, features))
    frozen = freeze(pca, "pca", features, layout, {})
    items, copies = contest.seen_with(features)
    latents = frozen.encode_with_latents(items)[1]
    distorted = frozen.encode_with_latents(copies)[1]
    for name, whiten in FORMS.items():
        variance = np.maximum(pca.explained_variance_, SMALLEST_VARIANCE)
        scale = variance ** ((pca.whiten - whiten) / 2)
        finalist = Finalist("pca", pca.rescaled(whiten), features, frozen)
        contest.enter(name, finalist, unit(latents * scale), unit(distorted * scale))


def _enter_lsa(
    contest: Contest, settings: Settings, layout: Layout, parameters: Mapping[str, Any]
) -> None:
    """Check LSA of each weighting of the words, or of the one that was chosen."""
    corpus = contest.corpus
    only = settings.weighting
    for weighting in LSA_WEIGHTINGS if only == "auto" else (only,):
        features = features_for(corpus, weighting)
        lsa = LSAEncoder(settings.code_size, random_state=settings.seed, **parameters)
        lsa.fit(learned_from(corpus, features))
        frozen = freeze(lsa, "lsa", features, layout, {})
        contest.encode(f"lsa {weighting}", Finalist("lsa", lsa, features, frozen))


def features_for(corpus: Dataset, weighting: str) -> Any:
    """Return the features of a collection with other weights, learned from its training part."""
    features = corpus.features
    if not corpus.modality.has_words or features.weighting == weighting:
        return features
    return features.reweighted(weighting, corpus.samples[: corpus.training])


def features_wanted(contest: Contest, settings: Settings, encoder: str) -> Any:
    """Return the features that a learned encoder gets.

    Of documents: the counts, for encoders that model them; else the weighting with which LSA did
    best, unless one was chosen.
    """
    corpus = contest.corpus
    if not corpus.modality.has_words:
        return corpus.features
    if settings.weighting != "auto":
        return features_for(corpus, settings.weighting)
    if encoder in COUNTING and settings.parameters.get("loss", "auto") in ("auto", "multinomial"):
        return features_for(corpus, "counts")
    return contest.finalists[contest.verdict().winner].features
