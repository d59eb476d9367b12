"""Everything on disk, checked against everything else."""

from __future__ import annotations

import numpy as np

from aesearch.engines import engine_class
from aesearch.engines.plan import Plan
from aesearch.errors import DamagedError
from aesearch.inference.encoder import FrozenEncoder
from aesearch.modalities import Modality
from aesearch.storage.database import Store
from aesearch.storage.layout import Layout
from aesearch.storage.snapshot import file_problem
from aesearch.wording import counted

SAMPLE = 100
LONGEST = 1.001


def database_problems(layout: Layout, store: Store, modality: Modality) -> list[str]:
    """Faults of the database and the encoder, the source of truth, a line each."""
    problems = store.problems()
    revision, _ = store.revision()
    ids, codes = store.codes()
    try:
        encoder = FrozenEncoder(layout.encoder(revision.fingerprint))
        problems += encoder.damage()
        if encoder.fingerprint != revision.fingerprint:
            problems.append(f"encoder {encoder.fingerprint} is not the codes' encoder")
        if len(ids) and codes.shape[1] != encoder.code_size:
            problems.append(f"codes have {codes.shape[1]} dimensions, not {encoder.code_size}")
    except DamagedError as error:
        problems.append(str(error))
    lost = store.count() - len(store.labels())
    if modality.keeps_texts and lost:
        problems.append(f"{lost:,} of {counted(store.count(), modality.noun)} have no text")
    if not np.isfinite(codes).all() or (np.linalg.norm(codes, axis=1) > LONGEST).any():
        problems.append("some codes are not of unit length")
    return problems


def engine_file_problem(layout: Layout, store: Store) -> str | None:
    """Fault of the FAISS file, or None: its bytes, its count, or a code in a sample."""
    revision, rotation = store.revision()
    path = layout.root / revision.codes_file
    if problem := file_problem(path, revision):
        return problem
    ids, codes = store.codes()
    engine = engine_class().load(path, Plan(**revision.plan), rotation, writable=False)
    if len(engine) != len(ids):
        return f"{path.name} holds {counted(len(engine), 'code')}, items.db {len(ids)}"
    step = max(1, len(ids) // SAMPLE)
    for id, code in zip(ids[::step], codes[::step], strict=True):
        only = np.array([id], dtype=np.int64)
        if engine.search(code[None], 1, among=only)[0][0, 0] != id:
            return f"{path.name} does not hold the code of item {id}"
    return None
