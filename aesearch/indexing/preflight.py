"""What is checked before an index is made or changed, and what that would do: a dry run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aesearch.encoders import is_trained
from aesearch.encoders.factory import require_folders
from aesearch.errors import IndexExistsError, ParameterError, SourceError
from aesearch.indexing.request import Choices, Request
from aesearch.ingest.differences import SyncOptions, differences, tell_missing
from aesearch.ingest.moved import require_source
from aesearch.modalities import modality
from aesearch.settings import FEWEST_TO_TRAIN, Settings
from aesearch.sources.base import STANDARD_INPUT, Entry, Source
from aesearch.sources.changes import Changes
from aesearch.sources.columns import Columns, UsedColumns
from aesearch.sources.detect import kind_of
from aesearch.sources.table import used_columns
from aesearch.storage.folder import IndexFolder
from aesearch.storage.layout import Layout

LEFTOVERS = ("items.db", "codes-", "encoder-", "words-", "training", "reading.", "write.", ".")


@dataclass(frozen=True)
class Forecast:
    """What `aesearch.indexing.update` would do.

    Attributes
    ----------
    layout : Layout
        Where the index is, or would be.
    counts : dict of str to int
        Items by what would become of them; those that cannot be read are known only once they
        are.
    trains : {None, 'anew', 'on'}
        Whether an index that exists would be trained anew, or its training gone on with.
    columns : UsedColumns, optional
        Of a table: what would be taken for text, key and label.
    """

    layout: Layout
    counts: dict[str, int]
    trains: str | None = None
    columns: UsedColumns | None = None


def foretell(
    source: str | Path,
    path: str | Path | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    *,
    budget: float | str | None = None,
    retrain: bool = False,
    columns: Columns | None = None,
    sync: SyncOptions | None = None,
) -> Forecast:
    """Tell what `update` would do, or raise what it would; nothing is written.

    Files are listed, but only read where their names say nothing. The parameters are those of
    `update`.
    """
    if str(source) == STANDARD_INPUT:
        raise ParameterError("standard input is read once; --dry-run is for files")
    request = Request.of(
        source, path, settings, budget=budget, retrain=retrain, columns=columns, sync=sync
    )
    if not request.layout.exists():
        refuse_foreign(request.layout)
        entries = walk(request.source)
        require_choices(request.source, entries, request.choices)
        counts = counts_of_new(len(entries))
        return Forecast(request.layout, counts, columns=used_columns(request.source))
    folder = reopen(request)
    try:
        chosen = request.choices.over(folder.settings, folder.card.kind, retrain=retrain)
        trains = wants_training(request, folder)
        if trains:
            require_labels(chosen, list(folder.labels().values()))
        goes_on = "on" if folder.layout.plan.exists() else None
        changes = differences(folder, request.source, request.sync)
        tell_missing(folder, changes)
        taken = used_columns(request.source)
        return Forecast(folder.layout, changes.counts(), "anew" if trains else goes_on, taken)
    finally:
        folder.close()


def counts_of_new(count: int) -> dict[str, int]:
    """What `Changes.counts` says where all items are new."""
    return {**Changes().counts(), "new": count}


def require_choices(source: Source, entries: list[Entry], choices: Choices) -> tuple[str, Settings]:
    """The kind of a new index, and its settings; refuses those that do not fit the source."""
    kind = kind_of(source, entries, choices.kind)
    settings = choices.over(Settings(), kind, retrain=True)
    require_labels(settings, source.labels([entry.key for entry in entries]))
    return kind, settings


def require_labels(settings: Settings, labels: Sequence[str]) -> None:
    """Refuse an encoder that learns from labels where there are none, before any work."""
    if settings.encoder != "auto" and is_trained(settings.encoder):
        require_folders(settings.encoder, labels)


def reopen(request: Request) -> IndexFolder:
    """Open an index that there is, if it is that of this source."""
    folder = IndexFolder(request.layout.root)
    try:
        require_source(folder, request.source.root, request.source)
        kind = request.source.kind
        chosen = request.choices.kind  # another one is refused by its name later
        if chosen in ("auto", folder.card.kind) and kind not in (None, folder.card.kind):
            raise IndexExistsError(
                f"{folder.layout.root} is an index of {folder.modality.noun}s, and the source "
                f"holds {modality(kind).noun}s; name another place with --index"
            )
    except IndexExistsError:
        folder.close()
        raise
    return folder


def wants_training(request: Request, folder: IndexFolder) -> bool:
    """Whether a training was asked for.

    An index that was made with a budget of 0 is trained as soon as a budget is named.
    """
    return request.retrain or (bool(request.budget) and _was_never_trained(folder))


def _was_never_trained(folder: IndexFolder) -> bool:
    return (
        "seconds" not in folder.manifest.trained
        and is_trained(folder.settings.encoder)
        and folder.count() >= FEWEST_TO_TRAIN
        and not folder.layout.plan.exists()
    )


def walk(source: Source) -> list[Entry]:
    """All entries of a source that holds some."""
    entries = list(source.walk())
    if not entries:
        if source.unreadable:
            place, reason = source.unreadable[0]
            raise SourceError(f"{source.root} holds nothing that can be used: {place}: {reason}")
        what = "no documents" if source.plain else "no files"
        raise SourceError(
            f"{source.root} holds {what}; name the place that holds the pictures, documents "
            "or vectors"
        )
    return entries


def refuse_foreign(layout: Layout) -> None:
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
