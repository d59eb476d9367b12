"""A source becomes an index: read, PCA or LSA at once, train, check, publish the better one."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aesearch._version import __version__
from aesearch.encoders.factory import kind_learned_from
from aesearch.errors import IndexExistsError, ParameterError
from aesearch.indexing.choices import as_changes, choose_settings, require_labels
from aesearch.indexing.datasets import Corpus, read_corpus
from aesearch.indexing.preflight import (
    kind_wanted,
    labels_of,
    prepare,
    refuse_foreign,
    reopen,
    require_choices,
    walk,
    was_never_trained,
)
from aesearch.ingest.update import synchronise
from aesearch.modalities import IMAGES
from aesearch.modalities.images.pixels import load_all_formats
from aesearch.search.index import Index, open_at
from aesearch.settings import FEWEST_TO_FIT, Settings
from aesearch.sources.base import Entry, Source
from aesearch.sources.table import Columns, Table, Taken, columns_taken
from aesearch.storage.commit import NO_IDS, nothing, publish
from aesearch.storage.database import Store
from aesearch.storage.layout import Layout
from aesearch.storage.lock import hold
from aesearch.storage.schema import Skipped
from aesearch.types import Ids, Progress, silent


@dataclass
class Summary:
    """What one run of `update` did.

    Attributes
    ----------
    counts : dict
        Files by what became of them: new, changed, renamed, removed, unchanged.
    trained : bool
        Whether an encoder was trained and the check was made.
    stages : dict
        Seconds of each step.
    columns : Taken, optional
        Of a table: what was taken for text, key and label.
    """

    counts: dict[str, int] = field(default_factory=dict)
    trained: bool = False
    stages: dict[str, float] = field(default_factory=dict)
    columns: Taken | None = None


def build(
    source: str | Path,
    path: str | Path | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    *,
    budget: float | str | None = None,
    retrain: bool = False,
    columns: Columns | None = None,
    progress: Progress = silent,
) -> Index:
    """Make the index of a folder of pictures or documents, or bring it up to date, and open it.

    Parameters
    ----------
    source : str or Path
        The folder, or a table of documents (.csv, .tsv, .jsonl), or '-' for standard input.
        Nothing is written into it.
    path : str or Path, optional
        Folder of the index, or a name in the home; by default ``indexes/<name of the source>``.
    settings : Settings or mapping, optional
        Choices that hold from now on; a mapping changes only those it names, and so do the
        `parameters` in it.
    budget : float or str, optional
        Seconds for training, or '5m'; 0 publishes the best PCA or LSA and trains nothing. By
        default it follows from the number of items.
    retrain : bool, default=False
        Train anew although there is a trained encoder.
    columns : Columns, optional
        Of a table: which columns hold text, key and label; by default those with the usual names.
    progress : callable, optional
        Called with a stage, what is done, and the total.

    Returns
    -------
    Index

    Raises
    ------
    SourceError, ParameterError, IndexExistsError, LockedError, StorageError, FormatError,
    DamagedError
    """
    return update(
        source, path, settings, budget=budget, retrain=retrain, columns=columns, progress=progress
    )[0]


def update(
    source: str | Path,
    path: str | Path | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    *,
    budget: float | str | None = None,
    retrain: bool = False,
    columns: Columns | None = None,
    progress: Progress = silent,
) -> tuple[Index, Summary]:
    """Do what `build` does, and also tell what was done."""
    folder, layout, seconds = prepare(source, path, settings, budget, columns)
    summary = Summary()
    corpus = None
    if layout.exists():
        index = reopen(layout, folder)
        started = time.perf_counter()
        try:
            chosen = choose_settings(index.settings, settings, index.kind, retrain=retrain)
        except ParameterError:
            index.close()
            raise
        summary.counts = synchronise(index, progress, folder).counts()
        _keep_columns(index, folder)
        summary.stages["update"] = time.perf_counter() - started
    else:
        encoder = as_changes(settings).get("encoder", "auto")
        if encoder != "auto":
            # What is wrong whatever the source holds is said before it is looked at.
            kind = kind_wanted(settings, kind_learned_from(encoder))
            choose_settings(Settings(), settings, kind, retrain=True)
        index, corpus = _create(layout, folder, settings, seconds, progress, summary)
        chosen = index.settings
    summary.columns = columns_taken(folder)
    try:
        wanted = retrain or (bool(seconds) and was_never_trained(index))
        if wanted and corpus is None:
            require_labels(chosen, labels_of(index))
        before = index.settings
        if chosen != before:
            _apply(index, chosen)
        if wanted or _has_outgrown(index, chosen):
            from aesearch.indexing.train import Plan

            with hold(layout):  # or a training that runs would lose its checkpoint
                Plan(chosen.encoder, seconds).write(layout)
        if layout.plan.exists():
            from aesearch.indexing.train import Plan, train

            started = time.perf_counter()
            try:
                train(index, corpus, seconds, progress)
            except ParameterError:
                # What does not fit these pictures will not fit them next time either.
                with hold(layout):
                    Plan.done(layout)
                if before != index.settings:
                    _apply(index, before)
                raise
            summary.trained = True
            summary.stages["training"] = time.perf_counter() - started
        index.prepare_queries()
    except BaseException:
        index.close()
        raise
    return index, summary


def _keep_columns(index: Index, folder: Source) -> None:
    """Let other columns that were chosen hold from now on."""
    if isinstance(folder, Table) and folder.columns != Columns.of(index.card.get("columns")):
        with hold(index.layout):
            index.card["columns"] = asdict(folder.columns)
            index.layout.write_card(index.card)


def _has_outgrown(index: Index, settings: Settings) -> bool:
    """Return whether there are now enough pictures for the first training."""
    return (
        index.kind == IMAGES
        and len(index) >= FEWEST_TO_FIT
        and settings.encoder != "thumbnail"
        and index.encoder.manifest["kind"] == "thumbnail"
        and not index.layout.plan.exists()
        and "check" not in index.encoder.manifest
    )


def _apply(index: Index, settings: Settings) -> None:
    """Let new choices hold: the engine is made anew from the codes that are there."""
    with hold(index.layout):
        publish(
            index.layout, index.store, nothing, settings, fingerprint=index.revision.fingerprint
        )
        index.card["settings"] = settings.as_dict()
        index.layout.write_card(index.card)
    index.forget()


def _create(
    layout: Layout,
    folder: Source,
    wanted: Settings | Mapping[str, Any] | None,
    budget: float | None,
    progress: Progress,
    summary: Summary,
) -> tuple[Index, Corpus]:
    """Read everything, fit PCA or LSA and publish, so that the index can be searched."""
    refuse_foreign(layout)
    made = not layout.root.exists()
    with hold(layout):
        if layout.exists():
            raise IndexExistsError(f"{layout.root} was made by another process just now; run again")
        try:
            started = time.perf_counter()
            entries = walk(folder)
            kind, settings = require_choices(folder, entries, wanted)
            corpus = _read(folder, entries, kind, settings, progress)
            summary.stages["reading"] = time.perf_counter() - started
            started = time.perf_counter()
            progress("components", 0, 1)
            _clear(layout)
            store = Store(layout.database, create=True)
            goes_on = len(corpus) >= FEWEST_TO_FIT or settings.encoder == "raw"
            _publish_first(layout, store, corpus, settings, goes_on=goes_on)
            store.close()
            if goes_on:
                from aesearch.indexing.train import Plan

                Plan(settings.encoder, budget).write(layout)
            layout.write_card(
                {
                    "aesearch": __version__,
                    "kind": kind,
                    "source": str(folder.root),
                    **({"columns": asdict(folder.columns)} if isinstance(folder, Table) else {}),
                    "created_at": time.time(),
                    "settings": settings.as_dict(),
                }
            )
            progress("components", 1, 1)
        except BaseException:
            if not layout.exists():
                _clear(layout)
                if made:
                    layout.lock.unlink(missing_ok=True)
                    layout.holder.unlink(missing_ok=True)
                    with suppress(OSError):  # it is not empty: somebody else is here
                        layout.root.rmdir()
            raise
    summary.stages["components"] = time.perf_counter() - started
    summary.counts = {"new": len(corpus), "changed": 0, "renamed": 0, "removed": 0, "unchanged": 0}
    return open_at(layout.root), corpus


def _load_training_side() -> None:
    import aesearch.indexing.train  # noqa: F401


def _read(
    folder: Source, entries: list[Entry], kind: str, settings: Settings, progress: Progress
) -> Corpus:
    # scikit-learn and onnx take a second to load: while files are read, not after it.
    threading.Thread(target=_load_training_side, daemon=True).start()
    load_all_formats()
    corpus = read_corpus(folder, entries, kind, settings, progress=progress)
    corpus.skipped += [Skipped(key, reason, ignored=False) for key, reason in folder.unreadable]
    return corpus


def _publish_first(
    layout: Layout, store: Store, corpus: Corpus, settings: Settings, *, goes_on: bool
) -> None:
    """Publish what needs no training: PCA, thumbnails or LSA.

    Where the check is to follow, the passages of long documents come with what it finds best:
    they take as long as all the rest.
    """
    from aesearch.indexing.baselines import first_encoder

    candidate = first_encoder(corpus, settings, layout)
    features = candidate.features
    codes = candidate.codes(corpus.seen(corpus.samples, features))
    passages = None if goes_on else corpus.passages(features, candidate.frozen)

    def edit(rows: Store) -> tuple[Ids, Ids]:
        ids = rows.put(corpus.items, codes)
        corpus.keep(rows, ids)
        if passages is not None:
            passages.write(rows, dict(enumerate(ids.tolist())))
        rows.skip(corpus.skipped)
        return ids, NO_IDS

    publish(layout, store, edit, settings, fingerprint=candidate.frozen.fingerprint)


def _clear(layout: Layout) -> None:
    """Remove what a run that did not get as far as its first revision left."""
    for path in layout.root.iterdir():
        if path.name.startswith(("items.db", "codes-", "encoder-", "words-")):
            remove_tree(path)
    remove_tree(layout.training)


def remove_tree(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
