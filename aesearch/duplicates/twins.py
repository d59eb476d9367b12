"""Pictures that are all but equal: of each cluster one stands for the others in the comparison.

Of N frames of one scene every two are copies. They are found in a few rounds, each along a random
projection of tiny pictures, in whose order equal ones are neighbors: runs of neighbors that are
twins are compared with the first of the run alone, so the work is near-linear in N.
"""

from __future__ import annotations

import numpy as np

from aesearch.duplicates.packing import chroma_of, downsampled_gray
from aesearch.duplicates.pairs import chains
from aesearch.types import Floats, Ids, Pixels, Progress, silent

TINY, SMALL = 8, 32  # pixels to a side of what is projected, and of what is compared
AHEAD = 3  # neighbors in the order of a projection that each is compared with
FEWEST_ROUNDS, MOST_ROUNDS = 4, 16
WORTH = 0.01  # share of the pictures that a round must take out for another to follow
BLOCK = 512
MOST_OFF = 8.0  # gray levels that a cell may differ by; more where contrast is high
OFF_OF_CONTRAST = 0.4
ALIKE = 0.03  # of the variance, that the mean square of the difference may have
NOISE = 2.0  # square of gray levels: as much may always differ
BASE = 100.0  # variance of a flat picture, so that no twins score less than the highest threshold


def find_twins(squares: Pixels, rows: Ids, progress: Progress = silent) -> Ids:
    """The leader of each picture: itself, or an earlier one that it all but equals.

    Parameters
    ----------
    squares : ndarray of uint8, shape (n, 18432)
        Packed pictures.
    rows : ndarray of int64
        Those to compare, ascending.
    progress : callable

    Returns
    -------
    ndarray of int64, shape (n,)
        Leaders lead themselves, and so do rows that were not compared.
    """
    leader = np.arange(len(squares))
    tiny = np.empty((len(squares), TINY * TINY), dtype=np.float32)
    for at in range(0, len(rows), BLOCK):
        part = rows[at : at + BLOCK]
        tiny[part] = downsampled_gray(squares[part], TINY).reshape(len(part), -1)
    rng = np.random.default_rng(0)
    live = rows
    for number in range(MOST_ROUNDS):
        progress("finding equal ones", number, MOST_ROUNDS)
        axis = rng.standard_normal(TINY * TINY).astype(np.float32)
        ordered = live[np.argsort(tiny[live] @ axis, kind="stable")]
        _follow(leader, rows, squares, _neighbors(ordered, tiny, squares))
        left = rows[leader[rows] == rows]
        gone = len(live) - len(left)
        live = left
        if number + 1 >= FEWEST_ROUNDS and gone <= WORTH * len(live):
            break
    progress("finding equal ones", MOST_ROUNDS, MOST_ROUNDS)
    return leader


def _neighbors(ordered: Ids, tiny: Floats, squares: Pixels) -> tuple[Ids, Ids]:
    """Pairs of twins among the neighbors in an order."""
    first = np.concatenate([ordered[:-step] for step in range(1, AHEAD + 1)])
    second = np.concatenate([ordered[step:] for step in range(1, AHEAD + 1)])
    off = np.abs(tiny[first] - tiny[second]).max(axis=1)
    near = off <= np.maximum(MOST_OFF, OFF_OF_CONTRAST * 128)  # 128: the highest deviation
    first, second = first[near], second[near]
    twins = twin_scores(squares, first, second) >= 0
    return first[twins], second[twins]


def _follow(leader: Ids, rows: Ids, squares: Pixels, pairs: tuple[Ids, Ids]) -> None:
    """Let what a chain of pairs links follow the first of it, where it is a twin of that one."""
    earliest = chains(*pairs, len(squares))
    # Who followed one that now follows another is compared with that one.
    wanted = earliest[leader[rows]]
    moved = wanted != leader[rows]
    twins = twin_scores(squares, wanted[moved], rows[moved]) >= 0
    leader[rows[moved]] = np.where(twins, wanted[moved], rows[moved])


def twin_scores(squares: Pixels, first: Ids, second: Ids) -> Floats:
    """Scores of pairs of packed pictures that are all but equal, near 1; -1 of all others."""
    scores = np.empty(len(first), dtype=np.float32)
    for at in range(0, len(first), BLOCK):
        part = slice(at, at + BLOCK)
        scores[part] = _twin_scores(squares[first[part]], squares[second[part]])
    return scores


def _twin_scores(one: Pixels, other: Pixels) -> Floats:
    small = downsampled_gray(one, SMALL)
    off = small - downsampled_gray(other, SMALL)
    variance, square = small.var(axis=(1, 2)), (off * off).mean(axis=(1, 2))
    most = np.maximum(MOST_OFF, OFF_OF_CONTRAST * np.sqrt(variance))
    same = np.abs(off).max(axis=(1, 2)) <= most
    same &= np.abs(chroma_of(one) - chroma_of(other)).max(axis=(1, 2, 3)) <= most
    same &= square <= np.maximum(ALIKE * variance, NOISE)
    return np.where(same, 1 - square / (6 * (variance + BASE)), -1).astype(np.float32)
