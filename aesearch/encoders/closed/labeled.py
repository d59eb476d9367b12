"""How much each description of a picture counts, where labels say what belongs together."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
import torch
from torch import Tensor

from aesearch.encoders.closed.neighborhoods import neighborhood_components
from aesearch.encoders.layers.blocks import unit
from aesearch.encoders.layers.projection import one_thread
from aesearch.evaluation.metrics import average_precision, precision_at, ranked_relevance
from aesearch.types import Ints

FEWEST, MOST = 60, 1_200  # samples, of which a third ask
FACTORS = (0.0, 0.5, 0.7, 1.4, 2.0)  # of a weight, that are tried
FROM = 0.2  # what counts nothing is tried again from here
ROUNDS = 2
GAIN = 1.005  # times as good, or the weight stays
K = 10


@one_thread()
def weights_by_labels(
    rows: Mapping[str, Tensor], labels: Ints, start: Mapping[str, float], code_size: int
) -> dict[str, float]:
    """Return weights with which samples find those of the same label, beginning with `start`.

    One weight after the other is changed as long as codes of so many numbers find clearly more:
    the geometric mean of P@10 and average precision, as in the check of an index.

    Parameters
    ----------
    rows : mapping of str to Tensor of shape (n, numbers)
        Descriptions of the same samples, of length 1.
    labels : ndarray of int64, shape (n,)
        -1 for none.
    start : mapping of str to float
    code_size : int

    Returns
    -------
    dict of str to float
        1 for what counts most; `start` where nothing is better, or too few have labels.
    """
    if (labels >= 0).sum() < FEWEST:
        return dict(start)
    known = np.random.default_rng(0).permutation(np.flatnonzero(labels >= 0))[:MOST]
    some = {name: part[torch.from_numpy(known)] for name, part in rows.items()}
    best, weights = _reached(some, labels[known], start, code_size), dict(start)
    for _ in range(ROUNDS):
        before = weights
        for name, factor in product(rows, FACTORS):
            changed = {**weights, name: factor * max(weights[name], FROM)}
            if any(changed.values()):
                reached = _reached(some, labels[known], changed, code_size)
                if reached > GAIN * best:
                    best, weights = reached, changed
        if weights == before:
            break
    most = max(weights.values())
    return {name: round(weight / most, 2) for name, weight in weights.items()}


def _reached(
    rows: Mapping[str, Tensor], labels: Ints, weights: Mapping[str, float], code_size: int
) -> float:
    joined = torch.cat([weights[name] * part for name, part in rows.items() if weights[name]], 1)
    mean, matrix = neighborhood_components(joined, code_size)
    codes = unit((joined - mean) @ matrix).numpy()
    asking = len(codes) // 3
    parts = codes[:asking], codes[asking:], labels[:asking], labels[asking:]
    relevant = np.concatenate([*ranked_relevance(*parts)])
    precision, average = precision_at(relevant, K).mean(), average_precision(relevant).mean()
    return float(np.sqrt(precision * average))
