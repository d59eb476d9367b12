"""Documents on a map: laid out by their words."""

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
from aesearch.maps.layouts import Panel, laid_out, plane_of
from aesearch.maps.material import Material
from aesearch.modalities.texts.features import TextFeatures

# Documents whose words the map is learned from, and not from their codes (LSA-64 here): of 2,000 in
# 5 groups .974 in 22 s against .965 in 15 s; of 11,314 in 20 groups .805 in 5 min against .699 in
# 45 s (5-NN accuracy; one core).
MOST_LEARNED = 10_000


MOST_COUNTED = 100_000  # documents whose words are counted again for their latent semantics


class TextMaterial(Material):
    """Documents, whose texts the index keeps."""

    @property
    def _terms(self) -> TextFeatures:
        return cast(TextFeatures, self.features)

    @cached_property
    def words(self) -> Any:
        """The weighted words of all documents, a row each: a CSR matrix."""
        self.progress("counting words", 0, len(self.items))
        features = self._terms
        corpus = TextDataset.again(self.index.folder, features)
        if features.weighting == "counts":  # how often a word occurs says little by itself
            features = features_for(corpus, "log-entropy")
        numbers = {item.key: row for row, item in enumerate(corpus.items)}
        order = np.array([numbers.get(item.key, -1) for item in self.items])
        if order.min() < 0:
            raise self._changed()
        self.progress("counting words", len(self.items), len(self.items))
        return csr_of(corpus.seen(corpus.samples, features)[order])

    def own(self) -> Panel:
        """The codes of two numbers, from the texts that the index keeps."""
        parts = []
        items = self.items
        for start in range(0, len(items), BATCH):
            ids = [item.id for item in items[start : start + BATCH]]
            kept = self.index.folder.store.texts_of(ids)
            if len(kept) < len(ids):
                raise self._changed()
            rows = self._terms.transform([kept[id].text for id in ids])
            parts.append(self.encoder.encode_with_latents(rows)[1])
            self.progress("encoding", start + len(ids), len(items))
        return self._own_panel(np.concatenate(parts))

    def learned(self) -> Panel:
        """Train an encoder to two numbers on the words, or of very many documents on the codes."""
        if len(self.items) > MOST_LEARNED:
            return super().learned()
        encoder = TextEncoder(2, random_state=self.seed)
        encoder.fit(self.words, session=self._session())
        return Panel("learned", "autoencoder, code of 2 numbers", plane_of(encoder, self.words))

    def _changed(self) -> LockedError:
        return LockedError(f"{self.index.name} was changed while it was read; try again")

    def baseline(self) -> Panel:
        """LSA of the words, or PCA of the codes of very many."""
        if len(self.items) > MOST_COUNTED:
            return laid_out(self.codes, "pca", self.seed, self.progress)
        lsa = LSAEncoder(2, random_state=self.seed).fit(self.words)
        return Panel("lsa", "LSA, 2 components", plane_of(lsa, self.words))
