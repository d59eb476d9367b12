"""Groups of duplicates: exact copies, near-duplicates, mirrored copies.

Nothing is ever deleted here: duplicates are reported, and how sure that is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.duplicates.pairs import Candidates, Pairs
from aesearch.duplicates.threshold import Calibration, calibrate
from aesearch.errors import ParameterError
from aesearch.search.index import Index
from aesearch.storage.schema import Item
from aesearch.types import Progress, silent

EXACT, NEAR, MIRRORED = "exact", "near", "mirrored"
# Least score of two copies of one representative, of the threshold: both may have been changed,
# each in its own way.
BETWEEN_COPIES = 0.75


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
        """The fields as JSON."""
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
        """The fields as JSON."""
        return {
            "kind": self.kind,
            "score": round(self.score, 4),
            "items": [member.as_dict() for member in self.members],
        }


@dataclass(frozen=True)
class Survey:
    """All groups, and the calibration of the threshold that they rest on.

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
        """The groups of a kind."""
        return [group for group in self.groups if group.kind == kind]


def find(
    index: Index,
    *,
    alarm: float | None = None,
    threshold: float | None = None,
    progress: Progress = silent,
) -> list[Group]:
    """Groups of duplicates of an index; `survey` also gives the calibration of the threshold."""
    return survey(index, alarm=alarm, threshold=threshold, progress=progress).groups


def survey(
    index: Index,
    *,
    alarm: float | None = None,
    threshold: float | None = None,
    progress: Progress = silent,
) -> Survey:
    """Find exact copies, near-duplicates and mirrored copies.

    A group is made around its representative: each member is alike with it, and no two members
    are unlike, so a chain of small changes does not bring unlike items together. An item is in at
    most one group of each kind. Memory grows with the number of items, never with its square.

    Parameters
    ----------
    index : Index
        Of pictures, whose files are read, or of documents.
    alarm : float, optional
        False-positive rate: false pairs allowed for each item, by default the
        `false_positive_rate` of their kind. The threshold follows from it, calibrated on this
        collection.
    threshold : float, optional
        Least agreement, from 0 to 1, instead of a calibrated one.
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
    by_digest: dict[bytes, list[Item]] = defaultdict(list)
    for item in sorted(index.items(), key=lambda item: item.key):
        by_digest[item.digest].append(item)
    copies = list(by_digest.values())
    find_candidates: Callable[..., Candidates] = modality.part("duplicates")
    candidates = find_candidates(index, [same[0] for same in copies], progress)
    calibration = None
    pairs = candidates.pairs
    if len(candidates.copies):
        calibration = calibrate(
            pairs.scores,
            candidates.copies,
            len(copies),
            alarm=alarm,
            threshold=threshold,
        )
        pairs = pairs[pairs.scores >= calibration.threshold]
    groups = _Grouping(index, copies, candidates, pairs, calibration).groups()
    return Survey(groups, calibration, candidates.unread, sum(map(len, copies)))


class _Grouping:
    """From pairs to groups, each a star: a representative, and members that agree with it."""

    def __init__(
        self,
        index: Index,
        copies: Sequence[Sequence[Item]],
        candidates: Candidates,
        pairs: Pairs,
        calibration: Calibration | None,
    ) -> None:
        self.index, self.copies, self.candidates = index, copies, candidates
        self.between = calibration.threshold * BETWEEN_COPIES if calibration else 1.0
        self.scores = {
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
        """All groups, sorted by kind and size."""
        near = self._stars(flipped=False)
        owner = {row: star[0][0] for star in near for row, _ in star}
        mirrored = self._mirrored_stars(owner)
        groups = [self._group(NEAR, star) for star in near]
        groups += [self._group(MIRRORED, star) for star in mirrored]
        in_near = {row for star in near for row, _ in star}
        groups += [
            self._group(EXACT, [(row, 1.0)])
            for row, same in enumerate(self.copies)
            if len(same) > 1 and row not in in_near
        ]
        order = {EXACT: 0, NEAR: 1, MIRRORED: 2}
        return sorted(groups, key=lambda g: (order[g.kind], -len(g.members), g.keys))

    def _rank(self, row: int) -> tuple[int, int, str]:
        """Order of representatives: most pixels first, then most bytes, then by key."""
        item = self.copies[row][0]
        width, height = self._pixels(item) or (0, 0)
        return -width * height, -item.size, item.key

    def _pixels(self, item: Item) -> tuple[int, int] | None:
        if self.candidates.size_of is None:
            return None
        if item.key not in self.pixels:
            self.pixels[item.key] = self.candidates.size_of(self.index.path_of(item.key))
        return self.pixels[item.key]

    def _stars(self, *, flipped: bool) -> list[list[tuple[int, float]]]:
        """Groups as rows with scores, the representative first."""
        neighbors: dict[int, dict[int, float]] = defaultdict(dict)
        for (a, b, f), score in self.scores.items():
            if f == flipped:
                neighbors[a][b] = neighbors[b][a] = score
        grouped: set[int] = set()
        stars = []
        for row in sorted(neighbors, key=self._rank):
            if row in grouped:
                continue
            star = [(row, 1.0)]
            for other, score in sorted(
                neighbors[row].items(), key=lambda pair: (-pair[1], pair[0])
            ):
                if other not in grouped and self._fits(other, [r for r, _ in star[1:]], neighbors):
                    star.append((other, score))
            if len(star) > 1:
                grouped.update(r for r, _ in star)
                stars.append(star)
        return stars

    def _fits(self, row: int, members: list[int], neighbors: dict[int, dict[int, float]]) -> bool:
        """Whether a row agrees with all members of a group."""
        unknown = [member for member in members if member not in neighbors[row]]
        if not unknown:
            return True
        others = np.array(unknown, dtype=np.int64)
        same = np.full(len(others), row, dtype=np.int64)
        scores = self.candidates.score(others, same, np.zeros(len(others), dtype=bool))
        return bool((scores >= self.between).all())

    def _mirrored_stars(self, owner: dict[int, int]) -> list[list[tuple[int, float]]]:
        """Representatives with their mirrored copies: of each near group one stands for all."""
        best: dict[tuple[int, int], tuple[float, int, int]] = {}
        for (a, b, f), score in self.scores.items():
            ends = owner.get(a, a), owner.get(b, b)
            if f and ends[0] != ends[1]:  # a picture may well be its own mirror image
                pair = min(ends), max(ends)
                best[pair] = max(best.get(pair, (0.0, 0, 0)), (score, a, b))
        stars: dict[int, list[tuple[int, float]]] = {}
        grouped: set[int] = set()
        ranked = sorted(best, key=lambda pair: sorted(map(self._rank, pair)))
        for pair in ranked:
            row, other = sorted(pair, key=self._rank)
            if other in grouped or (row in grouped and row not in stars):
                continue
            stars.setdefault(row, [(row, 1.0)]).append((other, best[pair][0]))
            grouped.update(pair)
        return list(stars.values())

    def _group(self, kind: str, star: list[tuple[int, float]]) -> Group:
        members = []
        for row, score in star:
            for number, item in enumerate(self.copies[row]):
                if kind == MIRRORED and number:
                    continue  # exact copies are listed in the near group
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
