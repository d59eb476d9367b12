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

from aesearch.duplicates.pairs import Candidates, Pairs, chains, joined
from aesearch.duplicates.threshold import FALSE_SHARE, Calibration, calibrate
from aesearch.errors import ParameterError
from aesearch.search.index import Index
from aesearch.settings import is_number
from aesearch.storage.schema import Item
from aesearch.types import Progress, silent

EXACT, NEAR, MIRRORED = "exact", "near", "mirrored"
# Least score of two copies of one representative, of the threshold: both may have been changed,
# each in its own way.
BETWEEN_COPIES = 0.75
CHECKED = 8  # members of a group that another is compared with, besides the representative
SURE = 0.8  # least score where there is nothing to calibrate a threshold with


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
    share = FALSE_SHARE if alarm is None else 1.0  # who asks for more false pairs gets them
    if alarm is None:
        alarm = modality.false_positive_rate
    for name, value in (("alarm", alarm), ("threshold", threshold)):
        if value is not None and not (is_number(value) and 0 < value <= 1):
            raise ParameterError(f"{name} must be a number above 0 and at most 1; got {value!r}")
    by_digest: dict[bytes, list[Item]] = defaultdict(list)
    for item in sorted(index.items(), key=lambda item: item.key):
        by_digest[item.digest].append(item)
    copies = list(by_digest.values())
    find_candidates: Callable[..., Candidates] = modality.part("duplicates")
    candidates = find_candidates(index, [same[0] for same in copies], progress)
    calibration = None
    if len(candidates.copies):
        calibration = calibrate(
            _spanning(candidates.pairs).scores,
            candidates.copies,
            len(copies),
            alarm=alarm,
            threshold=threshold,
            share=share,
        )
        threshold = calibration.threshold
    grouping = _Grouping(index, copies, candidates, SURE if threshold is None else threshold)
    groups = grouping.groups(progress)
    return Survey(groups, calibration, candidates.unread, sum(map(len, copies)))


def _spanning(pairs: Pairs) -> Pairs:
    """The pairs, less those within chains of alike items: of each item there the best is left.

    N frames of one scene are some N²/2 pairs, which say nothing of how unlike items score.
    """
    rows = int(pairs.second.max(initial=-1)) + 1
    alike = pairs[pairs.scores >= SURE]
    chain = chains(alike.first, alike.second, rows)
    best = np.zeros(rows, dtype=np.float32)
    for ends in (pairs.first, pairs.second):
        np.maximum.at(best, ends, pairs.scores)
    its_best = pairs.scores >= np.minimum(best[pairs.first], best[pairs.second])
    return pairs[(chain[pairs.first] != chain[pairs.second]) | its_best]


class _Grouping:
    """From pairs to groups, each a star: a representative, and members that agree with it."""

    def __init__(
        self,
        index: Index,
        copies: Sequence[Sequence[Item]],
        candidates: Candidates,
        threshold: float,
    ) -> None:
        self.index, self.copies, self.candidates = index, copies, candidates
        self.threshold = threshold
        pairs = joined([candidates.pairs, candidates.twins])
        pairs = pairs[pairs.scores >= threshold]
        self.mirrored = pairs[pairs.flipped]
        self.near: dict[int, dict[int, float]] = defaultdict(dict)
        near = pairs[~pairs.flipped]
        ends = near.first.tolist(), near.second.tolist()
        for a, b, score in zip(*ends, near.scores.tolist(), strict=True):
            self.near[a][b] = self.near[b][a] = score
        self.pixels: dict[str, tuple[int, int] | None] = {}

    def groups(self, progress: Progress) -> list[Group]:
        """All groups, sorted by kind and size."""
        near = self._stars(progress)
        owner = {row: star[0][0] for star in near for row, _ in star}
        groups = [self._group(NEAR, star) for star in near]
        groups += [self._group(MIRRORED, star) for star in self._mirrored_stars(owner)]
        groups += [
            self._group(EXACT, [(row, 1.0)])
            for row, same in enumerate(self.copies)
            if len(same) > 1 and row not in owner
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

    def _stars(self, progress: Progress) -> list[list[tuple[int, float]]]:
        """Groups as rows with scores, the representative first."""
        grouped: set[int] = set()
        stars = []
        ranked = sorted(self.near, key=self._rank)
        for number, row in enumerate(ranked):
            progress("grouping", number, len(ranked))
            if row in grouped:
                continue
            star = self._fitting(row, self._reached(row, grouped))
            if len(star) > 1:
                grouped.update(r for r, _ in star)
                stars.append(star)
        return stars

    def _reached(self, row: int, grouped: set[int]) -> dict[int, float]:
        """Scores of all that agree with a row, along pairs of those that do.

        Not every two of a group need be a pair: the work grows with its members, not their square.
        """
        agree: dict[int, float] = {}
        seen = {row} | grouped
        last = [row]
        while last:
            beyond = sorted({other for one in last for other in self.near[one]} - seen)
            seen.update(beyond)
            last = []
            for other, score in zip(beyond, self._scores(row, beyond), strict=True):
                if score >= self.threshold:
                    agree[other] = score
                    last.append(other)
        return agree

    def _scores(self, row: int, others: Sequence[int]) -> list[float]:
        """Scores of a row with others; of pairs that are known, as they were found."""
        known = self.near[row]
        scores = np.array([known.get(other, -1.0) for other in others])
        unknown = np.flatnonzero(scores < 0)
        if len(unknown):
            rows = np.array(others, dtype=np.int64)[unknown]
            plain = np.zeros(len(rows), dtype=bool)
            scores[unknown] = self.candidates.score(np.full_like(rows, row), rows, plain)
        found: list[float] = scores.tolist()
        return found

    def _fitting(self, row: int, agree: dict[int, float]) -> list[tuple[int, float]]:
        """A representative with those of the others that are not unlike one another.

        Two that are each near the representative are near one another; of the others each is
        compared with a few, the farthest from it.
        """
        star = [(row, 1.0)]
        between = self.threshold * BETWEEN_COPIES
        for other, score in sorted(agree.items(), key=lambda pair: (-pair[1], pair[0])):
            far = [member for member, its in star[-CHECKED:] if its + score - 1 < between]
            if all(found >= between for found in self._scores(other, far)):
                star.append((other, score))
        return star

    def _mirrored_stars(self, owner: dict[int, int]) -> list[list[tuple[int, float]]]:
        """Representatives with their mirrored copies: of each near group one stands for all."""
        best: dict[tuple[int, int], tuple[float, int, int]] = {}
        ends_of = self.mirrored.first.tolist(), self.mirrored.second.tolist()
        for a, b, score in zip(*ends_of, self.mirrored.scores.tolist(), strict=True):
            ends = owner.get(a, a), owner.get(b, b)
            if ends[0] != ends[1]:  # a picture may well be its own mirror image
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
