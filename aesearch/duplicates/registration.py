"""Image registration: the second picture is warped onto the first, then compared tile by tile.

Gradient descent on the squared difference (Lucas and Kanade 1981), coarse to fine, finds which
part of one picture the other shows: an affine warp, as a crop, a squeeze, a turn of a few degrees
or a bar that was added need it. What is compared is contrast, so brightness does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from aesearch.duplicates.packing import (
    CHROMA_SIDE,
    SIDE,
    chroma_of,
    downsampled,
    gray_of,
    tiles,
)
from aesearch.types import Bools, Floats, Ids, Pixels

STEPS = {16: 4, 32: 3, 64: 2, 128: 0}  # of descent, at each size
WINDOWS = {16: 3, 32: 5, 64: 5, 128: 9}  # pixels within which contrast is normalized
TILES = {16: 4, 32: 8, 64: 8, 128: 8}  # to a side
# Blur at the finest size, in pixels: a copy that was cropped and scaled has its samples between
# those of the original, and must not lose by it.
BLUR = {128: 3}
LONGEST_STEP = 0.08
# An affine warp: down by down, by right, and shifted; right by down, by right, and shifted.
UNMOVED = np.array([1, 0, 0, 0, 1, 0], dtype=np.float32)
LEAST_WARP = np.array([0.75, -0.15, -0.2, -0.15, 0.75, -0.2], dtype=np.float32)
MOST_WARP = np.array([1.34, 0.15, 0.2, 0.15, 1.34, 0.2], dtype=np.float32)
COVERED = 0.25  # of the height, that a line of text or a caption may cover: the rest must agree
BRIGHTNESS, BRIGHTNESS_WIDTH = 16.0, 30.0  # of 255: differences that clipping may leave
BRIGHTNESS_SIDE = 64  # at which brightness is warped, at most
COARSEST = min(STEPS)
HALF: Any = np.float16  # what is held at the coarsest size
BLOCK = 256  # pictures
AT_ONCE = 1 << 17  # pixels of a level: what is computed with them stays in the cache
CELLS = 16  # to a side, in which brightness and chroma are compared
CHROMA_DIFFERENCE, CHROMA_WIDTH = 10.0, 20.0
DARK, BRIGHT = 10.0, 245.0  # beyond these, brightness may have been cut off
LEAST_INFORMATIVE = 0.03  # share of the tiles that must have texture, or differ
# By how much disagreement counts more where a band within the picture, or its edge, is left out.
STRICTER_BAND, STRICTER_EDGE = 3.0, 2.0
COLORED = 10.0  # chroma beyond which a color counts
OTHER_COLOR, SAME_COLOR = 0.2, 0.6  # likeness of the colored parts
OTHER_LIGHT = 0.5  # and where one picture is gray, which hides more
ACHROMATIC = 0.5  # root mean square chroma below which a picture is gray: any chroma fits


def agreement(first: Pixels, second: Pixels) -> dict[int, Floats]:
    """Agreement of pairs of packed pictures, both of shape (pairs, 18432): see `Album`."""
    rows = np.arange(len(first))
    album = Album(np.concatenate([first, second]))
    return album.agreement(rows, rows + len(first), np.zeros(len(first), dtype=bool))


class Album:
    """Packed pictures to compare; all of them are held at the coarsest size.

    Parameters
    ----------
    squares : ndarray of uint8, shape (n, 18432)
    rows : ndarray of int64, optional
        Those that are compared; by default all.
    """

    def __init__(self, squares: Pixels, rows: Ids | None = None) -> None:
        self.squares = squares
        self._coarse = _PyramidLevel.empty(len(squares), COARSEST)
        rows = np.arange(len(squares)) if rows is None else rows
        for at in range(0, len(rows), BLOCK):
            part = rows[at : at + BLOCK]
            self._coarse.put(part, _PyramidLevel.of(squares[part], COARSEST))

    def agreement(
        self,
        first: Ids,
        second: Ids,
        flipped: Bools,
        floors: dict[int, float] | None = None,
    ) -> dict[int, Floats]:
        """Agreement of pairs of pictures, at each size from coarse to fine.

        Parameters
        ----------
        first, second : ndarray of int64, shape (pairs,)
            Rows of `squares`.
        flipped : ndarray of bool, shape (pairs,)
            Whether the second is mirrored.
        floors : dict of size to score, optional
            Pairs that agree less at a size are rejected there: they keep -1 at the finer ones.

        Returns
        -------
        dict of size to ndarray of float32, shape (pairs,)
            1 is the same picture; unlike ones are about 0. The finest size is the one that counts.
        """
        scores = {size: np.full(len(first), -1, dtype=np.float32) for size in STEPS}
        alive = np.arange(len(first))
        warps = np.tile(UNMOVED, (len(first), 1))
        for size in STEPS:
            at_once = max(1, AT_ONCE // size**2)
            for at in range(0, len(alive), at_once):
                part = alive[at : at + at_once]
                one = self._level(first[part], size)
                other = self._level(second[part], size).mirrored(flipped[part])
                warps[part], scores[size][part] = _aligned(one, other, warps[part])
            if floors is not None and size in floors:
                alive = alive[scores[size][alive] >= floors[size]]
        return scores

    def _level(self, rows: Ids, size: int) -> _PyramidLevel:
        return (
            self._coarse.take(rows)
            if size == COARSEST
            else _PyramidLevel.of(self.squares[rows], size)
        )


def _aligned(one: _PyramidLevel, other: _PyramidLevel, warps: Floats) -> tuple[Floats, Floats]:
    """Warps after the steps of this size, and scores."""
    warps = _register(one.contrast, other.contrast, warps, STEPS[one.size])
    score = _scores(one, other, warps)
    if one.size != COARSEST:
        return warps, score
    # The descent may lose its way where there was nothing to find.
    still = np.tile(UNMOVED, (len(warps), 1))
    unmoved = _scores(one, other, still)
    return np.where((unmoved > score)[:, None], still, warps), np.maximum(score, unmoved)


@dataclass(frozen=True)
class _PyramidLevel:
    """One level of the image pyramid of n pictures.

    Attributes
    ----------
    contrast : ndarray of shape (n, size, size)
    brightness : ndarray of shape (n, side, side)
        At most 64 to a side.
    chroma : ndarray of shape (n, 2, side, side)
        At most 32 to a side.
    """

    contrast: Floats
    brightness: Floats
    chroma: Floats

    @classmethod
    def of(cls, rows: Pixels, size: int) -> _PyramidLevel:
        """The level of packed pictures."""
        gray = gray_of(rows)
        small = downsampled(gray, SIDE // size)
        if size in BLUR:
            small = _blurred(small, BLUR[size])
        side = min(size, CHROMA_SIDE)
        chroma = chroma_of(rows).reshape(-1, CHROMA_SIDE, CHROMA_SIDE)
        return cls(
            _normalize_contrast(small, WINDOWS[size]),
            downsampled(gray, SIDE // min(size, BRIGHTNESS_SIDE)),
            downsampled(chroma, CHROMA_SIDE // side).reshape(-1, 2, side, side),
        )

    @classmethod
    def empty(cls, n: int, size: int) -> _PyramidLevel:
        """Room for n pictures at a coarse size, in half precision."""
        shapes = (n, size, size), (n, size, size), (n, 2, size, size)
        return cls(*(np.empty(shape, dtype=HALF) for shape in shapes))

    @property
    def size(self) -> int:
        """Pixels to a side."""
        return int(self.contrast.shape[-1])

    def _parts(self) -> tuple[Floats, Floats, Floats]:
        return self.contrast, self.brightness, self.chroma

    def put(self, rows: Ids, level: _PyramidLevel) -> None:
        """Put the pictures of another level at these rows."""
        for own, other in zip(self._parts(), level._parts(), strict=True):
            own[rows] = other

    def take(self, rows: Ids) -> _PyramidLevel:
        """The pictures of these rows."""
        return _PyramidLevel(*(part[rows].astype(np.float32) for part in self._parts()))

    def mirrored(self, which: Bools) -> _PyramidLevel:
        """The same, some of the pictures mirrored, left for right."""
        if not which.any():
            return self
        parts = [part.copy() for part in self._parts()]
        for part in parts:
            part[which] = part[which][..., ::-1]
        return _PyramidLevel(*parts)


def _cells(pictures: Floats) -> Floats:
    return downsampled(pictures, pictures.shape[-1] // CELLS)


@cache
def _blur_matrix(size: int, window: int) -> Floats:
    """The mean over a window along one axis, taken twice, as a matrix; edges are repeated."""
    half = window // 2
    sources = np.clip(np.arange(size)[:, None] + np.arange(-half, half + 1), 0, size - 1)
    once: Floats = np.zeros((size, size), dtype=np.float32)
    np.add.at(once, (np.arange(size)[:, None], sources), np.float32(1 / window))
    twice: Floats = once @ once
    return twice


def _blurred(pictures: Floats, window: int) -> Floats:
    """Mean over a square window around each pixel, taken twice; edges are repeated."""
    blur = _blur_matrix(pictures.shape[-1], window)
    blurred: Floats = (blur @ pictures @ blur.T).astype(np.float32, copy=False)
    return blurred


def _normalize_contrast(gray: Floats, window: int) -> Floats:
    """Edges and texture with about the same contrast everywhere."""
    detail = gray - _blurred(gray, window)
    local = np.sqrt(np.maximum(_blurred(detail * detail, window), 0))
    overall = np.sqrt((detail * detail).mean((1, 2), keepdims=True))
    return np.asarray(detail / (local + 0.3 * overall + 0.5), dtype=np.float32)


def _warped(pictures: Floats, warps: Floats) -> tuple[Floats, Bools]:
    """Pictures of shape (n, channels, size, size), sampled bilinearly; what lay inside them."""
    n, channels, size, _ = pictures.shape
    middle = (size - 1) / 2
    positions = np.arange(size, dtype=np.float32) - middle
    scaled = warps * np.array([1, 1, size, 1, 1, size], dtype=np.float32)
    a, b, c, d, e, f = (scaled[:, m, None, None] for m in range(6))
    down = a * positions[:, None] + (b * positions + (c + middle))
    right = d * positions[:, None] + (e * positions + (f + middle))
    inside = (down >= 0) & (down <= size - 1) & (right >= 0) & (right <= size - 1)
    row = np.clip(down, 0, size - 1.0001).astype(np.int64)
    column = np.clip(right, 0, size - 1.0001).astype(np.int64)
    down, right = (down - row)[:, None], (right - column)[:, None]
    starts = np.arange(n * channels).reshape(n, channels, 1, 1) * size**2
    corner = starts + (row * size + column)[:, None]
    flat = pictures.ravel()
    upper, beside, lower, across = (flat[corner + step] for step in (0, 1, size, size + 1))
    upper += right * (beside - upper)
    lower += right * (across - lower)
    lower -= upper
    lower *= down
    lower += upper
    return lower, inside


def _register(first: Floats, second: Floats, warps: Floats, steps: int) -> Floats:
    """Affine warps that bring `second` onto `first`.

    Gauss-Newton steps on the squared difference, weighted by tile, with a common gain.
    """
    n, size, _ = first.shape
    positions = (np.arange(size, dtype=np.float32) - (size - 1) / 2) / size
    tile = max(4, size // 8)
    for _ in range(steps):
        sampled, inside = _warped(second[:, None], warps)
        sampled = sampled[:, 0] * inside
        target = first * inside
        power = (sampled * sampled).sum((1, 2)) + 1e-6
        gain = np.clip((target * sampled).sum((1, 2)) / power, 0.5, 2)[:, None, None]
        sampled *= gain
        residual = target - sampled
        # Tiles that do not fit, a caption's say, hardly count (Cauchy weights).
        relative = tiles(residual * residual, tile) / (
            tiles(target * target + sampled * sampled, tile) + 0.05 * tile * tile
        )
        weights = 1 / (1 + (relative / 0.35) ** 2)
        weights = np.repeat(np.repeat(weights, tile, 1), tile, 2) * inside
        jacobian = np.zeros((n, 6, size, size), dtype=np.float32)
        down, right = jacobian[:, 2], jacobian[:, 5]
        down[:, 1:-1] = (sampled[:, 2:] - sampled[:, :-2]) * (size / 2)
        right[:, :, 1:-1] = (sampled[:, :, 2:] - sampled[:, :, :-2]) * (size / 2)
        for column, gradient in ((0, down), (3, right)):
            np.multiply(gradient, positions[:, None], out=jacobian[:, column])
            np.multiply(gradient, positions, out=jacobian[:, column + 1])
        columns = jacobian.reshape(n, 6, -1)
        weighted = columns * weights.reshape(n, 1, -1)
        normal = weighted @ columns.transpose(0, 2, 1)
        damping = 1e-3 * np.trace(normal, axis1=1, axis2=2)[:, None, None] / 6 + 1e-3
        normal += np.eye(6, dtype=np.float32) * damping
        step = np.linalg.solve(normal, weighted @ residual.reshape(n, -1, 1))[:, :, 0]
        warps = np.clip(warps + np.clip(step, -LONGEST_STEP, LONGEST_STEP), LEAST_WARP, MOST_WARP)
    return np.asarray(warps, dtype=np.float32)


def _scores(one: _PyramidLevel, other: _PyramidLevel, warps: Floats) -> Floats:
    """1 less the root mean square disagreement of tiles: of all, or of all but a band of rows."""
    count = TILES[one.size]
    tile = one.size // count
    sampled, inside = _warped(other.contrast[:, None], warps)
    target, sampled = one.contrast * inside, sampled[:, 0] * inside
    power, own = tiles(target * target, tile), tiles(sampled * sampled, tile)
    gain = np.sqrt(power.sum((1, 2)) / (own.sum((1, 2)) + 1e-6))[:, None, None]
    energy = power + own * gain**2 + 1e-6
    fit = 2 * gain * tiles(target * sampled, tile) / energy
    weight = energy / (energy + 0.5 * energy.mean((1, 2), keepdims=True))
    covered = tiles(inside.astype(np.float32), tile) > 0.5 * tile * tile
    brightness, inside = _warped(other.brightness[:, None], warps)
    # Cells are means of pixels warped at a finer size: a cell cut in two is not the same cell.
    brightness, visible = _cells(brightness[:, 0]), _cells(inside.astype(np.float32)) > 0.999
    chroma = _cells(_warped(other.chroma, warps)[0].reshape(-1, *other.chroma.shape[2:]))
    own_chroma = _cells(one.chroma.reshape(-1, *one.chroma.shape[2:]))
    chroma, own_chroma = (part.reshape(-1, 2, CELLS, CELLS) for part in (chroma, own_chroma))
    same_light, clipped = _brightness_agreement(_cells(one.brightness), brightness, visible)
    alike = same_light * _chroma_agreement(own_chroma, chroma, visible)
    factor = CELLS // count
    alike = tiles(alike, factor) / np.float32(factor**2)
    comparable = covered & (tiles(clipped, factor) < 0.5 * factor**2)
    # Flat tiles carry no information, unless their brightness or chroma differs.
    counts = np.maximum(weight, 1 - alike) * comparable
    disagreement = np.clip(1 - alike * (fit * weight + 1 - weight), 0, 1)
    masks, strictness = _masks(count)
    informative = counts.reshape(len(warps), -1) @ masks
    squares = (counts * disagreement**2).reshape(len(warps), -1)
    mean_square = (squares @ masks) / (informative + 1e-6)
    enough = informative > LEAST_INFORMATIVE * count * count
    score = np.where(enough, 1 - strictness * np.sqrt(mean_square), -1).max(axis=1)
    score *= _color_agreement(own_chroma, chroma, same_light, visible)
    flat = np.minimum(one.contrast.std((1, 2)), other.contrast.std((1, 2))) < 0.05
    return np.where(flat, -1, score).astype(np.float32)


@cache
def _masks(count: int) -> tuple[Floats, Floats]:
    """Tiles that count, of shape (count**2, masks), and how strictly each mask is judged.

    All tiles, all but a band of rows, or all but the edges.
    """
    high = round(COVERED * count)
    rows = np.arange(count)
    starts = np.arange(count - high + 1)[:, None]
    bands = np.repeat((rows < starts) | (rows >= starts + high), count, axis=1)
    inner = np.pad(np.ones((count - 2, count - 2)), 1).reshape(1, -1)
    masks = np.vstack([np.ones((1, count**2)), bands, inner]).T
    strictness = np.full(masks.shape[1], STRICTER_BAND)
    strictness[[0, 1, -2]] = 1  # a caption stands at the top or at the bottom
    strictness[-1] = STRICTER_EDGE
    return masks.astype(np.float32), strictness


def _brightness_agreement(one: Floats, other: Floats, visible: Bools) -> tuple[Floats, Floats]:
    """Agreement of brightness up to gain and offset, and where it was clipped.

    Both of shape (n, 16, 16). A picture made brighter loses what becomes white: there, the other
    cannot be told from it.
    """
    plain = visible & (np.minimum(one, other) > DARK) & (np.maximum(one, other) < BRIGHT)
    enough = plain.sum((1, 2), keepdims=True) > 0.1 * visible.sum((1, 2), keepdims=True)
    fitted = np.where(enough, plain, visible).astype(np.float32)
    for _ in range(2):  # the second time without what does not fit, a caption say
        number = fitted.sum((1, 2), keepdims=True) + 1e-6
        means = [(x * fitted).sum((1, 2), keepdims=True) / number for x in (one, other)]
        a, b = ((x - mean) * fitted for x, mean in zip((one, other), means, strict=True))
        gain = (a * b).sum((1, 2), keepdims=True) / ((b * b).sum((1, 2), keepdims=True) + 1e-6)
        gain = np.clip(gain, 0.4, 2.5)
        predicted_one = means[0] + gain * (other - means[1])
        predicted_other = means[1] + (one - means[0]) / gain
        off = np.minimum(
            np.abs(one - np.clip(predicted_one, 0, 255)),
            np.abs(other - np.clip(predicted_other, 0, 255)),
        )
        fitted = fitted * (off < BRIGHTNESS + BRIGHTNESS_WIDTH)
    clipped = ((one > BRIGHT) & (predicted_one > BRIGHT)) | (
        (other > BRIGHT) & (predicted_other > BRIGHT)
    )
    alike = np.exp(-((np.maximum(0, off * visible - BRIGHTNESS) / BRIGHTNESS_WIDTH) ** 2))
    return alike.astype(np.float32), clipped.astype(np.float32)


def _chroma_agreement(one: Floats, other: Floats, visible: Bools) -> Floats:
    """Agreement of chroma, from 1 to 0, up to saturation; gray fits any."""
    a, b = one * visible[:, None], other * visible[:, None]
    number = visible.sum((1, 2)) + 1e-6
    saturation = [np.sqrt((x * x).sum((1, 2, 3)) / number) for x in (a, b)]
    gain = np.clip(saturation[0] / (saturation[1] + 1e-6), 0.4, 2.5)[:, None, None, None]
    off = np.sqrt(((a - gain * b) ** 2).sum(1))
    same = np.exp(-((np.maximum(0, off - CHROMA_DIFFERENCE) / CHROMA_WIDTH) ** 2))
    gray = np.minimum(*saturation)[:, None, None] < ACHROMATIC
    return np.where(gray, 1, same).astype(np.float32)


def _color_agreement(one: Floats, other: Floats, same_light: Floats, visible: Bools) -> Floats:
    """1 for pictures whose colored parts have one color, wherever these are; down to 0.

    A small part that was painted otherwise makes another picture. Gray fits any color that is as
    light.
    """
    one, other = one * visible[:, None], other * visible[:, None]
    squares = [(chroma**2).sum(axis=1) for chroma in (one, other)]
    overall = [np.sqrt(square.sum((1, 2)) / (visible.sum((1, 2)) + 1e-6)) for square in squares]
    gray = np.minimum(*overall) < ACHROMATIC
    gain = np.clip(overall[0] / (overall[1] + 1e-6), 0.4, 2.5)[:, None, None]
    both = squares[0] + gain**2 * squares[1] + 1e-6
    alike = np.where(gray[:, None, None], same_light, 2 * gain * (one * other).sum(axis=1) / both)
    weights = np.maximum(0, np.sqrt(both / 2) - COLORED)
    mean = ((weights * alike).sum((1, 2)) + COLORED) / (weights.sum((1, 2)) + COLORED)
    least = np.where(gray, OTHER_LIGHT, OTHER_COLOR)
    agreement: Floats = np.clip((mean - least) / (SAME_COLOR - OTHER_COLOR), 0, 1)
    return agreement.astype(np.float32)
