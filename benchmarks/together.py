"""What several examples find that one does not, and what one of what is not meant changes.

    python -m benchmarks.together INDEX...

Each index has labels: folders of pictures, or a column of a table. A question is one label: its
examples are drawn at random, and what is found should be of it. Examples are never among the hits.
What is not meant is the first hit of another label, as a person would point at it, or any item of
another label.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from aesearch.search.index import Index
from aesearch.search.together import UNLIKE, joint_code
from aesearch.types import Ids
from benchmarks.reporting import show

TOP = 10
EXAMPLES = (1, 2, 3, 5)


class Collection:
    """The codes of an index, and a number for the label of each.

    Parameters
    ----------
    place : Path
        The index.
    seed : int
        Of what is drawn.
    """

    def __init__(self, place: Path, seed: int) -> None:
        with Index(place) as index:
            ids, codes = index.folder.store.codes()
            of_id = index.folder.labels()
        names, labels = np.unique([of_id.get(id, "") for id in ids.tolist()], return_inverse=True)
        counts = np.bincount(labels)
        self.codes, self.labels = codes, labels
        enough = (counts >= 2 * TOP) | (counts >= max(EXAMPLES) + 3)
        self.asked = np.flatnonzero(enough & (names != ""))
        self._random = np.random.default_rng(seed)

    def examples(self) -> Ids:
        """Some items of a label: the more of them it has, the more often it is drawn."""
        of_asked = np.flatnonzero(np.isin(self.labels, self.asked))
        label = self.labels[self._random.choice(of_asked)]
        own = np.flatnonzero(self.labels == label)
        return self._random.choice(own, max(EXAMPLES), replace=False)

    def other(self, label: int) -> int:
        """Any item of another label."""
        return int(self._random.choice(np.flatnonzero(self.labels != label)))

    def found(self, like: Ids, unlike: Ids, but: Ids, gamma: float = UNLIKE) -> Ids:
        """The labels of the first hits, without the examples."""
        code = joint_code(self.codes[like], np.ones(len(like)), self.codes[unlike],
                          np.ones(len(unlike)), gamma)  # fmt: skip
        scores = (self.codes @ code.T)[:, 0]
        scores[but] = -np.inf
        return np.asarray(self.labels[np.argsort(-scores, kind="stable")[:TOP]])

    def first_wrong(self, like: Ids, label: int) -> int:
        """The nearest item of another label."""
        scores = self.codes @ self.codes[like].mean(axis=0)
        scores[self.labels == label] = -np.inf
        return int(np.argmax(scores))


@click.command()
@click.argument("places", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--questions", default=500, help="Of each collection.")
@click.option("--gammas", default="0,.1,.25,.5,.75", help="Weights of unlike that are tried.")
@click.option("--seed", default=0)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(places: Sequence[Path], questions: int, gammas: str, seed: int, *, as_json: bool) -> None:
    """Measure several examples as one query, and weights of what is not meant."""
    tried = list(map(float, gammas.split(",")))
    several: list[dict[str, Any]] = []
    unlike: list[dict[str, Any]] = []
    for place in places:
        found = Collection(place, seed)
        drawn = [found.examples() for _ in range(questions)]
        several.append({"index": place.name, **_of_several(found, drawn)})
        unlike += [{"index": place.name, **row} for row in _of_unlike(found, drawn, tried)]
    show("Several examples as one query", several, {}, as_json=as_json)
    show("One example, and one of what is not meant", unlike, {}, as_json=as_json)


def _of_several(found: Collection, drawn: Sequence[Ids]) -> dict[str, float]:
    """P@10 by how many examples are given."""
    none = np.empty(0, dtype=np.int64)
    row = {}
    for count in EXAMPLES:
        shares = [
            (found.found(own[:count], none, own) == found.labels[own[0]]).mean() for own in drawn
        ]
        row[f"P@10 of {count}"] = float(np.mean(shares))
    return row


def _of_unlike(
    found: Collection, drawn: Sequence[Ids], gammas: Sequence[float]
) -> list[dict[str, float]]:
    """P@10 of the label that is meant, and how much of the first hits is of the one that is not."""
    pairs = []
    for own in drawn:
        label = found.labels[own[0]]
        pairs.append((own[:1], found.first_wrong(own[:1], label), found.other(label)))
    rows = []
    for gamma in gammas:
        row: dict[str, float] = {"gamma": gamma}
        for name, place in (("first wrong", 1), ("any other", 2)):
            meant, not_meant = [], []
            for pair in pairs:
                like, bad = pair[0], np.array([pair[place]])
                labels = found.found(like, bad, np.concatenate([like, bad]), gamma)
                meant.append((labels == found.labels[like[0]]).mean())
                not_meant.append((labels == found.labels[bad[0]]).mean())
            row[f"{name}: meant"] = float(np.mean(meant))
            row[f"{name}: not meant"] = float(np.mean(not_meant))
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
