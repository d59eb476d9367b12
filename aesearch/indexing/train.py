"""Training inside an index: what is planned is written down, so that it can be gone on with."""

from __future__ import annotations

import json
import shutil
import time
import warnings
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch._renamed import current_name
from aesearch.encoders import is_trained
from aesearch.encoders.factory import learned_by, make_encoder, require_folders
from aesearch.errors import DamagedError, ParameterError, SourceError
from aesearch.evaluation.check import Check
from aesearch.evaluation.decision import Decision
from aesearch.indexing.baselines import (
    enter_baselines,
    enter_closed_form,
    features_wanted,
    fit,
)
from aesearch.indexing.datasets.base import Dataset
from aesearch.indexing.selection import Candidate, Selection
from aesearch.settings import FEWEST_TO_TRAIN, too_few_to_train
from aesearch.sources.base import Source
from aesearch.storage.commit import clean
from aesearch.storage.database import Store
from aesearch.storage.folder import IndexFolder
from aesearch.storage.layout import Layout, write_atomically
from aesearch.types import Ids, Progress
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.encoders.closed.described import Described

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


def train(
    folder: IndexFolder,
    dataset: Dataset | None,
    budget: float | None,
    progress: Progress,
    source: Source | None = None,
    *,
    remove: bool = False,
) -> None:
    """Train what is planned, check it against its baselines, and publish the better one.

    Parameters
    ----------
    folder : IndexFolder
    dataset : Dataset or None
        All items, where they were just read.
    budget : float or None
        Seconds; instead of the plan's.
    progress : callable
    source : Source, optional
        Where the items are, if it is open.
    remove : bool
        Whether items that cannot be read any more are let go.

    Raises
    ------
    SourceError
        If there are such: they would have no code by the new encoder.
    """
    with folder.writing():
        plan = Plan.read(folder.layout)
        if dataset is None or folder.revision.number != 1 or not len(dataset.held_out):
            dataset = _read_again(folder, progress, source)
            if not remove:
                _require_all(folder, dataset)
        if len(dataset) < 2:  # nothing to learn from
            Plan.done(folder.layout)
            return
        settings = folder.settings
        selection = Selection(dataset, settings.seed, settings.labels)
        progress("preparing", 0, 1)
        enter_baselines(selection, settings, folder.layout, plan.encoder)
        notes: dict[str, Any] = {"trained": {"items": dataset.training}}
        learned = learned_by(plan.encoder, dataset.kind)
        # How neighbors agree, which weighs the descriptions, is chance among a few.
        closes = plan.encoder == "auto" and len(dataset) >= FEWEST_TO_TRAIN
        closed = dataset.modality.closed_form if closes else ""
        known = None
        if closed:
            known = enter_closed_form(selection, settings, folder.layout, closed)
        progress("preparing", 1, 1)
        seconds = plan.budget if budget is None else budget
        seconds = default_budget(len(dataset)) if seconds is None else seconds
        if _is_worth_training(learned, plan.encoder, dataset, seconds):
            if closed and folder.manifest.kind != closed:
                _publish_early(folder, selection, closed)
            candidate, notes = _fit(folder, learned, selection, seconds, progress, known)
            progress("checking", 0, 1)
            selection.encode(learned, candidate)
        decision = selection.decide(closed, learned)
        forced = plan.encoder in selection.candidates and plan.encoder != dataset.modality.baseline
        if forced:
            decision = replace(decision, winner=plan.encoder)
        progress("checking", 1, 1)
        _publish(folder, selection, decision, notes, forced=forced)
        Plan.done(folder.layout)


def _publish_early(folder: IndexFolder, selection: Selection, closed: str) -> None:
    """Let codes in closed form be searched while a network trains, where they are better."""
    decision = selection.decide(closed)
    if decision.winner == closed:
        notes = {"trained": {"items": selection.dataset.training}}
        _publish(folder, selection, decision, notes, forced=False)


def _is_worth_training(learned: str, wanted: str, dataset: Dataset, seconds: float) -> bool:
    count, baseline = len(dataset), dataset.modality.baseline
    if not is_trained(learned):
        return learned != baseline
    if count < FEWEST_TO_TRAIN and wanted != "auto":
        warnings.warn(
            f"{too_few_to_train(count, dataset.modality.noun, learned)}: {baseline.upper()} is "
            "published",
            stacklevel=3,
        )
    return seconds > 0 and count >= FEWEST_TO_TRAIN


def _read_again(folder: IndexFolder, progress: Progress, source: Source | None) -> Dataset:
    """Read all items once more: for a training that goes on, or one that was asked for."""
    resumed = any(path.name != "plan.json" for path in folder.layout.training.iterdir())
    # A checkpoint fits only the features that it was made with.
    features = folder.snapshot().features if resumed else None
    dataset: type[Dataset] = folder.modality.part("dataset")
    return dataset.again(folder, features, progress, source)


def _require_all(folder: IndexFolder, dataset: Dataset) -> None:
    """Raise SourceError where items of the index were not read: what cannot be read is not gone."""
    read = {item.key for item in dataset.items}
    lost = [item.key for item in folder.items() if item.key not in read]
    if lost:
        reasons = {file.key: file.reason for file in dataset.skipped}
        things = counted(len(lost), folder.modality.noun)
        raise SourceError(
            f"{things} of {folder.name} cannot be read now ({lost[0]}: {reasons.get(lost[0])}), "
            "which a training needs; nothing was trained. Run again when that is mended, or with "
            "--yes, which removes them"
        )


def _fit(
    folder: IndexFolder,
    name: str,
    selection: Selection,
    seconds: float,
    progress: Progress,
    known: Described | None,
) -> tuple[Candidate, dict[str, Any]]:
    """Fit the learned encoder within its budget, going on from a checkpoint if there is one."""
    from aesearch.encoders.training.session import Session

    started = time.perf_counter()
    session = Session(
        budget_s=seconds,
        progress=lambda fraction, _: progress("training", fraction * seconds, seconds),
        checkpoint=folder.layout.training,
        described=known,
    )
    settings, dataset = folder.settings, selection.dataset
    size = dataset.code_size(settings.code_size)
    encoder: Any = make_encoder(name, settings.parameters, size, settings.seed)
    progress("training", 0, seconds)
    features = features_wanted(selection, settings, name)
    if is_trained(name) and encoder.uses_labels:
        try:
            require_folders(name, dataset.labels[: dataset.training])
        except ParameterError:  # the files in other folders turned out to be no pictures
            Plan.done(folder.layout)
            raise
    fit(encoder, dataset, features, session if is_trained(name) else None, settings.labels)
    tally = session.tally
    notes = {
        "trained": {
            "items": dataset.training,
            "seconds": tally.earlier_s + time.perf_counter() - started,
            "epochs": tally.epochs,
            "planned": tally.planned,
            "budget": seconds,
            "encoder": name,
        },
        "history": getattr(encoder, "history_", []),
    }
    return Candidate.of(encoder, name, features, folder.layout, notes), notes


def _publish(
    folder: IndexFolder,
    selection: Selection,
    decision: Decision,
    notes: dict[str, Any],
    *,
    forced: bool,
) -> None:
    """Give every item its code by the winner, and keep the table that says why."""
    winner = decision.winner
    candidate, dataset = selection.candidates[winner], selection.dataset
    codes = selection.codes[winner].items
    size = codes.shape[1]
    usual = DEFAULT_BITS if size <= MOST_TURNED else 0
    bits = min(folder.settings.bits or usual, size - size % 8)
    forms = selection.stored_forms(winner, bits)
    kept = dataset.seen(dataset.samples[selection.asked], candidate.features)
    error = candidate.frozen.errors(kept)[1].mean() if len(selection.asked) else 0.0
    notes = {
        **notes,
        "error": float(error),
        "check": {
            **decision.as_dict(),
            "forced": forced,
            "questions": len(selection.asked),
            "candidates": {
                name: row | selection.candidates[name].said()
                for name, row in _table(selection.checks).items()
            },
            "references": _table(selection.references()),
            "forms": _table(forms),
            "form_bits": bits,
            **dataset.notes(codes, candidate.features, candidate.frozen, folder.settings.seed),
        },
    }
    final = candidate.freeze(folder.layout, notes)
    passages = selection.passages.coded(selection.codes[winner].passages)

    def edit(store: Store) -> tuple[Ids, Ids]:
        known = store.ids_of([item.key for item in dataset.items])
        rows = [n for n, item in enumerate(dataset.items) if item.key in known]
        ids = np.array([known[dataset.items[n].key] for n in rows], dtype=np.int64)
        # What can no longer be read cannot get a new code, and may go (`_require_all`).
        lost = {item.key: item.id for item in store.items() if item.key not in known}
        store.remove(lost)
        store.recode(ids, codes[rows])
        passages.write(store, dict(zip(rows, ids.tolist(), strict=True)))
        store.skip(dataset.skipped)
        return ids, np.array(list(lost.values()), dtype=np.int64)

    folder.publish(edit, fingerprint=final.fingerprint)
    clean(folder.layout, folder.revision)


def _table(checks: dict[str, Check]) -> dict[str, Any]:
    return {name: check.as_dict() for name, check in checks.items()}
