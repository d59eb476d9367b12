"""One revision, opened for searching: its encoder and its engine, each checked first."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from aesearch.engines import Engine, engine_class
from aesearch.engines.plan import Plan
from aesearch.errors import (
    DamagedError,
    EncoderMismatchError,
    IndexNotFoundError,
    StorageError,
    repair_command,
)
from aesearch.inference.encoder import FrozenEncoder, checksum
from aesearch.modalities import Features, load_features
from aesearch.settings import Settings
from aesearch.storage.commit import build_engine
from aesearch.storage.database import Store
from aesearch.storage.layout import Layout, require_same
from aesearch.storage.schema import Revision
from aesearch.types import Floats


@dataclass(frozen=True)
class Snapshot:
    """One revision, opened.

    Attributes
    ----------
    revision : Revision
    encoder : FrozenEncoder
    features : Features
        From items to the input of the encoder.
    engine : Engine
        Codes to nearest ids.
    """

    revision: Revision
    encoder: FrozenEncoder
    features: Features
    engine: Engine


class ReplacedError(StorageError):
    """A writer has replaced the files of a revision before they were opened: ask for it again."""


def open_snapshot(layout: Layout, store: Store, settings: Settings) -> Snapshot:
    """Open the current revision, as a transaction sees it where one was begun.

    All its files are open then, and answer whatever a writer removes later.

    Raises
    ------
    IndexNotFoundError
        If nothing was published yet.
    DamagedError, EncoderMismatchError
        If its encoder is not what it was. A damaged FAISS file is only warned of: the codes in
        the store are searched instead.
    ReplacedError
        If there is another revision by now, whose writer has removed the files of this one.
    """
    revision, rotation = store.revision()
    if not revision.number:
        raise IndexNotFoundError(
            f"{layout.root} holds no items yet; 'aesearch index SOURCE' goes on with it"
        )
    try:
        encoder = _open_encoder(layout, revision)
        engine = _open_engine(layout, store, settings, revision, rotation)
        features = load_features(encoder.folder, encoder.manifest.features)
        if not encoder.is_held:  # the error is that of the first search
            _require_kept(layout, store, revision)
    except DamagedError:
        _require_kept(layout, store, revision)
        raise
    return Snapshot(revision, encoder, features, engine)


def _open_encoder(layout: Layout, revision: Revision) -> FrozenEncoder:
    encoder = FrozenEncoder(layout.encoder(revision.fingerprint))
    if encoder.fingerprint != revision.fingerprint:
        raise EncoderMismatchError(
            f"the codes were made by encoder {revision.fingerprint}, "
            f"{encoder.folder.name} holds {encoder.fingerprint}; restore it, or let "
            f"{repair_command(layout.root)} train another"
        )
    return encoder


def _open_engine(
    layout: Layout,
    store: Store,
    settings: Settings,
    revision: Revision,
    rotation: Floats | None,
) -> Engine:
    path = layout.root / revision.codes_file
    problem = file_problem(path, revision)
    if problem is None:
        return engine_class().load(path, Plan(**revision.plan), rotation, writable=False)
    _require_kept(layout, store, revision)
    warnings.warn(
        f"{problem}; searching the codes in items.db instead, "
        f"{repair_command(layout.root)} mends it",
        stacklevel=2,
    )
    return build_engine(store, settings)[0]


def _require_kept(layout: Layout, store: Store, revision: Revision) -> None:
    """Raise ReplacedError if there is another revision, which a transaction may not see yet.

    Where there is another index altogether, raise what `require_same` does.
    """
    require_same(layout.database, store.identity)
    now = Store(layout.database)
    try:
        if now.revision()[0].number != revision.number:
            raise ReplacedError(f"{layout.root} changes too quickly to be opened; try again")
    finally:
        now.close()


def file_problem(path: Path, revision: Revision) -> str | None:
    """Fault of the FAISS file, or None. FAISS itself does not notice a flipped byte."""
    try:
        damaged = checksum(path) != revision.codes_sum
    except FileNotFoundError:
        return f"{path} is missing"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    return f"{path} is damaged (its checksum does not match)" if damaged else None
