"""Which part of one picture another shows, and whether it is the same picture there.

Corners that look alike are brought onto each other by one movement of the whole picture (RANSAC,
Fischler and Bolles 1981). Scenes that are alike have such corners too, so what lies on each other
then is compared pixel by pixel, as duplicates are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from aesearch.originals.local import Local, opencv
from aesearch.types import Floats, Pixels

FARTHEST = 64  # bits of 256 in which the same corner may differ
OFF = 4.0  # pixels that a corner may lie off
FEWEST = 6  # corners that must agree
BENT = 12  # of them, from which a perspective can be told
LEAST, MOST = 0.1, 4.0  # scales between the two
FLAT = 1e-3  # determinant of a movement that leaves nothing of a picture
SMALLEST = 14  # pixels to a side that must lie on each other, of those of the thumbnail
FINEST = 128
EQUAL = 0.985  # agreement of pictures between which hardly a difference is to be seen
WHOLE = 0.9  # share of a picture that is all of it, as it may be bent, or turned
FLOORS = {16: 0.4, 32: 0.4, 64: 0.6}  # agreement below which no finer size is looked at


@dataclass(frozen=True)
class Movement:
    """How one picture lies on another.

    Attributes
    ----------
    corners : int
        Those that agree.
    matrix : ndarray of shape (3, 3)
        From places in the first to places in the second.
    angle : float
        By which the first is turned, in degrees.
    """

    corners: int
    matrix: Floats
    angle: float


def movement(one: Local, other: Local) -> Movement | None:
    """The movement that brings most corners of `one` onto those of `other`; None without one."""
    cv2 = opencv()
    if cv2 is None or min(len(one.points), len(other.points)) < FEWEST:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(one.bits, other.bits)
    pairs = [pair for pair in pairs if pair.distance <= FARTHEST]
    if len(pairs) < FEWEST:
        return None
    of = one.points[[pair.queryIdx for pair in pairs]]
    to = other.points[[pair.trainIdx for pair in pairs]]
    found, agree = cv2.estimateAffinePartial2D(of, to, ransacReprojThreshold=OFF, maxIters=300)
    if found is None or not LEAST <= np.hypot(*found[0, :2]) <= MOST:
        return None
    agree = agree.ravel() > 0
    matrix = np.vstack([found, [0, 0, 1]])
    if agree.sum() >= BENT:
        bent, held = cv2.findHomography(of, to, cv2.RANSAC, OFF / 2, maxIters=300)
        # What turns a picture inside out fits corners on one line.
        upright = bent is not None and np.linalg.det(bent) > FLAT
        if upright and held.sum() >= agree.sum():
            matrix, agree = bent, held.ravel() > 0
    # Corners on one spot agree by any turn and scale.
    distinct = len(np.unique(np.round(to[agree] / OFF), axis=0))
    angle = float(np.degrees(np.arctan2(found[1, 0], found[0, 0])))
    return Movement(distinct, matrix, angle) if distinct >= FEWEST else None


@dataclass(frozen=True)
class Overlap:
    """What lies on each other, and how well it agrees.

    Attributes
    ----------
    score : float
        Agreement, as of duplicates: 1 is the same.
    covered : float
        Share of the second picture that the first shows.
    within : float
        Share of the first that the second shows.
    """

    score: float
    covered: float
    within: float

    @property
    def whole(self) -> bool:
        """Whether one of them shows the other to its edges: else both are parts of a third."""
        return max(self.covered, self.within) >= WHOLE


def overlap(one: Local, other: Local, move: Movement) -> Overlap:
    """Lay one picture on another, and compare what lies on each other."""
    cv2: Any = opencv()
    ours, theirs = one.picture, other.picture
    matrix = _scale(theirs.size, other.size) @ move.matrix @ _scale(one.size, ours.size)
    pixels = np.asarray(ours)
    linear = cv2.INTER_AREA if np.hypot(*matrix[0, :2]) < 0.5 else cv2.INTER_LINEAR
    laid = cv2.warpPerspective(pixels, matrix, theirs.size, flags=linear)
    inside = _shown(ours.size, theirs.size, matrix)
    whole = _shown(theirs.size, ours.size, np.linalg.inv(matrix))
    covered, within = float((inside > 0).mean()), float((whole > 0).mean())
    box = _largest(inside > 0)
    if box is None:
        return Overlap(-1, covered, within)
    score = compared(Image.fromarray(laid).crop(box), theirs.crop(box))
    return Overlap(score, covered, within)


def _scale(to: tuple[int, int], of: tuple[int, int]) -> Floats:
    """From places in a picture of one size to those in it at another."""
    return np.diag([to[0] / of[0], to[1] / of[1], 1.0])


def _shown(of: tuple[int, int], to: tuple[int, int], matrix: Any) -> Pixels:
    """Where one picture shows another that it is moved onto, as the mask of the other."""
    cv2: Any = opencv()
    full = np.full(of[::-1], 255, np.uint8)
    mask: Pixels = cv2.warpPerspective(full, matrix, to, flags=cv2.INTER_NEAREST)
    return mask


def compared(one: Image.Image, other: Image.Image) -> float:
    """Agreement of two pictures that lie on each other, about."""
    from aesearch.duplicates.packing import pack  # which a query without candidates never needs
    from aesearch.duplicates.registration import Album

    album = Album(np.stack([pack(one), pack(other)]))
    rows = np.array([0]), np.array([1])
    return float(album.agreement(*rows, np.array([False]), FLOORS)[FINEST][0])


def _largest(inside: Any) -> tuple[int, int, int, int] | None:
    """A box in which all is inside, nearly the largest: its emptiest edge goes, again and again."""
    left, top, right, bottom = 0, 0, inside.shape[1], inside.shape[0]
    while right - left >= SMALLEST and bottom - top >= SMALLEST:
        part = inside[top:bottom, left:right]
        edges = [part[:, 0], part[0], part[:, -1], part[-1]]
        shares = [edge.mean() for edge in edges]
        emptiest = int(np.argmin(shares))
        if shares[emptiest] >= 1:
            return left, top, right, bottom
        left, top = left + (emptiest == 0), top + (emptiest == 1)
        right, bottom = right - (emptiest == 2), bottom - (emptiest == 3)
    return None
