"""A new index: everything is read, what needs no training is published at once."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from aesearch._version import __version__
from aesearch.errors import AesearchError, IndexExistsError
from aesearch.indexing.datasets.base import Dataset, read_dataset
from aesearch.indexing.preflight import refuse_foreign, require_choices, walk
from aesearch.indexing.request import Request
from aesearch.ingest.spool import Spool
from aesearch.modalities import modality
from aesearch.settings import FEWEST_TO_FIT, Settings
from aesearch.sources.base import Entry, Source
from aesearch.storage.card import Card
from aesearch.storage.commit import NO_IDS, publish
from aesearch.storage.database import Store
from aesearch.storage.layout import Layout
from aesearch.storage.lock import hold
from aesearch.storage.schema import Skipped
from aesearch.types import Ids, Progress


def make(request: Request, stages: dict[str, float]) -> Dataset:
    """Read everything, fit PCA or LSA and publish, so that the index can be searched.

    Parameters
    ----------
    request : Request
    stages : dict
        Takes the seconds of each step.
    """
    request.choices.refuse_early()
    layout = request.layout
    refuse_foreign(layout)
    made = not layout.root.exists()
    with hold(layout):
        if layout.exists():
            raise IndexExistsError(f"{layout.root} was made by another process just now; run again")
        try:
            return _make(request, stages)
        except BaseException as error:
            if not layout.exists():
                _settle_reading(layout, error)
                _clear(layout)
                if made:
                    layout.lock.unlink(missing_ok=True)
                    layout.holder.unlink(missing_ok=True)
                    with suppress(OSError):  # it is not empty: somebody else is here
                        layout.root.rmdir()
            raise


def _make(request: Request, stages: dict[str, float]) -> Dataset:
    source, layout, progress = request.source, request.layout, request.progress
    started = time.perf_counter()
    entries = walk(source)
    kind, settings = require_choices(source, entries, request.choices)
    with _spooling(request, settings) as spool:
        dataset = _read(source, entries, kind, settings, progress, spool)
    stages["reading"] = time.perf_counter() - started
    started = time.perf_counter()
    progress("components", 0, 1)
    _clear(layout)
    goes_on = len(dataset) >= FEWEST_TO_FIT or settings.encoder == "raw"
    with closing(Store(layout.database, create=True)) as store:
        _publish_first(layout, store, dataset, settings, goes_on=goes_on)
    if goes_on:
        from aesearch.indexing.train import Plan

        Plan(settings.encoder, request.budget).write(layout)
    card = Card(kind, str(source.root), settings, source.columns, time.time(), __version__)
    card.write(layout.card)
    layout.reading.unlink(missing_ok=True)
    progress("components", 1, 1)
    stages["components"] = time.perf_counter() - started
    return dataset


def _load_training_side() -> None:
    import aesearch.indexing.train  # noqa: F401


@contextmanager
def _spooling(request: Request, settings: Settings) -> Iterator[Spool | None]:
    """Keep what is read of files; rows come at once, and need none of it."""
    source = request.source
    if source.columns is not None:
        yield None
        return
    about = {"source": str(source.root), "settings": settings.as_dict()}
    spool = Spool(request.layout.reading, about, modality(settings.kind))
    try:
        yield spool
    except BaseException:
        spool.close(stopped=True)
        raise
    spool.close(stopped=False)


def _settle_reading(layout: Layout, error: BaseException) -> None:
    """Keep what was read if the run was stopped, and not refused; else say that nothing is."""
    if isinstance(error, AesearchError):
        layout.reading.unlink(missing_ok=True)
    elif isinstance(error, KeyboardInterrupt) and not layout.reading.exists():
        error.add_note("stopped; nothing was read yet that could be kept")


def _read(
    source: Source,
    entries: list[Entry],
    kind: str,
    settings: Settings,
    progress: Progress,
    spool: Spool | None,
) -> Dataset:
    # scikit-learn and onnx take a second to load: while files are read, not after it.
    threading.Thread(target=_load_training_side, daemon=True).start()
    modality(kind).warm_up()
    dataset = read_dataset(source, entries, kind, settings, progress=progress, spool=spool)
    dataset.skipped += [Skipped(key, reason, ignored=False) for key, reason in source.unreadable]
    return dataset


def _publish_first(
    layout: Layout, store: Store, dataset: Dataset, settings: Settings, *, goes_on: bool
) -> None:
    """Publish what needs no training: PCA, thumbnails or LSA.

    Where the check is to follow, the passages of long documents come with what it finds best:
    they take as long as all the rest.
    """
    from aesearch.indexing.baselines import first_encoder

    candidate = first_encoder(dataset, settings, layout)
    features = candidate.features
    codes = candidate.codes(dataset.seen(dataset.samples, features))
    passages = None if goes_on else dataset.passages(features, candidate.frozen)

    def edit(rows: Store) -> tuple[Ids, Ids]:
        ids = rows.put(dataset.items, codes)
        dataset.keep(rows, ids)
        if passages is not None:
            passages.write(rows, dict(enumerate(ids.tolist())))
        rows.skip(dataset.skipped)
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
