"""The table of a comparison: every method in every form, and what each cell says."""

from __future__ import annotations

from dataclasses import dataclass

from aesearch.compare.results import METRICS, Comparison, Row, Verdict, columns_of
from aesearch.compare.tasks import COPIES
from aesearch.evaluation.headline import spelled
from aesearch.reports.comparison.charts import short

UNKNOWN = "–"


@dataclass(frozen=True)
class Cell:
    """What a cell shows.

    Attributes
    ----------
    shown, interval : str
    value : str or float
        What the column is sorted by; "" goes last.
    title : str
        Said where one points at it.
    top : bool
        Whether it is the best of its column.
    """

    shown: str
    value: str | float = ""
    interval: str = ""
    title: str = ""
    top: bool = False


@dataclass(frozen=True)
class Head:
    """A heading, and in which direction it sorts first."""

    name: str
    first: str = "ascending"


@dataclass(frozen=True)
class TableRow:
    """A line of the table; `look` are the classes of its style."""

    look: str
    cells: list[Cell]


@dataclass(frozen=True)
class Table:
    """Headings and lines."""

    heads: list[Head]
    rows: list[TableRow]


def table_of(found: Comparison, verdict: Verdict) -> Table:
    """Return the table of a comparison, the best first."""
    columns = columns_of(found)
    best = {
        column: max((e.mean for row in found.rows if (e := row.estimate(*column))), default=2.0)
        for column in columns
    }
    rows = []
    previous: Row | None = None
    for row in found.ordered:
        follows = previous is not None and (previous.step, previous.title) == (row.step, row.title)
        rows.append(TableRow(_look(row, verdict, follows=follows), _cells(row, columns, best)))
        previous = row
    return Table(_heads(found, columns), rows)


def _heads(found: Comparison, columns: list[tuple[str, str]]) -> list[Head]:
    several = len(found.tasks) > 1
    heads = [Head("Method"), Head("Code"), Head("Bytes")]
    for task, metric in columns:
        name = METRICS[metric].replace("-", "\u2011")  # a line does not break there
        heads.append(Head(f"{name}, copies" if several and task == COPIES else name, "descending"))
    return heads + [Head(name) for name in ("Error", "ANN", "Fit,\xa0s", "Query,\xa0ms")]


def _look(row: Row, verdict: Verdict, *, follows: bool) -> str:
    """Return the classes of a row; one that `follows` is another form of the code before it."""
    marks = ["form"] * follows + ["learned"] * (row.learned and not follows)
    return " ".join(marks + ["best"] * (row is verdict.baseline))


def _cells(
    row: Row, columns: list[tuple[str, str]], best: dict[tuple[str, str], float]
) -> list[Cell]:
    cells = [
        Cell(row.title, row.title),
        Cell(row.code, row.size),
        Cell(f"{row.bytes_per_item:,.0f}", row.bytes_per_item),
    ]
    for number, column in enumerate(columns):
        estimate = row.estimate(*column)
        if estimate is None:
            cells.append(Cell(UNKNOWN))
            continue
        title, top = spelled(estimate), estimate.mean == best[column]
        interval = "" if number else title.partition(" ")[2]
        cells.append(Cell(short(estimate.mean), estimate.mean, interval, title, top))
    return [
        *cells,
        *(Cell(UNKNOWN) if v is None else Cell(short(v), v) for v in (row.error, row.ann_recall)),
        Cell(f"{row.fit_s:,.1f}", row.fit_s),
        Cell(f"{row.query_ms:.2f}", row.query_ms),
    ]
