"""What is said of items: the columns of their rows, a table beside them, and their own EXIF."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from aesearch.engines.watched import Watched, Within
from aesearch.errors import AesearchError, ContentError, ParameterError
from aesearch.modalities.parts import split_part
from aesearch.settings import NO_METADATA, Metadata
from aesearch.sources.base import NONE, Source
from aesearch.sources.metadata import Matched, match, of_files
from aesearch.storage.folder import IndexFolder
from aesearch.storage.lock import hold
from aesearch.types import Progress, silent

PORTION = 20_000
AT_ONCE = 32
Asked = tuple[int, Path]


def keep(
    folder: IndexFolder,
    source: Source | None = None,
    progress: Progress = silent,
    metadata: Metadata | None = None,
) -> Matched | None:
    """Keep what is said of the items: only what is new or changed is written.

    Parameters
    ----------
    folder : IndexFolder
    source : Source, optional
        As it was walked; without it nothing is known of the rows of a table.
    progress : callable
    metadata : Metadata, optional
        A table that holds from now on, `NO_METADATA` for none; by default the one that did so far.

    Returns
    -------
    Matched or None
        What fits of that table; None without one, and where it cannot be used: then everything
        stays as it was, with a warning.

    Raises
    ------
    SourceError, ParameterError
        If `metadata`, which was named now, fits nothing.
    """
    table = folder.card.metadata if metadata is None else metadata
    found = None
    if folder.is_tabular and source is not None:
        # What was added by hand under the key of a row is not what the row says.
        ids = {item.key: item.id for item in folder.items() if not item.added}
        own = zip(ids.values(), source.fields(list(ids)), strict=True)
        _write_columns(folder, {id: text for id, text in own if text})
    elif table == NO_METADATA:
        _write_columns(folder, dict.fromkeys(folder.fields.columns(), ""))
    elif table is not None:
        ids = _ids_of(folder)
        found = _matched(folder, table, list(ids), named=metadata is not None)
        if found is not None:
            of_all = {ids[key]: text for key, text in of_files(found, ids)}
            if found.unread:  # whose files may have such a row
                of_all = {id: text for id, text in of_all.items() if text is not None}
            _write_columns(folder, {id: text or "" for id, text in of_all.items()})
    _ask_files(folder, progress)
    if metadata is not None and metadata != folder.card.metadata:
        with folder.writing():
            kept = None if metadata == NO_METADATA else metadata
            folder.write_card(folder.card.with_metadata(kept))
    return found


def _ids_of(folder: IndexFolder) -> dict[str, int]:
    return {item.key: item.id for item in folder.items()}


def _matched(
    folder: IndexFolder, table: Metadata, keys: Sequence[str], *, named: bool
) -> Matched | None:
    try:
        return match(table, folder.source, keys)
    except AesearchError as error:
        if named:
            raise
        warnings.warn(
            f"the fields stay as they were: {str(error).rstrip('.')}; is it away? Another one is "
            "named with --metadata",
            stacklevel=3,
        )
        return None


def _write_columns(folder: IndexFolder, said: Mapping[int, str]) -> None:
    known = folder.fields.columns()
    changed = {
        id: own
        for id, text in said.items()
        if known.get(id, "") != (own := "" if text == NONE else text)
    }
    for part in _portions(list(changed)):
        with hold(folder.layout), folder.store.transaction():
            folder.fields.put_columns({id: changed[id] for id in part})


def _ask_files(folder: IndexFolder, progress: Progress) -> None:
    """Let the files that were not asked yet say when and where they were taken."""
    if "says" not in folder.modality.parts or folder.is_tabular:
        return
    digests = folder.fields.unasked()
    if not digests:
        return
    says = folder.modality.part("says")
    keys = folder.keys_of(digests)
    paths = folder.paths_of({id: split_part(key)[0] for id, key in keys.items()})

    def ask(asked: Asked, within: Within) -> list[tuple[int, str]]:
        id, path = asked
        with suppress(OSError):  # asked again by the next run
            try:
                own = within(lambda: says(path))
            except ContentError:
                own = {}
            return [(id, json.dumps(own) if own else "")]
        return []

    with Watched("fields", ask, lambda asked, _: [(asked[0], "")]) as threads:
        for part in _portions(list(paths)):
            files = [(id, path) for id in part if (path := paths[id]) is not None]
            jobs = [
                threads.submit(files[at : at + AT_ONCE]) for at in range(0, len(files), AT_ONCE)
            ]
            heard = [one for job in jobs for one in threads.result(job)]
            heard += [(id, "") for id in part if paths[id] is None]
            progress("reading", len(heard), len(part))
            with hold(folder.layout), folder.store.transaction():
                folder.fields.put_files({id: (digests[id], text) for id, text in heard})


def _portions(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[at : at + PORTION] for at in range(0, len(ids), PORTION)]


def refuse_metadata(source: Source) -> None:
    """Raise ParameterError where the items are rows, which have columns of their own."""
    if source.columns is not None:
        raise ParameterError(
            f"metadata is for a folder of files; {source.root} has columns of its own"
        )
