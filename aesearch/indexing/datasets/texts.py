"""Documents of a collection in memory: texts, and counts of their terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from aesearch.errors import SourceError
from aesearch.indexing.datasets.base import Dataset, Reading, is_held_out
from aesearch.indexing.words_check import check_words, openings_of
from aesearch.ingest.passages import PassageCodes, encode_passages
from aesearch.modalities.texts import Texts
from aesearch.modalities.texts.extract import Document
from aesearch.modalities.texts.passages import Passage, half_of, passages_of
from aesearch.modalities.texts.snippets import opening
from aesearch.search.fusion import KEPT_AS
from aesearch.settings import FEWEST_TO_FIT
from aesearch.sparse import SparseRows
from aesearch.storage.schema import KeptText
from aesearch.types import Floats, Ids, Progress, silent

if TYPE_CHECKING:
    from aesearch.inference.encoder import FrozenEncoder
    from aesearch.modalities.texts.features import TextFeatures
    from aesearch.settings import Settings
    from aesearch.sources.base import Source
    from aesearch.storage.database import Store
    from aesearch.storage.folder import IndexFolder


@dataclass
class TextDataset(Dataset):
    """Documents: `counts` says how often each term occurs in each, of shape (n, terms)."""

    kind: ClassVar[str] = Texts.name
    documents: list[Document] = field(default_factory=list)
    counts: SparseRows = field(default_factory=lambda: SparseRows.stack([]))

    @classmethod
    def read(cls, reading: Reading) -> Self:
        """Read all documents, and count their terms."""
        documents: list[Document] = []
        source = reading.source
        read = Texts().reader(reading.features, plain=source.plain, encoding=source.encoding)
        found = reading.gather(read, documents.append, (), reading.features)
        found.require(reading.source, Texts.noun)
        if len(found.items) < FEWEST_TO_FIT:  # nothing will be checked: no word stays unknown
            found = found._replace(training=len(found.items))
        labels = reading.source.labels([item.key for item in found.items])
        reading.progress("counting words", 0, len(found.items))
        features, counts = _counted(documents, found.training, reading.settings, reading.features)
        reading.progress("counting words", len(found.items), len(found.items))
        return cls(*found, labels, features, documents, counts)

    @classmethod
    def again(
        cls,
        folder: IndexFolder,
        features: Any,
        progress: Progress = silent,
        source: Source | None = None,
    ) -> Self:
        """Take the documents of an index as they were kept; no file is read."""
        rows = folder.store.documents()
        count = len(rows)  # while a list is sorted it has none
        rows.sort(key=lambda row: (is_held_out(row[0].key, count), row[0].key))
        items = [item for item, _ in rows]
        training = sum(not is_held_out(item.key, count) for item in items)
        training = min(training, max(1, len(items) - 1))
        labels = [kept.label for _, kept in rows]
        documents = [Document(kept.text, kept.title, quoted=kept.quoted) for _, kept in rows]
        features, counts = _counted(documents, training, folder.settings, features)
        return cls(items, [], training, labels, features, documents, counts)

    @property
    def samples(self) -> SparseRows:
        """The counts."""
        return self.counts

    def perturbed(self, rows: Ids, seed: int) -> SparseRows:
        """Return the counts of a random half of the sentences of each document."""
        counts: SparseRows = self.features.count(self.perturbed_texts(rows, seed))
        return counts

    def perturbed_texts(self, rows: Ids, seed: int) -> list[str]:
        """Return a random half of the sentences of each document."""
        return [half_of(text, seed) for text in self.texts(rows)]

    def texts(self, rows: Ids | None = None) -> list[str]:
        """Return the texts."""
        chosen = range(len(self)) if rows is None else rows.tolist()
        return [self.documents[row].text for row in chosen]

    def described(self, row: int, length: int) -> str:
        """Return the key of a document, and its title or its first words."""
        document = self.documents[row]
        return f"{self.items[row].key}: {opening(document.title or document.text, length)}"

    def spans(self) -> list[tuple[int, Passage]]:
        """Return the passages of long documents."""
        texts = enumerate(self.texts())
        return [(row, span) for row, text in texts for span in passages_of(text)]

    def openings(self, rows: Ids) -> tuple[Ids, SparseRows, SparseRows] | None:
        """Return the counts of the first words of long documents, and of the rests of them."""
        cut = openings_of(self.documents, rows, self.features.language)
        if cut is None:
            return None
        return cut.rows, self.features.count(cut.questions), self.features.count(cut.rests)

    def seen(self, samples: SparseRows, features: TextFeatures) -> SparseRows:
        """Return the counts, weighted."""
        return features.weigh(samples)

    def passages(self, features: TextFeatures, encoder: FrozenEncoder) -> PassageCodes:
        """Return the codes of the passages of long documents."""
        return encode_passages(self.documents, features, encoder)

    def notes(
        self, codes: Floats, features: Any, encoder: FrozenEncoder, seed: int
    ) -> dict[str, Any]:
        """Return how words and these codes are best searched together."""
        found = check_words(self.documents, self.held_out, codes, features, encoder, seed)
        return {KEPT_AS: asdict(found)}

    def keep(self, store: Store, ids: Ids) -> None:
        """Keep the plain text: for snippets, and to learn from without the files."""
        store.keep_texts(
            KeptText(int(id), document.title, document.text, label, document.quoted)
            for id, document, label in zip(ids, self.documents, self.labels, strict=True)
        )


def _counted(
    documents: Sequence[Document],
    training: int,
    settings: Settings,
    features: TextFeatures | None,
) -> tuple[TextFeatures, SparseRows]:
    """The features, fitted where there are none, and the counts of all documents."""
    from aesearch.modalities.texts.features import fit_features

    texts = [document.text for document in documents]
    if features is None:
        weighting = "log-entropy" if settings.weighting == "auto" else settings.weighting
        features, counts = fit_features(
            texts, training, vocabulary=settings.vocabulary, weighting=weighting
        )
    else:
        counts = features.count(texts)
    if not features.terms:
        raise SourceError(
            f"no words to compare by (documents read: {len(texts)}): they hold stop words, single "
            "letters or nothing"
        )
    return features, counts
