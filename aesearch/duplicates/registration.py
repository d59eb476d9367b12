"""Whether two small pictures are one: the second is laid onto the first, then compared by tiles.

Gradient descent on the squared difference (Lucas and Kanade 1981), coarse to fine, finds which
part of one picture the other shows: scale and shift along both axes, as a crop, a squeeze or a bar
that was added need it. What is compared is contrast, so brightness does not count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from aesearch.types import Bools, Floats, Pixels

SIDE = 128
COLOUR_SIDE = 32
ROW = SIDE * SIDE + 2 * COLOUR_SIDE * COLOUR_SIDE  # bytes kept of a picture

STEPS = {16: 6, 32: 6, 64: 4, 128: 1}  # of descent, at each size
WINDOWS = {16: 3, 32: 5, 64: 5, 128: 9}  # pixels within which contrast is made even
TILES = {16: 4, 32: 8, 64: 8, 128: 8}  # to a side
# At the finest size, pixels finer than all that counts: a copy that was cut and scaled has
# its samples between those of the original, and must not lose by it.
SOFT = {128: 3}
SCALES = (0.75, 1.34)
MOST_SHIFT = 0.2  # of the side
LONGEST_STEP = 0.08
UNMOVED = np.array([1, 0, 1, 0], dtype=np.float32)  # scale, shift down; scale, shift right
# A caption may cover a quarter at the top or at the bottom: the rest must agree all the better.
BANDS = ((0.0, 1.0), (0.25, 1.0), (0.0, 0.75))
LEVEL, LEVEL_WIDTH = 16.0, 30.0  # grey values of 255 that brightness, clipped, leaves different
LEVEL_SIDE = 64  # at which brightness is laid on, at most
CELLS = 16  # to a side, in which brightness and colour are compared
COLOUR, COLOUR_WIDTH = 10.0, 20.0
DARK, BRIGHT = 10.0, 245.0  # beyond these, brightness may have been cut off
LEAST_TOLD = 0.03  # share of the tiles that must say something
GREY = 0.5  # root mean square chroma below which a picture was made without colours: any fit


def packed(picture: Image.Image) -> Pixels:
    """Return what is kept of an RGB picture: brightness at 128 x 128, colour at 32 x 32.

    Returns
    -------
    ndarray of uint8, shape (18432,)
    """
    square = picture.resize((SIDE, SIDE), Resampling.BILINEAR)  # with Pillow, without aliasing
    grey, blue, red = square.convert("YCbCr").split()
    factor = SIDE // COLOUR_SIDE
    parts = (grey, blue.reduce(factor), red.reduce(factor))
    return np.concatenate([np.asarray(part).ravel() for part in parts])


def grey_of(rows: Pixels) -> Floats:
    """Return the brightness of packed pictures, of shape (n, 128, 128), from 0 to 255."""
    return rows[:, : SIDE * SIDE].reshape(-1, SIDE, SIDE).astype(np.float32)


def shrunk_grey(rows: Pixels, size: int) -> Floats:
    """Return the brightness of packed pictures, of shape (n, size, size)."""
    return _shrunk(grey_of(rows), SIDE // size)


def colour_of(rows: Pixels) -> Floats:
    """Return the two colour differences of packed pictures, of shape (n, 2, 32, 32)."""
    flat = rows[:, SIDE * SIDE :].reshape(-1, 2, COLOUR_SIDE, COLOUR_SIDE)
    return flat.astype(np.float32) - 128


def mirrored(rows: Pixels) -> Pixels:
    """Return packed pictures mirrored, left for right."""
    grey = rows[:, : SIDE * SIDE].reshape(-1, SIDE, SIDE)[:, :, ::-1]
    colour = rows[:, SIDE * SIDE :].reshape(-1, 2, COLOUR_SIDE, COLOUR_SIDE)[..., ::-1]
    return np.hstack([grey.reshape(len(rows), -1), colour.reshape(len(rows), -1)])


def agreement(
    first: Pixels, second: Pixels, floors: dict[int, float] | None = None
) -> dict[int, Floats]:
    """Return how well pairs of pictures agree, at each size from coarse to fine.

    Parameters
    ----------
    first, second : ndarray of uint8, shape (pairs, 18432)
        Packed pictures.
    floors : dict of size to score, optional
        Pairs that agree less at a size are given up there: they keep -1 at the finer ones.

    Returns
    -------
    dict of size to ndarray of float32, shape (pairs,)
        1 is the same picture; unlike ones are about 0. The finest size is the one that counts.
    """
    scores = {size: np.full(len(first), -1, dtype=np.float32) for size in STEPS}
    alive = np.arange(len(first))
    warps = np.tile(UNMOVED, (len(first), 1))
    for size, steps in STEPS.items():
        if not len(alive):
            break
        one, other = _Views(first[alive], size), _Views(second[alive], size)
        warps[alive] = _laid_on(one.contrast, other.contrast, warps[alive], steps)
        score = _scores(one, other, warps[alive])
        if size < SIDE:  # the descent may lose its way where there was nothing to find
            still = np.tile(UNMOVED, (len(alive), 1))
            unmoved = _scores(one, other, still)
            warps[alive] = np.where((unmoved > score)[:, None], still, warps[alive])
            score = np.maximum(score, unmoved)
        scores[size][alive] = score
        if floors is not None and size in floors:
            alive = alive[score >= floors[size]]
    return scores


class _Views:
    """Pictures at one size: contrast, brightness and colour."""

    def __init__(self, rows: Pixels, size: int) -> None:
        grey = grey_of(rows)
        self.size = size
        shrunk = _shrunk(grey, SIDE // size)
        if size in SOFT:
            shrunk = _blurred(shrunk, SOFT[size])
        self.contrast = _even(shrunk, WINDOWS[size])
        self.level = _shrunk(grey, SIDE // min(size, LEVEL_SIDE))
        colour = colour_of(rows).reshape(-1, COLOUR_SIDE, COLOUR_SIDE)
        self.colour = _shrunk(colour, max(1, COLOUR_SIDE // size))


def _shrunk(pictures: Floats, factor: int) -> Floats:
    if factor == 1:
        return pictures
    return _tiles(pictures, factor) / np.float32(factor * factor)


def _cells(pictures: Floats) -> Floats:
    return _shrunk(pictures, pictures.shape[-1] // CELLS)


def _blurred(pictures: Floats, window: int) -> Floats:
    """Return the mean of a square window around each pixel, taken twice; edges are repeated."""
    half = window // 2
    for _ in range(2):
        for axis in (1, 2):
            widths = [(0, 0)] * 3
            widths[axis] = (half + 1, half)
            sums = np.cumsum(np.pad(pictures, widths, mode="edge"), axis=axis, dtype=np.float32)
            if axis == 1:
                pictures = (sums[:, window:] - sums[:, :-window]) / np.float32(window)
            else:
                pictures = (sums[:, :, window:] - sums[:, :, :-window]) / np.float32(window)
    return pictures


def _even(grey: Floats, window: int) -> Floats:
    """Return edges and texture with about the same contrast everywhere."""
    detail = grey - _blurred(grey, window)
    local = np.sqrt(np.maximum(_blurred(detail * detail, window), 0))
    overall = np.sqrt((detail * detail).mean((1, 2), keepdims=True))
    return np.asarray(detail / (local + 0.3 * overall + 0.5), dtype=np.float32)


def _sampling(scale: Floats, shift: Floats, size: int) -> tuple[Floats, Bools]:
    """Return matrices that sample along one axis, linearly, and which samples are inside."""
    middle = (size - 1) / 2
    places = np.arange(size, dtype=np.float32)
    source = scale[:, None] * (places - middle) + middle + shift[:, None] * size
    weights = np.maximum(0, 1 - np.abs(source[:, :, None] - places))
    return weights.astype(np.float32), (source >= 0) & (source <= size - 1)


def _warped(pictures: Floats, warps: Floats) -> tuple[Floats, Bools]:
    size = pictures.shape[-1]
    down, inside_down = _sampling(warps[:, 0], warps[:, 1], size)
    right, inside_right = _sampling(warps[:, 2], warps[:, 3], size)
    sampled = down @ pictures @ right.transpose(0, 2, 1)
    return sampled.astype(np.float32, copy=False), inside_down[:, :, None] & inside_right[
        :, None, :
    ]


def _laid_on(first: Floats, second: Floats, warps: Floats, steps: int) -> Floats:
    """Return warps (scale, shift down; scale, shift right) under which `second` fits `first`."""
    n, size, _ = first.shape
    places = (np.arange(size, dtype=np.float32) - (size - 1) / 2) / size
    tile = max(4, size // 8)
    for _ in range(steps):
        sampled, inside = _warped(second, warps)
        sampled = sampled * inside
        wanted = first * inside
        power = (sampled * sampled).sum((1, 2)) + 1e-6
        gain = np.clip((wanted * sampled).sum((1, 2)) / power, 0.5, 2)[:, None, None]
        rest = wanted - gain * sampled
        down, right = np.zeros_like(sampled), np.zeros_like(sampled)
        down[:, 1:-1] = (sampled[:, 2:] - sampled[:, :-2]) * (size / 2)
        right[:, :, 1:-1] = (sampled[:, :, 2:] - sampled[:, :, :-2]) * (size / 2)
        # Tiles that do not fit, a caption's say, hardly count (Cauchy weights).
        missed = _tiles(rest * rest, tile) / (
            _tiles(wanted * wanted + sampled * sampled, tile) + 0.05 * tile * tile
        )
        weights = 1 / (1 + (missed / 0.35) ** 2)
        weights = np.repeat(np.repeat(weights, tile, 1), tile, 2) * inside
        slopes = np.stack(
            [gain * down * places[:, None], gain * down, gain * right * places, gain * right], 1
        ).reshape(n, 4, -1)
        weighted = slopes * weights.reshape(n, 1, -1)
        normal = weighted @ slopes.transpose(0, 2, 1)
        damping = 1e-3 * np.trace(normal, axis1=1, axis2=2)[:, None, None] / 4 + 1e-3
        normal += np.eye(4, dtype=np.float32) * damping
        change = np.linalg.solve(normal, weighted @ rest.reshape(n, -1, 1))[:, :, 0]
        warps = warps + np.clip(change, -LONGEST_STEP, LONGEST_STEP)
        warps[:, 0::2] = np.clip(warps[:, 0::2], *SCALES)
        warps[:, 1::2] = np.clip(warps[:, 1::2], -MOST_SHIFT, MOST_SHIFT)
    return np.asarray(warps, dtype=np.float32)


def _tiles(values: NDArray[np.floating], tile: int) -> Floats:
    """Return the sums of square tiles; as two products of matrices, numpy is quickest at it."""
    side = values.shape[1]
    rows = np.repeat(np.eye(side // tile, dtype=np.float32), tile, axis=1)
    sums: Floats = rows @ values.astype(np.float32, copy=False) @ rows.T
    return sums


def _scores(one: _Views, other: _Views, warps: Floats) -> Floats:
    """Return 1 less the root mean square of what tiles lack, of all or of all but a band."""
    count = TILES[one.size]
    tile = one.size // count
    sampled, inside = _warped(other.contrast, warps)
    wanted, sampled = one.contrast * inside, sampled * inside
    power, own = _tiles(wanted * wanted, tile), _tiles(sampled * sampled, tile)
    gain = np.sqrt(power.sum((1, 2)) / (own.sum((1, 2)) + 1e-6))[:, None, None]
    energy = power + own * gain**2 + 1e-6
    fit = 2 * gain * _tiles(wanted * sampled, tile) / energy
    weight = energy / (energy + 0.5 * energy.mean((1, 2), keepdims=True))
    shown = _tiles(inside.astype(np.float32), tile) > 0.5 * tile * tile
    level, inside = _warped(other.level, warps)
    # Cells are means of what was laid on at a finer size: a cell cut in two is not the same cell.
    level, inside = _cells(level), _cells(inside.astype(np.float32)) > 0.999
    colours, own_colours = (
        _cells(c).reshape(-1, 2, CELLS, CELLS)
        for c in (_warped(other.colour, np.repeat(warps, 2, axis=0))[0], one.colour)
    )
    own_level = _cells(one.level)
    scores = [np.full(len(warps), -1.0)]
    for top, bottom in BANDS:
        rows = slice(round(top * count), round(bottom * count))
        seen = np.zeros_like(inside)
        part = slice(round(top * CELLS), round(bottom * CELLS))
        seen[:, part] = inside[:, part]
        alike, lost = _same_level(own_level, level, seen)
        alike = alike * _same_colour(own_colours, colours, seen)
        factor = CELLS // count
        alike = (_tiles(alike, factor) / np.float32(factor**2))[:, rows]
        told = shown[:, rows] & (_tiles(lost, factor)[:, rows] < 0.5 * factor**2)
        w = weight[:, rows]
        # Flat tiles say nothing, unless their brightness or colour differs.
        counts = np.maximum(w, 1 - alike) * told
        short = np.clip(1 - alike * (fit[:, rows] * w + 1 - w), 0, 1)
        missed = (counts * short**2).sum((1, 2)) / (counts.sum((1, 2)) + 1e-6)
        enough = counts.sum((1, 2)) > LEAST_TOLD * count * count
        scores.append(np.where(enough, 1 - np.sqrt(missed), -1))
    flat = np.minimum(one.contrast.std((1, 2)), other.contrast.std((1, 2))) < 0.05
    return np.where(flat, -1, np.max(scores, axis=0)).astype(np.float32)


def _same_level(one: Floats, other: Floats, seen: Bools) -> tuple[Floats, Floats]:
    """Return how well brightness agrees but for gain and offset, and where it was cut off.

    Both of shape (n, 16, 16). A picture made brighter loses what becomes white: there, the other
    cannot be told from it.
    """
    plain = seen & (np.minimum(one, other) > DARK) & (np.maximum(one, other) < BRIGHT)
    enough = plain.sum((1, 2), keepdims=True) > 0.1 * seen.sum((1, 2), keepdims=True)
    plain = np.where(enough, plain, seen)
    number = plain.sum((1, 2), keepdims=True) + 1e-6
    means = [(x * plain).sum((1, 2), keepdims=True) / number for x in (one, other)]
    a, b = ((x - mean) * plain for x, mean in zip((one, other), means, strict=True))
    gain = (a * b).sum((1, 2), keepdims=True) / ((b * b).sum((1, 2), keepdims=True) + 1e-6)
    gain = np.clip(gain, 0.4, 2.5)
    hoped_one = means[0] + gain * (other - means[1])
    hoped_other = means[1] + (one - means[0]) / gain
    off = np.minimum(
        np.abs(one - np.clip(hoped_one, 0, 255)), np.abs(other - np.clip(hoped_other, 0, 255))
    )
    lost = ((one > BRIGHT) & (hoped_one > BRIGHT)) | ((other > BRIGHT) & (hoped_other > BRIGHT))
    alike = np.exp(-((np.maximum(0, off * seen - LEVEL) / LEVEL_WIDTH) ** 2))
    return alike.astype(np.float32), lost.astype(np.float32)


def _same_colour(one: Floats, other: Floats, seen: Bools) -> Floats:
    """Return from 1 to 0 how well colours agree, but for their strength; grey fits any."""
    a, b = one * seen[:, None], other * seen[:, None]
    number = seen.sum((1, 2)) + 1e-6
    strength = [np.sqrt((x * x).sum((1, 2, 3)) / number) for x in (a, b)]
    gain = np.clip(strength[0] / (strength[1] + 1e-6), 0.4, 2.5)[:, None, None, None]
    off = np.sqrt(((a - gain * b) ** 2).sum(1))
    same = np.exp(-((np.maximum(0, off - COLOUR) / COLOUR_WIDTH) ** 2))
    grey = np.minimum(*strength)[:, None, None] < GREY
    return np.where(grey, 1, same).astype(np.float32)
