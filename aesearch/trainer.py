"""Training inside an index: what is planned is written down, so that it can be gone on with."""

from __future__ import annotations

import json
import shutil
import time
import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.candidates import FORMS, Contest, freeze
from aesearch.corpus import Corpus, read_corpus
from aesearch.encoders import UNTRAINED
from aesearch.encoders.linear import PCAEncoder
from aesearch.encoders.making import learned_by, make_encoder, require_folders
from aesearch.engines import Ids
from aesearch.errors import DamagedError, ParameterError
from aesearch.evaluation import Check, folder_names
from aesearch.features.images import ImageFeatures, load_all_formats
from aesearch.frozen import FrozenEncoder
from aesearch.ingest import Progress, probe
from aesearch.layout import Layout, write_atomically
from aesearch.locking import hold
from aesearch.sources import Entry
from aesearch.store import Store
from aesearch.writer import clean

if TYPE_CHECKING:
    from aesearch.encoders.base import Encoder
    from aesearch.index import Index

FEWEST_TO_TRAIN = 128  # below: PCA, there is too little to learn from
DEFAULT_BITS = 64
MOST_TURNED = 2048  # numbers in a code; above, the rotation that makes bits takes minutes


@dataclass(frozen=True)
class Plan:
    """A training that is to be done.

    Attributes
    ----------
    encoder : str
        'auto', or the encoder that is forced.
    budget : float or None
        Seconds; None for the default.
    """

    encoder: str
    budget: float | None

    def write(self, layout: Layout) -> None:
        """Begin afresh: what an earlier training left is gone."""
        shutil.rmtree(layout.training, ignore_errors=True)
        layout.training.mkdir()
        write_atomically(layout.plan, json.dumps(asdict(self)).encode())

    @staticmethod
    def done(layout: Layout) -> None:
        """Forget the plan, and then what the training left: killed between, nothing is redone."""
        layout.plan.unlink(missing_ok=True)
        shutil.rmtree(layout.training, ignore_errors=True)

    @classmethod
    def read(cls, layout: Layout) -> Plan:
        """Return the plan that is there."""
        path = layout.plan
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DamagedError(
                f"{path} cannot be read ({error}); 'aesearch index SOURCE --retrain' starts anew"
            ) from error


def default_budget(count: int) -> float:
    """Return the seconds that training may take: ten minutes for 4,000 pictures, at most twenty."""
    return float(min(max(60.0, 0.15 * count), 1200.0))


def train(index: Index, corpus: Corpus | None, budget: float | None, progress: Progress) -> None:
    """Train what is planned, check it against PCA, and publish the better one.

    Parameters
    ----------
    index : Index
    corpus : Corpus or None
        All pictures, where they were just decoded.
    budget : float or None
        Seconds; instead of the plan's.
    progress : callable
    """
    with hold(index.layout):
        plan = Plan.read(index.layout)
        fresh = corpus is not None and index.revision.number == 1
        if corpus is None or not fresh:
            corpus, features = _read_again(index, plan, progress)
        else:
            features = index.features
        if len(corpus) < 2:  # nothing to learn from
            Plan.done(index.layout)
            return
        contest = Contest(corpus, index.settings.seed)
        finalists: dict[str, tuple[str, Encoder, FrozenEncoder]] = {}
        progress("preparing", 0, 1)
        settings = index.settings
        chosen = settings.parameters if plan.encoder == "pca" else {}
        pca = PCAEncoder(settings.code_size, random_state=settings.seed, **chosen)
        pca.fit(corpus.pixels[: max(2, corpus.training)])
        frozen = freeze(pca, "pca", features, index.layout, {})
        contest.enter_pca(pca, frozen)
        for name, whiten in FORMS.items():
            finalists[name] = ("pca", pca.rescaled(whiten), frozen)
        progress("preparing", 1, 1)
        notes: dict[str, Any] = {"trained": {"items": corpus.training}}
        learned = learned_by(plan.encoder)
        seconds = plan.budget if budget is None else budget
        seconds = default_budget(len(corpus)) if seconds is None else seconds
        if _is_worth_training(learned, plan.encoder, len(corpus), seconds):
            encoder, notes = _fit(index, learned, corpus, seconds, progress)
            progress("checking", 0, 1)
            frozen = freeze(encoder, learned, features, index.layout, notes)
            contest.enter_frozen(learned, frozen)
            finalists[learned] = (learned, encoder, frozen)
        winner, measure = contest.winner()
        if plan.encoder in finalists and plan.encoder != "pca":
            winner = plan.encoder
        progress("checking", 1, 1)
        _publish(index, corpus, features, contest, finalists[winner], winner, measure, notes)
        Plan.done(index.layout)


def _is_worth_training(learned: str, wanted: str, count: int, seconds: float) -> bool:
    if learned in UNTRAINED:
        return learned != "pca"
    if count < FEWEST_TO_TRAIN and wanted != "auto":
        warnings.warn(
            f"{count} pictures are too few to train {learned}, which needs {FEWEST_TO_TRAIN}: "
            "PCA is published",
            stacklevel=3,
        )
    return seconds > 0 and count >= FEWEST_TO_TRAIN


def _read_again(index: Index, plan: Plan, progress: Progress) -> tuple[Corpus, ImageFeatures]:
    """Decode all items once more: for a training that goes on, or one that was asked for."""
    load_all_formats()
    entries = [Entry(i.key, i.size, i.mtime_ns) for i in index.items() if not i.added]
    resumed = any(path.name != "plan.json" for path in index.layout.training.iterdir())
    # A checkpoint fits only the size of pictures that it was made with.
    features = index.features if resumed else probe(index.source, entries)
    corpus = read_corpus(
        index.source, entries, features, by_hand=index.store.kept(), progress=progress
    )
    return corpus, features


def _fit(
    index: Index, name: str, corpus: Corpus, seconds: float, progress: Progress
) -> tuple[Encoder, dict[str, Any]]:
    """Fit the learned encoder within its budget, going on from a checkpoint if there is one."""
    from aesearch.encoders.training import Session

    started = time.perf_counter()
    session = Session(
        budget_s=seconds,
        progress=lambda fraction, losses: progress("training", fraction * seconds, seconds),
        checkpoint=index.layout.training,
    )
    settings = index.settings
    encoder: Any = make_encoder(name, settings.parameters, settings.code_size, settings.seed)
    progress("training", 0, seconds)
    if name in UNTRAINED:
        encoder.fit(corpus.pixels[: max(2, corpus.training)])
    else:
        labels = None
        if encoder.uses_labels:
            labels = _labels(corpus)
            try:
                require_folders(name, labels)
            except ParameterError:  # the files in other folders turned out to be no pictures
                Plan.done(index.layout)
                raise
        encoder.fit(corpus.pixels[: corpus.training], labels, session=session)
    notes = {
        "trained": {"items": corpus.training, "seconds": time.perf_counter() - started},
        "history": getattr(encoder, "history_", []),
    }
    return encoder, notes


def _labels(corpus: Corpus) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """Return the folder of each picture that is learned from, and of no other."""
    return np.array(folder_names([item.key for item in corpus.items[: corpus.training]]), dtype=str)


def _publish(
    index: Index,
    corpus: Corpus,
    features: ImageFeatures,
    contest: Contest,
    finalist: tuple[str, Encoder, FrozenEncoder],
    winner: str,
    measure: str,
    notes: dict[str, Any],
) -> None:
    """Give every item its code by the winner, and keep the table that says why."""
    kind, encoder, frozen = finalist
    size = contest.codes[winner].shape[1]
    usual = DEFAULT_BITS if size <= MOST_TURNED else 0
    bits = min(index.settings.bits or usual, size - size % 8)
    forms = contest.stored_forms(winner, bits)
    error = frozen.errors(corpus.pixels[contest.kept])[1].mean() if contest.questions else 0.0
    notes = {
        **notes,
        "error": float(error),
        "check": {
            "winner": winner,
            "measure": measure,
            "questions": contest.questions,
            "candidates": _table(contest.checks),
            "forms": _table(forms),
            "form_bits": bits,
        },
    }
    final = freeze(encoder, kind, features, index.layout, notes)
    codes = contest.codes[winner]

    def edit(store: Store) -> tuple[Ids, Ids]:
        known = store.ids_of([item.key for item in corpus.items])
        rows = [n for n, item in enumerate(corpus.items) if item.key in known]
        ids = np.array([known[corpus.items[n].key] for n in rows], dtype=np.int64)
        # What can no longer be read cannot get a new code.
        lost = {item.key: item.id for item in store.items() if item.key not in known}
        store.remove(lost)
        store.recode(ids, codes[rows])
        store.skip(corpus.skipped)
        return ids, np.array(list(lost.values()), dtype=np.int64)

    index.publish(edit, fingerprint=final.fingerprint)
    clean(index.layout, index.revision)


def _table(checks: dict[str, Check]) -> dict[str, Any]:
    return {name: check.as_dict() for name, check in checks.items()}
