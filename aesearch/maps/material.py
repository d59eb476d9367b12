"""The items of an index as a map takes them: their codes, their groups, and their content."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from aesearch.encoders.autoencoders.neighbors import NeighborEncoder
from aesearch.encoders.training.session import Session
from aesearch.errors import DamagedError, repair_command
from aesearch.ingest.passages import DOCUMENT
from aesearch.maps.layouts import Panel, coordinates_of
from aesearch.types import Floats, Progress

if TYPE_CHECKING:
    from aesearch.search.index import Index
    from aesearch.storage.schema import Item


FEWEST = 4  # items: fewer have no shape


# Parameters of the map that is learned from codes. 5-NN accuracy on 1,646 photos of 14 classes:
# .567 with 15 neighbors and the encoder's defaults in 15 s, .674 with these in 12 s, and .720 by
# the codes themselves.
QUICK: dict[str, Any] = {
    "hidden": (256, 64),
    "neighbors": 5,
    "reconstruction": 0.0,
    "batch_size": 512,
    "learning_rate": 5e-3,
}


SHOWN, FEWEST_EPOCHS, MOST_EPOCHS = 600_000, 10, 200  # samples, in all epochs of it


class Material(ABC):
    """The items of an index and their layouts; `Modality.parts` names the class of each kind.

    Attributes
    ----------
    items : list of Item
    ids : ndarray of int64, shape (n,)
    codes : ndarray of float32, shape (n, code_size)
    groups : list of str
        Folder or label of each item, "" where it has none.
    """

    def __init__(self, index: Index, progress: Progress) -> None:
        self.index, self.progress = index, progress
        self.seed = index.settings.seed
        with index.folder.settled():
            self.encoder, self.features = index.encoder, index.features
            self._read_store()

    def _read_store(self) -> None:
        """Read what must be of one revision of the index; the rest takes long."""
        store = self.index.folder.store
        self.items: list[Item] = list(store.items())
        ids, codes = store.codes()
        documents = ids <= DOCUMENT  # and not passages
        self.ids, self.codes = ids[documents], codes[documents]
        if self.ids.tolist() != [item.id for item in self.items]:
            raise DamagedError(
                f"{store.path} lacks the codes of some items; "
                f"{repair_command(store.path.parent)} makes them anew"
            )
        labels = self.index.folder.labels()
        self.groups = [labels.get(item.id, "") for item in self.items]

    @abstractmethod
    def own(self) -> Panel:
        """Layout by the latent codes of the index's own encoder, which have two dimensions."""

    @abstractmethod
    def baseline(self) -> Panel:
        """The linear layout."""

    def learned(self) -> Panel:
        """Layout by an encoder to two dimensions, trained on the codes."""
        epochs = int(np.clip(SHOWN // len(self.codes), FEWEST_EPOCHS, MOST_EPOCHS))
        encoder = NeighborEncoder(2, epochs=epochs, random_state=self.seed, **QUICK)
        encoder.fit(self.codes, session=self._session())
        return Panel(
            "learned", "autoencoder, code of 2 dimensions", coordinates_of(encoder, self.codes)
        )

    def _session(self) -> Session:
        return Session(progress=lambda done, _: self.progress("learning the map", done, 1.0))

    def _own_panel(self, latents: Floats) -> Panel:
        kind = self.encoder.manifest.kind
        return Panel("code", f"{kind}, the code of 2 dimensions of this index", latents)
