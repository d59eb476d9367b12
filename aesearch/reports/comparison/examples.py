"""Queries that tell most, where methods differ or all of them fail, with their answers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from aesearch.compare.collection import opening
from aesearch.compare.plan import BORROWED, HYBRID
from aesearch.compare.results import METRICS, Comparison, Row, Verdict
from aesearch.compare.tasks import COPIES
from aesearch.modalities import modality
from aesearch.reports.base import fitted, opened
from aesearch.reports.comparison.charts import short
from aesearch.reports.page import Embedded, data_uri

EACH = 4  # queries under a heading
COMPARED = 4  # methods side by side
THUMBNAIL, QUALITY = 96, 80  # longest side of a picture, and of its JPEG
STRIP, TITLES = 8, 5  # answers shown of each method
SNIPPET = 110  # characters


@dataclass(frozen=True)
class Example:
    """A query, by its number, and how well each method answers it."""

    query: int
    values: list[float]


def examples_of(
    found: Comparison, rows: Sequence[Row], verdict: Verdict
) -> list[tuple[str, list[Example]]]:
    """Return groups of queries, each with a heading; no query is in two of them.

    Parameters
    ----------
    found : Comparison
    rows : sequence of Row
        The methods that are shown.
    verdict : Verdict
        Where it compares two methods, the queries at which they differ most come first.
    """
    name = f"{found.main}/{'reciprocal_rank' if found.main == COPIES else 'average_precision'}"
    values = np.stack([row.arrays[name] for row in rows])
    means = values.mean(axis=0)
    wanted = [("Best answered by all", -means), ("Worst answered by all", means)]
    if verdict.learned is not None and verdict.baseline is not None:
        gains = verdict.learned.arrays[name] - verdict.baseline.arrays[name]
        one, other = found.named(verdict.learned), found.named(verdict.baseline)
        wanted = [
            (f"Where {one} gains most over {other}", np.where(gains > 0, -gains, np.inf)),
            (f"Where {one} loses most against {other}", np.where(gains < 0, gains, np.inf)),
            *wanted[::-1],
        ]
    groups = []
    taken: set[int] = set()
    for title, costs in wanted:
        order = [int(n) for n in np.argsort(costs, kind="stable") if np.isfinite(costs[n])]
        chosen = [n for n in order if n not in taken][:EACH]
        taken.update(chosen)
        if chosen:
            groups.append((title, [Example(n, values[:, n].tolist()) for n in chosen]))
    return groups


@dataclass(frozen=True)
class Hit:
    """An answer: `look` says whether it is right; its picture, or its first words."""

    key: str
    look: str
    text: str = ""
    picture: Embedded | None = None


@dataclass(frozen=True)
class Answer:
    """What a method finds, the best first, and a figure for how good that is."""

    method: str
    figure: str
    hits: list[Hit]


@dataclass(frozen=True)
class Query:
    """A query as the page shows it."""

    name: str
    picture: Embedded | None
    answers: list[Answer]


@dataclass(frozen=True)
class Group:
    """Queries under a heading."""

    title: str
    queries: list[Query]


@dataclass
class Gallery:
    """The pictures and the openings of a comparison's items, each made once.

    Attributes
    ----------
    found : Comparison
        Not closed yet.
    """

    found: Comparison
    _thumbnails: dict[str, Embedded] = field(default_factory=dict)

    def thumbnail(self, key: str) -> Embedded:
        """Return a small picture of an item, or the words that say why there is none."""
        if key not in self._thumbnails:
            self._thumbnails[key] = self._made(key)
        return self._thumbnails[key]

    def _made(self, key: str) -> Embedded:
        content = self.found.collection.content(key)
        picture = content if isinstance(content, str) else opened(content)
        if isinstance(picture, str):
            return Embedded(key, missing=picture)
        stream = io.BytesIO()
        small = fitted(picture, THUMBNAIL, enlarge=False).convert("RGB")
        small.save(stream, "JPEG", quality=QUALITY)
        return Embedded(key, data_uri(stream.getvalue(), "image/jpeg"))

    def snippet(self, key: str) -> str:
        """Return the title of a document, or its first words."""
        return opening(self.found.collection.document(key), SNIPPET) or key

    def hit(self, key: str, *, right: bool) -> Hit:
        """Return an answer as it is shown."""
        look = "yes" if right else "no"
        if modality(self.found.kind).visual:
            return Hit(key, look, picture=self.thumbnail(key))
        return Hit(key, look, self.snippet(key))


def groups_of(gallery: Gallery, main: Sequence[Row], verdict: Verdict) -> list[Group]:
    """Return the queries that the page shows, with the answers of the best methods."""
    shown = _different(main)[:COMPARED]
    return [
        Group(title, [_query(gallery, shown, one) for one in examples])
        for title, examples in examples_of(gallery.found, shown, verdict)
    ]


def _different(rows: Sequence[Row]) -> list[Row]:
    """Return the first row of each method, its best; hybrids count as one, and borrowed words."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.form if row.form in (HYBRID, BORROWED) else row.method, row)
    return list(first.values())


def _query(gallery: Gallery, rows: Sequence[Row], one: Example) -> Query:
    found = gallery.found
    task = found.tasks[found.main]
    name, row = task.names[one.query], task.rows[one.query]
    answers = [
        _answer(gallery, method, one.query, value)
        for method, value in zip(rows, one.values, strict=True)
    ]
    if not modality(found.kind).visual:
        return Query(gallery.snippet(name) if row >= 0 else name, None, answers)
    copy = " (a perturbed copy of it)" if found.main == COPIES else ""
    return Query(name + copy, gallery.thumbnail(name), answers)


def _answer(gallery: Gallery, method: Row, query: int, value: float) -> Answer:
    found = gallery.found
    nearest = method.arrays[f"{found.main}/nearest"][query]
    right = method.arrays[f"{found.main}/right"][query]
    most = STRIP if modality(found.kind).visual else TITLES
    pairs = [(found.keys[n], bool(good)) for n, good in zip(nearest, right, strict=True) if n >= 0]
    metric = METRICS["reciprocal_rank" if found.main == COPIES else "average_precision"]
    figure = f"{metric.replace('MAP', 'AP').replace('MRR', 'RR')} {short(value)}"
    hits = [gallery.hit(key, right=good) for key, good in pairs[:most]]
    return Answer(found.named(method), figure, hits)
