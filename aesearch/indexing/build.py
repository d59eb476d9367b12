"""A source becomes an index, or an index what its source is; then it is trained if it should be."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.encoders import ENCODERS
from aesearch.errors import ParameterError
from aesearch.indexing.datasets.base import Dataset
from aesearch.indexing.make import make
from aesearch.indexing.preflight import counts_of_new, reopen, require_labels, wants_training
from aesearch.indexing.request import Given, Request
from aesearch.ingest.differences import SyncOptions
from aesearch.ingest.fields import keep
from aesearch.ingest.update import synchronize
from aesearch.search.index import Index
from aesearch.settings import FEWEST_TO_FIT, Settings
from aesearch.sources.columns import Columns, UsedColumns
from aesearch.sources.continued import Continued
from aesearch.sources.metadata import Matched
from aesearch.sources.table import used_columns
from aesearch.storage.commit import nothing, publish
from aesearch.storage.folder import IndexFolder
from aesearch.types import Progress, silent
from aesearch.wording import counted

LOOKED_AT = 500


@dataclass
class Summary:
    """What one run of `update` did.

    Attributes
    ----------
    counts : dict
        Files by what became of them: new, changed, renamed, removed, unchanged; missing are items
        that stay although they seem to be gone, unread those that could not be looked at.
    trained : bool
        Whether an encoder was trained and the check was made.
    stages : dict
        Seconds of each step.
    columns : UsedColumns, optional
        Of a table: what was taken for text, key and label.
    metadata : Matched, optional
        What fits of a table that says something of the files.
    partial : bool
        Whether there is such a table, and it could not be used.
    """

    counts: dict[str, int] = field(default_factory=dict)
    trained: bool = False
    stages: dict[str, float] = field(default_factory=dict)
    columns: UsedColumns | None = None
    metadata: Matched | None = None
    partial: bool = False


def build(
    source: Given,
    path: str | Path | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    *,
    budget: float | str | None = None,
    retrain: bool = False,
    columns: Columns | None = None,
    keys: Sequence[object] | None = None,
    labels: Sequence[object] | None = None,
    progress: Progress = silent,
    retry: bool = False,
    reread: bool = False,
    remove: bool = False,
    append: bool | None = None,
    metadata: str | Path | None = None,
    metadata_key: str | None = None,
) -> Index:
    """Make the index of pictures, documents or vectors, or bring it up to date, and open it.

    Parameters
    ----------
    source : str, Path, ndarray, mapping or iterable
        A folder; a table of documents or vectors (.csv, .tsv, .jsonl, .json, .parquet); an array in
        a file (.npy, .npz); '-' for standard input. Or what is in memory: an array or tensor, of
        which numbers of shape (n, d) are vectors, and uint8 of shape (n, height, width, channels)
        or (n, channels, height, width) pictures; or contents by their keys, or one after the
        other: texts, pictures, vectors, bytes, open files, or Paths of files. Nothing is written
        into it.
    path : str or Path, optional
        Folder of the index, or a name in the home; by default ``indexes/<name of the source>``.
        What is in memory needs one.
    settings : Settings or mapping, optional
        Choices that hold from now on; a mapping changes only those it names, and so do the
        `parameters` in it.
    budget : float or str, optional
        Seconds for training, or '5m'; 0 publishes the best PCA or LSA and trains nothing. By
        default it follows from the number of items.
    retrain : bool, default=False
        Train anew although there is a trained encoder.
    columns : Columns, optional
        Of a table: which columns hold text or vector, key and label; by default those with the
        usual names.
    keys, labels : sequence, optional
        One for each of what is in memory; by default the keys are the numbers from 0.
    progress : callable, optional
        Called with a stage, what is done, and the total.
    retry : bool, default=False
        Try every file again that was left out; otherwise those that may be readable by now: what
        could not be looked at, what lacked an extra that is there, what another version refused.
    reread : bool, default=False
        Read every file again, also those whose size and time stamp are as they were.
    remove : bool, default=False
        Remove items even if more than 20, and more than a tenth, or all, seem to be gone; without
        it they stay, with a warning, as their disk may only be away.
    append : bool, optional
        Of standard input, where there is an index of such already: whether what is read is added to
        it, equal keys replaced, or takes its place. Numbers of rows go on.
    metadata : str or Path, optional
        Of a folder: a table (.csv, .tsv, .jsonl, .json, .parquet) that says something of its files,
        such as an inventory. Its columns are fields, which `Index.search` takes in `where`, and
        `Hit.fields` has. It is looked at again by each later run, also without naming it; "" lets
        go of it.
    metadata_key : str, optional
        The column of it that names the files, by path or name; by default the one that fits most.

    Returns
    -------
    Index

    Raises
    ------
    SourceError, ParameterError, IndexExistsError, LockedError, StorageError, FormatError,
    DamagedError
    """
    return update(
        source,
        path,
        settings,
        budget=budget,
        retrain=retrain,
        columns=columns,
        keys=keys,
        labels=labels,
        progress=progress,
        retry=retry,
        reread=reread,
        remove=remove,
        append=append,
        metadata=metadata,
        metadata_key=metadata_key,
    )[0]


def update(
    source: Given,
    path: str | Path | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    *,
    budget: float | str | None = None,
    retrain: bool = False,
    columns: Columns | None = None,
    keys: Sequence[object] | None = None,
    labels: Sequence[object] | None = None,
    progress: Progress = silent,
    retry: bool = False,
    reread: bool = False,
    remove: bool = False,
    append: bool | None = None,
    metadata: str | Path | None = None,
    metadata_key: str | None = None,
) -> tuple[Index, Summary]:
    """Do what `build` does, and also tell what was done."""
    request = Request.of(
        source,
        path,
        settings,
        budget=budget,
        retrain=retrain,
        columns=columns,
        keys=keys,
        labels=labels,
        progress=progress,
        sync=SyncOptions(retry, reread, remove or append is False, append),
        metadata=metadata,
        metadata_key=metadata_key,
    )
    summary = Summary()
    if request.layout.exists():
        index = _brought_up_to_date(request, summary)
    else:
        dataset = make(request, summary.stages)
        summary.counts = counts_of_new(len(dataset))
        index = Index(request.layout.root)
        _finish(index, request, dataset, summary)
    summary.columns = used_columns(request.source)
    return index, summary


def _brought_up_to_date(request: Request, summary: Summary) -> Index:
    """Take up what changed in the source, let new choices hold, and train if that was asked for."""
    started = time.perf_counter()
    folder = reopen(request)
    try:
        before = folder.settings
        chosen = request.choices.over(before, folder.card.kind, retrain=request.retrain)
        if request.sync.append:
            source = Continued(request.source, folder.store.last_number)
            request = replace(request, source=source)
        if chosen.max_pixels != before.max_pixels:  # holds for what is read now
            before = replace(before, max_pixels=chosen.max_pixels)
            with folder.writing():
                folder.write_card(folder.card.with_settings(before))
        changes = synchronize(folder, request.progress, request.source, request.sync)
        summary.counts = changes.counts()
        _keep_columns(folder, request)
        summary.stages["update"] = time.perf_counter() - started
        wanted = wants_training(request, folder)
        if wanted:
            require_labels(chosen, list(folder.labels().values()))
        if chosen != before:
            _apply(folder, chosen)
        if wanted or _has_outgrown(folder, chosen):
            from aesearch.indexing.train import Plan

            with folder.writing():  # or a training that runs would lose its checkpoint
                Plan(chosen.encoder, request.budget).write(folder.layout)
    finally:
        folder.close()
    index = Index(request.layout.root)
    _finish(index, request, None, summary, before)
    return index


def _finish(
    index: Index,
    request: Request,
    dataset: Dataset | None,
    summary: Summary,
    before: Settings | None = None,
) -> None:
    """Train what is planned, and prepare the first query; closes the index where that fails."""
    try:
        folder = index.folder
        summary.metadata = keep(folder, request.source, request.progress, request.metadata)
        summary.partial = summary.metadata is None and folder.card.metadata is not None
        if index.folder.layout.plan.exists():
            from aesearch.indexing.train import Plan, train

            started = time.perf_counter()
            try:
                train(
                    index.folder,
                    dataset,
                    request.budget,
                    request.progress,
                    request.source,
                    remove=request.sync.remove,
                )
            except ParameterError:
                # What does not fit these items will not fit them next time either.
                with index.folder.writing():
                    Plan.done(index.folder.layout)
                if before is not None and before != index.settings:
                    _apply(index.folder, before)
                raise
            summary.trained = True
            summary.stages["training"] = time.perf_counter() - started
        _tell_other_sizes(index, request)
        if summary.trained or summary.counts["new"] or summary.counts["changed"]:
            _tell_all_alike(index)
        if "keep" in index.folder.modality.parts:
            index.folder.modality.part("keep")(index.folder, request.progress, request.source)
        index.prepare_queries()
    except BaseException:
        index.close()
        raise


def _tell_all_alike(index: Index) -> None:
    """Say that nothing can be found where all codes are equal."""
    store = index.folder.store
    if index.folder.modality.has_words:  # by which they are found
        return
    few = [item.id for item in islice(index.items(), LOOKED_AT)]
    if len(few) < 2 or any(np.ptp(store.codes(ids)[1], axis=0).any() for ids in (few, None)):
        return
    noun = index.folder.modality.noun
    warnings.warn(
        f"all {counted(len(index), noun)} look the same: their codes are equal, so that a search "
        "tells none from another",
        stacklevel=4,
    )


def _tell_other_sizes(index: Index, request: Request) -> None:
    """Say what was made where codes are not of the size that was asked for."""
    folder, size = index.folder, index.encoder.code_size
    kind, modality = folder.manifest.kind, folder.modality
    if kind == modality.fallback != folder.settings.encoder:  # too few to do what was asked, yet
        return
    usual = asdict(Settings())
    asked = {name: request.choices.changes.get(name, usual[name]) for name in ("code_size", "bits")}
    most = modality.most_dimensions(index.features)
    made = f"codes have {counted(size, 'dimension')}"
    if asked["code_size"] not in (size, usual["code_size"]):
        reason = (
            f"as the {modality.noun}s have" if ENCODERS[kind].sized else f"as {kind} gives them"
        )
        if not ENCODERS[kind].sized or (most is not None and asked["code_size"] > most):
            warnings.warn(f"{made}, {reason}, and not {asked['code_size']:,}", stacklevel=2)
    bits = int(index.revision.plan.get("bits", 0))
    if asked["bits"] > bits:
        kept = f"{bits} bits" if bits else "floats"
        warnings.warn(f"{made}, and are kept as {kept}, not {asked['bits']:,} bits", stacklevel=2)


def _keep_columns(folder: IndexFolder, request: Request) -> None:
    """Let other columns that were chosen, and what was taken of the others, hold from now on."""
    source, known = request.source, folder.card.columns or Columns()
    if source.columns is not None and (
        source.columns != known or source.columns.taken != known.taken
    ):
        with folder.writing():
            folder.write_card(folder.card.with_columns(source.columns))


def _has_outgrown(folder: IndexFolder, settings: Settings) -> bool:
    """Whether there are now enough items for the first training."""
    if folder.count() < FEWEST_TO_FIT or settings.encoder == folder.modality.fallback:
        return False
    manifest = folder.manifest
    fallback = folder.modality.fallback
    is_fallback = manifest.kind == fallback != folder.modality.baseline
    return is_fallback and manifest.check is None and not folder.layout.plan.exists()


def _apply(folder: IndexFolder, settings: Settings) -> None:
    """Let new choices hold: the engine is made anew from the codes that are there."""
    with folder.writing():
        fingerprint = folder.revision.fingerprint
        publish(folder.layout, folder.store, nothing, settings, fingerprint=fingerprint)
        folder.write_card(folder.card.with_settings(settings))
    folder.forget()
