"""A change becomes a revision, in one step or not at all.

The order of a publication: the encoder's folder is complete; the rows change inside a
transaction; the FAISS file is written under a new name and is on the disk; the revision that
names both is committed. Killed anywhere, the index opens at the old revision or at the new one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

import numpy as np

from aesearch.engines import Engine, engine_class
from aesearch.engines.plan import Plan, choose
from aesearch.errors import StorageError
from aesearch.inference.encoder import checksum
from aesearch.settings import Settings
from aesearch.storage.database import Store
from aesearch.storage.layout import Layout, sync_to_disk
from aesearch.storage.schema import Revision
from aesearch.types import Floats, Ids

# Up to here building the whole FAISS file anew takes a fraction of a second.
INCREMENTAL_FROM = 50_000
LARGEST_CHANGE = 0.25

Edit = Callable[[Store], tuple[Ids, Ids]]
NO_IDS: Ids = np.empty(0, dtype=np.int64)


def nothing(_store: Store) -> tuple[Ids, Ids]:
    """Change no row: an edit for publishing the FAISS file anew."""
    return NO_IDS, NO_IDS


def publish(
    layout: Layout,
    store: Store,
    edit: Edit,
    settings: Settings,
    *,
    fingerprint: str | None = None,
) -> Revision:
    """Make one change the current revision. The caller holds the lock.

    Parameters
    ----------
    layout : Layout
    store : Store
    edit : callable
        Changes the rows, inside the transaction; returns the ids whose codes it wrote and the
        ids it removed.
    settings : Settings
        What the engine must keep to.
    fingerprint : str, optional
        Of the encoder, where the FAISS file is to be made anew from all codes.

    Raises
    ------
    StorageError
        If the disk is full, or cannot be written; nothing was changed.
    """
    before, rotation = store.revision()
    number = before.number + 1
    path = layout.codes(number)
    temporary = path.with_suffix(".new")
    try:
        with store.transaction():
            written, removed = edit(store)
            if fingerprint is None:
                engine, rotation = _changed_engine(
                    layout, store, before, rotation, written, removed, settings
                )
            else:
                engine, rotation = build_engine(store, settings)
            engine.save(temporary)
            sync_to_disk(temporary)
            os.replace(temporary, path)
            sync_to_disk(layout.root)
            revision = Revision(
                number=number,
                fingerprint=fingerprint or before.fingerprint,
                codes_file=path.name,
                codes_sum=checksum(path),
                plan=asdict(engine.plan),
                items=len(engine),
            )
            store.set_revision(revision, rotation)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"{layout.root} cannot be written: {error.strerror}; nothing was changed"
        ) from error
    clean(layout, revision)
    return revision


def _changed_engine(
    layout: Layout,
    store: Store,
    before: Revision,
    rotation: Floats | None,
    written: Ids,
    removed: Ids,
    settings: Settings,
) -> tuple[Engine, Floats | None]:
    """The engine for the rows as they now are: changed where that is cheaper."""
    count = store.count()
    old = layout.root / before.codes_file
    changed = len(written) + len(removed)
    has_passages = store.has_passages()  # whose codes the edit does not name
    if (
        count >= INCREMENTAL_FROM
        and changed < LARGEST_CHANGE * count
        and old.is_file()
        and not has_passages
    ):
        engine = engine_class().load(old, Plan(**before.plan), rotation, writable=True)
        if engine.can_remove and len(engine) == before.items:
            engine.remove(np.concatenate([written, removed]))
            engine.add(*store.codes(written))
            return engine, rotation
    return build_engine(store, settings)


def clean(layout: Layout, revision: Revision) -> list[str]:
    """Remove files of other revisions; those that a reader still holds, and go the next time."""
    held = []
    keep = {revision.codes_file, f"encoder-{revision.fingerprint}", f"words-{revision.number}"}
    for path in layout.root.iterdir():
        if path.name in keep or not path.name.startswith(("codes-", "encoder-", "words-")):
            continue
        if path.is_dir():
            import shutil

            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):  # Windows does not remove what is mapped
                path.unlink()
        if path.exists():
            held.append(f"{path.name} cannot be removed")
    return held


def build_engine(store: Store, settings: Settings) -> tuple[Engine, Floats | None]:
    """Engine of all codes in the store, and the rotation that makes these binary, if any."""
    from aesearch.engines.faiss import learn_rotation

    ids, codes = store.codes()
    size = codes.shape[1]
    bits = min(settings.bits, size - size % 8)
    dtype = settings.form if settings.form != "bits" or bits else "float"
    plan = choose(
        len(ids), size, dtype=dtype, bits=bits, kind=settings.engine, max_memory=settings.max_memory
    )
    rotation = learn_rotation(codes, bits) if plan.bits and len(codes) else None
    engine = engine_class().build(plan, ids, codes, rotation)
    if len(ids):
        engine.tune(ids, codes, settings.recall)
    return engine, rotation
