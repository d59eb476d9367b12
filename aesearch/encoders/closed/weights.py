"""How much each description of a picture counts, told from whom they agree with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from aesearch.encoders.closed.labeled import weights_by_labels
from aesearch.encoders.training.data import spread_rows
from aesearch.errors import ParameterError
from aesearch.types import Ints

ASKING = 1_000  # rows whose neighbors are compared
NEIGHBORS = 10  # at most; in a small collection, one in twenty
SMALLEST_WEIGHT = 0.05  # of the largest; what counts less is left out
ROUNDS = 500
SMALLEST = 1e-6


def check_weights(weights: Mapping[str, float] | None, parts: Collection[str]) -> None:
    """Refuse weights of what does not exist, or that count nothing.

    Raises
    ------
    ParameterError
    """
    if weights is None:
        return
    unknown = [name for name in weights if name not in parts]
    if unknown:
        raise ParameterError(f"weights names {unknown[0]!r}; choose of {', '.join(parts)}")
    if not any(weights.values()):
        raise ParameterError(f"weights must give one of {', '.join(parts)} more than 0")


def agreement(descriptions: Mapping[str, Tensor]) -> Tensor:
    """Return how many of their nearest neighbors each two descriptions share, beyond chance.

    Parameters
    ----------
    descriptions : mapping of str to Tensor of shape (n, numbers)
        Rows of length 1, of the same pictures.

    Returns
    -------
    Tensor of shape (descriptions, descriptions)
        Shares of 1, on the diagonal too.
    """
    count = len(next(iter(descriptions.values())))
    asking = torch.from_numpy(spread_rows(count, ASKING))
    wanted = max(1, min(NEIGHBORS, count // 20))
    found = [_neighbors(rows, asking, wanted) for rows in descriptions.values()]
    shared = torch.stack([torch.stack([_shared(one, two) for two in found]) for one in found])
    return (shared - wanted / (count - 1)).clamp(min=0)


def _neighbors(rows: Tensor, asking: Tensor, wanted: int) -> Tensor:
    scores = rows[asking] @ rows.T
    scores[torch.arange(len(asking)), asking] = -torch.inf
    return scores.topk(wanted, dim=1).indices


def _shared(one: Tensor, two: Tensor) -> Tensor:
    return (one.unsqueeze(2) == two.unsqueeze(1)).any(dim=2).double().mean()


def reliabilities(agreement: Tensor) -> Tensor:
    """Return how far each description can be trusted, by how it agrees with the others.

    Where the errors of two descriptions have nothing to do with one another, they agree as often
    as the product of their reliabilities: off the diagonal, the matrix has rank one. Two alone
    cannot be told apart, and get the same.

    Parameters
    ----------
    agreement : Tensor of shape (d, d)

    References
    ----------
    F. Parisi, F. Strino, B. Nadler, Y. Kluger, Ranking and combining multiple predictors without
    labeled data, PNAS 2014.
    """
    others = agreement - torch.diag(agreement.diagonal())
    found = (others.sum(dim=1) / max(1, len(others) - 1)).clamp(min=SMALLEST).sqrt()
    for _ in range(ROUNDS):
        rest = (found * found).sum() - found * found
        found = (found + (others @ found / rest.clamp(min=SMALLEST)).clamp(min=SMALLEST)) / 2
    return found


def weights_of(descriptions: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the weight of each description, 1 for the one that counts most.

    Parameters
    ----------
    descriptions : mapping of str to Tensor of shape (n, numbers)
        Rows of length 1, of the same pictures.

    Returns
    -------
    dict of str to float
        0 for what agrees with nothing.
    """
    if len(descriptions) < 2:
        return dict.fromkeys(descriptions, 1.0)
    found = reliabilities(agreement(descriptions))
    shares = (found / found.max()).tolist()
    return {
        name: round(share, 2) if share >= SMALLEST_WEIGHT else 0.0
        for name, share in zip(descriptions, shares, strict=True)
    }


@dataclass
class Weighing:
    """How the weights of descriptions come about, and what they were told from.

    Parameters
    ----------
    given : mapping of str to float or None
        Weights that hold; what is not named counts nothing.
    labels : ndarray of int64 or None
        Of the samples that are weighed by, -1 for none.
    code_size : int
    apart : mapping of str to float
        What learned from the others, so that agreeing with them is no evidence: how many times
        the strongest of them it counts.
    told_from : str
        Afterwards: "parameters", "labels" or "neighbors".
    """

    given: Mapping[str, float] | None
    labels: Ints | None
    code_size: int
    apart: Mapping[str, float] = field(default_factory=dict)
    told_from: str = field(default="", init=False)

    def __call__(self, rows: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the weight of each description, given its rows of length 1."""
        if self.given is not None:
            self.told_from = "parameters"
            return {name: float(self.given.get(name, 0)) for name in rows}
        self.told_from = "neighbors"
        weights = self._told(rows)
        if self.labels is None or len(rows) < 2:
            return weights
        better = weights_by_labels(rows, self.labels, weights, self.code_size)
        if better != weights:
            self.told_from = "labels"
        return better

    def _told(self, rows: Mapping[str, Tensor]) -> dict[str, float]:
        told = weights_of({name: part for name, part in rows.items() if name not in self.apart})
        found = {name: told.get(name) or self.apart.get(name, 0.0) for name in rows}
        most = max(found.values())
        return {name: round(weight / most, 2) for name, weight in found.items()}
