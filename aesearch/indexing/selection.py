"""Encoders that compete for an index: fitted, frozen, checked on what they have not seen."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save_file

from aesearch._version import __version__
from aesearch.encoders.factory import changed_parameters
from aesearch.encoders.sparse import csr_of
from aesearch.errors import DamagedError
from aesearch.evaluation import check as evaluation
from aesearch.evaluation.decision import Verdict, choose
from aesearch.indexing.datasets.base import Dataset
from aesearch.inference.encoder import WEIGHTS, FrozenEncoder, seal
from aesearch.inference.manifest import MANIFEST, Manifest
from aesearch.modalities import Features
from aesearch.sparse import Bags
from aesearch.storage.layout import Layout, sync_to_disk
from aesearch.types import Floats, Ids

if TYPE_CHECKING:
    from aesearch.encoders.base import Encoder

MOST_CHECKED, FEWEST_CHECKED = 1000, 200
RANKED = 50_000_000  # scores that a check may rank: seconds, not minutes, for 100,000 pictures


@dataclass
class Finalist:
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
    """

    kind: str
    encoder: Encoder
    features: Any
    frozen: FrozenEncoder

    def codes(self, rows: Any) -> Floats:
        """Return the comparable codes of items, as `frozen` gives them.

        LSA only multiplies rows by a matrix, and to fill them in for its graph would take ten
        times as long.
        """
        if self.kind == "lsa" and isinstance(rows, Bags):
            return unit(self.encoder.transform(csr_of(rows)))
        return self.frozen.encode(rows)


@dataclass
class Contest:
    """The check of one collection: its questions, and how each candidate answered them.

    Attributes
    ----------
    checks : dict of str to Check
        Baselines first: the earlier of two equals wins.
    finalists : dict of str to Finalist
    codes, answers : dict of str to ndarray
        Comparable codes of all items, and of the distorted ones that were kept out.
    """

    corpus: Dataset
    seed: int = 0
    checks: dict[str, evaluation.Check] = field(default_factory=dict)
    finalists: dict[str, Finalist] = field(default_factory=dict)
    codes: dict[str, Floats] = field(default_factory=dict)
    answers: dict[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        questions = min(MOST_CHECKED, max(FEWEST_CHECKED, RANKED // len(self.corpus)))
        self.kept = self.corpus.kept_out[:questions]
        self.distorted = self.corpus.distorted(self.kept, self.seed)
        self.openings = self.corpus.openings(self.kept)
        self.labels = evaluation.label_numbers(self.corpus.labels)

    def enter(self, name: str, finalist: Finalist, codes: Floats, distorted: Floats) -> None:
        """Check the codes of one candidate."""
        self.finalists[name] = finalist
        self.codes[name], self.answers[name] = codes, distorted
        found = self._opening_ranks(finalist, codes)
        self.checks[name] = evaluation.check(codes, self.kept, distorted, self.labels, found)

    def _opening_ranks(self, finalist: Finalist, codes: Floats) -> Ids | None:
        """Return at which rank the opening of each document finds the rest of it."""
        if self.openings is None:
            return None
        rows, *parts = self.openings
        openings, rests = (finalist.codes(self.corpus.seen(p, finalist.features)) for p in parts)
        searched = codes.copy()
        searched[rows] = rests
        return evaluation.ranks_of(openings, searched, rows)

    def encode(self, name: str, finalist: Finalist) -> None:
        """Encode everything with one candidate, and check it."""
        items, copies = self.seen_with(finalist.features)
        self.enter(name, finalist, finalist.codes(items), finalist.codes(copies))

    def seen_with(self, features: Any) -> tuple[Any, Any]:
        """Return all items, and the distorted ones, as an encoder takes them."""
        corpus = self.corpus
        return corpus.seen(corpus.samples, features), corpus.seen(self.distorted, features)

    def references(self) -> dict[str, evaluation.Check]:
        """Return what the items reach as they are: it shows what a code loses, and wins nothing."""
        codes, answers = map(self.corpus.own_codes, (self.corpus.samples, self.distorted))
        if codes is None or answers is None:
            return {}
        return {"raw": evaluation.check(codes, self.kept, answers, self.labels)}

    @property
    def questions(self) -> int:
        """How many items were kept out."""
        return len(self.kept)

    def verdict(self, learned: str | None = None) -> Verdict:
        """Return which candidate is best, and why; `learned` is the one that was trained."""
        return choose(self.checks, learned)

    def stored_forms(self, name: str, bits: int) -> dict[str, evaluation.Check]:
        """Return what the winner's codes lose as 8-bit integers and as bits."""
        from aesearch.engines.faiss import as_stored, learn_rotation

        codes = self.codes[name]
        both = np.concatenate([codes, self.answers[name]])
        found = {"float": self.checks[name]}
        rotation = learn_rotation(codes, bits) if bits else None
        for form in ("int8", "bits") if bits else ("int8",):
            stored = as_stored(both, form, rotation)
            found[form] = evaluation.check(
                stored[: len(codes)], self.kept, stored[len(codes) :], self.labels
            )
        return found


def freeze(
    encoder: Encoder,
    kind: str,
    features: Features,
    layout: Layout,
    notes: Mapping[str, Any],
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
    """
    temporary = layout.root / f"encoder-new-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    encoder.write_graphs(temporary)
    state = {name: np.ascontiguousarray(array) for name, array in encoder.state().items()}
    save_file(state, temporary / WEIGHTS)
    manifest = Manifest(
        kind=kind,
        features=features.config(),
        code_size=encoder.code_size_,
        parameters=encoder.get_params(),
        chosen=changed_parameters(encoder),
        aesearch=__version__,
        made_at=time.time(),
        **notes,
    )
    fingerprint = seal(temporary, manifest, features.save(temporary))
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
