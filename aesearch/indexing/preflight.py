"""What is checked before an index is made or changed, and what that would do: a dry run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.encoders import is_trained
from aesearch.errors import IndexExistsError, ParameterError, SourceError
from aesearch.indexing.choices import as_changes, choose_settings, require_labels
from aesearch.ingest.update import differences
from aesearch.modalities import TEXTS
from aesearch.search.index import Index, open_at
from aesearch.settings import FEWEST_TO_TRAIN, Settings, parse_seconds
from aesearch.sources.base import STANDARD_INPUT, Entry, Source
from aesearch.sources.detect import kind_of
from aesearch.sources.folder import folder_names
from aesearch.sources.open import open_source
from aesearch.sources.table import Columns, Taken, columns_taken
from aesearch.storage.layout import Layout
from aesearch.storage.places import place_for

LEFTOVERS = ("items.db", "codes-", "encoder-", "words-", "training", "write.", ".")

Wanted = Settings | Mapping[str, Any] | None


@dataclass(frozen=True)
class Forecast:
    """What `aesearch.indexing.build.update` would do.

    Attributes
    ----------
    layout : Layout
        Where the index is, or would be.
    counts : dict of str to int
        Items by what would become of them; those that cannot be read are known only once they
        are.
    trains : {None, 'anew', 'on'}
        Whether an index that exists would be trained anew, or its training gone on with.
    columns : Taken, optional
        Of a table: what would be taken for text, key and label.
    """

    layout: Layout
    counts: dict[str, int]
    trains: str | None = None
    columns: Taken | None = None


def prepare(
    source: str | Path,
    path: str | Path | None,
    wanted: Wanted,
    budget: float | str | None,
    columns: Columns | None,
) -> tuple[Source, Layout, float | None]:
    """Open the source and find the place of its index, and refuse what can be refused so far.

    Returns
    -------
    folder, layout, seconds : Source, Layout, float or None
        The budget, read.
    """
    seconds = parse_seconds(budget) if isinstance(budget, str) else budget
    if seconds is not None and not 0 <= seconds < np.inf:
        raise ParameterError(f"budget must be a time of at least 0 seconds; got {budget}")
    if str(source) == STANDARD_INPUT and path is None:
        raise ParameterError("documents on standard input need a place: --index NAME")
    layout = Layout(place_for(Path(source), path))
    if layout.exists():  # with the columns that it knows already
        columns = (columns or Columns()).over(layout.read_card().get("columns"))
    folder = open_source(source, columns or None, sys.stdin)
    encoder = as_changes(wanted).get("encoder", "auto")
    if seconds == 0 and encoder != "auto" and is_trained(encoder):
        raise ParameterError(
            "a budget of 0 trains nothing: leave it out, or choose the encoder auto, pca or lsa"
        )
    if not folder.plain and layout.root.resolve().is_relative_to(folder.root):
        raise SourceError(
            f"the index {layout.root} would lie inside the source {folder.root}, where nothing "
            "is written; name another place with --index"
        )
    return folder, layout, seconds


def foretell(
    source: str | Path,
    path: str | Path | None = None,
    wanted: Wanted = None,
    *,
    budget: float | str | None = None,
    retrain: bool = False,
    columns: Columns | None = None,
) -> Forecast:
    """Return what `update` would do, or raise what it would; nothing is written.

    Files are listed, but only read where their names say nothing. The parameters are those of
    `update`.
    """
    if str(source) == STANDARD_INPUT:
        raise ParameterError("standard input is read once; --dry-run is for files")
    folder, layout, seconds = prepare(source, path, wanted, budget, columns)
    if not layout.exists():
        refuse_foreign(layout)
        entries = walk(folder)
        require_choices(folder, entries, wanted)
        return Forecast(layout, _only_new(len(entries)), columns=columns_taken(folder))
    with reopen(layout, folder) as index:
        chosen = choose_settings(index.settings, wanted, index.kind, retrain=retrain)
        trains = retrain or (bool(seconds) and was_never_trained(index))
        if trains:
            require_labels(chosen, labels_of(index))
        goes_on = "on" if layout.plan.exists() else None
        counts = differences(index, folder).counts()
        return Forecast(layout, counts, "anew" if trains else goes_on, columns_taken(folder))


def _only_new(count: int) -> dict[str, int]:
    return {"new": count, "changed": 0, "renamed": 0, "removed": 0, "unchanged": 0}


def require_choices(folder: Source, entries: list[Entry], wanted: Wanted) -> tuple[str, Settings]:
    """Return the kind of a new index, and its settings; refuse those that do not fit the source."""
    kind = kind_of(folder, entries, kind_wanted(wanted, "auto"))
    settings = choose_settings(Settings(), wanted, kind, retrain=True)
    require_labels(settings, folder.labels([entry.key for entry in entries]))
    return kind, settings


def kind_wanted(wanted: Wanted, otherwise: str) -> str:
    """Return the kind that was chosen, or what else it is."""
    kind = str(as_changes(wanted).get("kind", "auto"))
    return otherwise if kind == "auto" else kind


def labels_of(index: Index) -> list[str]:
    """Return the labels of the items of an index: of pictures, their folders."""
    if index.kind == TEXTS:
        return list(index.store.labels().values())
    return folder_names([item.key for item in index.items()])


def reopen(layout: Layout, folder: Source) -> Index:
    """Open an index that there is, if it is that of this source."""
    index = open_at(layout.root)
    try:
        index.check_source(folder.root)
    except IndexExistsError:
        index.close()
        raise
    return index


def was_never_trained(index: Index) -> bool:
    """Return whether it was made with a budget of 0, so that asking for a budget means training."""
    return (
        "seconds" not in index.encoder.manifest.get("trained", {})
        and is_trained(index.settings.encoder)
        and len(index) >= FEWEST_TO_TRAIN
        and not index.layout.plan.exists()
    )


def walk(folder: Source) -> list[Entry]:
    """Return all entries of a source that holds some."""
    entries = list(folder.walk())
    if not entries:
        if folder.unreadable:
            place, reason = folder.unreadable[0]
            raise SourceError(f"{folder.root} holds nothing that can be used: {place}: {reason}")
        what = "no documents" if folder.plain else "no files"
        raise SourceError(
            f"{folder.root} holds {what}; name the place that holds the pictures or documents"
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
