"""The page of a comparison, to show to a colleague: the verdict, the table, curves, examples."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from aesearch.compare.collection import opening
from aesearch.compare.plan import HYBRID
from aesearch.compare.results import (
    METRICS,
    Comparison,
    Row,
    Verdict,
    columns_of,
    points_of,
    spelled,
)
from aesearch.compare.tasks import COPIES
from aesearch.evaluation.bootstrap import Estimate
from aesearch.modalities import IMAGES, NOUNS
from aesearch.reports.charts import COLOURS, Bar, Dot, Line, cloud, curves, intervals, short
from aesearch.reports.comparison_map import map_section
from aesearch.reports.comparison_notes import method_section
from aesearch.reports.comparison_page import framed
from aesearch.reports.drawing import data_address, fitted, image_in_tile, opened, replace
from aesearch.reports.examples import Example, examples_of
from aesearch.reports.tiles import picture_of
from aesearch.wording import counted

THUMBNAIL, QUALITY = 96, 80  # longest side of a picture, and of its JPEG
STRIP, TITLES = 8, 5  # answers shown of each method
COMPARED = 4  # methods side by side
MOST_LINES = 14  # labels that stand below each other beside a chart
SNIPPET = 110  # characters


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
    kind = "" if found.kind == IMAGES else ' class="texts"'
    parts = [
        _head(found, verdict),
        _charts(found, main),
        _table(found, verdict),
        map_section(found),
        _examples(found, main, verdict),
        _rebuilt(found),
        method_section(found),
    ]
    title = f"Comparison on {found.name}"
    page = framed(title, f"<main{kind}>{''.join(parts)}</main>")
    replace(out, page.encode("utf-8", "replace"))


def _main_rows(found: Comparison, verdict: Verdict) -> list[Row]:
    """Return the best learned code, the best baseline, then the best of each other method."""
    plain = sorted((row for row in found.rows if row.is_plain), key=found.value, reverse=True)
    chosen = [row for row in (verdict.learned, verdict.baseline) if row is not None]
    for row in plain or found.ordered:
        if all(row.title != other.title for other in chosen):
            chosen.append(row)
    return chosen


def _colours(main: Sequence[Row]) -> dict[str, int]:
    """Return a colour for each method; those that are left share grey, the last."""
    return {row.title: min(number, COLOURS - 1) for number, row in enumerate(main)}


def _head(found: Comparison, verdict: Verdict) -> str:
    task = found.tasks[found.main]
    noun = NOUNS[found.kind]
    asked = counted(len(task.names), "query", "queries")
    facts = [
        f"{counted(len(found.keys), noun)}, {found.training:,} of them learned from",
        f"{asked}; right: {task.title}" if found.main != COPIES else f"{asked}: {task.title}",
        "95 % intervals over the queries in brackets",
    ]
    first, rest = _halved(verdict.text)
    return (
        f"<header><h1>Encoders compared on {html.escape(found.name)}</h1>"
        f'<p class="lead">{html.escape(first)}<small>{html.escape(rest)}</small></p>'
        f'<p class="note">{html.escape("; ".join(facts))}.</p></header>'
    )


def _halved(text: str) -> tuple[str, str]:
    """Return the sentence of a verdict as what it says, and its figures."""
    claim, colon, figures = text.partition(": ")
    return (f"{claim}.", figures[:1].upper() + figures[1:]) if colon else (text, "")


def _charts(found: Comparison, main: Sequence[Row]) -> str:
    colours = _colours(main)
    metric = METRICS[found.metric]
    parts = [
        _figure(
            f"{metric} of each method",
            "The dot is the mean over the queries, the line its 95 % interval.",
            _means(found, main, found.main, found.metric),
        )
    ]
    lines = [
        Line(found.named(row), points_of(row).tolist(), colours[row.title], number < 2)
        for number, row in enumerate(main[:MOST_LINES])
        if len(points_of(row))
    ]
    if lines:
        parts.append(
            _figure(
                "Precision by how far one looks",
                "Share of right answers among the first k.",
                curves(lines, "k, answers looked at", "precision"),
            )
        )
    parts.append(_sizes(found, colours))
    if found.main != COPIES:
        made = "Distorted pictures" if found.kind == IMAGES else "Halves of documents"
        parts.append(
            _figure(
                "Without labels: finding copies",
                f"{made} must find their original; 1 / its rank.",
                _means(found, main, COPIES, "reciprocal_rank"),
            )
        )
    return f'<section class="charts">{"".join(parts)}</section>'


def _means(found: Comparison, main: Sequence[Row], task: str, metric: str) -> str:
    colours = _colours(main)
    values = {row.title: Estimate(*row.measures[task][metric]) for row in main}
    bars = [
        Bar(found.named(row), (v.mean, v.low, v.high), colours[row.title], row in main[:2])
        for row in sorted(main, key=lambda row: -values[row.title].mean)
        if (v := values[row.title])
    ]
    chance = found.tasks[task].chance if metric == "precision_at_10" else None
    return intervals(bars, METRICS[metric], chance)


def _sizes(found: Comparison, colours: dict[str, int]) -> str:
    steps: dict[str, set[str]] = {}
    for row in found.rows:
        steps.setdefault(row.title, set()).add(row.step)
    rest = COLOURS - 1  # the last colour, grey, is for what has no other
    metric = METRICS[found.metric]
    dots = []
    for row in found.rows:
        several = len(steps[row.title]) > 1
        dots.append(
            Dot(
                row.title,
                max(1.0, row.bytes_per_item),
                found.value(row),
                colours.get(row.title, rest),
                row.form if row.form in ("int8", "bits") else "float",
                row.form if several else "",
                f"{row.title}, {row.code}: {metric} {spelled(found.estimate(row))}",
            )
        )
    shapes = "Circles: numbers, or all that is kept. Diamonds: 8-bit. Squares: bits."
    return _figure(
        "Quality against code size",
        f"Higher and further left is better. {shapes}",
        cloud(dots, "bytes for each item", metric),
    )


def _figure(title: str, note: str, chart: str) -> str:
    return (
        f'<figure><h2>{html.escape(title)}</h2><p class="note">{html.escape(note)}</p>'
        f"{chart}</figure>"
    )


def _table(found: Comparison, verdict: Verdict) -> str:
    columns = columns_of(found)
    several = len(found.tasks) > 1
    heads = [("Method", "ascending"), ("Code", "ascending"), ("Bytes", "ascending")]
    for task, metric in columns:
        of_copies = several and task == COPIES
        name = METRICS[metric].replace("-", "\u2011")  # a line does not break there
        heads.append((name + (", copies" if of_copies else ""), "descending"))
    heads += [(name, "ascending") for name in ("Error", "ANN", "Fit,\xa0s", "Query,\xa0ms")]
    best = {
        column: max((e.mean for row in found.rows if (e := row.estimate(*column))), default=2.0)
        for column in columns
    }
    lines = []
    previous: Row | None = None
    for row in found.ordered:
        follows = previous is not None and (previous.step, previous.title) == (row.step, row.title)
        marks = ["form"] * follows + ["learned"] * (row.learned and not follows)
        marks += ["best"] * (row is verdict.baseline)
        cells = [
            _cell(row.title, row.title),
            _cell(row.code, row.size),
            _cell(f"{row.bytes_per_item:,.0f}", row.bytes_per_item),
        ]
        for number, column in enumerate(columns):
            estimate = row.estimate(*column)
            if estimate is None:
                cells.append(_cell("–", None))
                continue
            shown = short(estimate.mean)
            said = spelled(estimate)
            if not number:
                shown += f" <i>{said.partition(' ')[2]}</i>"
            cells.append(_cell(shown, estimate.mean, said, top=estimate.mean == best[column]))
        cells += [
            _cell("–" if row.error is None else short(row.error), row.error),
            _cell("–" if row.ann_recall is None else short(row.ann_recall), row.ann_recall),
            _cell(f"{row.fit_s:,.1f}", row.fit_s),
            _cell(f"{row.query_ms:.2f}", row.query_ms),
        ]
        look = f' class="{" ".join(marks)}"' if marks else ""
        lines.append(f"<tr{look}>{''.join(cells)}</tr>")
        previous = row
    buttons = "".join(
        f'<th scope="col" data-first="{way}"><button>{html.escape(name)}</button></th>'
        for name, way in heads
    )
    return (
        '<section><h2>All figures</h2><p class="note">A heading sorts by its column. The best of '
        "each is bold; intervals of the others show when one points at them.</p>"
        f'<div class="scroll"><table><thead><tr>{buttons}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div></section>"
    )


def _cell(shown: str, value: object, said: str = "", *, top: bool = False) -> str:
    """Return a cell; `shown` is escaped unless it holds an interval."""
    inside = shown if "<i>" in shown else html.escape(shown)
    sort = "" if value is None else html.escape(str(value))
    look = ' class="top"' if top else ""
    title = f' title="{html.escape(said)}"' if said else ""
    return f'<td{look}{title} data-v="{sort}">{inside}</td>'


def _examples(found: Comparison, main: Sequence[Row], verdict: Verdict) -> str:
    shown = _different(main)[:COMPARED]
    groups = examples_of(found, shown, verdict)
    keys = (
        '<p class="note"><span class="key"><b></b>right</span>'
        '<span class="key"><b class="no"></b>not</span></p>'
    )
    thumbnail = lru_cache(maxsize=None)(lambda key: _thumbnail(found, key))
    parts = []
    for title, examples in groups:
        queries = "".join(_example(found, shown, one, thumbnail) for one in examples)
        parts.append(f'<h3>{html.escape(title)}</h3><div class="queries">{queries}</div>')
    return f"<section><h2>Queries and their answers</h2>{keys}{''.join(parts)}</section>"


def _different(rows: Sequence[Row]) -> list[Row]:
    """Return the first row of each method, its best; hybrids count as one method."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(HYBRID if row.form == HYBRID else row.method, row)
    return list(first.values())


def _example(
    found: Comparison, rows: Sequence[Row], one: Example, thumbnail: Callable[[str], str]
) -> str:
    task = found.tasks[found.main]
    name, row = task.names[one.query], task.rows[one.query]
    picture = found.kind == IMAGES
    copy = " (a distorted copy of it)" if found.main == COPIES and picture else ""
    if picture:
        figure = f"{thumbnail(name)}<figcaption>{html.escape(name + copy)}</figcaption>"
    else:
        said = _snippet(found, name) if row >= 0 else name
        figure = f"<figcaption>{html.escape(said)}</figcaption>"
    metric = METRICS["reciprocal_rank" if found.main == COPIES else "average_precision"]
    answers = []
    for method, value in zip(rows, one.values, strict=True):
        nearest = method.arrays[f"{found.main}/nearest"][one.query]
        right = method.arrays[f"{found.main}/right"][one.query]
        pairs = [(found.keys[n], bool(good)) for n, good in zip(nearest, right, strict=True)
                 if n >= 0]  # fmt: skip
        head = (
            f"<p>{html.escape(found.named(method))}"
            f"<span>{metric.replace('MAP', 'AP').replace('MRR', 'RR')} {short(value)}</span></p>"
        )
        inside = _strip(pairs, thumbnail) if picture else _titles(found, pairs)
        answers.append(f"<div>{head}{inside}</div>")
    return (
        f'<article class="query"><figure>{figure}</figure>'
        f'<div class="answers">{"".join(answers)}</div></article>'
    )


def _strip(pairs: Sequence[tuple[str, bool]], thumbnail: Callable[[str], str]) -> str:
    tiles = "".join(
        f'<div class="{"yes" if good else "no"}" title="{html.escape(key)}">{thumbnail(key)}</div>'
        for key, good in pairs[:STRIP]
    )
    return f'<div class="strip">{tiles}</div>'


def _titles(found: Comparison, pairs: Sequence[tuple[str, bool]]) -> str:
    lines = "".join(
        f'<li class="{"yes" if good else "no"}" title="{html.escape(key)}">'
        f"{html.escape(_snippet(found, key))}</li>"
        for key, good in pairs[:TITLES]
    )
    return f'<ol class="titles">{lines}</ol>'


def _snippet(found: Comparison, key: str) -> str:
    """Return the title of a document, or its first words."""
    return opening(found.collection.document(key), SNIPPET) or key


def _thumbnail(found: Comparison, key: str) -> str:
    content = found.collection.content(key)
    picture = content if isinstance(content, str) else opened(content)
    if isinstance(picture, str):
        return f'<div class="gone" title="{html.escape(picture)}"></div>'
    stream = io.BytesIO()
    fitted(picture, THUMBNAIL, enlarge=False).convert("RGB").save(stream, "JPEG", quality=QUALITY)
    address = data_address(stream.getvalue(), "image/jpeg")
    return f'<img loading="lazy" src="{address}" alt="{html.escape(key)}">'


def _rebuilt(found: Comparison) -> str:
    rows = [row for row in found.ordered if "rebuilt" in row.arrays]
    if found.kind != IMAGES or not rows:
        return ""
    thumbnails = "".join(f"<div>{_thumbnail(found, found.keys[n])}</div>" for n in found.shown)
    parts = [f'<div>originals</div><div class="strip">{thumbnails}</div>']
    for row in rows:
        pictures = (picture_of(pixels) for pixels in row.arrays["rebuilt"])
        tiles = "".join(f"<div>{image_in_tile(p, row.title)[0]}</div>" for p in pictures)
        # The three whitenings of PCA are one projection.
        name = "PCA" if row.method == "pca" else row.title
        told = "" if row.error is None else f"<small>error {row.error:.4f}</small>"
        size = f" {row.size}" if row.size else ""
        parts.append(f'<div>{html.escape(name + size)}{told}</div><div class="strip">{tiles}</div>')
    return (
        '<section><h2>Reconstructions</h2><p class="note">Pictures that were kept out, encoded and '
        "decoded again. The error is the mean squared one of pixels from 0 to 1. Codes that find "
        "well need not decode well.</p>"
        f'<div class="rebuilt">{"".join(parts)}</div></section>'
    )
