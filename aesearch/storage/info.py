"""What there is to know about an index: sizes, check, drift, skipped files."""

from __future__ import annotations

from collections.abc import KeysView, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aesearch.inference.encoder import FrozenEncoder
from aesearch.modalities import Modality, modality
from aesearch.settings import Settings
from aesearch.storage.database import Store
from aesearch.wording import counted

DRIFT_ITEMS = 20
DRIFT_RATIO = 1.3


@dataclass(frozen=True)
class Drift:
    """How items that came after training differ from the held-out ones.

    Attributes
    ----------
    items, share : int, float
        How many came after training, and their share of the index.
    ratio : float
        Their mean reconstruction error over that of the held-out items.
    """

    items: int
    share: float
    ratio: float

    @property
    def has_drifted(self) -> bool:
        """Whether training again would learn something new."""
        return self.items >= DRIFT_ITEMS and self.ratio > DRIFT_RATIO

    def __str__(self) -> str:
        return (
            f"{counted(self.items, 'item')} ({self.share:.0%}) came after training, with "
            f"{self.ratio:.2f} times its reconstruction error"
        )


def drift_of(store: Store, encoder: FrozenEncoder) -> Drift | None:
    """Change of the collection since training, or None if nothing came later."""
    items, error = store.drift()
    held_out_error = encoder.manifest.error
    if not items or not held_out_error:
        return None
    return Drift(items, items / max(store.count(), 1), error / held_out_error)


class SkippedFile(NamedTuple):
    """A file that is not in an index, and why.

    Attributes
    ----------
    key, reason : str
    ignored : bool
        Whether that is no damage: it is no item of this kind, or was removed by the user.
    kept : bool
        Whether the index has it as it was before.
    """

    key: str
    reason: str
    ignored: bool
    kept: bool = False


@dataclass(frozen=True)
class IndexInfo:
    """What there is to know about an index, of one revision.

    Attributes
    ----------
    name, kind, source, path : str
    tabular : bool
        Whether its items are rows of a table.
    settings : Settings
    items, revision : int
        How many items, and how often it was changed.
    changed_at : float
        Seconds since 1970.
    encoder, fingerprint : str
        Name in the registry, and a hash of what decides its codes.
    parameters, chosen : mapping
        All of the encoder's, and those that differ from the defaults.
    features : mapping
        Configuration of the features.
    code_size : int
        Dimensions of a code.
    trained : mapping
        items, seconds, epochs: size of the training set, and how long it was trained.
    training : bool
        Whether a training is unfinished.
    engine : mapping
        The plan of the engine: factory, recall, bytes per item.
    bytes_on_disk : int
    check : mapping or None
        What the check found; None where there was none.
    drift : str or None
        A sentence on what came after training; None where nothing did.
    skipped : list of SkippedFile
    weights : mapping of str to float
        How much each description counts, where a code is joined of several.
    weights_from : str
        What told them: "labels", "neighbors" or "parameters".
    fields : mapping of str to list of str
        What a search can ask for by `where`, with some values of each.
    """

    name: str
    kind: str
    source: str
    tabular: bool
    settings: Settings
    path: str
    items: int
    revision: int
    changed_at: float
    encoder: str
    parameters: Mapping[str, Any]
    chosen: Mapping[str, Any]
    fingerprint: str
    features: Mapping[str, Any]
    code_size: int
    trained: Mapping[str, Any]
    training: bool
    engine: Mapping[str, Any]
    bytes_on_disk: int
    check: Mapping[str, Any] | None
    drift: str | None
    skipped: list[SkippedFile]
    weights: Mapping[str, float] = field(default_factory=dict)
    weights_from: str = ""
    fields: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def modality(self) -> Modality:
        """What differs for its kind of data."""
        return modality(self.kind)

    @property
    def thing(self) -> str:
        """What its source holds: files, or the rows of a table."""
        return "row" if self.tabular else "file"

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON."""
        skipped = [file._asdict() for file in self.skipped]
        return {**vars(self), "settings": self.settings.as_dict(), "skipped": skipped}

    def __contains__(self, name: object) -> bool:
        return name in self.as_dict()

    def keys(self) -> KeysView[str]:
        """Names of the parts."""
        return self.as_dict().keys()

    def __getitem__(self, name: str) -> Any:
        """A part as JSON, by its name: what `Index.info` returned was a dict once."""
        return self.as_dict()[name]
