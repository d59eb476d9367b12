"""A source becomes an index: decode, PCA at once, train, check, publish the better one."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import aesearch
from aesearch.corpus import Corpus, read_corpus
from aesearch.encoders import ENCODERS, UNTRAINED
from aesearch.encoders.making import chosen_parameters, learned_by, require_folders
from aesearch.engines import Ids
from aesearch.errors import IndexExistsError, ParameterError, SourceError
from aesearch.evaluation import folder_names
from aesearch.features.images import ImageFeatures, load_all_formats
from aesearch.index import Index
from aesearch.ingest import Progress, probe, silent
from aesearch.layout import Layout, place_for
from aesearch.locking import hold
from aesearch.records import Skipped
from aesearch.settings import Settings, parse_seconds, plain, spelled
from aesearch.sources import Entry, Folder
from aesearch.store import Store
from aesearch.sync import synchronise
from aesearch.writer import NO_IDS, nothing, publish

if TYPE_CHECKING:
    from aesearch.encoders.linear import PCAEncoder, ThumbnailEncoder

FEWEST_TO_FIT = 32  # below: thumbnails, there is nothing to fit
LEFTOVERS = ("items.db", "codes-", "encoder-", "training", "write.", ".")
NEED_TRAINING = ("encoder", "code_size", "seed", "parameters")


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
    """

    counts: dict[str, int] = field(default_factory=dict)
    trained: bool = False
    stages: dict[str, float] = field(default_factory=dict)


def build(
    source: str | Path,
    path: str | Path | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    *,
    budget: float | str | None = None,
    retrain: bool = False,
    progress: Progress = silent,
) -> Index:
    """Make the index of a folder of pictures, or bring it up to date, and open it.

    Parameters
    ----------
    source : str or Path
        The folder. Nothing is written into it.
    path : str or Path, optional
        Folder of the index, or a name in the home; by default ``indexes/<name of the source>``.
    settings : Settings or mapping, optional
        Choices that hold from now on; a mapping changes only those it names, and so do the
        `parameters` in it.
    budget : float or str, optional
        Seconds for training, or '5m'; 0 publishes the best PCA and trains nothing. By default it
        follows from the number of pictures.
    retrain : bool, default=False
        Train anew although there is a trained encoder.
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
    return update(source, path, settings, budget=budget, retrain=retrain, progress=progress)[0]


def update(
    source: str | Path,
    path: str | Path | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    *,
    budget: float | str | None = None,
    retrain: bool = False,
    progress: Progress = silent,
) -> tuple[Index, Summary]:
    """Do what `build` does, and also tell what was done."""
    seconds = parse_seconds(budget) if isinstance(budget, str) else budget
    if seconds is not None and not 0 <= seconds < np.inf:
        raise ParameterError(f"budget must be a time of at least 0 seconds; got {budget}")
    folder = Folder(Path(source))
    layout = Layout(place_for(folder.root, path))
    if seconds == 0 and _as_changes(settings).get("encoder", "auto") not in ("auto", *UNTRAINED):
        raise ParameterError(
            "a budget of 0 trains nothing: leave it out, or choose the encoder auto or pca"
        )
    if layout.root.resolve().is_relative_to(folder.root):
        raise SourceError(
            f"the index {layout.root} would lie inside the source {folder.root}, where nothing "
            "is written; name another place with --index"
        )
    summary = Summary()
    corpus = None
    if layout.exists():
        index = _reopen(layout, folder)
        started = time.perf_counter()
        try:
            chosen = _choose(index.settings, settings, retrain=retrain)
        except ParameterError:
            index.close()
            raise
        summary.counts = synchronise(index, progress).counts()
        summary.stages["update"] = time.perf_counter() - started
    else:
        chosen = _choose(Settings(), settings, retrain=True)
        index, corpus = _create(layout, folder, chosen, seconds, progress, summary)
    try:
        wanted = retrain or (bool(seconds) and _was_never_trained(index))
        if wanted and corpus is None:
            _require_labels(chosen, [item.key for item in index.items()])
        before = index.settings
        if chosen != before:
            _apply(index, chosen)
        if wanted or _has_outgrown(index, chosen):
            from aesearch.trainer import Plan

            with hold(layout):  # or a training that runs would lose its checkpoint
                Plan(chosen.encoder, seconds).write(layout)
        if layout.plan.exists():
            from aesearch.trainer import Plan, train

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
    except BaseException:
        index.close()
        raise
    return index, summary


def _choose(
    before: Settings, wanted: Settings | Mapping[str, Any] | None, *, retrain: bool
) -> Settings:
    """Merge choices; those that change every code need a training."""
    changes = _as_changes(wanted)
    given = plain(changes.pop("parameters", {}))
    if "form" in changes and changes["form"] != "bits":
        changes.setdefault("bits", 0)
    elif "bits" in changes and "form" not in changes:
        changes["form"] = "bits" if changes["bits"] else "float"
    chosen = replace(before, **changes)
    if chosen.encoder not in ("auto", *ENCODERS):
        raise ParameterError(
            f"unknown encoder '{chosen.encoder}'; choose auto, {', '.join(ENCODERS)}"
        )
    if not isinstance(wanted, Settings):
        same = learned_by(chosen.encoder) == learned_by(before.encoder)
        given = {**(before.parameters if same else {}), **given}
    # An index that stays as it is need not wait for torch, nor what is learned by default.
    known = given == before.parameters and not retrain
    if not known and (given or chosen.encoder not in ("auto", *UNTRAINED)):
        given = chosen_parameters(chosen.encoder, given, chosen.code_size, chosen.seed)
    chosen = replace(chosen, parameters=given)
    for name in NEED_TRAINING:
        old, new = getattr(before, name), getattr(chosen, name)
        if old != new and not retrain:
            if name == "parameters":
                old, new = spelled(old) or "by default", spelled(new) or "the default"
            raise ParameterError(
                f"this index has {name} {old}; {new} needs new codes: add --retrain"
            )
    return chosen


def _require_labels(settings: Settings, keys: Sequence[str]) -> None:
    """Refuse an encoder that learns from folders where there are none, before any work."""
    if settings.encoder not in ("auto", *UNTRAINED):
        require_folders(settings.encoder, folder_names(keys))


def _as_changes(wanted: Settings | Mapping[str, Any] | None) -> dict[str, Any]:
    return asdict(wanted) if isinstance(wanted, Settings) else dict(wanted or {})


def _reopen(layout: Layout, folder: Folder) -> Index:
    index = Index(layout.root)
    try:
        index.check_source(folder.root)
    except IndexExistsError:
        index.close()
        raise
    return index


def _has_outgrown(index: Index, settings: Settings) -> bool:
    """Return whether there are now enough pictures for the first training."""
    return (
        len(index) >= FEWEST_TO_FIT
        and settings.encoder != "thumbnail"
        and index.encoder.manifest["kind"] == "thumbnail"
        and not index.layout.plan.exists()
        and "check" not in index.encoder.manifest
    )


def _was_never_trained(index: Index) -> bool:
    """Return whether it was made with a budget of 0, so that asking for a budget means training."""
    from aesearch.trainer import FEWEST_TO_TRAIN

    return (
        "seconds" not in index.encoder.manifest.get("trained", {})
        and index.settings.encoder not in UNTRAINED
        and len(index) >= FEWEST_TO_TRAIN
        and not index.layout.plan.exists()
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
    folder: Folder,
    settings: Settings,
    budget: float | None,
    progress: Progress,
    summary: Summary,
) -> tuple[Index, Corpus]:
    """Decode everything, fit PCA and publish, so that the index can be searched."""
    _refuse_foreign(layout)
    made = not layout.root.exists()
    with hold(layout):
        if layout.exists():
            raise IndexExistsError(f"{layout.root} was made by another process just now; run again")
        try:
            started = time.perf_counter()
            entries = _walk(folder)
            _require_labels(settings, [entry.key for entry in entries])
            corpus, features = _read(folder, entries, progress)
            summary.stages["reading"] = time.perf_counter() - started
            started = time.perf_counter()
            progress("components", 0, 1)
            _clear(layout)
            store = Store(layout.database, create=True)
            _publish_first(layout, store, corpus, features, settings)
            store.close()
            if len(corpus) >= FEWEST_TO_FIT or settings.encoder == "raw":
                from aesearch.trainer import Plan

                Plan(settings.encoder, budget).write(layout)
            layout.write_card(
                {
                    "aesearch": aesearch.__version__,
                    "kind": "images",
                    "source": str(folder.root),
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
    return Index(layout.root), corpus


def _load_training_side() -> None:
    import aesearch.trainer  # noqa: F401


def _walk(folder: Folder) -> list[Entry]:
    entries = list(folder.walk())
    if not entries:
        raise SourceError(f"{folder.root} holds no files; name the folder that holds the pictures")
    return entries


def _read(folder: Folder, entries: list[Entry], progress: Progress) -> tuple[Corpus, ImageFeatures]:
    # scikit-learn and onnx take a second to load: while files are read, not after it.
    threading.Thread(target=_load_training_side, daemon=True).start()
    load_all_formats()
    features = probe(folder.root, entries)
    corpus = read_corpus(folder.root, entries, features, progress=progress)
    corpus.skipped += [Skipped(key, reason, ignored=False) for key, reason in folder.unreadable]
    return corpus, features


def _publish_first(
    layout: Layout, store: Store, corpus: Corpus, features: ImageFeatures, settings: Settings
) -> None:
    """Publish half-whitened PCA, or thumbnails where there are too few pictures for it."""
    from aesearch.candidates import freeze
    from aesearch.encoders.linear import PCAEncoder, ThumbnailEncoder

    encoder: PCAEncoder | ThumbnailEncoder
    if len(corpus) >= FEWEST_TO_FIT:
        kind, encoder = "pca", PCAEncoder(settings.code_size, random_state=settings.seed)
        encoder.fit(corpus.pixels[: corpus.training])
    else:
        kind, encoder = "thumbnail", ThumbnailEncoder(settings.code_size)
        encoder.fit(np.repeat(corpus.pixels[:1], 2, axis=0))  # it learns nothing but the shape
    notes = {"trained": {"items": corpus.training}}
    frozen = freeze(encoder, kind, features, layout, notes)
    codes = frozen.encode(corpus.pixels)

    def edit(rows: Store) -> tuple[Ids, Ids]:
        ids = rows.put(corpus.items, codes)
        rows.skip(corpus.skipped)
        return ids, NO_IDS

    publish(layout, store, edit, settings, fingerprint=frozen.fingerprint)


def _refuse_foreign(layout: Layout) -> None:
    """Never make an index in a folder that holds something else."""
    if not layout.root.exists():
        return
    if not layout.root.is_dir():
        raise IndexExistsError(f"{layout.root} is a file; name another place with --index")
    foreign = [p.name for p in layout.root.iterdir() if not p.name.startswith(LEFTOVERS)]
    if foreign:
        raise IndexExistsError(
            f"{layout.root} holds other things ({foreign[0]}) and is no index; name an empty or "
            "a new place with --index"
        )


def _clear(layout: Layout) -> None:
    """Remove what a run that did not get as far as its first revision left."""
    for path in layout.root.iterdir():
        if path.name.startswith(("items.db", "codes-", "encoder-")):
            remove_tree(path)
    remove_tree(layout.training)


def remove_tree(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
