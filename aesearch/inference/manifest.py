"""``encoder.json``, the metadata of an encoder: parameters, training, results of the check."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from aesearch.errors import DamagedError, StorageError, repair_command

MANIFEST = "encoder.json"


@dataclass(frozen=True)
class Manifest:
    """The metadata of an encoder, the content of ``encoder.json``.

    Attributes
    ----------
    kind : str
        Name of the encoder in the registry.
    features : mapping
        Configuration of the features.
    code_size : int
        Dimensions of a code.
    parameters, chosen : mapping
        All of the encoder's, and those that differ from its defaults.
    weights : mapping of str to float
        How much each description counts, where a code is joined of several.
    weights_from : str
        What told them: "labels", "neighbors" or "parameters".
    trained : mapping
        items, seconds, epochs, planned, budget, and the encoder; items alone where nothing was
        trained.
    check : mapping or None
        Results of the check; None where there was none.
    history : sequence of mapping
        Losses by epoch.
    error : float or None
        Mean reconstruction error of the held-out items.
    aesearch : str
        Version that made it.
    made_at : float
        Seconds since 1970.
    fingerprint : str
        16 hexadecimal digits, a hash of all that decides a code.
    checksums : mapping of str to str
        Of the files beside it.
    """

    kind: str
    features: Mapping[str, Any]
    code_size: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    chosen: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    weights_from: str = ""
    trained: Mapping[str, Any] = field(default_factory=dict)
    check: Mapping[str, Any] | None = None
    history: Sequence[Mapping[str, Any]] = ()
    error: float | None = None
    aesearch: str = ""
    made_at: float = 0.0
    fingerprint: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of an encoder's folder.

        Raises
        ------
        DamagedError, StorageError
            It is not what was written; it cannot be looked at.
        """
        try:
            content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            known = {one.name for one in fields(cls)}
            manifest = cls(**{name: value for name, value in content.items() if name in known})
            if not manifest.fingerprint or not manifest.checksums:
                raise KeyError("fingerprint, checksums")
            return manifest
        except PermissionError as error:
            raise StorageError(f"{folder / MANIFEST} cannot be read: {error.strerror}") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedError(
                f"the encoder in {folder} cannot be read ({error}); "
                f"{repair_command(folder.parent)} makes it anew"
            ) from error

    def write(self, folder: Path) -> None:
        """Write it into an encoder's folder."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
