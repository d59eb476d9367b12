"""The folder of a comparison: each step's results as JSON and npz, so that a run can go on."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from aesearch.errors import DamagedError, ParameterError
from aesearch.storage.layout import write_atomically

CARD, SPENT = "comparison.json", "seconds"
ARRAYS, RESULT = ".npz", ".json"
FORMAT = 3  # 1: without labels and the codes for a map; 2: "right", no weighting


@dataclass
class StepResult:
    """What a step found out.

    Attributes
    ----------
    rows : list of dict
        A row of the table for each form.
    arrays : dict of str to ndarray
        By number of the row, task and name: ``0/labels/average_precision``.
    weighting : str
        Of words, that learned encoders get by what was found out; "" where nothing was.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    weighting: str = ""


class Work:
    """A folder that belongs to one comparison.

    Parameters
    ----------
    root : Path
        Made if it is not there.
    identity : mapping
        What the results depend on, as JSON: collection, seed, judgements, version.

    Raises
    ------
    ParameterError
        If it belongs to another comparison, or holds other things.
    """

    def __init__(self, root: Path, identity: Mapping[str, Any]) -> None:
        self.root = root
        wanted = {"format": FORMAT, **identity}
        path = root / CARD
        if path.exists():
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise DamagedError(
                    f"{path} cannot be read ({error}); write the comparison into another folder"
                ) from error
            differs = [name for name in wanted if found.get(name) != wanted[name]]
            if differs:
                raise ParameterError(
                    f"{root} holds a comparison with another {differs[0]}; remove it, or name "
                    "another folder with --work"
                )
            return
        if root.is_file() or (root.is_dir() and any(root.iterdir())):
            raise ParameterError(f"{root} holds other things; name an empty folder with --work")
        root.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(wanted, indent=1).encode())

    def training(self, name: str) -> Path:
        """Return the folder for the checkpoint of a step, which is made."""
        place = self.root / f"training-{name}"
        place.mkdir(exist_ok=True)
        return place

    def read(self, name: str, key: Mapping[str, Any]) -> StepResult | None:
        """Return the results of a step, or None where it is still to be done.

        `key` is what else they depend on, such as the budget; results with another one are none.
        """
        try:
            found = json.loads((self.root / f"{name}{RESULT}").read_text(encoding="utf-8"))
            if found["key"] != json.loads(json.dumps(key)):
                return None
            content = io.BytesIO((self.root / f"{name}{ARRAYS}").read_bytes())
            with np.load(content, allow_pickle=False) as arrays:
                return StepResult(found["rows"], dict(arrays), found["weighting"])
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None  # not there, or cut off: it is done again

    def write(self, name: str, key: Mapping[str, Any], result: StepResult) -> None:
        """Keep the results of a step; its checkpoint goes."""
        stream = io.BytesIO()
        np.savez_compressed(stream, **result.arrays)  # type: ignore[arg-type]
        write_atomically(self.root / f"{name}{ARRAYS}", stream.getvalue())
        document = {"key": key, "rows": result.rows, "weighting": result.weighting}
        write_atomically(self.root / f"{name}{RESULT}", json.dumps(document, indent=1).encode())
        shutil.rmtree(self.root / f"training-{name}", ignore_errors=True)

    def spent(self, name: str) -> float:
        """Return the seconds that a step took before it was stopped."""
        try:
            return float((self.root / f"training-{name}" / SPENT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0.0

    def spend(self, name: str, seconds: float) -> None:
        """Remember them, where there is a training to go on with."""
        place = self.root / f"training-{name}"
        if place.is_dir():
            write_atomically(place / SPENT, f"{seconds:.3f}".encode())

    def tidy(self) -> None:
        """Remove what is needed only while a step runs."""
        for place in self.root.glob("frozen-*"):
            with suppress(OSError):
                shutil.rmtree(place)
