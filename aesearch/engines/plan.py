"""Choice of the FAISS index for a number of codes, from the most exact to the smallest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from aesearch.errors import ParameterError

# Below this, reading the whole of a flat index costs a cold query less than Python's own start
# (0.5 ms at 100,000 codes of 64 dimensions), and the answer is exact.
FLAT_UP_TO = 100_000
ID_BYTES = 8
GRAPH_BYTES = 272  # links of HNSW32
TRAINING_PER_LIST = 39  # FAISS warns of fewer
DTYPES = ("float", "int8", "bits")
ENGINES = ("auto", "flat", "ivf", "hnsw")


@dataclass(frozen=True)
class Plan:
    """One choice of FAISS index; its fields are saved with a revision.

    Attributes
    ----------
    factory : str
        Factory string of FAISS.
    bits : int
        Bits per code where codes are binary, else 0.
    probes : int
        nprobe of inverted lists (IVF), or efSearch of a graph (HNSW); 0 of a flat index.
    bytes_per_item : float
        Memory of one code, its id included.
    recall : float
        Recall at 10 against exact search of the same codes, measured.
    """

    factory: str
    bits: int = 0
    probes: int = 0
    bytes_per_item: float = 0.0
    recall: float = 1.0

    @property
    def dtype(self) -> str:
        """Data type of a stored code: 'float', 'int8', 'product' or 'bits'."""
        if self.bits:
            return "bits"
        return "int8" if "SQ8" in self.factory else "product" if "PQ" in self.factory else "float"


def nlist_for(count: int) -> int:
    """Number of inverted lists (nlist) for `count` codes: the power of two nearest its root.

    FAISS's guide says 4 to 16 roots; with codes of 64 dimensions one root was as fast to search and
    five times faster to build.
    """
    return 1 << max(2, round(math.log2(max(count, 1)) / 2))


def choose(
    count: int,
    code_size: int,
    *,
    dtype: str = "float",
    bits: int = 0,
    kind: str = "auto",
    max_memory: int | None = None,
) -> Plan:
    """Choose the index: the most exact that fits.

    Parameters
    ----------
    count, code_size : int
        Number of codes, and their dimensions.
    dtype : {'float', 'int8', 'bits'}
        The most exact data type allowed.
    bits : int
        Bits of a binary code.
    kind : {'auto', 'flat', 'ivf', 'hnsw'}
        'auto' is flat up to 100,000 codes and inverted lists above; a graph (HNSW) pays only in a
        process that lives long. 'ivf' is flat too where there are too few codes to train lists.
    max_memory : int, optional
        Bytes that the index may take in memory.

    Raises
    ------
    ParameterError
        If nothing fits into `max_memory`, or a setting is unknown.
    """
    if dtype not in DTYPES:
        raise ParameterError(f"unknown code form '{dtype}'; choose one of {', '.join(DTYPES)}")
    if kind not in ENGINES:
        raise ParameterError(f"unknown index kind '{kind}'; choose one of {', '.join(ENGINES)}")
    if dtype == "bits" and not (8 <= bits <= code_size and bits % 8 == 0):
        raise ParameterError(
            f"bits must be a multiple of 8 from 8 to the code size, {code_size}; got {bits}"
        )
    plans = list(_candidates(count, code_size, dtype, bits, kind))
    for plan in plans:
        if max_memory is None or plan.bytes_per_item * count <= max_memory:
            return plan
    smallest = min(plan.bytes_per_item for plan in plans) * count
    raise ParameterError(
        f"{count:,} codes need at least {smallest / 1e6:.3g} MB, max_memory is "
        f"{(max_memory or 0) / 1e6:.3g} MB; allow more, or take fewer bits"
    )


def _candidates(count: int, code_size: int, dtype: str, bits: int, kind: str) -> Iterator[Plan]:
    """Plans from the most exact to the smallest."""
    if dtype == "bits":
        yield Plan("BFlat", bits=bits, bytes_per_item=bits / 8 + ID_BYTES)
        return
    if kind == "auto":
        kind = "flat" if count <= FLAT_UP_TO else "ivf"
    nlist = nlist_for(count)
    if kind == "ivf" and count < TRAINING_PER_LIST * nlist:
        kind = "flat"
    centroids = nlist * code_size * 4 / max(count, 1)
    sizes = {"Flat": code_size * 4, "SQ8": code_size}
    for storage, size in sizes.items():
        if dtype == "int8" and storage == "Flat":
            continue
        if kind == "flat":
            yield Plan(f"IDMap2,{storage}", bytes_per_item=size + ID_BYTES)
        elif kind == "ivf":
            nprobe = min(nlist, 8)
            yield Plan(
                f"IVF{nlist},{storage}", probes=nprobe, bytes_per_item=size + ID_BYTES + centroids
            )
        else:
            name = "HNSW32" if storage == "Flat" else "HNSW32_SQ8"
            yield Plan(f"IDMap2,{name}", probes=64, bytes_per_item=size + ID_BYTES + GRAPH_BYTES)
    if count > FLAT_UP_TO and code_size % 2 == 0:
        yield Plan(
            f"IVF{nlist},PQ{code_size // 2}",
            probes=16,
            bytes_per_item=code_size / 2 + ID_BYTES + centroids,
        )
