"""FAISS as an engine (Douze et al., The Faiss library, 2024): real and binary codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from aesearch.engines.plan import Plan
from aesearch.errors import DamagedError, StorageError, UnsupportedError, repair_command
from aesearch.types import Floats, Ids

# FAISS 1.15 raised the size from which batches go through BLAS so far that they never do;
# with this value a batch of 16 queries or more is searched five times faster.
faiss.cvar.distance_compute_blas_threshold = 1000
if sys.platform == "darwin":  # pragma: no cover
    # torch and FAISS bring two OpenMP runtimes, which crash on macOS once both start threads.
    faiss.omp_set_num_threads(1)

TRAINING_PER_LIST = 64
SAMPLE, SAMPLE_SLACK = 100, 0.1  # codes compared one by one, and what a score may be off by
WRITTEN_AT_ONCE = 1 << 20  # bytes
ROUNDED = 0.02  # that a number may differ by where it is kept as int8
WORTH_THREADS = 1 << 22  # multiplications: one thread does as many in a millisecond
TIED = 10_000  # rows that are looked through for those that score as the last one does
RECALL_AT = 10
RECALL_SAMPLE = 500
ITQ_STEPS, ITQ_SAMPLE = 50, 20_000


def learn_rotation(codes: Floats, bits: int) -> Floats:
    """Learn how real codes become binary: PCA to `bits` dimensions, then the ITQ rotation.

    Parameters
    ----------
    codes : ndarray of shape (n, code_size)
    bits : int

    Returns
    -------
    ndarray of shape (code_size + 1, bits)
        A bit is set where ``[code, 1] @ rotation`` is positive.

    References
    ----------
    Y. Gong, S. Lazebnik, Iterative quantization, CVPR 2011.
    """
    sample = codes[:: max(1, len(codes) // 50_000)].astype(np.float64)
    mean = sample.mean(axis=0)
    # FAISS's own PCA refuses fewer codes than bits.
    _, components = np.linalg.eigh((sample - mean).T @ (sample - mean))
    matrix = components[:, ::-1][:, :bits]
    itq = _itq_rotation((sample - mean) @ matrix)
    rotation: Floats = (np.vstack([matrix, -mean @ matrix]) @ itq).astype(np.float32)
    return rotation


def _itq_rotation(projected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation, (bits, bits), of least quantization error: points come near the corners of a cube.

    FAISS has an ITQMatrix, but in as many steps it is hardly better than a random rotation.
    """
    sample = projected[:: max(1, len(projected) // ITQ_SAMPLE)]
    bits = sample.shape[1]
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(bits, bits)))[0]
    for _ in range(ITQ_STEPS):
        left, _, right = np.linalg.svd(np.sign(sample @ rotation).T @ sample)
        rotation = (left @ right).T
    return rotation


def to_bits(codes: Floats, rotation: Floats) -> NDArray[np.uint8]:
    """Binary codes, packed: uint8 of shape (n, bits / 8)."""
    return np.packbits(codes @ rotation[:-1] + rotation[-1] > 0, axis=1)


def quantized(codes: Floats, dtype: str, rotation: Floats | None) -> Floats:
    """Codes quantized to a data type and back to unit-length floats, to measure what is lost.

    Parameters
    ----------
    codes : ndarray of shape (n, code_size)
    dtype : {'float', 'int8', 'bits'}
    rotation : ndarray of shape (code_size + 1, bits), optional
        For 'bits': a bit becomes +1 or -1, whose inner product ranks as Hamming distance does.
    """
    if dtype == "bits" and rotation is not None:
        stored = np.where(codes @ rotation[:-1] + rotation[-1] > 0, 1, -1).astype(np.float32)
        unit: Floats = stored / np.float32(np.sqrt(rotation.shape[1]))
        return unit
    if dtype == "int8":
        quantizer = faiss.index_factory(codes.shape[1], "SQ8", faiss.METRIC_INNER_PRODUCT)
        quantizer.train(codes)
        decoded: Floats = quantizer.sa_decode(quantizer.sa_encode(codes))
        return decoded
    return codes


class FaissEngine:
    """Nearest codes by FAISS."""

    def __init__(self, plan: Plan, index: Any, rotation: Floats | None) -> None:
        self.plan = plan
        self._index = index
        self._rotation = rotation
        self._writable = True

    @classmethod
    def build(cls, plan: Plan, ids: Ids, codes: Floats, rotation: Floats | None) -> Self:
        """Build the index of a plan, train it where its kind needs that, and add the codes."""
        size = codes.shape[1]
        index: Any
        if plan.bits:
            index = faiss.IndexBinaryIDMap2(faiss.index_binary_factory(plan.bits, plan.factory))
        else:
            index = faiss.index_factory(size, plan.factory, faiss.METRIC_INNER_PRODUCT)
        engine = cls(plan, index, rotation)
        if len(codes) and not plan.bits and not index.is_trained:
            wanted = max(TRAINING_PER_LIST * nlist_of(plan), 20_000)
            index.train(np.ascontiguousarray(codes[:: max(1, len(codes) // wanted)]))
        engine.add(ids, codes)
        return engine

    @classmethod
    def load(cls, path: Path, plan: Plan, rotation: Floats | None, *, writable: bool) -> Self:
        """Open a file; a mapped one must not be changed (FAISS 1.15 crashes)."""
        inverted = "IVF" in plan.factory
        flags = faiss.IO_FLAG_MMAP if inverted else faiss.IO_FLAG_MMAP_IFC
        read = faiss.read_index_binary if plan.bits else faiss.read_index
        try:
            index = read(str(path), 0 if writable else flags)
        except RuntimeError as error:
            raise DamagedError(
                f"FAISS cannot read {path}; {repair_command(path.parent)} makes it anew"
            ) from error
        engine = cls(plan, index, rotation)
        engine._writable = writable
        return engine

    def tune(self, ids: Ids, codes: Floats, recall: float) -> None:
        """Set the least nprobe or efSearch that reaches the recall; see `tune`."""
        tune(self, ids, codes, recall)

    def save(self, path: Path) -> None:
        """Write the index to `path`."""
        make: Any = faiss  # its stubs know nothing of it
        write = faiss.write_index_binary if self.plan.bits else faiss.write_index
        try:
            # By a stream of Python's: FAISS's own takes no notice of what closing its file cannot
            # write any more.
            with path.open("wb") as stream:
                write(self._index, make.PyCallbackIOWriter(stream.write, WRITTEN_AT_ONCE))
        except (OSError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or "is the disk full?"
            raise StorageError(f"{path} cannot be written: {why}; nothing was changed") from error

    @property
    def can_remove(self) -> bool:
        """False for graphs."""
        return "HNSW" not in self.plan.factory

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, ids: Ids, codes: Floats) -> None:
        """Add codes under new ids."""
        self._check_writable()
        if len(ids):
            self._index.add_with_ids(self._as_stored(codes), np.ascontiguousarray(ids, np.int64))

    def remove(self, ids: Ids) -> None:
        """Remove codes by id; unknown ids are passed over."""
        self._check_writable()
        if not self.can_remove:
            raise UnsupportedError("a graph cannot forget codes; build the index anew")
        if len(ids):
            self._index.remove_ids(np.ascontiguousarray(ids, np.int64))

    def search(self, codes: Floats, k: int, *, among: Ids | None = None) -> tuple[Ids, Floats]:
        """Ids and scores of the nearest, best first; -1, of score -inf, pads short rows.

        Equal scores are ordered by id, so that the first of many are those of a few: where they
        go on behind the last that is wanted, more are looked for, up to `TIED`.
        """
        wanted = min(k + 1, max(k, len(self)))
        while True:
            ids, scores = self._nearest(codes, wanted, among)
            last, behind = scores[:, k - 1], scores[:, -1]
            tied = wanted > k and bool((np.isfinite(last) & (last == behind)).any())
            if not tied or wanted >= min(len(self), TIED):
                break
            wanted = min(4 * wanted, len(self))
        order = np.lexsort((ids, -scores))[:, :k]
        return np.take_along_axis(ids, order, 1), np.take_along_axis(scores, order, 1)

    def _nearest(self, codes: Floats, k: int, among: Ids | None) -> tuple[Ids, Floats]:
        """As `search`, equal scores in any order.

        Where a search with the nprobe or efSearch of the plan finds fewer than `k`, these are
        doubled until it does.
        """
        if among is not None:
            among = np.unique(np.asarray(among, np.int64))
        if not len(self) or (among is not None and not len(among)):
            shape = len(codes), k
            return np.full(shape, -1, np.int64), np.full(shape, -np.inf, np.float32)
        if among is not None and not self._can_filter:
            return self._search_exactly(codes, k, among)
        stored, last = self._as_stored(codes), min(k, len(self)) - 1
        effort, most = self._efforts(among)
        while True:
            with _threads_for(len(stored) * self._index.ntotal * self._index.d):
                parameters = self._parameters(among, effort)
                distances, ids = self._index.search(stored, k, params=parameters)
            if effort >= most or (ids[:, last] >= 0).all():
                break
            effort = min(2 * effort, most)
        scores = 1 - 2 * distances / self.plan.bits if self.plan.bits else distances
        return ids, np.where(ids < 0, -np.inf, scores).astype(np.float32)

    def differing(self, ids: Ids, codes: Floats) -> Ids:
        """Those of some ids under which it holds none of these codes, or other ones.

        Of a sample alone where codes cannot be had back by id: in inverted lists, and as bits.
        """
        if self.plan.bits or "IVF" in self.plan.factory:
            return self._differing_in_sample(ids, codes)
        held = np.isin(ids, faiss.vector_to_array(self._index.id_map))
        wrong = ~held
        if held.any():
            stored = self._index.reconstruct_batch(np.ascontiguousarray(ids[held], np.int64))
            rounded = ROUNDED if "SQ" in self.plan.factory else 0.0
            wrong[held] = ~(np.abs(stored - codes[held]) <= rounded).all(axis=1)  # NaN is wrong
        return ids[wrong]

    def _differing_in_sample(self, ids: Ids, codes: Floats) -> Ids:
        step = max(1, len(ids) // SAMPLE)
        wrong = []
        for id, code in zip(ids[::step], codes[::step], strict=True):
            found, scores = self.search(code[None], 1, among=np.array([id], np.int64))
            own = 1.0 if self.plan.bits else float(code @ code)
            if found[0, 0] != id or not abs(scores[0, 0] - own) <= SAMPLE_SLACK:
                wrong.append(id)
        return np.array(wrong, dtype=np.int64)

    def _check_writable(self) -> None:
        if not self._writable:
            raise RuntimeError("this index was opened for searching; load it with writable=True")

    def _as_stored(self, codes: Floats) -> NDArray[Any]:
        if not self.plan.bits:
            return np.ascontiguousarray(codes, np.float32)
        if self._rotation is None:
            raise DamagedError("codes are bits, but the rotation that makes them is missing")
        return to_bits(codes, self._rotation)

    @property
    def _can_filter(self) -> bool:
        # A graph walked through a narrow filter comes back with nothing.
        return "HNSW" not in self.plan.factory

    def _efforts(self, among: Ids | None) -> tuple[int, int]:
        """nprobe, or efSearch, that a search starts with, and the most there can be."""
        if "IVF" in self.plan.factory:
            nlist = nlist_of(self.plan)
            # With a filter every list is probed: k hits come back when k exist.
            return (self.plan.probes, nlist) if among is None else (nlist, nlist)
        return self.plan.probes, len(self) if "HNSW" in self.plan.factory else 0

    def _parameters(self, among: Ids | None, effort: int) -> Any:
        """Search parameters, given with each query; else FAISS keeps them as state of the index."""
        make: Any = faiss  # its stubs know nothing of keywords
        selector = None if among is None else make.IDSelectorBatch(among)
        if "IVF" in self.plan.factory:
            return make.SearchParametersIVF(sel=selector, nprobe=effort)
        if "HNSW" in self.plan.factory:
            return make.SearchParametersHNSW(efSearch=effort)
        return None if selector is None else make.SearchParameters(sel=selector)

    def _search_exactly(self, codes: Floats, k: int, among: Ids) -> tuple[Ids, Floats]:
        among = among[np.isin(among, faiss.vector_to_array(self._index.id_map))]
        if not len(among):
            return self._nearest(codes, k, among)
        stored = self._index.reconstruct_batch(among)
        scores, rows = faiss.knn(
            np.ascontiguousarray(codes), stored, min(k, len(among)), faiss.METRIC_INNER_PRODUCT
        )
        padding = ((0, 0), (0, k - rows.shape[1]))
        ids = np.pad(among[rows], padding, constant_values=-1)
        return ids, np.pad(scores, padding, constant_values=-np.inf)


@contextmanager
def _threads_for(multiplications: int) -> Iterator[None]:
    """Let FAISS take one thread for a small task.

    OpenMP's threads spin when they are done, for the cores that other processes search with.
    """
    usual = faiss.omp_get_max_threads()
    if multiplications < WORTH_THREADS:
        faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(usual)


def nlist_of(plan: Plan) -> int:
    """Number of inverted lists (nlist) in the factory string of a plan, or 1."""
    head = plan.factory.partition(",")[0]
    return int(head[3:]) if head.startswith("IVF") else 1


def exact_neighbors(codes: Floats, queries: Floats, k: int) -> Ids:
    """Rows of the exact `k` nearest by inner product, of shape (queries, k)."""
    rows: Ids = faiss.knn(
        np.ascontiguousarray(queries), np.ascontiguousarray(codes), k, faiss.METRIC_INNER_PRODUCT
    )[1]
    return rows


def measure_recall(
    engine: FaissEngine, ids: Ids, codes: Floats, nprobe: int | None = None
) -> float:
    """Recall at 10 against exact search, on a sample of the engine's codes."""
    if nprobe is not None:
        engine.plan = replace(engine.plan, probes=nprobe)
    if not len(codes):
        return 1.0
    queries = codes[:: max(1, len(codes) // RECALL_SAMPLE)]
    k = min(RECALL_AT, len(codes))
    exact = ids[exact_neighbors(codes, queries, k)]
    retrieved, _ = engine.search(queries, k)
    hits = [len(np.intersect1d(a, b)) for a, b in zip(exact, retrieved, strict=True)]
    return float(np.mean(hits) / k)


def tune(engine: FaissEngine, ids: Ids, codes: Floats, target: float) -> None:
    """Set the least nprobe or efSearch that reaches the recall, and note the recall it has."""
    recall = 1.0
    if engine.plan.probes:
        most = nlist_of(engine.plan) if "IVF" in engine.plan.factory else 1024
        nprobe = 1 if "IVF" in engine.plan.factory else 16
        while (recall := measure_recall(engine, ids, codes, nprobe)) < target and nprobe < most:
            nprobe = min(most, nprobe * 2)
    elif engine.plan.dtype != "float":
        recall = measure_recall(engine, ids, codes)
    engine.plan = replace(engine.plan, recall=recall)
