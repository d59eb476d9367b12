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
from aesearch.storage.layout import Layout
from aesearch.storage.schema import Revision
from aesearch.types import Floats

TRIES = 5


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


def open_snapshot(layout: Layout, store: Store, settings: Settings) -> Snapshot:
    """Open the current revision.

    Raises
    ------
    IndexNotFoundError
        If nothing was published yet.
    DamagedError, EncoderMismatchError
        If its encoder is not what it was. A damaged FAISS file is only warned of: the codes in
        the store are searched instead.
    """
    for attempt in range(TRIES):
        revision, rotation = store.revision()
        if not revision.number:
            raise IndexNotFoundError(
                f"{layout.root} holds no items yet; 'aesearch index SOURCE' goes on with it"
            )
        try:
            encoder = FrozenEncoder(layout.encoder(revision.fingerprint))
            if encoder.fingerprint != revision.fingerprint:
                raise EncoderMismatchError(
                    f"the codes were made by encoder {revision.fingerprint}, "
                    f"{encoder.folder.name} holds {encoder.fingerprint}; restore it, or let "
                    f"{repair_command(layout.root)} train another"
                )
            engine = _open_engine(layout, store, settings, revision, rotation)
            features = load_features(encoder.folder, encoder.manifest.features)
        except DamagedError:
            # A writer may have replaced the files between two reads.
            if attempt + 1 < TRIES and store.revision()[0].number != revision.number:
                continue
            raise
        return Snapshot(revision, encoder, features, engine)
    raise StorageError(f"{layout.root} changes too quickly to be opened; try again")


def _open_engine(
    layout: Layout,
    store: Store,
    settings: Settings,
    revision: Revision,
    rotation: Floats | None,
) -> Engine:
    path = layout.root / revision.codes_file
    problem = file_problem(path, revision)
    if problem is None or store.revision()[0].number != revision.number:
        try:
            return engine_class().load(path, Plan(**revision.plan), rotation, writable=False)
        except DamagedError:
            if not _seen_from_before(layout, store, revision):
                raise
    elif not _seen_from_before(layout, store, revision):
        warnings.warn(
            f"{problem}; searching the codes in items.db instead, "
            f"{repair_command(layout.root)} mends it",
            stacklevel=2,
        )
    return build_engine(store, settings)[0]


def _seen_from_before(layout: Layout, store: Store, revision: Revision) -> bool:
    """Whether a transaction still sees a revision whose files a writer has since replaced."""
    if store.revision()[0].number != revision.number:
        return False
    now = Store(layout.database)
    try:
        return now.revision()[0].number != revision.number
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
