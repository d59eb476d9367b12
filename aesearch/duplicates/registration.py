"""Image registration: the second picture is warped onto the first, then compared tile by tile.

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
CHROMA_SIDE = 32
ROW = SIDE * SIDE + 2 * CHROMA_SIDE * CHROMA_SIDE  # bytes of a packed picture

STEPS = {16: 6, 32: 6, 64: 4, 128: 1}  # of descent, at each size
WINDOWS = {16: 3, 32: 5, 64: 5, 128: 9}  # pixels within which contrast is normalized
TILES = {16: 4, 32: 8, 64: 8, 128: 8}  # to a side
# Blur at the finest size, in pixels: a copy that was cropped and scaled has its samples between
# those of the original, and must not lose by it.
BLUR = {128: 3}
SCALES = (0.75, 1.34)
MOST_SHIFT = 0.2  # of the side
LONGEST_STEP = 0.08
UNMOVED = np.array([1, 0, 1, 0], dtype=np.float32)  # scale, shift down; scale, shift right
# A caption may cover a quarter at the top or at the bottom: the rest must agree all the better.
BANDS = ((0.0, 1.0), (0.25, 1.0), (0.0, 0.75))
BRIGHTNESS, BRIGHTNESS_WIDTH = 16.0, 30.0  # of 255: differences that clipping may leave
BRIGHTNESS_SIDE = 64  # at which brightness is warped, at most
CELLS = 16  # to a side, in which brightness and chroma are compared
CHROMA_DIFFERENCE, CHROMA_WIDTH = 10.0, 20.0
DARK, BRIGHT = 10.0, 245.0  # beyond these, brightness may have been cut off
LEAST_INFORMATIVE = 0.03  # share of the tiles that must have texture, or differ
ACHROMATIC = 0.5  # root mean square chroma below which a picture is gray: any chroma fits


def pack(picture: Image.Image) -> Pixels:
    """Luma (128 x 128) and chroma (32 x 32) of an RGB picture, in one row of bytes.

    Returns
    -------
    ndarray of uint8, shape (18432,)
    """
    square = picture.resize((SIDE, SIDE), Resampling.BILINEAR)  # with Pillow, without aliasing
    luma, blue, red = square.convert("YCbCr").split()
    factor = SIDE // CHROMA_SIDE
    parts = (luma, blue.reduce(factor), red.reduce(factor))
    return np.concatenate([np.asarray(part).ravel() for part in parts])


def gray_of(rows: Pixels) -> Floats:
    """Luma of packed pictures, of shape (n, 128, 128), from 0 to 255."""
    return rows[:, : SIDE * SIDE].reshape(-1, SIDE, SIDE).astype(np.float32)


def downsampled_gray(rows: Pixels, size: int) -> Floats:
    """Luma of packed pictures, downsampled to shape (n, size, size)."""
    return _downsampled(gray_of(rows), SIDE // size)


def chroma_of(rows: Pixels) -> Floats:
    """The two chroma channels of packed pictures, of shape (n, 2, 32, 32)."""
    flat = rows[:, SIDE * SIDE :].reshape(-1, 2, CHROMA_SIDE, CHROMA_SIDE)
    return flat.astype(np.float32) - 128


def mirrored(rows: Pixels) -> Pixels:
    """Packed pictures mirrored, left for right."""
    luma = rows[:, : SIDE * SIDE].reshape(-1, SIDE, SIDE)[:, :, ::-1]
    chroma = rows[:, SIDE * SIDE :].reshape(-1, 2, CHROMA_SIDE, CHROMA_SIDE)[..., ::-1]
    return np.hstack([luma.reshape(len(rows), -1), chroma.reshape(len(rows), -1)])


def agreement(
    first: Pixels, second: Pixels, floors: dict[int, float] | None = None
) -> dict[int, Floats]:
    """Agreement of pairs of pictures, at each size from coarse to fine.

    Parameters
    ----------
    first, second : ndarray of uint8, shape (pairs, 18432)
        Packed pictures.
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
    for size, steps in STEPS.items():
        if not len(alive):
            break
        one, other = _PyramidLevel(first[alive], size), _PyramidLevel(second[alive], size)
        warps[alive] = _register(one.contrast, other.contrast, warps[alive], steps)
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


class _PyramidLevel:
    """One level of the image pyramid: contrast, brightness and chroma."""

    def __init__(self, rows: Pixels, size: int) -> None:
        gray = gray_of(rows)
        self.size = size
        small = _downsampled(gray, SIDE // size)
        if size in BLUR:
            small = _blurred(small, BLUR[size])
        self.contrast = _normalize_contrast(small, WINDOWS[size])
        self.brightness = _downsampled(gray, SIDE // min(size, BRIGHTNESS_SIDE))
        chroma = chroma_of(rows).reshape(-1, CHROMA_SIDE, CHROMA_SIDE)
        self.chroma = _downsampled(chroma, max(1, CHROMA_SIDE // size))


def _downsampled(pictures: Floats, factor: int) -> Floats:
    if factor == 1:
        return pictures
    return _tiles(pictures, factor) / np.float32(factor * factor)


def _cells(pictures: Floats) -> Floats:
    return _downsampled(pictures, pictures.shape[-1] // CELLS)


def _blurred(pictures: Floats, window: int) -> Floats:
    """Mean over a square window around each pixel, taken twice; edges are repeated."""
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


def _normalize_contrast(gray: Floats, window: int) -> Floats:
    """Edges and texture with about the same contrast everywhere."""
    detail = gray - _blurred(gray, window)
    local = np.sqrt(np.maximum(_blurred(detail * detail, window), 0))
    overall = np.sqrt((detail * detail).mean((1, 2), keepdims=True))
    return np.asarray(detail / (local + 0.3 * overall + 0.5), dtype=np.float32)


def _sampling(scale: Floats, shift: Floats, size: int) -> tuple[Floats, Bools]:
    """Matrices that resample one axis linearly, and which samples are inside."""
    middle = (size - 1) / 2
    positions = np.arange(size, dtype=np.float32)
    source = scale[:, None] * (positions - middle) + middle + shift[:, None] * size
    weights = np.maximum(0, 1 - np.abs(source[:, :, None] - positions))
    return weights.astype(np.float32), (source >= 0) & (source <= size - 1)


def _warped(pictures: Floats, warps: Floats) -> tuple[Floats, Bools]:
    size = pictures.shape[-1]
    down, inside_down = _sampling(warps[:, 0], warps[:, 1], size)
    right, inside_right = _sampling(warps[:, 2], warps[:, 3], size)
    sampled = down @ pictures @ right.transpose(0, 2, 1)
    return sampled.astype(np.float32, copy=False), inside_down[:, :, None] & inside_right[
        :, None, :
    ]


def _register(first: Floats, second: Floats, warps: Floats, steps: int) -> Floats:
    """Warps (scale, shift down; scale, shift right) that bring `second` onto `first`.

    Gauss-Newton steps on the squared difference, weighted by tile, with a common gain.
    """
    n, size, _ = first.shape
    positions = (np.arange(size, dtype=np.float32) - (size - 1) / 2) / size
    tile = max(4, size // 8)
    for _ in range(steps):
        sampled, inside = _warped(second, warps)
        sampled = sampled * inside
        target = first * inside
        power = (sampled * sampled).sum((1, 2)) + 1e-6
        gain = np.clip((target * sampled).sum((1, 2)) / power, 0.5, 2)[:, None, None]
        residual = target - gain * sampled
        down, right = np.zeros_like(sampled), np.zeros_like(sampled)
        down[:, 1:-1] = (sampled[:, 2:] - sampled[:, :-2]) * (size / 2)
        right[:, :, 1:-1] = (sampled[:, :, 2:] - sampled[:, :, :-2]) * (size / 2)
        # Tiles that do not fit, a caption's say, hardly count (Cauchy weights).
        relative = _tiles(residual * residual, tile) / (
            _tiles(target * target + sampled * sampled, tile) + 0.05 * tile * tile
        )
        weights = 1 / (1 + (relative / 0.35) ** 2)
        weights = np.repeat(np.repeat(weights, tile, 1), tile, 2) * inside
        jacobian = np.stack(
            [gain * down * positions[:, None], gain * down, gain * right * positions, gain * right],
            1,
        ).reshape(n, 4, -1)
        weighted = jacobian * weights.reshape(n, 1, -1)
        normal = weighted @ jacobian.transpose(0, 2, 1)
        damping = 1e-3 * np.trace(normal, axis1=1, axis2=2)[:, None, None] / 4 + 1e-3
        normal += np.eye(4, dtype=np.float32) * damping
        step = np.linalg.solve(normal, weighted @ residual.reshape(n, -1, 1))[:, :, 0]
        warps = warps + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        warps[:, 0::2] = np.clip(warps[:, 0::2], *SCALES)
        warps[:, 1::2] = np.clip(warps[:, 1::2], -MOST_SHIFT, MOST_SHIFT)
    return np.asarray(warps, dtype=np.float32)


def _tiles(values: NDArray[np.floating], tile: int) -> Floats:
    """Sums over square tiles, as two matrix products, which numpy does quickest."""
    side = values.shape[1]
    rows = np.repeat(np.eye(side // tile, dtype=np.float32), tile, axis=1)
    sums: Floats = rows @ values.astype(np.float32, copy=False) @ rows.T
    return sums


def _scores(one: _PyramidLevel, other: _PyramidLevel, warps: Floats) -> Floats:
    """1 less the root mean square disagreement of tiles: of all, or of all but a band."""
    count = TILES[one.size]
    tile = one.size // count
    sampled, inside = _warped(other.contrast, warps)
    target, sampled = one.contrast * inside, sampled * inside
    power, own = _tiles(target * target, tile), _tiles(sampled * sampled, tile)
    gain = np.sqrt(power.sum((1, 2)) / (own.sum((1, 2)) + 1e-6))[:, None, None]
    energy = power + own * gain**2 + 1e-6
    fit = 2 * gain * _tiles(target * sampled, tile) / energy
    weight = energy / (energy + 0.5 * energy.mean((1, 2), keepdims=True))
    covered = _tiles(inside.astype(np.float32), tile) > 0.5 * tile * tile
    brightness, inside = _warped(other.brightness, warps)
    # Cells are means of pixels warped at a finer size: a cell cut in two is not the same cell.
    brightness, inside = _cells(brightness), _cells(inside.astype(np.float32)) > 0.999
    chroma, own_chroma = (
        _cells(c).reshape(-1, 2, CELLS, CELLS)
        for c in (_warped(other.chroma, np.repeat(warps, 2, axis=0))[0], one.chroma)
    )
    own_brightness = _cells(one.brightness)
    scores = [np.full(len(warps), -1.0)]
    for top, bottom in BANDS:
        rows = slice(round(top * count), round(bottom * count))
        visible = np.zeros_like(inside)
        part = slice(round(top * CELLS), round(bottom * CELLS))
        visible[:, part] = inside[:, part]
        alike, clipped = _brightness_agreement(own_brightness, brightness, visible)
        alike = alike * _chroma_agreement(own_chroma, chroma, visible)
        factor = CELLS // count
        alike = (_tiles(alike, factor) / np.float32(factor**2))[:, rows]
        comparable = covered[:, rows] & (_tiles(clipped, factor)[:, rows] < 0.5 * factor**2)
        w = weight[:, rows]
        # Flat tiles carry no information, unless their brightness or chroma differs.
        counts = np.maximum(w, 1 - alike) * comparable
        disagreement = np.clip(1 - alike * (fit[:, rows] * w + 1 - w), 0, 1)
        mean_square = (counts * disagreement**2).sum((1, 2)) / (counts.sum((1, 2)) + 1e-6)
        enough = counts.sum((1, 2)) > LEAST_INFORMATIVE * count * count
        scores.append(np.where(enough, 1 - np.sqrt(mean_square), -1))
    flat = np.minimum(one.contrast.std((1, 2)), other.contrast.std((1, 2))) < 0.05
    return np.where(flat, -1, np.max(scores, axis=0)).astype(np.float32)


def _brightness_agreement(one: Floats, other: Floats, visible: Bools) -> tuple[Floats, Floats]:
    """Agreement of brightness up to gain and offset, and where it was clipped.

    Both of shape (n, 16, 16). A picture made brighter loses what becomes white: there, the other
    cannot be told from it.
    """
    plain = visible & (np.minimum(one, other) > DARK) & (np.maximum(one, other) < BRIGHT)
    enough = plain.sum((1, 2), keepdims=True) > 0.1 * visible.sum((1, 2), keepdims=True)
    plain = np.where(enough, plain, visible)
    number = plain.sum((1, 2), keepdims=True) + 1e-6
    means = [(x * plain).sum((1, 2), keepdims=True) / number for x in (one, other)]
    a, b = ((x - mean) * plain for x, mean in zip((one, other), means, strict=True))
    gain = (a * b).sum((1, 2), keepdims=True) / ((b * b).sum((1, 2), keepdims=True) + 1e-6)
    gain = np.clip(gain, 0.4, 2.5)
    predicted_one = means[0] + gain * (other - means[1])
    predicted_other = means[1] + (one - means[0]) / gain
    off = np.minimum(
        np.abs(one - np.clip(predicted_one, 0, 255)),
        np.abs(other - np.clip(predicted_other, 0, 255)),
    )
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
