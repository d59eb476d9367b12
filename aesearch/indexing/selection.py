"""Model selection for an index: candidates, fitted, frozen, checked on held-out items."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from aesearch._version import __version__
from aesearch.encoders.factory import changed_parameters
from aesearch.encoders.sparse import csr_of
from aesearch.errors import DamagedError, StorageError
from aesearch.evaluation.check import Check
from aesearch.evaluation.decision import Decision, select
from aesearch.evaluation.tasks import Rankings, Task, evaluate
from aesearch.indexing.datasets.base import Dataset
from aesearch.indexing.tasks import InverseCloze, Passages, known_item_task, same_label_task
from aesearch.inference.encoder import WEIGHTS, FrozenEncoder, seal
from aesearch.inference.manifest import MANIFEST, Manifest
from aesearch.modalities import Features
from aesearch.storage.layout import Layout, sync_to_disk
from aesearch.types import Floats, Ids

if TYPE_CHECKING:
    from aesearch.encoders.base import Encoder


Transform = Callable[[Floats], Floats]


@dataclass
class Candidate:
    """An encoder that may be published.

    Attributes
    ----------
    kind : str
        Its name in the registry.
    encoder : Encoder
        Fitted.
    features : Features
        What makes its input.
    frozen : FrozenEncoder
        It, or one that decodes to the same.
    exported : bool
        Whether its graphs are those of `frozen`.
    """

    kind: str
    encoder: Encoder
    features: Any
    frozen: FrozenEncoder
    exported: bool = False

    @classmethod
    def of(
        cls,
        encoder: Encoder,
        kind: str,
        features: Features,
        layout: Layout,
        notes: Mapping[str, Any] | None = None,
    ) -> Candidate:
        """Freeze a fitted encoder, and take it for a candidate; see `freeze`."""
        frozen = freeze(encoder, kind, features, layout, notes or {})
        return cls(kind, encoder, features, frozen, exported=True)

    def freeze(self, layout: Layout, notes: Mapping[str, Any]) -> FrozenEncoder:
        """Write its folder, with other notes; what was exported is not exported again."""
        exported = self.frozen if self.exported else None
        return freeze(self.encoder, self.kind, self.features, layout, notes, exported)

    def said(self) -> dict[str, str]:
        """Return what the table of the check says of it beside its figures."""
        told_from = self.encoder.weights_from_
        return {"weights_from": told_from} if told_from else {}

    def codes(self, rows: Any) -> Floats:
        """Return the normalised codes of items, as `frozen` gives them.

        LSA only multiplies rows by a matrix, and to fill them in for its graph would take ten
        times as long.
        """
        sparse = as_csr(rows)
        if self.kind == "lsa" and sparse is not rows:
            return unit(self.encoder.transform(sparse))
        return self.frozen.encode(rows)


@dataclass
class Coded:
    """The codes of a collection by one candidate.

    Attributes
    ----------
    items : ndarray of float32, shape (n, code_size)
    queries : ndarray of float32, shape (m, code_size)
        Of the perturbed queries of the known-item search.
    passages : ndarray of float32, shape (p, code_size)
    """

    items: Floats
    queries: Floats
    passages: Floats

    @property
    def rows(self) -> Floats:
        """Those that are searched, (n + p, code_size)."""
        return np.concatenate([self.items, self.passages]) if len(self.passages) else self.items


@dataclass
class Selection:
    """Model selection on one collection: its tasks, and what each candidate reached on them.

    Attributes
    ----------
    use_labels : str
        'none' where labels are not asked for, though there are some.
    checks : dict of str to Check
        Baselines first: the earlier of two equals wins.
    candidates : dict of str to Candidate
    codes : dict of str to Coded
    """

    dataset: Dataset
    seed: int = 0
    use_labels: str = "auto"
    checks: dict[str, Check] = field(default_factory=dict)
    candidates: dict[str, Candidate] = field(default_factory=dict)
    codes: dict[str, Coded] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dataset, seed = self.dataset, self.seed
        self.known_item = known_item_task(dataset, seed)
        unused = self.use_labels == "none"
        self.same_label = None if unused else same_label_task(dataset, seed)
        self.openings = InverseCloze.of(dataset, self.asked)
        self.passages = Passages.of(dataset)

    @property
    def asked(self) -> Ids:
        """Held-out items that ask."""
        return self.known_item.queries.rows

    def enter(self, name: str, candidate: Candidate, coded: Coded) -> None:
        """Check the codes of one candidate."""
        self.candidates[name], self.codes[name] = candidate, coded
        openings = self._openings(candidate, coded.items)
        self.checks[name] = self._check(coded.rows, coded.queries, coded.items, openings)

    def encode(self, name: str, candidate: Candidate) -> None:
        """Encode everything with one candidate, and check it."""
        self.enter(name, candidate, self.coded(candidate.codes, candidate.features))

    def coded(self, encode: Callable[[Any], Floats], features: Features) -> Coded:
        """Encode everything, as `features` give it."""
        seen = partial(self.dataset.seen, features=features)
        items = encode(seen(self.dataset.samples))
        queries = encode(seen(self.known_item.queries.samples))
        counts = self.passages.counts
        return Coded(items, queries, items[:0] if counts is None else encode(seen(counts)))

    def references(self) -> dict[str, Check]:
        """Return what the items reach as they are: it shows what a code loses, and wins nothing."""
        both = self.dataset.samples, self.known_item.queries.samples
        items, queries = map(self.dataset.own_codes, both)
        if items is None or queries is None:
            return {}
        return {"raw": self._check(items, queries, items)}

    def _check(
        self, items: Floats, queries: Floats, own: Floats, openings: Rankings | None = None
    ) -> Check:
        """Return what codes reach; `own` are those of items that ask for their label."""

        def reached(task: Task, asking: Floats) -> Rankings:
            return evaluate(task, lambda block: self.passages.scores(asking[block], items))

        known_item = reached(self.known_item, queries)
        if self.same_label is None:
            return Check.of(known_item, openings=openings)
        labelled = reached(self.same_label, own[self.same_label.queries.rows])
        return Check.of(known_item, labelled, self.same_label.chance, openings)

    def _openings(self, candidate: Candidate, codes: Floats) -> Rankings | None:
        """Return how well the opening of each document finds the rest of it."""
        if self.openings is None:
            return None
        task, rests = self.openings.task, self.openings.rests
        seen = partial(self.dataset.seen, features=candidate.features)
        asking = candidate.codes(seen(task.queries.samples))
        searched = codes.copy()
        searched[task.queries.rows] = candidate.codes(seen(rests))
        return evaluate(task, lambda block: asking[block] @ searched.T)

    def decide(self, *learned: str) -> Decision:
        """Return which candidate is best, and why; `learned` are those that are no baselines."""
        on_tie = self.dataset.modality.simple_on_tie
        return select(self.checks, learned, self.seed, simple_on_tie=on_tie)

    def stored_forms(self, name: str, bits: int) -> dict[str, Check]:
        """Return what the codes of a candidate lose as 8-bit integers and as bits."""
        found, coded = {"float": self.checks[name]}, self.codes[name]
        for form in ("int8", "bits") if bits else ("int8",):
            stored, fit = stored_as(coded.rows, form, bits, self.dataset.training)
            found[form] = self._check(stored, fit(coded.queries), fit(coded.items))
        return found


def stored_as(codes: Floats, form: str, bits: int, training: int) -> tuple[Floats, Transform]:
    """Return codes as an engine keeps them, and what makes codes of queries fit to search them.

    The rotation before bits is learned from the training set alone, which comes first; 8-bit codes
    are searched with floats.
    """
    from aesearch.engines.faiss import learn_rotation, quantized

    rotation = learn_rotation(codes[: max(2, training)], bits) if form == "bits" else None
    stored = partial(quantized, dtype=form, rotation=rotation)
    return stored(codes), stored if form == "bits" else lambda queries: queries


def freeze(
    encoder: Encoder,
    kind: str,
    features: Features,
    layout: Layout,
    notes: Mapping[str, Any],
    exported: FrozenEncoder | None = None,
) -> FrozenEncoder:
    """Write an encoder's folder, in one step, and open it.

    Parameters
    ----------
    encoder : Encoder
        Fitted.
    kind : str
        Its name in the registry.
    features : Features
    layout : Layout
    notes : mapping
        What else to keep in ``encoder.json``: check, history, how long it took.
    exported : FrozenEncoder, optional
        This encoder, frozen before: its graphs are copied, for an export takes seconds.
    """
    temporary = layout.root / f"encoder-new-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        (exported or encoder).write_graphs(temporary)
    except DamagedError:  # since it was written
        encoder.write_graphs(temporary)
    state = {name: np.ascontiguousarray(array) for name, array in encoder.state().items()}
    try:
        save_file(state, temporary / WEIGHTS)
    except SafetensorError as error:  # which is no OSError
        raise StorageError(f"{temporary / WEIGHTS} cannot be written: {error}") from error
    manifest = Manifest(
        kind=kind,
        features=features.config(),
        code_size=encoder.code_size_,
        parameters=encoder.get_params(),
        chosen=changed_parameters(encoder),
        aesearch=__version__,
        made_at=time.time(),
        weights=encoder.weights_of_parts(),
        weights_from=encoder.weights_from_,
        **notes,
    )
    fingerprint = seal(temporary, manifest, features.save(temporary))
    shutil.copymode(temporary / MANIFEST, temporary / WEIGHTS)  # safetensors lets only its owner in
    written = [path.name for path in temporary.iterdir()]
    for name in (*written, "."):
        sync_to_disk(temporary / name)
    final = layout.encoder(fingerprint)
    if final.exists():  # the very same codes; what is new is the notes, or a file that was damaged
        if notes or _is_damaged(final):
            for name in sorted(written, key=MANIFEST.__eq__):  # the manifest, with its sums, last
                os.replace(temporary / name, final / name)
        shutil.rmtree(temporary)
    else:
        os.replace(temporary, final)
    sync_to_disk(layout.root)
    return FrozenEncoder(final)


def _is_damaged(folder: Path) -> bool:
    try:
        return bool(FrozenEncoder(folder).damage())
    except DamagedError:
        return True


def unit(latents: Any) -> Floats:
    """Return rows of unit length; a row of zeros stays one."""
    lengths = np.linalg.norm(latents, axis=1, keepdims=True)
    codes: Floats = (latents / np.maximum(lengths, 1e-12)).astype(np.float32)
    return codes


def as_csr(rows: Any) -> Any:
    """Return sparse rows as encoders fit on them; an array stays as it is."""
    return csr_of(rows) if hasattr(rows, "indptr") else rows
