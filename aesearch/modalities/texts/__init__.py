"""Documents: plain text, its terms, its weighted rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aesearch.errors import ContentError, EmptyContentError, ParameterError
from aesearch.modalities.base import Modality, Read, Sampled
from aesearch.modalities.notes import note
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.modalities.texts.extract import Document
    from aesearch.modalities.texts.features import TextFeatures
    from aesearch.sparse import SparseRows
    from aesearch.types import Array, Bools, Floats

APART = "\n\x1e\x1d\x1e\n"  # between a text that was handed over and what it quotes


class Texts(Modality):
    """Documents in files, or rows of text."""

    name = "texts"
    noun = "document"
    features = "aesearch.modalities.texts.features:TextFeatures"
    default_encoder = "text"
    baseline = "lsa"
    fallback = "lsa"
    sizeless = ("tf-idf", "bm25")
    compared = ("tf-idf", "bm25", "lsa", "auto")
    code_forms = (*Modality.code_forms, "hybrid", "borrowed")
    false_positive_rate = 0.02
    perturbed = "halves of documents"
    keeps_texts = True
    has_words = True
    parts: ClassVar = {
        "source": "aesearch.sources.table:open_table",
        "ranker": "aesearch.search.documents:DocumentRanker",
        "arrival": "aesearch.ingest.documents:DocumentArrival",
        "dataset": "aesearch.indexing.datasets.texts:TextDataset",
        "duplicates": "aesearch.duplicates.texts:find_candidates",
        "map": "aesearch.maps.texts:TextMaterial",
        "export": "aesearch.export.encoder:TextInput",
    }

    def claims(self, name: str) -> bool:
        """Whether the suffix is one of documents."""
        from aesearch.modalities.texts.extract import is_document

        return is_document(name)

    def looks_like(self, content: bytes, name: str) -> bool:
        """Whether a text can be taken out of it; a PDF is one although it may hold none."""
        from aesearch.modalities.texts.extract import extract

        if content.startswith(b"%PDF-"):
            return True
        try:
            extract(content, name)
        except ContentError:
            return False
        return True

    def path_of(self, content: str | bytes | Path) -> Path | None:
        """The path that a Path is; a str is always text."""
        return content if isinstance(content, Path) else None

    def sample(self, features: Any, content: str | bytes, name: str = "") -> tuple[Document, bytes]:
        """The document that a text, or the content of a file, stands for."""
        from aesearch.modalities.texts.extract import Document, extract

        if isinstance(content, str):
            if not content.strip():
                raise EmptyContentError("the text is empty; give it some words")
            return Document(content, ""), content.encode(errors="replace")
        if not isinstance(content, bytes):
            raise ParameterError(
                f"a document is text, bytes or a Path; got {type(content).__name__}"
            )
        document = extract(content, name)
        note(document.note)
        return document, content

    def takes(self, content: Any) -> bool:
        """Whether it is text."""
        return isinstance(content, str)

    def as_content(self, content: Any, name: str) -> bytes:
        """The text, its title before it where it does not begin so, and last what it quotes."""
        if not isinstance(content, str):
            from aesearch.modalities.texts.extract import extract

            read = extract(super().as_content(content, name), name)
            begins = read.text.lstrip().startswith(read.title)
            content = read.text if begins else f"{read.title}\n\n{read.text}"
            content += APART + read.quoted if read.quoted else ""
        if not content.strip():
            raise ContentError("it is empty")
        return str(content).encode(errors="replace")

    def reader(self, features: Any, *, plain: bool, encoding: str = "") -> Read:
        """What takes the text out of a file; of a row, the text as it is."""
        return _as_it_is if plain else partial(_extracted, encoding=encoding)

    def reconstruction_errors(self, decoded: Floats, rows: Array) -> Floats:
        """1 less the cosine of the two sides; 1 where one is empty."""
        import numpy as np

        products = np.einsum("ij,ij->i", decoded, rows)
        lengths = np.linalg.norm(decoded, axis=1) * np.linalg.norm(rows, axis=1)
        errors: Floats = (1 - products / np.maximum(lengths, 1e-12)).astype(np.float32)
        return errors

    def is_empty(self, rows: SparseRows) -> Bools:
        """Rows without any known term."""
        empty: Bools = rows.lengths() == 0
        return empty

    def reads_alike(self, old: str, new: str) -> bool:
        """Whether both names have one suffix, which tells how a text is taken out."""
        from aesearch.modalities.texts.extract import suffix_of

        return suffix_of(old) == suffix_of(new)

    def forgetful(self, features: TextFeatures, texts: Iterable[str]) -> TextFeatures | None:
        """Features whose vocabulary is that of the texts left; None where all of it stays."""
        return features.without_unused(texts)

    def packed(self, sample: Document) -> bytes:
        """The document as JSON."""
        import json
        from dataclasses import asdict

        return json.dumps(asdict(sample)).encode()

    def unpacked(self, features: Any, packed: bytes) -> Document:
        """The document."""
        import json

        from aesearch.modalities.texts.extract import Document

        return Document(**json.loads(packed))

    def blank(self, content: str | bytes | Path) -> Document | None:
        """A document without a word, for a text that has none."""
        from aesearch.modalities.texts.extract import Document

        return Document("", "") if isinstance(content, str) else None

    def describe_input(self, config: Mapping[str, Any]) -> str:
        """How many terms, how weighted, in which language."""
        language = f", {config['language']}" if config["language"] else ""
        return f"{counted(config['terms'], 'term')} ({config['weighting']}{language})"


def _extracted(content: bytes, name: str, encoding: str) -> Sampled:
    from aesearch.modalities.texts.extract import extract

    document = extract(content, name, encoding)
    return Sampled(document, document.note)


def _as_it_is(content: bytes, name: str) -> Document:  # noqa: ARG001  # as extract
    from aesearch.modalities.texts.extract import Document

    text, _, quoted = content.decode().partition(APART)
    return Document(text, "", quoted=quoted)
