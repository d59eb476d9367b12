"""Files that say what is relevant to a query."""

from __future__ import annotations

from pathlib import Path

import pytest

from aesearch.compare.qrels import known_qrels, read_qrels, read_queries
from aesearch.errors import ParameterError, SourceError


@pytest.mark.parametrize(
    "text",
    [
        "q1 0 a.txt 2\nq1 0 b.txt 0\nq2 0 c.txt 1\n",
        "q1\t0\ta.txt\t2\nq1\t0\tb.txt\t0\nq2\t0\tc.txt\t1\n",
        "query,item,grade\nq1,a.txt,2\nq1,b.txt,0\n\nq2,c.txt,1\n",
        "query-id\tcorpus-id\tscore\nq1\ta.txt\t2\nq1\tb.txt\t0\nq2\tc.txt\t1\n",
        "q1;a.txt;2.0\nq1;b.txt;0\nq2;c.txt;1\n",
        "\ufeffq1 0 a.txt 2\r\nq1 0 b.txt 0\r\nq2 0 c.txt 1\r\n",
    ],
)
def test_all_usual_forms_say_the_same(tmp_path: Path, text: str) -> None:
    path = tmp_path / "qrels"
    path.write_bytes(text.encode())
    assert read_qrels(path) == {"q1": {"a.txt": 2, "b.txt": 0}, "q2": {"c.txt": 1}}


def test_without_grades_what_is_named_is_relevant(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text('"red, round",a.jpg\n"red, round","b, c.jpg"\n', encoding="utf-8")
    assert read_qrels(path) == {"red, round": {"a.jpg": 1, "b, c.jpg": 1}}


@pytest.mark.parametrize("line", ["q2", "q2 a.txt high", "q2 0 a.txt 1 2", "q2 0 a.txt much"])
def test_a_line_that_is_no_judgement_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "qrels"
    path.write_text(f"q1 0 a.txt 1\n{line}\n", encoding="utf-8")
    with pytest.raises(ParameterError, match=f"line 2: '{line}' is no judgement"):
        read_qrels(path)


def test_files_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "qrels"
    with pytest.raises(SourceError, match="cannot be read"):
        read_qrels(path)
    path.write_text("query,item,grade\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="holds no judgements"):
        read_qrels(path)
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(SourceError, match="UTF-8"):
        read_qrels(path)


def test_items_that_are_not_there_are_left_out_and_counted() -> None:
    judged = {"q1": {"a": 1, "gone": 2}, "q2": {"gone": 1}, "q3": {"b": 0}}
    assert known_qrels(judged, {"a", "b"}, "qrels") == ({"q1": {"a": 1}}, 2)
    with pytest.raises(ParameterError, match="names items such as 'a'"):
        known_qrels(judged, ["x.jpg"], "qrels")


def test_queries_are_read_from_a_table(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text('{"_id": "1", "text": "one"}\n{"_id": "2", "text": "two"}\n', encoding="utf-8")
    assert read_queries(path) == {"1": "one", "2": "two"}
    with pytest.raises(ParameterError, match="from a table"):
        read_queries(tmp_path / "queries.txt")
