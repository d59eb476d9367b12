"""The page of a comparison: whether learning paid, in figures, charts and answers to queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aesearch.compare.results import Comparison, Row, Verdict, points_of
from aesearch.compare.tasks import COPIES, LABELS
from aesearch.evaluation.bootstrap import Estimate
from aesearch.evaluation.headline import MEASURES, spelled
from aesearch.modalities import modality
from aesearch.reports.base import replace
from aesearch.reports.comparison.charts import COLORS, Bar, Dot, Line, cloud, curves, intervals
from aesearch.reports.comparison.examples import Gallery, groups_of
from aesearch.reports.comparison.map import map_of
from aesearch.reports.comparison.notes import notes_of
from aesearch.reports.comparison.table import table_of
from aesearch.reports.grid import picture_of
from aesearch.reports.page import Embedded, embed, render_page
from aesearch.wording import counted

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_LINES = 14  # labels that stand below each other beside a chart


@dataclass(frozen=True)
class Chart:
    """A chart with its heading."""

    title: str
    note: str
    drawn: Markup


@dataclass(frozen=True)
class Rebuilt:
    """A row of reconstructions, or of the originals."""

    name: str
    error: str
    pictures: list[Embedded]


def write_comparison(found: Comparison, out: Path) -> None:
    """Write the page of a comparison: one file, which loads nothing.

    Parameters
    ----------
    found : Comparison
        Not closed yet: pictures and texts are read from its collection.
    out : Path
        Replaced if it exists.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    verdict = found.verdict()
    main = _main_rows(found, verdict)
    gallery = Gallery(found)
    claim, figures = _halved(verdict.text)
    page = render_page(
        "comparison/page.html",
        f"Comparison on {found.name}",
        styles=["comparison/page.css"],
        scripts=["comparison/table.js", "comparison/map.js"],
        name=found.name,
        visual=modality(found.kind).visual,
        claim=claim,
        figures=figures,
        facts=_facts(found),
        charts=_charts(found, main),
        table=table_of(found, verdict),
        map=map_of(found),
        examples=groups_of(gallery, main, verdict),
        rebuilt=_rebuilt(gallery),
        notes=notes_of(found),
    )
    replace(out, page.encode("utf-8", "replace"))


def _main_rows(found: Comparison, verdict: Verdict) -> list[Row]:
    """Return the best learned code, the best baseline, then the best of each other method."""
    plain = sorted((row for row in found.rows if row.is_plain), key=found.value, reverse=True)
    chosen = [row for row in (verdict.learned, verdict.baseline) if row is not None]
    for row in plain or found.ordered:
        if all(row.title != other.title for other in chosen):
            chosen.append(row)
    return chosen


def _colors(main: Sequence[Row]) -> dict[str, int]:
    """Return a color for each method; those that are left share grey, the last."""
    return {row.title: min(number, len(COLORS) - 1) for number, row in enumerate(main)}


def _halved(text: str) -> tuple[str, str]:
    """Return the sentence of a verdict as what it says, and its figures."""
    claim, colon, figures = text.partition(": ")
    return (f"{claim}.", figures[:1].upper() + figures[1:]) if colon else (text, "")


def _facts(found: Comparison) -> list[str]:
    task = found.tasks[found.main]
    asked, noun = counted(len(task.names), "query", "queries"), modality(found.kind).noun
    return [
        f"{counted(len(found.keys), noun)}, {found.training:,} of them learned from",
        f"{asked}; right: {task.title}" if found.main != COPIES else f"{asked}: {task.title}",
        "95 % intervals over the queries in brackets",
    ]


def _charts(found: Comparison, main: Sequence[Row]) -> list[Chart]:
    colors = _colors(main)
    charts = [
        Chart(
            f"{MEASURES[found.metric]} of each method",
            "The dot is the mean over the queries, the line its 95 % interval.",
            _means(found, main, found.estimate, MEASURES[found.metric], _chance(found)),
        )
    ]
    lines = [
        Line(found.named(row), points_of(row).tolist(), colors[row.title], number < 2)
        for number, row in enumerate(main[:MOST_LINES])
        if len(points_of(row))
    ]
    if lines:
        charts.append(
            Chart(
                "Precision by how far one looks",
                "Share of right answers among the first k.",
                curves(lines, "k, answers looked at", "precision"),
            )
        )
    charts.append(_sizes(found, colors))
    if found.main != COPIES:
        made = modality(found.kind).perturbed.capitalize()
        charts.append(
            Chart(
                "Without labels: finding copies",
                f"{made} must find their original; 1 / its rank.",
                _means(found, main, _ranks, "MRR", None),
            )
        )
    return charts


def _ranks(row: Row) -> Estimate:
    return Estimate.of(row.measures[COPIES]["reciprocal_rank"])


def _chance(found: Comparison) -> float | None:
    """Return what a random ranking reaches: of labels about as much in P@10 as in mAP."""
    return found.tasks[LABELS].chance if found.main == LABELS else None


def _means(
    found: Comparison,
    main: Sequence[Row],
    estimate: Callable[[Row], Estimate],
    measure: str,
    chance: float | None,
) -> Markup:
    colors = _colors(main)
    values = {row.title: estimate(row) for row in main}
    bars = [
        Bar(found.named(row), (v.mean, v.low, v.high), colors[row.title], row in main[:2])
        for row in sorted(main, key=lambda row: -values[row.title].mean)
        if (v := values[row.title])
    ]
    return intervals(bars, measure, chance)


def _sizes(found: Comparison, colors: dict[str, int]) -> Chart:
    steps: dict[str, set[str]] = {}
    for row in found.rows:
        steps.setdefault(row.title, set()).add(row.step)
    rest = len(COLORS) - 1  # the last color, grey, is for what has no other
    metric = MEASURES[found.metric]
    dots = [
        Dot(
            row.title,
            max(1.0, row.bytes_per_item),
            found.value(row),
            colors.get(row.title, rest),
            row.form if row.form in ("int8", "bits") else "float",
            row.form if len(steps[row.title]) > 1 else "",
            f"{row.title}, {row.code}: {metric} {spelled(found.estimate(row))}",
        )
        for row in found.rows
    ]
    shapes = "Circles: numbers, or all that is kept. Diamonds: 8-bit. Squares: bits."
    return Chart(
        "Quality against code size",
        f"Higher and further left is better. {shapes}",
        cloud(dots, "bytes for each item", metric),
    )


def _rebuilt(gallery: Gallery) -> list[Rebuilt]:
    """Return the originals and what each method makes of them; nothing where none decodes."""
    found = gallery.found
    rows = [row for row in found.ordered if "rebuilt" in row.arrays]
    if not modality(found.kind).visual or not rows:
        return []
    originals = [gallery.thumbnail(found.keys[n]) for n in found.shown]
    return [Rebuilt("originals", "", originals), *map(_rebuilt_by, rows)]


def _rebuilt_by(row: Row) -> Rebuilt:
    # The three whitenings of PCA are one projection.
    name = "PCA" if row.method == "pca" else row.title
    return Rebuilt(
        f"{name} {row.size}" if row.size else name,
        "" if row.error is None else f"error {row.error:.4f}",
        [embed(picture_of(pixels), row.title) for pixels in row.arrays["rebuilt"]],
    )
