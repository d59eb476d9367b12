"""Everything on disk, checked against everything else."""

from __future__ import annotations

import numpy as np

from aesearch.engines import Engine, engine_class
from aesearch.engines.plan import Plan
from aesearch.errors import DamagedError
from aesearch.inference.encoder import FrozenEncoder
from aesearch.modalities import Modality, load_features
from aesearch.storage.database import Store
from aesearch.storage.layout import Layout
from aesearch.storage.snapshot import file_problem
from aesearch.types import Ids
from aesearch.wording import counted

LONGEST = 1.001
DOCUMENT = (1 << 40) - 1  # of an id of a passage, what names its document; see `storage.schema`


def database_problems(layout: Layout, store: Store, modality: Modality) -> list[str]:
    """Faults of the database and the encoder, the source of truth, a line each."""
    problems = store.problems()
    if problems:  # what its rows say means nothing
        return problems
    try:
        encoder = sound_encoder(layout, store)
    except DamagedError as error:
        return [str(error)]
    faulty = faulty_items(layout, store, modality, encoder.code_size)
    return [
        f"items.db holds {counted(len(ids), modality.noun)} {fault}"
        for fault, ids in faulty.items()
    ]


def sound_encoder(layout: Layout, store: Store) -> FrozenEncoder:
    """The encoder of the codes, of which every file is what was written.

    Raises
    ------
    DamagedError
        Names what is wrong.
    """
    revision, _ = store.revision()
    encoder = FrozenEncoder(layout.encoder(revision.fingerprint))
    if encoder.fingerprint != revision.fingerprint:
        raise DamagedError(f"encoder {encoder.fingerprint} is not the codes' encoder")
    if damage := encoder.damage():
        raise DamagedError("; ".join(damage))
    load_features(encoder.folder, encoder.manifest.features)
    return encoder


def faulty_items(
    layout: Layout, store: Store, modality: Modality, code_size: int
) -> dict[str, list[int]]:
    """Ids of items of which a code or a text is not what it was, by the fault."""
    faulty = store.faulty_items(code_size, with_texts=modality.keeps_texts)
    lengths = ("dimensions", "passage")
    if any(word in fault for fault in faulty for word in lengths):
        return faulty  # and an array of the codes cannot be had
    ids, codes = store.codes()
    with np.errstate(all="ignore"):
        wrong = ~(np.linalg.norm(codes, axis=1) <= LONGEST)  # NaN is wrong
    if wrong.any():
        faulty["whose code is not of unit length"] = _items(ids[wrong])
    elif (engine := _written_engine(layout, store)) is not None and len(engine) == len(ids):
        other = engine.differing(ids, codes)
        if len(other):
            faulty["whose code is not that of the FAISS file"] = _items(other)
    return faulty


def _items(ids: Ids) -> list[int]:
    """The items of ids, of which some are passages."""
    return sorted({int(id) & DOCUMENT for id in ids})


def _written_engine(layout: Layout, store: Store) -> Engine | None:
    """The engine as it was written, or None where its file is not what it was."""
    revision, rotation = store.revision()
    path = layout.root / revision.codes_file
    if file_problem(path, revision):
        return None
    try:
        return engine_class().load(path, Plan(**revision.plan), rotation, writable=False)
    except (DamagedError, TypeError):
        return None


def engine_file_problem(layout: Layout, store: Store) -> str | None:
    """Fault of the FAISS file, or None: its bytes, or its count."""
    revision, _ = store.revision()
    path = layout.root / revision.codes_file
    if problem := file_problem(path, revision):
        return problem
    engine = _written_engine(layout, store)
    if engine is None:
        return f"{path} cannot be read by FAISS"
    held = len(store.codes()[0])
    if len(engine) != held:
        return f"{path.name} holds {counted(len(engine), 'code')}, items.db {held}"
    return None
