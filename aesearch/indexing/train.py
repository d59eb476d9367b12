"""Training inside an index: what is planned is written down, so that it can be gone on with."""

from __future__ import annotations

import json
import shutil
import time
import warnings
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.encoders import BASELINES, is_trained
from aesearch.encoders.factory import learned_by, make_encoder, require_folders
from aesearch.encoders.info import current_name
from aesearch.errors import DamagedError, ParameterError
from aesearch.evaluation.check import Check
from aesearch.evaluation.decision import Verdict
from aesearch.indexing.baselines import enter_baselines, features_wanted, learned_from
from aesearch.indexing.datasets import Corpus, read_corpus, stored_corpus
from aesearch.indexing.selection import Contest, Finalist, freeze
from aesearch.modalities import NOUNS, TEXTS
from aesearch.modalities.images.pixels import load_all_formats
from aesearch.settings import FEWEST_TO_TRAIN, too_few_to_train
from aesearch.sources.base import Entry
from aesearch.sources.folder import Folder
from aesearch.storage.commit import clean
from aesearch.storage.database import Store
from aesearch.storage.layout import Layout, write_atomically
from aesearch.storage.lock import hold
from aesearch.types import Ids, Progress

if TYPE_CHECKING:
    from aesearch.search.index import Index

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
            plan = cls(**json.loads(path.read_text(encoding="utf-8")))
            return replace(plan, encoder=current_name(plan.encoder))
        except (OSError, ValueError, TypeError) as error:
            raise DamagedError(
                f"{path} cannot be read ({error}); 'aesearch index SOURCE --retrain' starts anew"
            ) from error


def default_budget(count: int) -> float:
    """Return the seconds that training may take: ten minutes for 4,000 items, at most twenty."""
    return float(min(max(60.0, 0.15 * count), 1200.0))


def train(index: Index, corpus: Corpus | None, budget: float | None, progress: Progress) -> None:
    """Train what is planned, check it against its baselines, and publish the better one.

    Parameters
    ----------
    index : Index
    corpus : Corpus or None
        All items, where they were just read.
    budget : float or None
        Seconds; instead of the plan's.
    progress : callable
    """
    with hold(index.layout):
        plan = Plan.read(index.layout)
        if corpus is None or index.revision.number != 1 or not len(corpus.kept_out):
            corpus = _read_again(index, progress)
        if len(corpus) < 2:  # nothing to learn from
            Plan.done(index.layout)
            return
        settings = index.settings
        contest = Contest(corpus, settings.seed)
        progress("preparing", 0, 1)
        enter_baselines(contest, settings, index.layout, plan.encoder)
        progress("preparing", 1, 1)
        notes: dict[str, Any] = {"trained": {"items": corpus.training}}
        learned = learned_by(plan.encoder, corpus.kind)
        seconds = plan.budget if budget is None else budget
        seconds = default_budget(len(corpus)) if seconds is None else seconds
        if _is_worth_training(learned, plan.encoder, corpus, seconds):
            finalist, notes = _fit(index, learned, contest, seconds, progress)
            progress("checking", 0, 1)
            contest.encode(learned, finalist)
        verdict = contest.verdict(learned)
        forced = plan.encoder in contest.finalists and plan.encoder != BASELINES[corpus.kind]
        if forced:
            verdict = replace(verdict, winner=plan.encoder)
        progress("checking", 1, 1)
        _publish(index, contest, verdict, notes, forced=forced)
        Plan.done(index.layout)


def _is_worth_training(learned: str, wanted: str, corpus: Corpus, seconds: float) -> bool:
    count, baseline = len(corpus), BASELINES[corpus.kind]
    if not is_trained(learned):
        return learned != baseline
    if count < FEWEST_TO_TRAIN and wanted != "auto":
        warnings.warn(
            f"{too_few_to_train(count, NOUNS[corpus.kind], learned)}: {baseline.upper()} is "
            "published",
            stacklevel=3,
        )
    return seconds > 0 and count >= FEWEST_TO_TRAIN


def _read_again(index: Index, progress: Progress) -> Corpus:
    """Read all items once more: for a training that goes on, or one that was asked for."""
    resumed = any(path.name != "plan.json" for path in index.layout.training.iterdir())
    # A checkpoint fits only the features that it was made with.
    features = index.features if resumed else None
    if index.kind == TEXTS:
        return stored_corpus(index.store, index.settings, features)
    load_all_formats()
    entries = [Entry(i.key, i.size, i.mtime_ns) for i in index.items() if not i.added]
    return read_corpus(
        Folder(index.source),
        entries,
        index.kind,
        index.settings,
        features=features,
        by_hand=index.store.kept(),
        progress=progress,
    )


def _fit(
    index: Index, name: str, contest: Contest, seconds: float, progress: Progress
) -> tuple[Finalist, dict[str, Any]]:
    """Fit the learned encoder within its budget, going on from a checkpoint if there is one."""
    from aesearch.encoders.training.session import Session

    started = time.perf_counter()
    session = Session(
        budget_s=seconds,
        progress=lambda fraction, losses: progress("training", fraction * seconds, seconds),
        checkpoint=index.layout.training,
    )
    settings, corpus = index.settings, contest.corpus
    encoder: Any = make_encoder(name, settings.parameters, settings.code_size, settings.seed)
    progress("training", 0, seconds)
    features = features_wanted(contest, settings, name)
    rows = learned_from(corpus, features)
    if not is_trained(name):
        encoder.fit(rows)
    else:
        labels = None
        if encoder.uses_labels:
            # Of each item that is learned from, and of no other.
            labels = np.array(corpus.labels[: corpus.training], dtype=str)
            try:
                require_folders(name, labels)
            except ParameterError:  # the files in other folders turned out to be no pictures
                Plan.done(index.layout)
                raise
        encoder.fit(rows, labels, session=session)
    tally = session.tally
    notes = {
        "trained": {
            "items": corpus.training,
            "seconds": tally.earlier_s + time.perf_counter() - started,
            "epochs": tally.epochs,
            "planned": tally.planned,
            "budget": seconds,
        },
        "history": getattr(encoder, "history_", []),
    }
    frozen = freeze(encoder, name, features, index.layout, notes)
    return Finalist(name, encoder, features, frozen), notes


def _publish(
    index: Index, contest: Contest, verdict: Verdict, notes: dict[str, Any], *, forced: bool
) -> None:
    """Give every item its code by the winner, and keep the table that says why."""
    winner = verdict.winner
    finalist, corpus = contest.finalists[winner], contest.corpus
    size = contest.codes[winner].shape[1]
    usual = DEFAULT_BITS if size <= MOST_TURNED else 0
    bits = min(index.settings.bits or usual, size - size % 8)
    forms = contest.stored_forms(winner, bits)
    kept = corpus.seen(corpus.samples[contest.kept], finalist.features)
    error = finalist.frozen.errors(kept)[1].mean() if contest.questions else 0.0
    notes = {
        **notes,
        "error": float(error),
        "check": {
            **verdict.as_dict(),
            "forced": forced,
            "questions": contest.questions,
            "candidates": _table(contest.checks),
            "forms": _table(forms),
            "form_bits": bits,
            **corpus.notes(finalist.features, finalist.frozen, index.settings.seed),
        },
    }
    final = freeze(finalist.encoder, finalist.kind, finalist.features, index.layout, notes)
    codes = contest.codes[winner]
    passages = corpus.passages(finalist.features, final)

    def edit(store: Store) -> tuple[Ids, Ids]:
        known = store.ids_of([item.key for item in corpus.items])
        rows = [n for n, item in enumerate(corpus.items) if item.key in known]
        ids = np.array([known[corpus.items[n].key] for n in rows], dtype=np.int64)
        # What can no longer be read cannot get a new code.
        lost = {item.key: item.id for item in store.items() if item.key not in known}
        store.remove(lost)
        store.recode(ids, codes[rows])
        passages.write(store, dict(zip(rows, ids.tolist(), strict=True)))
        store.skip(corpus.skipped)
        return ids, np.array(list(lost.values()), dtype=np.int64)

    index.publish(edit, fingerprint=final.fingerprint)
    clean(index.layout, index.revision)


def _table(checks: dict[str, Check]) -> dict[str, Any]:
    return {name: check.as_dict() for name, check in checks.items()}
