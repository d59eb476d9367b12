"""Which items are relevant to which query: TREC qrels, or tables of query, item and grade."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

from aesearch.errors import ParameterError, SourceError
from aesearch.sources.records import is_table
from aesearch.sources.rows import Row, read_table

HEADINGS = frozenset({"query", "query-id", "query_id", "qid", "topic"})
DELIMITERS = ",;\t"

Grades = dict[str, int]


def read_qrels(path: Path) -> dict[str, Grades]:
    """Read TREC qrels ("query 0 item grade"), or a csv or tsv of query, item and grade.

    A heading is passed over. Without a third column each item named has the grade 1; of two lines
    for one item the last holds.

    Raises
    ------
    SourceError
        If the file cannot be read.
    ParameterError
        If a line is none of these: it says which.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise SourceError(f"judgements {path} cannot be read: {reason}") from error
    lines = [line for line in text.splitlines() if line.strip()]
    delimiter = next((d for d in DELIMITERS if lines and d in lines[0]), None)
    found: dict[str, Grades] = {}
    for number, line in enumerate(lines, 1):
        parts = next(csv.reader([line], delimiter=delimiter)) if delimiter else line.split()
        parts = [part.strip() for part in parts]
        if len(parts) == 4:  # TREC: the second is an iteration that nobody uses
            del parts[1]
        if number == 1 and parts[0].lower() in HEADINGS:
            continue
        try:
            query, item, grade = parts if len(parts) == 3 else (*parts, "1")
            found.setdefault(query, {})[item] = int(float(grade))
        except ValueError:
            raise ParameterError(
                f"{path}, line {number}: '{line[:80]}' is no judgement; write TREC qrels "
                "(query 0 item grade), or query,item,grade"
            ) from None
    if not found:
        raise ParameterError(f"{path} holds no judgements")
    return found


def known_qrels(
    qrels: Mapping[str, Grades], keys: Collection[str], place: str
) -> tuple[dict[str, Grades], int]:
    """Keep the grades of items that exist, and the queries with a relevant one among them.

    Returns
    -------
    qrels : dict of str to dict of str to int
        For each query the grade of each judged item; above 0 is relevant.
    unknown : int
        Judged items that are not in the collection, and are left out.

    Raises
    ------
    ParameterError
        If nothing is left.
    """
    kept, unknown = {}, 0
    for query, grades in qrels.items():
        there = {item: grade for item, grade in grades.items() if item in keys}
        unknown += len(grades) - len(there)
        if any(grade > 0 for grade in there.values()):
            kept[query] = there
    if not kept:
        example = next(iter(next(iter(qrels.values()))))
        raise ParameterError(
            f"{place} judges no item of this collection relevant; it names items such as "
            f"'{example}', whose keys are such as '{next(iter(keys), '')}'"
        )
    return kept, unknown


def read_queries(path: Path) -> dict[str, str]:
    """Return the texts of queries by their names, from a table such as queries.jsonl.

    Raises
    ------
    SourceError, ParameterError
    """
    if not is_table(path.name):
        raise ParameterError(f"queries are read from a table (.csv, .tsv, .jsonl); got {path}")
    if not path.is_file():
        raise SourceError(f"queries {path} cannot be read: there is no such file")
    return {row.key: row.text for row in read_table(path) if isinstance(row, Row)}
