"""Documents on a map: layouts of their document-term matrix."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import numpy as np

from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.sparse import csr_of
from aesearch.encoders.texts.encoder import TextEncoder
from aesearch.errors import LockedError
from aesearch.indexing.baselines import features_for
from aesearch.indexing.datasets.texts import TextDataset
from aesearch.maps.images import BATCH
from aesearch.maps.layouts import Panel, coordinates_of, layout_of
from aesearch.maps.material import Material
from aesearch.modalities.texts.features import TextFeatures

# Documents up to which the map is learned from words, and not from codes (LSA-64 here): of 2,000 in
# 5 groups .974 in 22 s against .965 in 15 s; of 11,314 in 20 groups .805 in 5 min against .699 in
# 45 s (5-NN accuracy; one core).
MOST_LEARNED = 10_000


MOST_COUNTED = 100_000  # documents whose words are counted again, for LSA


class TextMaterial(Material):
    """Documents, whose texts are in the index."""

    @property
    def _terms(self) -> TextFeatures:
        return cast(TextFeatures, self.features)

    @cached_property
    def words(self) -> Any:
        """The weighted document-term matrix, in CSR format."""
        self.progress("counting words", 0, len(self.items))
        features = self._terms
        dataset = TextDataset.again(self.index.folder, features)
        if features.weighting == "counts":  # how often a word occurs says little by itself
            features = features_for(dataset, "log-entropy")
        numbers = {item.key: row for row, item in enumerate(dataset.items)}
        order = np.array([numbers.get(item.key, -1) for item in self.items])
        if order.min() < 0:
            raise self._changed()
        self.progress("counting words", len(self.items), len(self.items))
        return csr_of(dataset.seen(dataset.samples, features)[order])

    def own(self) -> Panel:
        """Layout by codes of two dimensions, from the texts in the index."""
        parts = []
        items = self.items
        for start in range(0, len(items), BATCH):
            ids = [item.id for item in items[start : start + BATCH]]
            texts = self.index.folder.store.texts_of(ids)
            if len(texts) < len(ids):
                raise self._changed()
            rows = self._terms.transform([texts[id].text for id in ids])
            parts.append(self.encoder.encode_with_latents(rows)[1])
            self.progress("encoding", start + len(ids), len(items))
        return self._own_panel(np.concatenate(parts))

    def learned(self) -> Panel:
        """Layout by an encoder to two dimensions, trained on the words, or on very many codes."""
        if len(self.items) > MOST_LEARNED:
            return super().learned()
        encoder = TextEncoder(2, random_state=self.seed)
        encoder.fit(self.words, session=self._session())
        return Panel(
            "learned", "autoencoder, code of 2 dimensions", coordinates_of(encoder, self.words)
        )

    def _changed(self) -> LockedError:
        return LockedError(f"{self.index.name} was changed while it was read; try again")

    def baseline(self) -> Panel:
        """LSA of the words, or PCA of the codes of very many."""
        if len(self.items) > MOST_COUNTED:
            return layout_of(self.codes, "pca", self.seed, self.progress)
        lsa = LSAEncoder(2, random_state=self.seed).fit(self.words)
        return Panel("lsa", "LSA, 2 components", coordinates_of(lsa, self.words))
