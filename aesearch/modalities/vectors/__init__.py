"""Vectors: the user's own embeddings, or rows of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aesearch.modalities.base import Modality, Read
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.modalities.vectors.features import Content, VectorFeatures
    from aesearch.types import Array, Floats

SUFFIX = ".npy"


class Vectors(Modality):
    """Rows of an array or of a table, or files that hold one vector each."""

    name = "vectors"
    noun = "vector"
    format = 3
    features = "aesearch.modalities.vectors.features:VectorFeatures"
    default_encoder = "mlp"
    baseline = "pca"
    fallback = "raw"
    sizeless = ("raw",)
    compared = ("raw", "pca", "auto")
    perturbed = "noisy copies"
    keeps_texts = True
    simple_on_tie = True
    arrays = "vectors, numbers of shape (n, d)"
    parts: ClassVar = {
        "source": "aesearch.sources.vectors:open_vectors",
        "ranker": "aesearch.search.vectors:VectorRanker",
        "arrival": "aesearch.ingest.vectors:VectorArrival",
        "dataset": "aesearch.indexing.datasets.vectors:VectorDataset",
        "duplicates": "aesearch.duplicates.vectors:find_candidates",
        "map": "aesearch.maps.vectors:VectorMaterial",
        "export": "aesearch.export.encoder:VectorInput",
    }

    def claims(self, name: str) -> bool:
        """Whether a file has the name of an array."""
        return name.lower().endswith(SUFFIX)

    def path_of(self, content: Content) -> Path | None:
        """The path that a text or a path is; a vector itself has none."""
        return Path(content) if isinstance(content, str | Path) else None

    def takes(self, content: Any) -> bool:
        """Whether it is one row of numbers."""
        return getattr(content, "ndim", 0) == 1 and content.dtype.kind in "fiub"

    def questions(self, content: Content) -> Iterator[tuple[str, Any]]:
        """The rows of a file of several vectors, each a query; else the content itself."""
        from aesearch.modalities.vectors.features import rows_of

        rows = rows_of(content)
        if rows is None:
            yield "", content
        else:
            yield from ((f"[{number}]", row) for number, row in enumerate(rows))

    def sample(
        self, features: VectorFeatures, content: Content, name: str = ""
    ) -> tuple[Floats, bytes]:
        """The numbers of one vector, and the bytes of a file, or of these."""
        from aesearch.modalities.vectors.features import as_bytes

        values = features.transform(content)
        return values, content if isinstance(content, bytes) else as_bytes(values)

    def most_dimensions(self, features: VectorFeatures) -> int:
        """As many as a vector has: a code is shorter, or loses nothing."""
        return features.size

    def reader(self, features: VectorFeatures, *, plain: bool) -> Read:
        """What reads a file that holds one vector; of a row, its bytes."""
        return features.read_row if plain else features.read

    def describe_input(self, config: Mapping[str, Any]) -> str:
        """The width."""
        return counted(config["size"], "dimension")

    def as_kept(self, sample: Array) -> bytes:
        """The numbers, as bytes: there may be no file to go back to."""
        from aesearch.modalities.vectors.features import as_bytes

        return as_bytes(sample)

    def packed(self, sample: Array) -> bytes:
        """The numbers."""
        from aesearch.modalities.vectors.features import as_bytes

        return as_bytes(sample)

    def unpacked(self, features: VectorFeatures, packed: bytes) -> Array:
        """The numbers."""
        return features.read_row(packed)

    def holds(self, array: Array) -> bool:
        """Whether it has rows of numbers."""
        return array.ndim == 2 and array.dtype.kind in "fiub"
