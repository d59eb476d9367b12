"""Groups of items that are the same, or nearly: exact copies, near-duplicates, mirrored copies.

Nothing is ever deleted here: it is told what is alike, and how sure that is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.duplicates.pairs import Evidence, Pairs
from aesearch.duplicates.threshold import Calibration, calibrated
from aesearch.errors import ParameterError
from aesearch.search.index import Index
from aesearch.storage.schema import Item
from aesearch.types import Progress, silent

EXACT, NEAR, MIRRORED = "exact", "near", "mirrored"
# Of two copies of one representative: both may have been changed, each in its own way.
BETWEEN_COPIES = 0.75  # of the threshold


@dataclass(frozen=True)
class Member:
    """One item of a group.

    Attributes
    ----------
    key : str
    path : Path
    score : float
        Agreement with the representative of the group; 1 is the same.
    exact : bool
        Whether its file has just the content of the representative's.
    size : int
        Of the file, in bytes.
    pixels : (int, int) or None
        Width and height of a picture, where its file is there.
    """

    key: str
    path: Path
    score: float
    exact: bool
    size: int
    pixels: tuple[int, int] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return {
            **asdict(self),
            "path": str(self.path),
            "score": round(self.score, 4),
            "pixels": list(self.pixels) if self.pixels else None,
        }


@dataclass(frozen=True)
class Group:
    """Items that are alike.

    Attributes
    ----------
    kind : {'exact', 'near', 'mirrored'}
        'exact': all have the same content, byte for byte. 'mirrored': the others show the
        representative left for right.
    members : tuple of Member
        The representative first: the largest picture, or the longest document. Of each other one
        the score is that with the representative.
    """

    kind: str
    members: tuple[Member, ...]

    @property
    def keys(self) -> list[str]:
        """The keys, that of the representative first."""
        return [member.key for member in self.members]

    @property
    def mirrored(self) -> bool:
        """Whether it is one of mirrored copies."""
        return self.kind == MIRRORED

    @property
    def score(self) -> float:
        """The least agreement with the representative."""
        return min(member.score for member in self.members)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "kind": self.kind,
            "score": round(self.score, 4),
            "items": [member.as_dict() for member in self.members],
        }


@dataclass(frozen=True)
class Found:
    """All groups, near ones first, and what they rest on.

    Attributes
    ----------
    groups : list of Group
        Sorted by kind (exact, near, mirrored), then by their number of items, most first.
    calibration : Calibration or None
        None where there was nothing to compare.
    unread : dict of key to str
        Items that could not be compared, and why; exact copies are found all the same.
    items : int
        Items of the index.
    """

    groups: list[Group]
    calibration: Calibration | None
    unread: dict[str, str] = field(default_factory=dict)
    items: int = 0

    def of(self, kind: str) -> list[Group]:
        """Return the groups of a kind."""
        return [group for group in self.groups if group.kind == kind]


def find(
    index: Index,
    *,
    alarm: float | None = None,
    threshold: float | None = None,
    progress: Progress = silent,
) -> list[Group]:
    """Return the groups of duplicates of an index; `survey` also tells what they rest on."""
    return survey(index, alarm=alarm, threshold=threshold, progress=progress).groups


def survey(
    index: Index,
    *,
    alarm: float | None = None,
    threshold: float | None = None,
    progress: Progress = silent,
) -> Found:
    """Find exact copies, near-duplicates and mirrored copies.

    A group is made around its representative: each member is alike with it, and no two members
    are unlike, so a chain of small changes does not bring unlike items together. An item is in at
    most one group of each kind. Memory grows with the number of items, never with its square.

    Parameters
    ----------
    index : Index
        Of pictures, whose files are read, or of documents.
    alarm : float, optional
        False pairs allowed for each item: by default the `false_positive_rate` of their kind.
        The threshold follows from it, measured on this collection.
    threshold : float, optional
        Least agreement, from 0 to 1, instead of a measured one.
    progress : callable

    Raises
    ------
    ParameterError
        If a number is out of range.
    SourceError
        If the folder of the pictures is gone.
    """
    modality = index.folder.modality
    if alarm is None:
        alarm = modality.false_positive_rate
    if not 0 < alarm <= 1:
        raise ParameterError(f"alarm must be above 0 and at most 1; got {alarm}")
    if threshold is not None and not 0 < threshold <= 1:
        raise ParameterError(f"threshold must be above 0 and at most 1; got {threshold}")
    alike: dict[bytes, list[Item]] = defaultdict(list)
    for item in sorted(index.items(), key=lambda item: item.key):
        alike[item.digest].append(item)
    copies = list(alike.values())
    evidence: Callable[..., Evidence] = modality.part("duplicates")
    proof = evidence(index, [same[0] for same in copies], progress)
    calibration = None
    pairs = proof.pairs
    if len(proof.copies):
        calibration = calibrated(
            pairs.scores,
            proof.copies,
            len(copies),
            alarm=alarm,
            threshold=threshold,
        )
        pairs = pairs[pairs.scores >= calibration.threshold]
    groups = _Grouping(index, copies, proof, pairs, calibration).groups()
    return Found(groups, calibration, proof.unread, sum(map(len, copies)))


class _Grouping:
    """From pairs to groups."""

    def __init__(
        self,
        index: Index,
        copies: Sequence[Sequence[Item]],
        proof: Evidence,
        pairs: Pairs,
        calibration: Calibration | None,
    ) -> None:
        self.index, self.copies, self.proof = index, copies, proof
        self.between = calibration.threshold * BETWEEN_COPIES if calibration else 1.0
        self.known = {
            (a, b, f): s
            for a, b, f, s in zip(
                pairs.first.tolist(),
                pairs.second.tolist(),
                pairs.flipped.tolist(),
                pairs.scores.tolist(),
                strict=True,
            )
        }
        self.pixels: dict[str, tuple[int, int] | None] = {}

    def groups(self) -> list[Group]:
        """Return all groups, sorted."""
        near = self._stars(flipped=False)
        owner = {row: star[0][0] for star in near for row, _ in star}
        mirrored = self._mirrored(owner)
        found = [self._group(NEAR, star) for star in near]
        found += [self._group(MIRRORED, star) for star in mirrored]
        in_near = {row for star in near for row, _ in star}
        found += [
            self._group(EXACT, [(row, 1.0)])
            for row, same in enumerate(self.copies)
            if len(same) > 1 and row not in in_near
        ]
        order = {EXACT: 0, NEAR: 1, MIRRORED: 2}
        return sorted(found, key=lambda g: (order[g.kind], -len(g.members), g.keys))

    def _rank(self, row: int) -> tuple[int, int, str]:
        """Sort the best representative first: most pixels, then most bytes, then by key."""
        item = self.copies[row][0]
        width, height = self._pixels(item) or (0, 0)
        return -width * height, -item.size, item.key

    def _pixels(self, item: Item) -> tuple[int, int] | None:
        if self.proof.size_of is None:
            return None
        if item.key not in self.pixels:
            self.pixels[item.key] = self.proof.size_of(self.index.path_of(item.key))
        return self.pixels[item.key]

    def _stars(self, *, flipped: bool) -> list[list[tuple[int, float]]]:
        """Return groups as rows with scores, the representative first."""
        beside: dict[int, dict[int, float]] = defaultdict(dict)
        for (a, b, f), score in self.known.items():
            if f == flipped:
                beside[a][b] = beside[b][a] = score
        taken: set[int] = set()
        stars = []
        for row in sorted(beside, key=self._rank):
            if row in taken:
                continue
            star = [(row, 1.0)]
            for other, score in sorted(beside[row].items(), key=lambda pair: (-pair[1], pair[0])):
                if other not in taken and self._fits(other, [r for r, _ in star[1:]], beside):
                    star.append((other, score))
            if len(star) > 1:
                taken.update(r for r, _ in star)
                stars.append(star)
        return stars

    def _fits(self, row: int, members: list[int], beside: dict[int, dict[int, float]]) -> bool:
        """Return whether a row is alike with all members of a group."""
        unknown = [member for member in members if member not in beside[row]]
        if not unknown:
            return True
        others = np.array(unknown, dtype=np.int64)
        same = np.full(len(others), row, dtype=np.int64)
        scores = self.proof.score(others, same, np.zeros(len(others), dtype=bool))
        return bool((scores >= self.between).all())

    def _mirrored(self, owner: dict[int, int]) -> list[list[tuple[int, float]]]:
        """Return representatives with the mirrored ones: of each near group one stands for all."""
        best: dict[tuple[int, int], tuple[float, int, int]] = {}
        for (a, b, f), score in self.known.items():
            ends = owner.get(a, a), owner.get(b, b)
            if f and ends[0] != ends[1]:  # a picture may well be its own mirror image
                pair = min(ends), max(ends)
                best[pair] = max(best.get(pair, (0.0, 0, 0)), (score, a, b))
        stars: dict[int, list[tuple[int, float]]] = {}
        taken: set[int] = set()
        ranked = sorted(best, key=lambda pair: sorted(map(self._rank, pair)))
        for pair in ranked:
            row, other = sorted(pair, key=self._rank)
            if other in taken or (row in taken and row not in stars):
                continue
            stars.setdefault(row, [(row, 1.0)]).append((other, best[pair][0]))
            taken.update(pair)
        return list(stars.values())

    def _group(self, kind: str, star: list[tuple[int, float]]) -> Group:
        members = []
        for row, score in star:
            for number, item in enumerate(self.copies[row]):
                if kind == MIRRORED and number:
                    continue  # exact copies are told where they are alike
                members.append(
                    Member(
                        item.key,
                        self.index.path_of(item.key),
                        score,
                        number > 0 and row == star[0][0],
                        item.size,
                        self._pixels(item),
                    )
                )
        return Group(kind, tuple(members))
