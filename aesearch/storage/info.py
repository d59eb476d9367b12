"""What there is to know about an index: sizes, check, drift, skipped files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aesearch.inference.encoder import FrozenEncoder
from aesearch.storage.database import Store
from aesearch.storage.snapshot import Opened
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.search.index import Index

DRIFT_ITEMS = 20
DRIFT_RATIO = 1.3


@dataclass(frozen=True)
class Drift:
    """How pictures that came after training differ from those that were kept out of it.

    Attributes
    ----------
    items, share : int, float
        How many came later, and their share of the index.
    ratio : float
        Their reconstruction error over that of the kept-out ones.
    """

    items: int
    share: float
    ratio: float

    @property
    def has_drifted(self) -> bool:
        """Whether a training would learn something new."""
        return self.items >= DRIFT_ITEMS and self.ratio > DRIFT_RATIO

    def __str__(self) -> str:
        return (
            f"{counted(self.items, 'item')} ({self.share:.0%}) came after training, with "
            f"{self.ratio:.2f} times its reconstruction error"
        )


def drift_of(store: Store, encoder: FrozenEncoder) -> Drift | None:
    """Return how the collection has changed since training, or None if nothing came later."""
    items, error = store.drift()
    usual = encoder.manifest.get("error")
    if not items or not usual:
        return None
    return Drift(items, items / max(store.count(), 1), error / usual)


def facts(index: Index, opened: Opened) -> dict[str, Any]:
    """Return everything there is to know about an index, of one revision, as JSON."""
    layout, store = index.layout, index.store
    manifest, revision = opened.encoder.manifest, opened.revision
    drift = drift_of(store, opened.encoder)
    return {
        "name": index.name,
        "kind": index.kind,
        "source": str(index.source),
        "tabular": index.is_tabular,
        "settings": index.settings.as_dict(),
        "path": str(layout.root),
        "items": store.count(),
        "revision": revision.number,
        "changed_at": revision.changed_at,
        "encoder": manifest["kind"],
        "parameters": manifest["parameters"],
        "chosen": manifest.get("chosen", {}),  # those that differ from the defaults
        "fingerprint": revision.fingerprint,
        "features": manifest["features"],
        "code_size": manifest["code_size"],
        "trained": manifest.get("trained", {}),
        "training": layout.plan.exists(),
        "engine": revision.plan,
        "bytes_on_disk": layout.bytes_on_disk(),
        "check": manifest.get("check"),
        "drift": str(drift) if drift else None,
        "skipped": [
            {"key": f.key, "reason": f.reason, "ignored": f.ignored} for f in store.skipped()
        ],
    }
