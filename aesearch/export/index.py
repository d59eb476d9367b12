"""An index for use elsewhere: codes as arrays or a table, the encoder as ONNX, the FAISS file.

What is written needs no aesearch to be used; ``export.json`` says what each file holds, and
docs/export.md has a snippet for each use.
"""

# pyarrow is an extra, and may not be there when types are checked.
# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aesearch._version import __version__
from aesearch.errors import (
    DamagedError,
    IndexExistsError,
    IndexNotFoundError,
    ParameterError,
    StorageError,
    UnsupportedError,
    repair_command,
)
from aesearch.export.encoder import SCORE, write_encoder
from aesearch.inference.encoder import FrozenEncoder
from aesearch.ingest.passages import DOCUMENT
from aesearch.search.index import Index
from aesearch.storage.database import Store
from aesearch.storage.folder import TRIES
from aesearch.storage.layout import Layout, sync_to_disk
from aesearch.storage.schema import Revision
from aesearch.storage.snapshot import file_problem
from aesearch.types import Floats

PARTS = ("codes", "encoder", "faiss")
FORMATS = ("npy", "parquet")
METADATA = "export.json"

Bits = NDArray[np.uint8]
Columns = dict[str, list[Any]]


def export(
    index: Index,
    folder: str | Path,
    *,
    parts: Collection[str] = PARTS,
    format: str = "npy",
    replace: bool = False,
) -> dict[str, str]:
    """Write an index, or parts of it, for use without aesearch.

    All of it is of one revision, and the folder is there whole or not at all.

    Parameters
    ----------
    index : Index
    folder : str or Path
        Made; it may exist if it is empty.
    parts : collection of {'codes', 'encoder', 'faiss'}
        Codes with their keys; the encoder and decoder with the preprocessing of their input; the
        FAISS file with the keys of its ids.
    format : {'npy', 'parquet'}, default='npy'
        Of the codes; parquet needs pyarrow.
    replace : bool, default=False
        Whether an earlier export may be replaced, with all that lies in its folder.

    Returns
    -------
    dict of str to str
        What each file holds, by its name.

    Raises
    ------
    ParameterError
        If there is no such part or format, or the folder lies inside the source or the index.
    IndexExistsError
        If the folder is not empty; nothing is written then.
    UnsupportedError
        If parquet is asked for without pyarrow.
    IndexNotFoundError, DamagedError, StorageError
        If the index holds nothing yet, is damaged, or the disk is full.
    """
    target = Path(folder).resolve()
    _check_parts(parts, format)
    _check_target(index, target, replace=replace)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        files = _write_one_revision(index, temporary, parts, format)
        _put_in_place(temporary, target)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"{folder} cannot be written: {error.strerror or error}; nothing was exported"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return files


def _check_parts(parts: Collection[str], format: str) -> None:
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        raise ParameterError(
            f"unknown part '{unknown[0] if unknown else ''}'; choose from {', '.join(PARTS)}"
        )
    if format not in FORMATS:
        raise ParameterError(f"unknown format '{format}'; choose {' or '.join(FORMATS)}")
    if format == "parquet" and "codes" in parts and find_spec("pyarrow") is None:
        raise UnsupportedError("parquet needs pyarrow: pip install 'aesearch[parquet]'")


def _check_target(index: Index, target: Path, *, replace: bool) -> None:
    for place, what in ((index.source, "source"), (index.folder.layout.root.resolve(), "index")):
        if target.is_relative_to(place):
            raise ParameterError(f"{target} is inside the {what}, {place}; export to another place")
    if not target.exists():
        return
    if Path.cwd().is_relative_to(target):
        raise ParameterError(f"{target} is the working folder or holds it; name a folder in it")
    if not target.is_dir():
        raise IndexExistsError(f"{target} is a file; name a folder to export to")
    names = sorted(path.name for path in target.iterdir())
    if not names:
        return
    if METADATA not in names or Layout(target).exists():
        raise IndexExistsError(
            f"{target} holds {names[0]} and is no earlier export; name another folder"
        )
    if not replace:
        raise IndexExistsError(
            f"{target} holds an earlier export; name another folder, or replace it with --force "
            "(in Python: replace=True)"
        )


def _put_in_place(temporary: Path, target: Path) -> None:
    """Rename a complete folder to its target; what it replaces is removed last."""
    for path in [*temporary.rglob("*"), temporary]:
        sync_to_disk(path)
    # Killed between the two renames, the earlier export lies beside the new one, under this name.
    before = target.with_name(f".{target.name}.{os.getpid()}.before")
    if target.exists():
        os.rename(target, before)
    try:
        os.rename(temporary, target)
    except BaseException:
        if before.exists():
            os.rename(before, target)
        raise
    sync_to_disk(target.parent)
    shutil.rmtree(before, ignore_errors=True)


def _write_one_revision(
    index: Index, folder: Path, parts: Collection[str], format: str
) -> dict[str, str]:
    # A store of its own: searches in other threads go on while a large file is copied.
    store = Store(index.folder.layout.database)
    try:
        for attempt in range(TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            revision, rotation = store.revision()
            if not revision.number:
                raise IndexNotFoundError(f"{index.name} holds no items yet: nothing to export")
            try:
                with store.reading():
                    # Between the two a writer may have come.
                    revision, rotation = store.revision()
                    return _Export(index, store, revision, rotation, folder).write(parts, format)
            except (DamagedError, FileNotFoundError):
                if attempt + 1 < TRIES and store.revision()[0].number != revision.number:
                    continue  # a writer removed the files of this revision meanwhile
                raise
    finally:
        store.close()
    raise StorageError(f"{index.folder.layout.root} changes too quickly to be exported; try again")


class _Export:
    """Writes one revision into a folder."""

    def __init__(
        self,
        index: Index,
        store: Store,
        revision: Revision,
        rotation: Floats | None,
        folder: Path,
    ) -> None:
        self.index, self.store, self.folder = index, store, folder
        self.revision, self.rotation = revision, rotation
        self.layout = index.folder.layout
        self.files: dict[str, str] = {}
        self.metadata: dict[str, Any] = {
            "made_by": f"aesearch {__version__}",
            "index": index.name,
            "kind": index.kind,
            "revision": revision.number,
            "fingerprint": revision.fingerprint,
            "items": store.count(),
        }

    def write(self, parts: Collection[str], format: str) -> dict[str, str]:
        if "codes" in parts:
            self._write_codes(format)
        if "encoder" in parts:
            self._write_encoder()
        if "faiss" in parts:
            self._write_faiss()
        if self.rotation is not None and {"codes", "faiss"} & set(parts):
            self._array(
                "rotation.npy",
                self.rotation,
                "what makes bits of a code: packbits(code @ rotation[:-1] + rotation[-1] > 0)",
            )
        self.files[METADATA] = "what is in each file: names, shapes, units"
        self._json(METADATA, {**self.metadata, "files": self.files}, self.files[METADATA], indent=1)
        return self.files

    # -- codes -----------------------------------------------------------------------------------

    def _write_codes(self, format: str) -> None:
        from aesearch.engines.faiss import to_bits

        ids, codes = self.store.codes()
        passage = ids > DOCUMENT
        keys = self.store.keys_of(ids[~passage].tolist())
        labels = self.index.folder.labels()
        items: Columns = {
            "key": [keys[id] for id in ids[~passage].tolist()],
            "label": [labels.get(id, "") for id in ids[~passage].tolist()],
        }
        tables: dict[str, tuple[Columns, Floats]] = {"codes": (items, codes[~passage])}
        if passage.any():
            parts = ids[passage].tolist()
            spans = self.store.passages_of(parts)
            columns: Columns = {
                "key": [keys[id & DOCUMENT] for id in parts],
                "start": [spans[id][0] for id in parts],
                "stop": [spans[id][1] for id in parts],
            }
            tables["passages"] = columns, codes[passage]
        for name, (columns, rows) in tables.items():
            bits = None if self.rotation is None else to_bits(rows, self.rotation)
            if format == "parquet":
                self._parquet(name, columns, rows, bits)
            else:
                self._arrays(name, columns, rows, bits)
            self.metadata[name] = {"shape": list(rows.shape), "type": "float32", "score": SCORE}
            if bits is not None:
                self.metadata[name]["bits"] = {
                    "shape": list(bits.shape),
                    "type": "uint8",
                    "score": f"1 - 2 * Hamming distance / {bits.shape[1] * 8}",
                }

    def _arrays(
        self,
        name: str,
        columns: Columns,
        codes: Floats,
        bits: Bits | None,
    ) -> None:
        rows, size = codes.shape
        passages = name == "passages"
        of = " of passages of long documents" if passages else ""
        self._array(f"{name}.npy", codes, f"codes{of}, float32 {rows:,} x {size}, unit length")
        if bits is not None:
            file = "passage-bits.npy" if passages else "bits.npy"
            self._array(file, bits, f"the same as bits, packed: uint8 {rows:,} x {bits.shape[1]}")
        if passages:
            values = zip(*columns.values(), strict=True)
            spans = [dict(zip(columns, row, strict=True)) for row in values]
            what = "of each row: the document's key, where in its text the passage is"
            self._json("passages.json", spans, what)
            return
        self._json("keys.json", columns["key"], "key of each row")
        self._json("labels.json", columns["label"], 'label or folder of each row, "" without one')

    def _parquet(
        self,
        name: str,
        columns: Columns,
        codes: Floats,
        bits: Bits | None,
    ) -> None:
        import pyarrow
        from pyarrow import parquet

        def lists(rows: NDArray[Any]) -> Any:
            flat = pyarrow.array(np.ascontiguousarray(rows).reshape(-1))
            return pyarrow.FixedSizeListArray.from_arrays(flat, rows.shape[1])

        table = {column: pyarrow.array(values) for column, values in columns.items()}
        table["code"] = lists(codes)
        if bits is not None:
            table["bits"] = lists(bits)
        parquet.write_table(pyarrow.table(table), self.folder / f"{name}.parquet")
        rows, size = codes.shape
        self.files[f"{name}.parquet"] = (
            f"{rows:,} rows: {', '.join(table)}; a code is {size} float32, unit length"
        )

    # -- encoder ---------------------------------------------------------------------------------

    def _write_encoder(self) -> None:
        encoder = FrozenEncoder(self.layout.encoder(self.revision.fingerprint))
        if problems := encoder.damage():
            raise DamagedError(f"{problems[0]}; {repair_command(self.layout.root)} mends it")
        files, metadata = write_encoder(encoder, self.folder)
        self.files |= files
        self.metadata |= metadata

    # -- FAISS -----------------------------------------------------------------------------------

    def _write_faiss(self) -> None:
        path = self.layout.root / self.revision.codes_file
        if problem := file_problem(path, self.revision):
            raise DamagedError(f"{problem}; {repair_command(self.layout.root)} makes it anew")
        plan = self.revision.plan
        self._copy(path, "codes.faiss", f"FAISS index {plan['factory']}")
        keys = {item.id: item.key for item in self.store.items()}
        rows = dict(keys)
        if self.store.has_passages():
            rows |= {id: keys[id & DOCUMENT] for id in self.store.passages_in(keys).tolist()}
        self._json("faiss-keys.json", rows, "key of each id that the FAISS index returns")
        bits = plan.get("bits", 0)
        self.metadata["faiss"] = {
            "file": "codes.faiss",
            "factory": plan["factory"],
            "read_with": "faiss.read_index_binary" if bits else "faiss.read_index",
            "metric": "Hamming distance" if bits else "inner product",
            "bits": bits,
            "probes": plan.get("probes", 0),
        }

    # -- files -----------------------------------------------------------------------------------

    def _array(self, name: str, array: NDArray[Any], what: str) -> None:
        np.save(self.folder / name, np.ascontiguousarray(array), allow_pickle=False)
        self.files[name] = what

    def _json(self, name: str, content: Any, what: str, indent: int | None = None) -> None:
        (self.folder / name).write_text(json.dumps(content, indent=indent), encoding="utf-8")
        self.files[name] = what

    def _copy(self, source: Path, name: str, what: str) -> None:
        shutil.copyfile(source, self.folder / name)
        self.files[name] = what
